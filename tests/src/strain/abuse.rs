//! A plugin that does for the messages of one peer what it should not, ten thousand times, while others call.

use super::{admin, built, plugin};
use crate::admin::Admin;
use crate::bellhop::{Bellhop, Setup};
use crate::lane::Lane;
use crate::storm::{Calls, Storm, peer};
use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

/// What the messages of one peer have the plugin do, as `plugins/guests/wrecker` has it.
pub const MISDEEDS: [&str; 4] = ["loop", "trap", "allocation", "stack"];

/// How much, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// The others' calls a second.
    pub calls: u64,
    /// The one peer's messages a second, at most: so many that each is really asked about.
    pub messages: u64,
    /// How long they go on before the peer behaves again, or does not.
    pub seconds: u64,
    /// Goes on until the plugin was cut off so often.
    pub cuts: u64,
}

/// A time in which the peer behaved, or did not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slice {
    /// Messages of the peer.
    pub sent: u64,
    /// Answers to them.
    pub answered: u64,
    /// Calls of the plugin that were cut off.
    pub cut: u64,
    /// Calls that did not begin: there was no room in the line, or no instance yet.
    pub spared: u64,
    /// Resident memory at its end, kB.
    pub memory: u64,
    /// What became of the others' calls.
    pub calls: Calls,
}

/// A Bellhop with a plugin that misbehaves for the messages of one peer and is never left alone.
#[derive(Debug)]
pub struct Abuse<'s> {
    storm: &'s Path,
    load: Load,
    lane: Lane,
    bellhop: Bellhop,
    socket: UdpSocket,
    /// Messages so far, of all slices.
    sent: u64,
}

impl<'s> Abuse<'s> {
    /// Starts it.
    ///
    /// # Panics
    /// If that fails.
    pub fn start(storm: &'s Path, load: Load) -> Self {
        let lane = Lane::take();
        let wrecker = plugin(
            "wrecker",
            &built("guests/wrecker"),
            "quarantine = { failures = 0 }",
        );
        let more = peer("abuser", &lane, ABUSER) + &admin(&lane) + &wrecker;
        let setup = Setup::new(&lane).log("error");
        let bellhop = Storm::trusted(Setup { more, ..setup }, &lane).start();
        let socket = UdpSocket::bind(lane.phone(ABUSER)).expect("the peer's address");
        socket.connect(lane.bellhop()).expect("Bellhop's address");
        let moment = Some(Duration::from_millis(1));
        socket.set_read_timeout(moment).expect("a short wait");
        Self {
            storm,
            load,
            lane,
            bellhop,
            socket,
            sent: 0,
        }
    }

    /// Has the plugin do this for the peer's messages while others call, for one slice.
    ///
    /// # Panics
    /// If Bellhop or storm fails.
    pub fn slice(&mut self, order: &str) -> Slice {
        let (load, before) = (self.load, self.counted());
        let mut calls = Storm::start(self.storm, &self.lane, load.calls, load.seconds);
        // None is under way when storm ends, and with it the one who answers them: Bellhop would take the PBX for dead.
        let time = Duration::from_secs(load.seconds).saturating_sub(LAST_WORDS);
        let begun = Instant::now();
        let (mut slice, mut lost, mut heard) = (Slice::default(), 0, Instant::now());
        let mut buffer = [0; 4096];
        while calls.is_running() {
            let elapsed = begun.elapsed();
            let due = match elapsed < time {
                true => elapsed.as_micros() as u64 * load.messages / 1_000_000,
                false => 0,
            };
            if heard.elapsed() > LOST {
                // A full buffer may have lost some, as a network may.
                lost = slice.sent - slice.answered;
                heard = Instant::now();
            }
            while slice.sent < due && slice.sent - slice.answered.min(slice.sent) - lost < WINDOW {
                let text = options(&self.lane, self.sent, order);
                let _ = self.socket.send(text.as_bytes());
                self.sent += 1;
                slice.sent += 1;
            }
            if self.socket.recv(&mut buffer).is_ok() {
                slice.answered += 1;
                heard = Instant::now();
            }
        }
        slice.calls = calls.finish();
        let after = self.counted();
        (slice.cut, slice.spared) = (after.0 - before.0, after.1 - before.1);
        slice.memory = self.bellhop.resident_kb();
        slice
    }

    /// How long a call of the plugin that was cut off took by the clock, in the middle, milliseconds.
    pub fn cut_after_ms(&self) -> f64 {
        let metrics = Admin::of(&self.lane).metrics();
        let cut = self.counted().0.max(1) as f64;
        metrics.sum("bellhop_plugin_call_seconds_sum") * 1e3 / cut
    }

    /// Calls that began and came to no verdict, and those that did not begin.
    fn counted(&self) -> (u64, u64) {
        let metrics = Admin::of(&self.lane).metrics();
        let failures = |kind: &str| {
            let one = format!(
                "bellhop_plugin_failures_total{{plugin=\"wrecker\",hook=\"on-request\",kind=\"{kind}\"}}"
            );
            metrics.value(&one) as u64
        };
        let began = metrics.sum("bellhop_plugin_call_seconds_count");
        let decided = metrics.sum("bellhop_plugin_verdicts_total");
        let spared = failures("quarantined") + failures("no-instance") + failures("busy");
        ((began - decided) as u64, spared)
    }
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
/// Messages of the peer that wait for an answer at the same time: fewer than a plugin's line holds.
const WINDOW: u64 = 24;
/// More than a message of the peer waits, and storm begins a second late.
const LAST_WORDS: Duration = Duration::from_secs(1);
const LOST: Duration = Duration::from_secs(2);
