//! Calls by key, from the first INVITE to the last BYE.

use super::*;
use bellhop_core::flow::{Flow, ListenerId, Transport};
use bellhop_core::policy::Source;

const ALICE: &[u8] = b"sip:alice@example.org;user=phone";

fn event<'e>(
    phase: Phase,
    call_id: &'e [u8],
    from_tag: &'e [u8],
    user: Option<&'e str>,
) -> DialogEvent<'e> {
    DialogEvent {
        phase,
        call_id,
        from_tag,
        from_uri: ALICE,
        to_uri: b"tel:+4930123",
        source: Source {
            flow: Flow {
                listener: ListenerId(0),
                transport: Transport::Udp,
                remote: "[::ffff:192.0.2.7]:5060".parse().unwrap(),
                connection: None,
            },
            listener: "outside",
            zone: "carrier",
            user,
            is_in_dialog: false,
        },
        answered_by: None,
        status: 0,
    }
}

fn at(seconds: u64) -> Instant {
    Instant::from_micros(1).after(Duration::from_secs(seconds))
}

#[test]
fn a_call_counts_from_its_first_try_to_its_end_under_each_of_its_keys() {
    let dialogs = Dialogs::default();
    for phase in [
        Phase::Tried,
        Phase::Early,
        Phase::Early,
        Phase::Confirmed,
        Phase::Refreshed,
    ] {
        dialogs.observe(at(0), &event(phase, b"a", b"1", Some("6001")));
        for (key, value) in [
            ("user", "6001"),
            ("source", "192.0.2.7"),
            ("zone", "carrier"),
            ("listener", "outside"),
            ("from", "alice@example.org"),
            ("to", "+4930123"),
        ] {
            assert_eq!(dialogs.count(key, value), 1, "{phase:?} {key}");
        }
    }
    dialogs.observe(at(0), &event(Phase::Tried, b"b", b"1", Some("6001")));
    assert_eq!(dialogs.count("user", "6001"), 2);
    dialogs.observe(at(0), &event(Phase::Ended, b"a", b"1", Some("6001")));
    dialogs.observe(at(0), &event(Phase::Ended, b"a", b"1", Some("6001")));
    assert_eq!(dialogs.count("user", "6001"), 1);
    assert_eq!(dialogs.count("colour", "red"), 0);
}

#[test]
fn a_call_ended_by_the_callee_is_still_the_caller_s() {
    let dialogs = Dialogs::default();
    dialogs.observe(at(0), &event(Phase::Tried, b"a", b"1", Some("6001")));
    dialogs.observe(at(5), &event(Phase::Confirmed, b"a", b"1", Some("6001")));
    let about = dialogs.observe(at(9), &event(Phase::Ended, b"a", b"2", Some("6002")));
    let caller = about.caller.unwrap();
    assert_eq!(caller.origin.user.as_deref(), Some("6001"));
    assert_eq!(*caller.tag, *b"1");
    assert_eq!(about.lasted, Duration::from_secs(4));
    assert_eq!((dialogs.count("user", "6001"), dialogs.len()), (0, 0));
}

#[test]
fn notes_of_the_invite_are_there_at_the_end() {
    let dialogs = Dialogs::default();
    let mut notes = Notes::default();
    notes.set("plan", "gold").unwrap();
    dialogs.note(at(0), b"a", &notes);
    dialogs.observe(at(0), &event(Phase::Tried, b"a", b"1", None));
    assert_eq!(dialogs.count("zone", "carrier"), 1);
    let about = dialogs.observe(at(1), &event(Phase::Ended, b"a", b"1", None));
    assert_eq!(about.notes.find("plan"), Some("gold"));
}

#[test]
fn a_full_table_counts_no_more_until_calls_without_an_end_are_a_day_old() {
    let dialogs = Dialogs::default();
    for n in 0..=MOST {
        let call_id = n.to_string();
        dialogs.observe(at(0), &event(Phase::Tried, call_id.as_bytes(), b"1", None));
    }
    assert_eq!(dialogs.len(), MOST);
    let day = LONGEST.as_secs() + 1;
    dialogs.observe(at(day), &event(Phase::Tried, b"new", b"1", None));
    assert_eq!((dialogs.len(), dialogs.count("zone", "carrier")), (1, 1));
}
