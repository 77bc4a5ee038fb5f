//! Datagrams that the network reports as undelivered (ICMP, RFC 3261 18.4), and what the log says of
//! branches that failed.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's helper may fail loudly"
)]

mod common;

use bellhop_core::config::UpstreamTarget;
use bellhop_core::event::{Decision, Level};
use bellhop_core::flow::Transport;
use bellhop_testkit::{Peer, World, header_of, status_of};
use common::*;
use std::time::Duration;

/// 6001 calls the PBX; gives the INVITE that was sent there.
fn call_pbx(world: &mut World, a: &mut Peer) -> String {
    let invite = a.request("INVITE", "sip:600@example.org", "call", "");
    let invite = authorized(world, a, &invite);
    say(world, a, &invite);
    world.expect(addr(PBX)).expect("an INVITE at the PBX")
}

fn caller() -> Peer {
    phone("6001", "203.0.113.1:5060")
}

/// The final that the caller gets within half a second: no timer of a transaction ends that soon but the
/// first retransmission.
fn at_once(world: &mut World, a: &Peer) -> u16 {
    let start = world.now.instant;
    let answer = outcome(world, a);
    assert!(world.now.instant.since(start) < Duration::from_millis(500));
    status_of(&answer)
}

/// What the log says of branches that failed.
fn failures(world: &World) -> Vec<(Level, &str)> {
    let events = world.nodes[0].log.iter();
    events
        .filter_map(|event| match &event.decision {
            Decision::BranchFailed(text) => Some((event.level, text.as_str())),
            _ => None,
        })
        .collect()
}

#[test]
fn a_caller_gets_his_final_at_once_when_the_pbx_is_unreachable() {
    let (mut world, mut a) = (world(), caller());
    let sent = call_pbx(&mut world, &mut a);
    assert!(world.bounce(0, sent.as_bytes()));
    assert_eq!(at_once(&mut world, &a), 500);
    let warning = "upstream pbx 198.51.100.5:5060 udp: unreachable";
    assert_eq!(failures(&world), [(Level::Warn, warning)]);
}

#[test]
fn a_quote_of_the_first_lines_is_enough() {
    let (mut world, mut a) = (world(), caller());
    let sent = call_pbx(&mut world, &mut a);
    let via = sent.find("Via: ").unwrap();
    let end = via + sent[via..].find("\r\n").unwrap();
    assert!(!world.bounce(0, &sent.as_bytes()[..end]));
    assert!(world.bounce(0, &sent.as_bytes()[..end + 2]));
    assert_eq!(at_once(&mut world, &a), 500);
}

#[test]
fn an_unreachable_target_is_followed_by_its_spare() {
    let mut world = World::new(1);
    let mut config = config();
    let spare = "198.51.100.6:5060";
    config.upstreams[0].targets.push(UpstreamTarget {
        transport: Transport::Udp,
        remote: addr(spare),
        host: spare.to_owned(),
    });
    world.start(config, auth());
    let mut a = caller();
    let sent = call_pbx(&mut world, &mut a);
    assert!(world.bounce(0, sent.as_bytes()));
    let within = Duration::from_millis(10);
    let at_spare = world.expect_within(addr(spare), within).expect("failover");
    assert!(at_spare.starts_with("INVITE sip:600@198.51.100.6:5060"));
    // The report may come twice: the first target's request is over.
    assert!(!world.bounce(0, sent.as_bytes()));
    assert!(world.bounce(0, at_spare.as_bytes()));
    assert_eq!(at_once(&mut world, &a), 500);
}

#[test]
fn an_unreachable_pbx_ends_a_request_that_is_no_invite_too() {
    let (mut world, mut a) = (world(), caller());
    let request = a.request("MESSAGE", "sip:600@example.org", "note", "");
    let request = authorized(&mut world, &mut a, &request);
    say(&mut world, &a, &request);
    let sent = world.expect(addr(PBX)).unwrap();
    assert!(world.bounce(0, sent.as_bytes()));
    assert_eq!(at_once(&mut world, &a), 500);
}

#[test]
fn a_report_with_another_branch_or_method_changes_nothing() {
    let (mut world, mut a) = (world(), caller());
    let sent = call_pbx(&mut world, &mut a);
    let via = header_of(&sent, "Via").to_owned();
    let forged = [
        sent.replacen("branch=z9hG4bK", "branch=z9hG4bKx", 1),
        sent.replacen("INVITE ", "MESSAGE ", 1),
        sent.replacen(&via, "SIP/2.0/UDP 192.0.2.1:5060", 1),
        String::from("\r\n\r\n"),
        String::new(),
    ];
    for bytes in &forged {
        assert_ne!(*bytes, sent);
        assert!(!world.bounce(0, bytes.as_bytes()), "{bytes}");
    }
    let p = pbx();
    say(&mut world, &p, &p.answer(&sent, 200, "OK", ""));
    assert_eq!(at_once(&mut world, &a), 200);
}

#[test]
fn a_request_that_has_been_answered_at_all_is_left_alone() {
    for status in [100, 180] {
        let (mut world, mut a) = (world(), caller());
        let sent = call_pbx(&mut world, &mut a);
        let p = pbx();
        say(&mut world, &p, &p.answer(&sent, status, "Wait", ""));
        world.pass(Duration::from_millis(10));
        assert!(!world.bounce(0, sent.as_bytes()));
        say(&mut world, &p, &p.answer(&sent, 200, "OK", ""));
        assert_eq!(at_once(&mut world, &a), 200);
    }
}

#[test]
fn responses_and_acks_that_come_back_change_nothing() {
    let (mut world, mut a) = (world(), caller());
    let sent = call_pbx(&mut world, &mut a);
    let p = pbx();
    say(&mut world, &p, &p.answer(&sent, 486, "Busy Here", ""));
    let ack = world.expect(p.address).unwrap();
    assert!(ack.starts_with("ACK "), "{ack}");
    assert!(!world.bounce(0, ack.as_bytes()));
    let busy = outcome(&mut world, &a);
    assert_eq!(status_of(&busy), 486);
    assert!(!world.bounce(0, busy.as_bytes()));
    // The 486 is sent again as if nothing had been.
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 486);
    assert_eq!(failures(&world), []);
}

#[test]
fn an_unreachable_phone_leaves_the_others_ringing_and_stays_registered() {
    let (mut world, mut a) = (world(), caller());
    let mut b = phone("6002", "203.0.113.2:5060");
    let mut c = phone("6002", "203.0.113.3:5060");
    for phone in [&mut a, &mut b, &mut c] {
        register(&mut world, phone);
    }
    let (_, at_b) = ring(&mut world, &mut a, &b, "fork");
    let at_c = world.expect(c.address).expect("c rings");
    assert!(world.bounce(0, at_b.as_bytes()));
    let warning = "phone 203.0.113.2:5060 udp: unreachable";
    assert_eq!(failures(&world), [(Level::Warn, warning)]);
    world.pass(Duration::from_millis(100));
    assert!(statuses(&mut world, &a).iter().all(|s| *s < 200));
    say(&mut world, &c, &c.answer(&at_c, 200, "OK", ""));
    assert_eq!(at_once(&mut world, &a), 200);
    world.drain(b.address);
    ring(&mut world, &mut a, &b, "again");
}

#[test]
fn a_call_to_an_unreachable_phone_is_480_at_once() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (_, at_b) = ring(&mut world, &mut a, &b, "gone");
    assert!(world.bounce(0, at_b.as_bytes()));
    assert_eq!(at_once(&mut world, &a), 480);
}

#[test]
fn a_time_out_is_told_with_the_name_and_address_of_the_pbx() {
    let (mut world, mut a) = (world(), caller());
    call_pbx(&mut world, &mut a);
    assert_eq!(status_of(&outcome(&mut world, &a)), 408);
    let warning = "upstream pbx 198.51.100.5:5060 udp: no answer in time";
    assert_eq!(failures(&world), [(Level::Warn, warning)]);
}
