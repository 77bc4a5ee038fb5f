//! Responses made from a request's own lines (RFC 3261 8.2.6).

use crate::{HeaderId, Message};
use std::net::IpAddr;

/// What the server transport writes into the topmost Via (RFC 3261 18.2.1, RFC 3581 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ViaMark {
    /// `received`: the source address.
    pub received: Option<IpAddr>,
    /// `rport`: the source port, if the client asked for it.
    pub rport: Option<u16>,
}

/// A response under construction: Vias (the first marked), From, To with a tag, Call-ID, CSeq
/// copied from the request; then what the caller adds; then Content-Length and the body.
#[derive(Debug)]
pub struct Reply<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> Reply<'o> {
    /// Starts a response at the end of `out`. `to_tag` is put on To if the request's has none and the
    /// status is not 100 (RFC 3261 8.2.6.2). Record-Route is copied if `record_route` (dialog-forming
    /// 1xx/2xx of ours, RFC 3261 12.1.1). `reason` is cleaned of CR and LF.
    pub fn new(
        out: &'o mut Vec<u8>,
        request: Message<'_>,
        mark: ViaMark,
        status: u16,
        reason: &str,
        to_tag: &[u8],
    ) -> Self {
        let _ = (request, mark, status, reason, to_tag);
        Self { out }
    }

    /// Adds a header line. A value with CR, LF or NUL is left out (it can only come from a defect of ours).
    pub fn header(&mut self, name: &str, value: &[u8]) -> &mut Self {
        let _ = (name, value);
        self
    }

    /// Adds a header line whose value is written by `write` into the output buffer directly.
    pub fn header_with(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        let _ = name;
        write(self.out);
        self
    }

    /// Copies all lines of a header of the request.
    pub fn copy(&mut self, request: Message<'_>, id: HeaderId) -> &mut Self {
        let _ = (request, id);
        self
    }

    /// Ends the response without a body.
    pub fn end(self) {}

    /// Ends the response with a body.
    pub fn body(self, content_type: &str, body: &[u8]) {
        let _ = (content_type, body);
    }
}

/// The usual reason phrase of a status code (RFC 3261 21 and the IANA registry).
pub fn reason(status: u16) -> &'static str {
    let _ = status;
    todo!()
}
