//! What policies have made of one request so far.

use super::{Changes, Notes, Source};
use crate::b2bua::NamedAnswer;
use crate::config::{Config, Zone};
use crate::flow::Flow;
use crate::routing::{Proof, listener_of};
use crate::time::Instant;

/// Kept with a request for as long as its responses may come.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) notes: Notes,
    /// The edits of the request.
    pub(crate) changes: Changes,
    /// Who sent it.
    pub(crate) sender: Sender,
    /// By what right it is served.
    pub(crate) proof: Proof,
    /// When it came in.
    pub(crate) began: Instant,
    /// How often [`super::Hook::Failure`] has named a new route.
    pub(crate) rounds: u8,
    /// Whether a policy wants us to stay on the dialog's path.
    pub(crate) records: bool,
    /// Its early dialog has been told of.
    pub(crate) is_early: bool,
    /// Its confirmed dialog has been told of.
    pub(crate) is_confirmed: bool,
    /// The dialog that it is to replace or join, or that it refers to, once that has been looked for.
    pub(crate) named: Option<NamedAnswer>,
}

/// Who sent a message.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) flow: Flow,
    pub(crate) user: Option<Box<str>>,
    pub(crate) upstream: Option<usize>,
    pub(crate) is_in_dialog: bool,
}

impl Story {
    pub(crate) fn new(sender: Sender, proof: Proof, began: Instant) -> Self {
        Self {
            notes: Notes::default(),
            changes: Changes::default(),
            sender,
            proof,
            began,
            rounds: 0,
            records: true,
            is_early: false,
            is_confirmed: false,
            named: None,
        }
    }
}

impl Sender {
    /// As policies are told of it.
    pub(crate) fn source<'a>(&'a self, config: &'a Config) -> Source<'a> {
        let listener = listener_of(config, self.flow.listener);
        let upstream = self
            .upstream
            .and_then(|number| config.upstreams.get(number));
        let zone = match (upstream, listener.map(|listener| listener.zone)) {
            (Some(upstream), _) => &upstream.name,
            (None, Some(Zone::Inside)) => "inside",
            (None, _) => "outside",
        };
        Source {
            flow: self.flow,
            listener: listener.map_or("", |listener| &listener.name),
            zone,
            user: self.user.as_deref(),
            is_in_dialog: self.is_in_dialog,
        }
    }
}
