//! Calls that outlive the program: killed and started again in the midst of them.

use crate::common::*;
use crate::site::*;
use bellhop_core::b2bua::B2buaConfig;
use bellhop_core::flow::Transport;
use bellhop_testkit::{Peer, World, header_of, status_of};
use std::time::Duration;

/// As [`scene`], with a disk that takes as long as the real one at most.
fn durable(longest: Option<Duration>) -> (World, Peer, Peer) {
    let mut world = world_of(B2buaConfig {
        longest,
        ..B2buaConfig::default()
    });
    world.set_disk(0, |disk| disk.late(LATE));
    let mut a = phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut a);
    (world, a, pbx())
}

fn restart(world: &mut World, longest: Option<Duration>) {
    restart_with(
        world,
        B2buaConfig {
            longest,
            ..B2buaConfig::default()
        },
    );
}

pub(crate) fn restart_with(world: &mut World, b2bua: B2buaConfig) {
    world.restart(0, config_of(b2bua), auth());
}

/// The number of a message's CSeq.
fn number(message: &str) -> u32 {
    let cseq = header_of(message, "CSeq").split(' ').next();
    cseq.unwrap().parse().unwrap()
}

/// A call to the PBX that has been written, and the program started anew.
fn outlived(world: &mut World, a: &mut Peer, p: &Peer) -> (String, String) {
    let call = talk_to_pbx(world, a, p, "call-1");
    world.pass(SECOND);
    restart(world, None);
    call
}

#[test]
fn a_callers_bye_after_a_restart_reaches_the_called_in_its_own_dialog() {
    let (mut world, mut a, p) = durable(None);
    let (at_pbx, ok) = outlived(&mut world, &mut a, &p);
    let bye = from_caller(&mut a, "BYE", &ok, 4);
    assert_eq!(status_of(&ask(&mut world, &a, &bye)), 200);
    let bye = world.expect(p.address).unwrap();
    assert!(bye.starts_with("BYE sip:pbx@198.51.100.5:5060 "), "{bye}");
    assert_eq!(call_id(&bye), call_id(&at_pbx));
    assert_eq!(header_of(&bye, "From"), header_of(&at_pbx, "From"));
    let to = format!("{};tag=tpbx", header_of(&at_pbx, "To"));
    assert_eq!(header_of(&bye, "To"), to);
    // RFC 3261 12.2.1.1: higher than all that went before.
    assert!(number(&bye) > 1, "{bye}");
    say(&mut world, &p, &p.answer(&bye, 200, "OK", ""));
    is_over(&mut world);
    assert_eq!(world.drain(p.address).len(), 0);
    assert!(world.disk(0).unwrap().calls().is_empty());
}

#[test]
fn a_bye_of_the_called_after_a_restart_reaches_the_caller() {
    let (mut world, mut a, mut p) = durable(None);
    let (at_pbx, ok) = outlived(&mut world, &mut a, &p);
    let bye = from_callee(&mut p, "BYE", &at_pbx, 9, "");
    assert_eq!(status_of(&ask(&mut world, &p, &bye)), 200);
    let bye = world.expect(a.address).unwrap();
    assert!(bye.starts_with("BYE sip:6001@203.0.113.1:5060 "), "{bye}");
    assert_eq!(call_id(&bye), call_id(&ok));
    assert_eq!(header_of(&bye, "From"), header_of(&ok, "To"));
    assert_eq!(header_of(&bye, "To"), header_of(&ok, "From"));
    shows_nothing(&bye);
    say(&mut world, &a, &a.answer(&bye, 200, "OK", ""));
    is_over(&mut world);
}

#[test]
fn a_hold_and_its_ack_go_over_after_a_restart_from_either_side() {
    let (mut world, mut a, mut p) = durable(None);
    let (at_pbx, ok) = outlived(&mut world, &mut a, &p);
    let hold = offer_of(&mut a, "INVITE", &ok, 9);
    say(&mut world, &a, &hold);
    let over = world.expect(p.address).unwrap();
    assert!(
        over.starts_with("INVITE sip:pbx@198.51.100.5:5060 "),
        "{over}"
    );
    let first = number(&over);
    say(&mut world, &p, &p.answer(&over, 200, "OK", OFFER));
    let ack = world.expect(p.address).unwrap();
    assert_eq!(header_of(&ack, "CSeq"), format!("{first} ACK"));
    let answer = skip(&mut world, a.address, 100);
    assert_eq!(header_of(&answer, "CSeq"), "9 INVITE");
    let ack = from_caller(&mut a, "ACK", &ok, 9);
    say(&mut world, &a, &ack);
    let resume = from_callee(&mut p, "INVITE", &at_pbx, 55, OFFER);
    say(&mut world, &p, &resume);
    let over = world.expect(a.address).unwrap();
    assert!(
        over.starts_with("INVITE sip:6001@203.0.113.1:5060 "),
        "{over}"
    );
    say(&mut world, &a, &a.answer(&over, 200, "OK", OFFER));
    assert!(world.expect(a.address).unwrap().starts_with("ACK "));
    assert_eq!(
        header_of(&skip(&mut world, p.address, 100), "CSeq"),
        "55 INVITE"
    );
}

#[test]
fn numbers_rise_over_restart_after_restart_though_nothing_is_written_between() {
    let (mut world, mut a, p) = durable(None);
    let (_, ok) = talk_to_pbx(&mut world, &mut a, &p, "call-1");
    world.pass(SECOND);
    let mut last = 1;
    for round in 10..20 {
        restart(&mut world, None);
        world.pass(Duration::from_millis(200));
        for cseq in [2 * round, 2 * round + 1] {
            let info = from_caller(&mut a, "INFO", &ok, cseq);
            say(&mut world, &a, &info);
            let over = world.expect(p.address).unwrap();
            assert!(number(&over) > last, "{last} {over}");
            last = number(&over);
            say(&mut world, &p, &p.answer(&over, 200, "OK", ""));
            assert_eq!(status_of(&skip(&mut world, a.address, 100)), 200);
        }
    }
}

/// Where the other end has moved to (12.2.2) is written, too.
#[test]
fn a_target_that_was_refreshed_is_where_the_bye_goes_after_a_restart() {
    let (mut world, mut a, mut p) = durable(None);
    let (at_pbx, ok) = talk_to_pbx(&mut world, &mut a, &p, "call-1");
    world.pass(SECOND);
    p.contact = "198.51.100.5:5070".to_owned();
    let update = from_callee(&mut p, "UPDATE", &at_pbx, 3, "");
    say(&mut world, &p, &update);
    let over = world.expect(a.address).unwrap();
    say(&mut world, &a, &a.answer(&over, 200, "OK", ""));
    assert_eq!(status_of(&skip(&mut world, p.address, 100)), 200);
    world.pass(SECOND);
    restart(&mut world, None);
    let bye = from_caller(&mut a, "BYE", &ok, 4);
    say(&mut world, &a, &bye);
    let bye = world.expect(addr("198.51.100.5:5070")).unwrap();
    assert!(bye.starts_with("BYE sip:pbx@198.51.100.5:5070 "), "{bye}");
}

#[test]
fn what_may_last_an_hour_lasts_an_hour_with_a_restart_in_it() {
    let hour = Some(Duration::from_secs(3_600));
    let (mut world, mut a, p) = durable(hour);
    talk_to_pbx(&mut world, &mut a, &p, "call-1");
    world.pass(Duration::from_secs(3_000));
    restart(&mut world, hour);
    world.pass(Duration::from_secs(590));
    assert_eq!(world.drain(p.address).len(), 0);
    world.pass(Duration::from_secs(20));
    for address in [p.address, a.address] {
        let bye = world.drain(address);
        let is_bye = bye.first().is_some_and(|bye| bye.starts_with("BYE "));
        assert!(is_bye, "{bye:?}");
    }
}

#[test]
fn a_call_that_is_over_or_was_short_is_not_there_after_a_restart() {
    let (mut world, mut a, p) = durable(None);
    // It ends before it would be written.
    for (id, lasts) in [("call-1", Duration::ZERO), ("call-2", SECOND)] {
        let (_, ok) = talk_to_pbx(&mut world, &mut a, &p, id);
        world.pass(lasts);
        let is_written = world.disk(0).unwrap().calls().len();
        assert_eq!(is_written, usize::from(!lasts.is_zero()));
        let bye = from_caller(&mut a, "BYE", &ok, 40);
        assert_eq!(status_of(&ask(&mut world, &a, &bye)), 200);
        let bye = world.expect(p.address).unwrap();
        say(&mut world, &p, &p.answer(&bye, 200, "OK", ""));
        world.pass(SECOND);
        assert!(world.disk(0).unwrap().calls().is_empty());
        restart(&mut world, None);
        assert_eq!(world.nodes[0].engine.calls(), 0);
        let info = from_caller(&mut a, "INFO", &ok, 50);
        say(&mut world, &a, &info);
        let answer = world.expect(a.address).unwrap();
        assert!(status_of(&answer) >= 400, "{answer}");
    }
}

#[test]
fn a_call_that_rings_is_not_kept() {
    let (mut world, mut a, p) = durable(None);
    let (_, at_pbx) = dial(&mut world, &mut a, &p, "call-1", OFFER);
    say(&mut world, &p, &p.answer(&at_pbx, 180, "Ringing", ""));
    world.pass(SECOND);
    assert!(world.disk(0).unwrap().calls().is_empty());
}

/// From its beginning to its end, by the clock on the wall.
#[test]
fn the_record_of_a_call_says_all_of_it_though_a_restart_was_in_between() {
    let (mut world, mut a, p) = durable(None);
    let began = world.now.unix;
    let (_, ok) = talk_to_pbx(&mut world, &mut a, &p, "call-1");
    world.pass(Duration::from_secs(100));
    restart(&mut world, None);
    world.pass(Duration::from_secs(20));
    let bye = from_caller(&mut a, "BYE", &ok, 4);
    assert_eq!(status_of(&ask(&mut world, &a, &bye)), 200);
    let record = world.records.pop().unwrap();
    assert!(world.records.is_empty());
    let (since, lasted) = (record.began.saturating_sub(began), record.ended);
    assert!(since < SECOND, "{since:?}");
    assert!(
        lasted > Duration::from_secs(119) && lasted < Duration::from_secs(122),
        "{lasted:?}"
    );
    assert_eq!(record.caller.user.as_deref(), Some("6001"));
    assert_eq!(record.caller.call_id.as_ref(), b"call-1");
    assert_eq!(record.attempts.len(), 1);
    assert!(record.answered.is_some_and(|answered| answered < SECOND));
}

/// The answer to a late offer is in the ACK, which comes after the kill.
#[test]
fn an_ack_with_an_answer_goes_over_though_its_2xx_was_an_earlier_programs() {
    let (mut world, mut a, p) = durable(None);
    let (_, at_pbx) = dial(&mut world, &mut a, &p, "call-1", "");
    say(&mut world, &p, &p.answer(&at_pbx, 200, "OK", OFFER));
    let ok = skip(&mut world, a.address, 100);
    assert_eq!(status_of(&ok), 200);
    world.pass(SECOND);
    world.drain(a.address);
    restart(&mut world, None);
    acknowledge(&mut world, &mut a, &ok, OFFER);
    let ack = world.expect(p.address).unwrap();
    assert!(ack.starts_with("ACK ") && ack.contains("m=audio"), "{ack}");
    assert_eq!(header_of(&ack, "CSeq"), "1 ACK");
    // Once.
    acknowledge(&mut world, &mut a, &ok, OFFER);
    world.pass(SECOND);
    assert_eq!(world.drain(p.address).len(), 0);
}

/// Who was called has hung up; who called is told once he has acknowledged the 200 (15), and the kill comes first.
#[test]
fn an_end_that_was_still_to_hear_that_it_is_over_hears_it_after_the_restart() {
    let (mut world, mut a, mut p) = durable(None);
    let (_, at_pbx) = dial(&mut world, &mut a, &p, "call-1", OFFER);
    say(&mut world, &p, &p.answer(&at_pbx, 200, "OK", OFFER));
    assert!(world.expect(p.address).unwrap().starts_with("ACK "));
    assert_eq!(status_of(&skip(&mut world, a.address, 100)), 200);
    let bye = from_callee(&mut p, "BYE", &at_pbx, 3, "");
    assert_eq!(status_of(&ask(&mut world, &p, &bye)), 200);
    world.pass(SECOND);
    world.drain(a.address);
    restart(&mut world, None);
    let bye = world.expect(a.address).unwrap();
    assert!(bye.starts_with("BYE sip:6001@203.0.113.1:5060 "), "{bye}");
    say(&mut world, &a, &a.answer(&bye, 200, "OK", ""));
    is_over(&mut world);
    assert_eq!(world.drain(p.address).len(), 0);
}

/// A stream ends with the program: the phone is reached over a new one, its own or, without a NAT, one of ours.
#[test]
fn a_phone_whose_stream_is_gone_gets_its_bye_over_another() {
    for comes_again in [true, false] {
        let (mut world, _, mut p) = durable(None);
        let mut a = tcp_phone("6001", "203.0.113.1:5062");
        register(&mut world, &mut a);
        let (at_pbx, _) = talk_to_pbx(&mut world, &mut a, &p, "call-1");
        world.pass(SECOND);
        world.cut(a.address);
        restart(&mut world, None);
        if comes_again {
            a.address = addr("203.0.113.1:40404");
            register(&mut world, &mut a);
        }
        let bye = from_callee(&mut p, "BYE", &at_pbx, 9, "");
        assert_eq!(status_of(&ask(&mut world, &p, &bye)), 200);
        let bye = world.expect(a.address).unwrap();
        assert!(bye.starts_with("BYE sip:6001@203.0.113.1:5062;"), "{bye}");
    }
}

#[test]
fn a_phone_that_never_registered_is_called_back_where_it_says_it_is() {
    let (mut world, _, mut p) = durable(None);
    let mut a = tcp_phone("6002", "203.0.113.7:5062");
    assert_eq!(a.transport, Transport::Tcp);
    let (at_pbx, _) = talk_to_pbx(&mut world, &mut a, &p, "call-1");
    world.pass(SECOND);
    world.cut(a.address);
    restart(&mut world, None);
    let bye = from_callee(&mut p, "BYE", &at_pbx, 9, "");
    assert_eq!(status_of(&ask(&mut world, &p, &bye)), 200);
    assert!(world.expect(a.address).unwrap().starts_with("BYE "));
}

/// Both legs of a call come to one shard, however many there were before and are now.
#[test]
fn calls_go_on_with_more_shards_and_with_fewer() {
    for (before, after) in [(4, 3), (3, 8), (2, 1), (1, 5)] {
        let mut world = World::new(7);
        let config = config_of(B2buaConfig::default());
        world.start_shards(before, config.clone(), &auth());
        for node in 0..usize::from(before) {
            world.set_disk(node, |disk| disk.late(LATE));
        }
        let (mut a, mut p) = (phone("6001", "203.0.113.1:5060"), pbx());
        register(&mut world, &mut a);
        let ids: Vec<String> = (0..12).map(|n| format!("call-{n}")).collect();
        let calls: Vec<_> = ids
            .iter()
            .map(|id| talk_to_pbx(&mut world, &mut a, &p, id))
            .collect();
        world.pass(SECOND);
        world.restart_as(after, config, &auth());
        let taken = world.nodes.iter().map(|node| node.engine.calls());
        assert_eq!(taken.sum::<usize>(), calls.len());
        for (n, (at_pbx, ok)) in calls.iter().enumerate() {
            let (from, to, bye) = match n % 2 {
                0 => (a.clone(), p.clone(), from_caller(&mut a, "BYE", ok, 40)),
                _ => (
                    p.clone(),
                    a.clone(),
                    from_callee(&mut p, "BYE", at_pbx, 40, ""),
                ),
            };
            assert_eq!(status_of(&ask(&mut world, &from, &bye)), 200);
            let over = world.expect(to.address).unwrap();
            assert!(over.starts_with("BYE "), "{over}");
            say(&mut world, &to, &to.answer(&over, 200, "OK", ""));
        }
        world.pass(Duration::from_secs(120));
        assert!(world.nodes.iter().all(|node| node.engine.calls() == 0));
    }
}

/// A disk that cannot be written costs no call anything but that it would outlive the program.
#[test]
fn calls_go_on_while_the_disk_fails() {
    let (mut world, mut a, p) = durable(None);
    world.set_disk(0, |disk| disk.failing(5));
    let (_, ok) = talk_to_pbx(&mut world, &mut a, &p, "call-1");
    world.pass(SECOND);
    let bye = from_caller(&mut a, "BYE", &ok, 4);
    assert_eq!(status_of(&ask(&mut world, &a, &bye)), 200);
    let bye = world.expect(p.address).unwrap();
    say(&mut world, &p, &p.answer(&bye, 200, "OK", ""));
    is_over(&mut world);
}

#[test]
fn who_knows_the_dialog_but_is_elsewhere_is_challenged_after_a_restart_as_before() {
    let (mut world, mut a, p) = durable(None);
    let (_, ok) = outlived(&mut world, &mut a, &p);
    let mut other = phone("6001", "203.0.113.66:5060");
    let bye = from_caller(&mut other, "BYE", &ok, 4);
    assert_eq!(status_of(&ask(&mut world, &other, &bye)), 407);
    assert_eq!(world.drain(p.address).len(), 0);
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const LATE: Duration = Duration::from_millis(500);
