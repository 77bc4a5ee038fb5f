//! What subscriptions are told once.

use std::time::Duration;

/// The configuration's part that is about subscriptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionConfig {
    /// How many are kept in sight, over all shards.
    pub most: usize,
    /// Event packages, lower case, whose subscriptions end here: the PBX has one for all watchers of a resource.
    pub share: Vec<String>,
    /// Seconds: a watcher that asks for less is refused with 423.
    pub min_expires: u32,
    /// Seconds: the most that a watcher is granted, and what one who does not say gets.
    pub max_expires: u32,
    /// Seconds: what the PBX is asked for.
    pub upstream_expires: u32,
    /// For how long a subscription of ours is kept when nobody watches any more.
    pub linger: Duration,
}

impl SubscriptionConfig {
    /// The package, in lower case, if it is shared.
    pub(crate) fn shared(&self, package: &[u8]) -> Option<&str> {
        let mut all = self.share.iter().map(String::as_str);
        all.find(|name| package.eq_ignore_ascii_case(name.as_bytes()))
    }
}

impl Default for SubscriptionConfig {
    fn default() -> Self {
        Self {
            most: 100_000,
            share: Vec::new(),
            min_expires: 60,
            max_expires: 3_600,
            upstream_expires: 3_600,
            linger: Duration::from_secs(30),
        }
    }
}
