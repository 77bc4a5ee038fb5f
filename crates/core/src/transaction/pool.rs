//! The live transactions of one role: in slots by name, and found by key.

use super::id::{Role, TransactionId};
use ahash::RandomState;
use hashbrown::HashTable;
use smallvec::SmallVec;

/// Live transactions and what they are matched by. A key is hashed with secret seeds, for peers choose
/// it, and is kept, so that equal hashes are not taken for equal keys.
#[derive(Debug)]
pub(super) struct Pool<T> {
    role: Role,
    capacity: usize,
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    by_key: HashTable<u32>,
    /// Bytes of all keys that are not in their slots.
    keys: usize,
    hasher: RandomState,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u64,
    entry: Option<Entry<T>>,
}

#[derive(Debug)]
struct Entry<T> {
    hash: u64,
    key: SmallVec<[u8; USUAL]>,
    value: T,
}

impl<T> Pool<T> {
    /// An empty pool for at most `capacity` transactions.
    pub(super) fn new(role: Role, capacity: usize, hasher: RandomState) -> Self {
        Self {
            role,
            capacity: capacity.min(TransactionId::SLOTS),
            slots: Vec::new(),
            free: Vec::new(),
            by_key: HashTable::new(),
            keys: 0,
            hasher,
        }
    }

    /// The transaction with this key, if `accept` agrees.
    pub(super) fn find(&self, key: &[u8], accept: impl Fn(&T) -> bool) -> Option<TransactionId> {
        let hash = self.hasher.hash_one(key);
        let slot = self.by_key.find(hash, |slot| {
            self.entry(*slot)
                .is_some_and(|entry| *entry.key == *key && accept(&entry.value))
        })?;
        self.name(*slot)
    }

    /// The names of all transactions that `accept` agrees to.
    pub(super) fn names_of(&self, accept: impl Fn(&T) -> bool) -> Vec<TransactionId> {
        (0_u32..)
            .zip(&self.slots)
            .filter(|(_, slot)| slot.entry.as_ref().is_some_and(|e| accept(&e.value)))
            .filter_map(|(index, _)| self.name(index))
            .collect()
    }

    /// Takes a transaction in; `None` if the pool is full.
    pub(super) fn insert(&mut self, key: &[u8], value: T) -> Option<TransactionId> {
        if self.len() >= self.capacity {
            return None;
        }
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(self.slots.len()).ok()?;
                if self.slots.len() >= TransactionId::SLOTS {
                    return None;
                }
                self.slots.push(Slot {
                    generation: 0,
                    entry: None,
                });
                index
            }
        };
        let hash = self.hasher.hash_one(key);
        let slot = self.slots.get_mut(index as usize)?;
        slot.generation = slot.generation.saturating_add(1);
        slot.entry = Some(Entry {
            hash,
            key: SmallVec::from_slice(key),
            value,
        });
        self.keys = self.keys.saturating_add(besides(key.len()));
        let slots = &self.slots;
        self.by_key.insert_unique(hash, index, |other| {
            slots
                .get(*other as usize)
                .and_then(|slot| slot.entry.as_ref())
                .map_or(0, |entry| entry.hash)
        });
        self.name(index)
    }

    /// Takes a transaction out; its name is not used again.
    pub(super) fn remove(&mut self, id: TransactionId) -> Option<T> {
        self.get(id)?;
        let slot = self.slots.get_mut(id.slot() as usize)?;
        let entry = slot.entry.take()?;
        let worn_out = slot.generation >= TransactionId::LAST_GENERATION;
        if let Ok(found) = self
            .by_key
            .find_entry(entry.hash, |other| *other == id.slot())
        {
            found.remove();
        }
        self.keys = self.keys.saturating_sub(besides(entry.key.len()));
        if !worn_out {
            self.free.push(id.slot());
        }
        Some(entry.value)
    }

    /// A live transaction.
    pub(super) fn get(&self, id: TransactionId) -> Option<&T> {
        let slot = self.slots.get(id.slot() as usize)?;
        if id.role() != self.role || id.generation() != slot.generation {
            return None;
        }
        Some(&slot.entry.as_ref()?.value)
    }

    /// A live transaction.
    pub(super) fn get_mut(&mut self, id: TransactionId) -> Option<&mut T> {
        let slot = self.slots.get_mut(id.slot() as usize)?;
        if id.role() != self.role || id.generation() != slot.generation {
            return None;
        }
        Some(&mut slot.entry.as_mut()?.value)
    }

    /// How many are live.
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// How many bytes the live ones hold, their slots and keys; what hangs on their values is not in it.
    #[allow(
        clippy::arithmetic_side_effects,
        reason = "sizes of what is in memory together"
    )]
    pub(super) fn held(&self) -> usize {
        self.len() * (size_of::<Slot<T>>() + ENTRY) + self.keys
    }

    /// Adds a free slot that has one name left.
    #[cfg(test)]
    pub(super) fn wear_out(&mut self) {
        self.free.push(u32::try_from(self.slots.len()).unwrap());
        self.slots.push(Slot {
            generation: TransactionId::LAST_GENERATION.saturating_sub(1),
            entry: None,
        });
    }

    fn entry(&self, slot: u32) -> Option<&Entry<T>> {
        self.slots.get(slot as usize)?.entry.as_ref()
    }

    fn name(&self, slot: u32) -> Option<TransactionId> {
        let generation = self.slots.get(slot as usize)?.generation;
        Some(TransactionId::new(self.role, generation, slot))
    }
}

/// Bytes that a key of this length takes besides its slot.
const fn besides(length: usize) -> usize {
    if length > USUAL { length } else { 0 }
}

/// Octets of a key of usual length; it stands in the slot.
const USUAL: usize = 64;
/// What a transaction takes besides its slot: a place among the keys, two deadlines in their queue, twice as it may
/// be half empty, and the allocator's own for a message.
const ENTRY: usize = 180;
