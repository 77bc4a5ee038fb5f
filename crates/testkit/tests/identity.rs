//! Who may say who he is: RFC 3325, 3323, and digest credentials that must not travel (RFC 3261 22.3).
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::auth::Algorithm;
use bellhop_core::config::Zone;
use bellhop_testkit::{World, header, header_of, status_of};
use common::*;

/// What reaches phone 6002 of a PBX's request with these header lines.
fn from_pbx(method: &str, more: &str) -> String {
    let mut world = world();
    let (_, b) = pair(&mut world);
    let mut p = pbx();
    let request = p.request(method, "sip:6002@192.0.2.1", "from-pbx", more);
    say(&mut world, &p, &request);
    world.expect(b.address).unwrap()
}

const PRIVATE: &str = "P-Asserted-Identity: <sip:999@pbx>\r\nRemote-Party-ID: <sip:999@pbx>\r\n";

#[test]
fn a_private_identity_does_not_reach_a_phone() {
    for privacy in ["id", "Id", "user ; id", "header;id;critical"] {
        let got = from_pbx("INVITE", &format!("{PRIVATE}Privacy: {privacy}\r\n"));
        assert!(!got.contains("sip:999@pbx"), "{privacy}: {got}");
        assert_eq!(header_of(&got, "Privacy"), privacy);
    }
    for privacy in [
        "",
        "Privacy: none\r\n",
        "Privacy: user\r\n",
        "Privacy: idle\r\n",
    ] {
        assert!(from_pbx("INVITE", &format!("{PRIVATE}{privacy}")).contains("sip:999@pbx"));
    }
}

#[test]
fn a_private_identity_does_not_reach_a_phone_inside_a_dialog() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let mut p = pbx();
    let invite = a.request("INVITE", "sip:600@example.org", "in", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let at_p = world.expect(p.address).unwrap();
    say(&mut world, &p, &p.answer(&at_p, 200, "OK", ""));
    skip(&mut world, a.address, 100);
    let more = format!("{PRIVATE}Privacy: id\r\n");
    let update = from_callee(&mut p, "UPDATE", &at_p, 1, &more);
    say(&mut world, &p, &update);
    let got = world.expect(a.address).unwrap();
    assert!(
        got.starts_with("UPDATE ") && !got.contains("999@pbx"),
        "{got}"
    );
}

#[test]
fn a_private_identity_reaches_a_trusted_network() {
    let mut world = World::new(1);
    let mut config = config();
    config.listeners.push(listener(
        "inner",
        bellhop_core::flow::Transport::Udp,
        "10.0.0.1:5060",
        Zone::Inside,
    ));
    world.start(config, auth());
    let mut b = phone("6002", "10.0.0.2:5060");
    b.server = addr("10.0.0.1:5060");
    let first = b.request("REGISTER", "sip:example.org", "inner", "Expires: 60\r\n");
    let first = first.replacen("To: <sip:example.org>", "To: <sip:6002@example.org>", 1);
    assert_eq!(status_of(&ask(&mut world, &b, &first)), 200);
    let mut p = pbx();
    let more = format!("{PRIVATE}Privacy: id\r\n");
    let request = p.request("INVITE", "sip:6002@192.0.2.1", "inner-call", &more);
    say(&mut world, &p, &request);
    assert!(world.expect(b.address).unwrap().contains("999@pbx"));
}

#[test]
fn claims_of_a_phone_inside_a_dialog_are_stripped() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (_, ok) = talk(&mut world, &mut a, &b, "claims");
    let info = from_caller(&mut a, "INFO", &ok, 9).replacen(
        "Contact:",
        "p-ASSERTED-identity:<sip:boss@x>\r\nDiversion : <sip:boss@x>\r\nX-SECRET: boss\r\nContact:",
        1,
    );
    say(&mut world, &a, &info);
    assert!(!world.expect(b.address).unwrap().contains("boss"));
}

#[test]
fn a_name_that_only_a_lax_reader_takes_for_an_identity_is_refused() {
    for octet in (1..=255_u8)
        .map(char::from)
        .filter(|c| !c.is_ascii_alphanumeric())
    {
        if "\n\r\t -.!%*_+`'~:".contains(octet) || !octet.is_ascii() {
            continue;
        }
        let mut world = world();
        let mut a = phone("6001", "203.0.113.1:5060");
        let more = format!("P-Asserted-Identity{octet}: <sip:boss@x>\r\n");
        let request = a.request("MESSAGE", "sip:600@example.org", "lax", &more);
        assert_eq!(status_of(&ask(&mut world, &a, &request)), 400, "{octet:?}");
    }
}

#[test]
fn credentials_for_our_realm_end_here_and_others_travel_on() {
    let mut world = world();
    let (mut a, p) = (phone("6001", "203.0.113.1:5060"), pbx());
    let foreign =
        "Digest username=\"x\", realm=\"other.test\", nonce=\"n\", uri=\"sip:x\", response=\"00\"";
    let more = format!("Proxy-Authorization: {foreign}\r\nAuthorization: {foreign}\r\n");
    let request = a.request("MESSAGE", "sip:600@example.org", "creds", &more);
    let request = authorized(&mut world, &mut a, &request);
    say(&mut world, &a, &request);
    let got = world.expect(p.address).unwrap();
    assert_eq!(header_of(&got, "Proxy-Authorization"), foreign);
    assert_eq!(header_of(&got, "Authorization"), foreign);
    assert!(!got.contains("realm=\"example.org\""), "{got}");
}

#[test]
fn a_phone_that_challenges_in_our_name_learns_no_answer() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let message = a.request("MESSAGE", "sip:6002@example.org", "hostile", "");
    let first = authorized(&mut world, &mut a, &message);
    say(&mut world, &a, &first);
    let at_b = world.expect(b.address).unwrap();
    let trap = "WWW-Authenticate: Digest realm=\"example.org\", nonce=\"trap\", algorithm=SHA-256, qop=\"auth\"\r\n";
    say(&mut world, &b, &b.answer(&at_b, 401, "Unauthorized", trap));
    let challenge = world.expect(a.address).unwrap();
    assert_eq!(status_of(&challenge), 401);
    // The caller answers it, and our own challenge of that request too.
    let answer = a
        .authorize(&message, &challenge, Algorithm::Sha256)
        .unwrap();
    let answer = authorized(&mut world, &mut a, &answer);
    say(&mut world, &a, &answer);
    let got = world.expect(b.address).unwrap();
    assert_eq!(header(&got, "Authorization"), None, "{got}");
    assert_eq!(header(&got, "Proxy-Authorization"), None);
}

#[test]
fn the_identity_we_assert_is_the_from_that_the_user_owns() {
    let mut world = World::new(1);
    let mut auth = auth();
    let aors = ["sip:6001@example.org", "sip:support@example.org"]
        .map(|aor| bellhop_core::registrar::Aor::parse_text(aor).unwrap());
    let user =
        bellhop_core::auth::User::with_password("6001", "example.org", "secret6001", aors.into());
    auth.users = std::sync::Arc::new(bellhop_core::auth::Users::new(vec![user]).unwrap());
    world.start(config(), auth);
    let p = pbx();
    for (n, (from, asserted)) in [
        ("sip:6001@192.0.2.1:5060", "<sip:6001@example.org>"),
        ("sip:support@EXAMPLE.org", "<sip:support@example.org>"),
        ("sip:anonymous@anonymous.invalid", "<sip:6001@example.org>"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut a = phone("6001", &format!("203.0.113.{n}:5060"));
        let message = a.request("MESSAGE", "sip:600@example.org", from, "");
        let message = message.replacen(
            "From: <sip:6001@192.0.2.1:5060>",
            &format!("From: <{from}>"),
            1,
        );
        let message = authorized(&mut world, &mut a, &message);
        say(&mut world, &a, &message);
        let got = world.expect(p.address).unwrap();
        assert_eq!(header_of(&got, "P-Asserted-Identity"), asserted, "{from}");
    }
}

#[test]
fn two_calls_at_the_same_time_do_not_mix_their_nonces() {
    let mut world = world();
    let p = pbx();
    let mut phones: Vec<_> = (0..20).map(|_| phone("6001", "203.0.113.1:5060")).collect();
    let requests: Vec<_> = phones
        .iter_mut()
        .enumerate()
        .map(|(n, a)| {
            let request = a.request("MESSAGE", "sip:600@example.org", &format!("par-{n}"), "");
            request.replace("z9hG4bK6001x1", &format!("z9hG4bK{n}x"))
        })
        .collect();
    let challenges: Vec<_> = phones
        .iter()
        .zip(&requests)
        .map(|(a, r)| ask(&mut world, a, r))
        .collect();
    for ((a, request), challenge) in phones.iter_mut().zip(&requests).zip(&challenges).rev() {
        let request = a.authorize(request, challenge, Algorithm::Sha256).unwrap();
        say(&mut world, a, &request);
        assert!(world.expect(p.address).unwrap().starts_with("MESSAGE "));
    }
}

#[test]
fn a_user_who_wants_privacy_is_named_to_a_trusted_pbx_alone() {
    for is_trusted in [true, false] {
        let mut world = World::new(1);
        let mut config = config();
        config.upstreams[0].trusted = is_trusted;
        world.start(config, auth());
        let (mut a, p) = (phone("6001", "203.0.113.1:5060"), pbx());
        let message = a.request("MESSAGE", "sip:600@example.org", "quiet", "Privacy: id\r\n");
        let message = authorized(&mut world, &mut a, &message);
        say(&mut world, &a, &message);
        let got = world.expect(p.address).unwrap();
        // RFC 3325 5, 7.
        assert_eq!(
            header(&got, "P-Asserted-Identity").is_some(),
            is_trusted,
            "{got}"
        );
    }
}
