//! Names of transactions.

use crate::{
    outbox::Token,
    transaction::{
        TransactionId,
        id::Role::{Client, Server},
    },
};
use proptest::prelude::*;

const LAST_SLOT: u32 = (TransactionId::SLOTS - 1) as u32;

#[test]
fn the_greatest_name_leaves_16_bits_for_the_shard() {
    let id = TransactionId::new(Client, TransactionId::LAST_GENERATION, LAST_SLOT);
    assert_eq!(Token::from(id).0, (1 << 48) - 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_name_gives_back_what_it_was_made_of(
        is_client: bool,
        generation in 0..=TransactionId::LAST_GENERATION,
        slot in 0..=LAST_SLOT,
    ) {
        let role = if is_client { Client } else { Server };
        let id = TransactionId::new(role, generation, slot);
        prop_assert_eq!(id.role(), role);
        prop_assert_eq!(id.generation(), generation);
        prop_assert_eq!(id.slot(), slot);
        prop_assert_eq!(TransactionId::from(Token::from(id)), id);
    }
}
