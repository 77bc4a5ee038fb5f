//! Whatever comes in: no panic, nothing to strangers, nothing left behind.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::flow::Transport;
use bellhop_testkit::{Chance, World};
use common::*;
use std::time::Duration;

/// Whole messages of a call, a registration and a subscription, as they crossed the network.
fn corpus() -> Vec<Vec<u8>> {
    let mut world = world();
    let (mut a, mut b) = pair(&mut world);
    let (at_b, ok) = talk(&mut world, &mut a, &b, "corpus");
    let refer = from_caller(&mut a, "REFER", &ok, 9);
    say(&mut world, &a, &refer);
    let bye = from_callee(&mut b, "BYE", &at_b, 1, "");
    say(&mut world, &b, &bye);
    world.pass(Duration::from_millis(20));
    world.drain(a.address);
    world.drain(b.address);
    let (invite, at_b) = ring(&mut world, &mut a, &b, "corpus-2");
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    world.pass(Duration::from_millis(20));
    say(&mut world, &a, &invite.replace("INVITE", "CANCEL"));
    let mut p = pbx();
    let subscribe = p.request(
        "SUBSCRIBE",
        "sip:6002@192.0.2.1",
        "corpus-3",
        "Event: x\r\n",
    );
    say(&mut world, &p, &subscribe);
    world.pass(Duration::from_secs(1));
    world.trace.into_iter().map(|packet| packet.bytes).collect()
}

/// Cuts, copies and changes a few places.
fn spoil(bytes: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    const ODD: [&[u8]; 16] = [
        b"\r\n",
        b"\r\n ",
        b"\0",
        b"\"",
        b"<",
        b">",
        b",",
        b";",
        b"=",
        b"@",
        b":",
        b"%00",
        b"\xff",
        b"4294967296",
        b"[::1]",
        b"sip:",
    ];
    for _ in 0..=chance.below(3) {
        let at = chance.below(bytes.len() as u64) as usize;
        let end = (at + chance.below(12) as usize).min(bytes.len());
        match chance.below(4) {
            0 => drop(bytes.splice(at..end, [])),
            1 => {
                let piece = ODD[chance.below(16) as usize];
                drop(bytes.splice(at..end, piece.iter().copied()));
            }
            2 => bytes[at] = chance.below(256) as u8,
            _ => {
                let from = chance.below(other.len() as u64) as usize;
                let to = (from + chance.below(80) as usize).min(other.len());
                drop(bytes.splice(at..at, other[from..to].iter().copied()));
            }
        }
        if bytes.is_empty() {
            bytes.push(b' ');
        }
    }
}

#[test]
fn spoiled_messages_bring_no_panic_and_no_packet_to_a_stranger() {
    let corpus = corpus();
    for seed in 0..60 {
        let mut chance = Chance::new(seed);
        let mut world: World = world();
        let (mut a, b) = pair(&mut world);
        talk(&mut world, &mut a, &b, "corpus");
        let sent = world.trace.len();
        let sources = [
            a.address,
            b.address,
            addr("203.0.113.99:5060"),
            addr("203.0.113.98:40000"),
        ];
        for _ in 0..100 {
            let mut bytes = corpus[chance.below(corpus.len() as u64) as usize].clone();
            let other = &corpus[chance.below(corpus.len() as u64) as usize];
            spoil(&mut bytes, other, &mut chance);
            let from = sources[chance.below(4) as usize];
            let transport = if from.port() == 40000 {
                Transport::Tcp
            } else {
                Transport::Udp
            };
            world.send_bytes(transport, from, addr(SERVER), bytes);
            world.pass(Duration::from_millis(chance.below(50)));
        }
        world.pass(Duration::from_secs(400));
        let strangers = world.trace[sent..].iter().find(|packet| {
            let to = packet.to;
            to != addr(SERVER) && to != addr(PBX) && !sources.contains(&to)
        });
        // In a dialog that is signed the target is the other side's to name.
        if let Some(packet) = strangers {
            let text = String::from_utf8_lossy(&packet.bytes);
            assert!(text.contains("Call-ID: corpus\r\n"), "seed {seed}: {text}");
        }
        assert_eq!(world.nodes[0].engine.live(), (0, 0, 0), "seed {seed}");
    }
}
