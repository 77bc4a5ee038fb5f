//! Lists of resources that one subscription watches (RFC 4662): what a watcher was last told of each member, and the
//! bodies of its NOTIFYs.

use super::xml::escaped;
use super::{Key, View};
use crate::registrar::Aor;
use crate::time::Instant;
use std::sync::Arc;

/// A list as the configuration has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceList {
    /// What it is called, for people.
    pub name: Option<String>,
    /// What is in it, in order: a URI as watchers are told it, and the resource that it stands for.
    pub members: Vec<(String, Aor)>,
}

/// What one watcher knows of a list.
#[derive(Clone, Debug)]
pub(crate) struct List {
    of: Arc<ResourceList>,
    members: Vec<Member>,
    /// The next NOTIFY tells all (4.5, 5.2: on SUBSCRIBE, and where one may be lost).
    is_full: bool,
    /// It has been told something, or has waited long enough for that.
    pub(crate) has_begun: bool,
}

#[derive(Clone, Debug)]
struct Member {
    key: Arc<Key>,
    /// How it was when it was told last.
    told: Option<Arc<View>>,
}

/// What stands in a NOTIFY besides the members.
pub(crate) struct Sheet<'a> {
    /// The list as its watcher calls it.
    pub(crate) uri: &'a [u8],
    pub(crate) version: u32,
    /// By chance: what the boundary and the Content-IDs are made of.
    pub(crate) mark: u64,
    /// All members, whatever is known.
    pub(crate) is_last: bool,
    pub(crate) now: Instant,
}

impl List {
    pub(crate) fn new(of: Arc<ResourceList>, package: &str, accept: &str) -> Self {
        let member = |(_, resource): &(String, Aor)| Member {
            key: Arc::new(Key {
                resource: resource.clone(),
                package: package.into(),
                accept: accept.into(),
            }),
            told: None,
        };
        Self {
            members: of.members.iter().map(member).collect(),
            of,
            is_full: true,
            has_begun: false,
        }
    }

    /// What its members are asked for by.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.members.iter().map(|member| &member.key)
    }

    /// Whether it is this list.
    pub(crate) fn is(&self, other: &ResourceList) -> bool {
        *self.of == *other
    }

    /// The kind of body of its members.
    pub(crate) fn accept(&self) -> Option<Box<str>> {
        self.members.first().map(|member| member.key.accept.clone())
    }

    /// The next NOTIFY tells all.
    pub(crate) fn tell_all(&mut self) {
        self.is_full = true;
    }

    /// Whether its watcher would learn something; `views` is how each member is now, as far as is known.
    pub(crate) fn has_news(&self, views: &[Option<Arc<View>>]) -> bool {
        if !self.has_begun && views.iter().any(Option::is_none) {
            return false;
        }
        let mut each = self.members.iter().zip(views);
        self.is_full || each.any(|(member, view)| member.has_news(view.as_ref()))
    }

    /// Appends the next NOTIFY's body (5.1, 5.2), and to `kind` its Content-Type. Whether something did not fit and
    /// is to be told in another.
    pub(crate) fn write(
        &mut self,
        views: &[Option<Arc<View>>],
        sheet: &Sheet<'_>,
        kind: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> bool {
        let is_full = std::mem::take(&mut self.is_full) || sheet.is_last;
        self.has_begun = true;
        let mark = crate::hex::of_u64(sheet.mark);
        let mark = std::str::from_utf8(&mark).unwrap_or_default();
        puts(
            kind,
            &[
                "multipart/related;type=\"application/rlmi+xml\";start=\"<",
                mark,
                ".0@bellhop>\";boundary=\"bh",
                mark,
                "\"",
            ],
        );
        part(out, mark, "0", b"application/rlmi+xml;charset=\"UTF-8\"");
        let (uri, version) = (escaped(sheet.uri), sheet.version.to_string());
        let whole = if is_full { "true" } else { "false" };
        puts(
            out,
            &[
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<list xmlns=\"urn:ietf:params:xml:ns:rlmi\" uri=\"",
                &uri,
                "\" version=\"",
                &version,
                "\" fullState=\"",
                whole,
                "\">\r\n",
            ],
        );
        if let Some(name) = &self.of.name {
            let name = escaped(name.as_bytes());
            puts(out, &["<name>", &name, "</name>\r\n"]);
        }
        let mut parts = Vec::new();
        let mut is_more = false;
        let uris = self.of.members.iter().map(|(uri, _)| uri);
        for (at, ((member, view), uri)) in self.members.iter_mut().zip(views).zip(uris).enumerate()
        {
            let is_news = member.has_news(view.as_ref());
            if !is_news && !is_full {
                continue;
            }
            let view = view.clone().or_else(|| member.told.clone());
            // What does not fit is in the list all the same, and its state comes with the next NOTIFY.
            let fits = parts.len() < MOST_PARTS;
            is_more |= !fits;
            let id = at.saturating_add(1).to_string();
            puts(out, &["<resource uri=\"", &escaped(uri.as_bytes()), "\">"]);
            match view.as_deref() {
                // Nobody has said anything (5.4): no instance.
                None => {}
                Some(View::Pending | View::Undecided) => {
                    puts(out, &["<instance id=\"1\" state=\"pending\"/>"]);
                }
                Some(View::Active(content)) => {
                    puts(out, &["<instance id=\"1\" state=\"active\""]);
                    if let Some(content) = content.as_ref().filter(|_| fits) {
                        puts(out, &[" cid=\"", mark, ".", &id, "@bellhop\""]);
                        part(&mut parts, mark, &id, &content.kind);
                        content.write(uri.as_bytes(), sheet.version, sheet.now, &mut parts);
                        puts(&mut parts, &["\r\n"]);
                    }
                    puts(out, &["/>"]);
                }
                Some(View::Over(why)) => {
                    puts(out, &["<instance id=\"1\" state=\"terminated\" reason=\""]);
                    puts(out, &[&escaped(reason(why).as_bytes()), "\"/>"]);
                }
            }
            puts(out, &["</resource>\r\n"]);
            if fits {
                member.told = view;
            } else {
                member.told = None;
            }
        }
        puts(out, &["</list>\r\n\r\n"]);
        out.extend_from_slice(&parts);
        puts(out, &["--bh", mark, "--\r\n"]);
        is_more
    }
}

impl Member {
    fn has_news(&self, view: Option<&Arc<View>>) -> bool {
        match (&self.told, view) {
            (_, None) => false,
            (None, Some(_)) => true,
            // That the PBX is asked once more is no news.
            (Some(_), Some(now)) if matches!(**now, View::Pending) => false,
            (Some(told), Some(now)) if **told == View::Pending && **now == View::Undecided => false,
            (Some(told), Some(now)) => !Arc::ptr_eq(told, now) && told != now,
        }
    }
}

/// The start of a part (RFC 2046 5.1, RFC 2387).
fn part(out: &mut Vec<u8>, mark: &str, id: &str, kind: &[u8]) {
    puts(
        out,
        &[
            "--bh",
            mark,
            "\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <",
            mark,
            ".",
            id,
            "@bellhop>\r\nContent-Type: ",
        ],
    );
    out.extend_from_slice(kind);
    puts(out, &["\r\n\r\n"]);
}

/// The reason in parameters of a Subscription-State (5.4: a terminated instance has one).
fn reason(why: &str) -> &str {
    let mut all = why.split(';').filter_map(|each| each.split_once('='));
    let found = all.find(|(name, _)| name.trim().eq_ignore_ascii_case("reason"));
    found.map_or("noresource", |(_, value)| value.trim())
}

fn puts(out: &mut Vec<u8>, texts: &[&str]) {
    for text in texts {
        out.extend_from_slice(text.as_bytes());
    }
}

/// The kind of body of a list.
pub(crate) const RLMI: &str = "application/rlmi+xml";
/// Octets of members' states in one NOTIFY, after which no further one is put in: so that the whole is far below what
/// a datagram can hold.
const MOST_PARTS: usize = 24 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::share::{Content, Taken};

    const KIND: &[u8] = b"application/dialog-info+xml";

    fn list(count: u32) -> List {
        let member = |n: u32| {
            let uri = format!("sip:{n}@example.org");
            let aor = Aor::parse_text(&uri).unwrap();
            (uri, aor)
        };
        let of = ResourceList {
            name: Some("A & B".to_owned()),
            members: (0..count).map(member).collect(),
        };
        List::new(Arc::new(of), "dialog", "application/dialog-info+xml")
    }

    fn lamp(version: u32, filling: &str) -> Arc<View> {
        let body = format!(
            "<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{version}\" \
             state=\"full\" entity=\"x\"><dialog id=\"a\"><state>early</state>{filling}</dialog></dialog-info>"
        );
        let Taken::Full(content) = Content::take(None, KIND, body.as_bytes()) else {
            panic!("{body}");
        };
        Arc::new(View::Active(Some(content)))
    }

    fn written(list: &mut List, views: &[Option<Arc<View>>], version: u32) -> (String, bool) {
        let sheet = Sheet {
            uri: b"sip:desk@example.org",
            version,
            mark: 0xab,
            is_last: false,
            now: Instant::default(),
        };
        let (mut kind, mut out) = (Vec::new(), Vec::new());
        let is_more = list.write(views, &sheet, &mut kind, &mut out);
        (String::from_utf8(out).unwrap(), is_more)
    }

    #[test]
    fn the_first_tells_all_and_the_next_what_has_changed() {
        let mut list = list(3);
        let over = Arc::new(View::Over(";reason=noresource;retry-after=5".into()));
        let mut views = vec![Some(lamp(1, "")), Some(Arc::new(View::Pending)), Some(over)];
        assert!(list.has_news(&views));
        let (first, _) = written(&mut list, &views, 0);
        for part in [
            "<list xmlns=\"urn:ietf:params:xml:ns:rlmi\" uri=\"sip:desk@example.org\" version=\"0\" fullState=\"true\">",
            "<name>A &amp; B</name>",
            "<resource uri=\"sip:0@example.org\"><instance id=\"1\" state=\"active\" cid=\"00000000000000ab.1@bellhop\"/></resource>",
            "<resource uri=\"sip:1@example.org\"><instance id=\"1\" state=\"pending\"/></resource>",
            "<instance id=\"1\" state=\"terminated\" reason=\"noresource\"/>",
            "Content-ID: <00000000000000ab.1@bellhop>\r\nContent-Type: application/dialog-info+xml\r\n\r\n<?xml",
            "entity=\"sip:0@example.org\"",
        ] {
            assert!(first.contains(part), "{part} in {first}");
        }
        assert!(first.ends_with("\r\n--bh00000000000000ab--\r\n"), "{first}");
        assert!(!list.has_news(&views));
        views[1] = Some(lamp(4, ""));
        assert!(list.has_news(&views));
        let (second, _) = written(&mut list, &views, 1);
        assert!(second.contains("version=\"1\" fullState=\"false\""));
        assert!(second.contains("uri=\"sip:1@") && !second.contains("uri=\"sip:0@"));
    }

    #[test]
    fn that_a_member_is_asked_for_once_more_is_no_news_and_that_it_is_refused_again_neither() {
        let mut list = list(1);
        let over = || Some(Arc::new(View::Over(";reason=rejected".into())));
        written(&mut list, &[over()], 0);
        assert!(!list.has_news(&[Some(Arc::new(View::Pending))]));
        assert!(!list.has_news(&[None]) && !list.has_news(&[over()]));
        assert!(list.has_news(&[Some(lamp(1, ""))]));
        list.tell_all();
        let (again, _) = written(&mut list, &[None], 1);
        assert!(again.contains("reason=\"rejected\""), "{again}");
    }

    #[test]
    fn nothing_is_told_before_something_is_known_of_each_unless_it_has_waited() {
        let mut list = list(2);
        assert!(!list.has_news(&[Some(lamp(1, "")), None]));
        list.has_begun = true;
        assert!(list.has_news(&[Some(lamp(1, "")), None]));
        let (first, _) = written(&mut list, &[Some(lamp(1, "")), None], 0);
        assert!(first.contains("<resource uri=\"sip:1@example.org\"></resource>"));
    }

    #[test]
    fn what_does_not_fit_is_named_and_told_in_the_next() {
        let mut list = list(3);
        let filling = format!("<x>{}</x>", "y".repeat(15_000));
        let views: Vec<_> = (0..3).map(|n| Some(lamp(n, &filling))).collect();
        let (first, is_more) = written(&mut list, &views, 0);
        assert!(is_more && first.len() < 60_000);
        assert_eq!(first.matches("Content-ID: ").count(), 3, "the list and two");
        assert_eq!(first.matches("<resource ").count(), 3);
        assert!(first.contains("fullState=\"true\""));
        let (second, is_more) = written(&mut list, &views, 1);
        assert!(!is_more && second.contains("fullState=\"false\""));
        assert_eq!(second.matches("Content-ID: ").count(), 2);
        assert!(second.contains("uri=\"sip:2@") && !second.contains("uri=\"sip:0@"));
        assert!(!list.has_news(&views));
    }
}
