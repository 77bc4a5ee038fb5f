//! Finding bindings by what a message or the transport knows: the contact's URI, the connection.

use super::{Aor, Binding, Device};
use crate::{
    flow::{ConnectionId, Flow},
    time::Instant,
};
use ahash::RandomState;
use bellhop_wire::{Host, Scheme, UriRef};
use smallvec::SmallVec;
use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasher, BuildHasherDefault, Hasher},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Locks, even if a thread died while it held the lock: a look-up can bear whatever it left.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One of `shards`, chosen by bits of a hash that the maps inside do not choose by.
pub(super) fn pick<T>(shards: &[T], hash: u64) -> Option<&T> {
    let place = (hash >> 32).checked_rem(u64::try_from(shards.len()).ok()?)?;
    shards.get(usize::try_from(place).ok()?)
}

/// How many locks share the load.
pub(super) const STRIPES: usize = 64;

/// Bindings by their contact's URI. The key is a hash that all URIs share that are equal by RFC 3261
/// 19.1.4; the comparison itself decides.
pub(super) struct ByContact {
    hasher: RandomState,
    stripes: Box<[Mutex<Keyed>]>,
}

type Keyed = HashMap<u64, SmallVec<[Arc<Binding>; 1]>, Hashed>;

/// For keys that are hashes already, made with a key that nobody outside knows.
type Hashed = BuildHasherDefault<Again>;

/// A hash as it is, but for the bits that a short one has not: tables look at the first ones and at the last.
#[derive(Default)]
pub(super) struct Again(u64);

impl Hasher for Again {
    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.write_u64(u64::from(*octet));
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = (self.0 ^ hash).wrapping_mul(ODD);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// 2^64 by the golden ratio.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

impl ByContact {
    pub(super) fn new(hasher: RandomState) -> Self {
        let stripe = |_| Mutex::new(HashMap::default());
        Self {
            stripes: (0..STRIPES).map(stripe).collect(),
            hasher,
        }
    }

    /// The live binding with this contact that was made over this flow, else the newest.
    pub(super) fn find(
        &self,
        now: Instant,
        contact: &UriRef<'_>,
        over: Option<&Flow>,
    ) -> Option<Arc<Binding>> {
        let key = self.key(contact);
        let stripe = lock(pick(&self.stripes, key)?);
        let matching = stripe
            .get(&key)?
            .iter()
            .filter(|binding| binding.is_live(now) && binding.is_contact(contact));
        let rank = |binding: &&Arc<Binding>| (over == Some(&binding.flow), binding.updated);
        matching.max_by_key(rank).cloned()
    }

    pub(super) fn insert(&self, binding: &Arc<Binding>) {
        if let Some((key, stripe)) = self.place(binding) {
            lock(stripe)
                .entry(key)
                .or_default()
                .push(Arc::clone(binding));
        }
    }

    /// Puts `new` in the place of `old`, which has the same key.
    pub(super) fn exchange(&self, old: &Arc<Binding>, new: &Arc<Binding>) {
        let Some((key, stripe)) = self.place(old) else {
            return;
        };
        let mut stripe = lock(stripe);
        let held = stripe.entry(key).or_default();
        match held.iter_mut().find(|held| Arc::ptr_eq(held, old)) {
            Some(held) => *held = Arc::clone(new),
            None => held.push(Arc::clone(new)),
        }
    }

    pub(super) fn remove(&self, binding: &Arc<Binding>) {
        let Some((key, stripe)) = self.place(binding) else {
            return;
        };
        if let Entry::Occupied(mut entry) = lock(stripe).entry(key) {
            entry.get_mut().retain(|held| !Arc::ptr_eq(held, binding));
            if entry.get().is_empty() {
                entry.remove();
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let len = |stripe: &Mutex<Keyed>| lock(stripe).values().map(SmallVec::len).sum::<usize>();
        self.stripes.iter().map(len).sum()
    }

    fn place(&self, binding: &Binding) -> Option<(u64, &Mutex<Keyed>)> {
        let key = binding.said.key;
        Some((key, pick(&self.stripes, key)?))
    }

    /// What bindings of this contact are found by.
    pub(super) fn key(&self, uri: &UriRef<'_>) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        // The scheme and the port in one: no port has the bits of a scheme, none that of no port.
        let scheme = u32::from(uri.scheme == Scheme::Sips) << 17;
        hasher.write_u32(scheme | uri.port.map_or(1 << 16, u32::from));
        hasher.write(&uri.user_unescaped().unwrap_or_default());
        match uri.host {
            Some(Host::Name(name)) => {
                for byte in name {
                    hasher.write_u8(byte.to_ascii_lowercase());
                }
            }
            Some(Host::Ip(IpAddr::V4(address))) => hasher.write_u32(address.to_bits()),
            Some(Host::Ip(IpAddr::V6(address))) => hasher.write_u128(address.to_bits()),
            None => {}
        }
        hasher.finish()
    }
}

/// The AoR that a device belongs to, while it has a binding.
pub(super) struct ByDevice {
    stripes: Box<[Mutex<HashMap<Device, Aor, Hashed>>]>,
}

impl ByDevice {
    pub(super) fn new() -> Self {
        let stripe = |_| Mutex::new(HashMap::default());
        Self {
            stripes: (0..STRIPES).map(stripe).collect(),
        }
    }

    pub(super) fn find(&self, device: Device) -> Option<Aor> {
        lock(self.stripe(device)?).get(&device).cloned()
    }

    pub(super) fn insert(&self, device: Device, aor: &Aor) {
        if let Some(stripe) = self.stripe(device) {
            lock(stripe).insert(device, aor.clone());
        }
    }

    pub(super) fn remove(&self, device: Device) {
        if let Some(stripe) = self.stripe(device) {
            lock(stripe).remove(&device);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.stripes.iter().map(|stripe| lock(stripe).len()).sum()
    }

    fn stripe(&self, device: Device) -> Option<&Mutex<HashMap<Device, Aor, Hashed>>> {
        pick(&self.stripes, device.number())
    }
}

/// The AoRs that have a binding over a connection.
pub(super) struct ByConnection {
    aors: Mutex<HashMap<ConnectionId, SmallVec<[Aor; 1]>, RandomState>>,
}

impl ByConnection {
    pub(super) fn new(hasher: RandomState) -> Self {
        Self {
            aors: Mutex::new(HashMap::with_hasher(hasher)),
        }
    }

    pub(super) fn insert(&self, connection: ConnectionId, aor: &Aor) {
        let mut aors = lock(&self.aors);
        let known = aors.entry(connection).or_default();
        if !known.contains(aor) {
            known.push(aor.clone());
        }
    }

    pub(super) fn remove(&self, connection: ConnectionId, aor: &Aor) {
        if let Entry::Occupied(mut entry) = lock(&self.aors).entry(connection) {
            entry.get_mut().retain(|known| known != aor);
            if entry.get().is_empty() {
                entry.remove();
            }
        }
    }

    /// Forgets the connection; gives the AoRs that it had.
    pub(super) fn take(&self, connection: ConnectionId) -> SmallVec<[Aor; 1]> {
        lock(&self.aors).remove(&connection).unwrap_or_default()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        lock(&self.aors).values().map(SmallVec::len).sum()
    }
}
