//! Several places that the B leg's INVITE goes to.

use crate::common::*;
use crate::site::*;
use bellhop_testkit::{header_of, status_of};
use std::time::Duration;

#[test]
fn each_early_dialog_of_a_fork_behind_the_pbx_is_one_of_the_caller() {
    let (mut world, mut a, mut p) = scene();
    let (_, at_pbx) = dial(&mut world, &mut a, &p, "call-1", OFFER);
    let mut tags = Vec::new();
    for user in ["one", "two"] {
        p.user = user.to_owned();
        say(
            &mut world,
            &p,
            &p.answer(&at_pbx, 183, "Session Progress", OFFER),
        );
        let early = skip(&mut world, a.address, 100);
        assert_eq!(status_of(&early), 183);
        assert!(early.contains("m=audio"), "{early}");
        tags.push(header_of(&early, "To").to_owned());
    }
    assert_ne!(tags[0], tags[1]);
    say(&mut world, &p, &p.answer(&at_pbx, 200, "OK", OFFER));
    let ok = world.expect(a.address).unwrap();
    assert_eq!(header_of(&ok, "To"), tags[1]);
    assert!(world.expect(p.address).unwrap().starts_with("ACK sip:two@"));
    // The other one answers too: it is not the caller's any more.
    p.user = "one".to_owned();
    say(&mut world, &p, &p.answer(&at_pbx, 200, "OK", OFFER));
    assert!(world.expect(p.address).unwrap().starts_with("ACK sip:one@"));
    let bye = world.expect(p.address).unwrap();
    assert!(bye.starts_with("BYE sip:one@"), "{bye}");
    assert_eq!(statuses(&mut world, &a), [0_u16; 0]);
}

#[test]
fn the_next_target_is_tried_in_the_same_dialog_of_the_caller() {
    let mut config = config_of(Default::default());
    let second = "198.51.100.6:5060";
    let mut target = config.upstreams[0].targets[0].clone();
    target.remote = addr(second);
    target.host = second.to_owned();
    config.upstreams[0].targets.push(target);
    let mut world = bellhop_testkit::World::new(1);
    world.start(config, auth());
    let mut a = phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut a);
    let p = pbx();
    let (_, first) = dial(&mut world, &mut a, &p, "call-1", OFFER);
    say(
        &mut world,
        &p,
        &p.answer(&first, 503, "Service Unavailable", ""),
    );
    let again = world.expect(addr(second)).unwrap();
    assert!(
        again.starts_with("INVITE sip:7000@198.51.100.6:5060 "),
        "{again}"
    );
    let q = bellhop_testkit::Peer::new("pbx", "", addr(second), addr(SERVER), p.transport);
    say(&mut world, &q, &q.answer(&again, 200, "OK", OFFER));
    assert_eq!(status_of(&skip(&mut world, a.address, 100)), 200);
}

#[test]
fn of_two_phones_the_one_that_answers_wins_and_the_other_is_cancelled() {
    let mut world = world_of(Default::default());
    let mut b = phone("6002", "203.0.113.2:5060");
    let mut c = phone("6002", "203.0.113.3:5060");
    let mut d = phone("6002", "203.0.113.4:5060");
    for phone in [&mut b, &mut c, &mut d] {
        register(&mut world, phone);
        world.drain(phone.address);
    }
    let mut p = pbx();
    let invite = p.request("INVITE", "sip:6002@example.org", "inside-call", OFFER);
    say(&mut world, &p, &invite);
    let [at_b, at_c, at_d] = [&b, &c, &d].map(|phone| world.expect(phone.address).unwrap());
    assert_eq!(call_id(&at_b), call_id(&at_c));
    say(&mut world, &b, &b.answer(&at_b, 486, "Busy Here", ""));
    say(&mut world, &d, &d.answer(&at_d, 180, "Ringing", ""));
    world.pass(Duration::from_millis(50));
    assert!(world.drain(b.address).iter().any(|m| m.starts_with("ACK ")));
    assert!(
        !statuses(&mut world, &p).contains(&486),
        "another still rings"
    );
    say(&mut world, &c, &c.answer(&at_c, 200, "OK", OFFER));
    let ok = outcome(&mut world, &p);
    assert_eq!(status_of(&ok), 200);
    let cancel = world.expect(d.address).unwrap();
    assert!(cancel.starts_with("CANCEL "), "{cancel}");
    assert!(
        world
            .expect(c.address)
            .unwrap()
            .starts_with("ACK sip:6002@203.0.113.3")
    );
    say(&mut world, &d, &d.answer(&cancel, 200, "OK", ""));
    say(
        &mut world,
        &d,
        &d.answer(&at_d, 487, "Request Terminated", ""),
    );
    let ack = in_dialog(&mut p, "ACK", &invite, &ok, 1, "");
    say(&mut world, &p, &ack);
    let bye = in_dialog(&mut p, "BYE", &invite, &ok, 2, "");
    say(&mut world, &p, &bye);
    let bye = world.expect(c.address).unwrap();
    assert!(bye.starts_with("BYE sip:6002@203.0.113.3"), "{bye}");
    say(&mut world, &c, &c.answer(&bye, 200, "OK", ""));
    is_over(&mut world);
}
