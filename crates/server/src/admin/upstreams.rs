//! How the upstreams are, for people.

use super::state::Running;
use crate::upstreams::Seen;
use bellhop_core::upstream::State;
use serde::Serialize;

/// All targets.
#[derive(Debug, Serialize)]
pub(super) struct List {
    upstreams: Vec<Part>,
}

/// One target; times are seconds.
#[derive(Debug, Serialize)]
struct Part {
    name: String,
    target: String,
    host: String,
    state: &'static str,
    /// How long it has been so; null: since the start, nothing else was ever known.
    lasted: Option<u64>,
    /// For how long it is still left alone because it asked.
    rest: Option<u64>,
    /// How often it is probed; null: what requests show is all that is known.
    probe: Option<u64>,
    /// Subscriptions that are relayed and known to be there.
    relayed: usize,
    trouble: Option<Trouble>,
}

/// What was the matter last.
#[derive(Debug, Serialize)]
struct Trouble {
    what: String,
    ago: u64,
}

/// All targets of the configuration in use.
pub(super) fn all(running: &Running) -> List {
    let now = running.clock.now();
    let relayed = running.subscriptions.at_targets();
    let part = |seen: Seen| {
        let there = relayed.iter().find(|(at, _)| *at == Some(seen.place));
        let look = seen.look;
        Part {
            name: seen.upstream,
            target: seen.target,
            host: seen.host,
            state: name(look.state),
            lasted: look.lasted.map(|lasted| lasted.as_secs()),
            rest: match look.state {
                State::Draining(until) => Some(until.since(now.instant).as_secs()),
                State::Up | State::Down => None,
            },
            probe: seen.probe.map(|every| every.as_secs()),
            relayed: there.map_or(0, |(_, count)| *count),
            trouble: look.trouble.map(|(what, ago)| Trouble {
                what: what.to_string(),
                ago: ago.as_secs(),
            }),
        }
    };
    List {
        upstreams: running.upstreams.seen(now).into_iter().map(part).collect(),
    }
}

const fn name(state: State) -> &'static str {
    match state {
        State::Up => "up",
        State::Down => "down",
        State::Draining(_) => "draining",
    }
}
