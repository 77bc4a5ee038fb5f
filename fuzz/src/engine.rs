//! The whole engine through its inputs: a script of messages, time, failures, closed connections,
//! resolved names and reloads, made from the fuzzer's bytes. After every input the rules of
//! [`rules`] must hold.

mod grammar;
mod hex;
mod rules;
mod site;
mod words;

use crate::feed::Feed;
use crate::stopwatch::{Stopwatch, Took};
use bellhop_core::flow::{ConnectionId, Flow, Transport};
use bellhop_core::outbox::{Outbox, Ticket, Token};
use bellhop_core::time::{Instant, Now};
use grammar::Scribe;
use rules::{Cause, Rules};
use site::Site;
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

/// The bytes are the script: one for each step, and what the step asks for.
pub fn run(data: &[u8]) {
    let mut feed = Feed::new(data);
    let mut bench = Bench::new(feed.byte());
    for _ in 0..STEPS {
        if feed.is_empty() {
            break;
        }
        if let Some((from, message)) = bench.step(&mut feed) {
            bench.receive(from, message);
        }
    }
    bench.come_to_rest();
}

/// An engine, its clock, and what is remembered to make the next input from.
pub(crate) struct Bench {
    site: Site,
    now: Now,
    out: Outbox,
    scribe: Scribe,
    rules: Rules,
    tokens: Vec<Token>,
    tickets: Vec<Ticket>,
    /// Requests and responses that the engine sent.
    pub(crate) said: (u64, u64),
}

impl Bench {
    pub(crate) fn new(choice: u8) -> Self {
        Self {
            site: Site::new(choice),
            now: Now {
                instant: Instant::from_micros(1_000_000),
                unix: Duration::from_secs(1_800_000_000),
            },
            out: Outbox::default(),
            scribe: Scribe::default(),
            rules: Rules::default(),
            tokens: Vec::new(),
            tickets: Vec::new(),
            said: (0, 0),
        }
    }

    /// The next step of the script; where it is a message, who says it and what, yet to be received.
    pub(crate) fn step(&mut self, feed: &mut Feed<'_>) -> Option<(usize, Vec<u8>)> {
        match feed.below(18) {
            0..=5 => {
                let from = feed.below(site::PEERS.len());
                return Some((from, self.scribe.request(feed, from)));
            }
            6 | 7 => return self.scribe.response(feed),
            8 => return self.scribe.in_dialog(feed),
            9 => return self.scribe.follow_up(feed),
            10 | 11 => return self.scribe.again(feed),
            12 => return Some((feed.below(site::PEERS.len()), feed.piece().to_vec())),
            13 | 14 => self.pass(Duration::from_millis(feed.pick(WAITS))),
            15 => {
                let known = self.tokens.len().max(1);
                let wild = Token(u64::from(feed.short()) << feed.below(64));
                let at = feed.below(known);
                let token = self.tokens.get(at).copied().unwrap_or(wild);
                let token = if feed.once_in(4) { wild } else { token };
                self.site
                    .engine
                    .transmit_failed(self.now, token, &mut self.out);
                self.drain(Cause::Shell);
            }
            16 => {
                let peer = &site::PEERS[feed.below(site::PEERS.len())];
                let id = peer.connection.unwrap_or(u64::from(feed.byte()));
                let engine = &mut self.site.engine;
                engine.connection_closed(self.now, ConnectionId(id), &mut self.out);
            }
            _ => self.resolve_or_reload(feed),
        }
        None
    }

    fn resolve_or_reload(&mut self, feed: &mut Feed<'_>) {
        if feed.once_in(4) {
            self.site.reload(feed.byte());
            return;
        }
        let at = feed.below(self.tickets.len().max(1));
        let wild = Ticket(u64::from(feed.short()) << feed.below(64));
        let ticket = self.tickets.get(at).copied().unwrap_or(wild);
        let places: Vec<(Transport, SocketAddr)> = (0..feed.below(3))
            .map(|_| (feed.pick(TRANSPORTS), site::address(feed.pick(RESOLVED))))
            .collect();
        // Names are only resolved for those who may choose where we send.
        self.rules
            .may_send_to(places.iter().map(|(_, address)| *address));
        let engine = &mut self.site.engine;
        engine.resolved(self.now, ticket, &places, &mut self.out);
        self.drain(Cause::Shell);
    }

    /// Hands the engine a message; what that alone took is the result.
    pub(crate) fn receive(&mut self, from: usize, message: Vec<u8>) -> Took {
        // What is due by itself is not this message's doing.
        self.pass(Duration::ZERO);
        let peer = &site::PEERS[from];
        let flow = peer.flow();
        let held = self.site.shared.location.len();
        let cause = self.rules.heard(peer, &message, &self.scribe);
        trace(|| {
            format!(
                ">>> {}\n{}",
                peer.address,
                String::from_utf8_lossy(&message)
            )
        });
        let engine = &mut self.site.engine;
        let watch = Stopwatch::start();
        engine.receive(self.now, flow, &message, &mut self.out);
        let took = watch.stop();
        let bindings = self.site.shared.location.len();
        self.rules.bindings(&cause, held, bindings);
        self.scribe.sent(from, message);
        self.drain(cause);
        took
    }

    /// Lets time pass, serving every timer when it is due.
    fn pass(&mut self, time: Duration) {
        let end = self.now.instant.after(time);
        let mut served = 0;
        while let Some(due) = self.site.engine.next_timeout().filter(|due| *due <= end) {
            self.set_clock(due);
            self.site.engine.handle_timeout(self.now, &mut self.out);
            self.drain(Cause::Shell);
            served += 1;
            assert!(served < 20_000, "timers do not come to an end");
        }
        self.set_clock(end);
    }

    fn set_clock(&mut self, at: Instant) {
        let gone = at.since(self.now.instant);
        self.now.unix += gone;
        self.now.instant = self.now.instant.after(gone);
    }

    /// Looks at all that the engine wants done, and remembers what can be answered.
    fn drain(&mut self, cause: Cause) {
        for event in &self.out.events {
            let text = event.decision.to_string();
            trace(|| format!("--- {:?} {text}", event.level));
        }
        let config = self.site.config();
        for transmit in &self.out.transmits {
            let bytes = self.out.message(transmit);
            self.rules.sends(&cause, config, &transmit.to, bytes);
            let is_response = bytes.starts_with(b"SIP/2.0 ");
            self.said.0 += u64::from(!is_response);
            self.said.1 += u64::from(is_response);
            let to = transmit.to.remote();
            trace(|| format!("<<< {to}\n{}", String::from_utf8_lossy(bytes)));
            self.scribe.received(to, bytes);
            self.tokens.extend(transmit.token);
        }
        for resolve in &self.out.resolves {
            self.rules.resolves(&cause);
            self.tickets.push(resolve.ticket);
        }
        self.out.clear();
        let (servers, clients, contexts) = self.site.engine.live();
        let most = self.site.most_transactions;
        assert!(servers <= most && clients <= most, "{servers} {clients}");
        assert!(contexts <= 2 * most + STEPS, "{contexts} contexts");
        assert!(self.site.shared.location.len() <= site::MOST_BINDINGS);
    }

    /// Nothing is left when nothing more comes in.
    pub(crate) fn come_to_rest(&mut self) {
        self.pass(Duration::from_secs(3_600));
        assert_eq!(
            self.site.engine.live(),
            (0, 0, 0),
            "left over after an hour"
        );
        assert_eq!(self.site.engine.next_timeout(), None);
        let location = &self.site.shared.location;
        location.sweep(self.now.instant.after(Duration::from_secs(1)));
        assert_eq!(location.len(), 0, "bindings outlive max_expires");
    }
}

/// With BELLHOP_FUZZ_TRACE set, one input's whole conversation is printed.
fn trace(text: impl FnOnce() -> String) {
    if *TRACES {
        eprintln!("{}", text());
    }
}

static TRACES: LazyLock<bool> = LazyLock::new(|| std::env::var_os("BELLHOP_FUZZ_TRACE").is_some());

/// Who sends messages.
struct Peer {
    user: &'static str,
    address: &'static str,
    transport: Transport,
    listener: u16,
    connection: Option<u64>,
    /// What it says needs no credentials.
    trusted: bool,
}

impl Peer {
    fn flow(&self) -> Flow {
        Flow {
            listener: bellhop_core::flow::ListenerId(self.listener),
            transport: self.transport,
            remote: site::address(self.address),
            connection: self.connection.map(ConnectionId),
        }
    }
}

/// How many peers there are.
pub(crate) const PEERS: usize = site::PEERS.len();
const STEPS: usize = 64;
/// Milliseconds.
const WAITS: &[u64] = &[
    0, 1, 100, 500, 4_000, 5_000, 32_000, 61_000, 181_000, 3_600_000,
];
const TRANSPORTS: &[Transport] = &[
    Transport::Udp,
    Transport::Tcp,
    Transport::Tls,
    Transport::Ws,
];
/// What names resolve to.
const RESOLVED: &[&str] = &[
    "203.0.113.77:5060",
    "127.0.0.1:5060",
    "192.0.2.1:5060",
    "198.51.100.5:5060",
    "[2001:db8::77]:5060",
    "224.0.1.75:5060",
    "0.0.0.0:0",
];
