//! The text that an edit puts in.

use crate::text::Sink;

/// Text that grows, in place as long as it is short.
#[derive(Debug)]
pub(super) struct Added {
    short: [u8; SHORT],
    /// How much of `short` is in use; all of the text is there unless `long` has any.
    used: usize,
    long: Vec<u8>,
}

/// A piece of the text: where it starts and ends.
pub(super) type Piece = (u32, u32);

impl Added {
    pub(super) const fn new() -> Self {
        Self {
            short: [0; SHORT],
            used: 0,
            long: Vec::new(),
        }
    }

    /// All of it.
    pub(super) fn all(&self) -> &[u8] {
        if self.long.is_empty() {
            self.short.get(..self.used).unwrap_or_default()
        } else {
            &self.long
        }
    }

    pub(super) fn len(&self) -> usize {
        self.all().len()
    }

    /// What was put in since it had this length.
    pub(super) fn since(&self, length: usize) -> Piece {
        // Four gigabytes do not fit into a message; were there more, nothing would be put in.
        let end = u32::try_from(self.len()).unwrap_or(0);
        (u32::try_from(length).unwrap_or(0), end)
    }

    /// Takes out what was put in since it had this length.
    pub(super) fn cut(&mut self, length: usize) {
        if self.long.is_empty() {
            self.used = self.used.min(length);
        } else {
            self.long.truncate(length);
            self.used = 0;
        }
    }

    /// A piece that is a header line.
    pub(super) fn line(&mut self, name: &[u8], value: &[u8]) -> Piece {
        let from = self.len();
        let end = [2, value.len(), 2]
            .into_iter()
            .fold(name.len(), usize::saturating_add);
        match self.room(end) {
            Some(room) => {
                let (before, room) = room.split_at_mut(name.len());
                before.copy_from_slice(name);
                if let Some((colon, room)) = room.split_first_chunk_mut() {
                    *colon = *b": ";
                    if let Some((room, end)) = room.split_last_chunk_mut() {
                        *end = *b"\r\n";
                        room.copy_from_slice(value);
                    }
                }
            }
            None => {
                for part in [name, b": ", value, b"\r\n"] {
                    self.put_long(part);
                }
            }
        }
        self.since(from)
    }

    /// Room for so many octets in place, which are then in use; `None` if there is not as much.
    #[inline(always)]
    fn room(&mut self, octets: usize) -> Option<&mut [u8]> {
        if !self.long.is_empty() {
            return None;
        }
        let from = self.used;
        let end = from.saturating_add(octets);
        let room = self.short.get_mut(from..end)?;
        self.used = end;
        Some(room)
    }

    #[cold]
    fn put_long(&mut self, bytes: &[u8]) {
        if self.long.is_empty() {
            let short = self.short.get(..self.used).unwrap_or_default();
            self.long.extend_from_slice(short);
        }
        self.long.extend_from_slice(bytes);
    }
}

impl Sink for Added {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        match self.room(bytes.len()) {
            Some(room) => room.copy_from_slice(bytes),
            None => self.put_long(bytes),
        }
    }
}

const SHORT: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_whole_when_it_no_longer_fits_in_place() {
        let mut added = Added::new();
        let mut expected = Vec::new();
        for size in [0, 200, 311, 1, 0, 1, 90, 600] {
            let from = added.len();
            let value = vec![b'v'; size];
            assert_eq!(from, expected.len());
            let whole = added.line(b"N", &value);
            added.put(&value);
            expected.extend([b"N: ", &value[..], b"\r\n", &value].concat());
            assert_eq!(added.all(), expected);
            assert_eq!(whole, (from as u32, (from + size + 5) as u32));
            assert_eq!(added.since(from), (from as u32, expected.len() as u32));
        }
    }

    #[test]
    fn what_was_cut_is_gone_in_place_or_not() {
        for size in [3, SHORT, 2 * SHORT] {
            let mut added = Added::new();
            for length in [2, 1, 0] {
                added.cut(0);
                added.put(b"ab");
                added.put(&vec![b'x'; size]);
                added.cut(length);
                assert_eq!(added.all(), &b"ab"[..length]);
                added.put(b"c");
                assert_eq!(added.all(), [&b"ab"[..length], b"c"].concat());
            }
        }
    }
}
