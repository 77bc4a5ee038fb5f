//! Mode `passthrough`: the PBX challenges the phones, what it grants is bound here.

use crate::site::*;
use bellhop_core::auth::{Algorithm, upstream::Login};
use bellhop_core::lease::Mode;
use bellhop_core::registrar::{Aor, Bindings};
use std::sync::Arc;

#[test]
fn the_pbx_asks_the_phone_and_what_it_grants_is_bound() {
    let mut site = passing();
    site.pbx.most = 500;
    let mut a = phone_at("6001", 1);
    let request = registration(&mut a, "Expires: 3600\r\n");
    say(&mut site.world, &a, &request);
    let challenge = site.hear(&a).unwrap();
    assert_eq!(status_of(&challenge), 401, "{challenge}");
    assert!(
        challenge.contains(&format!("realm=\"{REALM}\"")),
        "{challenge}"
    );
    assert_eq!(bound(&site, "6001"), 0);
    let request = a.authorize(&request, &challenge, Algorithm::Md5).unwrap();
    say(&mut site.world, &a, &request);
    let answer = site.hear(&a).unwrap();
    assert_eq!(status_of(&answer), 200, "{answer}");
    let contact = header_of(&answer, "Contact");
    assert!(
        contact.starts_with("<sip:6001@203.0.113.1:5060>"),
        "{contact}"
    );
    assert!(contact.ends_with(";expires=500"), "{contact}");
    // What went on is the phone's own, but for where it is.
    let passed = &site.pbx.heard[1];
    let same = |name| assert_eq!(header_of(passed, name), header_of(&request, name), "{name}");
    for name in ["Authorization", "From", "To", "Call-ID", "CSeq"] {
        same(name);
    }
    assert!(passed.starts_with("REGISTER sip:example.org SIP/2.0\r\n"));
    assert!(
        !header_of(passed, "Contact").contains("203.0.113"),
        "{passed}"
    );
    let contact = site.contact("6001");
    assert!(
        contact.starts_with("sip:bh") && contact.ends_with(SERVER),
        "{contact}"
    );
    // The PBX finds the phone by it.
    let mut p = pbx();
    let call = p.request("MESSAGE", &contact, "to-6001", "");
    say(&mut site.world, &p, &call);
    let call = site.hear(&a).unwrap();
    assert!(
        call.starts_with("MESSAGE sip:6001@203.0.113.1:5060 SIP/2.0"),
        "{call}"
    );
    site.run(501 * SECOND);
    assert_eq!(bound(&site, "6001"), 0);
}

#[test]
fn a_refresh_goes_on_and_a_deregistration_takes_both_down() {
    let mut site = passing();
    let mut a = phone_at("6001", 1);
    assert_eq!(
        status_of(&authorize(&mut site, &mut a, "Expires: 600\r\n")),
        200
    );
    site.run(5 * MINUTE);
    assert_eq!(
        status_of(&authorize(&mut site, &mut a, "Expires: 600\r\n")),
        200
    );
    assert_eq!((site.heard(), site.contacts("6001").len()), (4, 1));
    assert_eq!(bound(&site, "6001"), 1);
    let answer = authorize(&mut site, &mut a, "Expires: 0\r\n");
    assert_eq!(status_of(&answer), 200, "{answer}");
    assert_eq!(site.contacts("6001"), [""; 0]);
    assert_eq!(bound(&site, "6001"), 0);
    let request = registration(&mut a, "Expires: 600\r\n");
    let answer = shown(&mut site, &mut a, &request);
    assert_eq!(status_of(&answer), 200, "{answer}");
    let star = register_of(&mut a, AOR, "star", "Contact: *\r\n", "Expires: 0\r\n");
    let answer = shown(&mut site, &mut a, &star);
    assert_eq!(status_of(&answer), 200, "{answer}");
    assert!(site.pbx.heard.last().unwrap().contains("Contact: *\r\n"));
    assert_eq!(bound(&site, "6001"), 0);
}

#[test]
fn a_phone_that_starts_anew_takes_down_at_the_pbx_what_it_was_before() {
    let mut site = passing();
    let mut a = phone_at("6001", 1);
    let contact = "Contact: <sip:6001@203.0.113.1:5060>\r\n";
    for call_id in ["before", "anew"] {
        let request = register_of(&mut a, AOR, call_id, contact, "Expires: 600\r\n");
        let answer = shown(&mut site, &mut a, &request);
        assert_eq!(status_of(&answer), 200, "{answer}");
        assert_eq!((site.contacts("6001").len(), bound(&site, "6001")), (1, 1));
    }
    // The PBX has the one by which the phone is reached.
    let mut p = pbx();
    let call = p.request("MESSAGE", &site.contact("6001"), "to-6001", "");
    say(&mut site.world, &p, &call);
    let call = site.hear(&a).unwrap();
    assert!(call.starts_with("MESSAGE sip:6001@203.0.113.1"), "{call}");
    let request = register_of(&mut a, AOR, "third", contact, "Expires: 0\r\n");
    shown(&mut site, &mut a, &request);
    assert_eq!((site.contacts("6001").len(), bound(&site, "6001")), (0, 0));
}

#[test]
fn what_the_pbx_refuses_binds_nobody_and_takes_nobody_down() {
    let mut site = passing();
    let mut a = phone_at("6001", 1);
    authorize(&mut site, &mut a, "Expires: 600\r\n");
    let mut thief = phone_at("6001", 66);
    thief.password = "guessed".to_owned();
    for more in ["Expires: 600\r\n", "Expires: 0\r\n"] {
        assert_eq!(status_of(&authorize(&mut site, &mut thief, more)), 401);
    }
    for status in [403, 404, 423, 480] {
        site.pbx.manner = Manner::Answers(status, "Min-Expires: 900\r\n".to_owned());
        let answer = authorize(&mut site, &mut a, "Expires: 600\r\n");
        assert_eq!(status_of(&answer), status, "{answer}");
    }
    assert_eq!(bound(&site, "6001"), 1);
    // A PBX that lists others' contacts and not ours has not taken it.
    site.pbx.manner = Manner::Answers(200, "Contact: <sip:6001@192.0.2.9>;expires=60\r\n".into());
    let answer = authorize(&mut site, &mut a, "Expires: 600\r\n");
    assert_eq!(status_of(&answer), 500, "{answer}");
}

#[test]
fn a_stranger_reaches_the_pbx_alone_whatever_he_asks_for() {
    let mut site = passing();
    let mut a = phone_at("6001", 1);
    authorize(&mut site, &mut a, "Expires: 600\r\n");
    let mut stranger = phone_at("6002", 66);
    for to in ["sip:6001@example.org", "sip:6001@203.0.113.1:5060"] {
        let more = "P-Asserted-Identity: <sip:6009@example.org>\r\n";
        let call = of_domain(&stranger.request("MESSAGE", to, &format!("x{to}"), more));
        say(&mut site.world, &stranger, &call);
        site.run(Duration::from_millis(50));
        let passed = site.others.pop().expect("it goes to the PBX");
        assert!(
            passed.starts_with(&format!("MESSAGE {to} SIP/2.0\r\n")),
            "{passed}"
        );
        assert!(!passed.contains("P-Asserted-Identity"), "{passed}");
        assert!(
            site.world
                .expect_within(a.address, Duration::ZERO)
                .is_none()
        );
    }
    for (to, more) in [
        (
            "sip:6001@example.org",
            "Route: <sip:203.0.113.1:5060;lr>\r\n",
        ),
        ("sip:6001@example.org;maddr=203.0.113.1", ""),
    ] {
        let call = of_domain(&stranger.request("MESSAGE", to, &format!("y{}", more.len()), more));
        say(&mut site.world, &stranger, &call);
        assert_eq!(status_of(&site.hear(&stranger).unwrap()), 403);
    }
    assert_eq!(site.others, [""; 0]);
}

#[test]
fn the_challenge_of_a_call_goes_back_and_its_answer_goes_on_unchanged() {
    let mut site = passing();
    let mut a = phone_at("6001", 1);
    let invite = of_domain(&a.request("INVITE", "sip:600@example.org", "call", BODY));
    say(&mut site.world, &a, &invite);
    site.run(Duration::from_millis(50));
    let passed = site.others.pop().expect("the INVITE");
    let ask = format!(
        "WWW-Authenticate: Digest realm=\"{REALM}\", nonce=\"n\", algorithm=MD5, qop=\"auth\"\r\n"
    );
    say(
        &mut site.world,
        &pbx(),
        &pbx().answer(&passed, 401, "Unauthorized", &ask),
    );
    // No 100 before: it would keep the phone from asking again if this is lost.
    let challenge = site.hear(&a).unwrap();
    assert_eq!(status_of(&challenge), 401, "{challenge}");
    assert_eq!(
        header_of(&challenge, "WWW-Authenticate"),
        ask[18..].trim_end()
    );
    let invite = a.authorize(&invite, &challenge, Algorithm::Md5).unwrap();
    say(&mut site.world, &a, &invite);
    site.run(Duration::from_millis(50));
    let passed = site
        .others
        .iter()
        .find(|m| m.starts_with("INVITE "))
        .cloned();
    let passed = passed.expect("the second INVITE");
    assert_eq!(
        header_of(&passed, "Authorization"),
        header_of(&invite, "Authorization")
    );
    say(
        &mut site.world,
        &pbx(),
        &pbx().answer(&passed, 100, "Trying", ""),
    );
    assert_eq!(status_of(&site.hear(&a).unwrap()), 100);
    say(
        &mut site.world,
        &pbx(),
        &pbx().answer(&passed, 200, "OK", ""),
    );
    let ok = site.hear(&a).unwrap();
    assert_eq!(status_of(&ok), 200, "{ok}");
    assert!(ok.contains("Record-Route: "), "{ok}");
}

#[test]
fn a_forged_source_is_sent_no_more_than_it_paid_for_and_nothing_again() {
    let mut site = passing();
    let mut victim = phone_at("6001", 7);
    let invite = of_domain(&victim.request("INVITE", "sip:600@example.org", "forged", ""));
    say(&mut site.world, &victim, &invite);
    site.run(Duration::from_millis(50));
    let passed = site.others.pop().expect("the INVITE");
    let large = format!(
        "WWW-Authenticate: Digest realm=\"{}\"\r\n",
        "x".repeat(3_000)
    );
    say(
        &mut site.world,
        &pbx(),
        &pbx().answer(&passed, 401, "Unauthorized", &large),
    );
    site.run(40 * SECOND);
    assert!(
        site.world
            .expect_within(victim.address, Duration::ZERO)
            .is_none()
    );
    let (server, client, contexts) = site.world.nodes[0].engine.live();
    assert_eq!((server, client, contexts), (0, 0, 0));
}

#[test]
fn a_login_of_ours_never_answers_for_a_stranger() {
    let mut config = leased(Mode::Passthrough);
    config.upstreams[0].login = Some(Arc::new(Login::with_password("trunk", "secret")));
    let mut site = Site::of(config);
    site.pbx.challenge = Some((REALM.to_owned(), "secret".to_owned()));
    let mut stranger = phone_at("6001", 66);
    let request = registration(&mut stranger, "Expires: 600\r\n");
    say(&mut site.world, &stranger, &request);
    assert_eq!(status_of(&site.hear(&stranger).unwrap()), 401);
    let call = of_domain(&stranger.request("MESSAGE", "sip:600@example.org", "m", ""));
    say(&mut site.world, &stranger, &call);
    site.run(SECOND);
    let passed = site.others.pop().expect("the MESSAGE");
    let ask = format!(
        "WWW-Authenticate: Digest realm=\"{REALM}\", nonce=\"n\", algorithm=MD5, qop=\"auth\"\r\n"
    );
    say(
        &mut site.world,
        &pbx(),
        &pbx().answer(&passed, 401, "Unauthorized", &ask),
    );
    assert_eq!(status_of(&site.hear(&stranger).unwrap()), 401);
}

#[test]
fn a_mailbox_is_told_of_before_the_200_but_no_call_comes_then() {
    let mut site = passing();
    let mut a = phone_at("6001", 1);
    let request = registration(&mut a, "Expires: 600\r\n");
    say(&mut site.world, &a, &request);
    let challenge = site.hear(&a).unwrap();
    let request = a.authorize(&request, &challenge, Algorithm::Md5).unwrap();
    site.pbx.manner = Manner::Silent;
    say(&mut site.world, &a, &request);
    site.run(Duration::from_millis(20));
    let contact = header_of(site.pbx.heard.last().unwrap(), "Contact");
    let contact = contact.split(['<', '>']).nth(1).unwrap().to_owned();
    let mut p = pbx();
    for (method, comes) in [("NOTIFY", true), ("INVITE", false)] {
        let ask = p.request(method, &contact, method, "Event: message-summary\r\n");
        say(&mut site.world, &p, &ask);
        site.run(Duration::from_millis(50));
        let heard = site.world.expect_within(a.address, Duration::ZERO);
        assert_eq!(heard.is_some(), comes, "{method}: {heard:?}");
    }
}

#[test]
fn phones_of_a_domain_in_another_mode_are_challenged_here() {
    let mut config = leased(Mode::Terminate);
    config.domains.push("pass.example.org".to_owned());
    let own = ("pass.example.org".to_owned(), Mode::Passthrough);
    config.registrar.leases.domains.push(own);
    let mut site = Site::of(config);
    let mut a = phone_at("6001", 1);
    let answer = site.register(&mut a, "Expires: 600\r\n");
    assert_eq!(status_of(&answer), 200, "{answer}");
    assert_eq!(site.heard(), 0);
    // His word that he is of the other domain takes him to the PBX and to no phone here.
    let mut stranger = phone_at("6002", 66);
    let call = stranger.request("MESSAGE", AOR, "m", "");
    let call = call.replace(
        &format!("<sip:6002@{SERVER}>"),
        "<sip:6002@pass.example.org>",
    );
    say(&mut site.world, &stranger, &call);
    site.run(Duration::from_millis(50));
    assert_eq!(site.others.len(), 1);
    assert!(
        site.world
            .expect_within(a.address, Duration::ZERO)
            .is_none()
    );
    let call = of_domain(&stranger.request("MESSAGE", AOR, "n", ""));
    say(&mut site.world, &stranger, &call);
    assert_eq!(status_of(&site.hear(&stranger).unwrap()), 407);
}

#[test]
fn a_register_whose_connection_went_before_the_200_binds_nobody() {
    let mut site = passing();
    let mut a = tcp_phone("6001", "203.0.113.1:40000");
    let request = registration(&mut a, "Expires: 600\r\n");
    say(&mut site.world, &a, &request);
    let challenge = site.hear(&a).unwrap();
    let request = a.authorize(&request, &challenge, Algorithm::Md5).unwrap();
    say(&mut site.world, &a, &request);
    site.world.cut(a.address);
    site.run(SECOND);
    assert_eq!(bound(&site, "6001"), 0);
}

#[test]
fn a_silent_pbx_is_not_answered_for_and_what_was_bound_stays() {
    let mut site = passing();
    let mut a = phone_at("6001", 1);
    authorize(&mut site, &mut a, "Expires: 600\r\n");
    site.pbx.manner = Manner::Silent;
    site.pbx.challenge = None;
    let request = registration(&mut a, "Expires: 600\r\n");
    say(&mut site.world, &a, &request);
    site.run(40 * SECOND);
    while let Some(answer) = site.world.expect_within(a.address, Duration::ZERO) {
        assert_ne!(status_of(&answer), 200, "{answer}");
    }
    assert_eq!(bound(&site, "6001"), 1);
    assert_eq!(site.world.nodes[0].engine.live(), (0, 0, 0));
}

fn passing() -> Site {
    let mut site = Site::new(Mode::Passthrough);
    site.pbx.challenge = Some((REALM.to_owned(), "secret6001".to_owned()));
    site
}

/// Sends a REGISTER and the answer to its challenge.
fn authorize(site: &mut Site, peer: &mut Peer, more: &str) -> String {
    let request = registration(peer, more);
    shown(site, peer, &request)
}

fn shown(site: &mut Site, peer: &mut Peer, request: &str) -> String {
    say(&mut site.world, peer, request);
    let challenge = site.hear(peer).expect("a challenge");
    assert_eq!(status_of(&challenge), 401, "{challenge}");
    let request = peer.authorize(request, &challenge, Algorithm::Md5).unwrap();
    say(&mut site.world, peer, &request);
    site.hear(peer).expect("an answer")
}

/// The request, from an address of record.
fn of_domain(request: &str) -> String {
    request.replacen(&format!("@{SERVER}>;tag"), "@example.org>;tag", 1)
}

/// How many phones are bound here.
fn bound(site: &Site, user: &str) -> usize {
    let aor = Aor::parse_text(&format!("sip:{user}@example.org")).unwrap();
    let mut bindings = Bindings::new();
    let location = &site.world.nodes[0].shared.location;
    location.lookup(site.world.now.instant, &aor, &mut bindings);
    bindings.len()
}

const REALM: &str = "asterisk";
const BODY: &str = "Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n";
