//! Names of transactions and of those who use them.

use crate::outbox::Token;

/// Names one transaction; never used for another one while the program runs. It takes 48 bits, so that
/// the engine can put the shard above it. From the top of these: one bit for its role, 25 for the
/// generation of its slot, 22 for the slot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TransactionId(u64);

/// The transaction user's own handle, opaque here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Owner(pub u64);

/// The two ends of a transaction (RFC 3261 17).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// It received the request.
    Server,
    /// It sent the request.
    Client,
}

impl TransactionId {
    /// The last generation; a slot that has seen it is not used again.
    pub(super) const LAST_GENERATION: u64 = (1 << (ROLE_SHIFT - SLOT_BITS)) - 1;
    /// How many slots can be named.
    pub(super) const SLOTS: usize = 1 << SLOT_BITS;

    /// The name of what stands in a slot. `slot` is below [`Self::SLOTS`], `generation` at most
    /// [`Self::LAST_GENERATION`].
    pub(super) const fn new(role: Role, generation: u64, slot: u32) -> Self {
        let role = match role {
            Role::Server => 0,
            Role::Client => 1 << ROLE_SHIFT,
        };
        Self(role | (generation << SLOT_BITS) | slot as u64)
    }

    /// Which end it is.
    pub(super) const fn role(self) -> Role {
        if self.0 >> ROLE_SHIFT == 0 {
            Role::Server
        } else {
            Role::Client
        }
    }

    /// The generation of its slot.
    pub(super) const fn generation(self) -> u64 {
        (self.0 >> SLOT_BITS) & Self::LAST_GENERATION
    }

    /// Its slot.
    pub(super) const fn slot(self) -> u32 {
        (self.0 & ((1 << SLOT_BITS) - 1)) as u32
    }
}

impl From<TransactionId> for Token {
    fn from(id: TransactionId) -> Self {
        Self(id.0)
    }
}

impl From<Token> for TransactionId {
    fn from(token: Token) -> Self {
        Self(token.0)
    }
}

const SLOT_BITS: u32 = 24;
/// Below the 16 bits that [`Token`] keeps for the shard.
const ROLE_SHIFT: u32 = 47;
