//! Relayed subscriptions are read as they were written, and nothing else is read.

use super::super::tests::{is_of_one_line_each, names, saved_leg, time};
use super::*;
use crate::codec::checksum;
use proptest::prelude::*;

fn bond() -> impl Strategy<Value = SavedBond> {
    let pairs = prop::collection::vec((saved_leg(), saved_leg()), 1..4);
    let usage = (any::<(u64, u64)>(), time());
    let usage = usage.prop_map(|((tag, event), until)| SavedUsage { tag, event, until });
    let usages = prop::collection::vec(usage, 0..4);
    let user = prop::option::of(".{0,20}".prop_map(Into::into));
    (time(), user, pairs, usages).prop_map(|(at, user, pairs, usages)| SavedBond {
        at,
        user,
        pairs,
        usages,
    })
}

fn written(bond: &SavedBond) -> (String, Vec<u8>) {
    let (key, mut out) = (bond.key().unwrap(), vec![9; 9]);
    write_bond(&names(), key, bond, &mut out);
    (key.as_str().to_owned(), out)
}

proptest! {
    #[test]
    fn a_subscription_is_read_as_it_was_written(bond in bond()) {
        let (key, value) = written(&bond);
        prop_assert_eq!(read_bond(&names(), &key, &value), Ok(bond));
    }

    #[test]
    fn any_octet_that_changed_and_any_that_is_missing_is_noticed(
        bond in bond(),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let (key, value) = written(&bond);
        let mut bad = value.clone();
        bad[at.index(value.len())] ^= 1 << bit;
        prop_assert_eq!(read_bond(&names(), &key, &bad), Err(Unreadable::Damaged));
        let half = &value[..at.index(value.len())];
        prop_assert_eq!(read_bond(&names(), &key, half), Err(Unreadable::Damaged));
    }

    /// Its checksum is right: only the reader itself stands between it and the messages it would make.
    #[test]
    fn garbage_is_refused_or_is_a_subscription_of_that_key(
        key in "[0-9a-f]{19}",
        body in prop::collection::vec(any::<u8>(), 0..300),
        is_ours: bool,
    ) {
        let mut value = if is_ours { vec![VERSION] } else { Vec::new() };
        value.extend(body);
        end(&key, &mut value);
        if let Ok(bond) = read_bond(&names(), &key, &value) {
            let own = bond.key().unwrap();
            prop_assert_eq!(own.as_str(), key);
        }
    }

    #[test]
    fn a_subscription_with_an_octet_changed_never_has_a_line_too_many(
        bond in bond(),
        at in any::<prop::sample::Index>(),
        octet: u8,
    ) {
        let (key, mut value) = written(&bond);
        value.truncate(value.len().saturating_sub(8));
        let at = at.index(value.len());
        value[at] = octet;
        end(&key, &mut value);
        if let Ok(bond) = read_bond(&names(), &key, &value) {
            let mut legs = bond.pairs.iter().flat_map(|(a, b)| [a, b]);
            prop_assert!(legs.all(is_of_one_line_each));
        }
    }
}

#[test]
fn what_a_newer_program_wrote_is_told_from_damage() {
    let mut newer = vec![VERSION + 1, 1, 2, 3];
    let sum = checksum("key", &newer);
    newer.extend_from_slice(&sum);
    let read = read_bond(&names(), "key", &newer);
    assert_eq!(read, Err(Unreadable::Newer(VERSION + 1)));
}
