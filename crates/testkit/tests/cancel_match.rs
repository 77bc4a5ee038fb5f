//! What a CANCEL must have in common with its INVITE, and what follows it late (RFC 3261 9.1, 9.2).
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::config::UpstreamTarget;
use bellhop_core::flow::Transport;
use bellhop_testkit::{Peer, World, header_of, status_of};
use common::*;
use std::time::Duration;

const SPARE: &str = "198.51.100.6:5060";

/// A Bellhop whose PBX has a spare, both behind this transport.
fn world_over(transport: Transport) -> World {
    let mut world = World::new(1);
    let mut config = config();
    config.upstreams[0].targets = [PBX, SPARE]
        .map(|at| UpstreamTarget {
            transport,
            remote: addr(at),
            host: at.to_owned(),
        })
        .into();
    world.start(config, auth());
    world
}

/// Lets the call that a request makes ring at `p`, cancels it, and compares the CANCEL that comes there
/// with the INVITE that did (9.1).
fn cancel_matches(world: &mut World, a: &Peer, invite: &str, p: &Peer) {
    say(world, a, invite);
    let rung = world.expect(p.address).expect("it rings");
    assert!(rung.starts_with("INVITE "), "{rung}");
    say(world, p, &p.answer(&rung, 180, "Ringing", ""));
    world.pass(Duration::from_millis(20));
    say(world, a, &invite.replace("INVITE", "CANCEL"));
    let cancel = world.expect(p.address).expect("a CANCEL");
    let uri = |text: &str| text.split(' ').nth(1).unwrap().to_owned();
    assert!(cancel.starts_with("CANCEL "), "{cancel}");
    assert_eq!(uri(&cancel), uri(&rung));
    for name in ["Via", "From", "To", "Call-ID", "Route"] {
        assert_eq!(header_of(&cancel, name), header_of(&rung, name), "{cancel}");
    }
    assert_eq!(cancel.matches("\r\nVia:").count(), 1, "{cancel}");
    let number = header_of(&rung, "CSeq").replace("INVITE", "CANCEL");
    assert_eq!(header_of(&cancel, "CSeq"), number);
    let mut sent = world.trace.iter().rev();
    let sent = sent.find(|packet| packet.bytes == cancel.as_bytes());
    assert_eq!(sent.map(|packet| packet.transport), Some(p.transport));
}

#[test]
fn a_cancel_matches_the_live_invite_after_a_challenge_and_after_a_failover() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut a = phone("6001", "203.0.113.1:5060");
        let (mut p, mut spare) = (pbx(), pbx());
        (p.transport, spare.transport) = (transport, transport);
        spare.address = addr(SPARE);
        let first = |world: &mut World, a: &mut Peer| {
            let invite = a.request("INVITE", "sip:600@example.org", "match", "");
            authorized(world, a, &invite)
        };
        // The first attempt.
        let mut world = world_over(transport);
        let invite = first(&mut world, &mut a);
        cancel_matches(&mut world, &a, &invite, &p);
        // The PBX challenges or asks for a longer session; the caller comes again.
        for status in [401, 407, 422] {
            let mut world = world_over(transport);
            let invite = first(&mut world, &mut a);
            say(&mut world, &a, &invite);
            refuse(&mut world, &p, status);
            let refusal = outcome(&mut world, &a);
            assert_eq!(status_of(&refusal), status);
            say(&mut world, &a, &ack_of(&refusal, &a));
            world.pass(Duration::from_millis(50));
            world.drain(p.address);
            let invite = first(&mut world, &mut a);
            cancel_matches(&mut world, &a, &invite, &p);
        }
        // The PBX is overloaded; its spare rings.
        let mut world = world_over(transport);
        let invite = first(&mut world, &mut a);
        say(&mut world, &a, &invite);
        refuse(&mut world, &p, 503);
        cancel_matches(&mut world, &a, &invite, &spare);
    }
}

/// Has a PBX refuse the call that reached it.
fn refuse(world: &mut World, p: &Peer, status: u16) {
    let rung = world.expect(p.address).expect("it rings");
    say(world, p, &p.answer(&rung, status, "No", ""));
    world.pass(Duration::from_millis(5));
}

#[test]
fn a_repeated_cancel_gets_the_same_200_again_and_moves_nothing_else() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (invite, at_b) = ring(&mut world, &mut a, &b, "again");
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    world.pass(Duration::from_millis(20));
    world.drain(a.address);
    let cancel = invite.replace("INVITE", "CANCEL");
    let first = ask(&mut world, &a, &cancel);
    assert_eq!(status_of(&first), 200);
    let own = world.expect(b.address).unwrap();
    say(&mut world, &b, &b.answer(&own, 200, "OK", ""));
    let gone = b.answer(&at_b, 487, "Request Terminated", "");
    say(&mut world, &b, &gone);
    let refusal = outcome(&mut world, &a);
    assert_eq!(status_of(&refusal), 487);
    say(&mut world, &a, &ack_of(&refusal, &a));
    world.pass(Duration::from_millis(20));
    world.drain(b.address);
    // 9.2, 17.2.2: the 200 was lost, so it comes again for as long as the transaction lives.
    for _ in 0..3 {
        assert_eq!(ask(&mut world, &a, &cancel), first);
        world.pass(Duration::from_secs(1));
    }
    assert!(world.drain(b.address).is_empty() && world.drain(a.address).is_empty());
}

#[test]
fn a_final_response_up_to_50_ms_after_the_cancel_is_acknowledged_or_passed_on() {
    for late in (0..=50).step_by(5) {
        for status in [200, 487] {
            let mut world = world();
            let (mut a, b) = pair(&mut world);
            let (invite, at_b) = ring(&mut world, &mut a, &b, "late");
            say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
            world.pass(Duration::from_millis(20));
            world.drain(a.address);
            say(&mut world, &a, &invite.replace("INVITE", "CANCEL"));
            world.pass(Duration::from_millis(late));
            say(&mut world, &b, &b.answer(&at_b, status, "Final", ""));
            world.pass(Duration::from_millis(20));
            let got = world.drain(a.address);
            let last = got.last().unwrap();
            assert_eq!(status_of(last), status, "{late}");
            assert_eq!(header_of(last, "CSeq"), header_of(&invite, "CSeq"));
            let number = header_of(&invite, "CSeq").split(' ').next().unwrap();
            let end = match status {
                200 => from_caller(&mut a, "ACK", last, number.parse().unwrap()),
                _ => ack_of(last, &a),
            };
            say(&mut world, &a, &end);
            if status == 200 {
                let bye = from_caller(&mut a, "BYE", last, 99);
                say(&mut world, &a, &bye);
            }
            world.pass(Duration::from_millis(20));
            let at_b = world.drain(b.address);
            let acks: Vec<_> = at_b.iter().filter(|m| m.starts_with("ACK ")).collect();
            assert_eq!(acks.len(), 1, "{late} {status}: {at_b:?}");
            assert_eq!(header_of(acks[0], "CSeq"), format!("{number} ACK"));
            let byes = at_b.iter().filter(|m| m.starts_with("BYE "));
            assert_eq!(byes.count(), usize::from(status == 200));
            world.pass(Duration::from_secs(120));
            assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
        }
    }
}
