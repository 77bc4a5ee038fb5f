//! Lists of resources that one subscription watches, statement by statement of RFC 4662 4 and 5.

use crate::party::*;
use crate::rlmi::{Told, all_known, content_ids};
use bellhop_core::config::Config;
use bellhop_core::registrar::Aor;
use bellhop_core::share::ResourceList;
use std::collections::HashSet;
use std::sync::Arc;

const DESK: &str = "sip:desk@example.org";
const LIST: &str = "Event: dialog\r\nSupported: eventlist\r\nExpires: 600\r\n\
    Accept: application/dialog-info+xml, application/rlmi+xml, multipart/related\r\n";

/// 4.1: the 200 and each NOTIFY require the extension; 4.5, 5.1, 5.2: the first tells all.
#[test]
fn a_list_is_one_dialog_and_one_subscription_at_the_pbx_for_each_member() {
    let mut party = party(&["6001", "6002", "6003"]);
    let (phone, ok) = watches(&mut party, 1);
    assert_eq!(value(&ok, "Require"), "eventlist");
    let asked: HashSet<String> = party.asked.iter().map(|a| target(a)).collect();
    let expected = ["6001", "6002", "6003"].map(|n| format!("sip:{n}@198.51.100.5:5060"));
    assert_eq!(asked, HashSet::from(expected));
    for asked in &party.asked {
        assert_eq!(value(asked, "Accept"), "application/dialog-info+xml");
    }
    let heard = party.heard_by(&phone);
    let first = Told::of(&heard[0]);
    assert!(first.is_full && first.version == 0);
    assert_eq!(first.uri, DESK);
    assert_eq!(first.resources.len(), 3);
    assert!(value(&heard[0], "Subscription-State").starts_with("active;expires="));
    for (version, notify) in heard.iter().enumerate() {
        let told = Told::of(notify);
        assert_eq!(told.version as usize, version);
        assert_eq!(told.is_full, version == 0);
    }
    let known = all_known(heard);
    assert_eq!(known.len(), 3);
    assert!(known.values().all(|lamp| lamp == "terminated"), "{known:?}");
    assert!(party.complaints.is_empty(), "{:?}", party.complaints);
}

/// 5.2: only what has changed, with the next version.
#[test]
fn a_change_of_one_member_is_told_alone() {
    let mut party = party(&["6001", "6002", "6003"]);
    let (phone, _) = watches(&mut party, 1);
    let before = party.heard_by(&phone).len();
    lights(&mut party, "6002", "confirmed");
    let heard = party.heard_by(&phone);
    assert_eq!(heard.len(), before + 1);
    let told = Told::of(&heard[before]);
    assert!(!told.is_full && told.version as usize == before);
    assert_eq!(told.resources.len(), 1);
    assert_eq!(
        told.lamps(),
        [("sip:6002@example.org".to_owned(), "confirmed".to_owned())]
    );
}

/// One source for each member, whoever watches it: alone, or in a list.
#[test]
fn a_member_is_shared_with_other_lists_and_with_those_who_watch_it_alone() {
    let mut party = party(&["6001", "6002"]);
    let (alone, _) = party.watcher(7);
    let (one, _) = watches(&mut party, 1);
    let (other, _) = watches(&mut party, 2);
    assert_eq!(party.asked.len(), 2, "6002 alone, then 6001");
    // All is known: the last comer is told all at once.
    let heard = party.heard_by(&other);
    assert_eq!(heard.len(), 1);
    assert_eq!(Told::of(&heard[0]).lamps().len(), 2);
    lights(&mut party, "6002", "early");
    assert_eq!(lamp_of(party.heard_by(&alone).last().unwrap()).1, "early");
    for phone in [&one, &other] {
        let told = Told::of(party.heard_by(phone).last().unwrap());
        assert_eq!(told.lamps()[0].1, "early");
    }
}

/// 4.5, 5.2: a refresh is answered with all.
#[test]
fn a_refresh_tells_all_again() {
    let mut party = party(&["6001", "6002"]);
    let (mut phone, ok) = watches(&mut party, 1);
    let before = party.heard_by(&phone).len();
    let request = again(&mut phone, &ok, 50, 300);
    let answer = party.sends(&phone, &request);
    assert_eq!(
        (status_of(&answer), value(&answer, "Require")),
        (200, "eventlist")
    );
    party.run(SECOND);
    let heard = party.heard_by(&phone);
    assert_eq!(heard.len(), before + 1);
    let told = Told::of(&heard[before]);
    assert!(told.is_full && told.version as usize == before);
    assert_eq!(told.lamps().len(), 2);
    assert_eq!(party.asked.len(), 2);
}

/// 4.1.
#[test]
fn who_does_not_know_lists_is_told_that_he_must() {
    for (more, status, header) in [
        (DIALOG, 421, ("Require", "eventlist")),
        (
            "Event: dialog\r\nRequire: eventlist\r\n",
            200,
            ("Require", "eventlist"),
        ),
        (
            "Event: dialog\r\nSupported: eventlist\r\nRequire: eventlist, tricks\r\n",
            420,
            ("Unsupported", "tricks"),
        ),
        (
            "Event: winning\r\nSupported: eventlist\r\n",
            489,
            ("Allow-Events", "dialog, presence, message-summary"),
        ),
    ] {
        let mut party = party(&["6001"]);
        let mut phone = party.guest(1, 200);
        let answer = asks(&mut party, &mut phone, "list", more);
        assert_eq!(status_of(&answer), status, "{answer}");
        assert_eq!(value(&answer, header.0), header.1, "{answer}");
    }
}

/// 5.4: a member that is refused is terminated with a reason, and the others are not.
#[test]
fn a_member_that_the_pbx_refuses_is_terminated_and_asked_for_again_at_a_refresh() {
    let mut party = party(&["6001", "6002"]);
    party.manner = (404, "");
    let (mut phone, ok) = watches(&mut party, 1);
    let last = Told::of(party.heard_by(&phone).last().unwrap());
    let over = "<instance id=\"1\" state=\"terminated\" reason=\"noresource\"/>";
    assert!(
        last.resources.iter().all(|(_, inside)| inside == over),
        "{last:?}"
    );
    assert_eq!(known(&party.world).len(), 1, "the list is still watched");
    let (asked, before) = (party.asked.len(), party.heard_by(&phone).len());
    party.manner = (200, "Expires: 3600\r\n");
    let request = again(&mut phone, &ok, 50, 300);
    party.sends(&phone, &request);
    party.run(SECOND);
    assert_eq!(party.asked.len(), asked + 2);
    let heard = party.heard_by(&phone);
    assert!(Told::of(&heard[before]).is_full);
    assert_eq!(all_known(heard).len(), 2);
}

/// A watcher who comes later asks anew for what was refused to a list.
#[test]
fn what_was_refused_to_a_list_is_asked_anew_for_the_next_who_watches_it() {
    let mut party = party(&["6002"]);
    party.manner = (404, "");
    watches(&mut party, 1);
    assert_eq!(party.asked.len(), 1);
    party.manner = (200, "Expires: 3600\r\n");
    let (alone, _) = party.watcher(7);
    assert_eq!(party.asked.len(), 2);
    assert_eq!(
        lamp_of(party.heard_by(&alone).last().unwrap()).1,
        "terminated"
    );
}

/// RFC 2046 5.1.1, RFC 2392: nobody can guess them, and no two NOTIFYs share them.
#[test]
fn boundaries_and_content_ids_are_new_in_each_notify() {
    let mut party = party(&["6001", "6002"]);
    let (phone, _) = watches(&mut party, 1);
    for lamp in ["early", "confirmed", "terminated"] {
        lights(&mut party, "6001", lamp);
    }
    let heard = party.heard_by(&phone);
    let kinds: HashSet<&str> = heard.iter().map(|n| value(n, "Content-Type")).collect();
    assert_eq!(kinds.len(), heard.len());
    let ids: Vec<&str> = heard.iter().flat_map(|n| content_ids(n)).collect();
    let unique: HashSet<&&str> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len());
}

/// 4.8: what changes while a NOTIFY is under way is told together.
#[test]
fn a_slow_watcher_is_told_of_several_members_in_one() {
    let mut party = party(&["6001", "6002", "6003"]);
    watches(&mut party, 1);
    let mut slow = phone("6003", "203.0.113.9:5060");
    let ok = asks(&mut party, &mut slow, "slow", LIST);
    assert_eq!(status_of(&ok), 200);
    let first = party.world.expect(slow.address).expect("a NOTIFY");
    for member in ["6001", "6003"] {
        lights(&mut party, member, "early");
    }
    party.world.drain(slow.address);
    let answer = slow.answer(&first, 200, "OK", "");
    say(&mut party.world, &slow, &answer);
    let second = party.world.expect(slow.address).expect("another NOTIFY");
    let told = Told::of(&second);
    assert_eq!((told.version, told.lamps().len()), (1, 2));
}

/// What was not answered may be lost, and with it a part: all is told.
#[test]
fn a_notify_that_nobody_answered_is_followed_by_one_that_tells_all() {
    let mut party = party(&["6001", "6002"]);
    watches(&mut party, 1);
    let mut deaf = phone("6003", "203.0.113.9:5060");
    asks(&mut party, &mut deaf, "deaf", LIST);
    let first = party.world.expect(deaf.address).expect("a NOTIFY");
    party.run(Duration::from_secs(38));
    let copies = party.world.drain(deaf.address);
    let second = copies.iter().find(|copy| **copy != first).expect("another");
    let told = Told::of(second);
    assert!(told.is_full && told.version == 1);
}

/// 4.2: it ends as any other, and members that nobody watches any more are let go of.
#[test]
fn the_end_of_a_list_is_the_end_of_its_members() {
    let mut party = party(&["6001", "6002", "6003"]);
    let (mut phone, ok) = watches(&mut party, 1);
    party.watcher(7);
    let asked = party.asked.len();
    let request = again(&mut phone, &ok, 50, 0);
    assert_eq!(status_of(&party.sends(&phone, &request)), 200);
    party.run(SECOND);
    let last = party.heard_by(&phone).last().unwrap();
    assert_eq!(
        value(last, "Subscription-State"),
        "terminated;reason=timeout"
    );
    assert!(Told::of(last).is_full);
    party.run(Duration::from_secs(40));
    let ended = party.asked[asked..]
        .iter()
        .filter(|a| value(a, "Expires") == "0");
    assert_eq!(ended.count(), 2, "6002 is still watched by another");
    assert_eq!(known(&party.world).len(), 1);
}

#[test]
fn a_question_about_a_list_is_answered_once() {
    let mut party = party(&["6001", "6002"]);
    watches(&mut party, 1);
    let mut phone = party.guest(2, 200);
    let more = "Event: dialog\r\nSupported: eventlist\r\nExpires: 0\r\n";
    let ok = asks(&mut party, &mut phone, "once", more);
    assert_eq!((status_of(&ok), value(&ok, "Expires")), (200, "0"));
    party.run(SECOND);
    let heard = party.heard_by(&phone);
    assert_eq!(heard.len(), 1);
    assert_eq!(
        value(&heard[0], "Subscription-State"),
        "terminated;reason=timeout"
    );
    assert_eq!(Told::of(&heard[0]).lamps().len(), 2);
    assert_eq!(known(&party.world).len(), 1);
}

/// A reload is heard of at the next refresh.
#[test]
fn a_list_that_is_another_one_now_is_told_so_at_a_refresh_and_one_that_is_gone_ends() {
    let mut party = party(&["6001", "6002"]);
    let (mut phone, ok) = watches(&mut party, 1);
    party.world.reconfigure(0, with(&["6002", "6003"]), auth());
    let request = again(&mut phone, &ok, 50, 300);
    party.sends(&phone, &request);
    party.run(SECOND);
    let mut told = party.heard_by(&phone).iter().map(|n| Told::of(n));
    let full = told.rfind(|told| told.is_full).unwrap();
    let uris: Vec<&str> = full.resources.iter().map(|(uri, _)| uri.as_str()).collect();
    assert_eq!(uris, ["sip:6002@example.org", "sip:6003@example.org"]);
    party.world.reconfigure(0, with(&[]), auth());
    let request = again(&mut phone, &ok, 51, 300);
    party.sends(&phone, &request);
    party.run(SECOND);
    let last = party.heard_by(&phone).last().unwrap();
    assert_eq!(
        value(last, "Subscription-State"),
        "terminated;reason=noresource"
    );
    assert!(known(&party.world).is_empty());
}

/// It is on disk as any watcher is.
#[test]
fn a_list_outlives_a_crash_and_tells_all_when_all_is_known_again() {
    let members = ["6001", "6002"];
    let mut party = party(&members);
    party.world.set_disk(0, crate::held::quick);
    let (mut phone, ok) = watches(&mut party, 1);
    let before = party.heard_by(&phone).to_vec();
    party.heard();
    // They change while nobody is there to hear of it.
    party.lamp = "confirmed".to_owned();
    party.world.restart(0, with(&members), auth());
    party.run(SECOND);
    let heard = party.heard_by(&phone);
    assert_eq!(heard.len(), 1, "{heard:?}");
    let told = Told::of(&heard[0]);
    assert!(told.is_full && told.version > Told::of(before.last().unwrap()).version);
    assert_eq!(told.lamps().len(), 2);
    assert!(told.lamps().iter().all(|(_, lamp)| lamp == "confirmed"));
    assert_eq!(value(&heard[0], "Call-ID"), value(&before[0], "Call-ID"));
    // No member has been asked for anew, and a refresh finds it.
    let dialogs: HashSet<&str> = party.asked.iter().map(|a| value(a, "Call-ID")).collect();
    assert_eq!(dialogs.len(), 2);
    let request = again(&mut phone, &ok, 50, 300);
    assert_eq!(status_of(&party.sends(&phone, &request)), 200);
    party.run(SECOND);
    assert!(Told::of(party.heard_by(&phone).last().unwrap()).is_full);
}

#[test]
fn after_a_crash_a_list_waits_for_a_pbx_that_is_away_and_one_that_is_gone_ends() {
    let mut party = party(&["6001", "6002"]);
    party.world.set_disk(0, crate::held::quick);
    let (phone, _) = watches(&mut party, 1);
    party.heard();
    party.is_silent = true;
    party.world.restart(0, with(&["6001", "6002"]), auth());
    party.run(Duration::from_secs(50));
    assert!(party.heard_by(&phone).is_empty(), "no lamp goes dark");
    party.is_silent = false;
    party.run(Duration::from_secs(60));
    let heard = party.heard_by(&phone);
    assert_eq!(all_known(heard).len(), 2);
    party.heard();
    party.world.restart(0, with(&[]), auth());
    party.run(SECOND);
    let last = party.heard_by(&phone).last().unwrap();
    assert_eq!(
        value(last, "Subscription-State"),
        "terminated;reason=deactivated"
    );
}

pub(crate) fn with(members: &[&str]) -> Config {
    let mut config = sharing();
    let member = |name: &&str| {
        let uri = format!("sip:{name}@example.org");
        let aor = Aor::parse_text(&uri).unwrap();
        (uri, aor)
    };
    let list = ResourceList {
        name: None,
        members: members.iter().map(member).collect(),
    };
    if !members.is_empty() {
        let desk = Aor::parse_text(DESK).unwrap();
        config.subscriptions.lists.insert(desk, Arc::new(list));
    }
    config
}

fn party(members: &[&str]) -> Party {
    Party::of(with(members))
}

/// Sends a SUBSCRIBE to the list; gives the answer.
fn asks(party: &mut Party, phone: &mut Peer, id: &str, more: &str) -> String {
    let request = phone.request("SUBSCRIBE", DESK, id, more);
    let request = authorized(&mut party.world, phone, &request);
    party.sends(phone, &request)
}

/// A phone of this number that watches the list, and has heard.
pub(crate) fn watches(party: &mut Party, n: u16) -> (Peer, String) {
    let mut phone = party.guest(n, 200);
    let ok = asks(party, &mut phone, &format!("list{n}"), LIST);
    assert_eq!(status_of(&ok), 200, "{ok}");
    party.run(Duration::from_millis(500));
    (phone, ok)
}

/// A member's lamp changes.
pub(crate) fn lights(party: &mut Party, member: &str, lamp: &str) {
    party.lamp = lamp.to_owned();
    let of = format!("sip:{member}@");
    let asked = party
        .asked
        .iter()
        .rfind(|asked| target(asked).starts_with(&of));
    let asked = asked.expect("a SUBSCRIBE").clone();
    party.tells(&asked, "active;expires=3600");
    party.run(Duration::from_millis(200));
}

fn target(request: &str) -> String {
    request.split(' ').nth(1).unwrap_or_default().to_owned()
}
