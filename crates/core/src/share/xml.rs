//! Bodies that are XML, cut where a watcher's copy must differ: the root's attributes, and what stands inside
//! it (RFC 4235 4.1, RFC 3863 4). What is inside an element is kept octet for octet.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// A document: its root, and the elements right inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Document {
    /// The root's name with its prefix.
    pub(super) name: Box<str>,
    /// Its attributes, in order, values as they stand between their quotes.
    pub(super) attributes: Vec<(Box<str>, Box<str>)>,
    /// What is inside it.
    pub(super) children: Vec<Child>,
}

/// An element right inside the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Child {
    /// Its name without a prefix.
    pub(super) name: Box<str>,
    /// Its `id` attribute; empty if it has none.
    pub(super) id: Box<str>,
    /// All of it.
    pub(super) text: Box<str>,
    /// What its `state` element says; empty if there is none (RFC 4235 4.1.2).
    pub(super) state: Box<str>,
}

/// Reads a document whose root has this name. `None`: it is not well-formed, has a document type (whose
/// entities nobody needs and some blow up), is too deep or has too many elements.
pub(super) fn read(body: &[u8], root: &str) -> Option<Document> {
    let body = std::str::from_utf8(body).ok()?;
    // The reader takes a byte order mark off, and does not count it.
    let body = body.strip_prefix('\u{feff}').unwrap_or(body);
    let mut reader = Reader::from_str(body);
    reader.config_mut().check_end_names = true;
    let mut document: Option<Document> = None;
    let mut depth = 0_usize;
    let mut began = 0_usize;
    let mut in_state = false;
    loop {
        let before = usize::try_from(reader.buffer_position()).ok()?;
        let event = reader.read_event().ok()?;
        let after = usize::try_from(reader.buffer_position()).ok()?;
        match event {
            Event::Start(tag) => {
                depth = depth.checked_add(1).filter(|depth| *depth <= MOST_DEPTH)?;
                match depth {
                    1 if document.is_none() => document = Some(begin(&tag, root)?),
                    1 => return None,
                    2 => {
                        began = before;
                        document.as_mut()?.add(&tag)?;
                    }
                    3 => in_state = tag.local_name().as_ref() == "state",
                    _ => {}
                }
            }
            Event::Empty(tag) => match depth {
                0 if document.is_none() => document = Some(begin(&tag, root)?),
                0 => return None,
                1 => {
                    let document = document.as_mut()?;
                    document.add(&tag)?;
                    document.children.last_mut()?.text = body.get(before..after)?.into();
                }
                _ => {}
            },
            Event::End(_) => {
                if depth == 2 {
                    let child = document.as_mut()?.children.last_mut()?;
                    child.text = body.get(began..after)?.into();
                }
                in_state = false;
                depth = depth.checked_sub(1)?;
            }
            Event::Text(text) if in_state && depth == 3 => {
                let child = document.as_mut()?.children.last_mut()?;
                child.state = text.trim().into();
            }
            Event::DocType(_) => return None,
            Event::Eof => return document.filter(|_| depth == 0),
            _ => {}
        }
    }
}

fn begin(tag: &BytesStart<'_>, root: &str) -> Option<Document> {
    if tag.local_name().as_ref() != root {
        return None;
    }
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.ok()?;
        if attributes.len() >= MOST_ATTRIBUTES {
            return None;
        }
        // Between double quotes it may have been between single ones.
        if attribute.value.contains('"') {
            return None;
        }
        attributes.push((
            attribute.key.as_ref().into(),
            attribute.value.as_ref().into(),
        ));
    }
    Some(Document {
        name: tag.name().as_ref().into(),
        attributes,
        children: Vec::new(),
    })
}

impl Document {
    fn add(&mut self, tag: &BytesStart<'_>) -> Option<()> {
        if self.children.len() >= MOST_CHILDREN {
            return None;
        }
        let mut first = tag.attributes().take(MOST_ATTRIBUTES).flatten();
        let id = first.find(|a| a.key.as_ref() == "id");
        self.children.push(Child {
            name: tag.local_name().as_ref().into(),
            id: id.map(|id| id.value.as_ref().into()).unwrap_or_default(),
            text: Box::default(),
            state: Box::default(),
        });
        Some(())
    }

    /// An attribute of the root.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let mut all = self.attributes.iter();
        all.find(|(own, _)| **own == *name)
            .map(|(_, value)| &**value)
    }

    /// Takes over the names of spaces that another document's root declares and this one's does not, so that its elements may
    /// stand here (XML Namespaces 6.1). False if what stands here already would mean something else by that.
    pub(super) fn adopt(&mut self, other: &Self) -> bool {
        for (name, value) in &other.attributes {
            let is_default = **name == *"xmlns";
            if !is_default && !name.starts_with("xmlns:") {
                continue;
            }
            match self.attribute(name) {
                Some(own) if *own == **value => {}
                None if !is_default && self.attributes.len() < MOST_ATTRIBUTES => {
                    self.attributes.push((name.clone(), value.clone()));
                }
                _ => return false,
            }
        }
        // What has no prefix there is in no space, and would be in this one's.
        let has_default = |document: &Self| document.attribute("xmlns").is_some();
        has_default(other) || !has_default(self) || other.name.contains(':')
    }

    /// Appends it, with other values for some of its attributes; those that it does not have are added.
    pub(super) fn write(&self, changed: &[(&str, &str)], out: &mut Vec<u8>) {
        let mut puts = |parts: &[&str]| {
            for part in parts {
                out.extend_from_slice(part.as_bytes());
            }
        };
        puts(&[
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<",
            &self.name,
        ]);
        for (name, value) in &self.attributes {
            if !changed.iter().any(|(other, _)| **name == **other) {
                puts(&[" ", name, "=\"", value, "\""]);
            }
        }
        for (name, value) in changed {
            puts(&[" ", name, "=\"", value, "\""]);
        }
        puts(&[">\r\n"]);
        for child in &self.children {
            puts(&[&child.text, "\r\n"]);
        }
        puts(&["</", &self.name, ">\r\n"]);
    }
}

/// A text as an attribute's value, or inside an element. What no document may have (XML 1.0 2.2) is replaced.
pub(super) fn escaped(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let text = text.replace('>', "&gt;").replace('"', "&quot;");
    text.replace(
        |c| matches!(c, '\0'..' ' | '\u{fffe}' | '\u{ffff}'),
        "\u{fffd}",
    )
}

/// Elements inside one another.
const MOST_DEPTH: usize = 32;
/// Attributes of an element that are looked at: each is compared with all before it.
const MOST_ATTRIBUTES: usize = 32;
/// Elements right inside the root.
const MOST_CHILDREN: usize = 512;
