//! The order in which the targets of SRV records are tried (RFC 2782, "Usage rules").

use bellhop_core::entropy::Entropy;
use hickory_resolver::proto::rr::rdata::SRV;

/// Records in the order to try them: by priority; among equals by chance, the more weight the sooner.
pub(super) fn in_order(mut records: Vec<SRV>, entropy: &mut dyn Entropy) -> Vec<SRV> {
    // Those of weight 0 stand in front, to be chosen with a small chance only.
    records.sort_by_key(|record| (record.priority, record.weight > 0));
    let mut ordered = Vec::with_capacity(records.len());
    for equals in records.chunk_by(|a, b| a.priority == b.priority) {
        let mut left = equals.to_vec();
        while !left.is_empty() {
            ordered.push(left.remove(draw(&left, entropy)));
        }
    }
    ordered
}

/// The place of one record, drawn with a chance that follows its weight.
fn draw(records: &[SRV], entropy: &mut dyn Entropy) -> usize {
    let weight = |record: &SRV| u64::from(record.weight);
    let sum: u64 = records.iter().map(weight).sum();
    let drawn = entropy.next_u64().checked_rem(sum.saturating_add(1));
    let mut left = drawn.unwrap_or(0);
    for (place, record) in records.iter().enumerate() {
        match left.checked_sub(weight(record)) {
            None | Some(0) => return place,
            Some(rest) => left = rest,
        }
    }
    0
}
