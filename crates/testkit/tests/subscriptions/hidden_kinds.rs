//! What else is two dialogs in mode b2bua, besides a relayed subscription of a phone: those that are shared, those that a
//! REFER makes, the PBX's own, and several in one.

use crate::hidden::*;
use crate::site::*;

/// Those that end here, too: what the PBX tells is told on without its names.
#[test]
fn a_subscription_that_is_shared_shows_nothing_of_the_pbx_either() {
    let bodies = [
        ("dialog", "application/dialog-info+xml", LAMP),
        (
            "presence",
            "application/pidf+xml",
            "<presence entity=\"pres:6002@pbx.inside\" xmlns=\"urn:ietf:params:xml:ns:pidf\"><tuple id=\"t\">\
             <contact>sip:6002@198.51.100.5</contact></tuple></presence>",
        ),
        (
            "message-summary",
            "application/simple-message-summary",
            "Messages-Waiting: yes\r\nMessage-Account: sip:6002@pbx.inside\r\nMessage-Context: x@198.51.100.5\r\n",
        ),
    ];
    for (package, kind, body) in bodies {
        let mut config = hiding();
        config.upstreams[0].targets.pop();
        config.upstreams[0].targets[0].host = "pbx.inside".to_owned();
        let share = ["dialog", "presence", "message-summary"];
        config.subscriptions.share = share.map(str::to_owned).into();
        let mut world = World::new(1);
        world.start(config, auth());
        let heard = shared(&mut world, package, kind, body);
        let last = heard.last().expect("a NOTIFY");
        let body = last.split("\r\n\r\n").nth(1).unwrap_or_default();
        assert!(body.contains("example.org"), "{last}");
        heard.iter().for_each(|said| has_none(said, &INSIDE));
    }
}

/// A phone subscribes to what is shared, and the PBX tells this; all that the phone gets until it has been told.
fn shared(world: &mut World, package: &str, kind: &str, body: &str) -> Vec<String> {
    let mut phone = phone("6001", "203.0.113.1:5060");
    let more = format!("Event: {package}\r\nExpires: 600\r\n");
    let request = phone.request("SUBSCRIBE", "sip:6002@example.org", "w", &more);
    let request = authorized(world, &mut phone, &request);
    let mut heard = vec![ask(world, &phone, &request)];
    assert_eq!(status_of(&heard[0]), 200, "{heard:?}");
    let at_pbx = world.expect(addr(PBX)).expect("ours");
    has_none(&at_pbx, &PHONE);
    let mut watch = Watch::of(phone, at_pbx);
    let ok = pbx().answer(&watch.at_pbx, 200, "OK", "Expires: 3600\r\n");
    say(world, &pbx(), &ok);
    let notify = watch.notify("active;expires=3600", &lamp(kind, body));
    say(world, &pbx(), &notify);
    // The first says that nothing is known yet.
    for _ in 0..2 {
        let notify = world.expect(watch.phone.address).expect("a NOTIFY");
        let answer = watch.phone.answer(&notify, 200, "OK", "");
        say(world, &watch.phone, &answer);
        heard.push(notify);
    }
    heard
}

/// Where calls of two legs are what a plugin chooses for one of them, all else is relayed as it comes.
#[test]
fn where_two_legs_are_not_the_usual_what_is_shared_is_told_as_it_came() {
    let mut config = hiding();
    config.upstreams[0].targets.pop();
    config.b2bua.as_mut().unwrap().is_usual = false;
    config.subscriptions.share = vec!["dialog".to_owned()];
    let mut world = World::new(1);
    world.start(config, auth());
    let heard = shared(&mut world, "dialog", "application/dialog-info+xml", LAMP);
    let last = heard.last().expect("a NOTIFY");
    assert!(
        last.contains("call-id=\"uuid-of-a-dialog@pbx.inside\""),
        "{last}"
    );
}

/// RFC 3515: it makes a subscription to how the reference went.
#[test]
fn a_refer_outside_of_a_call_goes_over_with_its_notifys() {
    let mut world = hidden_world();
    let (a, _) = pair(&mut world);
    let mut p = pbx();
    let more = "Refer-To: <sip:7001@198.51.100.5:5060>\r\nUser-Agent: Asterisk\r\n";
    let refer = p.request("REFER", "sip:6001@192.0.2.1", "inside-refer", more);
    say(&mut world, &p, &refer);
    let at_phone = world.expect(a.address).expect("a REFER");
    has_none(&at_phone, &INSIDE);
    assert_eq!(header_of(&at_phone, "Refer-To"), "<sip:7001@example.org>");
    say(&mut world, &a, &a.answer(&at_phone, 202, "Accepted", ""));
    let accepted = world.expect(p.address).expect("a 202");
    assert_eq!(status_of(&accepted), 202);
    has_none(&accepted, &PHONE);
    let mut a = a;
    let body = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 203.0.113.1\r\n";
    let lines = format!(
        "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n{}",
        lamp("message/sipfrag", body).replace("Server: Asterisk PBX 22\r\n", "")
    );
    let notify = from_callee(&mut a, "NOTIFY", &at_phone, 3, &lines);
    say(&mut world, &a, &notify);
    let at_pbx = world.expect(p.address).expect("a NOTIFY");
    assert!(at_pbx.ends_with("\r\n\r\nSIP/2.0 200 OK\r\n"), "{at_pbx}");
    assert_eq!(header_of(&at_pbx, "Call-ID"), "inside-refer");
    has_none(&at_pbx, &PHONE);
    say(&mut world, &p, &p.answer(&at_pbx, 200, "OK", ""));
    assert_eq!(status_of(&world.expect(a.address).expect("a 200")), 200);
    world.pass(2 * TIMER_N + SECOND);
    assert_eq!(world.nodes[0].engine.bonds(), 0);
}

/// RFC 5057 4.1: the end of one leaves the dialog to the other.
#[test]
fn two_subscriptions_of_one_dialog_end_each_for_itself() {
    let mut world = hidden_world();
    let mut watch = Watch::begun(&mut world, "watch", DIALOG);
    let ok = watch.answered(&mut world, 200, "Expires: 600\r\n");
    told(&mut world, &mut watch, "active;expires=600");
    let other = from_caller(&mut watch.phone, "SUBSCRIBE", &ok, 70).replacen(
        "Content-Length: 0",
        "Event: presence\r\nExpires: 60\r\nContent-Length: 0",
        1,
    );
    say(&mut world, &watch.phone, &other);
    let at_pbx = world.expect(addr(PBX)).expect("a second SUBSCRIBE");
    let answer = pbx().answer(&at_pbx, 200, "OK", "Expires: 60\r\n");
    say(&mut world, &pbx(), &answer);
    assert_eq!(status_of(&world.expect(watch.phone.address).unwrap()), 200);
    world.pass(Duration::from_secs(300));
    told(&mut world, &mut watch, "active;expires=300");
    told(&mut world, &mut watch, "terminated;reason=timeout");
    world.pass(2 * TIMER_N + SECOND);
    assert_eq!(world.nodes[0].engine.bonds(), 0);
}

/// A PBX that watches a phone: its NOTIFYs come from where the phone is, or show who they are from.
#[test]
fn a_phone_is_watched_by_the_pbx() {
    let mut world = hidden_world();
    let (mut a, _) = pair(&mut world);
    let mut p = pbx();
    let more = "Event: ua-profile\r\nExpires: 600\r\nUser-Agent: Asterisk\r\n";
    let request = p.request("SUBSCRIBE", "sip:6001@192.0.2.1", "inside-watch", more);
    say(&mut world, &p, &request);
    let at_phone = world.expect(a.address).expect("a SUBSCRIBE");
    has_none(&at_phone, &INSIDE);
    let lines = "Event: ua-profile\r\nSubscription-State: active;expires=600\r\n";
    let early = from_callee(&mut a, "NOTIFY", &at_phone, 1, lines);
    let challenge = ask(&mut world, &a, &early);
    assert_eq!(status_of(&challenge), 407);
    say(
        &mut world,
        &a,
        &a.answer(&at_phone, 200, "OK", "Expires: 600\r\n"),
    );
    let ok = world.expect(p.address).expect("a 200");
    has_none(&ok, &PHONE);
    let notify = from_callee(&mut a, "NOTIFY", &at_phone, 2, lines);
    say(&mut world, &a, &notify);
    let at_pbx = world.expect(p.address).expect("a NOTIFY");
    assert_eq!(header_of(&at_pbx, "Call-ID"), "inside-watch");
    assert_eq!(header_of(&at_pbx, "From"), header_of(&ok, "To"));
    has_none(&at_pbx, &PHONE);
    say(&mut world, &p, &p.answer(&at_pbx, 200, "OK", ""));
    let answer = world.expect(a.address).expect("a 200");
    assert_eq!(status_of(&answer), 200);
    has_none(&answer, &INSIDE);
}

/// RFC 4662 5: the parts of a list find each other by Content-IDs, which have the PBX's host in them.
#[test]
fn a_list_of_the_pbx_keeps_its_parts_together() {
    let mut world = hidden_world();
    let more = "Event: presence\r\nExpires: 600\r\nSupported: eventlist, gruu\r\n";
    let mut watch = Watch::begun(&mut world, "watch", more);
    assert_eq!(header_of(&watch.at_pbx, "Supported"), "eventlist");
    watch.answered(&mut world, 200, "Expires: 600\r\nRequire: eventlist\r\n");
    let kind =
        "multipart/related;type=\"application/rlmi+xml\";root=\"<1@pbx.inside>\";boundary=\"b\"";
    let body = "--b\r\nContent-ID: <1@pbx.inside>\r\nContent-Type: application/rlmi+xml\r\n\r\n\
                <list uri=\"sip:all@198.51.100.5\" version=\"0\" fullState=\"true\"><resource \
                uri=\"sip:6002@pbx.inside:5060\"><instance id=\"1\" state=\"active\" cid=\"2@198.51.100.5\"/>\
                </resource></list>\r\n--b\r\nContent-ID: <2@198.51.100.5>\r\n\
                Content-Type: application/pidf+xml\r\n\r\n<presence entity=\"sip:6002@pbx.inside\"/>\r\n--b--\r\n";
    let notify = watch.notify("active;expires=600", &lamp(kind, body));
    say(&mut world, &pbx(), &notify);
    let at_phone = world.expect(watch.phone.address).expect("a NOTIFY");
    has_none(&at_phone, &INSIDE);
    for pair in ["root=\"<1@example.org>\"", "Content-ID: <1@example.org>"] {
        assert!(at_phone.contains(pair), "{pair} in {at_phone}");
    }
    for pair in ["cid=\"2@example.org\"", "Content-ID: <2@example.org>"] {
        assert!(at_phone.contains(pair), "{pair} in {at_phone}");
    }
    let length = at_phone
        .split("\r\n\r\n")
        .skip(1)
        .collect::<Vec<_>>()
        .join("\r\n\r\n");
    assert_eq!(
        header_of(&at_phone, "Content-Length"),
        length.len().to_string()
    );
}
