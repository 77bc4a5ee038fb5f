//! Cutting datagrams and byte streams into messages (RFC 3261 18.3, RFC 5626 4.4.1).

use crate::{Error, Limits};

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
/// its Content-Length; bytes beyond it are dropped there, RFC 3261 18.3).
pub fn datagram(bytes: &[u8]) -> Frame<'_> {
    let _ = bytes;
    todo!()
}

/// Cuts a byte stream. Remembers how far it has scanned, so no byte is looked at twice.
#[derive(Debug, Default)]
pub struct Framer {
    scanned: usize,
}

impl Framer {
    /// A framer at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the unread bytes of the stream. `Ok(Some((frame, used)))`: a frame, and how many
    /// bytes to consume for it (the caller drops them before the next call). `Ok(None)`: more bytes
    /// are needed.
    ///
    /// # Errors
    /// The stream cannot be followed any more: no Content-Length, a bad or two different ones, limits
    /// passed. The head of the buffer is still there, so that the caller may index and answer it, and
    /// must then close.
    pub fn next<'b>(
        &mut self,
        buffer: &'b [u8],
        limits: &Limits,
    ) -> Result<Option<(Frame<'b>, usize)>, Error> {
        let _ = (buffer, limits, self.scanned);
        todo!()
    }
}
