//! Whose turn it is, and what a PBX that does not answer does to that.

use super::{Around, Flight, Lease, Leases};
use crate::auth::upstream::Tries;
use crate::lease::want::{Fate, Outcome};
use crate::lease::{Count, Event, State, state::Action};
use crate::registrar::Device;
use crate::time::Instant;
use std::time::Duration;

impl Leases {
    /// What may be sent now; to be called until it gives nothing.
    pub(crate) fn turn(&mut self, around: Around<'_>, out: &mut Vec<Outcome>) -> Option<Flight> {
        self.notice(around, out);
        loop {
            if self.queues.is_empty() {
                self.turn_at = None;
                return None;
            }
            if self.silent.is_some() && !self.flights.is_empty() {
                // One question is enough to hear that it is back.
                self.turn_at = None;
                return None;
            }
            let (now, interval) = (around.now, around.config.interval());
            if around.is_down {
                self.turn_at = Some(now.after(AGAIN));
                return None;
            }
            let at = match (self.turn_at, self.silent) {
                (Some(at), _) => at,
                (None, Some(rests_until)) if rests_until > now => rests_until,
                (None, _) => around.slots.reserve(now, interval),
            };
            self.turn_at = Some(at);
            if at > now {
                return None;
            }
            let Some((device, place)) = self.queues.pop() else {
                continue;
            };
            match self.live.get_mut(&device) {
                Some(lease) if lease.queued == Some(place) => lease.queued = None,
                _ => continue,
            }
            if !self.lease_waits(device) {
                continue;
            }
            self.turn_at = None;
            let action = self.step(around, device, Event::Turn, None, out);
            let lease = self.live.get_mut(&device)?;
            let expires = match action {
                Action::Register => lease.expires.max(self.least),
                _ => 0,
            };
            let asked = Duration::from_secs(expires.into());
            lease.out_by = lease.out_by.max(now.after(asked));
            lease.tries = Tries::default();
            lease.sent_in = around.slots.epoch();
            self.last_flight = self.last_flight.wrapping_add(1) & FLIGHTS;
            let id = self.last_flight;
            self.flights.insert(id, device);
            self.unanswered.get_or_insert(now);
            around.slots.count(Count::Sent);
            around.slots.used(now, interval);
            return Some(Flight {
                id,
                device,
                expires,
            });
        }
    }

    /// Takes in what other shards have heard, and that the PBX is slow.
    pub(super) fn notice(&mut self, around: Around<'_>, out: &mut Vec<Outcome>) {
        if around.slots.epoch() != self.epoch {
            self.came_back(around, out);
        }
        let is_slow = |since: Instant| since.after(SLOW) <= around.now;
        if self.silent.is_none() && self.unanswered.is_some_and(is_slow) {
            self.is_away = true;
            self.fall_silent(around, around.now, out);
        }
    }

    /// Somebody has heard from the PBX that was away.
    fn came_back(&mut self, around: Around<'_>, out: &mut Vec<Outcome>) {
        self.unanswered = (!self.flights.is_empty()).then_some(around.now);
        self.turn_at = None;
        self.is_away = false;
        if self.silent.take().is_some() {
            around.slots.set_silent(false);
        }
        self.resync(around, out);
    }

    /// The PBX does not answer: nobody waits for it any more, and it is asked one thing at a time, the first
    /// not before `rests_until`.
    pub(super) fn fall_silent(
        &mut self,
        around: Around<'_>,
        rests_until: Instant,
        out: &mut Vec<Outcome>,
    ) {
        self.turn_at = None;
        if self.silent.replace(rests_until).is_some() {
            return;
        }
        around.slots.set_silent(true);
        let waits = |lease: &&Lease| !lease.waiters.is_empty();
        let all = self.live.values().map(Box::as_ref);
        let waiting: Vec<Device> = all.filter(waits).map(|l| l.slot.device()).collect();
        let fate = Fate::Later(rests_until.since(around.now).max(SLOW));
        for device in waiting {
            self.tell(around.now, device, &fate, out);
        }
    }

    /// The PBX has answered.
    pub(super) fn heard(&mut self, around: Around<'_>, out: &mut Vec<Outcome>) {
        self.unanswered = (!self.flights.is_empty()).then_some(around.now);
        if self.silent.take().is_none() {
            return;
        }
        self.turn_at = None;
        around.slots.set_silent(false);
        if self.is_away {
            around.slots.next_epoch();
            self.came_back(around, out);
        }
    }

    /// Puts a lease where it gets its turn.
    pub(super) fn enqueue(&mut self, device: Device) {
        let Some(lease) = self.live.get_mut(&device) else {
            return;
        };
        let is_urgent = !lease.waiters.is_empty() || matches!(lease.state, State::Ending { .. });
        match lease.queued {
            Some(place) if place.is_urgent || !is_urgent => return,
            _ => {}
        }
        lease.queued = Some(self.queues.push(device, is_urgent));
        let live = &self.live;
        self.queues.tidy(live.len(), |device, place| {
            live.get(&device).is_some_and(|l| l.queued == Some(place))
        });
    }
}

/// Numbers of REGISTERs under way: as many as the owner of a transaction can name.
const FLIGHTS: u64 = (1 << 40) - 1;
/// How soon it is looked whether a PBX that is known to be down has come back, unless that is told.
const AGAIN: Duration = Duration::from_secs(1);
/// A PBX that owes an answer for so long does not answer.
pub(super) const SLOW: Duration = Duration::from_secs(4);
