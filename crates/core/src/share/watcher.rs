//! One watcher: its dialog with us, and the NOTIFY that it has not answered yet. There is one at a time, so
//! that they arrive in order; what changes meanwhile is in the next one.

use super::{Dialog, Key};
use crate::flow::Flow;
use crate::registrar::{Aor, Device};
use crate::subscription::ends_usage;
use crate::time::Instant;
use std::sync::Arc;
use std::time::Duration;

/// A watcher.
#[derive(Clone, Debug)]
pub(crate) struct Watcher {
    pub(crate) key: Arc<Key>,
    pub(crate) dialog: Dialog,
    /// Where its SUBSCRIBE came from.
    pub(crate) flow: Flow,
    /// The device that was registered there: it is found again once it has registered from elsewhere.
    pub(crate) device: Option<Device>,
    /// Whose it is; `None`: it came from the inside, without credentials.
    pub(crate) by: Option<Aor>,
    /// Its Event header, as it stands.
    pub(crate) event: Box<[u8]>,
    /// Our Record-Route entry, by which its requests prove themselves.
    pub(crate) record: Box<[u8]>,
    /// The resource as it calls it.
    pub(crate) resource: Box<[u8]>,
    /// Of the last body it was sent.
    pub(crate) version: u32,
    pub(crate) until: Instant,
    /// Its NOTIFY is under way.
    pub(crate) is_flying: bool,
    /// There is something that it has not been told.
    pub(crate) is_behind: bool,
    /// NOTIFYs in a row that nobody answered.
    pub(crate) misses: u8,
    /// The last one that it is told.
    pub(crate) end: Option<End>,
    /// Its number on the board.
    pub(crate) shown: Option<u64>,
    pub(crate) keep: Keep,
}

/// What a watcher is held back by: the disk, a restart, a connection that is gone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keep {
    /// Its SUBSCRIBE is not answered yet.
    pub(crate) is_held: bool,
    /// The highest CSeq number that the disk lets it be told with.
    pub(crate) ceiling: u32,
    /// A higher one is being written.
    pub(crate) is_rising: bool,
    /// It comes from the disk, and has not been told anything since.
    pub(crate) is_restored: bool,
    /// The flow that its last NOTIFY was sent over.
    pub(crate) went: Option<Flow>,
    /// A flow that leads nowhere any more: another is waited for.
    pub(crate) lost: Option<Flow>,
    /// How often it was looked for one.
    pub(crate) looks: u8,
    /// It has refused its NOTIFY for now, and is let alone until its time comes.
    pub(crate) is_resting: bool,
    /// What it is to be told is worth waiting for: if it does not answer it is told when its device registers again.
    pub(crate) insists: bool,
    /// Since when it has not answered that.
    pub(crate) unheard: Option<Instant>,
}

impl Keep {
    /// It cannot be reached over this flow; how long until it is looked for another.
    pub(crate) fn lose(&mut self, flow: Flow) -> Duration {
        if self.lost.replace(flow) != Some(flow) {
            self.looks = 0;
        }
        self.looks = self.looks.saturating_add(1);
        match self.looks <= SOON {
            true => LOOK,
            false => LOOK_LATER,
        }
    }
}

/// What the last NOTIFY says of why: parameters of its Subscription-State (RFC 6665 4.1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End(pub(crate) Box<str>);

/// What is to be done with a watcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing.
    Rest,
    /// It is told how it is now.
    Notify,
    /// It is told after so long.
    NotifyAfter(Duration),
    /// It is gone.
    Gone,
}

impl Watcher {
    /// It has something to be told.
    pub(crate) fn changed(&mut self) -> Next {
        let keep = &self.keep;
        if self.is_flying || keep.is_held || keep.is_rising || keep.is_resting {
            self.is_behind = true;
            return Next::Rest;
        }
        Next::Notify
    }

    /// Its NOTIFY was answered; 408: it was not, 503: it could not be sent. What ends it ends it alone. Silence
    /// ends it when it has lasted for three NOTIFYs: one lost answer is no reason to let a lamp go dark, though
    /// RFC 6665 4.2.2 would let us.
    pub(crate) fn answered(&mut self, status: u16, retry_after: Option<u32>) -> Next {
        self.is_flying = false;
        let was_behind = std::mem::take(&mut self.is_behind);
        if self.end.is_some() && !was_behind {
            return Next::Gone;
        }
        match status {
            200..=299 => self.misses = 0,
            _ if ends_usage(status) => return Next::Gone,
            // It wants credentials that we do not have, and is there.
            401 | 407 => self.misses = 0,
            _ => {
                self.keep.is_resting = true;
                // It says when it will listen, so it is there.
                let Some(seconds) = retry_after else {
                    self.misses = self.misses.saturating_add(1);
                    let is_gone = self.misses >= MOST_MISSES;
                    return if is_gone {
                        Next::Gone
                    } else {
                        Next::NotifyAfter(AGAIN)
                    };
                };
                self.misses = 0;
                let wait = Duration::from_secs(seconds.into());
                return Next::NotifyAfter(wait.clamp(AGAIN, LONGEST_WAIT));
            }
        }
        if was_behind { Next::Notify } else { Next::Rest }
    }

    /// It ends, for this reason, unless it does for another already: parameters of its Subscription-State.
    pub(crate) fn over(&mut self, why: &str) {
        self.end.get_or_insert_with(|| End(why.into()));
    }

    /// Whether a newer SUBSCRIBE outside of any dialog is this watcher's own, who has forgotten this dialog: the same
    /// user's device asks for the same from another place. Two from one place may be two keys of one phone.
    pub(crate) fn is_replaced_by(&self, new: &Self) -> bool {
        let is_same_device = match (self.device, new.device) {
            (Some(one), Some(other)) => one == other,
            _ => self.dialog.target == new.dialog.target,
        };
        is_same_device && self.by == new.by && self.event == new.event && self.flow != new.flow
    }

    /// Whether it is at the same place as another.
    pub(crate) fn is_beside(&self, new: &Self) -> bool {
        self.by == new.by && self.event == new.event && self.flow == new.flow
    }
}

const MOST_MISSES: u8 = 3;
/// How often a device that is away is looked for soon, and then later.
const SOON: u8 = 60;
const LOOK: Duration = Duration::from_secs(1);
const LOOK_LATER: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(300);
