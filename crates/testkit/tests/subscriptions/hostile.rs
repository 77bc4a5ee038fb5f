//! Who floods, forges, lies or forks, before subscriptions that are shared.

use crate::party::*;

/// RFC 6665 4.4.1: the first NOTIFY or 2xx makes the dialog; forks beyond it are told that they are not wanted, and
/// change nothing of it.
#[test]
fn forks_of_the_pbx_beyond_the_first_are_481_and_leave_the_first_as_it_is() {
    let mut party = Party::new();
    party.is_silent = true;
    let (phone, _) = party.watcher(0);
    let asked = party.asked[0].clone();
    party.tells(&asked, "active;expires=3600");
    party.run(SECOND);
    let before = party.heard_by(&phone).len();
    assert!(lamp_of(party.heard_by(&phone).last().unwrap()).1 == "terminated");
    // The 2xx is of another one than the NOTIFY that came before it.
    let late = pbx().answer(&asked, 200, "OK", "Expires: 3600\r\n");
    let contact = format!("Contact: {}", value(&late, "Contact"));
    let late = late.replace("tag=tpbx", "tag=tfork");
    let late = late.replace(&contact, "Contact: <sip:fork@198.51.100.66>");
    say(&mut party.world, &pbx(), &late);
    party.lamp = "confirmed".to_owned();
    let notify = party.text_of(&asked, "active;expires=3600");
    let notify = notify.replace("tag=tpbx", "tag=tfork");
    say(&mut party.world, &pbx(), &notify);
    party.run(SECOND);
    let refusal = party.complaints.pop().expect("a refusal");
    assert_eq!(status_of(&refusal), 481, "{refusal}");
    assert_eq!(party.heard_by(&phone).len(), before);
    party.is_silent = false;
    // It lives by another watcher, too.
    party.run(Duration::from_secs(500));
    party.watcher(1);
    let asked_again = |one: &&String| **one != asked;
    let mut again = party.asked.iter().find(asked_again).cloned();
    for n in 2..8 {
        party.run(Duration::from_secs(500));
        party.watcher(n);
        again = again.or(party.asked.iter().find(asked_again).cloned());
    }
    let refresh = again.expect("a refresh");
    assert!(value(&refresh, "To").ends_with(";tag=tpbx"), "{refresh}");
    assert!(!refresh.contains("fork"), "{refresh}");
}

/// RFC 3261 12.2.2: a dialog is its Call-ID and both tags.
#[test]
fn a_refresh_with_another_from_tag_is_of_no_dialog_of_ours() {
    let mut party = Party::new();
    let (mut phone, ok) = party.watcher(0);
    let forged = again(&mut phone, &ok, 50, 0).replace(";tag=f6001", ";tag=other");
    // What our signature was given for was another's tag.
    let challenge = party.sends(&phone, &forged);
    assert_eq!(status_of(&challenge), 407, "{challenge}");
    let forged = phone
        .authorize(&forged, &challenge, bellhop_core::auth::Algorithm::Sha256)
        .unwrap();
    assert_eq!(status_of(&party.sends(&phone, &forged)), 481);
    assert_eq!(known(&party.world).len(), 1);
}

/// One whose SUBSCRIBE the PBX refuses, and who never answers the NOTIFY that says so, keeps nobody else from asking.
#[test]
fn a_refusal_is_for_those_who_asked_and_not_for_who_comes_while_they_are_still_told() {
    let mut party = Party::new();
    party.manner = (403, "");
    let mut silent = party.guest(0, 0);
    party.subscribes(&mut silent, "refused", DIALOG);
    party.run(SECOND);
    assert_eq!(party.asked.len(), 1);
    party.manner = (200, "Expires: 3600\r\n");
    let (phone, _) = party.watcher(1);
    assert_eq!(party.asked.len(), 2);
    let last = party.heard_by(&phone).last().unwrap();
    assert!(
        value(last, "Subscription-State").starts_with("active"),
        "{last}"
    );
}

/// What is kept for a watcher is the watcher's to make long: more than 4 KiB is not kept.
#[test]
fn a_subscribe_with_kilobytes_of_names_is_relayed() {
    for line in [
        "Event: dialog;id=",
        "Record-Route: <sip:far.example.org;lr>;x=",
    ] {
        let mut party = Party::new();
        let mut phone = party.guest(0, 200);
        let event = match line.starts_with("Event") {
            true => "",
            false => "Event: dialog\r\n",
        };
        let more = format!("{event}{line}{}\r\n", "x".repeat(5_000));
        let request = phone.request("SUBSCRIBE", "sip:6002@example.org", "long", &more);
        let request = authorized(&mut party.world, &mut phone, &request);
        say(&mut party.world, &phone, &request);
        let at_pbx = party.world.expect(addr(PBX)).expect("a SUBSCRIBE");
        assert_eq!(value(&at_pbx, "Call-ID"), "long");
    }
}

/// RFC 3261 25.1: a tag is a token.
#[test]
fn a_subscribe_with_an_empty_to_tag_begins_no_dialog_here() {
    let mut party = Party::new();
    let mut phone = party.guest(0, 200);
    let request = phone.request("SUBSCRIBE", "sip:6002@example.org", "empty", DIALOG);
    let to = "To: <sip:6002@example.org>";
    let request = request.replace(to, &format!("{to};tag="));
    let request = authorized(&mut party.world, &mut phone, &request);
    say(&mut party.world, &phone, &request);
    party.run(SECOND);
    assert!(
        party
            .asked
            .iter()
            .all(|one| value(one, "Call-ID") == "empty")
    );
    let heard = party.heard_by(&phone);
    assert!(heard.iter().all(|one| !one.contains(";tag=;tag=")));
}

/// The turn of one that nobody wants any more is nobody's loss, and a PBX that is away is asked for nobody.
#[test]
fn what_was_wanted_for_a_moment_while_the_pbx_is_away_is_forgotten() {
    let mut party = Party::new();
    party.is_silent = true;
    for n in 0..100 {
        let mut phone = party.guest(n, 200);
        let resource = format!("sip:{}@example.org", 7_000 + n);
        let request = phone.request("SUBSCRIBE", &resource, &format!("brief{n}"), DIALOG);
        let request = authorized(&mut party.world, &mut phone, &request);
        let ok = party.sends(&phone, &request);
        party.run(Duration::from_millis(20));
        let end = again(&mut phone, &ok, 50, 0);
        assert_eq!(status_of(&party.sends(&phone, &end)), 200);
    }
    party.run(Duration::from_secs(60));
    assert_eq!(party.world.nodes[0].shared.subscriptions.tally().shared, 0);
}

/// An answer to a SUBSCRIBE of a dialog that is over does not speak for the one that came after it.
#[test]
fn a_late_answer_to_a_former_dialog_is_not_taken_for_the_new_ones() {
    let mut party = Party::new();
    party.manner = (200, "Expires: 120\r\n");
    let (phone, _) = party.watcher(0);
    // A refresh is under way when the PBX ends the subscription.
    party.is_silent = true;
    while party.asked.len() < 2 {
        party.run(SECOND);
    }
    let refresh = party.asked[1].clone();
    party.tells(&refresh, "terminated;reason=deactivated");
    party.run(SECOND);
    // Copies of the refresh go on until it is answered.
    let is_anew = |one: &&String| value(one, "Call-ID") != value(&refresh, "Call-ID");
    let anew = party.asked.iter().find(is_anew).expect("one anew").clone();
    let late = pbx().answer(&refresh, 200, "OK", "Expires: 120\r\n");
    let late = late.replace("tag=tpbx", "tag=tformer");
    say(&mut party.world, &pbx(), &late);
    party.run(SECOND);
    party.is_silent = false;
    party.lamp = "early".to_owned();
    let ok = pbx().answer(&anew, 200, "OK", "Expires: 120\r\n");
    say(&mut party.world, &pbx(), &ok);
    party.tells(&anew, "active;expires=120");
    party.run(SECOND);
    let last = party.heard_by(&phone).last().unwrap();
    assert_eq!(lamp_of(last).1, "early");
}

/// A body that would take long to read is not read.
#[test]
fn a_body_with_thousands_of_attributes_is_left_out_and_the_lamp_stays_as_it_was() {
    let mut party = Party::new();
    let (phone, _) = party.watcher(0);
    let before = party.heard_by(&phone).len();
    let many: String = (0..5_000).map(|n| format!(" a{n}=''")).collect();
    for body in [
        format!("<dialog-info{many} version=\"9\" state=\"full\" entity=\"x\"/>"),
        "<dialog-info version=\"9\" state=\"full\" entity=\"x\">".repeat(3),
    ] {
        let asked = party.asked[0].clone();
        party.tells_body(&asked, "active", "application/dialog-info+xml", &body);
        party.run(SECOND);
    }
    assert_eq!(party.heard_by(&phone).len(), before);
    party.changes("early");
    party.run(SECOND);
    assert_eq!(lamp_of(party.heard_by(&phone).last().unwrap()).1, "early");
}

/// Who asks for hundreds of resources, and wants none of them any more, has no turn taken at the PBX for each.
#[test]
fn a_flood_of_subscriptions_that_are_ended_at_once_keeps_nobody_waiting() {
    let mut party = Party::new();
    for n in 0..500 {
        let mut phone = party.guest(n, 200);
        let resource = format!("sip:{}@example.org", 7_000 + n);
        let request = phone.request("SUBSCRIBE", &resource, &format!("flood{n}"), DIALOG);
        let request = authorized(&mut party.world, &mut phone, &request);
        let ok = party.sends(&phone, &request);
        party.run(Duration::from_millis(3));
        let end = again(&mut phone, &ok, 50, 0);
        say(&mut party.world, &phone, &end);
        party.run(Duration::from_millis(2));
    }
    party.run(Duration::from_millis(100));
    assert!(known(&party.world).is_empty());
    let before = party.asked.len();
    let (phone, _) = party.watcher(600);
    party.run(Duration::from_millis(300));
    assert!(party.asked.len() > before);
    let last = party.heard_by(&phone).last().unwrap();
    assert!(
        value(last, "Subscription-State").starts_with("active"),
        "{last}"
    );
}

/// One user has a thousand watchers, and the next is the PBX's own affair; another user is none of it.
#[test]
fn beyond_a_thousand_watchers_a_user_is_relayed_and_the_others_are_not() {
    let mut party = Party::new();
    for n in 0..1_000 {
        let mut phone = party.guest(n * 3, 200);
        let ok = party.subscribes(&mut phone, &format!("many{n}"), DIALOG);
        assert_eq!(status_of(&ok), 200);
        if n % 100 == 0 {
            party.run(Duration::from_millis(50));
        }
    }
    party.run(SECOND);
    assert_eq!(party.asked.len(), 1);
    let mut phone = party.guest(3_300, 200);
    let request = phone.request("SUBSCRIBE", "sip:6002@example.org", "more", DIALOG);
    let request = authorized(&mut party.world, &mut phone, &request);
    say(&mut party.world, &phone, &request);
    let at_pbx = party.world.expect(addr(PBX)).expect("a SUBSCRIBE");
    assert_eq!(value(&at_pbx, "Call-ID"), "more");
    let (_, ok) = party.watcher(3_301);
    assert!(value(&ok, "Contact").starts_with("<sip:bhw@"), "{ok}");
}
