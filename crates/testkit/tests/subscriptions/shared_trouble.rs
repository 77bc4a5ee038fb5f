//! A PBX that is not well: what it says again and again is not answered at the speed of the wire, and no lamp goes dark for it.

use crate::party::*;

/// The lamp that a phone shows.
fn lamp_at<'p>(party: &'p Party, phone: &Peer) -> &'p str {
    lamp_of(party.heard_by(phone).last().expect("a NOTIFY")).1
}

/// So many seconds, in steps so small that nothing is sent twice.
fn slowly(party: &mut Party, seconds: u32) {
    for _ in 0..seconds {
        party.run(SECOND);
    }
}

/// RFC 4235 4.3: a gap asks for all, and what comes is another.
#[test]
fn a_pbx_that_tells_in_parts_alone_is_asked_for_all_more_and_more_seldom() {
    let mut party = Party::new();
    party.is_partial = true;
    let (phone, _) = party.watcher(0);
    slowly(&mut party, 60);
    let asked = party.asked.len();
    assert!((4..=8).contains(&asked), "{asked}");
    // Once it tells all, all is well, and the next gap is seen to at once.
    party.is_partial = false;
    party.run(Duration::from_secs(90));
    assert_eq!(lamp_at(&party, &phone), "terminated");
    let asked = party.asked.len();
    let part = "<dialog-info version=\"999\" state=\"partial\" entity=\"x\"/>";
    let first = party.asked[0].clone();
    party.tells_body(&first, "active", "application/dialog-info+xml", part);
    party.run(SECOND);
    assert_eq!(party.asked.len(), asked + 1);
}

/// A PBX may count anew in the same dialog, and tell in parts.
#[test]
fn a_part_with_an_old_version_in_a_new_notify_asks_for_all() {
    let mut party = Party::new();
    let (phone, _) = party.watcher(0);
    for lamp in ["early", "confirmed"] {
        party.changes(lamp);
        party.run(SECOND);
    }
    let asked = party.asked[0].clone();
    let part = "<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"0\" \
                state=\"partial\" entity=\"x\"><dialog id=\"6002\"><state>terminated</state></dialog></dialog-info>";
    party.lamp = "terminated".to_owned();
    party.tells_body(&asked, "active", "application/dialog-info+xml", part);
    party.run(SECOND);
    assert_eq!(party.asked.len(), 2);
    assert_eq!(lamp_at(&party, &phone), "terminated");
}

/// RFC 6665 4.1.3: after these a new one may be asked for at once, or at any time.
#[test]
fn a_pbx_that_ends_each_one_as_soon_as_it_has_told_is_asked_more_and_more_seldom() {
    for reason in ["deactivated", "timeout", "giveup"] {
        let mut party = Party::new();
        party.watcher(0);
        for _ in 0..60 {
            let asked = party.asked.last().unwrap().clone();
            let known = party.asked.len();
            party.tells(&asked, &format!("terminated;reason={reason}"));
            while party.asked.len() == known && known < 9 {
                party.run(SECOND);
            }
            if party.world.now.instant.as_micros() > 61_000_000 {
                break;
            }
        }
        let asked = party.asked.len();
        assert!((3..=8).contains(&asked), "{reason}: {asked}");
        slowly(&mut party, 250);
        let (phone, _) = party.watcher(1);
        party.changes("early");
        party.run(SECOND);
        assert_eq!(lamp_at(&party, &phone), "early", "{reason}");
    }
}

/// One that has lasted and is ended is asked for at once, each time.
#[test]
fn what_has_lasted_is_asked_for_at_once_when_it_is_deactivated() {
    let mut party = Party::new();
    party.watcher(0);
    for round in 2..6 {
        party.run(Duration::from_secs(100));
        let asked = party.asked.last().unwrap().clone();
        party.tells(&asked, "terminated;reason=deactivated");
        party.run(SECOND);
        assert_eq!(party.asked.len(), round);
    }
}

/// RFC 3261 20.33.
#[test]
fn a_pbx_that_says_when_to_come_again_is_not_asked_before() {
    let mut party = Party::new();
    party.manner = (503, "Retry-After: 100\r\n");
    let (phone, _) = party.watcher(0);
    party.run(Duration::from_secs(95));
    assert_eq!(party.asked.len(), 1);
    party.manner = (200, "Expires: 3600\r\n");
    party.run(Duration::from_secs(10));
    assert_eq!(party.asked.len(), 2);
    assert_eq!(lamp_at(&party, &phone), "terminated");
}

/// RFC 6665 4.1.2.2: what a refresh is refused with for now ends nothing.
#[test]
fn a_pbx_that_is_too_busy_for_a_refresh_keeps_its_dialog_and_is_believed_in_it() {
    let mut party = Party::new();
    party.manner = (200, "Expires: 120\r\n");
    let (phone, _) = party.watcher(0);
    party.manner = (503, "");
    party.run(Duration::from_secs(110));
    assert!(party.asked.len() > 3, "{}", party.asked.len());
    let ids = party.asked.iter().map(|asked| value(asked, "Call-ID"));
    let first = value(&party.asked[0], "Call-ID");
    assert!(
        ids.clone().all(|id| id == first),
        "{:?}",
        ids.collect::<Vec<_>>()
    );
    party.changes("early");
    party.run(SECOND);
    assert_eq!(lamp_at(&party, &phone), "early");
    // When its time is over there is a new one.
    party.run(Duration::from_secs(100));
    party.manner = (200, "Expires: 120\r\n");
    party.run(Duration::from_secs(60));
    assert_ne!(
        value(party.asked.last().unwrap(), "Call-ID"),
        value(&party.asked[0], "Call-ID")
    );
    assert!(party.complaints.is_empty(), "{:?}", party.complaints);
}

#[test]
fn who_comes_while_nobody_watches_any_more_does_not_wait_until_it_would_have_been_let_go() {
    let mut config = sharing();
    config.subscriptions.linger = Duration::from_secs(3_000);
    let mut party = Party::of(config);
    party.manner = (200, "Expires: 120\r\n");
    let (mut phone, ok) = party.watcher(0);
    party.manner = (503, "");
    party.run(Duration::from_secs(95));
    let bye = again(&mut phone, &ok, 50, 0);
    assert_eq!(status_of(&party.sends(&phone, &bye)), 200);
    party.run(SECOND);
    party.manner = (200, "Expires: 120\r\n");
    let asked = party.asked.len();
    party.lamp = "early".to_owned();
    let (second, _) = party.watcher(1);
    party.run(SECOND);
    assert_eq!(party.asked.len(), asked + 1);
    assert_eq!(lamp_at(&party, &second), "early");
}

/// RFC 6665 4.2.2, RFC 3261 21.5.4.
#[test]
fn a_watcher_that_asks_to_be_let_alone_for_a_while_is_told_the_last_state_after_that() {
    let mut party = Party::new();
    party.watcher(0);
    let mut busy = phone("6003", "203.0.113.9:5060");
    assert_eq!(status_of(&party.subscribes(&mut busy, "busy", DIALOG)), 200);
    let first = party.world.expect(busy.address).expect("a NOTIFY");
    let answer = busy.answer(&first, 503, "Busy", "Retry-After: 60\r\n");
    say(&mut party.world, &busy, &answer);
    for lamp in ["trying", "early", "confirmed", "terminated", "early"] {
        party.changes(lamp);
        party.run(SECOND);
    }
    party.run(Duration::from_secs(50));
    assert!(party.world.drain(busy.address).is_empty());
    party.run(Duration::from_secs(6));
    let second = party.world.drain(busy.address);
    assert_eq!(lamp_of(&second[0]), (1, "early"));
    let answer = busy.answer(&second[0], 200, "OK", "");
    say(&mut party.world, &busy, &answer);
    party.run(Duration::from_secs(20));
    assert!(
        party
            .world
            .drain(busy.address)
            .iter()
            .all(|copy| *copy == second[0])
    );
    assert_eq!(known(&party.world).len(), 2);
}

/// It answers, so it is there, however often it has no time.
#[test]
fn a_watcher_that_asks_to_be_let_alone_again_and_again_is_kept_and_not_told_at_the_speed_of_the_wire()
 {
    let mut party = Party::new();
    party.watcher(0);
    let mut busy = phone("6003", "203.0.113.9:5060");
    party.subscribes(&mut busy, "busy", DIALOG);
    let mut told = 0;
    for _ in 0..600 {
        for notify in party.world.drain(busy.address) {
            told += 1;
            let answer = busy.answer(&notify, 503, "Busy", "Retry-After: 0\r\n");
            say(&mut party.world, &busy, &answer);
        }
        party.run(Duration::from_millis(100));
    }
    assert!((10..=14).contains(&told), "{told}");
    assert_eq!(known(&party.world).len(), 2);
}

/// Whose phone is there again is told at once.
#[test]
fn a_watcher_that_refreshes_is_told_though_it_asked_to_be_let_alone() {
    let mut party = Party::new();
    party.watcher(0);
    let mut busy = phone("6003", "203.0.113.9:5060");
    let ok = party.subscribes(&mut busy, "busy", DIALOG);
    let first = party.world.expect(busy.address).expect("a NOTIFY");
    let answer = busy.answer(&first, 503, "Busy", "Retry-After: 200\r\n");
    say(&mut party.world, &busy, &answer);
    party.run(SECOND);
    let request = again(&mut busy, &ok, 50, 300);
    assert_eq!(status_of(&party.sends(&busy, &request)), 200);
    let second = party.world.expect_within(busy.address, SECOND);
    assert!(second.expect("a NOTIFY").starts_with("NOTIFY "));
}
