//! Every transition of a lease.

use super::*;

const T: Instant = Instant::from_micros(7);
const U: Instant = Instant::from_micros(9);

const STATES: [State; 16] = [
    State::Wanted { hold: Hold::No },
    State::Wanted { hold: Hold::Unsure },
    State::Wanted {
        hold: Hold::Until(T),
    },
    State::Asking {
        hold: Hold::No,
        then_ends: false,
    },
    State::Asking {
        hold: Hold::No,
        then_ends: true,
    },
    State::Asking {
        hold: Hold::Until(T),
        then_ends: false,
    },
    State::Asking {
        hold: Hold::Until(T),
        then_ends: true,
    },
    State::Held { until: T },
    State::Resting { hold: Hold::No },
    State::Resting {
        hold: Hold::Until(T),
    },
    State::Ending { hold: Hold::Unsure },
    State::Ending {
        hold: Hold::Until(T),
    },
    State::Removing { is_wanted: false },
    State::Removing { is_wanted: true },
    State::Leaving,
    State::Gone,
];

const EVENTS: [Event; 9] = [
    Event::Want,
    Event::Renew,
    Event::Drop,
    Event::Turn,
    Event::Granted(U),
    Event::Refused,
    Event::Silent,
    Event::Due,
    Event::Expired,
];

#[test]
fn all_transitions_of_a_lease() {
    let short = |state: State| {
        format!("{state:?}")
            .replace("Instant(7)", "t")
            .replace("Instant(9)", "u")
    };
    let mut table = String::new();
    for state in STATES {
        table.push_str(&format!("{}\n", short(state)));
        for event in EVENTS {
            let (next, action) = state.on(event);
            if (next, action) != (state, Action::Nothing) {
                let event = format!("{event:?}").replace("Instant(9)", "u");
                table.push_str(&format!("  {event}: {} / {action:?}\n", short(next)));
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_register_is_under_way_in_two_states_only_and_a_turn_leads_there() {
    for state in STATES {
        let (next, action) = state.on(Event::Turn);
        let sends = matches!(action, Action::Register | Action::Remove);
        assert_eq!(sends, state.waits_for_turn(), "{state:?}");
        let asks = matches!(next, State::Asking { .. } | State::Removing { .. });
        assert!(!sends || asks, "{state:?}");
    }
}

#[test]
fn whatever_the_pbx_may_hold_is_taken_down_before_a_lease_is_forgotten() {
    for state in STATES.into_iter().filter(|s| s.hold() != Hold::No) {
        for event in EVENTS {
            let (next, _) = state.on(event);
            let was_answered = matches!(
                (state, event),
                (State::Removing { .. }, Event::Granted(_)) | (State::Leaving, Event::Expired)
            );
            assert!(next != State::Gone || was_answered, "{state:?} {event:?}");
        }
    }
}
