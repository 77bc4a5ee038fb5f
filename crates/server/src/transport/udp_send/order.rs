//! The order in which a batch leaves: what goes to one peer is brought together, for only neighbours can be
//! handed over as one. All of a batch leaves before the next message is handled, so no answer comes in between.

/// Brings together what goes to each of the first peers of a batch; nothing overtakes an earlier one to the
/// same peer. Batches to many peers gain nothing by it and are not searched for more.
pub(super) fn together<T: Copy, P: Copy + Eq>(items: &mut [T], peer: impl Fn(&T) -> P) {
    let mut done: usize = 0;
    for _ in 0..PEERS {
        let Some((first, rest)) = items.get_mut(done..).and_then(<[T]>::split_first_mut) else {
            return;
        };
        let to = peer(first);
        // Those of this peer so far; behind them those of others, in their order.
        let mut own: usize = 0;
        for at in 0..rest.len() {
            if rest.get(at).is_some_and(|item| peer(item) == to) {
                if let Some(stretch) = rest.get_mut(own..=at) {
                    stretch.rotate_right(1);
                }
                own = own.saturating_add(1);
            }
        }
        done = done.saturating_add(own).saturating_add(1);
    }
}

/// A proxy's batches mostly go to two: who called, and the PBX.
const PEERS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_goes_to_one_peer_is_brought_together() {
        let mut items = [(1, 'a'), (2, 'b'), (1, 'c'), (3, 'd'), (2, 'e'), (1, 'f')];
        together(&mut items, |item| item.0);
        let letters: String = items.iter().map(|item| item.1).collect();
        assert_eq!(letters, "acfbed");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_overtakes_an_earlier_one_to_its_peer(
            peers in prop::collection::vec(0..8_u8, 0..=64),
        ) {
            let before: Vec<(u8, usize)> = peers.into_iter().zip(0..).collect();
            let mut after = before.clone();
            together(&mut after, |item| item.0);
            for peer in 0..8 {
                let of = |items: &[(u8, usize)]| -> Vec<usize> {
                    items.iter().filter(|item| item.0 == peer).map(|item| item.1).collect()
                };
                prop_assert_eq!(of(&before), of(&after));
            }
        }
    }
}
