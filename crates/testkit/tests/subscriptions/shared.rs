//! One subscription at the PBX for all who watch the same: asked for, refreshed, lost, and got again.

use crate::party::*;

#[test]
fn five_hundred_watchers_are_one_subscription_at_the_pbx_and_all_hear_of_a_change() {
    let mut party = Party::new();
    let phones: Vec<Peer> = (0..500).map(|n| party.watcher(n).0).collect();
    assert_eq!(party.asked.len(), 1);
    // The first has heard that nothing was known yet.
    assert_eq!(party.heard(), 501);
    for (version, lamp) in [(1, "early"), (2, "confirmed"), (3, "terminated")] {
        party.changes(lamp);
        party.run(Duration::from_millis(200));
        for phone in &phones {
            let heard = party.heard_by(phone);
            assert_eq!(heard.len(), 1);
            assert_eq!(lamp_of(&heard[0]), (version, lamp));
        }
        assert_eq!(party.heard(), 500);
    }
    assert_eq!(party.asked.len(), 1);
    assert!(party.complaints.is_empty(), "{:?}", party.complaints);
    assert_eq!(known(&party.world).len(), 500);
    assert_eq!(party.world.nodes[0].shared.subscriptions.tally().shared, 1);
}

#[test]
fn the_pbx_is_asked_in_the_first_watchers_name_for_the_resource_at_the_pbx() {
    let mut party = Party::new();
    party.watcher(0);
    let asked = party.asked[0].clone();
    assert!(
        asked.starts_with("SUBSCRIBE sip:6002@198.51.100.5:5060 SIP/2.0\r\n"),
        "{asked}"
    );
    assert!(value(&asked, "From").starts_with("<sip:6001@198.51.100.5:5060>;tag="));
    assert_eq!(value(&asked, "Accept"), "application/dialog-info+xml");
    assert_eq!(
        value(&asked, "P-Asserted-Identity"),
        "<sip:6001@example.org>"
    );
    assert_eq!(value(&asked, "Expires"), "3600");
}

#[test]
fn what_is_shared_has_a_pace_of_its_own_beside_that_of_registrations() {
    for (own, least, most) in [(1, 1, 3), (400, 40, 40)] {
        let mut config = sharing();
        config.registrar.leases.rate = 1;
        config.subscriptions.resync_rate = own;
        let mut party = Party::of(config);
        for n in 0..40 {
            let mut phone = party.guest(n, 200);
            let uri = format!("sip:lamp{n}@example.org");
            let request = phone.request("SUBSCRIBE", &uri, &format!("lamp{n}"), DIALOG);
            let request = authorized(&mut party.world, &mut phone, &request);
            assert_eq!(status_of(&party.sends(&phone, &request)), 200);
        }
        party.run(SECOND);
        let asked = party.asked.len();
        assert!((least..=most).contains(&asked), "{own}: {asked}");
    }
}

#[test]
fn other_resources_events_and_bodies_are_other_subscriptions() {
    let mut party = Party::new();
    let mut phone = party.guest(0, 200);
    for (id, more) in [
        ("a", "Event: dialog\r\n"),
        ("b", "Event: presence\r\n"),
        (
            "c",
            "Event: presence\r\nAccept: application/cpim-pidf+xml\r\n",
        ),
        (
            "d",
            "Event: presence\r\nAccept: application/xpidf+xml, application/pidf+xml\r\n",
        ),
    ] {
        party.subscribes(&mut phone, id, more);
        party.run(Duration::from_millis(200));
    }
    let accepts: Vec<&str> = party.asked.iter().map(|a| value(a, "Accept")).collect();
    let expected = [
        "application/dialog-info+xml",
        "application/pidf+xml",
        "application/cpim-pidf+xml",
    ];
    assert_eq!(accepts, expected);
}

#[test]
fn it_is_refreshed_by_us_before_it_expires_and_nobody_is_told_for_that() {
    let mut party = Party::new();
    party.watcher(0);
    party.heard();
    let first = party.asked[0].clone();
    party.run(Duration::from_secs(590));
    assert_eq!(party.asked.len(), 1);
    let (mut phone, _) = party.watcher(1);
    party.heard();
    // It lives by the second watcher's refreshes.
    for cseq in 0..6 {
        party.run(Duration::from_secs(500));
        let id = format!("again{cseq}");
        party.subscribes(&mut phone, &id, DIALOG);
    }
    assert!(
        (2..=3).contains(&party.asked.len()),
        "{}",
        party.asked.len()
    );
    let second = party.asked[1].clone();
    assert_eq!(value(&second, "Call-ID"), value(&first, "Call-ID"));
    assert!(value(&second, "To").contains(";tag=tpbx"), "{second}");
}

#[test]
fn it_is_let_go_when_nobody_has_watched_for_a_while() {
    let mut party = Party::new();
    let (mut phone, ok) = party.watcher(0);
    let bye = again(&mut phone, &ok, 50, 0);
    assert_eq!(status_of(&party.sends(&phone, &bye)), 200);
    party.run(Duration::from_secs(29));
    assert_eq!(party.asked.len(), 1);
    party.run(Duration::from_secs(3));
    assert_eq!(party.asked.len(), 2);
    assert_eq!(value(&party.asked[1], "Expires"), "0");
    party.run(Duration::from_secs(40));
    assert_eq!(party.world.nodes[0].shared.subscriptions.tally().shared, 0);
    // Who comes then begins a new one.
    party.watcher(1);
    assert_eq!(party.asked.len(), 3);
}

#[test]
fn who_comes_back_in_time_finds_it_still_there() {
    let mut party = Party::new();
    let (mut phone, ok) = party.watcher(0);
    let bye = again(&mut phone, &ok, 50, 0);
    party.sends(&phone, &bye);
    party.run(Duration::from_secs(20));
    party.watcher(1);
    party.run(Duration::from_secs(60));
    assert_eq!(party.asked.len(), 1);
    party.changes("early");
    party.run(SECOND);
    assert_eq!(
        lamp_of(party.heard_by(&phone_of(1)).last().unwrap()).1,
        "early"
    );
}

fn phone_of(n: u16) -> Peer {
    Party::new().guest(n, 200)
}

#[test]
fn what_the_pbx_refuses_ends_for_its_watchers_with_a_reason() {
    for (status, reason) in [(404, "noresource"), (403, "rejected"), (489, "rejected")] {
        let mut party = Party::new();
        party.manner = (status, "");
        let (phone, _) = party.watcher(0);
        let last = party.heard_by(&phone).last().unwrap().clone();
        let state = format!("terminated;reason={reason}");
        assert_eq!(value(&last, "Subscription-State"), state);
        assert!(known(&party.world).is_empty());
        assert_eq!(party.world.nodes[0].shared.subscriptions.tally().shared, 0);
    }
}

#[test]
fn a_423_of_the_pbx_is_obeyed() {
    let mut party = Party::new();
    party.manner = (423, "Min-Expires: 7200\r\n");
    party.watcher(0);
    assert_eq!(value(party.asked.last().unwrap(), "Expires"), "7200");
}

/// Asterisk says 423 without a Min-Expires.
#[test]
fn a_423_that_does_not_say_how_much_is_followed_by_twice_as_much() {
    let mut party = Party::new();
    party.manner = (423, "");
    party.watcher(0);
    let asked = party.asked.iter().map(|asked| value(asked, "Expires"));
    let all = ["3600", "7200", "14400", "28800", "57600"];
    assert_eq!(asked.collect::<Vec<_>>(), all);
}

#[test]
fn while_the_pbx_is_away_watchers_are_pending_and_hear_when_it_is_there() {
    let mut party = Party::new();
    party.is_silent = true;
    let (phone, _) = party.watcher(0);
    let first = party.heard_by(&phone)[0].clone();
    assert!(
        value(&first, "Subscription-State").starts_with("pending;expires="),
        "{first}"
    );
    party.run(Duration::from_secs(60));
    party.is_silent = false;
    party.run(Duration::from_secs(60));
    let last = party.heard_by(&phone).last().unwrap().clone();
    assert!(
        value(&last, "Subscription-State").starts_with("active;expires="),
        "{last}"
    );
    assert_eq!(lamp_of(&last), (0, "terminated"));
}

/// 4.1.2.2: the PBX was restarted and knows nothing: 481 to our refresh.
#[test]
fn a_pbx_that_has_forgotten_it_is_asked_anew_and_the_lamps_are_right_again() {
    let mut party = Party::new();
    party.manner = (200, "Expires: 120\r\n");
    let (phone, _) = party.watcher(0);
    party.manner = (481, "");
    let first = party.asked[0].clone();
    for _ in 0..100 {
        party.run(SECOND);
        if party.asked.len() > 1 {
            break;
        }
    }
    party.manner = (200, "Expires: 120\r\n");
    party.lamp = "confirmed".to_owned();
    party.run(Duration::from_secs(5));
    let anew = party.asked.last().unwrap().clone();
    assert_ne!(value(&anew, "Call-ID"), value(&first, "Call-ID"));
    assert!(!value(&anew, "To").contains("tag="), "{anew}");
    let last = party.heard_by(&phone).last().unwrap();
    assert_eq!(lamp_of(last).1, "confirmed");
}

/// A PBX that was restarted before anybody noticed has forgotten the others as well.
#[test]
fn a_pbx_that_has_forgotten_one_is_asked_for_all_and_in_the_dialogs_that_it_may_know() {
    let mut party = Party::new();
    party.manner = (200, "Expires: 120\r\n");
    party.watcher(0);
    let mut other = party.guest(1, 200);
    party.subscribes(&mut other, "other", "Event: presence\r\n");
    // The second is refreshed thirty seconds after the first at least.
    party.run(Duration::from_secs(1));
    let ids: Vec<String> = party
        .asked
        .iter()
        .map(|asked| value(asked, "Call-ID").to_owned())
        .collect();
    party.manner = (481, "");
    while party.asked.len() == 2 {
        party.run(Duration::from_millis(20));
    }
    party.manner = (200, "Expires: 120\r\n");
    party.run(Duration::from_millis(500));
    let first = value(&party.asked[2], "Call-ID").to_owned();
    let second = ids.iter().find(|id| **id != first).unwrap();
    let again = party.asked[3..]
        .iter()
        .find(|asked| value(asked, "Call-ID") == second);
    assert!(value(again.unwrap(), "To").contains(";tag=tpbx"));
}

/// Asterisk counts anew after a restart, and ends a subscription whose NOTIFY is answered 500.
#[test]
fn a_notify_with_an_old_number_is_answered_200_and_all_is_asked_for() {
    let mut party = Party::new();
    let (phone, _) = party.watcher(0);
    party.changes("early");
    party.run(SECOND);
    party.heard();
    party.recount(1);
    party.lamp = "confirmed".to_owned();
    let asked = party.asked[0].clone();
    party.tells(&asked, "active;expires=3600");
    party.run(SECOND);
    assert!(party.complaints.is_empty(), "{:?}", party.complaints);
    assert_eq!(party.asked.len(), 2);
    let last = party.heard_by(&phone).last().unwrap();
    assert_eq!(lamp_of(last).1, "confirmed");
}

#[test]
fn what_the_pbx_ends_is_asked_for_anew_unless_it_says_that_it_is_no_use() {
    for (reason, is_over) in [
        ("deactivated", false),
        ("timeout", false),
        ("probation;retry-after=5", false),
        ("rejected", true),
        ("noresource", true),
    ] {
        let mut party = Party::new();
        let (phone, _) = party.watcher(0);
        let asked = party.asked[0].clone();
        party.tells(&asked, &format!("terminated;reason={reason}"));
        party.run(Duration::from_secs(8));
        let last = party.heard_by(&phone).last().unwrap();
        let is_told = value(last, "Subscription-State").starts_with("terminated");
        assert_eq!(is_told, is_over, "{reason}: {last}");
        assert_eq!(party.asked.len(), if is_over { 1 } else { 2 }, "{reason}");
    }
}

/// RFC 4235 4.3: parts make a whole, and a part that is missing is asked for.
#[test]
fn watchers_get_full_state_of_a_pbx_that_tells_in_parts() {
    let mut party = Party::new();
    let (phone, _) = party.watcher(0);
    party.changes("confirmed");
    let asked = party.asked[0].clone();
    let kind = "application/dialog-info+xml";
    let part = |version: u32| {
        format!(
            "<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{version}\" \
             state=\"partial\" entity=\"x\"><dialog id=\"new\"><state>early</state></dialog></dialog-info>"
        )
    };
    party.tells_body(&asked, "active", kind, &part(3));
    party.run(SECOND);
    let last = party.heard_by(&phone).last().unwrap().clone();
    assert!(
        last.contains("state=\"full\"") && last.contains("id=\"6002\""),
        "{last}"
    );
    assert!(last.contains("id=\"new\""), "{last}");
    party.tells_body(&asked, "active", kind, &part(9));
    party.run(SECOND);
    assert_eq!(party.asked.len(), 2, "a refresh");
}

/// RFC 6665 4.2.1.2: it has no meaningful state any more, as presence has none when what was published is gone.
#[test]
fn a_notify_without_a_body_takes_back_what_was_told_and_the_next_body_is_told_again() {
    let mut party = Party::new();
    let (phone, _) = party.watcher(0);
    party.changes("confirmed");
    party.run(SECOND);
    let asked = party.asked[0].clone();
    let heard = party.heard_by(&phone).len();
    for _ in 0..2 {
        party.tells_body(&asked, "active", "application/dialog-info+xml", "");
        party.run(SECOND);
    }
    let news = party.heard_by(&phone)[heard..].to_vec();
    assert_eq!(news.len(), 1, "{news:?}");
    assert!(value(&news[0], "Subscription-State").starts_with("active;"));
    assert!(news[0].ends_with("\r\n\r\n"), "{}", news[0]);
    // Who comes now hears no more of it, either.
    let (second, _) = party.watcher(1);
    let first = party.heard_by(&second)[0].clone();
    assert!(first.ends_with("\r\n\r\n"), "{first}");
    party.changes("early");
    party.run(SECOND);
    for phone in [&phone, &second] {
        assert_eq!(lamp_of(party.heard_by(phone).last().unwrap()).1, "early");
    }
}
