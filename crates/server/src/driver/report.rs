//! What the log hears: the core's events, and troubles of the shell, each kind of trouble at most once a
//! second so that a flood cannot fill a disk. Peer's bytes are escaped.

use bellhop_core::{
    event::{Decision, Event, Level},
    flow::{Destination, Flow},
};
use bellhop_wire::{Index, Limits};
use nix::errno::Errno;
use std::{
    borrow::Cow,
    fmt,
    net::SocketAddr,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

/// A trouble that may come thousands of times a second.
#[derive(Debug)]
pub(crate) enum Problem {
    /// A datagram cannot be sent there, or not at that size.
    Unsendable(SocketAddr, Errno),
    /// The core named a listener that has no UDP socket.
    NoSocket(Destination),
    /// A connection was refused by a limit.
    Refused(SocketAddr, &'static str),
    /// A connection cannot be accepted.
    Accept(std::io::Error),
    /// A datagram cannot be read.
    Receive(std::io::Error),
    /// A peer did not read.
    Unread(SocketAddr),
    /// Too many names wait for an answer.
    Resolver,
    /// No connection is opened, for too many are.
    Dial(SocketAddr),
    /// A connection cannot be opened.
    Connect(SocketAddr, String),
    /// A stream cannot be followed.
    Unframed(SocketAddr, bellhop_wire::Error),
}

/// Logs one event of the core. What strangers can bring about at will, refusals, and what every
/// call to a dead PBX brings about, failed branches, is held to so many lines
/// a second; debug lines are all there for whoever asked for them.
pub(crate) fn event(event: &Event) {
    static REFUSALS: Quiet = Quiet::new(EVENTS_A_SECOND);
    static FAILURES: Quiet = Quiet::new(EVENTS_A_SECOND);
    let held = match event.decision {
        Decision::Challenged(_) | Decision::Refused(_) | Decision::Dropped(_) => {
            Some((&REFUSALS, "refusals"))
        }
        Decision::BranchFailed(_) => Some((&FAILURES, "failed branches")),
        _ => None,
    };
    if let Some((quiet, what)) = held
        && event.level > Level::Debug
    {
        match quiet.speak() {
            None => return,
            Some(0) => {}
            Some(suppressed) => tracing::warn!(
                target: "bellhop::sip",
                suppressed,
                "more {what} than are logged"
            ),
        }
    }
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                target: "bellhop::sip",
                call_id = %Word(&event.call_id),
                method = %Word(&event.method),
                status = event.status,
                flow = %Path(&event.flow),
                "{}",
                Escaped(event.decision.to_string().as_bytes())
            )
        };
    }
    match event.level {
        Level::Debug => line!(debug),
        Level::Info => line!(info),
        Level::Warn => line!(warn),
    }
}

/// The lowest level of events that anybody reads: the core makes none below it.
pub(crate) fn lowest_level() -> Level {
    if tracing::enabled!(target: "bellhop::sip", tracing::Level::DEBUG) {
        Level::Debug
    } else if tracing::enabled!(target: "bellhop::sip", tracing::Level::INFO) {
        Level::Info
    } else {
        Level::Warn
    }
}

/// Logs a trouble, unless its kind was logged within the last second.
pub(crate) fn problem(problem: Problem) {
    static QUIET: [Quiet; 10] = [const { Quiet::new(1) }; 10];
    let quiet = QUIET.get(problem.kind()).unwrap_or(&QUIET[0]);
    if let Some(suppressed) = quiet.speak() {
        tracing::warn!(target: "bellhop::transport", suppressed, "{problem}");
    }
}

/// Logs that a message made the core panic (the panic itself went to standard error).
pub(crate) fn panicked(flow: &Flow, bytes: &[u8]) {
    let mut index = Index::new();
    let call_id = match index.parse(bytes, &Limits::default()) {
        Ok(message) => Cow::Owned(message.call_id().to_vec()),
        Err(rejected) => rejected
            .partial
            .map_or(Cow::Borrowed(b"?".as_slice()), |m| {
                Cow::Owned(m.call_id().to_vec())
            }),
    };
    tracing::error!(
        target: "bellhop::sip",
        call_id = %Word(&call_id),
        flow = %Path(flow),
        "a message made the core panic and was dropped; this is a defect, please report it"
    );
}

/// Logs that a timer made the core panic.
pub(crate) fn timeout_panicked(shard: usize) {
    tracing::error!(
        target: "bellhop::sip",
        shard,
        "a timer made the core panic; this is a defect, please report it"
    );
}

/// A peer's bytes in the log: printable ASCII stays, all else is escaped.
pub(crate) struct Escaped<'b>(pub(crate) &'b [u8]);

/// The same where a blank would end it: the value of a field in the text form.
struct Word<'b>(&'b [u8]);

/// A flow in the log: `udp 192.0.2.1:5060`.
pub(crate) struct Path<'f>(pub(crate) &'f Flow);

/// Lets so many lines through in a second.
struct Quiet {
    lines: u64,
    /// Seconds since the first line.
    second: AtomicU64,
    /// Lines in that second, those kept back included.
    count: AtomicU64,
    suppressed: AtomicU64,
}

impl Problem {
    const fn kind(&self) -> usize {
        match self {
            Self::Unsendable(..) => 0,
            Self::NoSocket(_) => 1,
            Self::Refused(..) => 2,
            Self::Accept(_) => 3,
            Self::Receive(_) => 4,
            Self::Unread(_) => 5,
            Self::Resolver => 6,
            Self::Unframed(..) => 7,
            Self::Connect(..) => 8,
            Self::Dial(_) => 9,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsendable(to, errno) => {
                write!(f, "a datagram to {to} cannot be sent: {}", errno.desc())
            }
            Self::NoSocket(to) => write!(
                f,
                "no UDP socket to reach {} from listener {}",
                to.remote(),
                to.listener().0
            ),
            Self::Refused(from, why) => write!(f, "connection from {from} refused: {why}"),
            Self::Accept(error) => write!(f, "connections cannot be accepted: {error}"),
            Self::Receive(error) => write!(f, "datagrams cannot be read: {error}"),
            Self::Unread(peer) => write!(f, "connection to {peer} closed: it does not read"),
            Self::Unframed(peer, error) => {
                write!(f, "what {peer} sends cannot be followed, closing: {error}")
            }
            Self::Dial(to) => write!(f, "no connection to {to}: too many are open"),
            Self::Connect(to, why) => write!(f, "no connection to {to}: {why}"),
            Self::Resolver => write!(f, "names not looked up: too many wait for an answer"),
        }
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The usual text is written as it is, the rest octet by octet.
        let is_plain =
            |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\'' | b'\\');
        match std::str::from_utf8(self.0) {
            Ok(text) if self.0.iter().all(is_plain) => f.write_str(text),
            _ => write!(f, "{}", self.0.escape_ascii()),
        }
    }
}

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, word) in self.0.split(|byte| *byte == b' ').enumerate() {
            let blank = if n == 0 { "" } else { "\\x20" };
            write!(f, "{blank}{}", Escaped(word))?;
        }
        Ok(())
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.transport.uri_token(), self.0.remote)
    }
}

impl Quiet {
    const fn new(lines: u64) -> Self {
        Self {
            lines,
            second: AtomicU64::new(0),
            count: AtomicU64::new(0),
            suppressed: AtomicU64::new(0),
        }
    }

    /// Whether to speak now, and how many lines were kept back before.
    fn speak(&self) -> Option<u64> {
        static START: OnceLock<Instant> = OnceLock::new();
        self.speak_at(START.get_or_init(Instant::now).elapsed().as_secs())
    }

    fn speak_at(&self, second: u64) -> Option<u64> {
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.count.store(0, Ordering::Relaxed);
        }
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.lines {
            self.suppressed.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(self.suppressed.swap(0, Ordering::Relaxed))
    }
}

/// Refusals, and failed branches, logged in one second.
const EVENTS_A_SECOND: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_a_peer_cannot_forge_a_log_line() {
        let text = Escaped(b"a\r\n2026 INFO \x1b[31mforged \xff").to_string();
        assert_eq!(text, r"a\r\n2026 INFO \x1b[31mforged \xff");
    }

    #[test]
    fn a_blank_of_a_peer_cannot_forge_a_field() {
        let text = Word(b" one status=200  flow=\x1b").to_string();
        assert_eq!(text, r"\x20one\x20status=200\x20\x20flow=\x1b");
    }

    #[test]
    fn a_flood_is_a_few_lines_each_second_and_a_count() {
        let quiet = Quiet::new(2);
        let spoken: Vec<_> = (0..5).map(|_| quiet.speak_at(7)).collect();
        assert_eq!(spoken, [Some(0), Some(0), None, None, None]);
        assert_eq!(quiet.speak_at(8), Some(3));
        assert_eq!(quiet.speak_at(8), Some(0));
        assert_eq!(quiet.speak_at(8), None);
    }
}
