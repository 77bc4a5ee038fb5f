//! What a connection's octets are taken for: messages of a stream (RFC 3261 18.3), or a WebSocket's frames (RFC 7118).

use super::Task;
use crate::{
    driver::Turn,
    transport::{
        Rules,
        budget::Budget,
        connection::Closed,
        websocket::{Item, WebSocket},
    },
};
use bellhop_core::flow::Flow;
use bellhop_wire::{
    Frame, Framer,
    frame::{self, PONG},
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// How messages are told apart.
pub(super) enum Speech {
    /// By their Content-Length.
    Sip(Framer),
    /// By frames.
    Web(WebSocket),
}

/// What was made of some octets.
struct Taken {
    /// How many it were.
    used: usize,
    /// Whether what had begun before them has ended.
    ended: bool,
}

impl Speech {
    /// Of a new connection; with rules it is to become a WebSocket.
    pub(super) fn of(rules: Option<Arc<Rules>>) -> Self {
        match rules {
            Some(rules) => Self::Web(WebSocket::new(rules)),
            None => Self::Sip(Framer::new()),
        }
    }

    /// After how long a silence the peer is asked whether it lives; `None`: never.
    pub(super) fn ping(&self) -> Option<Duration> {
        match self {
            Self::Sip(_) => None,
            Self::Web(web) => web.ping(),
        }
    }

    /// Appends what is said last, if anything is.
    pub(super) fn farewell(&self, why: &Closed, out: &mut Vec<u8>) {
        if let Self::Web(web) = self {
            web.farewell(why, out);
        }
    }

    /// Whether the peer is told why: it is to have time to read it.
    pub(super) fn is_explained(&self, why: &Closed) -> bool {
        match why {
            Closed::Framing(_) | Closed::WebSocket(_) | Closed::Handshake(..) => true,
            Closed::ByPeer => matches!(self, Self::Web(_)),
            _ => false,
        }
    }

    /// Octets of a message that has begun in frames before, and whether one has.
    fn held(&self) -> (usize, bool) {
        match self {
            Self::Sip(_) => (0, false),
            Self::Web(web) => (web.held(), web.is_amid()),
        }
    }
}

impl Task {
    /// Serves what these octets bring to its end, and keeps the rest.
    pub(super) fn take_in(&mut self, bytes: &[u8]) -> Result<(), Closed> {
        // Most reads end with a message's end, and then nothing is copied or kept.
        if self.partial.is_empty() {
            let taken = self.frames(bytes)?;
            self.partial
                .extend_from_slice(bytes.get(taken.used..).unwrap_or_default());
            if taken.ended {
                self.began = None;
            }
        } else {
            let mut whole = std::mem::take(&mut self.partial);
            whole.extend_from_slice(bytes);
            let taken = self.frames(&whole)?;
            whole.drain(..taken.used);
            self.partial = whole;
            if taken.ended {
                self.began = None;
            }
        }
        if self.partial.is_empty() && self.partial.capacity() > 0 {
            self.partial = Vec::new();
        }
        let (_, is_amid) = self.speech.held();
        if !is_amid && self.partial.iter().all(|b| b"\r\n".contains(b)) {
            // Half a keep-alive hurries nobody.
            self.began = None;
        } else {
            self.began.get_or_insert_with(Instant::now);
        }
        Ok(())
    }

    /// Counts what halves of messages hold.
    pub(super) fn account(&mut self) -> Result<(), Closed> {
        let budget = self.connection.budget();
        let (held, _) = self.speech.held();
        let holds = self.partial.capacity().saturating_add(held);
        budget.take(holds);
        budget.give(self.held);
        self.held = holds;
        if holds > Budget::LITTLE && budget.is_spent() {
            return Err(Closed::Crowded);
        }
        Ok(())
    }

    /// Serves what stands whole at the head of the octets.
    fn frames(&mut self, octets: &[u8]) -> Result<Taken, Closed> {
        let flow = self.connection.flow();
        let worker = std::rc::Rc::clone(&self.worker);
        let mut turn = Turn::begin(&worker);
        let went = match &mut self.speech {
            Speech::Sip(_) => self.of_stream(flow, octets, &mut turn),
            Speech::Web(_) => self.of_web(flow, octets, &mut turn),
        };
        turn.end();
        went
    }

    fn of_stream(
        &mut self,
        flow: Flow,
        stream: &[u8],
        turn: &mut Turn<'_>,
    ) -> Result<Taken, Closed> {
        let Speech::Sip(framer) = &mut self.speech else {
            return Ok(Taken::nothing());
        };
        let mut at: usize = 0;
        loop {
            let rest = stream.get(at..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            match framer.next(rest, &self.message) {
                Ok(Some((frame, used))) if used > 0 => {
                    at = at.saturating_add(used);
                    match frame {
                        Frame::Message(message) => {
                            self.connection.prove();
                            turn.receive(flow, message);
                        }
                        Frame::Ping => {
                            self.connection.push(PONG, None, self.worker.limits.queue);
                        }
                        Frame::Nothing => {}
                    }
                }
                Ok(_) => break,
                Err(error) => {
                    turn.unframed(flow, rest, error);
                    return Err(Closed::Framing(error));
                }
            }
        }
        Ok(Taken {
            used: at,
            ended: at > 0,
        })
    }

    fn of_web(&mut self, flow: Flow, octets: &[u8], turn: &mut Turn<'_>) -> Result<Taken, Closed> {
        let Speech::Web(web) = &mut self.speech else {
            return Ok(Taken::nothing());
        };
        let queue = self.worker.limits.queue;
        let mut taken = Taken {
            used: 0,
            // A frame that was not whole is what had begun, unless its message had begun before.
            ended: !web.is_amid(),
        };
        loop {
            let rest = octets.get(taken.used..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let Some((item, used)) = web.next(rest, self.message.message)? else {
                break;
            };
            taken.used = taken.used.saturating_add(used);
            match item {
                Item::Opened(answer) => {
                    self.connection.push_octets(&answer, queue);
                    self.connection.upgrade();
                }
                // RFC 7118 5: one message is one SIP message; leading empty lines and what is beyond its Content-Length
                // are passed over, as of a datagram.
                Item::Message(message) => {
                    taken.ended = true;
                    match frame::datagram(message) {
                        Frame::Message(message) => {
                            self.connection.prove();
                            turn.receive(flow, message);
                        }
                        Frame::Ping => {
                            self.connection.push(PONG, None, queue);
                        }
                        Frame::Nothing => {}
                    }
                }
                Item::Pong(frame) => {
                    self.connection.push_octets(&frame, queue);
                }
                Item::Lives => self.pings.answered = true,
                Item::Part => {}
                Item::Close => return Err(Closed::ByPeer),
            }
        }
        taken.ended &= taken.used > 0;
        Ok(taken)
    }
}

impl Taken {
    const fn nothing() -> Self {
        Self {
            used: 0,
            ended: false,
        }
    }
}
