//! SIP over WebSocket (RFC 7118): octets in, messages out, and nothing of sockets, so that whatever brings octets can be
//! beneath, TLS too. The handshake and the heads of frames are read by tungstenite; what is held of a message that has
//! not come to its end is held here, where it is counted and bounded.

mod frames;
mod handshake;
mod rules;

pub(crate) use frames::Fault;
pub(super) use frames::write;
pub(crate) use rules::Rules;

use self::{
    frames::{Heard, Reader, control},
    handshake::Opened,
};
use super::connection::Closed;
use std::{sync::Arc, time::Duration};
use tungstenite::protocol::frame::coding::{CloseCode, Control};

/// One WebSocket, as its server sees it.
#[derive(Debug)]
pub(super) struct WebSocket {
    rules: Arc<Rules>,
    phase: Phase,
    /// The code of the peer's last frame, if it was to close.
    goodbye: Option<CloseCode>,
}

#[derive(Debug)]
enum Phase {
    /// So many octets of the request hold no end of it.
    Opening(usize),
    Open(Reader),
}

/// What stands at the head of the octets.
#[derive(Debug)]
pub(super) enum Item<'m> {
    /// The handshake is over: send this.
    Opened(Vec<u8>),
    /// One message (RFC 7118 5: a WebSocket message is one SIP message).
    Message(&'m [u8]),
    /// A part of a message, or nothing.
    Part,
    /// Send these octets back: a Pong (RFC 6455 5.5.3).
    Pong(Vec<u8>),
    /// The peer lives.
    Lives,
    /// The peer has said its last.
    Close,
}

impl WebSocket {
    /// One that is being opened.
    pub(super) const fn new(rules: Arc<Rules>) -> Self {
        Self {
            rules,
            phase: Phase::Opening(0),
            goodbye: None,
        }
    }

    /// Looks at the unread octets: what stands at their head and how many octets it took; `None`: more are needed. No
    /// message is longer than `most`.
    ///
    /// # Errors
    /// It cannot go on; what is to be said of it stands in the reason, see [`WebSocket::farewell`].
    pub(super) fn next<'m>(
        &'m mut self,
        octets: &[u8],
        most: usize,
    ) -> Result<Option<(Item<'m>, usize)>, Closed> {
        if let Phase::Opening(looked) = &mut self.phase {
            return match handshake::read(octets, looked, &self.rules.origins) {
                None => Ok(None),
                Some(Opened::Yes(answer, used)) => {
                    self.phase = Phase::Open(Reader::default());
                    Ok(Some((Item::Opened(answer), used)))
                }
                Some(Opened::No(answer, why)) => Err(Closed::Handshake(answer, why)),
            };
        }
        let Phase::Open(reader) = &mut self.phase else {
            return Ok(None);
        };
        let Some((heard, used)) = reader.next(octets, most).map_err(Closed::WebSocket)? else {
            return Ok(None);
        };
        let item = match heard {
            Heard::Message(message) => Item::Message(message),
            Heard::Part => Item::Part,
            Heard::Ping(data) => Item::Pong(control(Control::Pong, &data)),
            Heard::Pong => Item::Lives,
            Heard::Close(code) => {
                self.goodbye = Some(code);
                Item::Close
            }
        };
        Ok(Some((item, used)))
    }

    /// Whether a message has begun and not ended, in frames that have been taken.
    pub(super) fn is_amid(&self) -> bool {
        self.held() > 0 || matches!(&self.phase, Phase::Open(reader) if reader.is_amid())
    }

    /// Octets of a message that has not come to its end.
    pub(super) fn held(&self) -> usize {
        match &self.phase {
            Phase::Opening(_) => 0,
            Phase::Open(reader) => reader.held(),
        }
    }

    /// After how long a silence it is asked whether it lives; `None`: not before it is open.
    pub(super) fn ping(&self) -> Option<Duration> {
        matches!(self.phase, Phase::Open(_)).then_some(self.rules.ping)
    }

    /// Appends the last that is said to the peer: the answer to its handshake, or a Close with its reason (RFC 6455 7.4.1).
    pub(super) fn farewell(&self, why: &Closed, out: &mut Vec<u8>) {
        if let Closed::Handshake(answer, _) = why {
            out.extend_from_slice(answer);
        }
        if matches!(self.phase, Phase::Opening(_)) {
            return;
        }
        let code = match why {
            // 7.1.5: a Close is answered with its own code.
            Closed::ByPeer => self.goodbye,
            Closed::WebSocket(fault) => Some(fault.code()),
            Closed::Deadline(_) | Closed::Crowded => Some(CloseCode::Policy),
            Closed::Evicted => Some(CloseCode::Again),
            Closed::Unread | Closed::Framing(_) | Closed::Handshake(..) | Closed::Failed(_) => None,
        };
        if let Some(code) = code {
            out.extend_from_slice(&close(code));
        }
    }
}

/// A Ping (RFC 6455 5.5.2).
pub(super) fn ping() -> Vec<u8> {
    control(Control::Ping, &[])
}

/// What is said to all when the program ends (RFC 6455 7.4.1, 1001).
pub(super) fn going_away() -> Vec<u8> {
    close(CloseCode::Away)
}

fn close(code: CloseCode) -> Vec<u8> {
    match code {
        // It had none, and 1005 is never sent (7.4.1).
        CloseCode::Status => control(Control::Close, &[]),
        code => control(Control::Close, &u16::from(code).to_be_bytes()),
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests;
