//! Peers so near that their answer comes while the packet is still being sent, and answers that come at
//! the very moment a timer ends: the engine is asked directly, for no network is that fast.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::flow::{Flow, ListenerId, Transport};
use bellhop_core::outbox::Outbox;
use bellhop_core::time::Instant;
use bellhop_testkit::{Peer, World, header_of, status_of};
use common::*;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::Duration;

/// What left, in order.
type Left = Vec<(SocketAddr, String)>;
/// A peer's messages in reaction to one that reached it.
type React<'r> = dyn Fn(SocketAddr, &str) -> Vec<String> + 'r;

/// Hands a message in; each packet that this brings about is answered inside its own sending, before the
/// next one leaves.
fn hand_in(world: &mut World, from: SocketAddr, message: &str, react: &React<'_>, left: &mut Left) {
    let mut out = Outbox::default();
    let now = world.now;
    let engine = &mut world.nodes[0].engine;
    engine.receive(now, udp_from(from), message.as_bytes(), &mut out);
    send(world, &out, react, left);
}

fn send(world: &mut World, out: &Outbox, react: &React<'_>, left: &mut Left) {
    for transmit in &out.transmits {
        let to = transmit.to.remote();
        let text = String::from_utf8_lossy(out.message(transmit)).into_owned();
        left.push((to, text.clone()));
        for reaction in react(to, &text) {
            hand_in(world, to, &reaction, react, left);
        }
    }
}

fn udp_from(remote: SocketAddr) -> Flow {
    Flow {
        listener: ListenerId(0),
        transport: Transport::Udp,
        remote,
        connection: None,
    }
}

/// Method or status of each message that reached an address, with the method of CSeq.
fn seen(left: &Left, at: &Peer) -> Vec<String> {
    let there = left.iter().filter(|(to, _)| *to == at.address);
    there
        .map(|(_, text)| match status_of(text) {
            0 => text.split(' ').next().unwrap().to_owned(),
            status => {
                let method = header_of(text, "CSeq").split(' ').nth(1).unwrap();
                format!("{status} {method}")
            }
        })
        .collect()
}

fn trio(world: &mut World) -> (Peer, Peer, Peer) {
    let (a, b) = pair(world);
    let mut c = phone("6002", "203.0.113.3:5060");
    register(world, &mut c);
    (a, b, c)
}

/// An INVITE of `a` to 6002 with its credentials, not sent yet.
fn invite(world: &mut World, a: &mut Peer, id: &str) -> String {
    let invite = a.request("INVITE", "sip:6002@example.org", id, "");
    let invite = authorized(world, a, &invite);
    world.pass(Duration::from_millis(50));
    world.drain(a.address);
    invite
}

#[test]
fn an_answer_inside_the_send_of_a_forked_invite_wins_and_the_other_phone_is_cancelled() {
    let mut world = world();
    // The newest binding rings first.
    let (mut a, c, b) = trio(&mut world);
    let invite = invite(&mut world, &mut a, "near");
    let at_c = RefCell::default();
    let react = |to: SocketAddr, text: &str| {
        if to == b.address && text.starts_with("INVITE ") {
            return vec![
                b.answer(text, 180, "Ringing", ""),
                b.answer(text, 200, "OK", ""),
            ];
        }
        if to == c.address && text.starts_with("INVITE ") {
            at_c.replace(text.to_owned());
            return vec![c.answer(text, 180, "Ringing", "")];
        }
        if to == c.address && text.starts_with("CANCEL ") {
            let gone = c.answer(&at_c.borrow(), 487, "Request Terminated", "");
            return vec![c.answer(text, 200, "OK", ""), gone];
        }
        if to == a.address && status_of(text) == 200 {
            return vec![from_caller(&mut a.clone(), "ACK", text, 2)];
        }
        Vec::new()
    };
    let mut left = Left::new();
    hand_in(&mut world, a.address, &invite, &react, &mut left);
    assert_eq!(seen(&left, &a), ["100 INVITE", "180 INVITE", "200 INVITE"]);
    assert_eq!(seen(&left, &c), ["INVITE", "CANCEL", "ACK"]);
    assert_eq!(seen(&left, &b), ["INVITE", "ACK"]);
    world.pass(Duration::from_secs(400));
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
}

#[test]
fn an_answer_inside_the_send_reaches_its_sender_whatever_the_method() {
    for method in [
        "MESSAGE",
        "OPTIONS",
        "SUBSCRIBE",
        "PUBLISH",
        "REFER",
        "INFO",
        "NEW",
    ] {
        let mut world = world();
        let mut a = phone("6001", "203.0.113.1:5060");
        let p = pbx();
        let request = a.request(method, "sip:600@example.org", "near", "");
        let request = authorized(&mut world, &mut a, &request);
        let react = |to: SocketAddr, text: &str| match to == p.address && status_of(text) == 0 {
            true => vec![p.answer(text, 202, "Accepted", "")],
            false => Vec::new(),
        };
        let mut left = Left::new();
        hand_in(&mut world, a.address, &request, &react, &mut left);
        assert_eq!(seen(&left, &a), [format!("202 {method}")]);
        world.pass(Duration::from_secs(60));
        assert_eq!(world.nodes[0].engine.live(), (0, 0, 0), "{method}");
    }
}

#[test]
fn an_answer_inside_the_send_of_an_in_dialog_request_reaches_its_sender() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (at_b, ok) = talk(&mut world, &mut a, &b, "near");
    let answers = |to: SocketAddr, text: &str| match status_of(text) {
        0 if to == b.address => vec![b.answer(text, 200, "OK", "")],
        0 => vec![a.answer(text, 200, "OK", "")],
        _ => Vec::new(),
    };
    for (n, method) in (30..).zip(["PRACK", "UPDATE", "NOTIFY", "BYE"]) {
        let mut left = Left::new();
        let request = from_caller(&mut a.clone(), method, &ok, n);
        let request = request.replacen("z9hG4bK", &format!("z9hG4bKnear{n}"), 1);
        hand_in(&mut world, a.address, &request, &answers, &mut left);
        assert_eq!(seen(&left, &a), [format!("200 {method}")]);
        let mut left = Left::new();
        let request = from_callee(&mut b.clone(), method, &at_b, n, "");
        let request = request.replacen("z9hG4bK", &format!("z9hG4bKnear{n}"), 1);
        hand_in(&mut world, b.address, &request, &answers, &mut left);
        assert_eq!(seen(&left, &b), [format!("200 {method}")]);
    }
    world.pass(Duration::from_secs(60));
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
}

#[test]
fn a_cancel_inside_the_send_of_the_180_ends_the_call_with_one_487() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let invite = invite(&mut world, &mut a, "near-cancel");
    let at_b = RefCell::default();
    let react = |to: SocketAddr, text: &str| {
        let method = text.split(' ').next().unwrap();
        match (to == b.address, method, status_of(text)) {
            (true, "INVITE", _) => {
                at_b.replace(text.to_owned());
                vec![b.answer(text, 180, "Ringing", "")]
            }
            (true, "CANCEL", _) => {
                let gone = b.answer(&at_b.borrow(), 487, "Request Terminated", "");
                vec![gone, b.answer(text, 200, "OK", "")]
            }
            (false, _, 180) => vec![invite.replace("INVITE", "CANCEL")],
            (false, _, 487) => vec![ack_of(text, &a)],
            _ => Vec::new(),
        }
    };
    let mut left = Left::new();
    hand_in(&mut world, a.address, &invite, &react, &mut left);
    let mut at_a = seen(&left, &a);
    at_a.sort();
    assert_eq!(
        at_a,
        ["100 INVITE", "180 INVITE", "200 CANCEL", "487 INVITE"]
    );
    assert_eq!(seen(&left, &b), ["INVITE", "CANCEL", "ACK"]);
    world.pass(Duration::from_secs(60));
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
}

/// When an answer comes, as seen from a deadline of the engine.
#[derive(Clone, Copy, Debug)]
enum Moment {
    JustBefore,
    /// The deadline has come and is not served yet.
    Due,
    /// It has just been served.
    Served,
}

/// A call that rings and is cancelled if `is_cancelled`; `status` comes at the engine's `nth` deadline
/// from then. What the caller is sent, in order.
fn at_a_deadline(nth: usize, moment: Moment, status: u16, is_cancelled: bool) -> Vec<u16> {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (invite, at_b) = ring(&mut world, &mut a, &b, "exact");
    if is_cancelled || nth % 2 == 1 {
        say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    }
    if is_cancelled {
        world.pass(Duration::from_millis(10));
        say(&mut world, &a, &invite.replace("INVITE", "CANCEL"));
    }
    world.pass(Duration::from_millis(10));
    let last = b.answer(&at_b, status, "Final", "");
    let silent = |_: SocketAddr, _: &str| Vec::new();
    let mut left = Left::new();
    let mut count = 0;
    while let Some(at) = world.nodes[0].engine.next_timeout() {
        count += 1;
        assert!(count < 500, "timers without an end");
        if count == nth && matches!(moment, Moment::JustBefore) {
            advance(&mut world, at, 1);
            hand_in(&mut world, b.address, &last, &silent, &mut left);
        }
        advance(&mut world, at, 0);
        if count == nth && matches!(moment, Moment::Due) {
            hand_in(&mut world, b.address, &last, &silent, &mut left);
        }
        let mut out = Outbox::default();
        let now = world.now;
        world.nodes[0].engine.handle_timeout(now, &mut out);
        send(&mut world, &out, &silent, &mut left);
        if count == nth && matches!(moment, Moment::Served) {
            hand_in(&mut world, b.address, &last, &silent, &mut left);
        }
    }
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
    let to_a = left.iter().filter(|(to, _)| *to == a.address);
    to_a.map(|(_, text)| status_of(text)).collect()
}

/// Sets the clock to `back` microseconds before a moment, never backwards.
fn advance(world: &mut World, at: Instant, back: u64) {
    let to = at
        .since(world.now.instant)
        .saturating_sub(Duration::from_micros(back));
    world.now.instant = world.now.instant.after(to);
    world.now.unix += to;
}

#[test]
fn an_answer_at_the_very_moment_a_timer_ends_leaves_one_outcome_and_nothing_behind() {
    for is_cancelled in [false, true] {
        for status in [180, 200, 486, 487] {
            for moment in [Moment::JustBefore, Moment::Due, Moment::Served] {
                for nth in 1..=14 {
                    let got = at_a_deadline(nth, moment, status, is_cancelled);
                    let what = format!("{nth} {moment:?} {status} {is_cancelled}: {got:?}");
                    let mut finals: Vec<u16> = got.into_iter().filter(|s| *s >= 200).collect();
                    // A 200 may follow the 487 that the caller had for want of an answer (RFC 6026); else
                    // there is one final response, however often it is repeated.
                    finals.dedup();
                    assert_eq!(finals.len(), 1, "{what}");
                }
            }
        }
    }
}
