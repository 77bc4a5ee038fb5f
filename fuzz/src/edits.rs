//! Edits: none gives back the bytes that came; each changes what it says and no other line; what any
//! number of them writes is a message again.

use crate::feed::Feed;
use bellhop_wire::{
    Edit, EditError, Error, Field, HeaderId, Index, Kind, Limits, Message, Start, Value, ViaMark,
    ViaRef,
};

/// A byte for the number of changes, five for each, then the message.
pub fn run(data: &[u8]) {
    let mut feed = Feed::new(data);
    let changes: Vec<_> = (0..feed.below(8))
        .map(|_| {
            let what = feed.byte() % 10;
            Change {
                what,
                line: usize::from(feed.byte()),
                element: usize::from(feed.byte()),
                text: feed.pick(if what == 6 { URIS } else { TEXTS }),
                id: feed.pick(HEADERS),
            }
        })
        .collect();
    let bytes = feed.rest();
    let mut index = Index::new();
    let Ok(message) = index.parse(bytes, &Limits::default()) else {
        return;
    };
    let untouched = written(&Edit::new(message)).expect("no change is never refused");
    assert_eq!(untouched, message.bytes());
    // A NUL is let in where a backslash stands before it within quotes (RFC 3261 25.1 `quoted-pair`). An element
    // that is replaced may take the quotes' beginning with it, and then the NUL that its sender wrote stands free:
    // that is no message any more, and whose fault it is is clear.
    if message.all_fields().any(|field| field.value.contains(&0)) {
        return;
    }

    let mut all = Edit::new(message);
    for change in &changes {
        let mut alone = Edit::new(message);
        let mut model = Model::of(message);
        let applied = change.apply(message, &mut alone, Some(&mut model));
        match written(&alone) {
            Ok(out) if applied => model.compare(&out),
            Ok(out) => assert_eq!(out, message.bytes()),
            Err(error) => {
                assert_eq!(error, EditError::Unsafe, "one change cannot overlap");
                assert!(change.is_unsafe(), "{change:?} is refused");
            }
        }
        change.apply(message, &mut all, None);
    }
    if let Ok(out) = written(&all) {
        let mut index = Index::new();
        if let Err(rejected) = index.parse(&out, &UNLIMITED) {
            assert!(is_asked_for(rejected.error), "{:?}", rejected.error);
        }
    }
}

/// One change, by numbers that mean something for every message.
#[derive(Debug)]
struct Change {
    what: u8,
    line: usize,
    element: usize,
    text: &'static [u8],
    id: HeaderId,
}

impl Change {
    /// Makes the change, in the model too; false if there is nothing to change.
    fn apply<'m>(
        &self,
        message: Message<'m>,
        edit: &mut Edit<'m>,
        model: Option<&mut Model>,
    ) -> bool {
        let mut unused = Model::default();
        let model = model.unwrap_or(&mut unused);
        let fields: Vec<_> = message.all_fields().collect();
        let at = self.line % fields.len().max(1);
        let line = fields.get(at).copied();
        let first = |id| fields.iter().position(|f| f.id == id);
        let text = self.text.to_vec();
        match self.what {
            0 => {
                let Some(field) = line else { return false };
                edit.remove(field);
                model.drop_line(at);
            }
            1 => {
                edit.push(self.id, self.text);
                let place = first(self.id).unwrap_or(0);
                model.insert(place, self.id.name(), text);
            }
            2 => {
                edit.append("X-New", self.text);
                model.insert(fields.len(), "X-New", text);
            }
            3 => {
                edit.set(self.id, self.text);
                match first(self.id) {
                    Some(place) => {
                        model.set_value(place, text);
                        for (other, field) in fields.iter().enumerate().rev() {
                            if field.id == self.id && other != place {
                                model.drop_line(other);
                            }
                        }
                    }
                    None => model.insert(fields.len(), self.id.name(), text),
                }
            }
            4 | 5 => {
                let Some((field, value)) = line.and_then(|field| self.element(message, field))
                else {
                    return false;
                };
                let from = offset(field.value, value.raw);
                let end = from + value.raw.len();
                if self.what == 4 {
                    edit.replace_value(value, self.text);
                    let mut line = field.value.to_vec();
                    line.splice(from..end, text);
                    model.set_value(at, line);
                } else {
                    edit.remove_value(value);
                    model.cut_element(at, from);
                }
            }
            6 => {
                if !matches!(message.start(), Start::Request { .. }) {
                    return false;
                }
                edit.request_uri(self.text);
                model.uri = text;
            }
            7 => {
                edit.body(None, self.text);
                model.body = text.clone();
                let length = text.len().to_string().into_bytes();
                match first(HeaderId::ContentLength) {
                    Some(place) => model.set_value(place, length),
                    None => model.insert(fields.len(), "Content-Length", length),
                }
            }
            8 => match edit.decrement_max_forwards() {
                Ok(hops) => {
                    let hops = hops.to_string().into_bytes();
                    match first(HeaderId::MaxForwards) {
                        Some(place) => model.set_value(place, hops),
                        None => model.insert(fields.len(), "Max-Forwards", hops),
                    }
                }
                Err(_) => return false,
            },
            _ => {
                let Some(value) = message.first_value(HeaderId::Via) else {
                    return false;
                };
                let mark = ViaMark {
                    received: Some([192, 0, 2, 1].into()),
                    rport: (self.line & 1 == 1).then_some(5062),
                };
                edit.mark_via(mark);
                let place = fields
                    .iter()
                    .position(|f| f.value.as_ptr_range().contains(&value.raw.as_ptr()))
                    .expect("a value stands in a line");
                model.marked = Some((place, mark));
            }
        }
        true
    }

    /// One element of a line that is a comma list.
    fn element<'m>(
        &self,
        message: Message<'m>,
        field: Field<'m>,
    ) -> Option<(Field<'m>, Value<'m>)> {
        let range = field.value.as_ptr_range();
        let here: Vec<_> = message
            .values(field.id)
            .filter(|value| range.contains(&value.raw.as_ptr()))
            .collect();
        let value = here.get(self.element % here.len().max(1)).copied()?;
        Some((field, value))
    }

    fn is_unsafe(&self) -> bool {
        let text = self.text;
        let breaks = text.iter().any(|b| matches!(b, b'\r' | b'\n' | 0));
        let no_uri = self.what == 6 && (text.is_empty() || text.iter().any(|b| *b <= b' '));
        breaks || no_uri || matches!(self.what, 1 | 3) && self.id == HeaderId::Other
    }
}

/// What a message must be after a change, line by line.
#[derive(Default)]
struct Model {
    uri: Vec<u8>,
    lines: Vec<(Vec<u8>, Vec<u8>)>,
    body: Vec<u8>,
    /// The line whose topmost Via was marked.
    marked: Option<(usize, ViaMark)>,
    /// The line that lost an element, and the elements it has left.
    cut: Option<(usize, Vec<Vec<u8>>)>,
}

impl Model {
    fn of(message: Message<'_>) -> Self {
        Self {
            uri: message.uri().to_vec(),
            lines: message
                .all_fields()
                .map(|f| (f.name.to_vec(), f.value.to_vec()))
                .collect(),
            body: message.body().to_vec(),
            ..Self::default()
        }
    }

    fn insert(&mut self, at: usize, name: &str, value: Vec<u8>) {
        let at = at.min(self.lines.len());
        self.lines.insert(at, (name.as_bytes().to_vec(), value));
    }

    fn set_value(&mut self, at: usize, value: Vec<u8>) {
        if let Some(line) = self.lines.get_mut(at) {
            line.1 = value;
        }
    }

    fn drop_line(&mut self, at: usize) {
        if at < self.lines.len() {
            self.lines.remove(at);
        }
    }

    /// The element that starts at `from` of this line is gone; the last one takes its line with it.
    fn cut_element(&mut self, at: usize, from: usize) {
        let Some((_, value)) = self.lines.get(at) else {
            return;
        };
        let left: Vec<_> = bellhop_wire::view::list::split(value)
            .filter(|(start, _)| *start != from)
            .map(|(_, element)| element.to_vec())
            .collect();
        if left.is_empty() {
            self.drop_line(at);
        } else {
            self.cut = Some((at, left));
        }
    }

    /// Holds the model against what was written.
    fn compare(&self, out: &[u8]) {
        let mut index = Index::new();
        let message = match index.parse(out, &UNLIMITED) {
            Ok(message) => message,
            Err(rejected) => {
                assert!(is_asked_for(rejected.error), "{:?}", rejected.error);
                return;
            }
        };
        assert_eq!(message.uri(), self.uri);
        let found: Vec<_> = message.all_fields().collect();
        assert_eq!(found.len(), self.lines.len(), "number of lines");
        for (at, (found, (name, value))) in found.iter().zip(&self.lines).enumerate() {
            assert_eq!(found.name, name);
            match (&self.marked, &self.cut) {
                (Some((place, mark)), _) if *place == at => is_marked(value, found.value, *mark),
                (_, Some((place, left))) if *place == at => {
                    let now: Vec<_> = bellhop_wire::view::list::split(found.value)
                        .map(|(_, element)| element.to_vec())
                        .collect();
                    assert_eq!(&now, left, "elements of a cut list");
                }
                _ => assert_eq!(found.value, trim(value), "value of line {at}"),
            }
        }
        let has_length = message.first(HeaderId::ContentLength).is_some();
        assert!(!has_length || message.body().len() <= self.body.len());
        assert!(self.body.starts_with(message.body()));
    }
}

/// The topmost Via has the mark, and what it had but for the mark; its neighbours are as they were.
fn is_marked(before: &[u8], after: &[u8], mark: ViaMark) {
    let split = |line| {
        let mut elements = bellhop_wire::view::list::split(line).map(|(_, e)| e);
        (
            elements.next().unwrap_or_default(),
            elements.collect::<Vec<_>>(),
        )
    };
    let ((old, others), (new, rest)) = (split(before), split(after));
    let (Ok(old), Ok(new)) = (ViaRef::parse(old), ViaRef::parse(new)) else {
        assert!(
            ViaRef::parse(old).is_err(),
            "a good Via is good when marked"
        );
        return;
    };
    // Only now: a quote that does not end hides commas, until what it stood in is replaced.
    assert_eq!(others, rest, "the other Vias of the line");
    assert_eq!((old.sent_by, old.branch()), (new.sent_by, new.branch()));
    let received = mark.received.map(|ip| ip.to_string());
    assert_eq!(
        new.params.value("received"),
        received.as_ref().map(String::as_bytes)
    );
    if let Some(port) = mark.rport {
        assert_eq!(new.params.value("rport"), Some(port.to_string().as_bytes()));
    }
}

/// Told to write a second CSeq or a wrong Content-Length, an edit does so.
fn is_asked_for(error: Error) -> bool {
    error.kind == Kind::Duplicate || error.header == Some(HeaderId::ContentLength)
}

fn written(edit: &Edit<'_>) -> Result<Vec<u8>, EditError> {
    let mut out = b"before".to_vec();
    match edit.write(&mut out) {
        Ok(()) => Ok(out.strip_prefix(b"before").expect("appends").to_vec()),
        Err(error) => {
            assert_eq!(out, b"before", "refused and written");
            Err(error)
        }
    }
}

fn offset(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr() - whole.as_ptr().addr()
}

/// Without blanks and folds around it.
fn trim(value: &[u8]) -> &[u8] {
    let is_blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
    let start = value
        .iter()
        .position(|b| !is_blank(b))
        .unwrap_or(value.len());
    let end = value
        .iter()
        .rposition(|b| !is_blank(b))
        .map_or(start, |at| at + 1);
    &value[start..end]
}

/// Edits may make a message larger than one may come.
const UNLIMITED: Limits = Limits {
    message: usize::MAX,
    headers: 10_000,
    line: usize::MAX,
};

const TEXTS: &[&[u8]] = &[
    b"new",
    b"",
    b"sip:new@example.com",
    b"<sip:a@192.0.2.1;lr>",
    b"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKnew",
    b"7",
    b"a\r\nX: b",
    b"a b",
    b"a\0",
    b"\xff",
    b"\"",
    b" x ",
];

const URIS: &[&[u8]] = &[
    b"sip:new@example.com",
    b"tel:1",
    b"",
    b"sip:a b",
    b"sip:a\r\nX: b",
    b"sip:\0",
];

const HEADERS: &[HeaderId] = &[
    HeaderId::Via,
    HeaderId::Route,
    HeaderId::RecordRoute,
    HeaderId::Contact,
    HeaderId::CSeq,
    HeaderId::MaxForwards,
    HeaderId::Supported,
    HeaderId::Expires,
    HeaderId::Other,
];
