//! One end of a call, and how the call is ended.

use crate::message::Message;

/// Which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Side {
    Phone,
    Pbx,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Phone => Self::Pbx,
            Self::Pbx => Self::Phone,
        }
    }
}

/// One end's dialog.
#[derive(Clone, Debug, Default)]
pub(super) struct Dialog {
    pub(super) call_id: String,
    /// Its own From, tag and all, and the other side's To.
    pub(super) own: String,
    pub(super) other: String,
    pub(super) target: String,
    /// The last CSeq numbers of its own and of the other side.
    pub(super) sent: u32,
    pub(super) heard: u32,
    /// It has its ACK, or has sent one.
    pub(super) stands: bool,
}

/// Its end.
#[derive(Debug)]
pub(super) struct Bye {
    pub(super) from: Side,
    /// What it was answered.
    pub(super) answered: Option<u16>,
    /// What the other end says of what came there.
    pub(super) heard: Option<Result<(), String>>,
}

impl Bye {
    pub(super) fn is_well(&self) -> bool {
        self.answered == Some(200) && matches!(self.heard, Some(Ok(())))
    }
}

/// The number of a message's CSeq.
pub(super) fn number(message: &Message) -> u32 {
    let number = message.header("CSeq").split(' ').next();
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
