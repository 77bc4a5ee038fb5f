//! Watchers whose subscription ends here, statement by statement of RFC 6665 4.2.

use crate::party::*;
use bellhop_core::flow::Transport;

/// 4.2.1.1, 4.2.1.2.
#[test]
fn a_watcher_is_accepted_and_told_all_at_once() {
    let mut party = Party::new();
    let (phone, ok) = party.second(0);
    assert_eq!(value(&ok, "Expires"), "600");
    assert!(value(&ok, "Contact").starts_with("<sip:bhw@"), "{ok}");
    let heard = party.heard_by(&phone);
    assert_eq!(heard.len(), 1);
    let notify = &heard[0];
    assert!(value(notify, "Subscription-State").starts_with("active;expires="));
    assert_eq!(value(notify, "Event"), "dialog");
    assert_eq!(lamp_of(notify), (0, "terminated"));
    assert!(
        notify.contains("entity=\"sip:6002@example.org\""),
        "{notify}"
    );
    // Pitfall 83: the dialog's own names, and the remote target.
    assert_eq!(value(notify, "From"), value(&ok, "To"));
    assert_eq!(value(notify, "To"), value(&ok, "From"));
    let target = format!("NOTIFY sip:6001@{} SIP/2.0\r\n", phone.address);
    assert!(notify.starts_with(&target), "{notify}");
}

/// Pitfall 82: one tag for life.
#[test]
fn a_refresh_keeps_the_tag_and_is_told_all_again() {
    let mut party = Party::new();
    let (mut phone, ok) = party.second(0);
    for cseq in 50..70 {
        let request = again(&mut phone, &ok, cseq, 300);
        let answer = party.sends(&phone, &request);
        assert_eq!(status_of(&answer), 200, "{answer}");
        assert_eq!(value(&answer, "To"), value(&ok, "To"));
        assert_eq!(value(&answer, "Expires"), "300");
        party.run(Duration::from_millis(50));
    }
    assert_eq!(party.heard_by(&phone).len(), 21);
    assert_eq!(known(&party.world).len(), 2);
    let versions: Vec<u32> = party
        .heard_by(&phone)
        .iter()
        .map(|n| lamp_of(n).0)
        .collect();
    assert_eq!(versions, (0..21).collect::<Vec<u32>>());
}

/// 4.2.1.4, 4.1.2.3.
#[test]
fn who_ends_it_is_told_a_last_time() {
    let mut party = Party::new();
    let (mut phone, ok) = party.watcher(0);
    let request = again(&mut phone, &ok, 50, 0);
    let answer = party.sends(&phone, &request);
    assert_eq!((status_of(&answer), value(&answer, "Expires")), (200, "0"));
    party.run(SECOND);
    let last = party.heard_by(&phone).last().unwrap();
    assert_eq!(
        value(last, "Subscription-State"),
        "terminated;reason=timeout"
    );
    assert!(known(&party.world).is_empty());
    // 4.1.2.2: there is none any more.
    let request = again(&mut phone, &ok, 51, 300);
    assert_eq!(status_of(&party.sends(&phone, &request)), 481);
}

/// 4.2.2: and so is who does not refresh.
#[test]
fn who_does_not_refresh_is_told_that_it_is_over() {
    let mut party = Party::new();
    let (phone, _) = party.second(0);
    party.run(Duration::from_secs(599));
    assert_eq!(party.heard_by(&phone).len(), 1);
    party.run(Duration::from_secs(2));
    let last = party.heard_by(&phone).last().unwrap();
    assert_eq!(
        value(last, "Subscription-State"),
        "terminated;reason=timeout"
    );
    assert!(known(&party.world).is_empty());
}

/// 4.2.1.1: too little is 423, more than we grant is cut.
#[test]
fn too_little_is_refused_and_too_much_is_cut() {
    let mut party = Party::new();
    let mut phone = party.guest(0, 200);
    let brief = party.subscribes(&mut phone, "brief", "Event: dialog\r\nExpires: 10\r\n");
    assert_eq!(
        (status_of(&brief), value(&brief, "Min-Expires")),
        (423, "60")
    );
    let long = party.subscribes(&mut phone, "long", "Event: dialog\r\nExpires: 99999\r\n");
    assert_eq!((status_of(&long), value(&long, "Expires")), (200, "3600"));
}

/// Two keys of one phone for one resource stay; a phone that comes back on a new connection has one.
#[test]
fn a_hundred_reconnects_of_one_watcher_are_one_stream_of_notifies() {
    let mut party = Party::new();
    let mut config = sharing();
    config.limits = Default::default();
    let mut phone = tcp_phone("6001", "203.0.113.7:40000");
    phone.contact = "203.0.113.7:5060".to_owned();
    for n in 0..100_u16 {
        phone.address.set_port(40_000 + n);
        let ok = party.subscribes(&mut phone, &format!("re{n}"), DIALOG);
        assert_eq!(status_of(&ok), 200);
        assert_eq!(phone.transport, Transport::Tcp);
        let notify = party.world.expect(phone.address).expect("a NOTIFY");
        let answer = phone.answer(&notify, 200, "OK", "");
        say(&mut party.world, &phone, &answer);
        party.run(Duration::from_millis(20));
    }
    assert_eq!(known(&party.world).len(), 1);
    let before = party.world.trace.len();
    party.changes("confirmed");
    party.run(SECOND);
    let sent = party.world.trace[before..].iter().filter(|packet| {
        packet
            .bytes
            .starts_with(b"NOTIFY sip:6001@203.0.113.7:5060")
    });
    assert_eq!(sent.count(), 1);
}

#[test]
fn a_phone_that_was_restarted_in_its_place_has_two_at_most_and_one_when_it_denies_the_other() {
    let mut party = Party::new();
    let mut phone = party.guest(0, 200);
    for n in 0..10 {
        party.subscribes(&mut phone, &format!("re{n}"), DIALOG);
        party.run(Duration::from_millis(50));
    }
    assert_eq!(known(&party.world).len(), 2);
}

/// 4.2.2, pitfall 84: what ends a subscription ends that one.
#[test]
fn a_watcher_that_does_not_want_its_notify_is_gone_and_the_others_are_not() {
    let mut party = Party::new();
    party.watcher(0);
    party.watcher(1);
    let mut gone = party.guest(2, 481);
    party.subscribes(&mut gone, "gone", DIALOG);
    party.run(SECOND);
    assert_eq!(known(&party.world).len(), 2);
    party.heard();
    party.changes("early");
    party.run(SECOND);
    assert_eq!(party.heard(), 2);
}

/// Pitfall 86: one that is silent costs the others nothing, and is gone after three NOTIFYs.
#[test]
fn a_watcher_that_does_not_answer_hurts_nobody_and_one_lost_answer_not_even_itself() {
    let mut party = Party::new();
    let (other, _) = party.watcher(0);
    let mut silent = party.guest(1, 0);
    party.subscribes(&mut silent, "silent", DIALOG);
    party.run(SECOND);
    party.heard();
    party.changes("early");
    party.run(Duration::from_millis(50));
    assert_eq!(party.heard_by(&other).len(), 1);
    // After the first time-out it is still a watcher.
    party.run(Duration::from_secs(34));
    assert_eq!(known(&party.world).len(), 2);
    party.run(Duration::from_secs(90));
    assert_eq!(known(&party.world).len(), 1);
    // The PBX has heard nothing of it.
    assert_eq!(party.asked.len(), 1);
}

#[test]
fn a_watcher_that_challenges_or_is_busy_is_kept() {
    for status in [401, 500, 503] {
        let mut party = Party::new();
        let mut phone = party.guest(1, status);
        party.subscribes(&mut phone, "kept", DIALOG);
        party.run(SECOND);
        assert_eq!(known(&party.world).len(), 1, "{status}");
    }
}

/// What changes while a NOTIFY is under way is in the next one, and what lies between is left out.
#[test]
fn a_slow_watcher_is_told_the_last_state_and_not_each_one() {
    let mut party = Party::new();
    party.watcher(0);
    let mut slow = phone("6003", "203.0.113.9:5060");
    let ok = party.subscribes(&mut slow, "slow", DIALOG);
    assert_eq!(status_of(&ok), 200);
    let first = party.world.expect(slow.address).expect("a NOTIFY");
    for lamp in ["trying", "early", "confirmed"] {
        party.changes(lamp);
        party.run(Duration::from_millis(20));
    }
    let copies = party.world.drain(slow.address);
    assert!(copies.iter().all(|copy| *copy == first));
    let answer = slow.answer(&first, 200, "OK", "");
    say(&mut party.world, &slow, &answer);
    let second = party.world.expect(slow.address).expect("another NOTIFY");
    assert_eq!(lamp_of(&second), (1, "confirmed"));
}

/// RFC 3261 12.2.2.
#[test]
fn an_old_subscribe_in_the_dialog_is_500_and_another_event_489() {
    let mut party = Party::new();
    let (mut phone, ok) = party.watcher(0);
    let old = again(&mut phone, &ok, 1, 300);
    assert_eq!(status_of(&party.sends(&phone, &old)), 500);
    let other = again(&mut phone, &ok, 60, 300).replace("Event: dialog", "Event: presence");
    assert_eq!(status_of(&party.sends(&phone, &other)), 489);
}

#[test]
fn nobody_else_can_end_it() {
    let mut party = Party::new();
    let (mut phone, ok) = party.watcher(0);
    let theft = again(&mut phone, &ok, 90, 0);
    let mut thief = party.guest(1, 200);
    // From elsewhere our signature counts for nothing: credentials are asked for, and are not the watcher's.
    let theft = theft.replace("203.1.0.0:5060", "203.1.0.1:5060");
    let challenge = party.sends(&thief, &theft);
    assert_eq!(status_of(&challenge), 407, "{challenge}");
    let request = thief
        .authorize(&theft, &challenge, bellhop_core::auth::Algorithm::Sha256)
        .unwrap();
    let answer = party.sends(&thief, &request);
    assert_eq!(status_of(&answer), 403, "{answer}");
    assert_eq!(known(&party.world).len(), 1);
}

/// What is not shared, and what asks for more than we do, is relayed as ever.
#[test]
fn other_events_one_shot_questions_and_extensions_go_to_the_pbx() {
    for more in [
        "Event: reg\r\n",
        "Event: dialog\r\nExpires: 0\r\n",
        "Event: dialog\r\nRequire: eventlist\r\n",
    ] {
        let mut party = Party::new();
        let mut phone = party.guest(0, 200);
        let request = phone.request("SUBSCRIBE", "sip:6002@example.org", "x", more);
        let request = authorized(&mut party.world, &mut phone, &request);
        say(&mut party.world, &phone, &request);
        let at_pbx = party.world.expect(addr(PBX)).expect("a SUBSCRIBE");
        assert_eq!(value(&at_pbx, "Call-ID"), "x");
    }
}

#[test]
fn beyond_the_bound_a_watcher_is_relayed() {
    let mut config = sharing();
    config.subscriptions.most = 1;
    let mut party = Party::of(config);
    party.watcher(0);
    let mut phone = party.guest(1, 200);
    let request = phone.request("SUBSCRIBE", "sip:6002@example.org", "late", DIALOG);
    let request = authorized(&mut party.world, &mut phone, &request);
    say(&mut party.world, &phone, &request);
    let at_pbx = party.world.expect(addr(PBX)).expect("a SUBSCRIBE");
    assert_eq!(value(&at_pbx, "Call-ID"), "late");
}

/// A copy of a SUBSCRIBE makes no second watcher.
#[test]
fn a_copy_of_a_subscribe_gets_the_same_answer() {
    let mut party = Party::new();
    let mut phone = party.guest(0, 200);
    let request = phone.request("SUBSCRIBE", "sip:6002@example.org", "twice", DIALOG);
    let request = authorized(&mut party.world, &mut phone, &request);
    let first = party.sends(&phone, &request);
    let notify = party.world.expect(phone.address).expect("a NOTIFY");
    assert!(notify.starts_with("NOTIFY "));
    let second = party.sends(&phone, &request);
    assert_eq!(first, second);
    assert_eq!(known(&party.world).len(), 1);
}
