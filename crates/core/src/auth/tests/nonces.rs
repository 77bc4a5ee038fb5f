//! Nonces over time: staleness, replay, retransmission.

use super::*;

const BOTH: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Md5];

#[test]
fn an_expired_nonce_with_a_right_digest_is_stale_and_the_next_try_passes() {
    let mut door = Door::new(&BOTH);
    let nonce = door.nonce();
    door.pass(Duration::from_secs(301));
    assert_eq!(told(&door.check(&Answer::to(&nonce).register())), "stale");
    let nonce = door.nonce();
    assert_eq!(told(&door.check(&Answer::to(&nonce).register())), "in");
}

#[test]
fn a_nonce_of_another_node_or_start_is_stale() {
    let nonce = Door::keyed(&BOTH, [4; 32], ReplayGuard::new(64)).nonce();
    let door = Door::new(&BOTH);
    assert_eq!(told(&door.check(&Answer::to(&nonce).register())), "stale");
    assert_eq!(
        told(&door.check(&Answer::to("made up").register())),
        "stale"
    );
}

#[test]
fn a_nonce_given_to_another_address_is_stale() {
    let mut door = Door::new(&BOTH);
    let nonce = door.nonce();
    let text = Answer::to(&nonce).register();
    let elsewhere = Ipv4Addr::new(198, 51, 100, 7).into();
    let outcome = door.check_as(&text, elsewhere, Role::Registrar);
    assert_eq!(told(&outcome), "stale");
}

#[test]
fn a_wrong_password_is_never_stale() {
    let mut door = Door::new(&BOTH);
    let good = door.nonce();
    let wrong = |door: &Door, nonce: &str, nc| {
        let answer = Answer {
            password: "falsch",
            nc,
            ..Answer::to(nonce)
        };
        told(&door.check(&answer.register()))
    };
    assert_eq!(told(&door.check(&Answer::to(&good).register())), "in");
    assert_eq!(wrong(&door, &good, 1), "challenged", "count used");
    assert_eq!(wrong(&door, "made up", 1), "challenged", "foreign");
    door.pass(Duration::from_secs(301));
    assert_eq!(wrong(&door, &good, 2), "challenged", "expired");
}

#[test]
fn a_wrong_password_does_not_use_up_a_count() {
    let mut door = Door::new(&BOTH);
    let nonce = door.nonce();
    let wrong = Answer {
        password: "falsch",
        nc: 9,
        ..Answer::to(&nonce)
    };
    assert_eq!(told(&door.check(&wrong.register())), "challenged");
    assert_eq!(told(&door.check(&Answer::to(&nonce).register())), "in");
}

#[test]
fn a_replayed_nc_gets_stale_and_a_higher_one_passes() {
    let mut door = Door::new(&BOTH);
    let nonce = door.nonce();
    let with = |nc, method| {
        let answer = Answer {
            nc,
            method,
            ..Answer::to(&nonce)
        };
        request(method, URI, &[&answer.line()], "")
    };
    assert_eq!(told(&door.check(&with(1, "INVITE"))), "in");
    assert_eq!(told(&door.check(&with(1, "INVITE"))), "stale");
    assert_eq!(told(&door.check(&with(1, "MESSAGE"))), "stale");
    assert_eq!(told(&door.check(&with(3, "INVITE"))), "in");
    assert_eq!(told(&door.check(&with(2, "INVITE"))), "stale");
}

#[test]
fn a_register_that_is_retransmitted_over_udp_passes_again() {
    let mut door = Door::new(&BOTH);
    let nonce = door.nonce();
    let text = Answer::to(&nonce).register();
    for _ in 0..4 {
        assert_eq!(told(&door.check(&text)), "in");
        door.pass(Duration::from_secs(4));
    }
    door.pass(Duration::from_secs(17));
    assert_eq!(
        told(&door.check(&text)),
        "stale",
        "later than a client retransmits"
    );
}

#[test]
fn a_register_with_anything_changed_is_not_a_retransmission() {
    let mut door = Door::new(&BOTH);
    let nonce = door.nonce();
    let contact = "Contact: <sip:6001@192.0.2.1>";
    let text = register(&[contact, &Answer::to(&nonce).line()]);
    assert_eq!(told(&door.check(&text)), "in");
    for (from, to) in [
        (
            "Contact: <sip:6001@192.0.2.1>",
            "Contact: <sip:thief@192.0.2.9>",
        ),
        ("branch=z9hG4bK776", "branch=z9hG4bK777"),
        ("Call-ID: 1@", "Call-ID: 2@"),
        ("CSeq: 1 ", "CSeq: 2 "),
        ("Max-Forwards: 70", "Max-Forwards: 70\r\nExpires: 0"),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text);
        assert_eq!(told(&door.check(&changed)), "stale", "{to}");
    }
    assert_eq!(told(&door.check(&text)), "in");
}

#[test]
fn over_tcp_nothing_is_retransmitted() {
    let mut door = Door::new(&BOTH);
    let nonce = door.nonce();
    let text = Answer::to(&nonce)
        .register()
        .replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    assert_eq!(told(&door.check(&text)), "in");
    assert_eq!(told(&door.check(&text)), "stale");
}

#[test]
fn a_nonce_that_was_forgotten_is_stale_and_cannot_be_replayed() {
    let mut door = Door::keyed(&BOTH, [3; 32], ReplayGuard::new(1));
    let nonces: Vec<_> = (0..200).map(|_| door.nonce()).collect();
    let try_all = |door: &Door| {
        let check = |nonce: &String| told(&door.check(&Answer::to(nonce).register()));
        nonces
            .iter()
            .map(check)
            .filter(|told| *told == "in")
            .count()
    };
    // All were made in one millisecond: whatever is pushed out takes the others of its stripe along.
    let first = try_all(&door);
    assert!((1..=32).contains(&first), "{first}");
    door.pass(Duration::from_secs(60));
    assert_eq!(try_all(&door), 0, "none a second time");
    let fresh = door.nonce();
    assert_eq!(told(&door.check(&Answer::to(&fresh).register())), "in");
}

#[test]
fn a_clock_that_was_set_back_makes_nonces_stale_not_immortal() {
    let mut door = Door::new(&BOTH);
    let nonce = door.nonce();
    door.now.unix -= Duration::from_secs(3600);
    assert_eq!(told(&door.check(&Answer::to(&nonce).register())), "stale");
    let nonce = door.nonce();
    assert_eq!(told(&door.check(&Answer::to(&nonce).register())), "in");
}

#[test]
fn a_hundred_phones_at_once_do_not_disturb_each_other() {
    let mut door = Door::keyed(&BOTH, [3; 32], ReplayGuard::new(4096));
    let nonces: Vec<_> = (0..100).map(|_| door.nonce()).collect();
    for nonce in &nonces {
        assert_eq!(told(&door.check(&Answer::to(nonce).register())), "in");
    }
}
