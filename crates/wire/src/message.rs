//! A message as a borrowed view over its bytes and index.

use crate::{Error, HeaderId, Index, Limits, Method, NameAddr, ViaRef};

/// A received message: its bytes and where things are in them. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Message<'b> {
    pub(crate) bytes: &'b [u8],
    pub(crate) index: &'b Index,
}

/// A message that owns its bytes, for machines that must remember one.
#[derive(Clone, Debug)]
pub struct Owned {
    bytes: Box<[u8]>,
    index: Index,
}

/// The start line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start<'b> {
    /// Request line (RFC 3261 7.1).
    Request {
        /// The method.
        method: Method<'b>,
        /// The Request-URI, verbatim.
        uri: &'b [u8],
    },
    /// Status line (RFC 3261 7.2).
    Response {
        /// 100..=699.
        status: u16,
        /// The reason phrase, verbatim, maybe empty.
        reason: &'b [u8],
    },
}

/// One header line.
#[derive(Clone, Copy, Debug)]
pub struct Field<'b> {
    /// Which header it is.
    pub id: HeaderId,
    /// Its name as it stands (compact and case kept).
    pub name: &'b [u8],
    /// Its value without the blanks around it; folds inside are left (views tolerate them).
    pub value: &'b [u8],
    pub(crate) line: usize,
}

/// One element of a comma-separated header value, e.g. one of two Vias on one line.
#[derive(Clone, Copy, Debug)]
pub struct Value<'b> {
    /// The element without the blanks around it.
    pub raw: &'b [u8],
    /// The line it stands in.
    pub field: Field<'b>,
    /// Where `raw` starts in the message.
    pub(crate) at: usize,
}

impl<'b> Message<'b> {
    /// All bytes, start line to body.
    pub fn bytes(self) -> &'b [u8] {
        self.bytes
    }

    /// The start line.
    pub fn start(self) -> Start<'b> {
        todo!()
    }

    /// The method, if this is a request.
    pub fn method(self) -> Option<Method<'b>> {
        todo!()
    }

    /// The Request-URI, verbatim; empty for a response.
    pub fn uri(self) -> &'b [u8] {
        todo!()
    }

    /// The status code, if this is a response.
    pub fn status(self) -> Option<u16> {
        todo!()
    }

    /// The body; empty if there is none.
    pub fn body(self) -> &'b [u8] {
        todo!()
    }

    /// All lines of one header, in order.
    pub fn fields(self, id: HeaderId) -> impl Iterator<Item = Field<'b>> {
        let _ = id;
        std::iter::empty()
    }

    /// All lines of the message, in order.
    pub fn all_fields(self) -> impl Iterator<Item = Field<'b>> {
        std::iter::empty()
    }

    /// All lines whose name is this one in any case or its compact form.
    pub fn named(self, name: &'b str) -> impl Iterator<Item = Field<'b>> {
        let _ = name;
        std::iter::empty()
    }

    /// The first line of a header.
    pub fn first(self, id: HeaderId) -> Option<Field<'b>> {
        let _ = id;
        todo!()
    }

    /// The comma-separated elements of all lines of a header, in order; commas inside quotes and
    /// angle brackets do not separate. Empty elements are skipped.
    pub fn values(self, id: HeaderId) -> impl Iterator<Item = Value<'b>> {
        let _ = id;
        std::iter::empty()
    }

    /// Whether a token stands in a comma-separated header, in any case (Supported, Require, ...).
    pub fn lists(self, id: HeaderId, token: &str) -> bool {
        let _ = (id, token);
        todo!()
    }

    /// The topmost Via. # Errors: `Missing`, `Syntax`.
    pub fn top_via(self) -> Result<ViaRef<'b>, Error> {
        todo!()
    }

    /// From. # Errors: `Missing`, `Syntax`.
    pub fn from(self) -> Result<NameAddr<'b>, Error> {
        todo!()
    }

    /// To. # Errors: `Missing`, `Syntax`.
    pub fn to(self) -> Result<NameAddr<'b>, Error> {
        todo!()
    }

    /// The From tag, read without parsing the whole field's URI. `None` if absent.
    pub fn from_tag(self) -> Option<&'b [u8]> {
        todo!()
    }

    /// The To tag; `None` if absent.
    pub fn to_tag(self) -> Option<&'b [u8]> {
        todo!()
    }

    /// Call-ID; empty if absent.
    pub fn call_id(self) -> &'b [u8] {
        todo!()
    }

    /// CSeq number (below 2^31, RFC 3261 8.1.1.5) and method. # Errors: `Missing`, `Syntax`, `Number`.
    pub fn cseq(self) -> Result<(u32, Method<'b>), Error> {
        todo!()
    }

    /// Max-Forwards (0..=255); `None` if absent. # Errors: `Number`.
    pub fn max_forwards(self) -> Result<Option<u8>, Error> {
        todo!()
    }

    /// A header that is one non-negative number (Expires, Min-Expires, Max-Breadth, Retry-After);
    /// larger than 2^32-1 gives 2^32-1 (RFC 3261 20.19). # Errors: `Number`.
    pub fn number(self, id: HeaderId) -> Result<Option<u32>, Error> {
        let _ = id;
        todo!()
    }

    /// What every element checks before it serves a message (RFC 3261 8.1.1, 16.3 step 1): Via, From
    /// (with what can be read as a URI), To, Call-ID, CSeq there and readable, CSeq method the
    /// request's own, Max-Forwards a number, To/From syntax, a response's status in 100..=699.
    ///
    /// # Errors
    /// The first fault found.
    pub fn check(self) -> Result<(), Error> {
        todo!()
    }

    /// A copy that owns its bytes and index.
    pub fn to_owned(self) -> Owned {
        todo!()
    }
}

impl Owned {
    /// Parses bytes that we made ourselves or already accepted once.
    ///
    /// # Errors
    /// As [`Index::parse`].
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        let _ = (bytes, limits);
        todo!()
    }

    /// The message.
    pub fn message(&self) -> Message<'_> {
        Message {
            bytes: &self.bytes,
            index: &self.index,
        }
    }
}
