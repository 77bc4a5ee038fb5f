//! A message as a borrowed view over its bytes and index.

use crate::{
    Error, HeaderId, Index, Kind, Limits, Method, NameAddr, Params, ViaRef,
    index::Line,
    name, seek, text,
    view::{cseq, list, nameaddr, via},
};

/// A received message: its bytes and where things are in them. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Message<'b> {
    pub(crate) bytes: &'b [u8],
    pub(crate) index: &'b Index,
}

/// A message that owns its bytes, for machines that must remember one.
#[derive(Clone, Debug, Default)]
pub struct Owned {
    bytes: Vec<u8>,
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
        /// Three digits; [`Message::check`] sees to it that it is in 100..=699.
        status: u16,
        /// The reason phrase, verbatim, maybe empty.
        reason: &'b [u8],
    },
}

/// Whom a message is from and to, and what else [`Message::ends`] has read on its way.
#[derive(Clone, Copy, Debug)]
pub struct Ends<'b> {
    /// From.
    pub from: NameAddr<'b>,
    /// To.
    pub to: NameAddr<'b>,
    /// The CSeq number.
    pub cseq: u32,
    /// The method in CSeq.
    pub method: Method<'b>,
    /// Max-Forwards.
    pub max_forwards: Option<u8>,
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
        self.index.start.of(self.bytes)
    }

    /// The method, if this is a request.
    pub fn method(self) -> Option<Method<'b>> {
        match self.start() {
            Start::Request { method, .. } => Some(method),
            Start::Response { .. } => None,
        }
    }

    /// The Request-URI, verbatim; empty for a response.
    pub fn uri(self) -> &'b [u8] {
        match self.start() {
            Start::Request { uri, .. } => uri,
            Start::Response { .. } => b"",
        }
    }

    /// The status code, if this is a response.
    pub fn status(self) -> Option<u16> {
        match self.start() {
            Start::Request { .. } => None,
            Start::Response { status, .. } => Some(status),
        }
    }

    /// The body; empty if there is none.
    pub fn body(self) -> &'b [u8] {
        self.bytes.get(self.index.body..).unwrap_or_default()
    }

    /// All lines of one header, in order.
    pub fn fields(self, id: HeaderId) -> impl Iterator<Item = Field<'b>> {
        let most = if self.index.is_repeated(id) {
            usize::MAX
        } else {
            1
        };
        self.lines_from(self.index.first(id).unwrap_or(usize::MAX))
            .take(most)
            .filter(move |(line, _)| line.id == id)
            .map(move |(line, at)| self.field(at, line))
    }

    /// All lines of the message, in order.
    pub fn all_fields(self) -> impl Iterator<Item = Field<'b>> {
        self.lines_from(0)
            .map(move |(line, at)| self.field(at, line))
    }

    /// All lines whose name is this one in any case or its compact form.
    pub fn named<'n>(self, name: &'n str) -> impl Iterator<Item = Field<'b>> + use<'b, 'n> {
        let id = HeaderId::of(name.as_bytes());
        self.fields(id).filter(move |field| {
            id != HeaderId::Other || name::same_other(field.name, name.as_bytes())
        })
    }

    /// The first line of a header.
    pub fn first(self, id: HeaderId) -> Option<Field<'b>> {
        let at = self.index.first(id)?;
        Some(self.field(at, self.index.lines.get(at)?))
    }

    /// The comma-separated elements of all lines of a header, in order; commas inside quotes and
    /// angle brackets do not separate. Empty elements are skipped.
    pub fn values(self, id: HeaderId) -> impl Iterator<Item = Value<'b>> {
        self.fields(id).flat_map(move |field| self.values_of(field))
    }

    /// The topmost element of a header.
    pub fn first_value(self, id: HeaderId) -> Option<Value<'b>> {
        let at = self.index.first(id)?;
        let line = self.index.lines.get(at)?;
        let field = self.field(at, line);
        if !field.value.is_empty() && !seek::has(b',', field.value) {
            // One value, as nearly always.
            return Some(Value {
                raw: field.value,
                field,
                at: line.value as usize,
            });
        }
        self.values(id).next()
    }

    /// Whether a token stands in a comma-separated header, in any case (Supported, Require, ...).
    pub fn lists(self, id: HeaderId, token: &str) -> bool {
        self.values(id)
            .any(|value| value.raw.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// The topmost Via. # Errors: `Missing`, `Syntax`.
    #[inline(always)]
    pub fn top_via(self) -> Result<ViaRef<'b>, Error> {
        // What can be read as one value is one: no comma stands in a Via but in quotes and brackets.
        if let Some(via) = self.value(HeaderId::Via).and_then(via::read) {
            return Ok(via);
        }
        let value = self
            .first_value(HeaderId::Via)
            .ok_or(Error::of(Kind::Missing, HeaderId::Via))?;
        ViaRef::parse(value.raw)
    }

    /// From. # Errors: `Missing`, `Syntax`.
    pub fn from(self) -> Result<NameAddr<'b>, Error> {
        self.name_addr(HeaderId::From)
    }

    /// To. # Errors: `Missing`, `Syntax`.
    pub fn to(self) -> Result<NameAddr<'b>, Error> {
        self.name_addr(HeaderId::To)
    }

    /// The From tag, read without parsing the whole field's URI. `None` if absent.
    pub fn from_tag(self) -> Option<&'b [u8]> {
        self.tag(HeaderId::From)
    }

    /// The To tag; `None` if absent.
    pub fn to_tag(self) -> Option<&'b [u8]> {
        self.tag(HeaderId::To)
    }

    /// Call-ID; empty if absent.
    pub fn call_id(self) -> &'b [u8] {
        self.value(HeaderId::CallId).unwrap_or_default()
    }

    /// CSeq number (below 2^31, RFC 3261 8.1.1.5) and method. # Errors: `Missing`, `Syntax`, `Number`.
    pub fn cseq(self) -> Result<(u32, Method<'b>), Error> {
        let id = HeaderId::CSeq;
        let value = self.value(id).ok_or(Error::of(Kind::Missing, id))?;
        cseq::read(value).map_err(|kind| Error::of(kind, id))
    }

    /// Max-Forwards (0..=255); `None` if absent. # Errors: `Number`.
    pub fn max_forwards(self) -> Result<Option<u8>, Error> {
        let Some(value) = self.value(HeaderId::MaxForwards) else {
            return Ok(None);
        };
        text::decimal(value)
            .and_then(|number| u8::try_from(number).ok())
            .map(Some)
            .ok_or(Error::of(Kind::Number, HeaderId::MaxForwards))
    }

    /// A header that is one non-negative number (Expires, Min-Expires, Max-Breadth, Retry-After);
    /// larger than 2^32-1 gives 2^32-1 (RFC 3261 20.19). Behind the seconds of Retry-After a comment
    /// and parameters may follow (20.33). # Errors: `Number`.
    pub fn number(self, id: HeaderId) -> Result<Option<u32>, Error> {
        let Some(value) = self.value(id) else {
            return Ok(None);
        };
        let digits = match id {
            HeaderId::RetryAfter => {
                let ends = |b: &u8| text::is_lws(*b) || matches!(b, b';' | b'(');
                value.split(ends).next().unwrap_or_default()
            }
            _ => value,
        };
        text::decimal(digits)
            .map(|number| Some(u32::try_from(number).unwrap_or(u32::MAX)))
            .ok_or(Error::of(Kind::Number, id))
    }

    /// What every element checks before it serves a message (RFC 3261 8.1.1, 16.3 step 1): Via, From
    /// (with what can be read as a URI), To, Call-ID, CSeq there and readable, CSeq method the
    /// request's own, Max-Forwards a number, To/From syntax, a response's status in 100..=699.
    ///
    /// # Errors
    /// The first fault found.
    pub fn check(self) -> Result<(), Error> {
        self.top_via()?;
        self.ends().map(drop)
    }

    /// The part of [`Message::check`] behind the topmost Via, and what it read there.
    ///
    /// # Errors
    /// The first fault found.
    #[inline(always)]
    pub fn ends(self) -> Result<Ends<'b>, Error> {
        let from = self.name_addr(HeaderId::From)?;
        let id = HeaderId::To;
        let value = self.value(id).ok_or(Error::of(Kind::Missing, id))?;
        // A REGISTER is from and to the same.
        let to = nameaddr::with_uri_of(value, &from).or_else(|| nameaddr::read(value));
        let to = to.ok_or(Error::of(Kind::Syntax, id))?;
        let call_id = self
            .value(HeaderId::CallId)
            .ok_or(Error::of(Kind::Missing, HeaderId::CallId))?;
        if call_id.is_empty() || seek::any_invisible(call_id) {
            return Err(Error::of(Kind::Syntax, HeaderId::CallId));
        }
        let (cseq, method) = self.cseq()?;
        let max_forwards = self.max_forwards()?;
        match self.start() {
            Start::Request { method: own, .. } if own != method => {
                Err(Error::of(Kind::MethodMismatch, HeaderId::CSeq))
            }
            Start::Response { status, .. } if !(100..=699).contains(&status) => {
                Err(Error::message(Kind::StartLine))
            }
            _ => Ok(Ends {
                from,
                to,
                cseq,
                method,
                max_forwards,
            }),
        }
    }

    /// A copy that owns its bytes and index.
    pub fn to_owned(self) -> Owned {
        Owned {
            bytes: self.bytes.into(),
            index: self.index.clone(),
        }
    }

    fn lines_from(self, from: usize) -> impl Iterator<Item = (&'b Line, usize)> {
        let lines = self.index.lines.get(from..).unwrap_or_default();
        lines.iter().zip(from..)
    }

    fn field(self, at: usize, line: &Line) -> Field<'b> {
        let start = line.start as usize;
        let name_end = start.saturating_add(usize::from(line.name));
        Field {
            id: line.id,
            name: self.bytes.get(start..name_end).unwrap_or_default(),
            value: self
                .bytes
                .get(line.value as usize..line.value_end as usize)
                .unwrap_or_default(),
            line: at,
        }
    }

    fn values_of(self, field: Field<'b>) -> impl Iterator<Item = Value<'b>> {
        let line = self.index.lines.get(field.line);
        let value = line.map_or(0, |line| line.value as usize);
        list::split(field.value).map(move |(at, raw)| Value {
            raw,
            field,
            at: value.saturating_add(at),
        })
    }

    fn value(self, id: HeaderId) -> Option<&'b [u8]> {
        self.first(id).map(|field| field.value)
    }

    #[inline(always)]
    fn name_addr(self, id: HeaderId) -> Result<NameAddr<'b>, Error> {
        let value = self.value(id).ok_or(Error::of(Kind::Missing, id))?;
        nameaddr::read(value).ok_or(Error::of(Kind::Syntax, id))
    }

    fn tag(self, id: HeaderId) -> Option<&'b [u8]> {
        match nameaddr::header_params(self.value(id)?) {
            Params { raw: [] } => None,
            params => params.value("tag"),
        }
    }
}

impl Owned {
    /// Parses bytes that we made ourselves or already accepted once.
    ///
    /// # Errors
    /// As [`Index::parse`].
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        let mut index = Index::new();
        let end = match index.parse(bytes, limits) {
            Ok(message) => message.bytes.len(),
            Err(rejected) => return Err(rejected.error),
        };
        Ok(Self {
            bytes: bytes.get(..end).unwrap_or_default().into(),
            index,
        })
    }

    /// Becomes a copy of another message, in the memory it has already.
    pub fn copy_from(&mut self, message: Message<'_>) {
        self.bytes.clear();
        self.bytes.extend_from_slice(message.bytes);
        self.index.copy_from(message.index);
    }

    /// The message.
    pub fn message(&self) -> Message<'_> {
        Message {
            bytes: &self.bytes,
            index: &self.index,
        }
    }
}

#[cfg(test)]
mod tests;
