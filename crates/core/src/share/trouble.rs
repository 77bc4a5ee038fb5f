//! A PBX that takes our subscriptions and is not well: what it does again and again must not have us ask it again and
//! again at the speed of the wire.

use super::source::longer_each;
use crate::registrar::Aor;
use crate::time::Instant;
use std::time::Duration;

/// What has gone wrong with a source lately.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trouble {
    /// When its dialog began.
    began: Option<Instant>,
    /// How often in a row the PBX has ended its dialog soon after it had begun.
    pub(super) short_lives: u32,
    /// How often in a row all was asked for, and came in part again.
    gaps: u32,
    /// When all was asked for last because of a gap.
    asked_all: Option<Instant>,
    /// When all is to be asked for, while something else is under way.
    asks_all: Option<Instant>,
    /// The PBX does not want to be asked before (Retry-After).
    not_before: Option<Instant>,
    /// Until when the PBX keeps the dialog, whatever it says of a refresh.
    lasts: Option<Instant>,
    /// The PBX has refused it to these since it told last.
    refused_to: Vec<Aor>,
    /// It is to be asked in the name of another who watches.
    pub(crate) awaits_name: bool,
}

impl Trouble {
    /// A dialog begins.
    pub(crate) fn begins(&mut self, now: Instant) {
        self.began = Some(now);
        self.lasts = None;
        self.asks_all = None;
    }

    /// The PBX is asked.
    pub(crate) fn asks(&mut self) {
        self.asks_all = None;
        self.not_before = None;
    }

    /// When the PBX is to be asked again: at the latest then.
    pub(crate) fn asks_by(&self, at: Instant) -> Instant {
        self.asks_all.map_or(at, |all| all.min(at))
    }

    /// The PBX has granted so many seconds.
    pub(crate) fn granted(&mut self, now: Instant, seconds: u32) {
        self.lasts = Some(now.after(Duration::from_secs(seconds.into())));
    }

    /// The PBX tells, and not that it is over: it has accepted the one in whose name it was asked.
    pub(crate) fn tells(&mut self) {
        self.refused_to.clear();
    }

    /// The PBX has ended the dialog, and says that there may be another at once. Whether there may: not if that was
    /// said of the one before, too, which had just begun.
    pub(crate) fn ended(&mut self, now: Instant) -> bool {
        let is_short = self.began.is_some_and(|began| now.since(began) < SHORT);
        self.short_lives = match is_short {
            true => self.short_lives.saturating_add(1),
            false => 0,
        };
        self.short_lives <= 1
    }

    /// All has come.
    pub(crate) fn is_whole(&mut self) {
        self.gaps = 0;
        self.asks_all = None;
    }

    /// Something is missing: when all is to be asked for. At once, but if it comes in part again and again, later each time.
    pub(crate) fn has_gap(&mut self, now: Instant) -> Instant {
        if let Some(at) = self.asks_all.filter(|at| *at >= now) {
            return at;
        }
        let pause = match self.gaps {
            0 => 1,
            gaps => longer_each(gaps),
        };
        let after = |asked: Instant| asked.after(Duration::from_secs(pause));
        let at = self.asked_all.map_or(now, after).max(now);
        self.gaps = self.gaps.saturating_add(1);
        (self.asked_all, self.asks_all) = (Some(at), Some(at));
        at
    }

    /// The PBX refuses it to this one. All to whom it does; `None`: too many.
    pub(crate) fn refuses(&mut self, by: &Aor) -> Option<Vec<Aor>> {
        if !self.refused_to.contains(by) {
            self.refused_to.push(by.clone());
        }
        self.awaits_name = self.refused_to.len() <= MOST_NAMES;
        self.awaits_name.then(|| self.refused_to.clone())
    }

    /// Whether the PBX is to be asked in this name now.
    pub(crate) fn takes_name(&mut self, by: &Aor) -> bool {
        let is_taken = self.awaits_name && !self.refused_to.contains(by);
        self.awaits_name &= !is_taken;
        is_taken
    }

    /// The PBX says when it may be asked again.
    pub(crate) fn comes_back(&mut self, now: Instant, seconds: Option<u32>) {
        let wait = seconds.map(|seconds| Duration::from_secs(seconds.min(LONGEST_WAIT).into()));
        self.not_before = wait.map(|wait| now.after(wait));
    }

    /// When it is asked again that rests until then.
    pub(crate) fn rests_until(&self, at: Instant) -> Instant {
        self.not_before.map_or(at, |not_before| at.max(not_before))
    }

    /// Whether the PBX still keeps the dialog, though it does not take a refresh just now (RFC 6665 4.1.2.2).
    pub(crate) fn is_kept(&self, now: Instant, status: u16) -> bool {
        let is_for_now = matches!(status, 480 | 486 | 491 | 500 | 502 | 503 | 504 | 600);
        is_for_now && self.lasts.is_some_and(|end| end > now)
    }
}

/// A dialog that ends sooner has ended soon.
const SHORT: Duration = Duration::from_secs(60);
/// In whose name the PBX is asked for one resource, one after the other.
const MOST_NAMES: usize = 64;
/// Seconds; a PBX that wants to be let alone for longer is asked all the same.
const LONGEST_WAIT: u32 = 3_600;
