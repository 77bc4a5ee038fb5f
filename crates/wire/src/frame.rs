//! Cutting datagrams and byte streams into messages (RFC 3261 18.3, RFC 5626 4.4.1).

use crate::{Error, HeaderId, Kind, Limits, scan, text};

/// What stands at the head of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'b> {
    /// One whole message, start line to the end of its body.
    Message(&'b [u8]),
    /// A double CRLF, the client's keep-alive; answer with [`PONG`].
    Ping,
    /// Nothing that asks for an answer: a single CRLF (pong), blanks, a zero-length datagram.
    Nothing,
}

/// The answer to a keep-alive (RFC 5626 4.4.1).
pub const PONG: &[u8] = b"\r\n";

/// Cuts one datagram: skips leading CRLFs; the rest is the message ([`crate::Index::parse`] judges
/// its Content-Length; bytes beyond it are dropped there, RFC 3261 18.3). A datagram of nothing but
/// blanks and NULs, as some phones send to keep a NAT open, is [`Frame::Nothing`].
pub fn datagram(bytes: &[u8]) -> Frame<'_> {
    let mut rest = bytes;
    while let [b'\r', b'\n', tail @ ..] = rest {
        rest = tail;
    }
    if rest.is_empty() && bytes.len() >= 4 {
        Frame::Ping
    } else if rest.iter().all(|b| text::is_lws(*b) || *b == 0) {
        Frame::Nothing
    } else {
        Frame::Message(rest)
    }
}

/// Cuts a byte stream. Remembers how far it has looked for the end of the header lines, so the same
/// bytes in smaller pieces cost no more.
#[derive(Debug, Default)]
pub struct Framer {
    /// No end of the header lines lies before here.
    scanned: usize,
    /// The start line is known to be within its limit.
    started: bool,
    /// Length of the message at the head of the input, once known.
    whole: Option<usize>,
}

impl Framer {
    /// A framer at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the unread bytes of the stream. `Ok(Some((frame, used)))`: a frame, and how many
    /// bytes to consume for it (the caller drops them before the next call). `Ok(None)`: more bytes
    /// are needed. A single CRLF at the end of the input waits for what follows: it may be half a
    /// ping.
    ///
    /// # Errors
    /// The stream cannot be followed any more: no Content-Length, a bad or two different ones, limits
    /// passed, an octet that starts no message. The head of the buffer is still there, so that the
    /// caller may index and answer it, and must then close.
    pub fn next<'b>(
        &mut self,
        buffer: &'b [u8],
        limits: &Limits,
    ) -> Result<Option<(Frame<'b>, usize)>, Error> {
        let whole = match self.whole {
            Some(whole) => whole,
            None => match buffer {
                [b'\r', b'\n', b'\r', b'\n', ..] => return Ok(Some((Frame::Ping, 4))),
                [] | [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => return Ok(None),
                [b'\r', b'\n', ..] => return Ok(Some((Frame::Nothing, 2))),
                [first, ..] if !text::is_token_byte(*first) => {
                    return Err(Error::message(Kind::StartLine));
                }
                _ => match self.measure(buffer, limits)? {
                    Some(whole) => whole,
                    None => return Ok(None),
                },
            },
        };
        self.whole = Some(whole);
        Ok(buffer.get(..whole).map(|message| {
            *self = Self::new();
            (Frame::Message(message), whole)
        }))
    }

    /// The length of the message at the head of the input, once its header lines are all there.
    fn measure(&mut self, buffer: &[u8], limits: &Limits) -> Result<Option<usize>, Error> {
        let too_long = Error::message(Kind::MessageTooLong);
        self.start_line(buffer, limits)?;
        let Some(head) = self.head(buffer) else {
            return if buffer.len() > limits.message {
                Err(too_long)
            } else {
                Ok(None)
            };
        };
        if head > limits.message {
            return Err(too_long);
        }
        let body = content_length(buffer.get(..head).unwrap_or_default())?;
        let whole = usize::try_from(body)
            .unwrap_or(usize::MAX)
            .saturating_add(head);
        if whole > limits.message {
            return Err(Error::message(Kind::BodyTooLong));
        }
        Ok(Some(whole))
    }

    /// Refuses a start line above the limit before more of it is buffered.
    fn start_line(&mut self, buffer: &[u8], limits: &Limits) -> Result<(), Error> {
        if self.started {
            return Ok(());
        }
        let from = self.scanned;
        let end = memchr::memchr(b'\n', buffer.get(from..).unwrap_or_default());
        let reach = end.map_or(buffer.len(), |end| from.saturating_add(end));
        if reach > limits.line.saturating_add(1) {
            return Err(Error::message(Kind::UriTooLong));
        }
        self.started = end.is_some();
        self.scanned = reach;
        Ok(())
    }

    /// Where the header lines end: behind the first line end that an empty line follows.
    fn head(&mut self, buffer: &[u8]) -> Option<usize> {
        loop {
            let rest = buffer.get(self.scanned..)?;
            let Some(found) = memchr::memchr(b'\n', rest) else {
                self.scanned = buffer.len();
                return None;
            };
            let at = self.scanned.saturating_add(found);
            let behind = at.saturating_add(1);
            let empty = match buffer.get(behind..)? {
                [b'\n', ..] => 1,
                [b'\r', b'\n', ..] => 2,
                [] | [b'\r'] => {
                    self.scanned = at;
                    return None;
                }
                _ => {
                    self.scanned = behind;
                    continue;
                }
            };
            return Some(behind.saturating_add(empty));
        }
    }
}

/// The Content-Length of these header lines (RFC 3261 18.3, 20.14: mandatory on streams).
fn content_length(head: &[u8]) -> Result<u64, Error> {
    let id = HeaderId::ContentLength;
    let mut length = None;
    let mut at = scan::line(head, 0, false).map_or(head.len(), |line| line.next);
    while let Some(raw) = scan::line(head, at, true) {
        let line = head.get(at..raw.end).unwrap_or_default();
        at = raw.next;
        if !matches!(line.first(), Some(b'c' | b'C' | b'l' | b'L')) {
            continue;
        }
        let Some((_, _, colon)) = scan::name(line).filter(|(found, ..)| *found == id) else {
            continue;
        };
        let value = text::trim(line.get(colon..).unwrap_or_default());
        let number = text::decimal(value).ok_or(Error::of(Kind::Number, id))?;
        if length.is_some_and(|length| length != number) {
            return Err(Error::of(Kind::Duplicate, id));
        }
        length = Some(number);
    }
    length.ok_or(Error::of(Kind::ContentLength, id))
}

#[cfg(test)]
mod tests;
