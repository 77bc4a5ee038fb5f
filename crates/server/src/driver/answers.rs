//! Answers that come later, from other threads: to the worker of the shard that waits for them.

use super::{Turn, Worker};
use bellhop_core::{
    engine::LookedUp,
    outbox::{Ticket, Unstored},
    share::{Note, Word},
};
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
    /// What these, all of one shard, wait for is on disk, or not.
    Stored(Vec<Ticket>, Result<(), Unstored>),
    /// A plugin has published something: any shard carries it on.
    Published,
    /// To this shard: the PBX may have forgotten its subscriptions.
    Back(u16),
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
        let shard = answer.ticket().and_then(|t| self.0.get(shard_of(t)));
        if let Some(shard) = shard {
            let _ = shard.try_send(answer);
        }
    }

    /// The PBX may have forgotten what it had: all shards ask for their subscriptions.
    pub(crate) fn back(&self) {
        for (shard, tell) in (0..).zip(self.0.iter()) {
            let _ = tell.try_send(Answer::Back(shard));
        }
    }

    /// What these tickets wait for is on disk, or not.
    pub(crate) fn stored(&self, mut tickets: Vec<Ticket>, stored: Result<(), Unstored>) {
        tickets.sort_unstable_by_key(|ticket| shard_of(*ticket));
        for of_shard in tickets.chunk_by(|a, b| shard_of(*a) == shard_of(*b)) {
            self.tell(Answer::Stored(of_shard.to_vec(), stored));
        }
    }
}

impl Answer {
    fn ticket(&self) -> Option<Ticket> {
        match self {
            Self::Policy(ticket) | Self::User(ticket, _) => Some(*ticket),
            Self::Stored(tickets, _) => tickets.first().copied(),
            Self::Published => Some(Ticket(0)),
            Self::Back(_) => None,
        }
    }

    fn give(self, turn: &mut Turn<'_>) {
        match self {
            Self::Policy(ticket) => turn.consulted(ticket),
            Self::User(ticket, found) => turn.looked_up(ticket, found),
            Self::Stored(tickets, stored) => {
                for ticket in tickets {
                    turn.persisted(ticket, stored);
                }
            }
            Self::Published => turn.published(),
            Self::Back(shard) => turn.note(Note {
                shard,
                word: Word::Back,
            }),
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

fn shard_of(ticket: Ticket) -> usize {
    usize::try_from(ticket.0 >> 48).unwrap_or(usize::MAX)
}

/// Answers that one worker has not heard of yet.
const ROOM: usize = 8_192;
