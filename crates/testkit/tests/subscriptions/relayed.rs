//! What is relayed is kept in sight, and relayed all the same where it is not.

use crate::site::*;
use bellhop_core::subscription::PACKAGES;

fn crowded(most: usize) -> World {
    let mut config = config();
    config.subscriptions.most = most;
    let mut world = World::new(1);
    world.start(config, auth());
    world
}

#[test]
fn beyond_the_bound_subscriptions_are_relayed_and_counted() {
    let mut world = crowded(2);
    let mut all: Vec<Watch> = Vec::new();
    for id in ["a", "b", "c"] {
        let mut watch = Watch::begun(&mut world, id, DIALOG);
        assert_eq!(
            status_of(&watch.answered(&mut world, 200, "Expires: 600\r\n")),
            200
        );
        assert_eq!(watch.notified(&mut world, "active;expires=600", 200), 200);
        all.push(watch);
    }
    assert_eq!(states(&world), ["active", "active"]);
    assert_eq!(world.nodes[0].shared.subscriptions.tally().untracked, 1);
    // There is room again when one has ended.
    all[0].notified(&mut world, "terminated", 200);
    Watch::begun(&mut world, "d", DIALOG);
    assert_eq!(states(&world), ["active", "waiting"]);
}

#[test]
fn a_peer_that_forks_without_end_fills_no_table() {
    let mut world = world();
    let mut watch = Watch::standing(&mut world);
    for _ in 0..40 {
        watch.tag = Box::leak(format!("fork{}", watch.cseq).into_boxed_str());
        assert_eq!(watch.notified(&mut world, "active;expires=600", 200), 200);
    }
    assert_eq!(known(&world).len(), 16);
}

#[test]
fn two_usages_of_one_call_id_are_told_apart_by_their_event() {
    let mut world = world();
    let mut dialog = Watch::standing(&mut world);
    let mut mailbox = Watch::begun_at(&mut world, 9, "watch", "Event: message-summary\r\n");
    mailbox.answered(&mut world, 200, "Expires: 600\r\n");
    mailbox.notified(&mut world, "active;expires=600", 200);
    assert_eq!(states(&world), ["active", "active"]);
    dialog.notified(&mut world, "terminated", 200);
    assert_eq!(&*known(&world)[0].package, b"message-summary");
}

#[test]
fn they_are_counted_by_package_and_what_peers_make_up_is_one() {
    let mut world = world();
    Watch::standing(&mut world);
    Watch::begun(&mut world, "x", "Event: made-up-by-a-peer\r\n");
    Watch::begun(&mut world, "y", "o: also.made-up\r\n");
    let tally = world.nodes[0].shared.subscriptions.tally();
    assert_eq!(PACKAGES[0], "dialog");
    assert_eq!(tally.live[0], [0, 0, 1]);
    assert_eq!(tally.live[PACKAGES.len()], [2, 0, 0]);
}

#[test]
fn a_subscribe_without_an_event_is_the_pbxs_to_refuse() {
    let mut world = world();
    let mut watch = Watch::begun(&mut world, "none", "");
    assert!(known(&world).is_empty());
    assert_eq!(status_of(&watch.answered(&mut world, 489, "")), 489);
}

/// A mailbox's NOTIFY that nobody asked for, and the one of a REFER, are no subscriptions.
#[test]
fn a_notify_without_a_subscribe_makes_none() {
    let mut world = world();
    let (a, _) = pair(&mut world);
    let mut p = pbx();
    let lines = "Event: message-summary\r\nSubscription-State: terminated\r\n";
    let notify = p.request("NOTIFY", "sip:6001@203.0.113.1:5060", "mwi", lines);
    say(&mut world, &p, &notify);
    let at_phone = world.expect(a.address).expect("a NOTIFY");
    assert!(at_phone.starts_with("NOTIFY "), "{at_phone}");
    assert!(known(&world).is_empty());
}

/// 4.5.1: the Record-Route is the same at each refresh, so that the PBX keeps its route.
#[test]
fn a_refresh_carries_the_same_record_route() {
    let mut world = world();
    let mut watch = Watch::standing(&mut world);
    let first = header_of(&watch.at_pbx, "Record-Route").to_owned();
    assert!(!first.is_empty());
    let again = watch.refresh(&mut world, 600);
    assert_eq!(header_of(&again, "Record-Route"), first);
}
