//! NOTIFYs of lists, taken apart as a phone does (RFC 4662 5, RFC 2387).

use crate::party::value;
use std::collections::BTreeMap;

/// A NOTIFY of a list, taken apart.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) uri: String,
    pub(crate) version: u32,
    pub(crate) is_full: bool,
    /// URIs, and what is inside each.
    pub(crate) resources: Vec<(String, String)>,
    parts: BTreeMap<String, String>,
}

impl Told {
    pub(crate) fn of(notify: &str) -> Self {
        assert_eq!(value(notify, "Require"), "eventlist", "{notify}");
        let kind = value(notify, "Content-Type");
        let kind = kind
            .strip_prefix("multipart/related;type=\"application/rlmi+xml\";start=\"<")
            .expect("a list's Content-Type");
        let (start, rest) = kind.split_once(">\";boundary=\"").expect("a start");
        let boundary = format!("--{}", rest.strip_suffix('"').expect("a boundary"));
        let (_, body) = notify.split_once("\r\n\r\n").expect("a body");
        let length: usize = value(notify, "Content-Length").parse().unwrap();
        assert_eq!(length, body.len(), "{notify}");
        let body = body.strip_prefix(&boundary).expect("a first part");
        let body = body
            .strip_suffix(&format!("{boundary}--\r\n"))
            .expect("an end");
        let mut parts = BTreeMap::new();
        for part in body.split(&boundary) {
            let (head, text) = part.split_once("\r\n\r\n").expect("a part's head");
            let id = head.split("Content-ID: <").nth(1).expect("a Content-ID");
            let id = id.split('>').next().unwrap().to_owned();
            assert!(head.contains("\r\nContent-Type: "), "{head}");
            assert!(parts.insert(id, text.to_owned()).is_none(), "{notify}");
        }
        let list = parts.remove(start).expect("the list");
        let (_, list) = list.split_once("<list ").expect("a list");
        let attribute = |name: &str| {
            let value = list.split(&format!("{name}=\"")).nth(1).expect(name);
            value.split('"').next().unwrap().to_owned()
        };
        let resources = list.split("<resource uri=\"").skip(1).map(|text| {
            let (uri, rest) = text.split_once("\">").unwrap();
            let (inside, _) = rest.split_once("</resource>").unwrap();
            (uri.to_owned(), inside.to_owned())
        });
        let told = Self {
            uri: attribute("uri"),
            version: attribute("version").parse().unwrap(),
            is_full: attribute("fullState") == "true",
            resources: resources.collect(),
            parts,
        };
        // 5.3: each cid names a part, and each part has a cid.
        assert_eq!(told.lamps().len(), told.parts.len(), "{notify}");
        told
    }

    /// Resources with a state, and what it is.
    pub(crate) fn lamps(&self) -> Vec<(String, String)> {
        let mut lamps = Vec::new();
        for (uri, inside) in &self.resources {
            let Some(cid) = inside.split("cid=\"").nth(1) else {
                continue;
            };
            let part = &self.parts[cid.split('"').next().unwrap()];
            assert!(part.contains(&format!("entity=\"{uri}\"")), "{part}");
            let state = part.split("<state>").nth(1).unwrap_or_default();
            let state = state.split('<').next().unwrap_or_default();
            lamps.push((uri.clone(), state.to_owned()));
        }
        lamps
    }
}

/// The Content-IDs of its parts.
pub(crate) fn content_ids(notify: &str) -> impl Iterator<Item = &str> {
    let ids = notify.split("Content-ID: <").skip(1);
    ids.map(|text| text.split('>').next().unwrap_or_default())
}

/// What a watcher knows in the end.
pub(crate) fn all_known(heard: &[String]) -> BTreeMap<String, String> {
    heard.iter().flat_map(|n| Told::of(n).lamps()).collect()
}
