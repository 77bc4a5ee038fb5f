//! Messages by the million: each goes through the framer, the index with all views, the edits and an
//! engine, by the rules of the targets, and each is timed; and streams that are split anywhere.
//!
//! All of it follows from a seed: session K of a seed is the same on every machine.

use crate::engine::{Bench, PEERS};
use crate::feed::Feed;
use crate::stopwatch::{Stopwatch, Took};
use crate::{edits, framer, index};
use bellhop_testkit::Chance;
use bellhop_wire::Limits;
use std::collections::VecDeque;
use std::time::Duration;

/// Messages of one session, which has an engine of its own.
pub const SESSION: u64 = 20_000;
/// What no message may take.
pub const MOST: Duration = Duration::from_millis(10);

/// What a session came to.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Messages that were heard.
    pub messages: u64,
    /// Octets of them.
    pub octets: u64,
    /// Those that the index refused.
    pub refused: u64,
    /// Requests that an engine relayed (or made), and responses that it sent.
    pub said: (u64, u64),
    /// What they all took.
    pub took: Took,
    /// The longest, of the thread's own time.
    pub longest: Duration,
    /// How many took up to 2^n microseconds of the thread's own time.
    pub spread: [u64; 24],
    /// Those that took more than [`MOST`] by the clock on the wall.
    pub waited: u64,
    /// Those that did of the thread's own time too: their number in the session, and the time.
    pub slow: Vec<(u64, Took)>,
}

/// Runs a session; `each_thousand` is called after as many messages.
pub fn session(seed: u64, number: u64, messages: u64, mut each_thousand: impl FnMut()) -> Session {
    let mut chance = chance(seed, number);
    let mut choices = Choices::new();
    let mut bench = Bench::new(chance.number() as u8);
    let mut found = Session::default();
    while found.messages < messages {
        let mut feed = choices.feed(&mut chance);
        let next = if feed.once_in(16) {
            Some((feed.below(PEERS), foreign(&mut feed, &mut chance)))
        } else {
            bench.step(&mut feed)
        };
        let Some((from, mut message)) = next else {
            continue;
        };
        if feed.once_in(8) {
            feed.mutate(&mut message);
        }
        found.octets += message.len() as u64;
        found.refused += u64::from(!is_read(&message));
        let mut took = wire(&message, &mut chance);
        took += bench.receive(from, message);
        found.note(took);
        if found.messages.is_multiple_of(1_000) {
            each_thousand();
        }
    }
    bench.come_to_rest();
    found.said = bench.said;
    found
}

impl Session {
    fn note(&mut self, took: Took) {
        self.took += took;
        self.longest = self.longest.max(took.own);
        let micros = u64::try_from(took.own.as_micros()).unwrap_or(u64::MAX);
        let power = usize::try_from(u64::BITS - micros.leading_zeros()).unwrap_or_default();
        self.spread[power.min(23)] += 1;
        if took.wall > MOST {
            self.waited += 1;
            if took.own > MOST {
                self.slow.push((self.messages, took));
            }
        }
        self.messages += 1;
    }

    /// Adds another session; what was slow is told apart by the caller.
    pub fn add(&mut self, other: &Self) {
        self.messages += other.messages;
        self.octets += other.octets;
        self.refused += other.refused;
        self.said.0 += other.said.0;
        self.said.1 += other.said.1;
        self.took += other.took;
        self.longest = self.longest.max(other.longest);
        for (mine, theirs) in self.spread.iter_mut().zip(other.spread) {
            *mine += theirs;
        }
        self.waited += other.waited;
    }
}

/// What streams came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Splits {
    /// How many times a stream was split.
    pub splits: u64,
    /// Streams.
    pub streams: u64,
    /// Octets of them, each time they were read.
    pub octets: u64,
    /// Frames that were found.
    pub frames: u64,
    /// Streams that ended in an error, which must be the same one however they are split.
    pub errors: u64,
}

/// Splits streams of messages at random octets, and holds what is found against the stream in one piece.
pub fn splits(seed: u64, number: u64, splits: u64) -> Splits {
    let mut chance = chance(seed ^ 0x5714_7000, number);
    let mut choices = Choices::new();
    let mut bench = Bench::new(chance.number() as u8);
    let mut said: VecDeque<Vec<u8>> = VecDeque::new();
    let mut found = Splits::default();
    while found.splits < splits {
        let mut feed = choices.feed(&mut chance);
        if let Some((from, message)) = bench.step(&mut feed) {
            said.push_back(message.clone());
            bench.receive(from, message);
        }
        if said.len() < 5 {
            continue;
        }
        let mut stream = Vec::new();
        for message in said.drain(..1 + feed.below(4)) {
            stream.extend_from_slice(feed.pick(&[&b""[..], b"", b"\r\n", b"\r\n\r\n"]));
            stream.extend_from_slice(&message);
        }
        if feed.once_in(4) {
            feed.mutate(&mut stream);
        }
        let limits = if feed.once_in(8) {
            Limits {
                message: 600,
                headers: 8,
                line: 120,
            }
        } else {
            Limits::default()
        };
        let whole = framer::frames(&stream, &[stream.len()], &limits);
        found.streams += 1;
        found.frames += whole.0.len() as u64;
        found.errors += u64::from(whole.1.is_some());
        for _ in 0..SPLITS_OF_ONE {
            let pieces = 1 + feed.below(12);
            let mut ends: Vec<_> = (0..pieces)
                .map(|_| chance.below(stream.len() as u64 + 1) as usize)
                .chain([stream.len()])
                .collect();
            ends.sort_unstable();
            let split = framer::frames(&stream, &ends, &limits);
            assert_eq!(split, whole, "split at {ends:?}: {}", stream.escape_ascii());
            found.splits += 1;
            found.octets += stream.len() as u64;
        }
    }
    found
}

/// The wire's part: the time is that of the target's checks too.
fn wire(message: &[u8], chance: &mut Chance) -> Took {
    let mut cut = Vec::with_capacity(message.len() + 8);
    let cuts = if message.len() > 4_096 { 0x11 } else { 0x21 };
    cut.push(cuts);
    cut.extend_from_slice(&chance.number().to_le_bytes()[..usize::from(cuts >> 4) * 2]);
    cut.extend_from_slice(message);
    let mut edited = Vec::with_capacity(message.len() + 8);
    edited.push(1);
    edited.extend_from_slice(&chance.number().to_le_bytes()[..5]);
    edited.extend_from_slice(message);
    let watch = Stopwatch::start();
    framer::run(&cut);
    index::run(message);
    edits::run(&edited);
    watch.stop()
}

fn is_read(message: &[u8]) -> bool {
    let mut index = bellhop_wire::Index::new();
    index.parse(message, &Limits::default()).is_ok()
}

/// A message from elsewhere, spoilt; now and then blown up by something that comes again and again.
fn foreign(feed: &mut Feed<'_>, chance: &mut Chance) -> Vec<u8> {
    let mut message = feed.pick(SEEDS).to_vec();
    for _ in 0..feed.below(3) {
        feed.mutate(&mut message);
    }
    if feed.once_in(16) && !message.is_empty() {
        let at = chance.below(message.len() as u64) as usize;
        let end = (at + 1 + feed.below(200)).min(message.len());
        let piece = message[at..end].to_vec();
        let times = chance.below(65_000 / piece.len() as u64) as usize;
        message.splice(at..at, piece.repeat(times));
    }
    message
}

fn chance(seed: u64, number: u64) -> Chance {
    // A number of its own for each session, by the same generator.
    let mut start = Chance::new(seed ^ number.wrapping_mul(0xa076_1d64_78bd_642f));
    Chance::new(start.number())
}

/// A step's worth of choices.
struct Choices([u8; 640]);

impl Choices {
    const fn new() -> Self {
        Self([0; 640])
    }

    fn feed(&mut self, chance: &mut Chance) -> Feed<'_> {
        for chunk in self.0.chunks_exact_mut(8) {
            chunk.copy_from_slice(&chance.number().to_le_bytes());
        }
        Feed::new(&self.0)
    }
}

/// How many times one stream is split.
const SPLITS_OF_ONE: u64 = 8;

/// Our own messages, those that the target `index` starts from.
const SEEDS: &[&[u8]] = &[
    include_bytes!("../seeds/index/invite"),
    include_bytes!("../seeds/index/register"),
    include_bytes!("../seeds/index/ok"),
];
