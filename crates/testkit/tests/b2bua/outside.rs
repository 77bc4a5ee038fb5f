//! What is asked outside of calls: nothing of one side is shown to the other.

use crate::common::*;
use crate::site::{config_of, is_over, shows_nothing};
use bellhop_core::b2bua::B2buaConfig;
use bellhop_core::config::UpstreamTarget;
use bellhop_testkit::{Peer, World, header, header_of, status_of};

/// What the phone has and the PBX must not see.
const PHONE: [&str; 4] = ["203.0.113.", "f6001", "z9hG4bK6001", "phone-call"];

/// One phone that is registered, and a PBX that has a name, too.
fn scene() -> (World, Peer, Peer) {
    let mut config = config_of(B2buaConfig::default());
    let named = UpstreamTarget {
        host: "pbx.inside".to_owned(),
        ..config.upstreams[0].targets[0].clone()
    };
    config.upstreams[0].targets.push(named);
    let mut world = World::new(1);
    world.start(config, auth());
    let mut a = phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut a);
    (world, a, pbx())
}

fn hides_phone(message: &str) {
    for word in PHONE {
        assert!(!message.contains(word), "{word} in {message}");
    }
}

fn text(body: &str) -> String {
    let length = body.len();
    format!("Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// A request of the phone with its credentials, as the PBX has it.
fn asks(world: &mut World, a: &mut Peer, method: &str, more: &str) -> String {
    let request = a.request(method, "sip:7000@example.org", "phone-call", more);
    let request = authorized(world, a, &request);
    say(world, a, &request);
    world.expect(addr(PBX)).expect("a request at the PBX")
}

const METHODS: [&str; 6] = ["MESSAGE", "OPTIONS", "PUBLISH", "INFO", "NOTIFY", "FOO"];
const LINES: &str = "Event: presence\r\nExpires: 60\r\nSIP-If-Match: e1\r\n\
    Subscription-State: active\r\nOrganization: pbx.inside\r\nX-Own: 1\r\n";

#[test]
fn a_request_of_the_phone_and_its_answer_show_neither_side_the_other() {
    for method in METHODS {
        let (mut world, mut a, p) = scene();
        let more = format!("{LINES}{}", text("hello"));
        let at_pbx = asks(&mut world, &mut a, method, &more);
        assert!(
            at_pbx.starts_with(&format!("{method} sip:7000@")),
            "{at_pbx}"
        );
        assert!(at_pbx.ends_with("\r\n\r\nhello"), "{at_pbx}");
        hides_phone(&at_pbx);
        assert_eq!(header_of(&at_pbx, "CSeq"), format!("1 {method}"));
        assert_eq!(header(&at_pbx, "Record-Route"), None);
        assert_eq!(header(&at_pbx, "User-Agent"), None);
        assert_eq!(header_of(&at_pbx, "SIP-If-Match"), "e1");
        let more = format!(
            "Server: Asterisk PBX 22\r\nSIP-ETag: e2\r\nAllow: INVITE, PUBLISH, X-ASTERISK\r\n\
             Warning: 399 pbx.inside \"x\"\r\nX-Node: 198.51.100.5\r\n{}",
            text("by pbx.inside")
        );
        say(
            &mut world,
            &p,
            &p.answer(&at_pbx, 200, "OK of Asterisk", &more),
        );
        let answer = outcome(&mut world, &a);
        assert_eq!(status_of(&answer), 200, "{answer}");
        shows_nothing(&answer);
        assert_eq!(header_of(&answer, "Call-ID"), "phone-call");
        assert_eq!(header_of(&answer, "SIP-ETag"), "e2");
        assert_eq!(header_of(&answer, "Allow"), "INVITE, PUBLISH");
        assert!(answer.ends_with("\r\n\r\nby example.org"), "{answer}");
        world.pass(std::time::Duration::from_secs(64));
        assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
    }
}

#[test]
fn a_refusal_has_its_status_and_none_of_the_pbxs_words() {
    let (mut world, mut a, p) = scene();
    for status in [302, 400, 404, 412, 423, 486, 603] {
        let at_pbx = asks(&mut world, &mut a, "PUBLISH", LINES);
        let more = format!(
            "Server: Asterisk\r\nMin-Expires: 90\r\nReason: Q.850;cause=16;text=\"pbx.inside\"\r\n\
             Error-Info: <http://pbx.inside/>\r\nDiversion: <sip:1@198.51.100.5>\r\n{}",
            text("pbx.inside says no")
        );
        say(
            &mut world,
            &p,
            &p.answer(&at_pbx, status, "Asterisk says no", &more),
        );
        let answer = outcome(&mut world, &a);
        assert_eq!(status_of(&answer), status, "{answer}");
        shows_nothing(&answer);
        assert_eq!(header_of(&answer, "Min-Expires"), "90");
        assert_eq!(header_of(&answer, "Reason"), "Q.850;cause=16");
    }
}

/// Whoever challenges in the inside is answered by us or not at all.
#[test]
fn a_challenge_of_the_pbx_is_not_the_phones_to_answer() {
    let (mut world, mut a, p) = scene();
    let at_pbx = asks(&mut world, &mut a, "MESSAGE", "");
    let more = "WWW-Authenticate: Digest realm=\"asterisk\", nonce=\"n\"\r\n";
    say(
        &mut world,
        &p,
        &p.answer(&at_pbx, 401, "Unauthorized", more),
    );
    let answer = outcome(&mut world, &a);
    assert_eq!(status_of(&answer), 403, "{answer}");
    assert_eq!(header(&answer, "WWW-Authenticate"), None);
}

#[test]
fn a_request_of_the_pbx_and_the_phones_answer_show_neither_side_the_other() {
    for method in METHODS {
        let (mut world, a, mut p) = scene();
        let more = format!(
            "{LINES}User-Agent: Asterisk PBX 22\r\nCall-Info: <http://pbx.inside/>\r\n\
             Content-Type: application/simple-message-summary\r\nContent-Length: 42\r\n\r\n\
             Message-Account: sip:6001@198.51.100.5:1\r\n"
        );
        let request = p.request(method, "sip:6001@192.0.2.1", "inside-call", &more);
        say(&mut world, &p, &request);
        if method == "OPTIONS" {
            // Whether a phone is there we know ourselves.
            assert_eq!(status_of(&world.expect(p.address).unwrap()), 200);
            assert_eq!(world.drain(a.address).len(), 0);
            continue;
        }
        let at_phone = world.expect(a.address).expect("a request at the phone");
        assert!(
            at_phone.starts_with(&format!("{method} sip:6001@203.0.113.1")),
            "{at_phone}"
        );
        shows_nothing(&at_phone);
        assert_eq!(header_of(&at_phone, "CSeq"), format!("1 {method}"));
        assert!(
            at_phone.ends_with("Message-Account: sip:6001@example.org\r\n"),
            "{at_phone}"
        );
        let more = "Server: baresip\r\nX-Mine: 1\r\n";
        say(&mut world, &a, &a.answer(&at_phone, 200, "OK", more));
        let answer = outcome(&mut world, &p);
        assert_eq!(status_of(&answer), 200, "{answer}");
        assert_eq!(header_of(&answer, "Call-ID"), "inside-call");
        assert_eq!(header(&answer, "Server"), None);
        assert_eq!(header_of(&answer, "X-Mine"), "1");
        hides_phone(&answer);
    }
}

/// 16.7: the first phone that says yes is the answer, and no copy of it goes back.
#[test]
fn a_message_to_two_phones_has_one_answer() {
    let (mut world, a, mut p) = scene();
    let mut b = phone("6001", "203.0.113.2:5060");
    register(&mut world, &mut b);
    let request = p.request("MESSAGE", "sip:6001@192.0.2.1", "inside-call", "");
    say(&mut world, &p, &request);
    for phone in [&a, &b] {
        let at_phone = world.expect(phone.address).expect("a MESSAGE");
        shows_nothing(&at_phone);
        say(&mut world, phone, &phone.answer(&at_phone, 200, "OK", ""));
    }
    assert_eq!(status_of(&outcome(&mut world, &p)), 200);
    world.pass(std::time::Duration::from_secs(1));
    assert_eq!(statuses(&mut world, &p), [0_u16; 0]);
}

#[test]
fn what_is_in_no_dialog_is_answered_481_and_a_strange_extension_420() {
    let (mut world, mut a, mut p) = scene();
    for method in ["MESSAGE", "OPTIONS", "NOTIFY", "REFER", "SUBSCRIBE", "FOO"] {
        let to = "<sip:6001@192.0.2.1>;tag=0123456789abcdef";
        let request = p.in_dialog(method, "sip:6001@192.0.2.1", to, "gone", 7, LINES);
        assert_eq!(status_of(&ask(&mut world, &p, &request)), 481, "{method}");
    }
    let request = a.request("MESSAGE", "sip:7000@example.org", "x", "Require: gruu\r\n");
    let request = authorized(&mut world, &mut a, &request);
    let answer = ask(&mut world, &a, &request);
    assert_eq!(status_of(&answer), 420);
    assert_eq!(header_of(&answer, "Unsupported"), "gruu");
    assert_eq!(world.drain(p.address).len(), 0);
    assert_eq!(world.drain(a.address).len(), 0);
}

#[test]
fn a_pbx_that_is_silent_leaves_nothing_behind() {
    let (mut world, mut a, _) = scene();
    asks(&mut world, &mut a, "MESSAGE", "");
    is_over(&mut world);
}
