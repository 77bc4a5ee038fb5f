//! Answers of plugins that come later: from their threads to the worker of the shard that waits.

use super::{Turn, Worker};
use bellhop_core::outbox::Ticket;
use std::{rc::Rc, sync::Arc};
use tokio::sync::mpsc;

/// Where plugins' threads tell of answers.
#[derive(Clone, Debug)]
pub(crate) struct Answers(Arc<[mpsc::Sender<Ticket>]>);

/// Where one worker hears of them.
pub(crate) type Heard = mpsc::Receiver<Ticket>;

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
    pub(crate) fn tell(&self, ticket: Ticket) {
        let shard = usize::try_from(ticket.0 >> 48).unwrap_or(usize::MAX);
        if let Some(shard) = self.0.get(shard) {
            let _ = shard.try_send(ticket);
        }
    }
}

impl Worker {
    /// Tells the shards of answers for ever.
    pub(crate) async fn serve_answers(self: Rc<Self>, heard: &mut Heard) {
        while let Some(ticket) = heard.recv().await {
            let mut turn = Turn::begin(&self);
            turn.consulted(ticket);
            while let Ok(ticket) = heard.try_recv() {
                turn.consulted(ticket);
            }
            turn.end();
        }
    }
}

/// Answers that one worker has not heard of yet.
const ROOM: usize = 8_192;
