//! The torture messages of RFC 4475 and RFC 5118 against the running program: each file is sent from the
//! inside and from outside, by UDP and by TCP, and after each a sound OPTIONS must be answered.

mod form;
mod pbx;
mod post;
mod verdict;

pub use verdict::{Asks, Case, From};

use crate::bellhop::{Setup, Zone};
use crate::{Bellhop, Lane, Message, Transport};
use pbx::Pbx;
use post::Post;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// What happened to one message.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What came back, provisional responses apart.
    pub answers: Vec<Message>,
    /// What reached the PBX.
    pub relayed: Vec<String>,
    /// The connection was closed.
    pub closed: bool,
}

/// What happened to one file.
#[derive(Clone, Debug)]
pub struct Row {
    /// The case.
    pub case: Case,
    /// What each way brought, in words; empty where it was not sent that way.
    pub ways: [String; 4],
    /// Whether each way brought what is asked.
    pub is_met: bool,
    /// The slowest answer to the OPTIONS behind it; `None`: one had none within a second.
    pub options: Option<Duration>,
}

/// The ways in the order of [`Row::ways`].
pub const WAYS: [(From, Transport); 4] = [
    (From::Outside, Transport::Udp),
    (From::Inside, Transport::Udp),
    (From::Outside, Transport::Tcp),
    (From::Inside, Transport::Tcp),
];

/// Sends all files of a folder that holds `rfc4475` and `rfc5118`.
///
/// # Errors
/// A file that cannot be read.
///
/// # Panics
/// If the program does not run.
pub fn run(folder: &Path) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for case in Case::all() {
        let path = folder.join(&case.file);
        let stored = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let row = Row {
            case,
            ways: Default::default(),
            is_met: true,
            options: Some(Duration::ZERO),
        };
        rows.push((row, stored));
    }
    // Bindings would draw the requests that come behind them.
    rows.sort_by_key(|(row, _)| matches!(row.case.asks, Asks::Registers));
    for (way, &(from, transport)) in WAYS.iter().enumerate() {
        let mut scene = Scene::new();
        for (row, stored) in &mut rows {
            let message = form::wire(stored);
            if transport == Transport::Tcp && !form::fits_a_stream(&message) {
                "no stream".clone_into(&mut row.ways[way]);
                continue;
            }
            let outcome = scene.send(from, transport, &message);
            row.ways[way] = outcome.in_words();
            row.is_met &= row.case.is_met(from, &outcome) && scene.is_closed_if(row, &outcome, way);
            row.options = scene.options(row.options);
            if message != *stored && transport == Transport::Udp {
                // As it is stored it is another message; it must only do no harm.
                scene.send(from, transport, stored);
                row.options = scene.options(row.options);
            }
        }
    }
    let order = Case::all();
    let place = |row: &Row| order.iter().position(|case| case.file == row.case.file);
    let mut rows: Vec<Row> = rows.into_iter().map(|(row, _)| row).collect();
    rows.sort_by_key(place);
    Ok(rows)
}

impl Row {
    /// Whether the message got what is asked and the OPTIONS behind it were answered in time.
    pub fn is_passed(&self) -> bool {
        self.is_met && self.options.is_some()
    }
}

impl Outcome {
    fn in_words(&self) -> String {
        let statuses = self.answers.iter().filter_map(Message::status);
        let mut words: Vec<String> = statuses.map(|status| status.to_string()).collect();
        words.dedup();
        if !self.relayed.is_empty() {
            words.insert(0, "relayed".to_owned());
        }
        if words.is_empty() {
            words.push("silence".to_owned());
        }
        if self.closed {
            words.push("closed".to_owned());
        }
        words.join(" ")
    }
}

/// A Bellhop with a PBX behind it, and addresses to send from.
struct Scene {
    lane: Lane,
    bellhop: Bellhop,
    pbx: Pbx,
    senders: u8,
    /// What transactions are known by.
    known: HashSet<String>,
}

impl Scene {
    fn new() -> Self {
        let lane = Lane::take();
        let pbx = Pbx::start(lane.pbx());
        let mut setup = Setup::new(&lane);
        for transport in Transport::BOTH {
            let bind = format!("{transport}:{}", lane.phone(DOOR));
            setup.listen.push((bind, Zone::Inside));
        }
        setup.more = format!(
            "{DOMAINS}{}",
            shown_as(&lane, "[2001:db8::10]:5070", DOOR + 1)
        );
        setup.more += &shown_as(&lane, "127.0.0.1:5080", DOOR + 2);
        Self {
            bellhop: setup.start(),
            lane,
            pbx,
            senders: 0,
            known: HashSet::new(),
        }
    }

    fn send(&mut self, from: From, transport: Transport, message: &[u8]) -> Outcome {
        // Two files may look like one transaction, and the second then like the first sent again.
        let is_again = !self.known.insert(transaction(message));
        if from == From::Inside && is_again {
            self.bellhop.stop();
            self.bellhop.start();
            self.known.clear();
        }
        self.pbx.forget();
        let mut outcome = self.post(from, transport).bring(message);
        outcome.relayed = self.pbx.seen();
        outcome
    }

    /// The time that a sound OPTIONS took, or the one before if that was longer.
    fn options(&mut self, slowest: Option<Duration>) -> Option<Duration> {
        let post = self.post(From::Inside, Transport::Udp);
        Some(slowest?.max(post.options(SECOND)?))
    }

    /// A stream whose framing is broken must be closed.
    fn is_closed_if(&self, row: &Row, outcome: &Outcome, way: usize) -> bool {
        let is_stream = WAYS[way].1 == Transport::Tcp;
        let is_broken = ["3.1.2.3", "3.3.9"].contains(&row.case.section.as_str());
        !(is_stream && is_broken) || outcome.closed
    }

    /// An address that nobody has sent from, so that late answers of others do not come there.
    fn post(&mut self, from: From, transport: Transport) -> Post {
        self.senders = self.senders % SENDERS + 1;
        let mut own = self.lane.phone(FIRST_SENDER + self.senders);
        own.set_port(0);
        Post::new(own.ip(), self.door(from), transport)
    }

    fn door(&self, from: From) -> SocketAddr {
        match from {
            From::Inside => self.lane.phone(DOOR),
            From::Outside => self.lane.bellhop(),
        }
    }
}

/// What a request and its retransmissions have in common: the method and the topmost Via.
fn transaction(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let method = text.split(' ').next().unwrap_or_default();
    let via = text.lines().find(|line| {
        let name = line.split(':').next().unwrap_or_default().trim();
        name.eq_ignore_ascii_case("via") || name.eq_ignore_ascii_case("v")
    });
    format!("{method} {}", via.unwrap_or_default())
}

fn shown_as(lane: &Lane, address: &str, host: u8) -> String {
    let bind = lane.phone(host);
    format!(
        "[[listen]]\nname = \"n{host}\"\nbind = \"udp:{bind}\"\nadvertise = \"{address}\"\nzone = \"outside\"\n"
    )
}

/// The hosts of the messages' Request-URIs and Routes.
const DOMAINS: &str = "[server]\ndomains = [\"example.com\", \"example.org\", \"example.net\", \
    \"company.com\", \"chair-dnrc.example.com\", \"services.example.com\", \"registrar.example.com\", \
    \"host.example.net\", \"[2001:db8::10]\", \"[2001:db8::10:5070]\", \"[2001:db8::192.0.2.1]\"]\n";
/// The phone's address that is the inside listener.
const DOOR: u8 = 1;
const FIRST_SENDER: u8 = 10;
const SENDERS: u8 = 200;
const SECOND: Duration = Duration::from_secs(1);
