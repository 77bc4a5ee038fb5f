//! What one worker moved: messages by transport, method and status, batches by size, drops by reason. Each
//! worker counts for itself, so that no two share a cache line; whoever reads adds them up.

use crate::transport::Counter;
use bellhop_core::flow::Transport;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// One worker's counts.
#[derive(Debug)]
pub(crate) struct Traffic {
    received: [Lane; TRANSPORTS.len()],
    sent: [Lane; TRANSPORTS.len()],
    /// Batches of datagrams by size, as [`BATCHES`] has it; what is larger than all is in the last.
    batches: [Counter; BATCHES.len()],
    /// Datagrams in all batches.
    datagrams: Counter,
    challenges: Counter,
    drops: Mutex<BTreeMap<&'static str, u64>>,
}

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// To us.
    In,
    /// From us.
    Out,
}

/// Messages over one transport.
#[derive(Debug)]
struct Lane {
    requests: [Counter; METHODS.len()],
    /// From status 100 on.
    responses: Box<[Counter]>,
}

/// What a message is, as far as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Index into [`METHODS`].
    Request(usize),
    /// Status less 100.
    Response(usize),
}

/// The counts of all workers together.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    /// Direction, transport and method of requests.
    pub(crate) requests: BTreeMap<(&'static str, &'static str, &'static str), u64>,
    /// Direction, transport and status of responses.
    pub(crate) responses: BTreeMap<(&'static str, &'static str, usize), u64>,
    /// Batches of at most so many datagrams, cumulative.
    pub(crate) batches: Vec<(usize, u64)>,
    /// Datagrams in them.
    pub(crate) datagrams: u64,
    /// Requests whose sender was asked for credentials.
    pub(crate) challenges: u64,
    /// Messages dropped by the core, by reason.
    pub(crate) drops: BTreeMap<&'static str, u64>,
}

impl Traffic {
    /// Counts a message.
    pub(crate) fn count(&self, way: Way, transport: Transport, message: &[u8]) {
        let lanes = match way {
            Way::In => &self.received,
            Way::Out => &self.sent,
        };
        let lane = match transport {
            Transport::Udp => lanes.first(),
            Transport::Tcp | Transport::Tls => lanes.get(1),
            Transport::Ws | Transport::Wss => lanes.get(2),
        };
        let counter = lane.and_then(|lane| match kind(message) {
            Kind::Request(method) => lane.requests.get(method),
            Kind::Response(status) => lane.responses.get(status),
        });
        if let Some(counter) = counter {
            counter.one();
        }
    }

    /// Counts a batch of datagrams.
    pub(crate) fn batch(&self, datagrams: usize) {
        let place = BATCHES.partition_point(|most| *most < datagrams);
        if let Some(counter) = self.batches.get(place).or(self.batches.last()) {
            counter.one();
        }
        self.datagrams.add(datagrams);
    }

    /// Counts challenges, and drops with their reasons.
    pub(crate) fn decided(&self, challenged: usize, drops: &[&'static str]) {
        if challenged > 0 {
            self.challenges.add(challenged);
        }
        if drops.is_empty() {
            return;
        }
        let mut counts = self.drops.lock().unwrap_or_else(PoisonError::into_inner);
        for why in drops {
            let count = counts.entry(why).or_default();
            *count = count.saturating_add(1);
        }
    }
}

impl Default for Traffic {
    fn default() -> Self {
        let lanes = || std::array::from_fn(|_| Lane::new());
        Self {
            received: lanes(),
            sent: lanes(),
            batches: Default::default(),
            datagrams: Counter::default(),
            challenges: Counter::default(),
            drops: Mutex::default(),
        }
    }
}

impl Lane {
    fn new() -> Self {
        let mut responses = Vec::new();
        responses.resize_with(STATUSES, Counter::default);
        Self {
            requests: Default::default(),
            responses: responses.into(),
        }
    }
}

impl Sum {
    /// Adds up what these workers counted.
    pub(crate) fn of<'t>(all: impl IntoIterator<Item = &'t Traffic>) -> Self {
        let mut sum = Self {
            batches: BATCHES.iter().map(|most| (*most, 0)).collect(),
            ..Self::default()
        };
        for traffic in all {
            sum.add(traffic);
        }
        sum
    }

    fn add(&mut self, traffic: &Traffic) {
        for (way, lanes) in [("in", &traffic.received), ("out", &traffic.sent)] {
            for (transport, lane) in TRANSPORTS.into_iter().zip(lanes) {
                for (method, counter) in METHODS.into_iter().zip(&lane.requests) {
                    more(
                        &mut self.requests,
                        (way, transport, method),
                        counter.value(),
                    );
                }
                for (status, counter) in (100..).zip(&lane.responses) {
                    more(
                        &mut self.responses,
                        (way, transport, status),
                        counter.value(),
                    );
                }
            }
        }
        let mut so_far = 0_u64;
        for ((_, sum), counter) in self.batches.iter_mut().zip(&traffic.batches) {
            so_far = so_far.saturating_add(counter.value());
            *sum = sum.saturating_add(so_far);
        }
        self.datagrams = self.datagrams.saturating_add(traffic.datagrams.value());
        self.challenges = self.challenges.saturating_add(traffic.challenges.value());
        let drops = traffic.drops.lock().unwrap_or_else(PoisonError::into_inner);
        for (why, count) in &*drops {
            more(&mut self.drops, why, *count);
        }
    }
}

/// Adds to a sum; what is nothing makes no entry.
fn more<K: Ord>(sums: &mut BTreeMap<K, u64>, key: K, count: u64) {
    if count > 0 {
        let sum = sums.entry(key).or_default();
        *sum = sum.saturating_add(count);
    }
}

/// Reads the start line as far as it matters. Methods that are not known are one: peers choose them.
fn kind(message: &[u8]) -> Kind {
    if let Some([a, b, c, ..]) = message.strip_prefix(b"SIP/2.0 ") {
        let digit = |byte: &u8| usize::from(byte.wrapping_sub(b'0')).min(10);
        let hundreds = digit(a).wrapping_sub(1).wrapping_mul(100);
        let rest = digit(b).wrapping_mul(10).wrapping_add(digit(c));
        return Kind::Response(hundreds.wrapping_add(rest));
    }
    let blank = message.iter().take(LONGEST).position(|byte| *byte == b' ');
    let word = blank.and_then(|blank| message.get(..blank));
    let known = METHODS
        .iter()
        .position(|method| word == Some(method.as_bytes()));
    Kind::Request(known.unwrap_or(METHODS.len().wrapping_sub(1)))
}

const TRANSPORTS: [&str; 3] = ["udp", "tcp", "ws"];
/// The most frequent ones first; the last stands for all others.
const METHODS: [&str; 15] = [
    "REGISTER",
    "INVITE",
    "ACK",
    "BYE",
    "OPTIONS",
    "SUBSCRIBE",
    "NOTIFY",
    "CANCEL",
    "PUBLISH",
    "MESSAGE",
    "INFO",
    "PRACK",
    "UPDATE",
    "REFER",
    "other",
];
/// Octets within which a known method has ended.
const LONGEST: usize = 10;
/// 100 to 699.
const STATUSES: usize = 600;
/// Sizes of batches; a receive takes 64 datagrams at most.
const BATCHES: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_counted_by_its_start_line() {
        assert_eq!(kind(b"REGISTER sip:a SIP/2.0\r\n"), Kind::Request(0));
        assert_eq!(kind(b"SUBSCRIBE sip:a SIP/2.0\r\n"), Kind::Request(5));
        assert_eq!(kind(b"SIP/2.0 401 Unauthorized\r\n"), Kind::Response(301));
        assert_eq!(kind(b"SIP/2.0 100 Trying\r\n"), Kind::Response(0));
        for strange in [
            "REGISTERED sip:a SIP/2.0",
            "other sip:a",
            "invite sip:a",
            "",
            "SIP/2.0",
        ] {
            assert_eq!(kind(strange.as_bytes()), Kind::Request(14), "{strange}");
        }
    }

    #[test]
    fn a_status_that_is_none_is_not_counted() {
        let traffic = Traffic::default();
        for bad in [
            "SIP/2.0 099 x",
            "SIP/2.0 700 x",
            "SIP/2.0 a12 x",
            "SIP/2.0 é x",
        ] {
            traffic.count(Way::In, Transport::Udp, bad.as_bytes());
        }
        assert!(Sum::of([&traffic]).responses.is_empty());
    }

    #[test]
    fn the_workers_are_added_up_and_batches_are_cumulative() {
        let workers = [Traffic::default(), Traffic::default()];
        for (traffic, size) in workers.iter().zip([1, 40]) {
            traffic.count(Way::Out, Transport::Tcp, b"SIP/2.0 200 OK\r\n");
            traffic.count(Way::In, Transport::Udp, b"INVITE sip:a SIP/2.0\r\n");
            traffic.batch(size);
            traffic.decided(1, &["unreadable", "unreadable"]);
        }
        let sum = Sum::of(&workers);
        assert_eq!(sum.responses.get(&("out", "tcp", 200)), Some(&2));
        assert_eq!(sum.requests.get(&("in", "udp", "INVITE")), Some(&2));
        assert_eq!((sum.requests.len(), sum.responses.len()), (1, 1));
        let batches: Vec<u64> = sum.batches.iter().map(|(_, count)| *count).collect();
        assert_eq!(batches, [1, 1, 1, 1, 1, 1, 2]);
        assert_eq!((sum.datagrams, sum.challenges), (41, 2));
        assert_eq!(sum.drops.get("unreadable"), Some(&4));
    }
}
