//! Choices out of the fuzzer's bytes: taken from the front, zeroes when they are used up, so that every
//! input means something and a small change of it a small change of what happens.

/// The bytes that are left.
#[derive(Clone, Debug)]
pub(crate) struct Feed<'a>(&'a [u8]);

impl<'a> Feed<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    /// Two bytes, as a number.
    pub(crate) fn short(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// A number below `bound`, which is not 0 and at most 256.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    /// One of these.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// True in one of `n` cases; false when the bytes are used up.
    pub(crate) fn once_in(&mut self, n: u8) -> bool {
        self.byte() % n == n - 1
    }

    /// As many bytes as the first one says, at most.
    pub(crate) fn piece(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (piece, rest) = self.0.split_at(length);
        self.0 = rest;
        piece
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// Changes `bytes` in up to three places, by what the feed says.
    pub(crate) fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..1 + self.below(3) {
            let at = usize::from(self.short()) % (bytes.len() + 1);
            let end = (at + self.below(24)).min(bytes.len());
            let new = match self.byte() {
                n @ 0..128 => PIECES[usize::from(n) % PIECES.len()],
                _ => self.piece(),
            };
            bytes.splice(at..end, new.iter().copied());
        }
    }
}

/// What messages are spoilt with.
const PIECES: &[&[u8]] = &[
    b"",
    b"\r\n",
    b"\r",
    b"\n",
    b"\0",
    b"\r\n ",
    b"\r\n\r\n",
    b" ",
    b",",
    b";",
    b"\"",
    b"\\",
    b"<",
    b">",
    b":",
    b"=",
    b"@",
    b"%00",
    b"l: 0\r\n",
    b"v: SIP/2.0/UDP h;branch=z9hG4bKx\r\n",
    b"Route: <sip:192.0.2.66;lr>\r\n",
    b";maddr=192.0.2.66",
    b";lr",
    b";tag=x",
    b"SIP/2.0",
    b"4294967296",
    b"\xc3\xbc",
    b"ACK",
    b"CANCEL",
    b"sips:",
    b"tel:1",
];
