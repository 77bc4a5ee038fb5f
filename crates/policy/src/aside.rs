//! Threads of a plugin's own, off the message path: for hooks that wait, for a shadow's comparisons, for
//! dialogs and the timer.

use crate::account::counters::HookName;
use crate::contract::sip::policy::types::DialogEvent;
use crate::error::Fault;
use crate::guest::Stage;
use crate::machine::fill_idle_time;
use crate::plugin::Made;
use crate::question::Question;
use crate::runner::{For, Runner, Subject};
use crate::services::Wake;
use crate::shadow::{self, Outcome};
use bellhop_core::outbox::Ticket;
use bellhop_core::policy::Verdict;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A bounded queue and the threads behind it. They end when this is dropped and the queue is empty.
pub(crate) struct Aside {
    jobs: SyncSender<Job>,
}

/// One piece of work.
pub(crate) enum Job {
    /// A hook whose message waits for the verdict.
    Hook(Box<Question>, Arc<Pending>),
    /// The question that the real plugin was asked, and what came of it.
    Compare(Box<Question>, Outcome),
    /// On-dialog.
    Dialog(Box<DialogEvent>),
}

/// A verdict that is waited for, shared by who waits and who finds it.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) ticket: Ticket,
    pub(crate) wake: Arc<dyn Wake>,
    pub(crate) until: Instant,
    /// Nobody waits any more.
    abandoned: AtomicBool,
    found: Mutex<Option<Found>>,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) verdict: Result<Verdict, Fault>,
    /// With the notes and edits of the hook.
    pub(crate) question: Box<Question>,
}

impl Aside {
    /// Starts threads.
    ///
    /// # Errors
    /// The system gives no more.
    pub(crate) fn start(
        made: &Arc<Made>,
        threads: usize,
        queue: usize,
        timer: Option<Duration>,
    ) -> std::io::Result<Self> {
        let (jobs, queue) = sync_channel(queue);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let (made, queue) = (made.clone(), queue.clone());
            let runner = Runner::new(made.clone(), For::All);
            named(&made).spawn(move || work(&made, runner, &queue, timer))?;
        }
        Ok(Self { jobs })
    }

    /// Starts the one thread for messages of sources that have made the plugin fail, in what time the
    /// others leave.
    ///
    /// # Errors
    /// As [`Aside::start`].
    pub(crate) fn for_suspects(made: &Arc<Made>) -> std::io::Result<Self> {
        let (jobs, queue) = sync_channel(SUSPECTS);
        let own = made.clone();
        let run = move || {
            fill_idle_time();
            let runner = Runner::new(own.clone(), For::Suspects);
            work(&own, runner, &Mutex::new(queue), None);
        };
        named(made).spawn(run)?;
        Ok(Self { jobs })
    }

    /// Puts work in the line. False: it is full.
    pub(crate) fn submit(&self, job: Job) -> bool {
        match self.jobs.try_send(job) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }
}

impl fmt::Debug for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aside").finish_non_exhaustive()
    }
}

impl Pending {
    pub(crate) fn new(ticket: Ticket, wake: Arc<dyn Wake>, until: Instant) -> Self {
        Self {
            ticket,
            wake,
            until,
            abandoned: AtomicBool::new(false),
            found: Mutex::default(),
        }
    }

    /// What was found, if anything was. From now on nobody waits.
    pub(crate) fn take(&self) -> Option<Found> {
        self.abandoned.store(true, Ordering::Relaxed);
        self.found
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn find(&self, found: Found) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        self.wake.wake(self.ticket);
    }
}

fn named(made: &Made) -> std::thread::Builder {
    let name = format!("plugin {:.8}", made.facts.config.name);
    std::thread::Builder::new().name(name)
}

fn work(
    made: &Arc<Made>,
    mut runner: Runner,
    queue: &Mutex<Receiver<Job>>,
    timer: Option<Duration>,
) {
    let mut next = timer.and_then(after);
    loop {
        let waited = {
            let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
            match next {
                Some(next) => queue.recv_timeout(next.saturating_duration_since(Instant::now())),
                None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
            }
        };
        match waited {
            Ok(job) => job.run(made, &mut runner),
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                runner.turn(made.facts.services.now());
                // From now, not from when it was due: a slow plugin's turns do not pile up.
                next = timer.and_then(after);
            }
        }
    }
}

fn after(time: Duration) -> Option<Instant> {
    Instant::now().checked_add(time)
}

impl Job {
    fn run(self, made: &Made, runner: &mut Runner) {
        let now = made.facts.services.now();
        match self {
            Self::Hook(mut question, pending) => {
                if pending.abandoned.load(Ordering::Relaxed) {
                    return;
                }
                let (hook, stage) = (question.hook, Stage::Patient(pending.until));
                let verdict = runner.ask(now, stage, hook, Subject::Copy(&mut question));
                pending.find(Found { verdict, question });
            }
            Self::Compare(mut question, real) => {
                let stage = match question.hook {
                    HookName::Response => Stage::Prompt,
                    _ => Stage::Patient(made.facts.config.http.until()),
                };
                let before = question.changes.clone();
                let hook = question.hook;
                let verdict = runner.ask(now, stage, hook, Subject::Copy(&mut question));
                let outcome = Outcome::of(&verdict, &before, &question.changes);
                shadow::compare(&made.facts.account, now, &question, &real, &outcome);
            }
            Self::Dialog(event) => runner.tell(now, &event),
        }
    }
}

/// Messages of suspects that may stand in line; one more goes on as `on_error` says.
const SUSPECTS: usize = 32;
