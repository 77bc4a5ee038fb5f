//! One pass over a message's bytes: where the start line's parts, the header lines and the body are.

use crate::{Error, HeaderId, Limits, Message};

/// Where everything is in one message. Reused from message to message, so that indexing allocates
/// nothing once warm.
#[derive(Clone, Debug, Default)]
pub struct Index {
    pub(crate) lines: Vec<Line>,
}

/// One header line, folds included, as byte offsets into the message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) id: HeaderId,
}

/// A message that cannot be served as it stands, and what of it could be read: an answer can be
/// made from `partial` when its Via, From, To, Call-ID and CSeq are there.
#[derive(Debug)]
pub struct Rejected<'b> {
    /// What is wrong.
    pub error: Error,
    /// What could be read; `None` when not even the start line could.
    pub partial: Option<Message<'b>>,
}

impl Index {
    /// An empty index.
    pub fn new() -> Self {
        Self::default()
    }

    /// Indexes one whole message (as [`crate::frame`] cut it: no leading CRLF; the body is what
    /// Content-Length says, or for a datagram without one the rest).
    ///
    /// # Errors
    /// Bad start line, version, header names, limits, no empty line, Content-Length larger than what
    /// is there, duplicate Content-Length/CSeq/Call-ID/From/To/Max-Forwards. Missing mandatory fields
    /// and field syntax are for [`Message::check`].
    pub fn parse<'b>(
        &'b mut self,
        bytes: &'b [u8],
        limits: &Limits,
    ) -> Result<Message<'b>, Rejected<'b>> {
        let _ = (bytes, limits);
        todo!()
    }
}
