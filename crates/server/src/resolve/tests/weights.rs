//! The order of SRV records (RFC 2782), with chance that the test chooses.

use crate::resolve::srv::in_order;
use bellhop_core::entropy::Entropy;
use hickory_proto::rr::{Name, rdata::SRV};

/// Gives these numbers, one after another.
struct Given(Vec<u64>);

impl Entropy for Given {
    fn fill(&mut self, out: &mut [u8]) {
        out.copy_from_slice(&self.0.remove(0).to_le_bytes());
    }
}

/// Records of priority and weight; the port is the place in the list.
fn records(list: &[(u16, u16)]) -> Vec<SRV> {
    let record = |(port, (priority, weight)): (u16, &(u16, u16))| {
        SRV::new(*priority, *weight, port, Name::root())
    };
    (0..).zip(list).map(record).collect()
}

fn order(list: &[(u16, u16)], chance: &[u64]) -> Vec<u16> {
    let ordered = in_order(records(list), &mut Given(chance.to_vec()));
    ordered.iter().map(|record| record.port).collect()
}

#[test]
fn a_lower_priority_number_comes_first_whatever_the_weight() {
    assert_eq!(order(&[(20, 9), (10, 0), (15, 1)], &[0, 0, 0]), [1, 2, 0]);
}

#[test]
fn among_equals_the_number_drawn_falls_into_a_records_share() {
    // Shares of 0 to 60: 0..=10, 11..=30, 31..=60; then of what is left.
    let list = [(1, 10), (1, 20), (1, 30)];
    assert_eq!(order(&list, &[10, 20, 0]), [0, 1, 2]);
    assert_eq!(order(&list, &[11, 11, 0]), [1, 2, 0]);
    assert_eq!(order(&list, &[60, 30, 0]), [2, 1, 0]);
}

#[test]
fn a_record_of_weight_0_is_chosen_first_only_if_0_is_drawn() {
    let list = [(1, 5), (1, 0)];
    assert_eq!(order(&list, &[0, 0]), [1, 0]);
    assert_eq!(order(&list, &[1, 0]), [0, 1]);
}

#[test]
fn the_share_of_first_places_follows_the_weights() {
    let list = [(1, 30), (1, 10)];
    let first = |chance| order(&list, &[chance, 0])[0];
    let count = (0..41).filter(|chance| first(*chance) == 0).count();
    assert_eq!(count, 31);
}
