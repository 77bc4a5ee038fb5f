//! One plugin and the messages it is tried with: the program's own host, without a proxy around it.

use bellhop_core::{
    flow::{Flow, ListenerId, Transport},
    outbox::Ticket,
    policy::{Answer, Ask, Attempt, Changes, Failure, Hook, Notes, Policy as _, Source, Verdict},
    share::{Publication, Unpublished},
    time::{Instant, Now},
};
use bellhop_policy::{
    Alone, Binding, Grants, Member, PluginConfig, Registry, Services, ShardPolicy, Wake,
};
use bellhop_wire::{Index, Limits, Message};
use nix::time::{ClockId, clock_gettime};
use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    time::Duration,
};

/// A plugin that is asked by hand.
pub(super) struct Trial {
    registry: Registry,
    shard: ShardPolicy,
    clock: Arc<Clock>,
    woken: mpsc::Receiver<Ticket>,
    asked: u64,
}

/// A message and what the host knows of it.
pub(super) struct Asked<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) from: SocketAddr,
    pub(super) is_tcp: bool,
    pub(super) zone: &'a str,
    pub(super) user: Option<&'a str>,
}

/// What questions took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spent {
    /// Of this thread's processor time. What is asked on a thread of its own (http) is not in it.
    pub(super) own: Duration,
    /// By the clock on the wall.
    pub(super) elapsed: Duration,
}

/// What came of one question.
#[derive(Debug, PartialEq)]
pub(super) struct Outcome {
    /// on-register, ..
    pub(super) hook: &'static str,
    pub(super) verdict: String,
    /// One for each edit.
    pub(super) edits: Vec<String>,
    /// The kind of failure: its verdict and edits do not count then.
    pub(super) fault: Option<&'static str>,
}

impl Trial {
    /// Loads a plugin alone.
    ///
    /// # Errors
    /// Why it is refused.
    pub(super) fn new(config: PluginConfig) -> Result<Self, String> {
        let clock = Arc::<Clock>::default();
        let registry = Registry::new(None, clock.clone())?;
        registry
            .swap(vec![config])
            .map_err(|error| error.to_string())?;
        let (bell, woken) = mpsc::channel();
        let shard = registry.shard(Arc::new(Bell(Mutex::new(bell))));
        Ok(Self {
            registry,
            shard,
            clock,
            woken,
            asked: 0,
        })
    }

    /// From now on it is this late for the plugin, and no later until it is said.
    pub(super) fn set_time(&self, unix: Duration) {
        let micros = u64::try_from(unix.as_micros()).unwrap_or(u64::MAX);
        self.clock.micros.store(micros, Relaxed);
    }

    /// Asks at every hook that a message passes: on-register, or on-request and on-route, or on-response;
    /// with `failed`, then on-failure as if all targets had come to that status. Those that the plugin does
    /// not have are left out.
    ///
    /// # Errors
    /// The message is none that Bellhop would take.
    pub(super) fn ask(
        &mut self,
        asked: &Asked<'_>,
        failed: Option<u16>,
    ) -> Result<Vec<Outcome>, String> {
        let mut index = Index::new();
        let message = index.parse(asked.bytes, &Limits::default());
        let message = message.map_err(|rejected| format!("no SIP message: {}", rejected.error))?;
        let first = match message.method() {
            None => Hook::Response,
            Some(method) if method.as_bytes() == b"REGISTER" => Hook::Register,
            Some(_) => Hook::Request,
        };
        let mut changes = Changes::default();
        let mut notes = Notes::default();
        let mut outcomes = Vec::new();
        let mut attempts = Vec::new();
        let in_dialog = message.to_tag().is_some();
        for hook in [first, Hook::Route, Hook::Failure] {
            let failure = failed
                .filter(|_| hook == Hook::Failure)
                .map(|status| Failure {
                    status,
                    reason: "".into(),
                    is_local: false,
                    attempts: std::mem::take(&mut attempts),
                    elapsed: Duration::from_secs(1),
                });
            let skipped = match hook {
                Hook::Route => first != Hook::Request || in_dialog,
                Hook::Failure => failure.is_none() || first != Hook::Request,
                _ => false,
            };
            if skipped || !self.shard.hooks().has(hook) {
                continue;
            }
            let (verdict, outcome) = self.ask_at(
                hook,
                message,
                asked,
                &mut changes,
                &mut notes,
                failure.as_ref(),
            );
            outcomes.push(outcome);
            match verdict {
                Verdict::Continue | Verdict::Accept { .. } => {}
                Verdict::Route(route) if failed.is_some() && hook != Hook::Failure => {
                    attempts = route
                        .targets
                        .into_iter()
                        .map(|target| Attempt {
                            uri: target.uri,
                            tag: target.tag,
                            status: failed.unwrap_or(0),
                            elapsed: Duration::from_secs(1),
                        })
                        .collect();
                }
                _ => break,
            }
        }
        Ok(outcomes)
    }

    /// One question again and again, at the first hook that the message meets; how long they took together,
    /// of this thread's own time.
    ///
    /// # Errors
    /// The message is none, the plugin is not asked about it, or it failed.
    pub(super) fn repeat(&mut self, asked: &Asked<'_>, times: u32) -> Result<Spent, String> {
        let mut index = Index::new();
        let message = index.parse(asked.bytes, &Limits::default());
        let message = message.map_err(|rejected| format!("no SIP message: {}", rejected.error))?;
        let hook = match message.method() {
            None => Hook::Response,
            Some(method) if method.as_bytes() == b"REGISTER" => Hook::Register,
            Some(_) if self.shard.hooks().has(Hook::Request) => Hook::Request,
            Some(_) => Hook::Route,
        };
        if !self.shard.hooks().has(hook) {
            return Err("the plugin has no hook for this message".to_owned());
        }
        let faults = self.faults();
        let (began, own) = (std::time::Instant::now(), thread_time());
        for _ in 0..times {
            let mut changes = Changes::default();
            let mut notes = Notes::default();
            self.answer(hook, message, asked, &mut changes, &mut notes, None);
        }
        let spent = Spent {
            own: thread_time().saturating_sub(own),
            elapsed: began.elapsed(),
        };
        match self.newest_fault(&faults) {
            Some(fault) => Err(format!("{} failed: {}", name(hook), self.why(fault))),
            None => Ok(spent),
        }
    }

    /// What the last failure was, in words; it was of this kind.
    pub(super) fn why(&self, kind: &str) -> String {
        let mut all = self.registry.status().into_iter();
        let last = all.find_map(|plugin| plugin.last_fault);
        last.unwrap_or_else(|| kind.to_owned())
    }

    /// Another worker's instance, in place of the one that was used so far.
    pub(super) fn another(&mut self) -> ShardPolicy {
        let (bell, woken) = mpsc::channel();
        self.woken = woken;
        let fresh = self.registry.shard(Arc::new(Bell(Mutex::new(bell))));
        std::mem::replace(&mut self.shard, fresh)
    }

    fn ask_at(
        &mut self,
        hook: Hook,
        message: Message<'_>,
        asked: &Asked<'_>,
        changes: &mut Changes,
        notes: &mut Notes,
        failure: Option<&Failure>,
    ) -> (Verdict, Outcome) {
        let faults = self.faults();
        let before = changes.steps().count();
        let verdict = self.answer(hook, message, asked, changes, notes, failure);
        let outcome = Outcome {
            hook: name(hook),
            verdict: super::tell::verdict(&verdict),
            edits: super::tell::edits(changes, before),
            fault: self.newest_fault(&faults),
        };
        (verdict, outcome)
    }

    fn answer(
        &mut self,
        hook: Hook,
        message: Message<'_>,
        asked: &Asked<'_>,
        changes: &mut Changes,
        notes: &mut Notes,
        failure: Option<&Failure>,
    ) -> Verdict {
        self.asked = self.asked.wrapping_add(1);
        let ticket = Ticket(self.asked);
        let transport = if asked.is_tcp {
            Transport::Tcp
        } else {
            Transport::Udp
        };
        let source = Source {
            flow: Flow {
                listener: ListenerId(0),
                transport,
                remote: asked.from,
                connection: None,
            },
            listener: if asked.is_tcp { "tcp" } else { "udp" },
            zone: asked.zone,
            user: asked.user,
            is_in_dialog: message.to_tag().is_some(),
        };
        let now = self.clock.now();
        let ask = Ask {
            hook,
            ticket,
            message,
            source,
            notes,
            changes,
            failure,
        };
        let until = match self.shard.consult(now, ask) {
            Answer::Now(verdict) => return verdict,
            Answer::Later { until } => until,
        };
        // A web service is waited for as long as the host would.
        let patience = until.since(now.instant);
        while self
            .woken
            .recv_timeout(patience)
            .is_ok_and(|other| other != ticket)
        {}
        let ask = Ask {
            hook,
            ticket,
            message,
            source,
            notes,
            changes,
            failure,
        };
        match self.shard.resume(self.clock.now(), ask) {
            Answer::Now(verdict) => verdict,
            Answer::Later { .. } => Verdict::Continue,
        }
    }

    /// A kind of failure that has become more since then.
    fn newest_fault(&self, before: &[(&'static str, u64)]) -> Option<&'static str> {
        let known = |name| before.iter().find(|(other, _)| *other == name);
        let now = self.faults().into_iter();
        let mut more = now.filter(|(name, n)| *n > known(*name).map_or(0, |(_, n)| *n));
        more.next().map(|(name, _)| name)
    }

    fn faults(&self) -> Vec<(&'static str, u64)> {
        let mut faults: Vec<(&'static str, u64)> = Vec::new();
        for hook in self
            .registry
            .status()
            .into_iter()
            .flat_map(|plugin| plugin.hooks)
        {
            for (name, count) in hook.faults {
                match faults.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, sum)) => *sum = sum.saturating_add(count),
                    None => faults.push((name, count)),
                }
            }
        }
        faults
    }
}

/// A plugin's configuration for a trial: with all that the file asks for, unless `grants` says less.
pub(super) fn config(file: &Path, json: &str, grants: Grants) -> PluginConfig {
    let mut config = PluginConfig::new("plugin", file);
    config.grants = grants;
    config.config = json.to_owned();
    config
}

fn thread_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

fn name(hook: Hook) -> &'static str {
    match hook {
        Hook::Register => "on-register",
        Hook::Request => "on-request",
        Hook::Route => "on-route",
        Hook::Failure => "on-failure",
        Hook::Response => "on-response",
        Hook::Dialog => "on-dialog",
    }
}

/// The system's clock, until a time is set.
#[derive(Debug, Default)]
struct Clock {
    alone: Alone,
    /// Microseconds since 1970; 0: the system's.
    micros: AtomicU64,
}

impl Services for Clock {
    fn now(&self) -> Now {
        match self.micros.load(Relaxed) {
            0 => self.alone.now(),
            micros => Now {
                instant: Instant::from_micros(micros),
                unix: Duration::from_micros(micros),
            },
        }
    }

    fn entropy(&self, out: &mut [u8]) -> bool {
        self.alone.entropy(out)
    }

    fn bindings(&self, _: Now, _: &str) -> Vec<Binding> {
        Vec::new()
    }

    fn members(&self, _: &str, _: &dyn Fn(SocketAddr) -> u32) -> Option<Vec<Member>> {
        None
    }

    fn publish(&self, now: Now, publication: Publication<'_>) -> Result<bool, Unpublished> {
        self.alone.publish(now, publication)
    }
}

#[derive(Debug)]
struct Bell(Mutex<mpsc::Sender<Ticket>>);

impl Wake for Bell {
    fn wake(&self, ticket: Ticket) {
        if let Ok(bell) = self.0.lock() {
            let _ = bell.send(ticket);
        }
    }
}
