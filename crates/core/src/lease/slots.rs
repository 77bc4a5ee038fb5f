//! What all shards know of leases: whom a Contact of ours stands for, and whether the PBX has it.

use super::{State, pace::Pace, table::Lease};
use crate::hex;
use crate::registrar::{Aor, Binding, Device, Location};
use crate::time::Instant;
use ahash::RandomState;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a lease is for. Its number is 48 bits of a keyed hash, the same after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// One phone of an AoR.
    Phone(Device),
    /// All phones of an AoR.
    Whole(Device),
}

/// What other shards see of a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Whose it is.
    pub aor: Aor,
    /// What it is for.
    pub slot: Slot,
    /// Until when the PBX has it; `None`: it has not, or that is not known.
    pub good_until: Option<Instant>,
    /// How often the PBX had come back when it was granted.
    granted_in: u64,
    /// The phone's own Contact, if the PBX was shown that.
    pub(crate) shown: Option<Arc<[u8]>>,
    /// Where it is, in a word.
    pub state: &'static str,
    /// The binding that there will be if the PBX agrees.
    pub expected: Option<Arc<Binding>>,
    /// Whoever that is has proved to us who he is.
    pub is_proven: bool,
}

/// What is counted, of all shards together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// REGISTERs of phones that were answered without the PBX.
    Absorbed,
    /// REGISTERs of phones that were answered before the PBX had heard of them.
    Later,
    /// REGISTERs of ours that were sent, not counting copies.
    Sent,
    /// Those that were granted.
    Granted,
    /// Those that were refused.
    Refused,
    /// Those that nobody answered.
    Silent,
    /// How often all leases were registered anew because the PBX had been away.
    Resyncs,
}

/// All that is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// By [`Count`], in its order.
    pub totals: [u64; COUNTS],
    /// Leases that live.
    pub leases: usize,
    /// Leases that the PBX has.
    pub held: usize,
    /// Leases that wait for their turn.
    pub queued: usize,
}

/// Shared by all shards.
pub struct Slots {
    stripes: Box<[Mutex<HashMap<Device, View, RandomState>>]>,
    pace: Pace,
    /// How often the PBX has come back.
    epoch: AtomicU64,
    is_silent: AtomicBool,
    /// The PBX takes no Path.
    takes_no_path: AtomicBool,
    /// The PBX has shown that its 200s list what is bound.
    lists: AtomicBool,
    totals: [AtomicU64; COUNTS],
    leases: AtomicUsize,
    held: AtomicUsize,
    queued: AtomicUsize,
}

impl Slot {
    /// Its number.
    pub const fn device(self) -> Device {
        match self {
            Self::Phone(device) | Self::Whole(device) => device,
        }
    }

    /// The user part of its Contact.
    pub fn token(self) -> [u8; TOKEN] {
        let mut token = [0; TOKEN];
        let (prefix, digits) = token.split_at_mut(PREFIX.len());
        prefix.copy_from_slice(PREFIX);
        digits.copy_from_slice(&self.device().digits());
        token
    }

    /// The number in the user part of a Contact of ours.
    pub fn of_token(user: &[u8]) -> Option<Device> {
        let digits = user.strip_prefix(PREFIX)?;
        let mut bytes = [0; Device::BYTES];
        hex::read(digits, &mut bytes)?;
        Some(Device::of_bytes(bytes))
    }
}

impl Default for Slots {
    fn default() -> Self {
        // Keys are hashes that nobody can choose.
        let hasher = RandomState::with_seeds(1, 2, 3, 4);
        let stripe = |_| Mutex::new(HashMap::with_hasher(hasher.clone()));
        Self {
            stripes: (0..STRIPES).map(stripe).collect(),
            pace: Pace::default(),
            epoch: AtomicU64::new(0),
            is_silent: AtomicBool::new(false),
            takes_no_path: AtomicBool::new(false),
            lists: AtomicBool::new(false),
            totals: [const { AtomicU64::new(0) }; COUNTS],
            leases: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            queued: AtomicUsize::new(0),
        }
    }
}

impl Slots {
    /// What is known of the lease of this number.
    pub fn view(&self, device: Device) -> Option<View> {
        self.stripe(device)?.get(&device).cloned()
    }

    /// The lease that calls of the PBX find a binding by.
    pub fn of(&self, location: &Location, aor: &Aor, binding: &Binding) -> Option<View> {
        let own = self.view(binding.device());
        own.or_else(|| self.view(location.whole(aor)))
    }

    /// Whether the PBX has the lease of this number.
    pub(crate) fn is_good(&self, now: Instant, device: Device) -> bool {
        let good = |view: &View| view.good_until.is_some_and(|until| until > now);
        self.stripe(device)
            .is_some_and(|stripe| stripe.get(&device).is_some_and(good))
    }

    /// Whether the PBX has a lease of one of these phones, and has not been away since it said so: only then do
    /// calls by way of it find them.
    pub(crate) fn finds(
        &self,
        now: Instant,
        location: &Location,
        aor: &Aor,
        bindings: &[Arc<Binding>],
    ) -> bool {
        let epoch = self.epoch();
        bindings.iter().any(|binding| {
            let view = self.of(location, aor, binding);
            view.is_some_and(|view| {
                view.granted_in == epoch && view.good_until.is_some_and(|until| until > now)
            })
        })
    }

    /// Whether the PBX does not answer.
    pub fn is_silent(&self) -> bool {
        self.is_silent.load(Ordering::Relaxed)
    }

    /// Whether the PBX has shown that it takes no Path.
    pub(crate) fn takes_no_path(&self) -> bool {
        self.takes_no_path.load(Ordering::Relaxed)
    }

    /// It has, or may be asked again. Whether that is new.
    pub(crate) fn set_takes_no_path(&self, takes_none: bool) -> bool {
        self.takes_no_path.swap(takes_none, Ordering::Relaxed) != takes_none
    }

    /// Whether the PBX has shown that its 200s list what is bound (RFC 3261 10.3 step 8).
    pub(crate) fn lists(&self) -> bool {
        self.lists.load(Ordering::Relaxed)
    }

    /// It has, or another may not.
    pub(crate) fn set_lists(&self, lists: bool) {
        self.lists.store(lists, Ordering::Relaxed);
    }

    /// What was counted.
    pub fn counts(&self) -> Counts {
        let gauge = |gauge: &AtomicUsize| gauge.load(Ordering::Relaxed);
        Counts {
            totals: self
                .totals
                .each_ref()
                .map(|total| total.load(Ordering::Relaxed)),
            leases: gauge(&self.leases),
            held: gauge(&self.held),
            queued: gauge(&self.queued),
        }
    }

    pub(crate) fn count(&self, what: Count) {
        if let Some(total) = self.totals.get(what as usize) {
            total.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes the next turn at the PBX; gives when it is.
    pub(crate) fn reserve(&self, now: Instant, interval: Duration) -> Instant {
        self.pace.reserve(now, interval)
    }

    /// Whether a turn would be at once: nobody else waits for one.
    pub(crate) fn is_free(&self, now: Instant) -> bool {
        self.pace.is_free(now)
    }

    /// A turn has been used.
    pub(super) fn used(&self, now: Instant, interval: Duration) {
        self.pace.used(now, interval);
    }

    pub(super) fn set_silent(&self, is_silent: bool) -> bool {
        self.is_silent.swap(is_silent, Ordering::AcqRel)
    }

    /// How often the PBX has come back.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// The PBX has come back, or is to be taken for one that has: all shards register their leases anew, as soon as they
    /// look, at the configured pace.
    pub fn next_epoch(&self) {
        self.count(Count::Resyncs);
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// Takes in that a lease has gone from one state to another.
    pub(super) fn moved(&self, lease: &Lease, from: State, to: State) {
        let slot = lease.slot;
        let step = |gauge: &AtomicUsize, was: bool, is: bool| match (was, is) {
            (false, true) => {
                gauge.fetch_add(1, Ordering::Relaxed);
            }
            (true, false) => {
                gauge.fetch_sub(1, Ordering::Relaxed);
            }
            _ => {}
        };
        let lives = |state| state != State::Gone;
        step(&self.leases, lives(from), lives(to));
        let held = |state: State| state.good_until().is_some();
        step(&self.held, held(from), held(to));
        let queued = |state: State| state.waits_for_turn();
        step(&self.queued, queued(from), queued(to));
        let Some(mut stripe) = self.stripe(slot.device()) else {
            return;
        };
        if to == State::Gone {
            stripe.remove(&slot.device());
            return;
        }
        let view = View {
            aor: lease.aor.clone(),
            slot,
            good_until: to.good_until(),
            granted_in: lease.granted_in,
            shown: lease.gift.phone.clone(),
            state: word(to),
            expected: lease.expected.clone(),
            is_proven: true,
        };
        stripe.insert(slot.device(), view);
    }

    /// Another binding is expected, or none any more.
    pub(super) fn expect(&self, slot: Slot, expected: Option<Arc<Binding>>) {
        let Some(mut stripe) = self.stripe(slot.device()) else {
            return;
        };
        if let Some(view) = stripe.get_mut(&slot.device()) {
            view.expected = expected;
        }
    }

    /// A phone registers with the PBX itself: until it has its answer this is where the PBX may find it.
    pub(crate) fn expect_passed(&self, aor: &Aor, binding: &Arc<Binding>) {
        let slot = Slot::Phone(binding.device());
        if let Some(mut stripe) = self.stripe(slot.device()) {
            stripe.entry(slot.device()).or_insert_with(|| View {
                aor: aor.clone(),
                slot,
                good_until: None,
                granted_in: 0,
                shown: None,
                state: PASSED,
                expected: Some(Arc::clone(binding)),
                is_proven: false,
            });
        }
    }

    /// It has its answer.
    pub(crate) fn forget_passed(&self, device: Device) {
        if let Some(mut stripe) = self.stripe(device)
            && stripe.get(&device).is_some_and(|view| !view.is_proven)
        {
            stripe.remove(&device);
        }
    }

    fn stripe(&self, device: Device) -> Option<MutexGuard<'_, HashMap<Device, View, RandomState>>> {
        let [.., last] = device.to_bytes();
        let place = usize::from(last).checked_rem(self.stripes.len())?;
        let stripe = self.stripes.get(place)?;
        Some(stripe.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Slots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Slots").field(&self.counts()).finish()
    }
}

/// Where a lease is, for people.
const fn word(state: State) -> &'static str {
    match state {
        State::Wanted { .. } => "waits for its turn",
        State::Asking { .. } => "registering",
        State::Held { .. } => "registered",
        State::Resting { .. } => "failed, is tried again",
        State::Ending { .. } | State::Removing { .. } | State::Leaving => "is taken down",
        State::Gone => "gone",
    }
}

/// Of a phone that registers with the PBX itself.
const PASSED: &str = "registers by itself";
const PREFIX: &[u8] = b"bh";
/// Octets of a Contact's user part.
const TOKEN: usize = 14;
/// How many things are counted.
const COUNTS: usize = 7;
/// How many locks share the load.
const STRIPES: usize = 64;
