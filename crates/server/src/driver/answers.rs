//! Answers that come later, from other threads: to the worker of the shard that waits for them.

use super::{Turn, Worker};
use bellhop_core::{engine::LookedUp, outbox::Ticket};
use std::{rc::Rc, sync::Arc};
use tokio::sync::mpsc;

/// Where other threads tell of answers.
#[derive(Clone, Debug)]
pub(crate) struct Answers(Arc<[mpsc::Sender<Answer>]>);

/// Where one worker hears of them.
pub(crate) type Heard = mpsc::Receiver<Answer>;

/// An answer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A plugin's verdict is there to be fetched.
    Policy(Ticket),
    /// A user has been looked up, or could not be.
    User(Ticket, LookedUp),
}

impl Answers {
    /// For so many shards.
    pub(crate) fn new(shards: u16) -> (Self, Vec<Heard>) {
        let (tell, hear) = (0..shards)
            .map(|_| mpsc::channel(ROOM))
            .unzip::<_, _, Vec<_>, _>();
        (Self(tell.into()), hear)
    }

    /// This answer is there. Where so many are told at once that there is no room, the engine's own timer
    /// finds it.
    pub(crate) fn tell(&self, answer: Answer) {
        let shard = usize::try_from(answer.ticket().0 >> 48).unwrap_or(usize::MAX);
        if let Some(shard) = self.0.get(shard) {
            let _ = shard.try_send(answer);
        }
    }
}

impl Answer {
    fn ticket(&self) -> Ticket {
        match self {
            Self::Policy(ticket) | Self::User(ticket, _) => *ticket,
        }
    }

    fn give(self, turn: &mut Turn<'_>) {
        match self {
            Self::Policy(ticket) => turn.consulted(ticket),
            Self::User(ticket, found) => turn.looked_up(ticket, found),
        }
    }
}

impl Worker {
    /// Tells the shards of answers for ever.
    pub(crate) async fn serve_answers(self: Rc<Self>, heard: &mut Heard) {
        while let Some(answer) = heard.recv().await {
            let mut turn = Turn::begin(&self);
            answer.give(&mut turn);
            while let Ok(answer) = heard.try_recv() {
                answer.give(&mut turn);
            }
            turn.end();
        }
    }
}

/// Answers that one worker has not heard of yet.
const ROOM: usize = 8_192;
