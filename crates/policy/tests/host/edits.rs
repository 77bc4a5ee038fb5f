//! What a plugin may change, and what never.

use crate::kit::{Kit, invite, message, orders, probe};
use bellhop_core::policy::{Hook, Step};
use bellhop_policy::{Capability, Grants};

#[test]
fn what_the_engine_owns_is_refused_in_every_spelling() {
    let names = [
        "Via",
        "v",
        "FROM",
        "f",
        "To",
        "t",
        "Call-ID",
        "i",
        "CSeq",
        "Record-Route",
        "Route",
        "Contact",
        "m",
        "Max-Forwards",
        "Content-Length",
        "l",
        "Content-Type",
        "c",
        "Authorization",
        "Proxy-Authorization",
        "WWW-Authenticate",
        "Proxy-Authenticate",
    ];
    let mut kit = Kit::new(vec![probe("p")]);
    for name in names {
        let all = [
            format!("set {name} x"),
            format!("add {name} x"),
            format!("remove {name}"),
        ];
        let outcome = kit.request(&orders(&all.each_ref().map(String::as_str)));
        assert_eq!(
            outcome.saw(),
            ["Err(EditError::Protected)"; 3].join("\n"),
            "{name}"
        );
    }
}

#[test]
fn a_line_end_or_nul_is_refused_and_leaves_nothing() {
    let mut kit = Kit::new(vec![probe("p")]);
    for evil in ["cr", "lf", "nul"] {
        let outcome = kit.request(&orders(&[&format!("raw {evil}")]));
        assert_eq!(
            outcome.saw(),
            "Err(EditError::Malformed(\"not a header value\"))"
        );
        assert!(
            outcome.changes.keeps(b"X-Raw") && outcome.changes.added(b"X-Raw").next().is_none()
        );
    }
}

#[test]
fn without_a_grant_every_edit_is_denied() {
    let mut config = probe("p");
    config.grants = config
        .grants
        .iter()
        .filter(|c| *c != Capability::Edit)
        .collect::<Grants>();
    let mut kit = Kit::new(vec![config]);
    // It cannot even say what it saw.
    let outcome = kit.request(&orders(&[
        "set X-A 1",
        "add X-A 1",
        "remove X-A",
        "uri sip:b@c",
        "body x",
    ]));
    assert!(outcome.changes.is_empty());
    let response = message("SIP/2.0 200 OK", "INVITE", &orders(&["set X-A 1"]));
    let outcome = kit.ask(Hook::Response, &response);
    assert_eq!(outcome.changes.added(b"X-A").count(), 1);
}

#[test]
fn edits_of_responses_and_bodies_have_grants_of_their_own() {
    let mut config = probe("p");
    let without = [Capability::EditResponse, Capability::BodyWrite];
    config.grants = config
        .grants
        .iter()
        .filter(|c| !without.contains(c))
        .collect::<Grants>();
    let mut kit = Kit::new(vec![config]);
    let response = message("SIP/2.0 200 OK", "INVITE", &orders(&["set X-A 1"]));
    assert!(kit.ask(Hook::Response, &response).changes.is_empty());
    let outcome = kit.request(&orders(&["body x", "set X-A 1"]));
    assert_eq!(outcome.saw(), "Err(EditError::Denied)\nOk(())");
}

#[test]
fn removing_says_how_many_lines_there_were() {
    let lines = format!(
        "X-A: 1\r\nx-a: 2\r\n{}",
        orders(&["add X-A 3", "remove X-A", "remove X-A"])
    );
    let outcome = Kit::new(vec![probe("p")]).request(&lines);
    assert_eq!(outcome.saw(), "Ok(())\nOk(3)\nOk(0)");
}

#[test]
fn edits_of_a_hook_that_traps_are_taken_back_with_its_notes_and_those_before_stay() {
    let mut kit = Kit::new(vec![probe("p")]);
    let mut before = kit.request(&orders(&["set X-A 1", "note k v"]));
    let steps = before.changes.steps().count();
    before.changes.set_uri("sip:before@example.org").unwrap();
    let lines = orders(&[
        "uri sip:after@example.org",
        "set X-A 2",
        "note k w",
        "note l x",
        "body y",
        "trap",
    ]);
    let after = kit.ask_after(
        Hook::Request,
        &invite(&lines),
        before.notes,
        before.changes,
        None,
    );
    assert_eq!(
        after.changes.uri(),
        Some(b"sip:before@example.org".as_slice())
    );
    assert_eq!(after.changes.steps().count(), steps + 1);
    assert!(after.changes.body().is_none());
    assert_eq!(after.notes.iter().collect::<Vec<_>>(), [("k", "v")]);
}

#[test]
fn notes_pass_from_hook_to_hook() {
    let mut kit = Kit::new(vec![probe("p")]);
    let first = kit.request(&orders(&["note plan gold"]));
    let lines = orders(&["noted plan", "noted other"]);
    let second = kit.ask_after(
        Hook::Request,
        &invite(&lines),
        first.notes,
        Default::default(),
        None,
    );
    assert_eq!(second.saw(), "Some(\"gold\")\nNone");
}

#[test]
fn an_edit_is_staged_as_it_was_asked_for() {
    let outcome =
        Kit::new(vec![probe("p")]).request(&orders(&["uri tel:+4930", "set Subject a, b"]));
    let steps: Vec<Step<'_>> = outcome.changes.steps().collect();
    assert_eq!(steps[0], Step::Uri(b"tel:+4930"));
    assert_eq!(steps[2], Step::Set(b"Subject", b"a, b"));
}
