//! What subscriptions are told once.

use crate::registrar::Aor;
use crate::share::ResourceList;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Whose bindings a user may watch by the event package `reg` (RFC 3680). A trusted peer may watch anybody's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reg {
    /// Nobody's: such a SUBSCRIBE is relayed as any other.
    #[default]
    Off,
    /// His own.
    Own,
    /// Anybody's of our domains.
    Any,
}

/// The configuration's part that is about subscriptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionConfig {
    /// How many are kept in sight, over all shards.
    pub most: usize,
    /// Event packages, lower case, whose subscriptions end here: the PBX has one for all watchers of a resource.
    pub share: Vec<String>,
    /// Whose bindings may be watched (RFC 3680).
    pub reg: Reg,
    /// Lists of resources, by what they are subscribed to as (RFC 4662).
    pub lists: BTreeMap<Aor, Arc<ResourceList>>,
    /// Seconds: a watcher that asks for less is refused with 423.
    pub min_expires: u32,
    /// Seconds: the most that a watcher is granted, and what one who does not say gets.
    pub max_expires: u32,
    /// Seconds: what the PBX is asked for.
    pub upstream_expires: u32,
    /// SUBSCRIBEs, and questions about what is relayed, a second towards the PBX, at most, of all shards together.
    pub resync_rate: u32,
    /// For how long a subscription of ours is kept when nobody watches any more.
    pub linger: Duration,
}

impl SubscriptionConfig {
    /// The package, in lower case, if its subscriptions end here.
    pub(crate) fn ends_here(&self, package: &[u8]) -> Option<&str> {
        let mut all = self.packages();
        all.find(|name| package.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// The packages whose subscriptions end here.
    pub(crate) fn packages(&self) -> impl Iterator<Item = &str> {
        let own = (self.reg != Reg::Off).then_some(REG);
        self.share.iter().map(String::as_str).chain(own)
    }

    /// Whether any package's subscriptions end here.
    pub(crate) fn has_watchers(&self) -> bool {
        self.reg != Reg::Off || !self.share.is_empty()
    }
}

impl Default for SubscriptionConfig {
    fn default() -> Self {
        Self {
            most: 100_000,
            share: Vec::new(),
            reg: Reg::Off,
            lists: BTreeMap::new(),
            min_expires: 60,
            max_expires: 3_600,
            upstream_expires: 3_600,
            resync_rate: 500,
            linger: Duration::from_secs(30),
        }
    }
}

/// The event package of registrations (RFC 3680 4.1).
pub(crate) const REG: &str = "reg";
