//! One subscription and what it goes through (RFC 6665 4.1.2, figure 1, seen from between the two).
//!
//! ```text
//!   SUBSCRIBE      +-------------+   NOTIFY pending     +---------+
//!   ------------>  | notify_wait | ------------------>  | pending |
//!                  +-------------+                      +---------+
//!                     |       | NOTIFY active   NOTIFY active |
//!                     |       +------------> +--------+ <-----+
//!          refused,   |                      | active |
//!          timer N    |                      +--------+
//!                     v         NOTIFY terminated, NOTIFY refused or unanswered,
//!                 +------+      refresh refused for good, expired, timer N after
//!                 | gone | <--  its end was asked for
//!                 +------+
//! ```

use super::read::{Told, Word};
use crate::time::Instant;
use std::time::Duration;

/// Where a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Asked for; its first NOTIFY has not come.
    Waiting,
    /// The notifier has not decided.
    Pending,
    /// It is told of changes.
    Active,
}

/// Why one is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The notifier said so.
    Terminated,
    /// Its SUBSCRIBE was refused, or a refresh was in a way that ends it.
    Refused,
    /// The subscriber did not want its NOTIFY, or did not answer it.
    Unwanted,
    /// It was not refreshed.
    Expired,
    /// No NOTIFY came in time (timer N).
    Silent,
    /// Its dialog could not be kept: the subscriber was told to subscribe anew.
    Deactivated,
}

/// One subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) standing: Standing,
    /// When it is over unless something comes.
    pub(super) until: Instant,
    /// Its end was asked for.
    pub(super) is_ending: bool,
    /// The highest CSeq numbers that passed, the subscriber's and the notifier's.
    pub(super) cseq: (u32, u32),
}

/// Whether it goes on, or why it does not.
pub(super) type Step = Result<State, Cause>;

impl State {
    /// Whether its notifier has told something; its number does not say so, for it may be nought (RFC 3261 8.1.1.5).
    pub(super) fn has_told(&self) -> bool {
        self.standing != Standing::Waiting
    }

    /// A SUBSCRIBE went by. Timer N runs (4.1.2.4).
    pub(super) fn asked(now: Instant, timer_n: Duration, cseq: u32) -> Self {
        Self {
            standing: Standing::Waiting,
            until: now.after(timer_n),
            is_ending: false,
            cseq: (cseq, 0),
        }
    }

    /// A 2xx to a SUBSCRIBE went by, which grants so many seconds (4.1.2.1, 4.1.2.2, 4.1.2.3). Zero ends it:
    /// the NOTIFY that says so comes within timer N.
    pub(super) fn granted(self, now: Instant, timer_n: Duration, seconds: u32, cseq: u32) -> Self {
        if cseq < self.cseq.0 {
            return self;
        }
        let granted = Duration::from_secs(seconds.into());
        let until = match (seconds, self.standing) {
            (0, _) => now.after(timer_n),
            (_, Standing::Waiting) => self.until,
            _ => now.after(granted),
        };
        Self {
            until,
            is_ending: seconds == 0,
            cseq: (cseq, self.cseq.1),
            ..self
        }
    }

    /// A final answer other than 2xx to a SUBSCRIBE went by. The first one ends what never was; a refresh that
    /// is refused for its dialog's or its subscription's sake ends it (4.1.2.2), any other leaves what there is.
    pub(super) fn refused(self, status: u16, is_first: bool) -> Step {
        if (is_first && self.standing == Standing::Waiting) || ends_usage(status) {
            return Err(Cause::Refused);
        }
        Ok(self)
    }

    /// A NOTIFY went by. One that is older than the last changes nothing (RFC 3261 12.2.2).
    pub(super) fn notified(
        self,
        now: Instant,
        told: Told<'_>,
        granted: Option<u32>,
        cseq: u32,
    ) -> Step {
        if cseq < self.cseq.1 {
            return Ok(self);
        }
        let standing = match told.word {
            Word::Terminated => return Err(Cause::Terminated),
            Word::Pending => Standing::Pending,
            Word::Active => Standing::Active,
        };
        let seconds = told.expires.or(granted);
        let until = match seconds {
            Some(seconds) => now.after(Duration::from_secs(seconds.into())),
            // Neither said how long: as long as it may be.
            None if self.standing == Standing::Waiting => now.after(LONGEST),
            None => self.until,
        };
        Ok(Self {
            standing,
            until: if self.is_ending { self.until } else { until },
            cseq: (self.cseq.0, cseq),
            ..self
        })
    }

    /// A NOTIFY was answered otherwise than by 2xx; 408: not at all. What ends it ends it at the notifier, too
    /// (4.2.2), and no other one.
    pub(super) fn notify_failed(self, status: u16) -> Step {
        if status == 408 || ends_usage(status) {
            return Err(Cause::Unwanted);
        }
        Ok(self)
    }

    /// Its time has come.
    pub(super) fn due(self) -> Cause {
        match self.standing {
            _ if self.is_ending => Cause::Silent,
            Standing::Waiting => Cause::Silent,
            Standing::Pending | Standing::Active => Cause::Expired,
        }
    }
}

/// Statuses that end a subscription or the dialog that it is in (RFC 6665 4.1.2.2, RFC 5057 5.1).
pub(crate) const fn ends_usage(status: u16) -> bool {
    matches!(status, 404 | 405 | 410 | 416 | 480..=485 | 489 | 501 | 604)
}

/// For how long nobody who does not say has subscribed.
const LONGEST: Duration = Duration::from_secs(86_400);
