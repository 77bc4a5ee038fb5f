//! When each target is probed.

use super::Place;
use crate::config::Config;
use crate::time::Instant;
use crate::transaction::TransactionId;
use std::time::Duration;

/// The probes of one configuration, kept by one shard.
#[derive(Debug, Default)]
pub(crate) struct Probes {
    all: Vec<Probe>,
}

/// The probing of one target.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    pub(crate) place: Place,
    /// `host[:port]`, for the Request-URI.
    pub(crate) host: String,
    every: Duration,
    next: Instant,
    /// The one that waits for its answer: its number, and its transaction.
    pub(crate) flying: Option<(u64, TransactionId)>,
    /// When that was sent.
    pub(crate) sent: Instant,
    /// The last one had no answer.
    pub(crate) has_missed: bool,
}

impl Probes {
    /// Those that a configuration wants; what was known of a target goes on.
    pub(crate) fn new(config: &Config, before: &Self, now: Instant) -> Self {
        let mut all: Vec<Probe> = Vec::new();
        for of in &config.upstreams {
            let Some(every) = of.probe else {
                continue;
            };
            for target in &of.targets {
                let place = (target.transport, target.remote);
                if all.iter().any(|probe| probe.place == place) {
                    continue;
                }
                let known = before.all.iter().find(|probe| probe.place == place);
                all.push(Probe {
                    place,
                    host: target.host.clone(),
                    every,
                    next: known.map_or(now, |known| known.next.min(now.after(every))),
                    flying: known.and_then(|known| known.flying),
                    sent: known.map_or(now, |known| known.sent),
                    has_missed: known.is_some_and(|known| known.has_missed),
                });
            }
        }
        Self { all }
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.all.iter().map(|probe| probe.next).min()
    }

    /// One that is due, as it was before this; its next time is set.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Probe> {
        let probe = self.all.iter_mut().find(|probe| probe.next <= now)?;
        let before = probe.clone();
        probe.next = now.after(probe.every);
        probe.flying = None;
        Some(before)
    }

    /// Notes what was sent.
    pub(crate) fn sent(&mut self, now: Instant, place: Place, number: u64, client: TransactionId) {
        if let Some(probe) = self.all.iter_mut().find(|probe| probe.place == place) {
            probe.flying = Some((number, client));
            probe.sent = now;
        }
    }

    /// One had no answer.
    pub(crate) fn missed(&mut self, place: Place) {
        if let Some(probe) = self.all.iter_mut().find(|probe| probe.place == place) {
            probe.has_missed = true;
        }
    }

    /// One has been answered. Whether the one before had not.
    pub(crate) fn answered(&mut self, place: Place) -> bool {
        let probe = self.all.iter_mut().find(|probe| probe.place == place);
        probe.is_some_and(|probe| std::mem::take(&mut probe.has_missed))
    }

    /// The one of this number, whose wait is over.
    pub(crate) fn landed(&mut self, number: u64) -> Option<Probe> {
        let is_it = |probe: &&mut Probe| probe.flying.is_some_and(|(own, _)| own == number);
        let probe = self.all.iter_mut().find(is_it)?;
        probe.flying = None;
        Some(probe.clone())
    }

    /// Whether a target is probed.
    pub(crate) fn has(&self, place: Place) -> bool {
        self.all.iter().any(|probe| probe.place == place)
    }
}
