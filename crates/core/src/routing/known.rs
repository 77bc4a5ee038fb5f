//! The addresses by which PBXs call themselves: hosts and ports of the Contact and Record-Route values
//! that they sent. Inside a dialog the outside may have us send there, and nowhere else that a PBX is
//! not configured at.

use ahash::RandomState;
use bellhop_wire::{HeaderId, Host, Message, NameAddr, UriRef};
use lru::LruCache;
use memchr::{memchr, memchr2};
use smallvec::SmallVec;
use std::hash::{BuildHasher, Hash, Hasher};
use std::num::NonZeroUsize;

/// What one shard has heard its PBXs say, the least recently said forgotten first.
#[derive(Debug)]
pub(crate) struct Known {
    key: RandomState,
    said: LruCache<u64, ()>,
    /// What was said last, in the words in which it was: nearly every message says the same again. Goes to `said`
    /// when something else takes its place.
    last: [Said; LAST],
    /// Which of them is replaced next.
    oldest: usize,
}

/// A place in somebody's words.
#[derive(Debug, Default)]
struct Said {
    /// What stood behind the user part; empty: nothing yet.
    words: SmallVec<[u8; 64]>,
    place: u64,
}

impl Known {
    pub(crate) fn new(key: RandomState) -> Self {
        Self {
            key,
            said: LruCache::new(CAPACITY),
            last: Default::default(),
            oldest: 0,
        }
    }

    /// Takes in where a message of a trusted peer wants the dialog's later requests: its first
    /// Contact and Record-Route values (RFC 3261 12.1). A PBX that passes on what phones say there is
    /// believed for them.
    pub(crate) fn learn(&mut self, message: Message<'_>) {
        for id in [HeaderId::Contact, HeaderId::RecordRoute] {
            let mut fields = message.fields(id).take(VALUES);
            if fields.all(|field| self.was_said(field.value)) {
                continue;
            }
            for value in message.values(id).take(VALUES) {
                if let Ok(said) = NameAddr::parse(value.raw)
                    && let Some(place) = self.place(&said.uri)
                {
                    self.note(value.raw, place);
                }
            }
        }
    }

    /// Whether a PBX has named this place.
    pub(crate) fn has(&self, uri: &UriRef<'_>) -> bool {
        self.place(uri).is_some_and(|place| {
            let is_there = |said: &Said| said.place == place && !said.words.is_empty();
            self.last.iter().any(is_there) || self.said.contains(&place)
        })
    }

    /// Whether these are the words of one of the last places, but for the user.
    fn was_said(&self, value: &[u8]) -> bool {
        let said = |words: &[u8]| self.last.iter().any(|said| *said.words == *words);
        behind_user(value).is_some_and(said)
    }

    fn note(&mut self, value: &[u8], place: u64) {
        let Some(words) = behind_user(value) else {
            self.said.put(place, ());
            return;
        };
        if let Some(oldest) = self.last.get_mut(self.oldest) {
            if !oldest.words.is_empty() {
                self.said.put(oldest.place, ());
            }
            oldest.words = SmallVec::from_slice(words);
            oldest.place = place;
        }
        self.oldest = self.oldest.wrapping_add(1) % LAST;
    }

    fn place(&self, uri: &UriRef<'_>) -> Option<u64> {
        let mut hasher = self.key.build_hasher();
        match uri.host? {
            Host::Ip(ip) => ip.hash(&mut hasher),
            Host::Name(name) => {
                let lower: SmallVec<[u8; 64]> = name.iter().map(u8::to_ascii_lowercase).collect();
                lower.hash(&mut hasher);
            }
        }
        uri.port.unwrap_or(5060).hash(&mut hasher);
        Some(hasher.finish())
    }
}

/// What stands behind the user part of a single URI; `None` where that is not plain to see.
fn behind_user(value: &[u8]) -> Option<&[u8]> {
    let (user, words) = value.split_at_checked(memchr(b'@', value)?)?;
    let is_plain = memchr(b',', user).is_none() && words.len() <= LONGEST;
    let words = words
        .get(1..)
        .filter(|words| is_plain && !words.is_empty())?;
    memchr2(b'@', b',', words).is_none().then_some(words)
}

const CAPACITY: NonZeroUsize = match NonZeroUsize::new(4_096) {
    Some(n) => n,
    None => NonZeroUsize::MIN,
};
/// Values of one header that are looked at.
const VALUES: usize = 4;
/// A PBX says two, its own address and ours, and so does a trunk.
const LAST: usize = 4;
/// What is longer is read each time.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use bellhop_wire::{Limits, Owned};

    fn learn(known: &mut Known, contact: &str) {
        let text = format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKa\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n\
             Call-ID: x\r\nCSeq: 1 INVITE\r\nContact: {contact}\r\nContent-Length: 0\r\n\r\n"
        );
        let message = Owned::parse(text.as_bytes(), &Limits::default()).unwrap();
        known.learn(message.message());
    }

    fn has(known: &Known, uri: &str) -> bool {
        known.has(&UriRef::parse(uri.as_bytes()).unwrap())
    }

    fn known() -> Known {
        Known::new(RandomState::with_seeds(1, 2, 3, 4))
    }

    #[test]
    fn a_place_is_known_whoever_it_was_said_of_and_however_often() {
        let mut known = known();
        for contact in [
            "<sip:1@192.0.2.1:5070>",
            "<sip:2@192.0.2.1:5070>",
            "sip:pbx.example",
        ] {
            learn(&mut known, contact);
        }
        assert!(has(&known, "sip:9@192.0.2.1:5070") && has(&known, "sip:PBX.example:5060"));
        assert!(!has(&known, "sip:9@192.0.2.1") && !has(&known, "sip:192.0.2.2:5070"));
    }

    #[test]
    fn every_value_of_a_line_is_learnt_though_its_end_was_said_before() {
        let mut known = known();
        learn(&mut known, "<sip:1@192.0.2.1>");
        learn(&mut known, "<sip:1@192.0.2.2>, <sip:1@192.0.2.1>");
        learn(
            &mut known,
            "<sip:192.0.2.3>;by=x@192.0.2.1, <sip:1@192.0.2.1>",
        );
        assert!(has(&known, "sip:192.0.2.2") && has(&known, "sip:192.0.2.3"));
    }

    #[test]
    fn what_was_said_is_known_until_many_others_have_been_said_since() {
        let mut known = known();
        learn(&mut known, "<sip:1@192.0.2.1>");
        for n in 0..4_000 {
            learn(&mut known, &format!("<sip:1@pbx{n}.example>"));
        }
        assert!(has(&known, "sip:192.0.2.1"));
        for n in 0..200 {
            learn(&mut known, &format!("<sip:1@other{n}.example>"));
        }
        assert!(!has(&known, "sip:192.0.2.1"));
    }
}
