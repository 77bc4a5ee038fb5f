//! In whose name the PBX is asked, when it refuses that one and not the others.

use crate::party::*;
use bellhop_core::registrar::Aor;
use bellhop_core::share::ResourceList;
use std::sync::Arc;

fn state_at<'p>(party: &'p Party, phone: &Peer) -> &'p str {
    let last = party.heard_by(phone).last().expect("a NOTIFY");
    value(last, "Subscription-State")
}

const REJECTED: &str = "terminated;reason=rejected";

/// Subscribes, and lets no time pass for the PBX.
fn comes(party: &mut Party, n: u16) -> Peer {
    let mut phone = party.guest(n, 200);
    let ok = party.subscribes(&mut phone, &format!("come{n}"), DIALOG);
    assert_eq!(status_of(&ok), 200, "{ok}");
    phone
}

#[test]
fn whom_the_pbx_refuses_is_rejected_and_it_is_asked_in_the_next_ones_name() {
    let mut party = Party::new();
    party.unwelcome = vec!["6001"];
    let (first, second) = (comes(&mut party, 0), comes(&mut party, 1));
    party.run(SECOND);
    assert_eq!(state_at(&party, &first), REJECTED);
    let last = party.heard_by(&second).last().unwrap();
    assert!(
        value(last, "Subscription-State").starts_with("active"),
        "{last}"
    );
    assert_eq!(lamp_of(last).1, "terminated");
    let names: Vec<&str> = party
        .asked
        .iter()
        .map(|a| value(a, "P-Asserted-Identity"))
        .collect();
    assert_eq!(names, ["<sip:6001@example.org>", "<sip:6002@example.org>"]);
    assert_eq!(known(&party.world).len(), 1);
}

/// Whose right is taken back while it watches; the lamps of the others stay as they were.
#[test]
fn who_may_not_watch_any_more_takes_nobody_with_him() {
    let mut party = Party::new();
    party.manner = (200, "Expires: 120\r\n");
    let (first, _) = party.watcher(0);
    let (second, _) = party.watcher(1);
    party.unwelcome = vec!["6001"];
    party.run(Duration::from_secs(150));
    assert_eq!(state_at(&party, &first), REJECTED);
    let heard = party.heard_by(&second);
    assert!(heard.iter().all(|notify| notify.contains("<dialog-info")));
    party.changes("early");
    party.run(SECOND);
    assert_eq!(lamp_of(party.heard_by(&second).last().unwrap()).1, "early");
    assert!(value(party.asked.last().unwrap(), "From").contains("sip:6002@"));
}

#[test]
fn whom_all_are_refused_to_are_all_rejected_and_nothing_is_left() {
    let mut party = Party::new();
    party.unwelcome = vec!["6001", "6002", "6003"];
    let phones: Vec<Peer> = (0..6).map(|n| comes(&mut party, n)).collect();
    party.run(Duration::from_secs(5));
    for phone in &phones {
        assert_eq!(state_at(&party, phone), REJECTED);
    }
    assert_eq!(party.asked.len(), 3, "each of them once");
    assert!(known(&party.world).is_empty());
    assert_eq!(party.world.nodes[0].shared.subscriptions.tally().shared, 0);
}

#[test]
fn the_next_one_may_be_in_another_shard() {
    let mut party = Party::of_shards(4, sharing());
    party.unwelcome = vec!["6001", "6002"];
    let phones: Vec<Peer> = (0..24).map(|n| comes(&mut party, n)).collect();
    party.run(Duration::from_secs(8));
    for phone in &phones {
        let state = state_at(&party, phone);
        let is_welcome = phone.user == "6003";
        assert_eq!(state == REJECTED, !is_welcome, "{}: {state}", phone.user);
        assert_eq!(
            state.starts_with("active"),
            is_welcome,
            "{}: {state}",
            phone.user
        );
    }
    assert_eq!(known(&party.world).len(), 8);
    assert_eq!(party.world.nodes[0].shared.subscriptions.tally().shared, 1);
}

/// A list is not ended for one member, and those who watch it are not asked for by turns without end.
#[test]
fn a_member_that_is_refused_to_all_who_watch_its_list_is_asked_for_once_for_each() {
    let mut config = sharing();
    let uri = "sip:6002@example.org".to_owned();
    let member = Aor::parse_text(&uri).unwrap();
    let list = ResourceList {
        name: None,
        members: vec![(uri, member)],
    };
    let desk = Aor::parse_text("sip:desk@example.org").unwrap();
    config.subscriptions.lists.insert(desk, Arc::new(list));
    let mut party = Party::of(config);
    party.unwelcome = vec!["6001", "6002", "6003"];
    let phones: Vec<Peer> = (0..3)
        .map(|n| {
            let mut phone = party.guest(n, 200);
            let more = "Event: dialog\r\nSupported: eventlist\r\n";
            let request = phone.request("SUBSCRIBE", "sip:desk@example.org", "l", more);
            let request = request.replace("Call-ID: l", &format!("Call-ID: l{n}"));
            let request = authorized(&mut party.world, &mut phone, &request);
            assert_eq!(status_of(&party.sends(&phone, &request)), 200);
            phone
        })
        .collect();
    party.run(Duration::from_secs(20));
    assert_eq!(party.asked.len(), 3);
    for phone in &phones {
        let last = party.heard_by(phone).last().unwrap();
        assert!(
            last.contains("state=\"terminated\" reason=\"rejected\""),
            "{last}"
        );
    }
}
