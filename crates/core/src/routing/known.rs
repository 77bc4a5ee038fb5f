//! The addresses by which PBXs call themselves: hosts and ports of the Contact and Record-Route values
//! that they sent. Inside a dialog the outside may have us send there, and nowhere else that a PBX is
//! not configured at.

use ahash::RandomState;
use bellhop_wire::{HeaderId, Host, Message, NameAddr, UriRef};
use lru::LruCache;
use smallvec::SmallVec;
use std::hash::{BuildHasher, Hash, Hasher};
use std::num::NonZeroUsize;

/// What one shard has heard its PBXs say, the least recently said forgotten first.
#[derive(Debug)]
pub(crate) struct Known {
    key: RandomState,
    said: LruCache<u64, ()>,
}

impl Known {
    pub(crate) fn new(key: RandomState) -> Self {
        Self {
            key,
            said: LruCache::new(CAPACITY),
        }
    }

    /// Takes in where a message of a trusted peer wants the dialog's later requests: its first
    /// Contact and Record-Route values (RFC 3261 12.1). A PBX that passes on what phones say there is
    /// believed for them.
    pub(crate) fn learn(&mut self, message: Message<'_>) {
        for id in [HeaderId::Contact, HeaderId::RecordRoute] {
            for value in message.values(id).take(VALUES) {
                if let Ok(said) = NameAddr::parse(value.raw)
                    && let Some(place) = self.place(&said.uri)
                {
                    self.said.put(place, ());
                }
            }
        }
    }

    /// Whether a PBX has named this place.
    pub(crate) fn has(&self, uri: &UriRef<'_>) -> bool {
        self.place(uri)
            .is_some_and(|place| self.said.contains(&place))
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

const CAPACITY: NonZeroUsize = match NonZeroUsize::new(4_096) {
    Some(n) => n,
    None => NonZeroUsize::MIN,
};
/// Values of one header that are looked at.
const VALUES: usize = 4;
