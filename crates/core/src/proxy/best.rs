//! Choosing the best response (RFC 3261 16.7 step 6) and merging challenges (step 7).

use crate::flow::Flow;
use bellhop_wire::{Edit, HeaderId, Message, Owned};

/// A final response of a branch, or what stands for one that never came.
#[derive(Debug)]
pub(crate) struct Final {
    pub(crate) status: u16,
    /// The response as received; `None` if we made it up (time-out, unreachable).
    pub(crate) response: Option<Owned>,
    /// Where it came from; `None` if it is ours.
    pub(crate) from: Option<Flow>,
    /// It is ours or a trusted peer's word (RFC 3325).
    pub(crate) is_trusted: bool,
}

/// The finals of all branches so far: the best, and every challenge.
#[derive(Debug, Default)]
pub(crate) struct Finals {
    best: Option<Box<Final>>,
    challenges: Vec<(HeaderId, Box<[u8]>)>,
}

impl Finals {
    /// Takes in the final response of one branch.
    pub(crate) fn add(
        &mut self,
        status: u16,
        response: Option<(Message<'_>, Flow)>,
        is_trusted: bool,
    ) {
        let from = response.map(|(_, from)| from);
        let response = response.map(|(response, _)| response);
        if let (401 | 407, Some(response)) = (status, response) {
            for id in CHALLENGES {
                self.challenges
                    .extend(response.fields(id).map(|f| (id, f.value.into())));
            }
        }
        let rank_new = rank(status, response.is_some());
        let is_better = self
            .best
            .as_ref()
            .is_none_or(|b| rank_new < rank(b.status, b.response.is_some()));
        if is_better {
            self.best = Some(Box::new(Final {
                status,
                response: response.map(Message::to_owned),
                from,
                is_trusted,
            }));
        }
    }

    /// The best so far.
    pub(crate) fn best(&self) -> Option<&Final> {
        self.best.as_deref()
    }

    /// How many bytes they hold, about.
    pub(super) fn held(&self) -> usize {
        let best = self.best.as_deref().and_then(|best| best.response.as_ref());
        let challenges = self.challenges.iter().map(|(_, value)| value.len());
        best.map_or(0, |best| best.message().bytes().len())
            .saturating_add(challenges.sum())
    }

    /// Adds the challenges of the other branches to the best response, if that is one.
    pub(crate) fn merge_challenges<'m>(&self, best: Message<'m>, edit: &mut Edit<'m>) {
        if !matches!(best.status(), Some(401 | 407)) {
            return;
        }
        for (id, value) in &self.challenges {
            if !best.fields(*id).any(|f| f.value == &**value) {
                edit.append(id.name(), value);
            }
        }
    }
}

const CHALLENGES: [HeaderId; 2] = [HeaderId::WwwAuthenticate, HeaderId::ProxyAuthenticate];

/// Lower is better. 6xx before all; then the lowest class, a peer's word before our own guess; inside
/// 4xx first those that tell the caller what to change (16.7 step 6), last those that only say that
/// nobody was there.
fn rank(status: u16, is_real: bool) -> (u8, bool, u8) {
    if !is_real && status == 487 {
        // The caller himself ended it: that comes before all that only says that nobody answered.
        return (3, true, 0);
    }
    let class = match status {
        600.. => 0,
        200..=299 => 1,
        300..=399 => 2,
        400..=499 => 3,
        _ => 4,
    };
    let detail = match status {
        401 | 407 | 415 | 420 | 484 => 0,
        408 | 480 | 487 | 503 => 2,
        _ => 1,
    };
    // A time-out or refused connection of ours never beats what a peer said.
    if is_real {
        (class, false, detail)
    } else {
        (class.max(4), true, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All orders of arrival of two finals give the same winner.
    fn winner(a: (u16, bool), b: (u16, bool)) -> u16 {
        let first = if rank(b.0, b.1) < rank(a.0, a.1) {
            b
        } else {
            a
        };
        let second = if rank(a.0, a.1) < rank(b.0, b.1) {
            a
        } else {
            b
        };
        assert!(rank(first.0, first.1) == rank(second.0, second.1));
        first.0
    }

    #[test]
    fn a_6xx_beats_everything() {
        for other in [302, 401, 404, 486, 500, 503] {
            assert_eq!(winner((603, true), (other, true)), 603);
        }
    }

    #[test]
    fn the_lowest_class_wins() {
        assert_eq!(winner((302, true), (404, true)), 302);
        assert_eq!(winner((486, true), (500, true)), 486);
    }

    #[test]
    fn a_challenge_beats_other_4xx() {
        assert_eq!(winner((407, true), (486, true)), 407);
        assert_eq!(winner((401, true), (404, true)), 401);
    }

    #[test]
    fn what_a_peer_said_beats_a_local_failure() {
        assert_eq!(winner((408, false), (486, true)), 486);
        assert_eq!(winner((408, false), (500, true)), 500);
        assert_eq!(winner((503, false), (480, true)), 480);
    }

    #[test]
    fn the_callers_own_cancel_beats_what_failed_before_it() {
        assert_eq!(winner((487, false), (408, false)), 487);
        assert_eq!(winner((487, false), (503, true)), 487);
        assert_eq!(winner((487, false), (486, true)), 486);
    }

    #[test]
    fn busy_beats_not_there() {
        assert_eq!(winner((480, true), (486, true)), 486);
        assert_eq!(winner((487, true), (486, true)), 486);
    }
}
