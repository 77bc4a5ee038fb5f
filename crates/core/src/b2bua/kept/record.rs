//! The record of a call that outlives the program: when it is over at last, what is told of it is told from its beginning.

use super::super::record::Tried;
use super::super::record::draft::Draft;
use super::leg::lasting;
use crate::flow::Flow;
use crate::time::Now;
use std::time::Duration;

/// A record in the making, as it outlives the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedRecord {
    /// When the INVITE came, since the Unix epoch.
    pub began: Duration,
    /// How old the call was when this was written.
    pub age: Duration,
    /// How old it was when it rang.
    pub rang: Option<Duration>,
    /// How old it was when it was answered.
    pub answered: Option<Duration>,
    /// Where the INVITE came from.
    pub source: Flow,
    /// The upstream that the caller is.
    pub upstream: Option<Box<str>>,
    /// Who the caller proved to be.
    pub user: Option<Box<str>>,
    /// The AoR of the phone that answered.
    pub called: Option<Box<str>>,
    /// The Request-URI as it came in.
    pub request_uri: Box<[u8]>,
    /// The places that were tried.
    pub attempts: Vec<Tried>,
    /// How many more were tried before those.
    pub attempts_left_out: u8,
    /// What plugins noted, keys and values.
    pub notes: Vec<(Box<str>, Box<str>)>,
}

impl SavedRecord {
    pub(super) fn of(now: Now, draft: &Draft) -> Self {
        Self {
            began: draft.began,
            age: draft.age(now.instant),
            rang: draft.rang,
            answered: draft.answered,
            source: lasting(draft.source),
            upstream: draft.upstream.clone(),
            user: draft.user.clone(),
            called: draft.called.clone(),
            request_uri: draft.request_uri.clone(),
            attempts: draft.attempts.to_vec(),
            attempts_left_out: draft.attempts_left_out,
            notes: draft.notes.to_vec(),
        }
    }

    /// The record that goes on from it, so long after it was written.
    pub(super) fn restored(&self, now: Now, since: Duration) -> Draft {
        Draft {
            began: self.began,
            mark: (now.instant, self.age.saturating_add(since)),
            rang: self.rang,
            answered: self.answered,
            source: self.source,
            upstream: self.upstream.clone(),
            user: self.user.clone(),
            called: self.called.clone(),
            request_uri: self.request_uri.clone(),
            attempts: self.attempts.as_slice().into(),
            attempts_left_out: self.attempts_left_out,
            notes: self.notes.as_slice().into(),
        }
    }
}
