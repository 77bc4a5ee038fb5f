//! Work that waits for somebody else, on threads of its own, so that no worker waits.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

/// A bounded queue and the threads behind it. They end when the last copy of this is dropped.
pub(crate) struct Aside<J>(SyncSender<J>);

/// Keeps the log from being filled by one trouble.
#[derive(Debug, Default)]
pub(crate) struct Quiet(Mutex<(Option<Instant>, u64)>);

impl<J: Send + 'static> Aside<J> {
    /// Starts `threads` threads, which do what stands in the queue, `room` pieces at most.
    ///
    /// # Errors
    /// There are no threads to be had, for the operator.
    pub(crate) fn start(
        name: &str,
        threads: usize,
        room: usize,
        work: impl Fn(J) + Send + Sync + 'static,
    ) -> Result<Self, String> {
        let (jobs, queue) = sync_channel(room);
        let (queue, work) = (Arc::new(Mutex::new(queue)), Arc::new(work));
        for number in 0..threads {
            let (queue, work) = (Arc::clone(&queue), Arc::clone(&work));
            let thread = thread::Builder::new().name(format!("{name}-{number}"));
            let run = move || {
                while let Some(job) = next(&queue) {
                    work(job);
                }
            };
            thread
                .spawn(run)
                .map_err(|error| format!("no thread for {name}: {error}"))?;
        }
        Ok(Self(jobs))
    }

    /// Puts a piece of work in the queue.
    ///
    /// # Errors
    /// The piece itself, if there is no room.
    pub(crate) fn submit(&self, job: J) -> Result<(), J> {
        self.0.try_send(job).map_err(|error| match error {
            TrySendError::Full(job) | TrySendError::Disconnected(job) => job,
        })
    }
}

impl<J> Clone for Aside<J> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<J> fmt::Debug for Aside<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aside").finish_non_exhaustive()
    }
}

impl Quiet {
    /// Whether the trouble may be told of now: how many times it was kept back since it was told of last.
    pub(crate) fn may_tell(&self) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, kept) = &mut *state;
        if last.is_some_and(|last| last.elapsed() < QUIET) {
            *kept = kept.saturating_add(1);
            return None;
        }
        *last = Some(Instant::now());
        Some(std::mem::take(kept))
    }
}

fn next<J>(queue: &Mutex<Receiver<J>>) -> Option<J> {
    let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    queue.recv().ok()
}

/// Between two lines of the log about one trouble.
const QUIET: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn what_is_submitted_is_done_once() {
        let (done, seen) = channel();
        let aside = Aside::start("test", 2, 8, move |job: u32| done.send(job).unwrap()).unwrap();
        for job in 0..8 {
            aside.submit(job).unwrap();
        }
        let mut all: Vec<u32> = seen.iter().take(8).collect();
        all.sort_unstable();
        assert_eq!(all, (0..8).collect::<Vec<_>>());
    }

    #[test]
    fn what_finds_no_room_comes_back() {
        let (begin, wait) = channel::<()>();
        let wait = Mutex::new(wait);
        let aside = Aside::start("test", 1, 1, move |_: u32| {
            let _ = wait.lock().unwrap().recv();
        })
        .unwrap();
        // One is being done or waits, one waits, and the next finds no room.
        let refused = (0..3).find_map(|job| aside.submit(job).err());
        assert!(refused.is_some());
        drop(begin);
    }

    #[test]
    fn a_trouble_is_told_of_once_in_a_while() {
        let quiet = Quiet::default();
        assert_eq!(quiet.may_tell(), Some(0));
        assert_eq!(quiet.may_tell(), None);
    }
}
