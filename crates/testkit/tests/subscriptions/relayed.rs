//! What is relayed is kept in sight, and relayed all the same where it is not.

use crate::site::*;
use bellhop_core::subscription::{Cause, PACKAGES};

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

/// A phone whose subscription the PBX has forgotten is told to subscribe anew; one that it knows is left alone.
#[test]
fn after_the_pbx_was_away_it_is_asked_about_each_and_what_it_has_forgotten_is_ended() {
    for (status, is_ended) in [(481, true), (500, false), (0, false)] {
        let mut world = world();
        let mut watch = Watch::standing(&mut world);
        let last = watch.notify("active;expires=600", "");
        say(&mut world, &pbx(), &last);
        let at_phone = next(&mut world, watch.phone.address, "NOTIFY ");
        let answer = watch.phone.answer(&at_phone, 200, "OK", "");
        say(&mut world, &watch.phone, &answer);
        let mut config = config();
        config.upstreams[0].probe = Some(SECOND);
        world.reconfigure(0, config, auth());
        // Silence, until it is found to be down, and then it answers.
        world.pass(Duration::from_secs(12));
        world.drain(addr(PBX));
        let probe = next(&mut world, addr(PBX), "OPTIONS ");
        say(&mut world, &pbx(), &pbx().answer(&probe, 200, "OK", ""));
        let check = loop {
            let asked = next(&mut world, addr(PBX), "OPTIONS ");
            if header_of(&asked, "To").contains("tag=") {
                break asked;
            }
        };
        for name in ["Call-ID", "CSeq"] {
            let of = |text: &str| header_of(text, name).split(' ').next().unwrap().to_owned();
            assert_eq!(of(&check), of(&watch.at_pbx));
        }
        assert!(header_of(&check, "To").ends_with(";tag=tpbx"), "{check}");
        if status > 0 {
            say(&mut world, &pbx(), &pbx().answer(&check, status, "So", ""));
        }
        let end = world.expect_within(watch.phone.address, SECOND);
        assert_eq!(end.is_some(), is_ended, "{status}");
        let Some(end) = end else {
            assert_eq!(states(&world), ["active"]);
            continue;
        };
        assert_eq!(
            header_of(&end, "Subscription-State"),
            "terminated;reason=deactivated"
        );
        for name in ["Call-ID", "From", "To", "Event"] {
            assert_eq!(header_of(&end, name), header_of(&at_phone, name));
        }
        assert_eq!(header_of(&end, "CSeq"), "3 NOTIFY");
        let answer = watch.phone.answer(&end, 200, "OK", "");
        say(&mut world, &watch.phone, &answer);
        world.pass(SECOND);
        assert!(known(&world).is_empty());
        assert_eq!(gone(&world, Cause::Deactivated), 1);
    }
}

/// It is between the phone and the PBX, and our signature shows the way; from its refresh on it is looked after again.
#[test]
fn a_relayed_subscription_outlives_bellhop_and_is_known_from_its_refresh_on() {
    let mut world = world();
    let mut watch = Watch::standing(&mut world);
    let mut config = config();
    config.upstreams[0].probe = Some(Duration::from_secs(60));
    world.restart(0, config, auth());
    world.pass(SECOND);
    let probe = next(&mut world, addr(PBX), "OPTIONS ");
    say(&mut world, &pbx(), &pbx().answer(&probe, 200, "OK", ""));
    world.drain(addr(PBX));
    assert_eq!(watch.notified(&mut world, "active;expires=600", 200), 200);
    assert!(known(&world).is_empty());
    watch.refreshed(&mut world, 600, 200, "Expires: 600\r\n");
    assert_eq!(states(&world), ["waiting"]);
    assert_eq!(watch.notified(&mut world, "active;expires=600", 200), 200);
    assert_eq!(states(&world), ["active"]);
    // The PBX forgets it, and the phone is told to subscribe anew, in its dialog.
    world.pass(Duration::from_secs(60));
    let asked = loop {
        let asked = next(&mut world, addr(PBX), "OPTIONS ");
        if header_of(&asked, "To").contains(";tag=") {
            break asked;
        }
    };
    say(&mut world, &pbx(), &pbx().answer(&asked, 481, "Gone", ""));
    let end = next(&mut world, watch.phone.address, "NOTIFY ");
    assert_eq!(
        header_of(&end, "Subscription-State"),
        "terminated;reason=deactivated"
    );
    let cseq = header_of(&end, "CSeq").split(' ').next().unwrap();
    assert!(cseq.parse::<u32>().unwrap() > watch.cseq, "{end}");
    assert_eq!(header_of(&end, "From").matches("tag=").count(), 1, "{end}");
    for name in ["Call-ID", "To"] {
        let of_pbx = watch.notify("active", "");
        assert_eq!(header_of(&end, name), header_of(&of_pbx, name));
    }
}

/// One that is ended is not known by that.
#[test]
fn the_end_of_a_subscription_that_nobody_has_seen_begin_makes_none() {
    let mut world = world();
    let mut watch = Watch::standing(&mut world);
    world.restart(0, config(), auth());
    watch.refreshed(&mut world, 0, 200, "Expires: 0\r\n");
    assert!(known(&world).is_empty());
    // Nor by a refresh that the PBX does not know.
    watch.refreshed(&mut world, 600, 481, "");
    assert!(known(&world).is_empty());
}

/// The next message at an address that begins so.
fn next(world: &mut World, address: std::net::SocketAddr, start: &str) -> String {
    loop {
        let message = world.expect(address).expect("a message");
        if message.starts_with(start) {
            return message;
        }
    }
}
