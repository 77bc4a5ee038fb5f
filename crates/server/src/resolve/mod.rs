//! Names to places (RFC 3263): look-ups run as tasks of the program's first runtime, never on a worker;
//! each has a deadline, their number has a bound, and who asks the same thing shares the answer.

mod dns;
mod names;
mod srv;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use names::Names;

use bellhop_core::{entropy::Entropy, flow::Transport};
use dns::Dns;
use std::{
    collections::{HashMap, hash_map::Entry},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, oneshot},
    time::timeout,
};

/// Where something may be sent.
pub(crate) type Place = (Transport, SocketAddr);

/// A name as a URI writes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    /// The host: a name, or an address (IPv6 with or without brackets).
    pub(crate) host: String,
    /// The port, if it has one.
    pub(crate) port: Option<u16>,
    /// The transport, if it has one.
    pub(crate) transport: Option<Transport>,
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The places, the one to try first in front; none: it stands for nothing now.
    pub(crate) places: Vec<Place>,
    /// How long that may be believed.
    pub(crate) good_for: Duration,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// The configuration, for an upstream: always heard.
    Upstream,
    /// A request, so perhaps anybody: only so many at once.
    Request,
}

/// What our listeners can reach.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    transports: Vec<Transport>,
    ipv4: bool,
    ipv6: bool,
}

/// Bounds on look-ups.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// How long all of one may take.
    pub(crate) total: Duration,
    /// How long one of its steps may take: NAPTR, SRV, addresses.
    pub(crate) step: Duration,
    /// How many run at once for requests.
    pub(crate) at_once: usize,
    /// How many threads the system's own resolver may have at once.
    pub(crate) threads: usize,
}

/// Looks names up. A clone is the same one.
#[derive(Clone)]
pub(crate) struct Resolver(Arc<Inner>);

struct Inner {
    reach: Reach,
    bounds: Bounds,
    /// The system's `resolv.conf`.
    file: PathBuf,
    dns: Mutex<Configured>,
    entropy: Mutex<Box<dyn Entropy>>,
    asked: Mutex<HashMap<Question, Vec<oneshot::Sender<Answer>>>>,
    /// For the system's own resolver, whose threads cannot be stopped.
    threads: Arc<Semaphore>,
    runtime: Handle,
}

/// The DNS client and the text of the file that it was made from.
struct Configured {
    dns: Dns,
    text: Option<String>,
}

/// A look-up under way; whoever waits for it is answered when it is dropped.
struct LookUp {
    inner: Arc<Inner>,
    question: Question,
    asker: Asker,
    answer: Answer,
}

impl Resolver {
    /// The resolver that `file`, a `resolv.conf`, describes. Without it, or if it makes no sense, the
    /// system's own resolver is what is left. To be called in the runtime that look-ups shall run in.
    pub(crate) fn new(
        file: &Path,
        reach: Reach,
        bounds: Bounds,
        entropy: Box<dyn Entropy>,
    ) -> Self {
        let none = Configured {
            dns: Dns::none(),
            text: None,
        };
        let resolver = Self(Arc::new(Inner {
            reach,
            file: file.to_owned(),
            dns: Mutex::new(none),
            entropy: Mutex::new(entropy),
            asked: Mutex::default(),
            threads: Arc::new(Semaphore::new(bounds.threads)),
            runtime: Handle::current(),
            bounds,
        }));
        if !resolver.reread() {
            tracing::warn!(
                target: "bellhop::resolve",
                file = %file.display(),
                "cannot be read: names are left to the system, without NAPTR and SRV"
            );
        }
        resolver
    }

    /// Reads the system's configuration again if it has changed. Whether there is one.
    pub(crate) fn reread(&self) -> bool {
        let inner = &self.0;
        let Ok(text) = std::fs::read_to_string(&inner.file) else {
            // A file that is being replaced is not there for a moment: what it said stays.
            return locked(&inner.dns).text.is_some();
        };
        let mut configured = locked(&inner.dns);
        if configured.text.as_ref() != Some(&text) {
            configured.dns = Dns::of(&text, inner.bounds.step).unwrap_or_else(|error| {
                tracing::warn!(
                    target: "bellhop::resolve",
                    file = %inner.file.display(),
                    %error,
                    "makes no sense: names are left to the system, without NAPTR and SRV"
                );
                Dns::none()
            });
            configured.text = Some(text);
        }
        true
    }

    /// Asks what a name stands for. `None`: too many names are being looked up for requests. Never
    /// waits; a sender that goes away without an answer stands for an empty one.
    pub(crate) fn ask(
        &self,
        question: Question,
        asker: Asker,
    ) -> Option<oneshot::Receiver<Answer>> {
        let inner = &self.0;
        let (answer, heard) = oneshot::channel();
        let mut asked = locked(&inner.asked);
        let is_full = asked.len() >= inner.bounds.at_once;
        match asked.entry(question) {
            Entry::Occupied(mut waiting) => waiting.get_mut().push(answer),
            Entry::Vacant(_) if asker == Asker::Request && is_full => return None,
            Entry::Vacant(free) => {
                let look_up = LookUp {
                    inner: Arc::clone(inner),
                    question: free.key().clone(),
                    asker,
                    answer: Answer::none(),
                };
                free.insert(vec![answer]);
                drop(asked);
                inner.runtime.spawn(look_up.run());
            }
        }
        Some(heard)
    }
}

impl Answer {
    /// Nothing, to be asked again soon.
    pub(crate) const fn none() -> Self {
        Self {
            places: Vec::new(),
            good_for: MOST,
        }
    }
}

impl Reach {
    /// What listeners at these places reach.
    pub(crate) fn of(listeners: &[Place]) -> Self {
        let has = |wanted: &Transport| listeners.iter().any(|(t, _)| t == wanted);
        // Without NAPTR records the order is ours to choose (RFC 3263 4.1).
        let known = [Transport::Udp, Transport::Tcp, Transport::Tls];
        Self {
            transports: known.into_iter().filter(has).collect(),
            ipv4: listeners.iter().any(|(_, at)| at.is_ipv4()),
            ipv6: listeners.iter().any(|(_, at)| at.is_ipv6()),
        }
    }

    /// Whether an address of this family can be named in a Via of ours.
    fn has_family_of(&self, address: &SocketAddr) -> bool {
        if address.is_ipv4() {
            self.ipv4
        } else {
            self.ipv6
        }
    }

    /// The transport where nothing names one.
    fn default_transport(&self) -> Transport {
        self.transports.first().copied().unwrap_or(Transport::Udp)
    }
}

impl Default for Bounds {
    /// Less than Timer B (RFC 3261 17.1.1.2) by far, so that the caller still hears of it.
    fn default() -> Self {
        Self {
            total: Duration::from_secs(4),
            step: Duration::from_millis(1_200),
            at_once: 64,
            threads: 80,
        }
    }
}

impl LookUp {
    async fn run(mut self) {
        let dns = locked(&self.inner.dns).dns.clone();
        let total = self.inner.bounds.total;
        let (inner, question, asker) = (&self.inner, &self.question, self.asker);
        let walked = walk::walk(inner, dns, question, asker, &mut self.answer);
        if timeout(total, walked).await.is_err() {
            let host = &self.question.host;
            tracing::debug!(target: "bellhop::resolve", host, "out of time");
        }
    }
}

impl Drop for LookUp {
    fn drop(&mut self) {
        let waiting = locked(&self.inner.asked).remove(&self.question);
        for sender in waiting.into_iter().flatten() {
            // Whoever gave up waiting does not hear it.
            let _ = sender.send(self.answer.clone());
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the system says whom to ask.
pub(crate) const RESOLV_CONF: &str = "/etc/resolv.conf";
/// An answer is believed at least so long, however short its TTL.
pub(crate) const LEAST: Duration = Duration::from_secs(5);
/// An answer is believed at most so long, however long its TTL.
pub(crate) const MOST: Duration = Duration::from_secs(30);
