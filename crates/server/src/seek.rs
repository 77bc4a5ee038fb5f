//! Looks users up in a service or a data base, on threads of its own: no worker waits for them.

mod bearer;
mod http;
mod sqlite;
mod told;

#[cfg(test)]
mod tests;

pub(crate) use bearer::Verifier;

use crate::{
    aside::{Aside, Quiet},
    config::{BearerTokens, Place, Remote},
    driver::{Answer, Answers},
    users::check_name,
};
use bellhop_core::{
    auth::{Bearer, Directory, User},
    engine::LookedUp,
    outbox::{LookUp, Sought},
};
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Where the workers have users looked up. Its threads start with the first place to look in, and end
/// when the last of its copies is dropped.
#[derive(Clone)]
pub(crate) struct Seeker(Arc<Inner>);

struct Inner {
    answers: Answers,
    state: Mutex<State>,
    counters: Counters,
}

#[derive(Default)]
struct State {
    source: Option<Arc<Source>>,
    tokens: Option<Arc<Verifier>>,
    jobs: Option<Aside<Job>>,
}

/// What became of look-ups since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Users found.
    pub(crate) found: AtomicU64,
    /// Names that are nobody's.
    pub(crate) nobody: AtomicU64,
    /// It could not be found out.
    pub(crate) failed: AtomicU64,
}

/// A place to look in, with what was found there.
pub(crate) struct Source {
    remote: Remote,
    realm: String,
    domains: Vec<String>,
    service: Option<http::Service>,
    directory: Arc<Directory>,
    quiet: Quiet,
}

struct Job {
    by: By,
    sought: LookUp,
}

/// Who finds out.
enum By {
    Source(Arc<Source>),
    Verifier(Arc<Verifier>),
}

impl Seeker {
    /// One that knows no place to look in yet; `answers` are told what it finds.
    pub(crate) fn new(answers: Answers) -> Self {
        Self(Arc::new(Inner {
            answers,
            state: Mutex::default(),
            counters: Counters::default(),
        }))
    }

    /// A place to look in, tried as far as that goes: the one that is looked in already, if it is the same.
    /// `seeds` are random.
    ///
    /// # Errors
    /// What keeps it from looking there, for the operator; no threads to be had, too.
    pub(crate) fn place(
        &self,
        remote: &Remote,
        realm: &str,
        domains: &[String],
        seeds: [u64; 4],
    ) -> Result<Arc<Source>, String> {
        let is_same = |source: &&Arc<Source>| {
            source.remote == *remote && source.realm == realm && source.domains == domains
        };
        if let Some(source) = self.state().source.as_ref().filter(is_same) {
            return Ok(Arc::clone(source));
        }
        self.begin()?;
        let service = match &remote.place {
            Place::Http { trust, .. } => Some(http::Service::new(remote.timeout, trust)?),
            Place::Sqlite { file, query } => {
                sqlite::check(file, query)?;
                None
            }
        };
        Ok(Arc::new(Source {
            remote: remote.clone(),
            realm: realm.to_owned(),
            domains: domains.to_vec(),
            service,
            directory: Arc::new(Directory::new(remote.keeping, seeds)),
            quiet: Quiet::default(),
        }))
    }

    /// Who reads tokens as these settings say: the one who does already, if they are the same. `seeds` are random.
    ///
    /// # Errors
    /// What keeps us from it, for the operator.
    pub(crate) fn verifier(
        &self,
        tokens: &BearerTokens,
        realm: &str,
        domains: &[String],
        seeds: [u64; 4],
    ) -> Result<Arc<Verifier>, String> {
        let is_same = |known: &&Arc<Verifier>| known.is_for(tokens, realm, domains);
        if let Some(known) = self.state().tokens.as_ref().filter(is_same) {
            return Ok(Arc::clone(known));
        }
        self.begin()?;
        Verifier::new(tokens, realm, domains, seeds).map(Arc::new)
    }

    /// Starts the threads, if they are not there yet.
    fn begin(&self) -> Result<(), String> {
        let mut state = self.state();
        if state.jobs.is_none() {
            state.jobs = Some(start(&self.0)?);
        }
        Ok(())
    }

    /// Looks in this place from now on, and has tokens read by this one. What was found in another one is forgotten.
    pub(crate) fn look_in(&self, source: Option<Arc<Source>>, tokens: Option<Arc<Verifier>>) {
        let mut state = self.state();
        (state.source, state.tokens) = (source, tokens);
    }

    /// What is known of tokens; `None`: none are taken.
    pub(crate) fn bearer(&self) -> Option<Arc<Bearer>> {
        let state = self.state();
        state
            .tokens
            .as_ref()
            .map(|tokens| Arc::clone(tokens.bearer()))
    }

    /// What has been found; `None`: nobody is looked up.
    pub(crate) fn directory(&self) -> Option<Arc<Directory>> {
        let state = self.state();
        let source = state.source.as_ref()?;
        Some(Arc::clone(&source.directory))
    }

    /// What became of look-ups.
    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// Has a user looked up. Who waits for it is told in any case.
    pub(crate) fn seek(&self, sought: LookUp) {
        let (by, jobs) = {
            let state = self.state();
            let by = match sought.kind {
                Sought::Name => state.source.clone().map(By::Source),
                Sought::Token => state.tokens.clone().map(By::Verifier),
            };
            (by, state.jobs.clone())
        };
        let (Some(by), Some(jobs)) = (by, jobs) else {
            return self.0.answer(&sought, LookedUp::Failed);
        };
        if let Err(job) = jobs.submit(Job { by, sought }) {
            let why = "too many look-ups wait";
            match &job.by {
                By::Source(source) => source.complain(why),
                By::Verifier(verifier) => verifier.complain(why),
            }
            self.0.answer(&job.sought, LookedUp::Failed);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn is_current(&self, by: &By) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match by {
            By::Source(source) => {
                let current = state.source.as_ref();
                current.is_some_and(|current| Arc::ptr_eq(current, source))
            }
            By::Verifier(verifier) => {
                let current = state.tokens.as_ref();
                current.is_some_and(|current| Arc::ptr_eq(current, verifier))
            }
        }
    }

    fn answer(&self, sought: &LookUp, found: LookedUp) {
        let counter = match found {
            LookedUp::User(_) | LookedUp::UserFor(..) => &self.counters.found,
            LookedUp::Nobody => &self.counters.nobody,
            LookedUp::Failed => &self.counters.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.answers.tell(Answer::User(sought.ticket, found));
    }
}

impl Source {
    /// Looks a name up. One that no user can have is nobody's without asking.
    fn look_up(&self, name: &[u8]) -> LookedUp {
        let name = std::str::from_utf8(name).ok();
        let Some(name) = name.and_then(|name| check_name(name).ok()) else {
            return LookedUp::Nobody;
        };
        match self.ask(&name) {
            Ok(Some(user)) => LookedUp::User(user),
            Ok(None) => LookedUp::Nobody,
            Err(why) => {
                self.complain(&why);
                LookedUp::Failed
            }
        }
    }

    fn ask(&self, name: &str) -> Result<Option<User>, String> {
        let told = match &self.remote.place {
            Place::Http {
                before,
                after,
                trust,
            } => {
                let service = self.service.as_ref().ok_or("no service")?;
                service.ask(before, name, after, trust)?
            }
            Place::Sqlite { file, query } => sqlite::ask(file, query, name, self.remote.timeout)?,
        };
        told.map(|told| told.user(name, &self.realm, &self.domains))
            .transpose()
    }

    /// Tells of a failure, at most once in a while.
    fn complain(&self, why: &str) {
        let Some(untold) = self.quiet.may_tell() else {
            return;
        };
        let place = self.remote.explain();
        tracing::error!(
            target: "bellhop::users",
            untold,
            "a user cannot be {place}: {why}; who is not known yet gets 503"
        );
    }
}

impl fmt::Debug for Seeker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seeker").finish_non_exhaustive()
    }
}

fn start(inner: &Arc<Inner>) -> Result<Aside<Job>, String> {
    let inner = Arc::downgrade(inner);
    Aside::start("users", THREADS, QUEUE, move |job: Job| {
        let name = &job.sought.name;
        let found = match &job.by {
            By::Source(source) => source.look_up(name),
            By::Verifier(verifier) => verifier.redeem(name),
        };
        let Some(inner) = inner.upgrade() else {
            return;
        };
        // What another place says, or says of another realm, is no answer any more.
        let found = match inner.is_current(&job.by) {
            true => found,
            false => LookedUp::Failed,
        };
        inner.answer(&job.sought, found);
    })
}

/// Look-ups at one moment.
const THREADS: usize = 8;
/// Look-ups that wait; the core bounds them before.
const QUEUE: usize = 8_192;
