//! A registry with the probe in it, messages that tell it what to do, and what came of that.

use bellhop_core::flow::{Flow, ListenerId, Transport};
use bellhop_core::outbox::Ticket;
use bellhop_core::policy::{Answer, Ask, Changes, Failure, Hook, Notes, Policy, Source, Verdict};
use bellhop_core::share::{Held, Publication, Unpublished};
use bellhop_core::time::{Instant, Now};
use bellhop_policy::{
    Binding, Capability, Grants, Member, PluginConfig, PluginStatus, Registry, Services,
    ShardPolicy, Wake,
};
use bellhop_wire::{Limits, Owned};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// A registry and one engine's way to it, on a clock that the test moves.
pub(crate) struct Kit {
    pub(crate) registry: Arc<Registry>,
    pub(crate) shard: ShardPolicy,
    pub(crate) world: Arc<World>,
    pub(crate) woken: Arc<Woken>,
}

/// The program around, as the test has it.
#[derive(Debug, Default)]
pub(crate) struct World {
    micros: AtomicU64,
    pub(crate) held: Held,
}

/// Remembers who was woken.
#[derive(Debug, Default)]
pub(crate) struct Woken {
    tickets: Mutex<Vec<Ticket>>,
    changed: Condvar,
}

/// What a plugin has made of one message.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    pub(crate) changes: Changes,
    pub(crate) notes: Notes,
}

impl Services for World {
    fn now(&self) -> Now {
        let micros = self.micros.load(Ordering::Relaxed);
        Now {
            instant: Instant::from_micros(micros),
            unix: Duration::from_secs(1_700_000_000) + Duration::from_micros(micros),
        }
    }

    fn entropy(&self, out: &mut [u8]) -> bool {
        out.fill(7);
        true
    }

    fn bindings(&self, _: Now, aor: &str) -> Vec<Binding> {
        let binding = Binding {
            contact: "sip:phone@192.0.2.9".into(),
            received: None,
            q: 1_000,
            expires: 60,
            user_agent: "phone".into(),
        };
        if aor == "sip:6001@example.org" {
            vec![binding]
        } else {
            Vec::new()
        }
    }

    fn members(&self, group: &str, calls: &dyn Fn(SocketAddr) -> u32) -> Option<Vec<Member>> {
        let member = Member {
            name: "pbx.example".into(),
            uri: format!("sip:{PBX}"),
            up: false,
            active_calls: calls(PBX),
            latency: 12,
            weight: 1,
        };
        (group == "pbx").then(|| vec![member])
    }

    fn publish(&self, now: Now, publication: Publication<'_>) -> Result<bool, Unpublished> {
        self.held.publish(now.instant, publication)
    }
}

impl World {
    pub(crate) fn now_instant(&self) -> Instant {
        self.now().instant
    }

    pub(crate) fn pass(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap();
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Wake for Woken {
    fn wake(&self, ticket: Ticket) {
        self.tickets.lock().unwrap().push(ticket);
        self.changed.notify_all();
    }
}

impl Woken {
    /// Waits until this ticket's answer is there.
    pub(crate) fn wait_for(&self, ticket: Ticket) {
        let tickets = self.tickets.lock().unwrap();
        let missing = |tickets: &mut Vec<Ticket>| !tickets.contains(&ticket);
        let limit = Duration::from_secs(20);
        let (mut tickets, over) = self
            .changed
            .wait_timeout_while(tickets, limit, missing)
            .unwrap();
        assert!(!over.timed_out(), "nobody was woken");
        tickets.retain(|other| *other != ticket);
    }
}

impl Kit {
    /// With these plugins.
    pub(crate) fn new(configs: Vec<PluginConfig>) -> Self {
        let kit = Self::empty();
        kit.registry.swap(configs).unwrap();
        kit
    }

    pub(crate) fn empty() -> Self {
        let world = Arc::new(World::default());
        world.pass(Duration::from_secs(100));
        let registry = Registry::new(Some(&cache()), world.clone()).unwrap();
        let woken = Arc::new(Woken::default());
        let shard = registry.shard(woken.clone());
        let registry = Arc::new(registry);
        Self {
            registry,
            shard,
            world,
            woken,
        }
    }

    /// Asks on-request about an INVITE with these lines.
    pub(crate) fn request(&mut self, lines: &str) -> Outcome {
        self.ask(Hook::Request, &invite(lines))
    }

    /// Asks at a hook, with nothing noted or changed before.
    pub(crate) fn ask(&mut self, hook: Hook, message: &Owned) -> Outcome {
        let (notes, changes) = Default::default();
        self.ask_after(hook, message, notes, changes, None)
    }

    pub(crate) fn ask_after(
        &mut self,
        hook: Hook,
        message: &Owned,
        notes: Notes,
        changes: Changes,
        failure: Option<&Failure>,
    ) -> Outcome {
        self.ask_of("6001", hook, message, (notes, changes), failure)
            .0
    }

    /// Asks on-request about an INVITE of this user's, and says whether the answer came at once.
    pub(crate) fn request_of(&mut self, user: &str, lines: &str) -> (Outcome, bool) {
        let nothing = Default::default();
        self.ask_of(user, Hook::Request, &invite(lines), nothing, None)
    }

    fn ask_of(
        &mut self,
        user: &str,
        hook: Hook,
        message: &Owned,
        (mut notes, mut changes): (Notes, Changes),
        failure: Option<&Failure>,
    ) -> (Outcome, bool) {
        let now = self.world.now();
        let mut first = ask(hook, TICKET, message, &mut notes, &mut changes, failure);
        first.source.user = Some(user);
        let (mut answer, mut is_now) = (self.shard.consult(now, first), true);
        let verdict = loop {
            if let Answer::Now(verdict) = answer {
                break verdict;
            }
            is_now = false;
            self.woken.wait_for(TICKET);
            let mut again = ask(hook, TICKET, message, &mut notes, &mut changes, failure);
            again.source.user = Some(user);
            answer = self.shard.resume(now, again);
        };
        let outcome = Outcome {
            verdict,
            changes,
            notes,
        };
        (outcome, is_now)
    }

    pub(crate) fn status(&self, name: &str) -> PluginStatus {
        let all = self.registry.status();
        all.into_iter().find(|plugin| plugin.name == name).unwrap()
    }
}

impl Outcome {
    /// What the probe has seen, one line for each thing.
    pub(crate) fn saw(&self) -> String {
        let lines = self.changes.added(b"X-Saw").map(String::from_utf8_lossy);
        lines.collect::<Vec<_>>().join("\n")
    }
}

pub(crate) fn ask<'a>(
    hook: Hook,
    ticket: Ticket,
    message: &'a Owned,
    notes: &'a mut Notes,
    changes: &'a mut Changes,
    failure: Option<&'a Failure>,
) -> Ask<'a> {
    Ask {
        hook,
        ticket,
        message: message.message(),
        source: Source {
            flow: Flow {
                listener: ListenerId(0),
                transport: Transport::Tls,
                remote: "192.0.2.7:5061".parse().unwrap(),
                connection: None,
            },
            listener: "door",
            zone: "outside",
            user: Some("6001"),
            is_in_dialog: false,
        },
        notes,
        changes,
        failure,
    }
}

/// The probe under this name, with everything granted but http.
pub(crate) fn probe(name: &str) -> PluginConfig {
    let all = Capability::ALL
        .into_iter()
        .filter(|c| *c != Capability::Http);
    PluginConfig {
        grants: all.collect::<Grants>(),
        ..PluginConfig::new(name, guest("probe.wasm"))
    }
}

/// A sample plugin.
pub(crate) fn built(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../plugins/built")
        .join(file)
}

pub(crate) fn guest(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../plugins/built/guests")
        .join(file)
}

/// Compiled code, shared by all tests: compiling takes seconds in a program that is not optimized.
pub(crate) fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("plugin-cache")
}

pub(crate) fn invite(lines: &str) -> Owned {
    message("INVITE sip:7000@example.org SIP/2.0", "INVITE", lines)
}

/// A request or response with these lines, each ended by a line end.
pub(crate) fn message(start: &str, method: &str, lines: &str) -> Owned {
    let text = format!(
        "{start}\r\nVia: SIP/2.0/TLS 192.0.2.7:5061;branch=z9hG4bK1\r\nFrom: \"A\" <sip:6001@example.org>;tag=f1\r\n\
         To: <sip:7000@example.org>\r\nCall-ID: call-1@host\r\nCSeq: 7 {method}\r\nMax-Forwards: 69\r\n\
         Contact: <sip:6001@192.0.2.7:5061;transport=tls>\r\nUser-Agent: probe/1\r\nSupported: path, gruu\r\n\
         {lines}Content-Type: application/sdp; x=y\r\nContent-Length: 5\r\n\r\nv=0\r\n"
    );
    Owned::parse(text.as_bytes(), &Limits::default()).unwrap()
}

/// `X-Do` lines.
pub(crate) fn orders(orders: &[&str]) -> String {
    orders
        .iter()
        .map(|order| format!("X-Do: {order}\r\n"))
        .collect()
}

const TICKET: Ticket = Ticket(1);
/// The one member of the group `pbx`.
pub(crate) const PBX: SocketAddr = SocketAddr::new(
    std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9)),
    5060,
);
