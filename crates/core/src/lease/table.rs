//! The leases of one shard: who waits for them, when each is refreshed, and what becomes of it.

mod flight;
mod queues;
mod sample;
#[cfg(test)]
mod tests;
mod times;
mod turns;
mod waiters;

pub(crate) use flight::{Flight, Settled};
use queues::{Place, Queues};
pub(crate) use sample::Sample;
use times::{ends, seconds};

use super::state::{Action, Hold};
use super::want::{Fate, Outcome};
use super::{Count, Event, Gift, LeaseConfig, Slot, Slots, State};
use crate::auth::upstream::Tries;
use crate::outbox::Ticket;
use crate::registrar::{Aor, Binding, Device, Location};
use crate::time::Instant;
use crate::transaction::Timers;
use ahash::RandomState;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// All leases whose home one shard is. Nothing is sent from here: [`Leases::turn`] says what is to be.
pub(crate) struct Leases {
    live: HashMap<Device, Box<Lease>, RandomState>,
    /// REGISTERs under way.
    flights: HashMap<u64, Device, RandomState>,
    last_flight: u64,
    /// REGISTERs of phones that wait for several leases.
    waiting: HashMap<Ticket, Waiting, RandomState>,
    timers: Timers<Device>,
    /// Those that a phone waits for or that are to be taken down, and all others.
    queues: Queues,
    /// The turn that is ours next.
    turn_at: Option<Instant>,
    /// Since when the PBX owes an answer.
    unanswered: Option<Instant>,
    /// The PBX does not answer; it is not spoken to before then.
    silent: Option<Instant>,
    /// It did not answer at all, so that it may have forgotten everything.
    is_away: bool,
    epoch: u64,
    /// When to look whether somebody else has heard of it.
    tick: Option<Instant>,
    /// The least that the PBX takes (Min-Expires of its 423), in seconds.
    least: u32,
    chance: u64,
    /// The one that the PBX was told of last.
    newest: Option<Device>,
}

/// One lease.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) aor: Aor,
    pub(crate) slot: Slot,
    state: State,
    /// The CSeq number of its last REGISTER.
    pub(crate) cseq: u32,
    /// What the PBX is asked for, in seconds.
    expires: u32,
    failures: u8,
    waiters: SmallVec<[Ticket; 1]>,
    /// What will be bound if the PBX agrees.
    pub(crate) expected: Option<Arc<Binding>>,
    /// How often its REGISTER under way was challenged and answered.
    pub(crate) tries: Tries,
    /// Where it stands in a queue.
    queued: Option<Place>,
    /// It is to be registered once more when the answer is there: it may not have gone where it is to be.
    is_stale: bool,
    /// When it is to be refreshed or tried again.
    due: Option<Instant>,
    /// When to see whether a phone is still bound.
    check: Instant,
    /// When whatever the PBX has of it has run out.
    out_by: Instant,
    /// How often the PBX had come back when its last REGISTER was sent, and when that was granted.
    sent_in: u64,
    pub(super) granted_in: u64,
    /// The Contacts that the PBX has, and those of the REGISTER under way.
    pub(crate) gift: Gift,
    pub(crate) giving: Gift,
}

#[derive(Debug)]
struct Waiting {
    left: usize,
    fate: Fate,
}

/// What leases look at.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) now: Instant,
    pub(crate) slots: &'a Slots,
    pub(crate) location: &'a Location,
    pub(crate) config: &'a LeaseConfig,
    /// The PBX is known not to answer, or wants to be left alone.
    pub(crate) is_down: bool,
}

impl Lease {
    /// How often it failed since it was granted.
    pub(crate) const fn failures(&self) -> u8 {
        self.failures
    }
}

impl Leases {
    pub(crate) fn new(chance: u64) -> Self {
        // Keys are hashes that nobody can choose, or numbers of our own.
        let hasher = RandomState::with_seeds(1, 2, 3, 4);
        Self {
            live: HashMap::with_hasher(hasher.clone()),
            flights: HashMap::with_hasher(hasher.clone()),
            last_flight: 0,
            waiting: HashMap::with_hasher(hasher),
            timers: Timers::new(),
            queues: Queues::default(),
            turn_at: None,
            unanswered: None,
            silent: None,
            is_away: false,
            epoch: 0,
            tick: None,
            least: 0,
            chance: chance | 1,
            newest: None,
        }
    }

    /// When [`Leases::due`] or [`Leases::turn`] wants to be called.
    pub(crate) fn next(&self) -> Option<Instant> {
        let is_heard_of = self.silent.is_some();
        let slow = self.unanswered.filter(|_| !is_heard_of);
        let slow = slow.map(|since| since.after(turns::SLOW));
        [self.timers.next(), self.turn_at, self.tick, slow]
            .into_iter()
            .flatten()
            .min()
    }

    /// A REGISTER of ours has been answered, or never will be.
    pub(crate) fn settle(
        &mut self,
        around: Around<'_>,
        id: u64,
        settled: Settled,
        out: &mut Vec<Outcome>,
    ) {
        let Some(device) = self.flights.remove(&id) else {
            return;
        };
        let now = around.now;
        let (event, fate) = match settled {
            Settled::Granted(seconds) => {
                around.slots.count(Count::Granted);
                let until = now.after(Duration::from_secs(seconds.into()));
                (Event::Granted(until), Fate::Held(seconds))
            }
            Settled::Refused(status, reason) => {
                around.slots.count(Count::Refused);
                (Event::Refused, Fate::Refused { status, reason })
            }
            Settled::Silent(rest) => {
                around.slots.count(Count::Silent);
                self.is_away |= rest.is_none();
                let rest = rest.unwrap_or(SILENT_REST).min(LONGEST_REST);
                self.fall_silent(around, now.after(rest), out);
                (Event::Silent, Fate::Later(rest))
            }
        };
        if event != Event::Silent {
            self.heard(around, out);
        }
        let mut is_stale = false;
        if let Some(lease) = self.live.get_mut(&device) {
            lease.failures = match event {
                Event::Granted(_) => 0,
                _ => lease.failures.saturating_add(1),
            };
            is_stale = std::mem::take(&mut lease.is_stale);
            if let Event::Granted(until) = event {
                if lease.gift == Gift::default() {
                    self.newest = Some(device);
                }
                lease.out_by = until;
                lease.granted_in = if is_stale { NEVER } else { lease.sent_in };
                lease.gift = lease.giving.clone();
            }
        }
        self.set_due(around, device, event);
        self.step(around, device, event, Some(fate), out);
        if is_stale {
            self.renew(around, device, out);
        }
    }

    /// Serves those whose time has come.
    pub(crate) fn due(&mut self, around: Around<'_>, out: &mut Vec<Outcome>) {
        self.notice(around, out);
        let lives = !self.live.is_empty();
        self.tick = lives.then(|| around.now.after(TICK));
        while let Some(device) = self.timers.pop_due(around.now) {
            self.check(around, device, out);
            let Some(lease) = self.live.get_mut(&device) else {
                continue;
            };
            if lease.due.is_some_and(|due| due <= around.now) {
                lease.due = None;
                let has_run_out = lease.out_by <= around.now || lease.failures >= MOST_REMOVALS;
                let event = match lease.state {
                    State::Leaving if has_run_out => Event::Expired,
                    _ => Event::Due,
                };
                self.step(around, device, event, None, out);
            }
            self.arm(device);
        }
    }

    /// The PBX has come back, or is said to have: every lease is registered anew, at our pace. One whose REGISTER
    /// is under way is, too, when its answer is there.
    pub(crate) fn resync(&mut self, around: Around<'_>, out: &mut Vec<Outcome>) {
        self.epoch = around.slots.epoch();
        let all: Vec<Device> = self.live.keys().copied().collect();
        for device in all {
            self.renew(around, device, out);
        }
        for device in self.flights.values() {
            if let Some(lease) = self.live.get_mut(device) {
                lease.is_stale = true;
            }
        }
    }

    fn renew(&mut self, around: Around<'_>, device: Device, out: &mut Vec<Outcome>) {
        let Some(lease) = self.live.get_mut(&device) else {
            return;
        };
        lease.granted_in = NEVER;
        if matches!(lease.state, State::Held { .. } | State::Resting { .. }) {
            self.step(around, device, Event::Renew, None, out);
        }
    }

    /// Looks at every lease anew: the configuration has changed.
    pub(crate) fn review(&mut self, around: Around<'_>, out: &mut Vec<Outcome>) {
        let all: Vec<Device> = self.live.keys().copied().collect();
        for device in all {
            self.check(around, device, out);
        }
    }

    /// Sees whether a phone is bound for a lease, and ends it or wants it again.
    fn check(&mut self, around: Around<'_>, device: Device, out: &mut Vec<Outcome>) {
        let Some(lease) = self.live.get_mut(&device) else {
            return;
        };
        if !lease.waiters.is_empty() {
            // It is about to be bound.
            lease.check = around.now.after(SOON);
            return self.arm(device);
        }
        if lease.expected.take().is_some() {
            around.slots.expect(lease.slot, None);
        }
        match ends(around, lease) {
            None => {
                lease.check = around.now.after(SELDOM);
                self.step(around, device, Event::Drop, None, out);
            }
            Some(ends) => {
                lease.check = ends.min(around.now.after(SELDOM));
                let is_leaving = matches!(
                    lease.state,
                    State::Ending { .. }
                        | State::Removing { .. }
                        | State::Leaving
                        | State::Asking {
                            then_ends: true,
                            ..
                        }
                );
                if is_leaving {
                    self.step(around, device, Event::Want, None, out);
                }
            }
        }
        self.arm(device);
    }

    fn begin(&mut self, around: Around<'_>, aor: &Aor, slot: Slot) {
        let state = State::Wanted { hold: Hold::No };
        let lease = Lease {
            aor: aor.clone(),
            slot,
            state,
            cseq: 0,
            expires: seconds(around.config.expires),
            failures: 0,
            waiters: SmallVec::new(),
            expected: None,
            tries: Tries::default(),
            queued: None,
            is_stale: false,
            due: None,
            check: around.now.after(SOON),
            out_by: around.now,
            sent_in: 0,
            granted_in: 0,
            gift: Gift::default(),
            giving: Gift::default(),
        };
        around.slots.moved(&lease, State::Gone, state);
        self.live.insert(slot.device(), Box::new(lease));
        self.arm(slot.device());
    }

    /// One transition, and what follows from it but for sending.
    fn step(
        &mut self,
        around: Around<'_>,
        device: Device,
        event: Event,
        fate: Option<Fate>,
        out: &mut Vec<Outcome>,
    ) -> Action {
        let Some(lease) = self.live.get_mut(&device) else {
            return Action::Nothing;
        };
        let before = lease.state;
        let (mut next, mut action) = before.on(event);
        if action == Action::Forget && ends(around, lease).is_some() {
            // A phone has come back unnoticed.
            next = State::Wanted { hold: Hold::No };
            action = Action::Queue;
        }
        lease.state = next;
        if next != before {
            around.slots.moved(lease, before, next);
        }
        let is_settled = next.is_settled();
        if let Some(fate) = fate.filter(|_| is_settled) {
            self.tell(around.now, device, &fate, out);
        }
        match action {
            Action::Queue => self.enqueue(device),
            Action::Wait => {
                if let Some(lease) = self.live.get_mut(&device) {
                    // One that is taken back on its way out may have missed its time there.
                    lease.due.get_or_insert(around.now);
                }
                self.arm(device);
            }
            Action::Forget => {
                self.tell(around.now, device, &Fate::Later(Duration::ZERO), out);
                self.timers.cancel(&device);
                self.live.remove(&device);
            }
            Action::Nothing | Action::Register | Action::Remove => {}
        }
        action
    }

    fn lease_waits(&self, device: Device) -> bool {
        let lease = self.live.get(&device);
        lease.is_some_and(|lease| lease.state.waits_for_turn())
    }
}

const NEVER: u64 = u64::MAX;
/// After an answer a binding is there, if it ever will be.
const SOON: Duration = Duration::from_secs(1);
/// A binding that ends before its time, with its connection or its domain's mode, is told of; if all fails, it
/// is found so late.
const SELDOM: Duration = Duration::from_secs(600);
/// How often it is looked whether somebody else says that the PBX has come back.
const TICK: Duration = Duration::from_secs(2);
/// The first rest after silence.
pub(super) const SILENT_REST: Duration = Duration::from_secs(1);
/// The longest rest.
pub(super) const LONGEST_REST: Duration = Duration::from_secs(600);
/// How often a REGISTER that takes a lease down is tried.
const MOST_REMOVALS: u8 = 8;
