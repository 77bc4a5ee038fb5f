//! Session timers and keep-alive of a call that outlives the program (RFC 4028): what was agreed holds on, and time that
//! nobody was there counts.

use super::super::call::End;
use super::super::table::Alarm;
use super::super::timers::care::{Care, Session, SessionConfig};
use crate::engine::Engine;
use crate::time::{Instant, Now};
use std::time::Duration;

/// What a call has that is looked after, as it outlives the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedCare {
    /// What each leg agrees on a session timer with; `None`: the ends do that themselves.
    pub timers: Option<SessionConfig>,
    /// How often each end is asked whether it is there.
    pub keepalive: Option<Duration>,
    /// The session of who called.
    pub a: SavedSession,
    /// The session of who was called.
    pub b: SavedSession,
}

/// The session timer of one leg, as it outlives the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedSession {
    /// Seconds that were agreed on; 0: nothing yet.
    pub interval: u32,
    /// The fewest seconds that the other side takes.
    pub least: u32,
    /// We refresh.
    pub is_ours: bool,
    /// The other side knows session timers.
    pub is_agreed: bool,
    /// It takes UPDATEs.
    pub updates: bool,
    /// How long the session still was.
    pub left: Option<Duration>,
    /// The session description that it was sent last.
    pub last_sdp: Box<[u8]>,
}

impl SavedCare {
    pub(super) fn of(now: Now, care: &Care) -> Self {
        Self {
            timers: care.timers,
            keepalive: care.keepalive,
            a: SavedSession::of(now, care.of(End::A)),
            b: SavedSession::of(now, care.of(End::B)),
        }
    }

    /// What goes on from it, so long after it was written.
    pub(super) fn restored(&self, now: Now, since: Duration) -> Care {
        Care {
            timers: self.timers,
            keepalive: self.keepalive,
            a: self.a.restored(now, since),
            b: self.b.restored(now, since),
        }
    }
}

impl SavedSession {
    fn of(now: Now, session: &Session) -> Self {
        Self {
            interval: session.interval,
            least: session.least,
            is_ours: session.is_ours,
            is_agreed: session.is_agreed,
            updates: session.updates,
            left: session.ends.map(|ends| ends.since(now.instant)),
            last_sdp: session.last_sdp.clone(),
        }
    }

    fn restored(&self, now: Now, since: Duration) -> Session {
        let ends = |left: Duration| now.instant.after(left.saturating_sub(since));
        Session {
            interval: self.interval,
            least: self.least,
            is_ours: self.is_ours,
            is_agreed: self.is_agreed,
            updates: self.updates,
            ends: self.left.map(ends),
            last_sdp: self.last_sdp.clone(),
            ..Session::default()
        }
    }
}

impl Engine {
    /// Sets the alarms of a call that was taken back. What was due meanwhile is due soon, and not of all calls at once.
    pub(super) fn care_again(&mut self, now: Now, id: u64) {
        let chance = self.entropy.next_u64();
        let part = |of: Duration| {
            let millis = u64::try_from(of.as_millis()).unwrap_or(u64::MAX);
            Duration::from_millis(chance.checked_rem(millis).unwrap_or(0))
        };
        let soon = now.instant.after(part(SOON));
        let call = self.calls.get(id);
        let Some(care) = call.and_then(|call| call.care.as_deref()) else {
            return;
        };
        let turn = |end| {
            let session = care.of(end);
            let whole = Duration::from_secs(session.interval.into());
            let before_end = whole.saturating_sub(session.turn());
            let left = session.ends?.since(now.instant);
            let at = now.instant.after(left.saturating_sub(before_end));
            Some((Alarm::Session(end), at.max(soon)))
        };
        let alive = care.keepalive.map(|keepalive| {
            // One that ended before the program did is found to be over.
            (Alarm::Alive, now.instant.after(part(keepalive)))
        });
        let alarms: [Option<(Alarm, Instant)>; 3] = [turn(End::A), turn(End::B), alive];
        for (alarm, at) in alarms.into_iter().flatten() {
            self.calls.set_alarm(id, alarm, at);
        }
    }
}

/// Within which time what was due while nobody was there is seen to.
const SOON: Duration = Duration::from_secs(2);
