//! RFC 3261 19.1.4 once more, written over the parts that a URI was made of instead of its text: what
//! `UriRef::same` reads and what `Aor` makes of it must come to the same verdict.

use super::*;
use bellhop_wire::UriRef;
use proptest::{collection::vec, prelude::*, sample::select};
use std::collections::BTreeMap;

/// A character of a URI and the way it was written.
#[derive(Clone, Copy, Debug)]
enum Written {
    Plain(char),
    Escaped(char, bool),
}

impl Written {
    fn text(self) -> String {
        match self {
            Written::Plain(c) => c.to_string(),
            Written::Escaped(c, true) => format!("%{:02X}", u32::from(c)),
            Written::Escaped(c, false) => format!("%{:02x}", u32::from(c)),
        }
    }

    /// "Characters other than those in the "reserved" set are equivalent to their encoding": so a
    /// reserved one says which way it was written, any other does not.
    fn says(self) -> (char, bool) {
        match self {
            Written::Plain(c) => (c, false),
            Written::Escaped(c, _) => (c, ";/?:@&=+$,".contains(c)),
        }
    }
}

fn text(part: &[Written]) -> String {
    part.iter().map(|c| c.text()).collect()
}

/// "Comparison of the userinfo is case-sensitive."
fn exactly(part: &[Written]) -> Said {
    part.iter().map(|c| c.says()).collect()
}

/// All else "is case-insensitive".
fn roughly(part: &[Written]) -> Said {
    let fold = |(c, escaped): (char, bool)| (c.to_ascii_lowercase(), escaped);
    part.iter().map(|c| fold(c.says())).collect()
}

type Part = Vec<Written>;
/// What a part says: its characters, and of each reserved one whether it was escaped.
type Said = Vec<(char, bool)>;

/// The parts of a sip or sips URI.
#[derive(Clone, Debug)]
struct Made {
    scheme: &'static str,
    user: Option<Part>,
    password: Option<Part>,
    host: &'static str,
    port: Option<u16>,
    /// Parameters, each name once.
    params: Vec<(Part, Option<Part>)>,
    headers: Vec<(Part, Part)>,
}

impl Made {
    fn text(&self) -> String {
        let mut all = format!("{}:", self.scheme);
        if let Some(user) = &self.user {
            all.push_str(&text(user));
            if let Some(password) = &self.password {
                all.push_str(&format!(":{}", text(password)));
            }
            all.push('@');
        }
        all.push_str(self.host);
        if let Some(port) = self.port {
            all.push_str(&format!(":{port}"));
        }
        for (name, value) in &self.params {
            all.push_str(&format!(";{}", text(name)));
            if let Some(value) = value {
                all.push_str(&format!("={}", text(value)));
            }
        }
        for (nth, (name, value)) in self.headers.iter().enumerate() {
            let mark = if nth == 0 { '?' } else { '&' };
            all.push_str(&format!("{mark}{}={}", text(name), text(value)));
        }
        all
    }

    fn is(&self, other: &Self) -> bool {
        let password = |made: &Self| {
            made.user
                .as_ref()
                .and(made.password.as_deref().map(exactly))
        };
        self.scheme.eq_ignore_ascii_case(other.scheme)
            && self.address() == other.address()
            && password(self) == password(other)
            && self.port == other.port
            && self.params_are(other)
            && self.header_counts() == other.header_counts()
    }

    /// User and host: what an AoR is made of.
    fn address(&self) -> (Option<Said>, String) {
        (self.user.as_deref().map(exactly), host(self.host))
    }

    /// A parameter that both have must match. `user`, `ttl`, `method` and `maddr` in one alone never
    /// do, nor `transport` (by the section's example); "all other uri-parameters appearing in only
    /// one URI are ignored".
    fn params_are(&self, other: &Self) -> bool {
        let table = |made: &Self| -> BTreeMap<_, _> {
            let entry = |(name, value): &(Part, Option<Part>)| {
                (roughly(name), value.as_deref().map(roughly))
            };
            made.params.iter().map(entry).collect()
        };
        let (mine, theirs) = (table(self), table(other));
        let name = |written: &[(char, bool)]| written.iter().map(|(c, _)| *c).collect::<String>();
        let telling = ["user", "ttl", "method", "maddr", "transport"];
        mine.keys()
            .chain(theirs.keys())
            .all(|key| match (mine.get(key), theirs.get(key)) {
                (Some(a), Some(b)) => a == b,
                _ => !telling.contains(&name(key).as_str()),
            })
    }

    /// Headers are never ignored, and their order is free.
    fn header_counts(&self) -> BTreeMap<(Said, Said), usize> {
        let mut counts = BTreeMap::new();
        for (name, value) in &self.headers {
            *counts.entry((roughly(name), exactly(value))).or_default() += 1;
        }
        counts
    }
}

/// The text that stands for a host of [`HOSTS`].
fn host(text: &str) -> String {
    match text {
        "[2001:DB8:0::1]" | "[2001:db8::1]" => "[2001:db8::1]".to_owned(),
        name => name.to_ascii_lowercase(),
    }
}

/// A part made of these characters, each as it is or escaped.
fn part(letters: &'static str, most: usize) -> impl Strategy<Value = Part> {
    let letters: Vec<char> = letters.chars().collect();
    let written = (select(letters), 0..4_u8).prop_map(|(c, way)| match way {
        0 => Written::Escaped(c, true),
        1 => Written::Escaped(c, false),
        _ => Written::Plain(c),
    });
    vec(written, 1..=most)
}

/// A name that means something, each letter in a way of its own.
fn word(words: &'static [&'static str]) -> impl Strategy<Value = Part> {
    (select(words), vec(0..6_u8, 12)).prop_map(|(word, ways)| {
        let write = |(c, way): (char, u8)| match way {
            0 => Written::Escaped(c, true),
            1 => Written::Plain(c.to_ascii_uppercase()),
            _ => Written::Plain(c),
        };
        word.chars().zip(ways).map(write).collect()
    })
}

fn made() -> impl Strategy<Value = Made> {
    let params = vec((word(NAMES), proptest::option::of(part("aB1", 1))), 0..3);
    let headers = vec((word(&["to", "x"]), part("aA/", 1)), 0..3);
    (
        select(&["sip", "SIP", "sips"][..]),
        proptest::option::of(part("aA.;/&", 2)),
        proptest::option::of(part("pP", 1)),
        select(HOSTS),
        proptest::option::of(select(&[5060_u16, 5061][..])),
        (params, headers),
    )
        .prop_map(
            |(scheme, user, password, host, port, (mut params, headers))| {
                let mut seen = Vec::new();
                params.retain(|(name, _)| {
                    let name = roughly(name);
                    let is_new = !seen.contains(&name);
                    seen.push(name);
                    is_new
                });
                Made {
                    scheme,
                    user,
                    password,
                    host,
                    port,
                    params,
                    headers,
                }
            },
        )
}

/// The same parts, at most a few of them replaced by another URI's: alike often enough to matter.
fn pair() -> impl Strategy<Value = (Made, Made)> {
    (made(), made(), 0..64_u8, any::<bool>()).prop_map(|(one, mut other, differs, turned)| {
        let may = |bit: u8| differs >> bit & 1 == 1 && differs.count_ones() < 3;
        if !may(0) {
            other.scheme = one.scheme;
        }
        if !may(1) {
            (other.user, other.password) = (one.user.clone(), one.password.clone());
        }
        if !may(2) {
            other.host = one.host;
        }
        if !may(3) {
            other.port = one.port;
        }
        if !may(4) {
            other.params.clone_from(&one.params);
        }
        if !may(5) {
            other.headers.clone_from(&one.headers);
        }
        if turned {
            other.params.reverse();
            other.headers.reverse();
        }
        (one, other)
    })
}

/// An AoR of a URI with its own host as the domain (RFC 3261 10.3 step 5).
fn aor(uri: &str) -> Aor {
    Aor::parse_text(uri).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn uris_are_the_same_exactly_when_19_1_4_says_so((one, other) in pair()) {
        let (a, b) = (one.text(), other.text());
        let (x, y) = (UriRef::parse(a.as_bytes()).unwrap(), UriRef::parse(b.as_bytes()).unwrap());
        prop_assert_eq!(x.same(&y), one.is(&other), "{} {}", a, b);
        prop_assert_eq!(y.same(&x), one.is(&other), "{} {}", b, a);
    }

    #[test]
    fn aors_are_equal_exactly_when_19_1_4_holds_their_users_and_hosts_equal((one, other) in pair()) {
        let (a, b) = (one.text(), other.text());
        prop_assert_eq!(aor(&a) == aor(&b), one.address() == other.address(), "{} {}", a, b);
        if one.is(&other) {
            prop_assert_eq!(aor(&a), aor(&b));
        }
    }

    #[test]
    fn the_aor_of_an_aor_is_itself(one in made()) {
        let once = aor(&one.text());
        prop_assert_eq!(aor(&format!("sip:{once}")), once);
    }
}

const HOSTS: &[&str] = &[
    "h.example",
    "H.Example",
    "i.example",
    "192.0.2.1",
    "[2001:DB8:0::1]",
    "[2001:db8::1]",
];
const NAMES: &[&str] = &["transport", "user", "ttl", "method", "maddr", "lr", "x"];
