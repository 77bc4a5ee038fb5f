//! A plugin that does for the messages of one peer what it should not, while others call.

use super::{admin, built, plugin};
use crate::admin::Admin;
use crate::bellhop::Setup;
use crate::deadline::until;
use crate::lane::Lane;
use crate::storm::{Calls, Storm, peer};
use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

/// What the plugin is told to do by the messages of one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misdeed {
    /// As `plugins/guests/wrecker` has it.
    pub name: &'static str,
}

/// The first is none: what the others are compared with.
pub const MISDEEDS: [Misdeed; 5] = [
    Misdeed { name: "nothing" },
    Misdeed { name: "loop" },
    Misdeed { name: "trap" },
    Misdeed { name: "allocation" },
    Misdeed { name: "stack" },
];

/// What came of one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Messages of the peer.
    pub sent: u64,
    /// Answers to them.
    pub answered: u64,
    /// Calls of the plugin that began and failed.
    pub cut: u64,
    /// Calls that did not begin: it was left alone, or had no instance yet.
    pub spared: u64,
    /// Resident memory in kB after a third of the time, and at the end.
    pub memory: (u64, u64),
    /// What became of the others' calls.
    pub calls: Calls,
}

/// How much, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// The others' calls a second.
    pub calls: u64,
    /// The one peer's messages a second.
    pub messages: u64,
    /// For so long.
    pub seconds: u64,
}

/// Lets a peer's messages have it done while `load.calls` a second go on.
///
/// # Panics
/// If Bellhop or storm fails.
pub fn run(storm: &Path, load: Load, misdeed: Misdeed) -> Outcome {
    let lane = Lane::take();
    let door = Admin::of(&lane);
    let wrecker = plugin(
        "wrecker",
        &built("guests/wrecker"),
        "on_error = \"continue\"",
    );
    let more = peer("abuser", &lane, ABUSER) + &admin(&lane) + &wrecker;
    let setup = Setup::new(&lane).log("error");
    let bellhop = Storm::trusted(Setup { more, ..setup }, &lane).start();
    let mut calls = Storm::start(storm, &lane, load.calls, load.seconds);
    let socket = UdpSocket::bind(lane.phone(ABUSER)).expect("the peer's address");
    socket.connect(lane.bellhop()).expect("Bellhop's address");
    socket
        .set_nonblocking(true)
        .expect("one that does not wait");
    let (begun, time) = (Instant::now(), Duration::from_secs(load.seconds));
    let mut outcome = Outcome::default();
    let mut buffer = [0; 4096];
    while calls.is_running() {
        let elapsed = begun.elapsed().min(time);
        let due = elapsed.as_micros() as u64 * load.messages / 1_000_000;
        while outcome.sent < due {
            let text = options(&lane, outcome.sent, misdeed.name);
            // A full buffer of ours loses it, as a network may.
            let _ = socket.send(text.as_bytes());
            outcome.sent += 1;
        }
        while socket.recv(&mut buffer).is_ok() {
            outcome.answered += 1;
        }
        if outcome.memory.0 == 0 && elapsed * 3 >= time {
            outcome.memory.0 = bellhop.resident_kb();
        }
        if elapsed < time {
            until("a message is due", time, || {
                let due = begun.elapsed().as_micros() as u64 * load.messages / 1_000_000;
                (due > outcome.sent).then_some(())
            });
        } else {
            until("the calls end", PATIENCE, || {
                (!calls.is_running()).then_some(())
            });
        }
    }
    outcome.calls = calls.finish();
    outcome.memory.1 = bellhop.resident_kb();
    let metrics = door.metrics();
    let failures = |kind: &str| {
        let one = format!(
            "bellhop_plugin_failures_total{{plugin=\"wrecker\",hook=\"on-request\",kind=\"{kind}\"}}"
        );
        metrics.value(&one) as u64
    };
    outcome.spared = failures("quarantined") + failures("no-instance");
    outcome.cut = metrics.sum("bellhop_plugin_failures_total") as u64 - outcome.spared;
    outcome
}

/// An OPTIONS that tells the plugin what to do; whatever that comes to, it goes on to who is called.
fn options(lane: &Lane, number: u64, order: &str) -> String {
    let (local, server) = (lane.phone(ABUSER), lane.bellhop());
    format!(
        "OPTIONS sip:nobody@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{number}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:abuser@{local}>;tag={number}\r\nTo: <sip:nobody@{server}>\r\n\
         Call-ID: abuse-{number}\r\nCSeq: 1 OPTIONS\r\nX-Wreck: {order}\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

const ABUSER: u8 = 2;
const PATIENCE: Duration = Duration::from_secs(60);
