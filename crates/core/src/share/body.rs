//! What the PBX says of a resource, kept whole, and written anew for each watcher.

use super::reg::{self, RegInfo};
use super::xml::{self, Document};
use crate::time::Instant;

/// The full state of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    /// Its Content-Type as the PBX wrote it.
    pub(crate) kind: Box<[u8]>,
    form: Form,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// RFC 4235.
    Dialogs {
        /// The PBX's version.
        version: u64,
        document: Document,
    },
    /// RFC 3863.
    Presence(Document),
    /// RFC 3842.
    Mailbox(Box<[u8]>),
    /// RFC 3680: of our own.
    Registration(RegInfo),
    /// Anything else goes on as it is.
    Other(Box<[u8]>),
}

/// What became of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The full state is this now.
    Full(Content),
    /// It is older than what is known: nothing changes (RFC 4235 4.3).
    Old,
    /// It is a part of something of which a part is missing: all must be asked for (RFC 4235 4.3).
    Gap,
    /// It cannot be read.
    Bad,
}

impl Content {
    /// Takes a NOTIFY's body in; `known` is what there was before, in the same dialog with the PBX.
    pub(crate) fn take(known: Option<&Self>, kind: &[u8], body: &[u8]) -> Taken {
        let end = kind.iter().position(|b| *b == b';').unwrap_or(kind.len());
        let media = kind.get(..end).unwrap_or_default().trim_ascii();
        let is = |name: &[u8]| media.eq_ignore_ascii_case(name);
        let form = if is(b"application/dialog-info+xml") {
            match dialogs(known, body) {
                Ok(form) => form,
                Err(taken) => return taken,
            }
        } else if is(b"application/pidf+xml") {
            match xml::read(body, "presence") {
                Some(document) => Form::Presence(document),
                None => return Taken::Bad,
            }
        } else if is(b"application/simple-message-summary") {
            Form::Mailbox(body.into())
        } else if is(super::PARTS.as_bytes()) {
            // Nobody has asked for it.
            return Taken::Bad;
        } else {
            Form::Other(body.into())
        };
        Taken::Full(Self {
            kind: kind.into(),
            form,
        })
    }

    /// What we have to say of a registration.
    pub(super) fn of_registration(info: RegInfo) -> Self {
        Self {
            kind: reg::KIND.as_bytes().into(),
            form: Form::Registration(info),
        }
    }

    /// Whether a watcher who knows `other` would learn nothing from it.
    pub(crate) fn says_the_same_as(&self, other: &Self) -> bool {
        match (&self.form, &other.form) {
            (Form::Dialogs { document: a, .. }, Form::Dialogs { document: b, .. }) => {
                a.children == b.children
            }
            (Form::Registration(a), Form::Registration(b)) => a.says_the_same_as(b),
            _ => self == other,
        }
    }

    /// Appends it as one watcher is to have it now: of the resource as that one calls it, with that one's version.
    pub(crate) fn write(&self, resource: &[u8], version: u32, now: Instant, out: &mut Vec<u8>) {
        let entity = xml::escaped(resource);
        match &self.form {
            Form::Dialogs { document, .. } => {
                let version = version.to_string();
                let changed = [
                    ("version", version.as_str()),
                    ("state", "full"),
                    ("entity", &entity),
                ];
                document.write(&changed, out);
            }
            Form::Presence(document) => document.write(&[("entity", &entity)], out),
            Form::Mailbox(lines) => mailbox(lines, resource, out),
            Form::Registration(info) => info.write(resource, version, now, out),
            Form::Other(body) => out.extend_from_slice(body),
        }
    }
}

/// Full state as it comes, or the full state that a partial one makes of what is known.
fn dialogs(known: Option<&Content>, body: &[u8]) -> Result<Form, Taken> {
    let document = xml::read(body, "dialog-info").ok_or(Taken::Bad)?;
    let version = document
        .attribute("version")
        .and_then(|text| text.trim().parse::<u64>().ok())
        .ok_or(Taken::Bad)?;
    let is_full = match document.attribute("state") {
        Some("full") => true,
        Some("partial") => false,
        _ => return Err(Taken::Bad),
    };
    let before = match known.map(|known| &known.form) {
        Some(Form::Dialogs { version, document }) => Some((*version, document)),
        _ => None,
    };
    // Whoever calls this takes no NOTIFY with an old CSeq number, so what is full is new, whatever its version: that of an
    // Asterisk which was restarted, and has taken its subscriptions back, begins anew.
    if is_full {
        return Ok(Form::Dialogs { version, document });
    }
    let (last, whole) = before.ok_or(Taken::Gap)?;
    if version == last {
        return Err(Taken::Old);
    }
    // One that counts anew tells parts of another whole.
    if last.checked_add(1) != Some(version) {
        return Err(Taken::Gap);
    }
    let mut whole = whole.clone();
    if !whole.adopt(&document) {
        return Err(Taken::Gap);
    }
    // What had ended was told once.
    whole.children.retain(|child| *child.state != *"terminated");
    for child in document.children {
        let is_same = |other: &xml::Child| other.name == child.name && other.id == child.id;
        match whole.children.iter().position(is_same) {
            Some(at) => {
                if let Some(place) = whole.children.get_mut(at) {
                    *place = child;
                }
            }
            None if whole.children.len() < MOST_DIALOGS => whole.children.push(child),
            None => return Err(Taken::Gap),
        }
    }
    Ok(Form::Dialogs {
        version,
        document: whole,
    })
}

/// Message-Account names the mailbox as its watcher does (RFC 3842 5.2).
fn mailbox(lines: &[u8], resource: &[u8], out: &mut Vec<u8>) {
    const ACCOUNT: &[u8] = b"Message-Account";
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let end = line.iter().position(|byte| *byte == b':');
        let name = line.get(..end.unwrap_or_default()).unwrap_or_default();
        if name.trim_ascii_end().eq_ignore_ascii_case(ACCOUNT) {
            for part in [ACCOUNT, b": ", resource, b"\r\n"] {
                out.extend_from_slice(part);
            }
        } else {
            out.extend_from_slice(line);
        }
    }
}

/// Dialogs of one resource that are kept.
const MOST_DIALOGS: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &[u8] = b"application/dialog-info+xml";

    fn info(version: u32, state: &str, dialogs: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?>\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" \
             version=\"{version}\" state=\"{state}\" entity=\"sip:6002@pbx\">{dialogs}</dialog-info>"
        )
    }

    fn dialog(id: &str, state: &str) -> String {
        format!("<dialog id=\"{id}\"><state>{state}</state></dialog>")
    }

    fn full(taken: Taken) -> Content {
        match taken {
            Taken::Full(content) => content,
            other => panic!("{other:?}"),
        }
    }

    fn text(content: &Content, version: u32) -> String {
        let mut out = Vec::new();
        content.write(
            b"sip:6002@example.org",
            version,
            Instant::default(),
            &mut out,
        );
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_watcher_has_its_own_version_and_name_for_the_resource() {
        let body = info(41, "full", &dialog("a", "confirmed"));
        let content = full(Content::take(None, KIND, body.as_bytes()));
        let written = text(&content, 3);
        assert!(written.contains("version=\"3\" state=\"full\" entity=\"sip:6002@example.org\""));
        assert!(written.contains(&dialog("a", "confirmed")), "{written}");
        assert!(!written.contains("41"), "{written}");
        // It reads back as what it is.
        let again = full(Content::take(None, KIND, written.as_bytes()));
        assert!(again.says_the_same_as(&content));
    }

    #[test]
    fn a_part_is_merged_by_the_dialogs_ids_and_what_had_ended_goes() {
        let body = info(
            1,
            "full",
            &(dialog("a", "confirmed") + &dialog("b", "early")),
        );
        let one = full(Content::take(None, KIND, body.as_bytes()));
        let part = info(
            2,
            "partial",
            &(dialog("b", "terminated") + &dialog("c", "trying")),
        );
        let two = full(Content::take(Some(&one), KIND, part.as_bytes()));
        let written = text(&two, 1);
        for each in [
            dialog("a", "confirmed"),
            dialog("b", "terminated"),
            dialog("c", "trying"),
        ] {
            assert!(written.contains(&each), "{written}");
        }
        let part = info(3, "partial", &dialog("a", "terminated"));
        let three = full(Content::take(Some(&two), KIND, part.as_bytes()));
        let written = text(&three, 2);
        assert!(
            !written.contains("\"b\"") && written.contains("\"c\""),
            "{written}"
        );
    }

    #[test]
    fn a_part_behind_a_gap_asks_for_all_and_an_old_one_changes_nothing() {
        let body = info(5, "full", &dialog("a", "confirmed"));
        let known = full(Content::take(None, KIND, body.as_bytes()));
        let take = |version, state| {
            let body = info(version, state, &dialog("a", "terminated"));
            Content::take(Some(&known), KIND, body.as_bytes())
        };
        assert_eq!(take(7, "partial"), Taken::Gap);
        assert_eq!(take(5, "partial"), Taken::Old);
        assert!(matches!(take(9, "full"), Taken::Full(_)));
        // A PBX that was restarted counts from the beginning.
        assert!(matches!(take(0, "full"), Taken::Full(_)));
        assert_eq!(take(0, "partial"), Taken::Gap);
        let first = info(1, "partial", "");
        assert_eq!(Content::take(None, KIND, first.as_bytes()), Taken::Gap);
    }

    #[test]
    fn what_is_no_sound_document_is_refused() {
        for bad in [
            "",
            "no xml",
            "<presence/>",
            "<dialog-info version=\"1\" state=\"full\">",
            "<dialog-info version=\"x\" state=\"full\"/>",
            "<dialog-info version=\"1\" state=\"half\"/>",
            "<dialog-info version=\"1\" state=\"full\"></other>",
            "<dialog-info version=\"1\" state=\"full\"/><dialog-info version=\"2\" state=\"full\"/>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><dialog-info version=\"1\" state=\"full\"/>",
        ] {
            assert_eq!(
                Content::take(None, KIND, bad.as_bytes()),
                Taken::Bad,
                "{bad}"
            );
        }
        let deep = "<dialog>".repeat(40) + &"</dialog>".repeat(40);
        let body = info(1, "full", &deep);
        assert_eq!(Content::take(None, KIND, body.as_bytes()), Taken::Bad);
        let many = dialog("a", "early").repeat(600);
        let body = info(1, "full", &many);
        assert_eq!(Content::take(None, KIND, body.as_bytes()), Taken::Bad);
    }

    /// A part that is written with other prefixes is of no use in a whole that does not know them.
    #[test]
    fn a_part_brings_the_prefixes_that_it_is_written_with() {
        let body = info(1, "full", &dialog("a", "confirmed"));
        let one = full(Content::take(None, KIND, body.as_bytes()));
        let part = |xmlns: &str| {
            format!(
                "<d:dialog-info {xmlns} version=\"2\" state=\"partial\" entity=\"x\">\
                 <d:dialog id=\"b\"><d:state>early</d:state></d:dialog></d:dialog-info>"
            )
        };
        let own = "xmlns:d=\"urn:ietf:params:xml:ns:dialog-info\"";
        let two = full(Content::take(Some(&one), KIND, part(own).as_bytes()));
        let written = text(&two, 1);
        assert!(written.contains(own), "{written}");
        assert!(written.contains("<d:dialog id=\"b\">"), "{written}");
        let three = info(3, "partial", &dialog("b", "terminated"));
        let three = full(Content::take(Some(&two), KIND, three.as_bytes()));
        assert!(text(&three, 2).contains(&dialog("b", "terminated")));
        // What is called the same is another thing.
        let other = info(2, "partial", &dialog("b", "early")).replace("dialog-info\" ", "else\" ");
        assert_eq!(
            Content::take(Some(&one), KIND, other.as_bytes()),
            Taken::Gap
        );
    }

    #[test]
    fn a_document_that_begins_with_a_byte_order_mark_is_cut_where_it_is_to_be() {
        let body = format!(
            "\u{feff}{}",
            info(1, "full", &dialog("\u{e9}", "confirmed"))
        );
        let content = full(Content::take(None, KIND, body.as_bytes()));
        let written = text(&content, 0);
        assert!(
            written.contains(&dialog("\u{e9}", "confirmed")),
            "{written}"
        );
    }

    /// RFC 5262: who comes later would have a part without the whole.
    #[test]
    fn parts_of_a_presence_document_are_left_out() {
        let body = b"<p:pidf-diff xmlns:p=\"urn:ietf:params:xml:ns:pidf-diff\" entity=\"x\" version=\"2\"/>";
        let taken = Content::take(None, b"application/pidf-diff+xml", body);
        assert_eq!(taken, Taken::Bad);
    }

    #[test]
    fn a_presence_document_names_the_resource_as_its_watcher_does() {
        let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence entity=\"sip:6002@pbx\" \
                    xmlns=\"urn:ietf:params:xml:ns:pidf\"><note>Ready</note><tuple id=\"6002\">\
                    <status><basic>open</basic></status></tuple></presence>";
        let content = full(Content::take(
            None,
            b"application/pidf+xml",
            body.as_bytes(),
        ));
        let mut out = Vec::new();
        content.write(b"sip:a&b@example.org", 9, Instant::default(), &mut out);
        let written = String::from_utf8(out).unwrap();
        assert!(
            written.contains("entity=\"sip:a&amp;b@example.org\""),
            "{written}"
        );
        assert!(written.contains("<basic>open</basic>"), "{written}");
        assert!(!written.contains("6002@pbx"), "{written}");
    }

    #[test]
    fn a_mailbox_is_named_as_its_watcher_does() {
        let body = b"Messages-Waiting: yes\r\nmessage-account : sip:6001@pbx\r\nVoice-Message: 2/0 (0/0)\r\n";
        let kind = b"application/simple-message-summary";
        let content = full(Content::take(None, kind, body));
        let written = text(&content, 0);
        let expected = "Messages-Waiting: yes\r\nMessage-Account: sip:6002@example.org\r\nVoice-Message: 2/0 (0/0)\r\n";
        assert_eq!(written, expected);
    }
}
