//! One pass over a message's bytes: where the start line's parts, the header lines and the body are.

use crate::{
    Error, HeaderId, Kind, Limits, Message,
    scan::{self, Controls, RawLine},
    start, text,
};

/// Where everything is in one message. Reused from message to message, so that indexing allocates
/// nothing once warm.
#[derive(Clone, Debug)]
pub struct Index {
    pub(crate) start: start::Span,
    pub(crate) lines: Vec<Line>,
    /// The first line of each header, as its number in `lines`; [`NONE`] if there is none.
    first: [u16; HeaderId::COUNT],
    /// A bit for each header that has more than one line.
    repeated: u64,
    /// Where the empty line behind the header lines starts.
    pub(crate) head_end: usize,
    /// Where the body starts; the message ends where it ends.
    pub(crate) body: usize,
}

/// One header line, folds included, as byte offsets into the message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) id: HeaderId,
    /// Nothing but a colon and a blank stands between name and value, and nothing but CRLF behind it.
    pub(crate) usual: bool,
    /// Length of the name.
    pub(crate) name: u16,
    /// First octet of the name.
    pub(crate) start: u32,
    /// The value without the blanks around it.
    pub(crate) value: u32,
    pub(crate) value_end: u32,
    /// Behind the line end.
    pub(crate) end: u32,
}

/// A message that cannot be served as it stands, and what of it could be read: an answer can be
/// made from `partial` when its Via, From, To, Call-ID and CSeq are there.
#[derive(Debug)]
pub struct Rejected<'b> {
    /// What is wrong.
    pub error: Error,
    /// What could be read; `None` when not even the start line could. Lines with a fault of their
    /// own (no name, a stray NUL or CR inside) are not in it.
    pub partial: Option<Message<'b>>,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            start: start::Span::default(),
            lines: Vec::new(),
            first: [NONE; HeaderId::COUNT],
            repeated: 0,
            head_end: 0,
            body: 0,
        }
    }
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
    /// is there, duplicate Content-Length/CSeq/Call-ID/From/To/Max-Forwards, a line that ends with LF
    /// alone, a NUL (but in a quoted pair) or a CR without LF in a line. The first fault is the one told. Missing mandatory
    /// fields and field syntax are for [`Message::check`].
    pub fn parse<'b>(
        &'b mut self,
        bytes: &'b [u8],
        limits: &Limits,
    ) -> Result<Message<'b>, Rejected<'b>> {
        let (readable, end, fault) = self.fill(bytes, limits);
        let message = Message {
            bytes: bytes.get(..end).unwrap_or_default(),
            index: self,
        };
        match fault {
            None => Ok(message),
            Some(error) => Err(Rejected {
                error,
                partial: readable.then_some(message),
            }),
        }
    }

    /// Becomes a copy of another index, in the memory it has already.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        let lines = std::mem::take(&mut self.lines);
        // Every part is named, so that one more cannot be forgotten.
        *self = Self {
            start: other.start,
            lines,
            first: other.first,
            repeated: other.repeated,
            head_end: other.head_end,
            body: other.body,
        };
        self.lines.clear();
        self.lines.extend_from_slice(&other.lines);
    }

    /// The number of the first line of a header.
    pub(crate) fn first(&self, id: HeaderId) -> Option<usize> {
        self.first
            .get(id as usize)
            .copied()
            .filter(|at| *at != NONE)
            .map(usize::from)
    }

    /// Whether a header has more than one line.
    pub(crate) fn is_repeated(&self, id: HeaderId) -> bool {
        self.repeated & 1 << id as u32 != 0
    }

    /// Whether the start line could be read, where the message ends, and the first fault.
    fn fill(&mut self, bytes: &[u8], limits: &Limits) -> (bool, usize, Option<Error>) {
        self.clear(bytes.len());
        let mut fault = First(None);
        if u32::try_from(bytes.len()).is_err() {
            return (
                false,
                bytes.len(),
                Some(Error::message(Kind::MessageTooLong)),
            );
        }
        let mut controls = Controls::new(bytes);
        let Some(first) = scan::first_line(bytes, &mut controls) else {
            fault.put(Error::message(Kind::StartLine));
            return (false, bytes.len(), fault.0);
        };
        if first.end > limits.line {
            fault.put(Error::message(Kind::UriTooLong));
        }
        let (start, start_fault) = start::read(bytes.get(..first.end).unwrap_or_default());
        fault.put_some(start_fault);
        if first.stray || first.bare {
            fault.put(Error::message(Kind::StartLine));
        }
        self.start = start.unwrap_or_default();
        self.header_lines(bytes, first.next, limits, &mut controls, &mut fault);
        if bytes.len() > limits.message {
            let fits = self.body <= limits.message;
            let kind = if fits {
                Kind::BodyTooLong
            } else {
                Kind::MessageTooLong
            };
            fault.put(Error::message(kind));
        }
        let end = self.message_end(bytes, &mut fault);
        (start.is_some(), end, fault.0)
    }

    fn clear(&mut self, len: usize) {
        self.lines.clear();
        self.first = [NONE; HeaderId::COUNT];
        self.repeated = 0;
        self.start = start::Span::default();
        self.head_end = len;
        self.body = len;
    }

    /// Indexes the header lines and finds the empty line behind them.
    fn header_lines(
        &mut self,
        bytes: &[u8],
        from: usize,
        limits: &Limits,
        controls: &mut Controls<'_>,
        fault: &mut First,
    ) {
        let most = limits.headers.min(usize::from(NONE));
        let mut at = from;
        loop {
            at = self.usual_lines(at, (most, limits.line), controls, fault);
            if bytes
                .get(at..)
                .is_some_and(|rest| rest.starts_with(b"\r\n"))
            {
                self.head_end = at;
                self.body = at.wrapping_add(2);
                return;
            }
            let Some(raw) = scan::line(bytes, at, true) else {
                fault.put(Error::message(Kind::Truncated));
                return;
            };
            if raw.end == at {
                if raw.bare {
                    fault.put(Error::message(Kind::Truncated));
                }
                self.head_end = at;
                self.body = raw.next;
                return;
            }
            if self.lines.len() >= most {
                fault.put(Error::message(Kind::TooManyHeaders));
                return;
            }
            self.header_line(bytes, at, raw, limits, fault);
            at = raw.next;
        }
    }

    /// Indexes the lines up to the first that is not a usual one, and gives where that starts.
    #[inline(never)]
    fn usual_lines(
        &mut self,
        from: usize,
        (most, longest): (usize, usize),
        controls: &mut Controls<'_>,
        fault: &mut First,
    ) -> usize {
        let mut at = from;
        while self.lines.len() < most
            && let Some(usual) = scan::usual(at, controls)
            && usual.end.wrapping_sub(at) <= longest
        {
            let line = Line {
                id: usual.id,
                usual: true,
                name: usual.name as u16,
                start: offset(at),
                value: offset(usual.value),
                value_end: offset(usual.end),
                end: offset(usual.end.wrapping_add(2)),
            };
            self.put(line, fault);
            at = usual.end.wrapping_add(2);
        }
        at
    }

    #[inline(always)]
    fn put(&mut self, line: Line, fault: &mut First) {
        let number = self.lines.len();
        self.lines.push(line);
        match self.first.get_mut(line.id as usize) {
            Some(slot) if *slot == NONE => *slot = number as u16,
            _ => {
                self.repeated |= 1 << line.id as u32;
                if line.id.is_single() {
                    fault.put(Error::of(Kind::Duplicate, line.id));
                }
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn header_line(
        &mut self,
        bytes: &[u8],
        at: usize,
        raw: RawLine,
        limits: &Limits,
        fault: &mut First,
    ) {
        let line = bytes.get(at..raw.end).unwrap_or_default();
        let Some((id, name, colon)) = scan::name(line) else {
            return fault.put(Error::message(Kind::HeaderName));
        };
        if line.len() > limits.line {
            fault.put(Error::of(Kind::LineTooLong, id));
        }
        if raw.bare || raw.stray {
            fault.put(Error::of(Kind::Syntax, id));
        }
        let Ok(name) = u16::try_from(name) else {
            return fault.put(Error::message(Kind::HeaderName));
        };
        if raw.stray {
            return;
        }
        let (value, value_end) = inner(line, colon);
        let line = Line {
            id,
            usual: false,
            name,
            start: offset(at),
            value: offset(at.wrapping_add(value)),
            value_end: offset(at.wrapping_add(value_end)),
            end: offset(raw.next),
        };
        self.put(line, fault);
    }

    /// Where the body ends: where Content-Length says, else with the bytes (RFC 3261 18.3).
    fn message_end(&self, bytes: &[u8], fault: &mut First) -> usize {
        let Some(line) = self
            .first(HeaderId::ContentLength)
            .and_then(|at| self.lines.get(at))
        else {
            return bytes.len();
        };
        let value = bytes
            .get(line.value as usize..line.value_end as usize)
            .unwrap_or_default();
        let Some(length) = text::decimal(value) else {
            fault.put(Error::of(Kind::Number, HeaderId::ContentLength));
            return bytes.len();
        };
        let end = usize::try_from(length)
            .unwrap_or(usize::MAX)
            .saturating_add(self.body);
        if end > bytes.len() {
            fault.put(Error::of(Kind::ContentLength, HeaderId::ContentLength));
            return bytes.len();
        }
        end
    }
}

/// The first fault put in stays.
struct First(Option<Error>);

impl First {
    fn put(&mut self, error: Error) {
        self.put_some(Some(error));
    }

    fn put_some(&mut self, error: Option<Error>) {
        self.0 = self.0.or(error);
    }
}

/// The part of a line from `from` on without the blanks and folds around it, as offsets into it.
fn inner(line: &[u8], from: usize) -> (usize, usize) {
    let value = line.get(from..).unwrap_or_default();
    if let [b' ', first, .., last] = value
        && *first > b' '
        && *last > b' '
    {
        return (from.wrapping_add(1), line.len());
    }
    let start = line.len().saturating_sub(text::trim_start(value).len());
    (start, start.saturating_add(text::trim(value).len()))
}

/// An offset into bytes whose length was checked to fit.
fn offset(at: usize) -> u32 {
    at as u32
}

const NONE: u16 = u16::MAX;

#[cfg(test)]
mod tests;
