//! Adding, refreshing, removing, asking (RFC 3261 10.2, 10.3).

use super::*;

#[test]
fn a_contact_is_bound_with_everything_it_says() {
    let mut site = Site::new();
    site.flow = udp(40_001);
    let lines = [
        "Contact: \"Bob\" <sip:bob@10.0.0.1:5060;ob>;q=0.7;expires=600;methods=\"INVITE, BYE\";+sip.x",
    ];
    site.bind(&Register::new(4, &lines));
    let held = site.held();
    let [binding] = held.as_slice() else {
        panic!("one binding");
    };
    assert_eq!(text(binding.contact()), "sip:bob@10.0.0.1:5060;ob");
    assert_eq!(text(binding.params()), ";methods=\"INVITE, BYE\";+sip.x");
    assert_eq!((binding.q, binding.cseq), (700, 4));
    assert_eq!(text(binding.call_id()), "1@phone");
    assert_eq!(binding.flow, udp(40_001));
    assert_eq!(binding.remaining(site.now), Duration::from_secs(600));
    assert_eq!(binding.updated, site.now);
    assert!(binding.path().is_empty() && binding.instance().is_none() && binding.reg_id.is_none());
}

#[test]
fn a_register_without_contact_asks_and_changes_nothing() {
    // RFC 3261 10.2.3.
    let site = Site::new();
    assert!(site.bind(&Register::new(1, &[])).is_empty());
    site.bind(&Register::new(2, &["Contact: <sip:bob@h1>, <sip:bob@h2>"]));
    let asked = site
        .apply(&Register::by("other", 1, &["Expires: 0"]))
        .unwrap();
    assert_eq!(asked.bindings.len(), 2);
    assert!(asked.changes.is_empty());
    assert_eq!(site.held().len(), 2);
}

#[test]
fn several_contacts_and_several_phones_stand_beside_each_other() {
    let site = Site::new();
    site.bind(&Register::new(
        1,
        &["Contact: <sip:bob@h1>, <sip:bob@h2>", "m: <sip:bob@h3>"],
    ));
    site.bind(&Register::by("2@phone", 1, &["Contact: sip:bob@h4"]));
    assert_eq!(site.held().len(), 4);
}

#[test]
fn the_highest_q_comes_first_and_at_equal_q_the_newest() {
    let mut site = Site::new();
    site.bind(&Register::by("a", 1, &["Contact: <sip:bob@old>"]));
    site.pass(1);
    site.bind(&Register::by("b", 1, &["Contact: <sip:bob@low>;q=0.2"]));
    site.pass(1);
    site.bind(&Register::by("c", 1, &["Contact: <sip:bob@new>"]));
    assert_eq!(
        site.contacts(),
        ["sip:bob@new", "sip:bob@old", "sip:bob@low"]
    );
    site.pass(1);
    site.bind(&Register::by("a", 2, &["Contact: <sip:bob@old>"]));
    assert_eq!(
        site.contacts(),
        ["sip:bob@old", "sip:bob@new", "sip:bob@low"]
    );
}

#[test]
fn a_refresh_takes_the_place_of_the_same_contact() {
    // RFC 3261 19.1.4: host without case, escapes by meaning, parameters that only one has ignored.
    let mut site = Site::new();
    site.bind(&Register::new(
        1,
        &["Contact: <sip:bob@Host:5060>;expires=600"],
    ));
    site.pass(500);
    site.flow = udp(40_002);
    let again = Register::new(2, &["Contact: <sip:%62ob@host:5060;x=y>;expires=600"]);
    let registered = site.apply(&again).unwrap();
    assert_eq!(registered.changes.len(), 1);
    assert_eq!(registered.changes[0].kind, ChangeKind::Refreshed);
    let held = site.held();
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].remaining(site.now), Duration::from_secs(600));
    assert_eq!(
        held[0].flow,
        udp(40_002),
        "requests go where the last REGISTER came from"
    );
}

#[test]
fn another_port_or_transport_is_another_binding_and_the_old_one_stays_until_it_ends() {
    let mut site = Site::new();
    site.bind(&Register::new(
        1,
        &["Contact: <sip:bob@h:5060>;expires=600"],
    ));
    site.pass(300);
    site.bind(&Register::new(
        2,
        &["Contact: <sip:bob@h:5070>;expires=600"],
    ));
    site.bind(&Register::new(3, &["Contact: <sip:bob@h>;expires=600"]));
    assert_eq!(site.held().len(), 3);
    site.pass(300);
    assert_eq!(site.held().len(), 2);
}

#[test]
fn expires_0_removes_the_contact_and_leaves_the_others() {
    // RFC 3261 10.2.2.
    let site = Site::new();
    site.bind(&Register::new(
        1,
        &["Contact: <sip:bob@h1>, <sip:bob@h2>, <sip:bob@h3>"],
    ));
    site.bind(&Register::new(2, &["Contact: <sip:bob@h1>;expires=0"]));
    assert_eq!(site.held().len(), 2);
    let gone = site
        .apply(&Register::new(3, &["Contact: <sip:bob@h2>", "Expires: 0"]))
        .unwrap();
    assert_eq!(gone.changes[0].kind, ChangeKind::Removed);
    assert_eq!(text(gone.changes[0].binding.contact()), "sip:bob@h2");
    assert_eq!(site.contacts(), ["sip:bob@h3"]);
    let absent = site
        .apply(&Register::new(4, &["Contact: <sip:bob@h9>;expires=0"]))
        .unwrap();
    assert!(
        absent.changes.is_empty(),
        "what is not there is not removed"
    );
}

#[test]
fn one_register_may_add_refresh_and_remove() {
    let site = Site::new();
    site.bind(&Register::new(1, &["Contact: <sip:bob@h1>, <sip:bob@h2>"]));
    let lines = ["Contact: <sip:bob@h1>;expires=0, <sip:bob@h2>, <sip:bob@h3>"];
    let registered = site.apply(&Register::new(2, &lines)).unwrap();
    let kinds: Vec<_> = registered
        .changes
        .iter()
        .map(|change| change.kind)
        .collect();
    assert_eq!(
        kinds,
        [
            ChangeKind::Removed,
            ChangeKind::Refreshed,
            ChangeKind::Added
        ]
    );
    assert_eq!(site.held().len(), 2);
}

#[test]
fn star_with_expires_0_removes_all_phones() {
    // RFC 3261 10.2.2.
    let site = Site::new();
    site.bind(&Register::by("a", 7, &["Contact: <sip:bob@h1>"]));
    site.bind(&Register::by("b", 1, &["Contact: <sip:bob@h2>"]));
    let wiped = site
        .apply(&Register::by("c", 1, &["Contact: *", "Expires: 0"]))
        .unwrap();
    assert!(wiped.bindings.is_empty());
    assert_eq!(wiped.changes.len(), 2);
    assert!(site.held().is_empty());
    assert_eq!(site.location.len(), 0);
    assert_eq!(site.location.indexed(), (0, 0, 0));
}

#[test]
fn the_lifetime_is_the_contacts_then_the_headers_then_the_default() {
    for (lines, granted) in [
        (
            &["Contact: <sip:bob@h>;expires=100", "Expires: 200"] as &[&str],
            100,
        ),
        (&["Contact: <sip:bob@h>", "Expires: 200"], 200),
        (&["Contact: <sip:bob@h>"], 1800),
        (&["Contact: <sip:bob@h;expires=100>"], 1800),
        (&["Contact: <sip:bob@h;expires=100>", "Expires: 200"], 200),
        (&["Contact: sip:bob@h;expires=100"], 100),
        (&["Contact: <sip:bob@h>;EXPIRES=100"], 100),
        (&["Contact: <sip:bob@h>;expires=\"100\""], 100),
        (&["Contact: <sip:bob@h>;expires=7200"], 3600),
        (&["Contact: <sip:bob@h>;expires=4294967296"], 3600),
        (&["Contact: <sip:bob@h>", "Expires: 99999999999"], 3600),
        (&["Contact: <sip:bob@h>;expires=soon"], 3600),
        (&["Contact: <sip:bob@h>;expires"], 3600),
        (&["Contact: <sip:bob@h>;expires=60", "Expires: 0"], 60),
    ] {
        let mut site = Site::new();
        site.config.default_expires = Duration::from_secs(1800);
        site.bind(&Register::new(1, lines));
        let held = site.held();
        assert_eq!(held[0].remaining(site.now).as_secs(), granted, "{lines:?}");
    }
}

#[test]
fn a_binding_counts_until_its_time_is_up() {
    let mut site = Site::new();
    site.bind(&Register::new(1, &["Contact: <sip:bob@h>;expires=60"]));
    site.pass(59);
    assert_eq!(site.held().len(), 1);
    site.pass(1);
    assert!(site.held().is_empty());
    assert!(site.bind(&Register::new(2, &[])).is_empty());
}

#[test]
fn folded_parameters_are_stored_in_one_line() {
    let site = Site::new();
    site.bind(&Register::new(
        1,
        &["Contact: <sip:bob@h>\r\n ;a=\"x\r\n y\"\r\n ; b = c"],
    ));
    let params = text(site.held()[0].params());
    assert!(!params.contains(['\r', '\n']), "{params:?}");
    assert!(
        params.starts_with(";a=\"x") && params.ends_with(";b=c"),
        "{params:?}"
    );
}

#[test]
fn the_request_uri_of_a_binding_has_no_headers() {
    // RFC 4475 3.3.14 (regescrt): such a Contact is legal.
    let site = Site::new();
    let lines = ["Contact: <sip:b?b@example.com;x=y?Route=%3Csip:sip.example.com%3E>"];
    site.bind(&Register::new(1, &lines));
    assert_eq!(text(&site.held()[0].target()), "sip:b?b@example.com;x=y");
    let plain = Site::new();
    plain.bind(&Register::new(1, &["Contact: <sip:b?b@example.com>"]));
    assert_eq!(text(&plain.held()[0].target()), "sip:b?b@example.com");
}
