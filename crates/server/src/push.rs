//! Tells a hook of the web which phones are to be woken, on threads of its own: no worker waits for it.

use crate::{
    aside::{Aside, Quiet},
    config::PushHook,
    driver::Clock,
    web,
};
use bellhop_core::{
    push::{Address, Reason, Wake},
    registrar::Location,
};
use serde::Serialize;
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use ureq::Agent;

/// Where the workers have phones woken.
#[derive(Clone)]
pub(crate) struct Notifier(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    counters: Counters,
}

#[derive(Default)]
struct State {
    hook: Option<Arc<Hook>>,
    jobs: Option<Aside<Job>>,
}

/// What became of notifications since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// The hook has taken them.
    pub(crate) sent: AtomicU64,
    /// It has not, or could not be reached.
    pub(crate) failed: AtomicU64,
    /// Too many waited for it.
    pub(crate) dropped: AtomicU64,
}

/// A hook, ready to be told.
pub(crate) struct Hook {
    config: PushHook,
    agent: Agent,
    quiet: Quiet,
}

struct Job {
    hook: Arc<Hook>,
    wake: Wake,
}

/// What the hook is told, as JSON.
#[derive(Serialize)]
struct Told<'a> {
    aor: &'a str,
    provider: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'a str>,
    prid: &'a str,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_id: Option<&'a str>,
}

impl Notifier {
    /// One that has no hook yet.
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// A hook, ready to be used; the one in use, if it is the same.
    ///
    /// # Errors
    /// Why it cannot be used, for the operator.
    pub(crate) fn hook(&self, config: &PushHook) -> Result<Arc<Hook>, String> {
        let is_same = |hook: &&Arc<Hook>| hook.config == *config;
        if let Some(hook) = self.state().hook.as_ref().filter(is_same) {
            return Ok(Arc::clone(hook));
        }
        let mut state = self.state();
        if state.jobs.is_none() {
            state.jobs = Some(start(&self.0)?);
        }
        drop(state);
        let agent = web::agent(config.timeout, &config.trust);
        Ok(Arc::new(Hook {
            config: config.clone(),
            agent: agent.map_err(|why| format!("push.ca: {why}"))?,
            quiet: Quiet::default(),
        }))
    }

    /// Tells this hook from now on.
    pub(crate) fn tell(&self, hook: Option<Arc<Hook>>) {
        self.state().hook = hook;
    }

    /// What became of notifications.
    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// Has a phone woken.
    pub(crate) fn wake(&self, wake: Wake) {
        let (hook, jobs) = {
            let state = self.state();
            (state.hook.clone(), state.jobs.clone())
        };
        // A hook that was taken away by a reload a moment ago.
        let (Some(hook), Some(jobs)) = (hook, jobs) else {
            return;
        };
        if let Err(job) = jobs.submit(Job { hook, wake }) {
            self.0.counters.dropped.fetch_add(1, Ordering::Relaxed);
            job.hook.complain("too many notifications wait");
        }
    }

    /// For ever: wakes the phones whose bindings are about to end, so that they refresh them (RFC 8599 5.5).
    pub(crate) async fn keep(self, location: Arc<Location>, clock: Clock) {
        let mut from = clock.now().instant.after(AHEAD);
        loop {
            tokio::time::sleep(ROUND).await;
            // Each round begins where the last one ended.
            let until = clock.now().instant.after(AHEAD);
            let begin = std::mem::replace(&mut from, until);
            let hook = self.state().hook.clone();
            let Some(hook) = hook else {
                continue;
            };
            for (aor, binding) in location.ending(&hook.config.core, begin, until) {
                self.wake(Wake {
                    aor,
                    contact: binding.contact().into(),
                    reason: Reason::Refresh,
                });
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hook {
    /// Tells of one phone.
    fn tell(&self, wake: &Wake) -> Result<(), String> {
        let address = Address::of(&wake.contact).ok_or("a contact without an address")?;
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| "an address that is no text");
        let (reason, method, call_id) = match &wake.reason {
            Reason::Request { method, call_id } => {
                ("request", Some(method.as_str()), Some(call_id.as_str()))
            }
            Reason::Refresh => ("refresh", None, None),
        };
        let told = Told {
            aor: wake.aor.as_str(),
            provider: text(address.provider)?,
            param: address.param.map(text).transpose()?,
            prid: text(address.prid)?,
            reason,
            method,
            call_id,
        };
        let body = serde_json::to_vec(&told).map_err(|error| error.to_string())?;
        let mut request = self
            .agent
            .post(&self.config.url)
            .header("Content-Type", "application/json");
        if let Some(token) = web::authorization(&self.config.trust) {
            request = request.header("Authorization", token);
        }
        let response = request.send(&body).map_err(|error| error.to_string())?;
        match response.status().as_u16() {
            200..300 => Ok(()),
            status => Err(format!("it answered {status}; allowed: 2xx")),
        }
    }

    /// Tells of a failure, at most once in a while.
    fn complain(&self, why: &str) {
        let Some(untold) = self.quiet.may_tell() else {
            return;
        };
        tracing::error!(
            target: "bellhop::push",
            untold,
            "{} does not wake a phone: {why}; its call waits until it comes by itself",
            self.config.url
        );
    }
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier").finish_non_exhaustive()
    }
}

fn start(inner: &Arc<Inner>) -> Result<Aside<Job>, String> {
    let inner = Arc::downgrade(inner);
    Aside::start("push", THREADS, QUEUE, move |Job { hook, wake }| {
        let told = hook.tell(&wake);
        if let Err(why) = &told {
            hook.complain(why);
        }
        if let Some(inner) = inner.upgrade() {
            let counters = &inner.counters;
            let counter = match told {
                Ok(()) => &counters.sent,
                Err(_) => &counters.failed,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    })
}

/// Notifications at one moment.
const THREADS: usize = 4;
/// Notifications that wait.
const QUEUE: usize = 4_096;
/// Between two looks at what is about to end.
const ROUND: Duration = Duration::from_secs(30);
/// How long before its end a binding's phone is woken: time for the notification, and for a second REGISTER.
const AHEAD: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests;
