//! The clock that ends plugins: a thread that steps the engine's epoch while a plugin runs. It looks whether one does
//! every few milliseconds, for most calls are over in a few microseconds, and each look costs more than such a call;
//! and it rests while none is called, so that whoever has no plugin, or no calls, pays for no clock.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread::{self, Thread};
use std::time::Duration;

/// The epoch's step while a plugin was seen running. A deadline is as exact as this and the scheduler are, if it is not
/// shorter than [`LOOK`].
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// Whoever calls plugins has one, all of the same clock.
#[derive(Clone)]
pub(crate) struct Ticker {
    count: Arc<Count>,
    thread: Thread,
}

/// A plugin runs while this lives.
#[must_use = "the clock steps while this lives"]
pub(crate) struct Running(Arc<Count>);

#[derive(Debug, Default)]
struct Count {
    begun: AtomicU64,
    ended: AtomicU64,
    /// The thread waits to be told of a call.
    rests: AtomicBool,
    /// The thread is to end.
    is_over: AtomicBool,
}

impl Ticker {
    /// Starts the thread.
    ///
    /// # Errors
    /// It cannot be had.
    pub(crate) fn start(step: impl FnMut() + Send + 'static) -> std::io::Result<Self> {
        let count = Arc::new(Count::default());
        let own = count.clone();
        let thread = thread::Builder::new()
            .name("plugin-ticker".into())
            .spawn(move || own.run(step))?;
        let thread = thread.thread().clone();
        Ok(Self { count, thread })
    }

    /// A plugin is called: the epoch steps after [`LOOK`] at the latest, and then each [`TICK`], until it is over.
    pub(crate) fn begin(&self) -> Running {
        self.count.begun.fetch_add(1, SeqCst);
        if self.count.rests.load(SeqCst) {
            self.count.rests.store(false, SeqCst);
            self.thread.unpark();
        }
        Running(self.count.clone())
    }

    /// Ends the thread.
    pub(crate) fn end(&self) {
        self.count.is_over.store(true, SeqCst);
        self.thread.unpark();
    }
}

impl Count {
    fn run(&self, mut step: impl FnMut()) {
        let (mut begun, mut idle) = (0, 0_u32);
        let mut is_inside = false;
        while !self.is_over.load(SeqCst) {
            if idle >= REST {
                self.rest(begun);
                idle = 0;
            }
            thread::sleep(if is_inside { TICK } else { LOOK });
            // In this order: a call that ends meanwhile is taken for one that runs, and never the other way round.
            let ended = self.ended.load(SeqCst);
            let before = std::mem::replace(&mut begun, self.begun.load(SeqCst));
            is_inside = begun != ended;
            if is_inside {
                step();
            }
            let is_idle = begun == before && !is_inside;
            idle = if is_idle { idle.saturating_add(1) } else { 0 };
        }
    }

    /// Waits until a call is begun after so many.
    fn rest(&self, begun: u64) {
        self.rests.store(true, SeqCst);
        // Whoever begins a call counts it first and looks at `rests` then: one of us sees the other.
        while self.begun.load(SeqCst) == begun && !self.is_over.load(SeqCst) {
            thread::park();
        }
        self.rests.store(false, SeqCst);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, SeqCst);
    }
}

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ticker").field(&self.count).finish()
    }
}

/// How often it looks whether a plugin runs. A call is seen after this time at the latest, and its time is counted from
/// its beginning, not from there.
const LOOK: Duration = Duration::from_millis(5);
/// Looks without a call after which it rests.
const REST: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// Waits without sleeping; the test's own time limit is what ends it if it never comes.
    fn until(mut is_so: impl FnMut() -> bool) {
        while !is_so() {
            thread::yield_now();
        }
    }

    #[test]
    fn the_clock_rests_when_no_plugin_has_run_for_a_while_and_steps_again_for_the_next_call() {
        let (step, steps) = mpsc::channel();
        let ticker = Ticker::start(move || step.send(()).unwrap_or_default()).unwrap();
        until(|| ticker.count.rests.load(SeqCst));
        while steps.try_recv().is_ok() {}
        let running = ticker.begin();
        // A call that takes longer than the clock waits before it rests is timed to its end.
        for _ in 0..=2 * REST {
            steps.recv().unwrap();
        }
        assert!(!ticker.count.rests.load(SeqCst));
        drop(running);
        until(|| ticker.count.rests.load(SeqCst));
    }

    #[test]
    fn the_epoch_does_not_step_where_no_plugin_runs() {
        let (step, steps) = mpsc::channel();
        let ticker = Ticker::start(move || step.send(()).unwrap_or_default()).unwrap();
        until(|| ticker.count.rests.load(SeqCst));
        assert_eq!(steps.try_recv(), Err(mpsc::TryRecvError::Empty));
    }

    #[test]
    fn the_thread_ends_whether_it_rests_or_not() {
        for rests in [true, false] {
            let (step, steps) = mpsc::channel();
            let ticker = Ticker::start(move || step.send(()).unwrap_or_default()).unwrap();
            let running = (!rests).then(|| ticker.begin());
            until(|| ticker.count.rests.load(SeqCst) == rests);
            ticker.end();
            // The thread's end lets go of the channel's.
            until(|| steps.try_recv() == Err(mpsc::TryRecvError::Disconnected));
            drop(running);
        }
    }
}
