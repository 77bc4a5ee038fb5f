//! Where the cases are tried: a Bellhop with a phone, a PBX, a trusted network and strangers.

use crate::common::*;
use bellhop_core::config::Zone;
use bellhop_core::flow::Transport;
use bellhop_testkit::{World, header_of, status_of};
use std::net::SocketAddr;
use std::time::Duration;

/// What is asked of a Bellhop that a message comes to from the inside. To a stranger a sound request is a
/// challenge, and all else the same.
pub(crate) enum Verdict<'a> {
    /// It goes on to the phone, the PBX or the place it names, and there these texts stand in it.
    Relayed(&'a [&'a str]),
    /// A REGISTER is answered 200, with these texts in it.
    Registered(&'a [&'a str]),
    /// It is answered with this status, and these texts, and goes nowhere.
    Answered(u16, &'a [&'a str]),
    /// Nothing comes back and nothing goes on.
    Dropped,
}

/// Tries one message from the inside and from outside.
pub(crate) fn is(message: impl AsRef<[u8]>, verdict: &Verdict<'_>) {
    let message = message.as_ref();
    let shown = String::from_utf8_lossy(message).into_owned();
    let (answer, relayed) = sent_from(INSIDE, message);
    match *verdict {
        Verdict::Relayed(texts) => {
            assert_eq!(relayed.len(), 1, "{shown}\n{answer:?}");
            holds(&relayed[0], texts);
        }
        Verdict::Registered(texts) => {
            holds(&answered(&answer, 200, &shown), texts);
            assert!(relayed.is_empty(), "{relayed:?}");
        }
        Verdict::Answered(status, texts) => {
            holds(&answered(&answer, status, &shown), texts);
            assert!(relayed.is_empty(), "{relayed:?}");
        }
        Verdict::Dropped => assert!(answer.is_empty() && relayed.is_empty(), "{answer:?}"),
    }
    let (answer, relayed) = sent_from(STRANGER, message);
    assert!(relayed.is_empty(), "a stranger's was relayed: {relayed:?}");
    match *verdict {
        Verdict::Relayed(_) => drop(answered(&answer, 407, &shown)),
        Verdict::Registered(_) => drop(answered(&answer, 401, &shown)),
        Verdict::Answered(status, texts) => holds(&answered(&answer, status, &shown), texts),
        Verdict::Dropped => assert!(answer.is_empty(), "{answer:?}"),
    }
}

/// The statuses that a message from the inside and one from a stranger are answered with, for what a
/// stranger is told otherwise.
pub(crate) fn both(message: &str) -> (Option<u16>, Option<u16>) {
    let status = |from| {
        let (answers, relayed) = sent_from(from, message.as_bytes());
        assert!(relayed.is_empty(), "{relayed:?}");
        answers.first().map(|answer| status_of(answer))
    };
    (status(INSIDE), status(STRANGER))
}

/// A Bellhop that also listens on the inside and on IPv6.
pub(crate) fn scene() -> World {
    let mut config = config();
    let inside = listener("inside", Transport::Udp, DOOR, Zone::Inside);
    let six = listener("six", Transport::Udp, "[2001:db8::10]:5070", Zone::Outside);
    config.listeners.extend([inside, six]);
    // RFC 5118 4.3: the second is an address that ends like a port.
    let six = ["[2001:db8::10]", "[2001:db8::10:5070]"];
    config.domains.extend(six.map(str::to_owned));
    let mut world = World::new(1);
    world.start(config, auth());
    world
}

/// Sends a message to the listener that faces this address; gives what came back to the sender, the 100
/// of an INVITE apart, and what went on.
fn sent_from(from: &str, message: &[u8]) -> (Vec<String>, Vec<String>) {
    let mut world = scene();
    let (_, phone) = pair(&mut world);
    let (from, to) = (addr(from), door_for(from));
    world.drain(phone.address);
    let before = world.trace.len();
    // As a client does that hears nothing (RFC 3261 17.1): a stranger's small request is challenged when its
    // copies have paid for that.
    let mut answers = Vec::new();
    for _ in 0..3 {
        world.send_bytes(Transport::Udp, from, to, message.to_vec());
        world.pass(Duration::from_millis(100));
        answers = world.drain(from);
        answers.retain(|answer| status_of(answer) != 100);
        let is_relayed = world.trace[before..]
            .iter()
            .any(|p| p.to != to && p.to != from);
        if from == addr(INSIDE) || is_relayed || !answers.is_empty() {
            break;
        }
    }
    let own = |a: SocketAddr| a == to || a == from;
    let on_its_way = world.trace[before..].iter().filter(|p| !own(p.to));
    let relayed = on_its_way.map(|p| String::from_utf8_lossy(&p.bytes).into_owned());
    (answers, relayed.collect())
}

fn door_for(from: &str) -> SocketAddr {
    addr(if from == INSIDE { DOOR } else { SERVER })
}

fn answered(answers: &[String], status: u16, shown: &str) -> String {
    assert_eq!(answers.len(), 1, "{shown}\n{answers:?}");
    assert_eq!(status_of(&answers[0]), status, "{shown}\n{}", answers[0]);
    if shown.contains("\r\nCall-ID: ") {
        assert!(!header_of(&answers[0], "Call-ID").is_empty());
    }
    answers[0].clone()
}

fn holds(message: &str, texts: &[&str]) {
    for text in texts {
        match text.strip_prefix("not ") {
            Some(text) => assert!(!message.contains(text), "{text} stands in\n{message}"),
            None => assert!(message.contains(text), "{text} is not in\n{message}"),
        }
    }
}

/// The inside listener, and who speaks to it.
pub(crate) const DOOR: &str = "198.51.100.1:5060";
pub(crate) const INSIDE: &str = "198.51.100.9:5060";
/// Somebody without credentials.
pub(crate) const STRANGER: &str = "203.0.113.9:5060";
