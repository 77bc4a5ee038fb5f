//! In mode b2bua a subscription that is relayed is two dialogs, and neither side sees anything of the other
//! (RFC 7092 3.1, RFC 6665 4.4).

use crate::site::*;
use bellhop_core::b2bua::B2buaConfig;
use bellhop_core::config::Config;
use bellhop_core::config::UpstreamTarget;
use bellhop_testkit::header;

/// What the PBX has and the phone must not see.
pub(crate) const INSIDE: [&str; 6] = [
    "198.51.100.5",
    "Asterisk",
    "tpbx",
    "pbx.inside",
    "uuid-of-a-dialog",
    "z9hG4bKpbx",
];
/// What the phone has and the PBX must not see.
pub(crate) const PHONE: [&str; 4] = ["203.0.113.", "f6001", "z9hG4bK6001", "testkit"];

/// As Asterisk tells, and as others do who name their dialogs.
pub(crate) const LAMP: &str = "<?xml version=\"1.0\"?>\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"1\" \
    state=\"full\" entity=\"sip:6002@198.51.100.5:5060\"><dialog id=\"uuid-of-a-dialog\" \
    call-id=\"uuid-of-a-dialog@pbx.inside\" local-tag=\"tpbx\" remote-tag=\"tpbx\" direction=\"recipient\">\
    <state>early</state><remote><identity display=\"Bob\">sip:6003@pbx.inside</identity>\
    <target uri=\"sip:6003@198.51.100.5:5060;transport=udp\"/></remote></dialog></dialog-info>";

pub(crate) fn hiding() -> Config {
    let mut config = config();
    config.b2bua = Some(B2buaConfig::default());
    let named = UpstreamTarget {
        host: "pbx.inside".to_owned(),
        ..config.upstreams[0].targets[0].clone()
    };
    config.upstreams[0].targets.push(named);
    config
}

pub(crate) fn hidden_world() -> World {
    let mut world = World::new(1);
    world.start(hiding(), auth());
    world
}

pub(crate) fn lamp(kind: &str, body: &str) -> String {
    format!(
        "Server: Asterisk PBX 22\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(crate) fn has_none(message: &str, words: &[&str]) {
    for word in words {
        assert!(!message.contains(word), "{word} in {message}");
    }
}

/// The PBX tells of its lamp; gives the NOTIFY at the phone, which has answered it.
pub(crate) fn told(world: &mut World, watch: &mut Watch, state: &str) -> String {
    let notify = watch.notify(state, &lamp("application/dialog-info+xml", LAMP));
    say(world, &pbx(), &notify);
    let at_phone = world.expect(watch.phone.address).expect("a NOTIFY");
    let more = "Warning: 399 203.0.113.1 \"seen\"\r\n";
    let answer = watch.phone.answer(&at_phone, 200, "OK", more);
    say(world, &watch.phone, &answer);
    let at_pbx = world.expect(addr(PBX)).expect("an answer at the PBX");
    assert_eq!(status_of(&at_pbx), 200);
    assert_eq!(header_of(&at_pbx, "Call-ID"), header_of(&notify, "Call-ID"));
    // The PBX's own Via is made of what this test knows.
    has_none(at_pbx.split("\r\nFrom: ").nth(1).unwrap(), &PHONE);
    at_phone
}

/// A refresh of the phone, which the PBX grants; gives it as the PBX has it.
pub(crate) fn refresh(
    world: &mut World,
    watch: &mut Watch,
    ok: &str,
    cseq: u32,
    expires: u32,
) -> String {
    let request = from_caller(&mut watch.phone, "SUBSCRIBE", ok, cseq);
    let lines = format!("Event: dialog\r\nExpires: {expires}\r\nContent-Length: 0");
    say(
        world,
        &watch.phone,
        &request.replacen("Content-Length: 0", &lines, 1),
    );
    let at_pbx = world.expect(addr(PBX)).expect("a refresh at the PBX");
    assert!(at_pbx.starts_with("SUBSCRIBE "), "{at_pbx}");
    let more = format!("Expires: {expires}\r\n");
    say(world, &pbx(), &pbx().answer(&at_pbx, 200, "OK", &more));
    let answer = world.expect(watch.phone.address).expect("an answer");
    assert_eq!(header_of(&answer, "CSeq"), format!("{cseq} SUBSCRIBE"));
    at_pbx
}

#[test]
fn a_subscription_is_two_dialogs_from_its_begin_to_its_end() {
    let mut world = hidden_world();
    let mut watch = Watch::begun(&mut world, "watch", DIALOG);
    let first = watch.at_pbx.clone();
    has_none(&first, &PHONE);
    assert!(!first.contains("watch"), "{first}");
    assert_eq!(header(&first, "Record-Route"), None);
    assert_eq!(header_of(&first, "CSeq"), "1 SUBSCRIBE");
    assert_eq!(header_of(&first, "Event"), "dialog");

    let more = "Expires: 600\r\nServer: Asterisk\r\nRecord-Route: <sip:198.51.100.5;lr>\r\n";
    let ok = watch.answered(&mut world, 200, more);
    has_none(&ok, &INSIDE);
    assert_eq!(header_of(&ok, "Call-ID"), "watch");
    assert_eq!(header_of(&ok, "Expires"), "600");
    assert_eq!(header(&ok, "Record-Route"), None);
    assert!(
        header_of(&ok, "Contact").contains("@192.0.2.1:5060"),
        "{ok}"
    );

    let notify = told(&mut world, &mut watch, "active;expires=600");
    has_none(&notify, &INSIDE);
    assert_eq!(header_of(&notify, "Call-ID"), "watch");
    assert_eq!(header_of(&notify, "From"), header_of(&ok, "To"));
    assert_eq!(header_of(&notify, "CSeq"), "1 NOTIFY");
    assert!(
        notify.contains("entity=\"sip:6002@example.org\""),
        "{notify}"
    );
    assert!(
        notify.contains("<target uri=\"sip:6003@example.org\"/>"),
        "{notify}"
    );
    assert!(notify.contains("direction=\"recipient\""), "{notify}");
    assert_eq!(states(&world), ["active"]);
    assert_eq!(known(&world)[0].call_id[..], *b"watch");

    let again = refresh(&mut world, &mut watch, &ok, 70, 300);
    assert_eq!(header_of(&again, "CSeq"), "2 SUBSCRIBE");
    assert_eq!(header_of(&again, "Call-ID"), header_of(&first, "Call-ID"));
    assert_eq!(header_of(&again, "From"), header_of(&first, "From"));
    assert!(header_of(&again, "To").ends_with(";tag=tpbx"), "{again}");
    assert_eq!(header_of(&again, "Route"), "<sip:198.51.100.5;lr>");
    has_none(&again, &PHONE);

    refresh(&mut world, &mut watch, &ok, 71, 0);
    let last = told(&mut world, &mut watch, "terminated;reason=timeout");
    assert_eq!(header_of(&last, "CSeq"), "2 NOTIFY");
    has_none(&last, &INSIDE);
    assert!(known(&world).is_empty());
    world.pass(2 * TIMER_N + SECOND);
    assert_eq!(world.nodes[0].engine.bonds(), 0);
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
}

/// 4.4.1: the NOTIFY makes the dialog as well as the 2xx does, and with another tag it makes another one.
#[test]
fn a_notify_before_the_answer_and_one_of_a_fork_have_dialogs_of_their_own() {
    let mut world = hidden_world();
    let mut watch = Watch::begun(&mut world, "watch", DIALOG);
    let early = told(&mut world, &mut watch, "pending;expires=600");
    let ok = watch.answered(&mut world, 200, "Expires: 600\r\n");
    assert_eq!(header_of(&early, "From"), header_of(&ok, "To"));
    watch.tag = "tfork";
    let fork = told(&mut world, &mut watch, "active;expires=600");
    assert_ne!(header_of(&fork, "From"), header_of(&ok, "To"));
    assert_eq!(header_of(&fork, "CSeq"), "1 NOTIFY");
    assert!(!fork.contains("tfork"), "{fork}");
    let mut both = states(&world);
    both.sort_unstable();
    assert_eq!(both, ["active", "pending"]);
    // A refresh goes to the one that it is for.
    let again = refresh(&mut world, &mut watch, &ok, 70, 600);
    assert!(header_of(&again, "To").ends_with(";tag=tpbx"), "{again}");
    assert_eq!(world.nodes[0].engine.bonds(), 1);
}

#[test]
fn a_refusal_is_told_with_its_status_and_nothing_is_left() {
    for status in [403, 404, 481, 489, 603] {
        let mut world = hidden_world();
        let mut watch = Watch::begun(&mut world, "watch", DIALOG);
        let more = format!(
            "Allow-Events: presence\r\nWarning: 399 pbx.inside \"no\"\r\n{}",
            lamp("text/plain", "ask pbx.inside at 198.51.100.5")
        );
        let refusal = watch.answered(&mut world, status, &more);
        assert_eq!(status_of(&refusal), status);
        has_none(&refusal, &INSIDE);
        if status == 489 {
            assert_eq!(header_of(&refusal, "Allow-Events"), "presence");
        }
        assert_eq!(world.nodes[0].engine.bonds(), 0, "{status}");
        assert!(known(&world).is_empty());
    }
}

#[test]
fn a_pbx_that_never_answers_leaves_nothing() {
    let mut world = hidden_world();
    Watch::begun(&mut world, "watch", DIALOG);
    assert_eq!(world.nodes[0].engine.bonds(), 1);
    world.pass(2 * TIMER_N);
    assert_eq!(world.nodes[0].engine.bonds(), 0);
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
}

#[test]
fn one_that_is_not_refreshed_is_forgotten_and_its_notify_answered_481() {
    let mut world = hidden_world();
    let mut watch = Watch::begun(&mut world, "watch", DIALOG);
    let ok = watch.answered(&mut world, 200, "Expires: 600\r\n");
    told(&mut world, &mut watch, "active;expires=600");
    world.pass(Duration::from_secs(600));
    assert_eq!(world.nodes[0].engine.bonds(), 1);
    world.pass(TIMER_N);
    assert_eq!(world.nodes[0].engine.bonds(), 0);
    let notify = watch.notify("active;expires=600", "");
    assert_eq!(status_of(&ask(&mut world, &pbx(), &notify)), 481);
    let late = from_caller(&mut watch.phone, "SUBSCRIBE", &ok, 70);
    let late = authorized(&mut world, &mut watch.phone, &late);
    let answer = ask(&mut world, &watch.phone, &late);
    assert_eq!(status_of(&answer), 481, "{answer}");
    assert_eq!(world.drain(addr(PBX)).len(), 0);
}

#[test]
fn a_notify_that_the_phone_refuses_ends_it_on_both_sides() {
    let mut world = hidden_world();
    let mut watch = Watch::begun(&mut world, "watch", DIALOG);
    watch.answered(&mut world, 200, "Expires: 600\r\n");
    assert_eq!(watch.notified(&mut world, "active;expires=600", 200), 200);
    assert_eq!(watch.notified(&mut world, "active;expires=600", 481), 481);
    assert!(known(&world).is_empty());
    world.pass(TIMER_N + SECOND);
    assert_eq!(world.nodes[0].engine.bonds(), 0);
}

#[test]
fn what_is_wrong_in_a_subscription_is_refused_here() {
    let mut world = hidden_world();
    let mut watch = Watch::begun(&mut world, "watch", DIALOG);
    let ok = watch.answered(&mut world, 200, "Expires: 600\r\n");
    let old = from_caller(&mut watch.phone, "SUBSCRIBE", &ok, 1);
    assert_eq!(status_of(&ask(&mut world, &watch.phone, &old)), 500);
    let strange = from_caller(&mut watch.phone, "SUBSCRIBE", &ok, 80).replacen(
        "Content-Length",
        "Require: gruu\r\nContent-Length",
        1,
    );
    assert_eq!(status_of(&ask(&mut world, &watch.phone, &strange)), 420);
    let thief = phone("6001", "203.0.113.66:5060");
    let stolen = from_caller(&mut watch.phone, "SUBSCRIBE", &ok, 81);
    assert_eq!(status_of(&ask(&mut world, &thief, &stolen)), 407);
    // The PBX's tags are of no use to a stranger.
    let notify = watch.notify("terminated", "");
    assert_eq!(status_of(&ask(&mut world, &thief, &notify)), 407);
    assert_eq!(world.drain(addr(PBX)).len(), 0);
    assert_eq!(states(&world), ["waiting"]);
}

#[test]
fn no_more_are_kept_than_there_is_room_for() {
    let mut config = hiding();
    config.subscriptions.most = 1;
    let mut world = World::new(1);
    world.start(config, auth());
    let mut watch = Watch::begun(&mut world, "a", DIALOG);
    watch.answered(&mut world, 200, "Expires: 600\r\n");
    let mut other = phone("6002", "203.0.113.9:5060");
    let request = other.request("SUBSCRIBE", "sip:6003@example.org", "b", DIALOG);
    let request = authorized(&mut world, &mut other, &request);
    let refusal = ask(&mut world, &other, &request);
    assert_eq!(status_of(&refusal), 503);
    assert!(header(&refusal, "Retry-After").is_some());
    for _ in 0..20 {
        watch.tag = Box::leak(format!("fork{}", watch.cseq).into_boxed_str());
        say(&mut world, &pbx(), &watch.notify("active", ""));
    }
    world.pass(SECOND / 10);
    assert_eq!(world.drain(watch.phone.address).len(), 15);
}

/// The PBX is asked in the dialog that it has, and the phone told in its own.
#[test]
fn after_the_pbx_was_away_it_is_asked_in_its_own_dialog() {
    let mut world = hidden_world();
    let mut watch = Watch::begun(&mut world, "watch", DIALOG);
    watch.answered(&mut world, 200, "Expires: 600\r\n");
    let at_phone = told(&mut world, &mut watch, "active;expires=600");
    let mut config = hiding();
    config.upstreams[0].targets.pop();
    config.upstreams[0].probe = Some(SECOND);
    world.reconfigure(0, config, auth());
    world.pass(Duration::from_secs(12));
    world.drain(addr(PBX));
    let check = loop {
        let asked = world.expect(addr(PBX)).expect("an OPTIONS");
        let is_check = header_of(&asked, "To").contains("tag=");
        if is_check {
            break asked;
        }
        say(&mut world, &pbx(), &pbx().answer(&asked, 200, "OK", ""));
    };
    has_none(&check, &PHONE);
    for name in ["Call-ID", "From"] {
        assert_eq!(header_of(&check, name), header_of(&watch.at_pbx, name));
    }
    say(&mut world, &pbx(), &pbx().answer(&check, 481, "Gone", ""));
    let end = world.expect(watch.phone.address).expect("its end");
    for name in ["Call-ID", "From", "To"] {
        assert_eq!(header_of(&end, name), header_of(&at_phone, name));
    }
    let state = header_of(&end, "Subscription-State");
    assert_eq!(state, "terminated;reason=deactivated");
    assert_eq!(world.nodes[0].engine.bonds(), 0);
}
