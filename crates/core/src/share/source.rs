//! Our one subscription at the PBX for all watchers of a key.
//!
//! ```text
//!            turn              2xx                 refresh is due
//!   Wanted ------> Asking ---------> Held <----------------------> Asking (in the dialog)
//!     ^              |                 |  nobody watches, linger over; or another has taken its place elsewhere
//!     |  481, moves  | no answer, 5xx  +----> Leaving ----> gone
//!     +--------------+------> Resting (longer each time) ---> Wanted
//! ```

use super::trouble::Trouble;
use super::{Content, Dialog, Key, View};
use crate::auth::upstream::Tries;
use crate::registrar::Aor;
use crate::time::Instant;
use crate::transaction::TransactionId;
use crate::upstream::Place;
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::Duration;

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Waits for its turn, or for the end of a rest.
    Wanted,
    /// Its SUBSCRIBE is under way.
    Asking,
    /// The PBX has it.
    Held,
    /// It is being ended.
    Leaving,
}

/// A subscription of ours.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) key: Arc<Key>,
    /// In whose name.
    pub(crate) by: Aor,
    pub(crate) state: State,
    /// `None`: the next SUBSCRIBE begins one.
    pub(crate) dialog: Option<Dialog>,
    /// The target of the PBX that it was asked of last; its dialog is there, if it has one.
    pub(crate) place: Option<Place>,
    /// Its SUBSCRIBE that is under way.
    pub(crate) flying: Option<TransactionId>,
    /// Shards that have watchers, and when they said so last.
    pub(crate) shards: SmallVec<[(u16, u64); 4]>,
    /// What it has told in this dialog.
    pub(crate) content: Option<Content>,
    /// What watchers were told last.
    pub(crate) view: Arc<View>,
    /// When that was: microseconds, and rising.
    pub(crate) at: u64,
    /// What the PBX has told, while watchers see something that was published in its place.
    pub(crate) beneath: Option<Arc<View>>,
    /// Which of the PBX's words on a mailbox that came unasked was taken in last.
    pub(crate) heard: u64,
    /// What was asked for last, in seconds.
    pub(crate) asked: u32,
    /// The least that the PBX takes (423).
    pub(crate) least: u32,
    pub(crate) failures: u32,
    pub(crate) tries: Tries,
    /// When it is to be refreshed.
    pub(crate) refresh_at: Instant,
    /// It has told something since its dialog began.
    pub(crate) has_told: bool,
    /// The branch of its last NOTIFY: a copy has the same.
    pub(crate) branch: Box<[u8]>,
    /// The PBX had it before the program was restarted.
    pub(crate) was_there: bool,
    pub(crate) trouble: Trouble,
}

impl Source {
    pub(crate) fn new(now: Instant, key: Arc<Key>, by: Aor) -> Self {
        Self {
            key,
            by,
            state: State::Wanted,
            dialog: None,
            place: None,
            flying: None,
            shards: SmallVec::new(),
            content: None,
            view: Arc::new(View::Pending),
            at: now.as_micros(),
            beneath: None,
            heard: 0,
            asked: 0,
            least: 0,
            failures: 0,
            tries: Tries::default(),
            refresh_at: Instant::default(),
            has_told: false,
            branch: Box::default(),
            was_there: false,
            trouble: Trouble::default(),
        }
    }

    /// The PBX may have been restarted: its numbers may begin anew.
    pub(crate) fn forget_numbers(&mut self) {
        if let Some(dialog) = &mut self.dialog {
            dialog.remote_cseq = None;
        }
    }

    /// Whether the PBX has answered in its dialog.
    pub(crate) fn is_known(&self) -> bool {
        let known = |dialog: &Dialog| !dialog.remote_tag.is_empty();
        self.dialog.as_ref().is_some_and(known)
    }

    /// What the PBX has told, whatever watchers see.
    pub(crate) fn told_by_pbx(&self) -> &Arc<View> {
        self.beneath.as_ref().unwrap_or(&self.view)
    }

    /// Forgets its dialog: the PBX does not know it any more. What watchers know stays until the PBX says otherwise.
    pub(crate) fn begin_anew(&mut self) {
        self.dialog = None;
        self.content = None;
        self.has_told = false;
        self.state = State::Wanted;
        self.tries = Tries::default();
    }

    /// It failed; how long it rests. `chance` spreads those that failed together.
    pub(crate) fn rest(&mut self, chance: u64) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let most = longer_each(self.failures.max(self.trouble.short_lives)).saturating_mul(1_000);
        let spread = chance.checked_rem(most / 4).unwrap_or(0);
        Duration::from_millis(most.saturating_sub(spread))
    }

    /// When it is refreshed that was granted so many seconds: between half and three quarters of them.
    pub(crate) fn refresh_in(seconds: u32, chance: u64) -> Duration {
        let millis = u64::from(seconds).saturating_mul(1_000);
        let spread = chance.checked_rem((millis / 4).max(1)).unwrap_or(0);
        Duration::from_millis((millis / 2).saturating_add(spread).max(1_000))
    }
}

/// 2, 4, 8 .. seconds, four minutes at the most.
pub(super) fn longer_each(time: u32) -> u64 {
    2_u64.saturating_pow(time.min(8)).min(LONGEST_REST)
}

/// Seconds.
const LONGEST_REST: u64 = 240;
