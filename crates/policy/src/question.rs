//! What a plugin is asked, in a form that can be kept and handed to another thread.

use crate::account::counters::HookName;
use bellhop_core::flow::{Flow, Transport};
use bellhop_core::policy::{Ask, Changes, Failure, Hook, Notes, Source};
use bellhop_wire::{Message, Owned};
use std::mem;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// One hook's message and what is known about it. Reused from call to call.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) hook: HookName,
    message: Owned,
    pub(crate) origin: Origin,
    pub(crate) notes: Notes,
    pub(crate) changes: Changes,
    pub(crate) failure: Option<Failure>,
}

/// [`Source`], owned.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) flow: Flow,
    pub(crate) listener: String,
    pub(crate) zone: String,
    pub(crate) user: Option<String>,
    pub(crate) is_in_dialog: bool,
}

impl Default for Question {
    fn default() -> Self {
        Self {
            hook: HookName::Timer,
            message: Owned::default(),
            origin: Origin::default(),
            notes: Notes::default(),
            changes: Changes::default(),
            failure: None,
        }
    }
}

impl Question {
    /// Takes over what is asked; notes and changes move here until [`Question::give_back`].
    pub(crate) fn take(&mut self, ask: &mut Ask<'_>) {
        self.hook = name(ask.hook);
        self.message.copy_from(ask.message);
        self.origin.copy_from(&ask.source);
        self.notes = mem::take(ask.notes);
        self.changes = mem::take(ask.changes);
        self.failure = ask.failure.cloned();
    }

    /// Gives notes and changes back.
    pub(crate) fn give_back(&mut self, ask: &mut Ask<'_>) {
        *ask.notes = mem::take(&mut self.notes);
        *ask.changes = mem::take(&mut self.changes);
    }

    /// A copy to be answered elsewhere.
    pub(crate) fn copy_of(ask: &Ask<'_>) -> Self {
        let mut origin = Origin::default();
        origin.copy_from(&ask.source);
        Self {
            hook: name(ask.hook),
            message: ask.message.to_owned(),
            origin,
            notes: ask.notes.clone(),
            changes: ask.changes.clone(),
            failure: ask.failure.cloned(),
        }
    }

    /// The message as it came.
    pub(crate) fn message(&self) -> Message<'_> {
        self.message.message()
    }
}

impl Default for Origin {
    fn default() -> Self {
        let flow = Flow {
            listener: bellhop_core::flow::ListenerId(0),
            transport: Transport::Udp,
            remote: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
            connection: None,
        };
        Self {
            flow,
            listener: String::new(),
            zone: String::new(),
            user: None,
            is_in_dialog: false,
        }
    }
}

impl Origin {
    /// Becomes what a source is, in the memory it has.
    pub(crate) fn copy_from(&mut self, source: &Source<'_>) {
        self.flow = source.flow;
        self.listener.clear();
        self.listener.push_str(source.listener);
        self.zone.clear();
        self.zone.push_str(source.zone);
        match (&mut self.user, source.user) {
            (Some(own), Some(user)) => {
                own.clear();
                own.push_str(user);
            }
            (own, user) => *own = user.map(str::to_owned),
        }
        self.is_in_dialog = source.is_in_dialog;
    }
}

/// The contract's name of a hook of the core's.
pub(crate) const fn name(hook: Hook) -> HookName {
    match hook {
        Hook::Register => HookName::Register,
        Hook::Request => HookName::Request,
        Hook::Route => HookName::Route,
        Hook::Failure => HookName::Failure,
        Hook::Response => HookName::Response,
        Hook::Dialog => HookName::Dialog,
    }
}
