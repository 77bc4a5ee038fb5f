//! Relayed subscriptions of two dialogs, in the file of calls: put back beside them, and kept when one is damaged.

use super::{
    calls::{Calls, leg_of, listeners, written},
    *,
};
use bellhop_core::b2bua::{SavedBond, SavedUsage};
use std::fs;

fn begin(live: &Calls, number: usize) {
    let tag = number as u64;
    let pair = |fork: u64| {
        (
            leg_of(number, tag | fork << 40),
            leg_of(number, tag | 1 << 32),
        )
    };
    let usage = |fork: u64| SavedUsage {
        tag: tag | fork << 40,
        event: 7,
        until: UNIX + Duration::from_secs(600),
    };
    let bond = SavedBond {
        at: UNIX,
        user: Some("6001".into()),
        pairs: vec![pair(1), pair(2)],
        usages: vec![usage(1), usage(2)],
    };
    live.1.lock().unwrap().insert(bond.key().unwrap(), bond);
}

fn sorted(mut bonds: Vec<SavedBond>) -> Vec<SavedBond> {
    bonds.sort_by_key(SavedBond::key);
    bonds
}

#[test]
fn subscriptions_are_put_back_as_they_were_beside_the_calls() {
    let (folder, live) = (Folder::new("bonds"), Arc::new(Calls::default()));
    for number in 0..300 {
        begin(&live, number);
        live.begin(number);
    }
    written(&folder, &live);
    let begun = begin_calls(&folder.file(), &listeners(), UNIX).unwrap();
    let before = live.1.lock().unwrap().values().cloned().collect();
    assert_eq!(sorted(begun.bonds), sorted(before));
    assert_eq!(begun.calls.len(), 300);
}

/// As an earlier program has left it.
#[test]
fn a_file_without_a_table_of_subscriptions_is_read_and_gets_one() {
    let (folder, live) = (Folder::new("bonds-none"), Arc::new(Calls::default()));
    let file = File::open(&folder.file()).unwrap();
    file.counting(Table::Calls, None).close().unwrap();
    begin(&live, 1);
    written(&folder, &live);
    let begun = begin_calls(&folder.file(), &listeners(), UNIX).unwrap();
    assert_eq!(begun.bonds.len(), 1);
}

#[test]
fn a_file_with_a_damaged_subscription_is_set_aside_and_all_others_are_kept() {
    let (folder, live) = (Folder::new("bond-damaged"), Arc::new(Calls::default()));
    for number in 0..300 {
        begin(&live, number);
    }
    live.begin(1_000);
    written(&folder, &live);
    let mut bytes = fs::read(folder.file()).unwrap();
    let mut windows = bytes.windows(10);
    let at = windows.position(|window| window == b"call-00077").unwrap();
    bytes[at] ^= 1;
    fs::write(folder.file(), &bytes).unwrap();
    for _ in 0..2 {
        let begun = begin_calls(&folder.file(), &listeners(), UNIX).unwrap();
        assert_eq!((begun.bonds.len(), begun.calls.len()), (299, 1));
        drop(begun);
        let aside = format!("state.redb.damaged-{}", UNIX.as_secs());
        assert_eq!(folder.names(), ["state.redb", &aside]);
    }
}
