//! Whether the workers go on, and what their shards hold: each is asked, and answers on its own thread
//! between two turns, so nobody else waits for a shard's lock. One that does not answer is stuck.

use super::Shards;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

/// Asks the workers.
#[derive(Clone, Debug)]
pub(crate) struct Pulse {
    workers: Vec<mpsc::Sender<Question>>,
}

/// What one shard holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Live {
    /// Server transactions.
    pub(crate) server: usize,
    /// Client transactions.
    pub(crate) client: usize,
    /// Response contexts: requests under way to their targets.
    pub(crate) contexts: usize,
    /// Bytes of all that, about.
    pub(crate) held: usize,
}

/// Answered with what the worker's own shard holds.
pub(crate) type Question = oneshot::Sender<Live>;
/// A worker's end.
pub(crate) type Questions = mpsc::Receiver<Question>;

impl Pulse {
    /// A pulse of so many workers, and each worker's end.
    pub(crate) fn of(workers: usize) -> (Self, Vec<Questions>) {
        let pairs = (0..workers).map(|_| mpsc::channel(WAITING));
        let (workers, ends) = pairs.unzip();
        (Self { workers }, ends)
    }

    /// Asks all workers; `None`: this one did not answer in time.
    pub(crate) async fn take(&self, patience: Duration) -> Vec<Option<Live>> {
        let ask = |worker: &mpsc::Sender<Question>| {
            let (question, answer) = oneshot::channel();
            worker.try_send(question).ok().map(|()| answer)
        };
        let asked: Vec<_> = self.workers.iter().map(ask).collect();
        let until = tokio::time::Instant::now().checked_add(patience);
        let mut answers = Vec::with_capacity(asked.len());
        for answer in asked {
            let left = until.map_or(patience, |until| {
                until.saturating_duration_since(tokio::time::Instant::now())
            });
            answers.push(match answer {
                Some(answer) => timeout(left, answer).await.ok().and_then(Result::ok),
                None => None,
            });
        }
        answers
    }
}

/// Answers for one worker and its shard, for ever.
pub(super) async fn answer(mut questions: Questions, shards: Arc<Shards>, shard: usize) {
    while let Some(question) = questions.recv().await {
        let live = shards.lock(shard).map(|shard| shard.core.live());
        // Whoever asked may have lost his patience.
        let _ = question.send(live.unwrap_or_default());
    }
}

/// Questions that may wait for a worker: beyond them it counts as stuck at once.
const WAITING: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_does_not_answer_is_told_from_one_that_does() {
        let (pulse, mut ends) = Pulse::of(2);
        let stuck = ends.pop();
        let mut alive = ends.pop().unwrap();
        let held = Live {
            held: 7,
            ..Live::default()
        };
        tokio::spawn(async move {
            while let Some(question) = alive.recv().await {
                let _ = question.send(held);
            }
        });
        let patience = Duration::from_secs(1);
        assert_eq!(pulse.take(patience).await, [Some(held), None]);
        drop(stuck);
        assert_eq!(pulse.take(patience).await, [Some(held), None]);
    }

    #[tokio::test(start_paused = true)]
    async fn asking_a_stuck_worker_again_and_again_holds_no_more_and_more() {
        let (pulse, ends) = Pulse::of(1);
        for _ in 0..100 {
            assert_eq!(pulse.take(Duration::from_millis(1)).await, [None]);
        }
        assert_eq!(ends[0].len(), WAITING);
    }
}
