//! A PBX that has not decided whether it tells, or takes that back: what is shared is pending then (RFC 6665 4.1.3).

use crate::held::quick;
use crate::lists;
use crate::party::*;
use crate::rlmi::Told;

const PENDING: &str = "pending;expires=3600";

/// Whatever a body says that comes with it: that is a neutral one, at most (RFC 3856 6.6.2).
#[test]
fn what_the_pbx_has_not_decided_is_pending_for_all_until_it_has() {
    let mut party = Party::new();
    party.state = PENDING;
    let (first, _) = party.watcher(0);
    let (second, _) = party.watcher(1);
    for phone in [&first, &second] {
        let heard = party.heard_by(phone);
        assert_eq!(heard.len(), 1, "{heard:?}");
        is_pending(&heard[0]);
    }
    assert_eq!(states(&party.world), ["pending"; 2]);
    party.changes("confirmed");
    party.run(SECOND);
    let (third, _) = party.watcher(2);
    for (phone, count) in [(&first, 2), (&second, 2), (&third, 1)] {
        let heard = party.heard_by(phone);
        assert_eq!(heard.len(), count, "{heard:?}");
        let last = heard.last().unwrap();
        assert!(value(last, "Subscription-State").starts_with("active;"));
        assert_eq!(lamp_of(last).1, "confirmed");
    }
    assert_eq!(states(&party.world), ["active"; 3]);
    assert_eq!(party.asked.len(), 1);
}

#[test]
fn what_the_pbx_takes_back_is_pending_again_and_who_comes_then_sees_nothing_of_it() {
    let mut party = Party::new();
    let (first, _) = party.watcher(0);
    let asked = party.asked[0].clone();
    let before = party.heard_by(&first).len();
    for _ in 0..2 {
        party.tells_body(&asked, PENDING, "application/dialog-info+xml", "");
        party.run(SECOND);
    }
    let heard = party.heard_by(&first);
    assert_eq!(heard.len(), before + 1, "{heard:?}");
    is_pending(&heard[before]);
    let (second, _) = party.watcher(1);
    is_pending(&party.heard_by(&second)[0]);
    assert_eq!(states(&party.world), ["pending"; 2]);
    // The same as before is news now.
    party.changes("terminated");
    party.run(SECOND);
    for phone in [&first, &second] {
        let last = party.heard_by(phone).last().unwrap();
        assert_eq!(lamp_of(last).1, "terminated");
    }
}

/// The PBX grants each, and ends it with its first NOTIFY.
#[test]
fn a_pbx_that_ends_it_for_now_is_asked_more_and_more_seldom_until_it_tells() {
    for reason in [
        "terminated;reason=probation",
        "terminated;reason=giveup",
        "terminated",
        "terminated;reason=deactivated",
        "terminated;reason=timeout",
    ] {
        let mut party = Party::new();
        let (first, _) = party.watcher(0);
        let asked = party.asked[0].clone();
        party.state = reason;
        party.tells_body(&asked, reason, "application/dialog-info+xml", "");
        passes(&mut party, 120);
        let count = party.asked.len();
        assert!((5..=9).contains(&count), "{reason}: {count}");
        let is_revoked = reason.contains("probation") || reason.contains("giveup");
        let last = party.heard_by(&first).last().unwrap();
        match is_revoked {
            true => is_pending(last),
            // It says nothing of what watchers may see: the lamp stays as it was.
            false => assert!(value(last, "Subscription-State").starts_with("active;")),
        }
        party.state = "active;expires=3600";
        party.lamp = "early".to_owned();
        passes(&mut party, 240);
        let last = party.heard_by(&first).last().unwrap();
        assert_eq!(lamp_of(last).1, "early", "{reason}");
        assert_eq!(party.asked.len(), count + 1, "{reason}");
    }
}

#[test]
fn a_watcher_that_was_told_more_before_a_restart_of_bellhop_hears_that_it_is_pending() {
    let mut party = Party::on(quick);
    let (phone, _) = party.watcher(0);
    party.heard();
    party.state = PENDING;
    party.restart();
    party.run(SECOND);
    let heard = party.heard_by(&phone);
    assert_eq!(heard.len(), 1, "{heard:?}");
    is_pending(&heard[0]);
}

/// Who is rejected is the one in whose name the PBX was asked.
#[test]
fn whom_the_pbx_rejects_is_over_and_the_others_are_asked_for_in_the_name_of_one_of_them() {
    let mut party = Party::new();
    let (first, _) = party.watcher(0);
    let (second, _) = party.watcher(1);
    party.heard();
    for (phone, other) in [(&first, Some(&second)), (&second, None)] {
        let asked = party.asked.last().unwrap().clone();
        let name = format!("<sip:{}@", phone.user);
        assert!(value(&asked, "From").starts_with(&name), "{asked}");
        let rejected = "terminated;reason=rejected";
        party.tells_body(&asked, rejected, "application/dialog-info+xml", "");
        passes(&mut party, 4);
        let last = party.heard_by(phone).last().unwrap();
        assert_eq!(value(last, "Subscription-State"), rejected);
        if let Some(other) = other {
            assert!(party.heard_by(other).is_empty());
            party.changes("early");
            party.run(SECOND);
            assert_eq!(lamp_of(party.heard_by(other).last().unwrap()).1, "early");
        }
    }
    assert_eq!(party.asked.len(), 2);
    assert!(known(&party.world).is_empty());
}

/// RFC 6665 4.2.2: the NOTIFY with terminated is the last.
#[test]
fn one_that_is_rejected_is_told_so_once_though_others_are_while_it_has_not_answered() {
    let mut party = Party::new();
    let mut slow = party.guest(0, 0);
    party.subscribes(&mut slow, "slow", DIALOG);
    let answers = |party: &mut Party, slow: &Peer| {
        party.run(SECOND);
        for notify in party.heard.remove(&slow.address).unwrap_or_default() {
            say(&mut party.world, slow, &slow.answer(&notify, 200, "OK", ""));
        }
        party.run(SECOND);
        party.heard.remove(&slow.address).unwrap_or_default()
    };
    while !answers(&mut party, &slow).is_empty() {}
    let (other, _) = party.watcher(1);
    for phone in [&slow, &other] {
        let asked = party.asked.last().unwrap().clone();
        let rejected = "terminated;reason=rejected";
        party.tells_body(&asked, rejected, "application/dialog-info+xml", "");
        passes(&mut party, 4);
        let last = party.heard_by(phone).last().unwrap();
        assert_eq!(value(last, "Subscription-State"), rejected);
    }
    assert_eq!(answers(&mut party, &slow), Vec::<String>::new());
    assert!(known(&party.world).is_empty());
}

/// As one that refuses: each name once, though a list lives on.
#[test]
fn a_pbx_that_grants_and_rejects_each_name_is_asked_in_each_once() {
    let mut party = Party::of(lists::with(&["6005"]));
    party.state = "terminated;reason=rejected";
    for n in 0..3 {
        lists::watches(&mut party, n);
    }
    passes(&mut party, 20);
    assert!(party.asked.len() <= 6, "{}", party.asked.len());
}

/// RFC 4662 5.4.
#[test]
fn a_member_that_the_pbx_has_not_decided_on_is_pending_in_its_list() {
    let mut party = Party::of(lists::with(&["6001", "6002"]));
    party.state = PENDING;
    let (phone, _) = lists::watches(&mut party, 1);
    let heard = party.heard_by(&phone).len();
    let last = Told::of(party.heard_by(&phone).last().unwrap());
    assert_eq!(last.resources.len(), 2);
    let is_pending = |inside: &str| inside.contains("state=\"pending\"");
    assert!(last.resources.iter().all(|(_, inside)| is_pending(inside)));
    lists::lights(&mut party, "6002", "early");
    let told = Told::of(&party.heard_by(&phone)[heard]);
    assert_eq!(told.lamps()[0].1, "early");
    let asked = party
        .asked
        .iter()
        .find(|asked| asked.starts_with("SUBSCRIBE sip:6002@"));
    let asked = asked.unwrap().clone();
    party.tells_body(&asked, PENDING, "application/dialog-info+xml", "");
    party.run(SECOND);
    let heard = &party.heard_by(&phone)[heard + 1..];
    assert_eq!(heard.len(), 1, "{heard:?}");
    let told = Told::of(&heard[0]);
    let expected = ("sip:6002@example.org", true);
    let all = told.resources.iter();
    let all: Vec<_> = all
        .map(|(uri, inside)| (uri.as_str(), is_pending(inside)))
        .collect();
    assert_eq!(all, [expected]);
}

/// So finely that the PBX answers before it is asked again.
fn passes(party: &mut Party, seconds: u32) {
    for _ in 0..seconds {
        party.run(SECOND);
    }
}

fn is_pending(notify: &str) {
    let state = value(notify, "Subscription-State");
    assert!(state.starts_with("pending;expires="), "{notify}");
    assert!(notify.ends_with("\r\n\r\n"), "{notify}");
}
