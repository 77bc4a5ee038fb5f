//! What a refresh says of where its phone is, what nobody must be able to say in another's name, and names as phones write
//! them.

use crate::held::quick;
use crate::party::*;
use crate::relayed_ends::{DEACTIVATED, ended};
use bellhop_core::subscription::Cause;

/// A refresh of the phone as it is now, which the PBX answers so.
fn refreshed(world: &mut World, watch: &mut Watch, status: u16) {
    let ok = pbx().answer(&watch.at_pbx, 200, "OK", "");
    let request = again(&mut watch.phone, &ok, 150, 600);
    say(world, &watch.phone, &request);
    let mut at_pbx = world.expect_within(addr(PBX), SECOND);
    if at_pbx.is_none() {
        let challenge = world.expect(watch.phone.address).expect("a challenge");
        let algorithm = bellhop_core::auth::Algorithm::Sha256;
        let request = watch.phone.authorize(&request, &challenge, algorithm);
        say(world, &watch.phone, &request.unwrap());
        at_pbx = world.expect(addr(PBX));
    }
    let at_pbx = at_pbx.expect("a refresh at the PBX");
    let answer = pbx().answer(&at_pbx, status, "So", "Expires: 600\r\n");
    say(world, &pbx(), &answer);
    let answer = world.expect(watch.phone.address).expect("an answer");
    assert_eq!(status_of(&answer), status);
}

/// RFC 3261 12.2.1.2: a SUBSCRIBE refreshes the target.
#[test]
fn the_end_of_one_goes_to_the_contact_of_its_last_refresh() {
    let mut world = world();
    let mut watch = Watch::standing(&mut world);
    watch.phone.contact = "10.9.8.7:5070".to_owned();
    refreshed(&mut world, &mut watch, 200);
    let (_, end) = ended(&mut world, &mut watch);
    assert!(end.starts_with("NOTIFY sip:6001@10.9.8.7:5070 "), "{end}");
}

#[test]
fn the_contact_of_a_refresh_is_on_disk() {
    let mut world = world();
    world.set_disk(0, quick);
    let mut watch = Watch::standing(&mut world);
    world.pass(SECOND);
    watch.phone.contact = "10.9.8.7:5070".to_owned();
    refreshed(&mut world, &mut watch, 200);
    world.pass(SECOND);
    let saved = world.disk(0).unwrap().relayed()[0].clone();
    assert_eq!(&*saved.dialog.target, b"sip:6001@10.9.8.7:5070");
}

/// Somebody else who has seen the Call-ID and the tag, but not the PBX's, or whom the PBX refuses.
#[test]
fn what_the_pbx_refuses_moves_nobody() {
    for is_inside in [true, false] {
        let mut world = world();
        let mut watch = Watch::standing(&mut world);
        let mut stranger = phone("6003", "203.0.113.66:5060");
        let forged = match is_inside {
            true => {
                let ok = pbx().answer(&watch.at_pbx, 200, "OK", "");
                again(&mut stranger, &ok, 150, 600)
            }
            false => stranger.request("SUBSCRIBE", "sip:6002@example.org", "watch", DIALOG),
        };
        let forged = forged.replace("tag=f6003", "tag=f6001");
        let forged = authorized(&mut world, &mut stranger, &forged);
        say(&mut world, &stranger, &forged);
        let at_pbx = world.expect(addr(PBX)).expect("a SUBSCRIBE");
        say(&mut world, &pbx(), &pbx().answer(&at_pbx, 403, "No", ""));
        world.expect(stranger.address).expect("an answer");
        let (_, end) = ended(&mut world, &mut watch);
        assert_eq!(header_of(&end, "To"), header_of(&watch.at_pbx, "From"));
        assert!(world.drain(stranger.address).is_empty());
    }
}

/// A user of ours who sends a NOTIFY in a dialog of another, as its notifier.
#[test]
fn a_notify_of_another_phone_is_not_believed() {
    for state in ["terminated;reason=noresource", "active;expires=1"] {
        let mut world = world();
        let mut watch = Watch::begun(&mut world, "watch", DIALOG);
        let mut own = watch.phone.clone();
        register(&mut world, &mut own);
        watch.answered(&mut world, 200, "Expires: 600\r\n");
        watch.notified(&mut world, "active;expires=600", 200);
        let mut stranger = phone("6002", "203.0.113.66:5060");
        let forged = watch.notify(state, "");
        let lines = format!("Event: dialog\r\nSubscription-State: {state}\r\n");
        let to = header_of(&forged, "To").to_owned();
        let uri = format!("sip:6001@{}", watch.phone.contact);
        let forged = stranger.in_dialog("NOTIFY", &uri, &to, "watch", 2_000_000_000, &lines);
        let forged = forged.replace("tag=f6002", "tag=tpbx");
        let forged = authorized(&mut world, &mut stranger, &forged);
        say(&mut world, &stranger, &forged);
        world.pass(2 * SECOND);
        world.drain(watch.phone.address);
        assert_eq!(states(&world), ["active"], "{state}");
        // What the PBX says afterwards is.
        watch.notified(&mut world, "terminated", 200);
        assert!(known(&world).is_empty(), "{state}");
    }
}

/// As a phone may write them (RFC 3261 25.1, 7.3.1, 7.3.3), what it is told of its subscription's end is in its dialog.
#[test]
fn names_as_phones_write_them_are_kept_as_they_are() {
    let odd: [(&str, &str); 9] = [
        ("From: <", "From: \"Doe, J. <x@y> \\\"q\\\"\" <"),
        ("From: <", "From: \"Zo\u{eb} \u{65e5}\u{672c}\" <"),
        ("From: <", "From: John Doe <"),
        ("From: <", "f: <"),
        ("From: <", "From: \"folded\"\r\n  <"),
        ("Contact: <sip:", "m: \"a,b;c\" <sip:"),
        ("Contact: <sip:6001@", "Contact: <sip:%36001;x=y:z@"),
        ("Event: dialog", "o: Dialog;sla;ma"),
        ("Event: dialog", "Event: dialog ;\r\n id=\"a;b\""),
    ];
    for (plain, written) in odd {
        let mut world = world();
        world.set_disk(0, quick);
        let mut phone = phone("6001", "203.0.113.1:5060");
        let request = phone.request("SUBSCRIBE", "sip:6002@example.org", "odd", DIALOG);
        assert!(request.contains(plain), "{plain}");
        let request = authorized(&mut world, &mut phone, &request.replacen(plain, written, 1));
        say(&mut world, &phone, &request);
        let at_pbx = world.expect(addr(PBX)).expect("a SUBSCRIBE at the PBX");
        // Its lines as this test's PBX reads them.
        let at_pbx = at_pbx.replace("\r\n  <", " <").replace("\r\n id", " id");
        let at_pbx = at_pbx.replacen("\r\nf: ", "\r\nFrom: ", 1);
        let at_pbx = at_pbx.replacen("\r\nm: ", "\r\nContact: ", 1);
        let at_pbx = at_pbx.replacen("\r\no: ", "\r\nEvent: ", 1);
        let ok = pbx().answer(&at_pbx, 200, "OK", "Expires: 600\r\n");
        say(&mut world, &pbx(), &ok);
        world.expect(phone.address).expect("an answer");
        let mut watch = Watch::of(phone, at_pbx);
        watch.at_pbx = watch.at_pbx.replacen("Contact: \"a,b;c\" ", "Contact: ", 1);
        watch.notified(&mut world, "active;expires=600", 200);
        world.pass(SECOND);
        assert_eq!(states(&world), ["active"], "{written}");
        let saved = world.disk(0).unwrap().relayed()[0].clone();
        let dialog = &saved.dialog;
        for text in [&dialog.local, &dialog.remote, &dialog.target, &saved.event] {
            // What the file takes.
            assert!(
                !text.contains(&b'\n') && !text.contains(&b'\r'),
                "{written}"
            );
        }
        world.restart(0, config(), auth());
        let asked = world.expect(addr(PBX)).expect("a question");
        say(&mut world, &pbx(), &pbx().answer(&asked, 481, "Gone", ""));
        let end = world.expect(watch.phone.address).expect("its end");
        assert_eq!(
            header_of(&end, "Subscription-State"),
            DEACTIVATED,
            "{written}"
        );
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(
            plain(header_of(&end, "To")),
            plain(header_of(&watch.at_pbx, "From"))
        );
        assert_eq!(
            plain(header_of(&end, "Event")),
            plain(header_of(&watch.at_pbx, "Event"))
        );
        let contact = header_of(&watch.at_pbx, "Contact").trim_matches(['<', '>']);
        assert!(
            end.starts_with(&format!("NOTIFY {contact} SIP/2.0\r\n")),
            "{end}"
        );
    }
}

#[test]
fn a_resource_without_a_user_is_asked_about_at_the_pbx() {
    let mut world = world();
    let mut phone = phone("6001", "203.0.113.1:5060");
    let request = phone.request("SUBSCRIBE", "tel:+4930123456", "tel", DIALOG);
    let request = authorized(&mut world, &mut phone, &request);
    say(&mut world, &phone, &request);
    let at_pbx = world.expect(addr(PBX)).expect("a SUBSCRIBE at the PBX");
    let ok = pbx().answer(&at_pbx, 200, "OK", "Expires: 600\r\n");
    say(&mut world, &pbx(), &ok);
    world.expect(phone.address).expect("an answer");
    let mut watch = Watch::of(phone, at_pbx);
    watch.notified(&mut world, "active;expires=600", 200);
    let (asked, _) = ended(&mut world, &mut watch);
    assert!(!asked.starts_with("OPTIONS sip:@"), "{asked}");
}

/// RFC 6665 4.1.3 wants the header in each; a phone that takes one without it is told by it.
#[test]
fn a_notify_that_does_not_say_its_state_is_one() {
    let mut world = world();
    world.set_disk(0, quick);
    let mut watch = Watch::begun(&mut world, "watch", DIALOG);
    watch.answered(&mut world, 200, "Expires: 600\r\n");
    let notify = watch.notify("active", "");
    let notify = notify.replacen("Subscription-State: active\r\n", "", 1);
    say(&mut world, &pbx(), &notify);
    let at_phone = world.expect(watch.phone.address).expect("a NOTIFY");
    let answer = watch.phone.answer(&at_phone, 200, "OK", "");
    say(&mut world, &watch.phone, &answer);
    world.pass(TIMER_N + SECOND);
    assert_eq!(states(&world), ["active"]);
    assert_eq!(world.disk(0).unwrap().relayed()[0].dialog.cseq, 1);
    world.pass(Duration::from_secs(600));
    assert!(known(&world).is_empty());
}

/// It is asked for again, with credentials: neither was it refused, nor does it wait for a NOTIFY.
#[test]
fn a_challenge_of_the_pbx_that_is_passed_on_is_no_refusal() {
    for status in [401, 407] {
        let mut world = world();
        let mut watch = Watch::begun(&mut world, "watch", DIALOG);
        let more = "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"x\"\r\n";
        watch.answered(&mut world, status, more);
        assert!(known(&world).is_empty());
        assert_eq!(gone(&world, Cause::Refused), 0);
    }
}

/// A few kilobytes of each of a hundred thousand would be more than a machine has.
#[test]
fn one_with_kilobytes_of_names_is_relayed_and_known_and_not_spoken_for() {
    let mut world = world();
    world.set_disk(0, quick);
    let mut phone = phone("6001", "203.0.113.1:5060");
    let long = format!("From: \"{}\" <", "x".repeat(7_000));
    let contact = format!("Contact: <sip:{}", "6".repeat(2_000));
    let request = phone.request("SUBSCRIBE", "sip:6002@example.org", "long", DIALOG);
    let request = request.replacen("From: <", &long, 1);
    let request = request.replacen("Contact: <sip:6001", &contact, 1);
    let request = authorized(&mut world, &mut phone, &request);
    say(&mut world, &phone, &request);
    let at_pbx = world.expect(addr(PBX)).expect("a SUBSCRIBE at the PBX");
    let ok = pbx().answer(&at_pbx, 200, "OK", "Expires: 600\r\n");
    say(&mut world, &pbx(), &ok);
    world.expect(phone.address).expect("an answer");
    let mut watch = Watch::of(phone, at_pbx);
    watch.notified(&mut world, "active;expires=600", 500);
    world.pass(3 * SECOND);
    assert_eq!(states(&world), ["active"]);
    assert!(world.drain(addr(PBX)).is_empty());
    assert!(world.disk(0).unwrap().relayed().is_empty());
}

#[test]
fn a_call_id_of_kilobytes_is_relayed_and_counted() {
    let mut world = world();
    let id = "x".repeat(2_000);
    let mut watch = Watch::begun(&mut world, &id, DIALOG);
    assert_eq!(status_of(&watch.answered(&mut world, 200, "")), 200);
    assert_eq!(watch.notified(&mut world, "active;expires=600", 200), 200);
    assert!(known(&world).is_empty());
    assert_eq!(world.nodes[0].shared.subscriptions.tally().untracked, 1);
}

#[test]
fn an_event_that_is_longer_than_what_is_kept_of_it_is_one_and_the_same_at_each_refresh() {
    let mut world = world();
    let event = format!("Event: dialog;id={}\r\n", "x".repeat(300));
    let mut watch = Watch::begun(&mut world, "watch", &event);
    watch.answered(&mut world, 200, "Expires: 600\r\n");
    assert_eq!(watch.notified(&mut world, "active;expires=600", 200), 200);
    assert_eq!(states(&world), ["active"]);
}

/// 4.1.4: it has asked for the end of one of them.
#[test]
fn a_fork_that_is_heard_of_after_the_end_of_another_was_asked_for_is_not_ending() {
    let mut world = world();
    let mut watch = Watch::standing(&mut world);
    watch.refreshed(&mut world, 0, 200, "Expires: 0\r\n");
    watch.tag = "late";
    watch.notified(&mut world, "active;expires=600", 200);
    world.pass(TIMER_N + SECOND);
    assert_eq!(states(&world), ["active"]);
}
