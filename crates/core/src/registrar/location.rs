//! The bindings of all AoRs (RFC 3261 10.2, "location service"), shared by all shards.

mod slots;

use super::{
    Aor, Binding, Bindings, Device, binding,
    device::Devices,
    index::{ByConnection, ByContact, ByDevice, STRIPES, lock, pick},
    watched::Watched,
};
use crate::{flow::Flow, time::Instant};
use ahash::RandomState;
use bellhop_wire::UriRef;
use smallvec::SmallVec;
use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

/// Bindings by AoR, by contact, by device and by connection. Bounded; each change is seen whole or not at all by
/// a look-up of the AoR. A binding counts until its time is up, swept or not.
///
/// Locks are taken in one order: an AoR's stripe, then the indexes'.
pub struct Location {
    pub(super) stripes: Box<[Mutex<Stripe>]>,
    hasher: RandomState,
    contacts: ByContact,
    pub(super) connections: ByConnection,
    names: Devices,
    pub(super) devices: ByDevice,
    pub(super) watched: Watched,
    count: AtomicUsize,
    capacity: usize,
    /// Microseconds; no binding ends before.
    next: AtomicU64,
}

/// There is no room for more bindings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

pub(super) struct Stripe {
    pub(super) bindings: HashMap<Aor, Bindings, RandomState>,
    /// No binding in here ends before.
    next: Instant,
}

impl Location {
    /// A location service with room for `capacity` bindings. The seeds keep anybody from choosing
    /// AoRs or contacts that collide: they must not be guessed. By the same seeds a device is known again
    /// that was named by an earlier location service.
    pub fn new(capacity: usize, seeds: [u64; 4]) -> Self {
        let [a, b, c, d] = seeds;
        let hasher = RandomState::with_seeds(a, b, c, d);
        let stripe = |_| {
            Mutex::new(Stripe {
                bindings: HashMap::with_hasher(hasher.clone()),
                next: NEVER,
            })
        };
        Self {
            stripes: (0..STRIPES).map(stripe).collect(),
            contacts: ByContact::new(hasher.clone()),
            connections: ByConnection::new(hasher.clone()),
            names: Devices::new([c, d]),
            devices: ByDevice::new(),
            watched: Watched::default(),
            hasher,
            count: AtomicUsize::new(0),
            capacity,
            next: AtomicU64::new(NEVER.as_micros()),
        }
    }

    /// Fills `out` with the live bindings of an AoR, highest q first, at equal q the newest first.
    pub fn lookup(&self, now: Instant, aor: &Aor, out: &mut Bindings) {
        out.clear();
        let Some(stripe) = self.stripe(aor) else {
            return;
        };
        if let Some(bindings) = lock(stripe).bindings.get(aor) {
            out.extend(bindings.iter().filter(|b| b.is_live(now)).cloned());
        }
    }

    /// A live binding whose contact is this URI by RFC 3261 19.1.4; the newest if there are several.
    /// For requests within a dialog, whose Request-URI is what the phone called its Contact: two
    /// phones in two private networks may call it the same, and `over` is the flow that the right one
    /// used last, if that is known.
    pub fn by_contact(
        &self,
        now: Instant,
        contact: &UriRef<'_>,
        over: Option<&Flow>,
    ) -> Option<Arc<Binding>> {
        self.contacts.find(now, contact, over)
    }

    /// The live binding that a device made last, wherever it was then.
    pub(crate) fn of_device(&self, now: Instant, device: Device) -> Option<Arc<Binding>> {
        let aor = self.devices.find(device)?;
        let stripe = lock(self.stripe(&aor)?);
        let own = |binding: &&Arc<Binding>| binding.is_live(now) && binding.device() == device;
        let bindings = stripe.bindings.get(&aor)?.iter().filter(own);
        bindings.max_by_key(|binding| binding.updated).cloned()
    }

    /// The AoR that a device registered for last.
    pub(crate) fn aor_of(&self, device: Device) -> Option<Aor> {
        self.devices.find(device)
    }

    /// The device of an AoR that registered over this flow last.
    pub(crate) fn device_at(&self, now: Instant, aor: &Aor, flow: &Flow) -> Option<Device> {
        let stripe = lock(self.stripe(aor)?);
        let over = |binding: &&Arc<Binding>| binding.is_live(now) && binding.flow == *flow;
        let bindings = stripe.bindings.get(aor)?.iter().filter(over);
        let last = bindings.max_by_key(|binding| binding.updated)?;
        Some(last.device())
    }

    /// Forgets the bindings whose time is up; gives how many.
    pub fn sweep(&self, now: Instant) -> usize {
        if self.next.load(Ordering::Acquire) > now.as_micros() {
            return 0;
        }
        let mut swept = 0_usize;
        // Whoever adds a binding from here on lowers it again.
        self.next.store(NEVER.as_micros(), Ordering::Release);
        for stripe in &self.stripes {
            let mut stripe = lock(stripe);
            if stripe.next <= now {
                swept = swept.saturating_add(self.sweep_stripe(now, &mut stripe));
            }
            self.next
                .fetch_min(stripe.next.as_micros(), Ordering::AcqRel);
        }
        swept
    }

    /// The live bindings of those AoRs that are wanted, `most` AoRs at most, in no order; and whether there
    /// are more. For people: each stripe is held while it is looked through.
    pub fn list(
        &self,
        now: Instant,
        most: usize,
        wanted: impl Fn(&Aor) -> bool,
    ) -> (Vec<(Aor, Bindings)>, bool) {
        let mut found = Vec::new();
        for stripe in &self.stripes {
            for (aor, bindings) in &lock(stripe).bindings {
                let live = |b: &&Arc<Binding>| b.is_live(now);
                if !wanted(aor) || !bindings.iter().any(|b| b.is_live(now)) {
                    continue;
                }
                if found.len() >= most {
                    return (found, true);
                }
                found.push((aor.clone(), bindings.iter().filter(live).cloned().collect()));
            }
        }
        (found, false)
    }

    /// When [`Location::sweep`] is next worth calling, in whole seconds of the clock so that endings
    /// close to each other are swept at once; `None` while there is nothing to sweep.
    pub fn next_expiry(&self) -> Option<Instant> {
        let next = self.next.load(Ordering::Acquire);
        let rounded = next.checked_next_multiple_of(SWEEP_EVERY)?;
        Some(Instant::from_micros(rounded))
    }

    /// How many bindings are held, those not swept yet included.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether no binding is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Changes the bindings of an AoR: `plan` gets the live ones and leaves what is to be. If it
    /// fails, or there is no room, nothing changes. Gives the new bindings in their order.
    pub(super) fn change<T, E: From<Full>>(
        &self,
        now: Instant,
        aor: &Aor,
        plan: impl FnOnce(&mut Bindings) -> Result<T, E>,
    ) -> Result<(Bindings, T), E> {
        let Some(stripe) = self.stripe(aor) else {
            return Err(Full.into());
        };
        let mut stripe = lock(stripe);
        let stripe = &mut *stripe;
        // One look finds the place of an AoR that has bindings, and the one where a new one goes.
        let place = stripe.bindings.entry(aor.clone());
        let (mut bindings, before) = match &place {
            Entry::Occupied(held) => {
                let live = held.get().iter().filter(|b| b.is_live(now));
                (live.cloned().collect(), held.get().len())
            }
            Entry::Vacant(_) => (Bindings::new(), 0),
        };
        let planned = plan(&mut bindings)?;
        let growth = bindings.len().saturating_sub(before);
        if growth > 0 && !self.reserve(growth) {
            return Err(Full.into());
        }
        binding::sort(&mut bindings);
        let old = match place {
            Entry::Occupied(held) if bindings.is_empty() => held.remove(),
            Entry::Occupied(mut held) => held.insert(binding::copy(&bindings)),
            Entry::Vacant(_) if bindings.is_empty() => Bindings::new(),
            Entry::Vacant(place) => {
                place.insert(binding::copy(&bindings));
                Bindings::new()
            }
        };
        self.reindex(&mut stripe.next, aor, &old, &bindings);
        Ok((bindings, planned))
    }

    /// What bindings of this contact are found by.
    pub(super) fn contact_key(&self, contact: &UriRef<'_>) -> u64 {
        self.contacts.key(contact)
    }

    /// What a device is called: see [`Device`].
    pub(super) fn device(
        &self,
        aor: &Aor,
        instance: Option<(&[u8], Option<u32>)>,
        call_id: &[u8],
    ) -> Device {
        self.names.of(aor, instance, call_id)
    }

    pub(super) fn stripe(&self, aor: &Aor) -> Option<&Mutex<Stripe>> {
        pick(&self.stripes, self.hasher.hash_one(aor))
    }

    fn reserve(&self, growth: usize) -> bool {
        let grown = |count: usize| {
            count
                .checked_add(growth)
                .filter(|grown| *grown <= self.capacity)
        };
        self.count
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, grown)
            .is_ok()
    }

    /// Puts the new bindings in the place of the old ones. Room for more has been reserved.
    pub(super) fn replace(&self, stripe: &mut Stripe, aor: &Aor, new: Bindings) {
        let old = stripe.bindings.remove(aor).unwrap_or_default();
        self.reindex(&mut stripe.next, aor, &old, &new);
        if !new.is_empty() {
            stripe.bindings.insert(aor.clone(), new);
        }
    }

    /// Brings the indexes up to date with an AoR's new bindings.
    fn reindex(&self, next: &mut Instant, aor: &Aor, old: &Bindings, new: &Bindings) {
        if let ([gone], [added]) = (old.as_slice(), new.as_slice())
            && gone.said.key == added.said.key
            && gone.device() == added.device()
            && gone.flow.connection == added.flow.connection
        {
            // A refresh, as nearly all are.
            if !Arc::ptr_eq(gone, added) {
                self.contacts.exchange(gone, added);
                self.note_end(next, added);
            }
            return;
        }
        if let ([], [first]) = (old.as_slice(), new.as_slice()) {
            return self.index_first(next, aor, first);
        }
        let within = |set: &Bindings, one: &Arc<Binding>| set.iter().any(|b| Arc::ptr_eq(b, one));
        let mut gone: SmallVec<[&Arc<Binding>; 4]> =
            old.iter().filter(|binding| !within(new, binding)).collect();
        // The new ones first, so that a contact that is refreshed can be found at every moment.
        for added in new.iter().filter(|binding| !within(old, binding)) {
            let same = gone.iter().position(|old| old.said.key == added.said.key);
            match same {
                Some(same) => {
                    let old = gone.remove(same);
                    self.contacts.exchange(old, added);
                    self.leave_connection(old, aor, new);
                }
                None => self.contacts.insert(added),
            }
            if let Some(connection) = added.flow.connection {
                self.connections.insert(connection, aor);
            }
            self.note_end(next, added);
        }
        for removed in gone {
            self.contacts.remove(removed);
            self.leave_connection(removed, aor, new);
        }
        let has = |set: &Bindings, device| set.iter().any(|binding| binding.device() == device);
        for binding in old.iter().filter(|binding| !has(new, binding.device())) {
            self.devices.remove(binding.device());
        }
        for binding in new.iter().filter(|binding| !has(old, binding.device())) {
            self.devices.insert(binding.device(), aor);
        }
        let shrunk = old.len().saturating_sub(new.len());
        if shrunk > 0 {
            self.count.fetch_sub(shrunk, Ordering::AcqRel);
        }
    }

    /// Takes the first binding of an AoR into the indexes.
    fn index_first(&self, next: &mut Instant, aor: &Aor, added: &Arc<Binding>) {
        self.contacts.insert(added);
        if let Some(connection) = added.flow.connection {
            self.connections.insert(connection, aor);
        }
        self.devices.insert(added.device(), aor);
        self.note_end(next, added);
    }

    /// Takes in when a new binding ends.
    fn note_end(&self, next: &mut Instant, added: &Binding) {
        *next = (*next).min(added.expires);
        let ends = added.expires.as_micros();
        if ends < self.next.load(Ordering::Acquire) {
            self.next.fetch_min(ends, Ordering::AcqRel);
        }
    }

    /// An AoR has no binding over the connection of an old one any more, unless one of the new ones is.
    fn leave_connection(&self, old: &Binding, aor: &Aor, new: &Bindings) {
        if let Some(connection) = old.flow.connection
            && !new.iter().any(|b| b.flow.connection == Some(connection))
        {
            self.connections.remove(connection, aor);
        }
    }

    fn sweep_stripe(&self, now: Instant, stripe: &mut Stripe) -> usize {
        let ended = |bindings: &Bindings| bindings.iter().any(|binding| !binding.is_live(now));
        let due: Vec<Aor> = stripe
            .bindings
            .iter()
            .filter(|(_, bindings)| ended(bindings))
            .map(|(aor, _)| aor.clone())
            .collect();
        let before = stripe
            .bindings
            .values()
            .map(|held| held.len())
            .sum::<usize>();
        for aor in due {
            let mut kept = stripe.bindings.get(&aor).cloned().unwrap_or_default();
            kept.retain(|binding| binding.is_live(now));
            self.replace(stripe, &aor, kept);
        }
        let left = stripe.bindings.values().flatten();
        stripe.next = left.map(|binding| binding.expires).min().unwrap_or(NEVER);
        let after = stripe
            .bindings
            .values()
            .map(|held| held.len())
            .sum::<usize>();
        before.saturating_sub(after)
    }

    #[cfg(test)]
    pub(super) fn indexed(&self) -> (usize, usize, usize) {
        let connections = self.connections.len();
        (self.contacts.len(), connections, self.devices.len())
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Location")
            .field("bindings", &self.len())
            .field("capacity", &self.capacity)
            .finish()
    }
}

const NEVER: Instant = Instant::from_micros(u64::MAX);

/// Microseconds between two sweeps at least.
const SWEEP_EVERY: u64 = 1_000_000;
