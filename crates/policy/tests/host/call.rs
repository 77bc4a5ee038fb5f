//! What a plugin makes of a call: its mode, and what its record says.

use crate::kit::{Kit, guest, message, probe};
use bellhop_core::policy::{Changes, Hook, Notes};
use bellhop_policy::{Capability, PluginConfig};

fn recorded(notes: &Notes) -> String {
    let all = notes.recorded().iter();
    let all: Vec<String> = all.map(|(key, value)| format!("{key}={value}")).collect();
    all.join(",")
}

#[test]
fn a_mode_and_notes_reach_the_core_and_the_last_word_counts() {
    let mut kit = Kit::new(vec![probe("p")]);
    let orders = [
        "mode proxy",
        "mode b2bua",
        "record account 17",
        "record account 4711",
    ];
    let seen = kit.request(&orders.map(|order| format!("X-Do: {order}\r\n")).concat());
    assert_eq!(seen.saw(), "Ok(())\nOk(())\nOk(())\nOk(())");
    assert_eq!(seen.notes.legs(), Some(true));
    assert_eq!(recorded(&seen.notes), "account=4711");
    assert_eq!(
        seen.notes.iter().count(),
        0,
        "they are no notes of the message"
    );
}

#[test]
fn of_a_hook_that_traps_nothing_is_left() {
    let mut kit = Kit::new(vec![probe("p")]);
    let seen = kit.request("X-Do: mode b2bua\r\nX-Do: record account 17\r\nX-Do: trap\r\n");
    assert_eq!(
        (seen.notes.legs(), recorded(&seen.notes)),
        (None, String::new())
    );
}

#[test]
fn a_message_that_begins_no_call_has_no_mode_and_no_record() {
    let mut kit = Kit::new(vec![probe("p")]);
    let lines = "X-Do: mode b2bua\r\nX-Do: record account 17\r\n";
    let options = message("OPTIONS sip:7000@example.org SIP/2.0", "OPTIONS", lines);
    let seen = kit.ask(Hook::Request, &options);
    assert_eq!(
        seen.saw().matches("\"not-now\"").count(),
        2,
        "{}",
        seen.saw()
    );
    let ok = message("SIP/2.0 200 OK", "INVITE", lines);
    let seen = kit.ask(Hook::Response, &ok);
    assert_eq!(
        seen.saw().matches("\"not-now\"").count(),
        2,
        "{}",
        seen.saw()
    );
    assert_eq!(
        (seen.notes.legs(), recorded(&seen.notes)),
        (None, String::new())
    );
}

#[test]
fn a_record_takes_so_many_notes_and_no_longer_ones() {
    let mut kit = Kit::new(vec![probe("p")]);
    let mut lines: String = (0..17)
        .map(|n| format!("X-Do: record key{n} x\r\n"))
        .collect();
    lines += &format!("X-Do: record key0 {}\r\n", "x".repeat(257));
    let seen = kit.request(&lines);
    let said: Vec<String> = seen.saw().lines().map(str::to_owned).collect();
    assert!(said[..16].iter().all(|said| said == "Ok(())"), "{said:?}");
    assert!(
        said[16..].iter().all(|said| said.contains("\"full\"")),
        "{said:?}"
    );
    assert_eq!(said.len(), 18);
    assert_eq!(seen.notes.recorded().len(), 16);
}

#[test]
fn without_the_grant_it_is_not_loaded() {
    let kit = Kit::empty();
    let grants = Capability::ALL.into_iter();
    let grants = grants.filter(|one| !matches!(one, Capability::Call | Capability::Http));
    let config = PluginConfig {
        grants: grants.collect(),
        ..PluginConfig::new("p", guest("probe.wasm"))
    };
    let refused = kit.registry.swap(vec![config]).unwrap_err();
    assert!(refused.to_string().contains("call"), "{refused}");
}

#[test]
fn what_a_shadow_chooses_nobody_sees() {
    let shadow = PluginConfig {
        shadow: true,
        ..probe("p")
    };
    let mut kit = Kit::new(vec![shadow]);
    let seen = kit.request("X-Do: mode b2bua\r\nX-Do: record account 17\r\n");
    assert_eq!(
        (seen.notes.legs(), recorded(&seen.notes)),
        (None, String::new())
    );
    assert_eq!(seen.changes, Changes::default());
}
