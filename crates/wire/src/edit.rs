//! Changing a received message without touching the rest of it.

use crate::{
    Error, Field, HeaderId, Kind, Message, Start, Value, ViaMark, mark, seek,
    text::{self, Sink},
    view::list,
};
use added::{Added, Piece};
use smallvec::SmallVec;
use std::fmt;

mod added;

/// A list of changes to one message. What is not changed leaves byte for byte. Changes of different
/// places may come in any order; several insertions at one place stand in the order they were made.
#[derive(Debug)]
pub struct Edit<'m> {
    message: Message<'m>,
    /// Sorted by place; of equal places in the order they were made.
    ops: SmallVec<[Op; 12]>,
    /// Elements taken out of comma lists: line number and place of the element.
    cuts: SmallVec<[(usize, usize); 4]>,
    text: Added,
    vias: usize,
    routes: usize,
    fault: Option<EditError>,
}

/// Why a change was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditError {
    /// A value with CR, LF or NUL, or a name that is not a token.
    Unsafe,
    /// Two changes of the same bytes.
    Overlap,
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsafe => "a value or name that would break its line",
            Self::Overlap => "two changes of the same bytes",
        })
    }
}

impl std::error::Error for EditError {}

/// Bytes of the message to be replaced by a piece of the text.
#[derive(Clone, Copy, Debug)]
struct Op {
    start: u32,
    end: u32,
    text: Piece,
    /// The line whose comma list this cuts.
    cut: Option<u16>,
}

impl<'m> Edit<'m> {
    /// No changes yet.
    pub fn new(message: Message<'m>) -> Self {
        Self {
            message,
            ops: SmallVec::new(),
            cuts: SmallVec::new(),
            text: Added::new(),
            vias: 0,
            routes: 0,
            fault: None,
        }
    }

    /// Replaces the Request-URI. A URI that is empty or has blanks in it is [`EditError::Unsafe`].
    pub fn request_uri(&mut self, uri: &[u8]) -> &mut Self {
        let Start::Request { method, uri: old } = self.message.start() else {
            return self;
        };
        if uri.is_empty() || seek::any_by(uri, |lanes| lanes.at_most(b' ') | lanes.is(0x7f)) {
            return self.refuse();
        }
        let start = method.as_bytes().len().saturating_add(1);
        let text = self.add(uri);
        self.change(start, start.saturating_add(old.len()), text)
    }

    /// Puts `received` and `rport` on the topmost Via (RFC 3261 18.2.1, RFC 3581 4), replacing what
    /// it claims of them.
    pub fn mark_via(&mut self, mark: ViaMark) -> &mut Self {
        let Some(via) = self.message.first_value(HeaderId::Via) else {
            return self;
        };
        let before = mark::before_params(via.raw).len();
        let from = self.text.len();
        mark::put_params(&mut self.text, via.raw, mark);
        if self.text.all().get(from..) == via.raw.get(before..) {
            self.text.cut(from);
            return self;
        }
        let start = via.at.saturating_add(before);
        let end = via.at.saturating_add(via.raw.len());
        self.change(start, end, self.text.since(from))
    }

    /// A new first header line of this name, before the first line of the same header; before all
    /// lines if there is none (Via, Record-Route, Route, Path). Of two such lines of one header the
    /// one pushed first stands first.
    pub fn push(&mut self, id: HeaderId, value: &[u8]) -> &mut Self {
        if id == HeaderId::Other {
            return self.refuse();
        }
        let line = match self.message.index.first(id) {
            Some(at) => self.message.index.lines.get(at),
            None => self.message.index.lines.first(),
        };
        let at = line.map_or(self.message.index.head_end, |line| line.start as usize);
        self.insert(at, id.name(), value)
    }

    /// A new last header line.
    pub fn append(&mut self, name: &str, value: &[u8]) -> &mut Self {
        if !text::is_token(name.as_bytes()) {
            return self.refuse();
        }
        self.insert(self.message.index.head_end, name, value)
    }

    /// Replaces all lines of a header by one, where the first stood; appends it if there is none.
    pub fn set(&mut self, id: HeaderId, value: &[u8]) -> &mut Self {
        if id == HeaderId::Other || !text::is_clean(value) {
            return self.refuse();
        }
        let text = self.add(value);
        self.set_to(id, text)
    }

    /// Removes a header line, its folds included. Twice is once.
    pub fn remove(&mut self, field: Field<'m>) -> &mut Self {
        if let Some(line) = self.message.index.lines.get(field.line) {
            let (start, end) = (line.start as usize, line.end as usize);
            let removes = |op: &Op| (op.start, op.end) == (line.start, line.end);
            if !self.ops.iter().any(removes) {
                self.change(start, end, (0, 0));
            }
        }
        self
    }

    /// Removes one element of a comma list; the whole line if it is alone on it, or the last left.
    pub fn remove_value(&mut self, value: Value<'m>) -> &mut Self {
        let line = value.field.line;
        self.cuts.push((line, value.at));
        self.ops.retain(|op| op.cut.map(usize::from) != Some(line));
        match self.message.index.lines.get(line) {
            // Nearly always it is alone.
            Some(all) if value.raw.len() == value.field.value.len() => {
                self.put_cut(line, all.start as usize, all.end as usize);
            }
            _ => self.cut_line(line),
        }
        self
    }

    /// Replaces one element of a comma list.
    pub fn replace_value(&mut self, value: Value<'m>, new: &[u8]) -> &mut Self {
        if !text::is_clean(new) {
            return self.refuse();
        }
        let text = self.add(new);
        self.change(value.at, value.at.saturating_add(value.raw.len()), text)
    }

    /// Removes the topmost Via; called again, the next one. # Errors: `Missing`.
    pub fn pop_via(&mut self) -> Result<&mut Self, Error> {
        let nth = self.vias;
        self.vias = nth.saturating_add(1);
        self.pop(HeaderId::Via, nth)
    }

    /// Removes the topmost Route; called again, the next one. # Errors: `Missing`.
    pub fn pop_route(&mut self) -> Result<&mut Self, Error> {
        let nth = self.routes;
        self.routes = nth.saturating_add(1);
        self.pop(HeaderId::Route, nth)
    }

    /// Max-Forwards one lower; 70 if it is absent (RFC 3261 16.6 step 3). # Errors: `TooManyHops` at 0, `Number`.
    pub fn decrement_max_forwards(&mut self) -> Result<u8, Error> {
        let id = HeaderId::MaxForwards;
        let hops = match self.message.max_forwards()? {
            None => INITIAL_HOPS,
            Some(hops) => hops
                .checked_sub(1)
                .ok_or(Error::of(Kind::TooManyHops, id))?,
        };
        let text = self.add_decimal(u64::from(hops));
        self.set_to(id, text);
        Ok(hops)
    }

    /// Replaces the body; sets Content-Length, and Content-Type if given.
    pub fn body(&mut self, content_type: Option<&str>, body: &[u8]) -> &mut Self {
        if let Some(content_type) = content_type {
            self.set(HeaderId::ContentType, content_type.as_bytes());
        }
        let length = self.add_decimal(u64::try_from(body.len()).unwrap_or(u64::MAX));
        self.set_to(HeaderId::ContentLength, length);
        let text = self.add(body);
        self.change(self.message.index.body, self.message.bytes.len(), text)
    }

    /// Writes the changed message to the end of `out`; on error `out` is as before.
    ///
    /// # Errors
    /// See [`EditError`]; the first fault of any change since [`Edit::new`].
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), EditError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let bytes = self.message.bytes;
        let added = self.text.all();
        let before = out.len();
        out.reserve(bytes.len().saturating_add(added.len()));
        let mut at = 0_usize;
        for op in &self.ops {
            let Some(kept) = bytes.get(at..op.start as usize) else {
                out.truncate(before);
                return Err(EditError::Overlap);
            };
            out.extend_from_slice(kept);
            let piece = op.text.0 as usize..op.text.1 as usize;
            out.extend_from_slice(added.get(piece).unwrap_or_default());
            at = op.end as usize;
        }
        out.extend_from_slice(bytes.get(at..).unwrap_or_default());
        Ok(())
    }

    fn refuse(&mut self) -> &mut Self {
        self.fault = self.fault.or(Some(EditError::Unsafe));
        self
    }

    fn add(&mut self, bytes: &[u8]) -> Piece {
        let from = self.text.len();
        self.text.put(bytes);
        self.text.since(from)
    }

    fn add_decimal(&mut self, number: u64) -> Piece {
        let from = self.text.len();
        text::put_decimal(&mut self.text, number);
        self.text.since(from)
    }

    /// As [`Edit::set`], to text that is clean.
    fn set_to(&mut self, id: HeaderId, value: Piece) -> &mut Self {
        let message = self.message;
        let first = message.index.first(id);
        let Some(line) = first.and_then(|at| message.index.lines.get(at)) else {
            let (from, end) = (value.0 as usize, value.1 as usize);
            let value = SmallVec::<[u8; 64]>::from_slice(
                self.text.all().get(from..end).unwrap_or_default(),
            );
            return self.append(id.name(), &value);
        };
        self.change(line.value as usize, line.value_end as usize, value);
        for field in message.fields(id).skip(1) {
            self.remove(field);
        }
        self
    }

    fn insert(&mut self, at: usize, name: &str, value: &[u8]) -> &mut Self {
        if !text::is_clean(value) {
            return self.refuse();
        }
        let text = self.text.line(name.as_bytes(), value);
        self.change(at, at, text)
    }

    fn change(&mut self, start: usize, end: usize, text: Piece) -> &mut Self {
        self.put(start, end, text, None);
        self
    }

    /// Keeps the list sorted. An insertion sorts before a change that starts at the same place.
    fn put(&mut self, start: usize, end: usize, text: Piece, cut: Option<u16>) {
        // The index takes no message in which a place would not fit.
        let (start, end) = (start as u32, end as u32);
        let op = Op {
            start,
            end,
            text,
            cut,
        };
        let sorts = |other: &Op| (other.start, other.end) <= (start, end);
        let at = match self.ops.last() {
            Some(last) if !sorts(last) => self.ops.partition_point(sorts),
            _ => self.ops.len(),
        };
        self.ops.insert(at, op);
    }

    fn pop(&mut self, id: HeaderId, nth: usize) -> Result<&mut Self, Error> {
        let message = self.message;
        let value = match nth {
            0 => message.first_value(id),
            _ => message.values(id).nth(nth),
        };
        Ok(self.remove_value(value.ok_or(Error::of(Kind::Missing, id))?))
    }

    /// Cuts the removed elements out of one line, each with the comma that would be left over; the
    /// line as a whole if no element is left.
    fn cut_line(&mut self, number: usize) {
        let message = self.message;
        let Some(line) = message.index.lines.get(number) else {
            return;
        };
        let base = line.value as usize;
        let value = message
            .bytes
            .get(base..line.value_end as usize)
            .unwrap_or_default();
        let mut kept_end = None;
        let mut gap = None;
        for (at, raw) in list::split(value) {
            let start = base.saturating_add(at);
            if self.cuts.contains(&(number, start)) {
                gap = gap.or(Some(start));
                continue;
            }
            if let Some(from) = gap.take() {
                self.put_cut(number, from, start);
            }
            kept_end = Some(start.saturating_add(raw.len()));
        }
        match (gap, kept_end) {
            (Some(_), None) => self.put_cut(number, line.start as usize, line.end as usize),
            (Some(_), Some(end)) => self.put_cut(number, end, line.value_end as usize),
            (None, _) => {}
        }
    }

    fn put_cut(&mut self, line: usize, start: usize, end: usize) {
        // No message has more lines.
        self.put(start, end, (0, 0), Some(line as u16));
    }
}

/// RFC 3261 16.6 step 3.
const INITIAL_HOPS: u8 = 70;

#[cfg(test)]
mod tests;
