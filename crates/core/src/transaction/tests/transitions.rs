//! Every state with every event of each machine, over both kinds of transport: next state and actions.

use super::sim::{Machine, reliable, unreliable};
use crate::transaction::{
    invite_client as ic, invite_server as is, non_invite_client as nc, non_invite_server as ns,
};
use proptest::prelude::*;
use std::{fmt::Write, time::Duration};

const T1: Duration = Duration::from_millis(500);
const EARLY: Duration = Duration::from_millis(3499);
const LATE: Duration = Duration::from_millis(3500);

const IC_STATES: [ic::State; 5] = [
    ic::State::Calling { interval: T1 },
    ic::State::Proceeding,
    ic::State::Completed,
    ic::State::Accepted,
    ic::State::Terminated,
];
const IC_EVENTS: [ic::Event; 8] = [
    ic::Event::Provisional,
    ic::Event::Success,
    ic::Event::Failure,
    ic::Event::Timer(ic::Timer::A),
    ic::Event::Timer(ic::Timer::B),
    ic::Event::Timer(ic::Timer::D),
    ic::Event::Timer(ic::Timer::M),
    ic::Event::TransportError,
];
const NC_STATES: [nc::State; 4] = [
    nc::State::Trying { interval: T1 },
    nc::State::Proceeding,
    nc::State::Completed,
    nc::State::Terminated,
];
const NC_EVENTS: [nc::Event; 6] = [
    nc::Event::Provisional,
    nc::Event::Final,
    nc::Event::Timer(nc::Timer::E),
    nc::Event::Timer(nc::Timer::F),
    nc::Event::Timer(nc::Timer::K),
    nc::Event::TransportError,
];
const IS_STATES: [is::State; 6] = [
    is::State::Proceeding { answered: false },
    is::State::Proceeding { answered: true },
    is::State::Completed { interval: T1 },
    is::State::Confirmed,
    is::State::Accepted,
    is::State::Terminated,
];
const IS_EVENTS: [is::Event; 9] = [
    is::Event::Invite,
    is::Event::Ack,
    is::Event::Provisional,
    is::Event::Success,
    is::Event::Failure,
    is::Event::Timer(is::Timer::G),
    is::Event::Timer(is::Timer::H),
    is::Event::Timer(is::Timer::I),
    is::Event::Timer(is::Timer::L),
];
const NS_STATES: [ns::State; 4] = [
    ns::State::Trying,
    ns::State::Proceeding,
    ns::State::Completed,
    ns::State::Terminated,
];
const NS_EVENTS: [ns::Event; 7] = [
    ns::Event::Request,
    ns::Event::Trying { age: EARLY },
    ns::Event::Trying { age: LATE },
    ns::Event::Forbidden,
    ns::Event::Final,
    ns::Event::Timer(ns::Timer::J),
    ns::Event::Timer(ns::Timer::Unanswered),
];

fn transitions<M: Machine>(states: &[M], events: &[M::Event]) -> String {
    let mut text = String::new();
    for (transport, env) in [("unreliable", unreliable()), ("reliable", reliable())] {
        let (state, actions) = M::begin(&env);
        writeln!(text, "== {transport}\nstart -> {state:?} {actions:?}").unwrap();
        for state in states {
            writeln!(text, "{state:?}").unwrap();
            for event in events {
                let (next, actions) = state.transition(*event, &env);
                if next == *state && actions.is_empty() {
                    writeln!(text, "  {event:?} -> absorbed").unwrap();
                } else {
                    writeln!(text, "  {event:?} -> {next:?} {actions:?}").unwrap();
                }
            }
        }
    }
    text
}

#[test]
fn all_transitions_of_the_invite_client() {
    insta::assert_snapshot!(transitions(&IC_STATES, &IC_EVENTS));
}

#[test]
fn all_transitions_of_the_non_invite_client() {
    insta::assert_snapshot!(transitions(&NC_STATES, &NC_EVENTS));
}

#[test]
fn all_transitions_of_the_invite_server() {
    insta::assert_snapshot!(transitions(&IS_STATES, &IS_EVENTS));
}

#[test]
fn all_transitions_of_the_non_invite_server() {
    insta::assert_snapshot!(transitions(&NS_STATES, &NS_EVENTS));
}

/// Feeds any events at any times, then lets 70 s pass; the state it ends in.
fn end_of<M: Machine>(reliable_transport: bool, script: &[(u16, usize)], events: &[M::Event]) -> M {
    let env = if reliable_transport {
        reliable()
    } else {
        unreliable()
    };
    let mut sim = super::sim::Sim::<M>::new(env);
    let mut now = 0;
    for (pause, event) in script {
        now += u64::from(*pause);
        sim.run_to(now);
        sim.feed(events[event % events.len()]);
    }
    sim.run_to(now + 70_000);
    sim.state
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Only an INVITE that rings waits without a timer of its own: that wait is its user's (16.8).
    #[test]
    fn every_machine_ends_by_itself(
        tcp: bool,
        script in proptest::collection::vec((0..20_000u16, 0..64usize), 0..12),
    ) {
        let peer_events = &IC_EVENTS[..3];
        let end = end_of::<ic::State>(tcp, &script, peer_events);
        prop_assert!(matches!(end, ic::State::Terminated | ic::State::Proceeding));
        let end = end_of::<nc::State>(tcp, &script, &NC_EVENTS[..2]);
        prop_assert_eq!(end, nc::State::Terminated);
        let end = end_of::<is::State>(tcp, &script, &IS_EVENTS[..5]);
        let rings = matches!(end, is::State::Proceeding { .. });
        prop_assert!(rings || end == is::State::Terminated);
        let end = end_of::<ns::State>(tcp, &script, &NS_EVENTS[..5]);
        prop_assert_eq!(end, ns::State::Terminated);
    }
}
