//! A policy that a test scripts: a rule for each hook, and a record of what was asked and told.

use crate::World;
use bellhop_core::outbox::Ticket;
use bellhop_core::policy::{Answer, Ask, DialogEvent, Failure, Hook, Hooks, Phase, Policy};
use bellhop_core::time::Now;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a scripted policy was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Where.
    pub hook: Hook,
    /// Whether it was asked again, after [`Answer::Later`].
    pub is_again: bool,
    /// The question's name.
    pub ticket: Ticket,
    /// The message.
    pub message: String,
    /// The user whose digest was right.
    pub user: Option<String>,
    /// Where the message is from.
    pub zone: String,
    /// The message is part of a dialog.
    pub is_in_dialog: bool,
    /// What has failed.
    pub failure: Option<Failure>,
}

/// What a scripted policy has heard.
#[derive(Debug, Default)]
pub struct Heard {
    /// Every question, in order.
    pub asked: Vec<Asked>,
    /// Every dialog event: what happened, Call-ID, status.
    pub dialogs: Vec<(Phase, String, u16)>,
    /// Where the responses came from that brought those about.
    pub answered_by: Vec<Option<SocketAddr>>,
    /// Questions that nobody waits for any more.
    pub abandoned: Vec<Ticket>,
}

type Rule = Box<dyn FnMut(&mut Ask<'_>, bool) -> Answer + Send>;

/// The policy itself, to be given to an engine.
pub struct Script {
    hooks: Hooks,
    rule: Rule,
    heard: Arc<Mutex<Heard>>,
}

/// The test's hold on what a [`Script`] has heard.
#[derive(Clone, Debug)]
pub struct Ear(Arc<Mutex<Heard>>);

impl Script {
    /// A policy at these hooks that answers by `rule`; the second argument says whether it is asked again.
    pub fn new(
        hooks: &[Hook],
        rule: impl FnMut(&mut Ask<'_>, bool) -> Answer + Send + 'static,
    ) -> (Box<Self>, Ear) {
        let heard = Arc::default();
        let ear = Ear(Arc::clone(&heard));
        let hooks = hooks.iter().fold(Hooks::NONE, |set, hook| set.with(*hook));
        let rule = Box::new(rule);
        (Box::new(Self { hooks, rule, heard }), ear)
    }

    fn answer(&mut self, mut ask: Ask<'_>, is_again: bool) -> Answer {
        lock(&self.heard).asked.push(Asked {
            hook: ask.hook,
            is_again,
            ticket: ask.ticket,
            message: String::from_utf8_lossy(ask.message.bytes()).into_owned(),
            user: ask.source.user.map(str::to_owned),
            zone: ask.source.zone.to_owned(),
            is_in_dialog: ask.source.is_in_dialog,
            failure: ask.failure.cloned(),
        });
        (self.rule)(&mut ask, is_again)
    }
}

impl Policy for Script {
    fn hooks(&self) -> Hooks {
        self.hooks
    }

    fn consult(&mut self, _: Now, ask: Ask<'_>) -> Answer {
        self.answer(ask, false)
    }

    fn resume(&mut self, _: Now, ask: Ask<'_>) -> Answer {
        self.answer(ask, true)
    }

    fn abandon(&mut self, ticket: Ticket) {
        lock(&self.heard).abandoned.push(ticket);
    }

    fn observe(&mut self, _: Now, event: &DialogEvent<'_>) {
        let call_id = String::from_utf8_lossy(event.call_id).into_owned();
        let told = (event.phase, call_id, event.status);
        let mut heard = lock(&self.heard);
        heard.dialogs.push(told);
        let answered_by = event.answered_by.map(|flow| flow.remote);
        heard.answered_by.push(answered_by);
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").finish_non_exhaustive()
    }
}

impl Ear {
    /// All questions so far.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.0).asked.clone()
    }

    /// The hooks of all questions so far.
    pub fn hooks(&self) -> Vec<Hook> {
        lock(&self.0).asked.iter().map(|asked| asked.hook).collect()
    }

    /// Where the responses came from that brought the dialog events about.
    pub fn answered_by(&self) -> Vec<Option<SocketAddr>> {
        lock(&self.0).answered_by.clone()
    }

    /// All dialog events so far.
    pub fn dialogs(&self) -> Vec<(Phase, String, u16)> {
        lock(&self.0).dialogs.clone()
    }

    /// Questions that nobody waits for any more.
    pub fn abandoned(&self) -> Vec<Ticket> {
        lock(&self.0).abandoned.clone()
    }
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    /// Tells a node that something has been published beside it.
    pub fn published(&mut self, node: usize) {
        if let Some(told) = self.nodes.get_mut(node) {
            told.engine.published(self.now, &mut told.out);
        }
        self.drain_node(node);
    }
}
