//! What a policy may decide.

use super::changes::{Body, Changes, Step};
use bellhop_wire::{Message, ViaMark, reply};
use std::time::Duration;

/// A decision about one message. Which ones mean something depends on the hook; where one means nothing it
/// counts as [`Verdict::Continue`].
#[derive(Debug)]
pub enum Verdict {
    /// Nothing to say: the engine's own rules go on. At [`super::Hook::Failure`]: the best response goes back.
    Continue,
    /// The same, and for a REGISTER perhaps a longest expiry, seconds, for all of its contacts.
    Accept {
        /// Seconds.
        expires: Option<u32>,
    },
    /// This final response.
    Reply(Reply),
    /// Ask for credentials, although the request got this far without.
    Challenge(Challenge),
    /// To these places and no others. Inside a dialog it counts as `Continue`.
    Route(Route),
    /// Nothing is sent at all.
    Drop,
}

/// A final response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// 300 to 699; 2xx for a request that makes no dialog.
    pub status: u16,
    /// The reason phrase; `None`: the usual one.
    pub reason: Option<Box<str>>,
    /// Header lines, added.
    pub headers: Changes,
    /// The body.
    pub body: Option<Body>,
}

impl Reply {
    /// Appends it as a response to a request.
    pub(crate) fn write(
        &self,
        out: &mut Vec<u8>,
        request: Message<'_>,
        mark: ViaMark,
        to_tag: &[u8],
    ) {
        let reason = self.reason.as_deref().unwrap_or(reply::reason(self.status));
        let mut reply = reply::Reply::new(out, request, mark, self.status, reason, to_tag);
        for step in self.headers.steps() {
            if let Step::Set(name, value) | Step::Add(name, value) = step
                && let Ok(name) = str::from_utf8(name)
            {
                reply.header(name, value);
            }
        }
        match &self.body {
            Some(body) => reply.body(&body.content_type, &body.data),
            None => reply.end(),
        }
    }
}

/// A request for credentials, in our realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// 407 and Proxy-Authenticate; else 401 and WWW-Authenticate. A REGISTER always gets 401.
    pub is_proxy: bool,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// The places, at most [`Route::MOST`] of which count.
    pub targets: Vec<Target>,
    /// All at once, or one after another.
    pub mode: Fork,
    /// Stay on the path of the dialog's later requests.
    pub record_route: bool,
}

impl Route {
    /// How many targets one route may have.
    pub const MOST: usize = 32;
}

/// Whether targets are tried at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fork {
    /// One after another, the next when one has failed.
    Serial,
    /// All at once.
    Parallel,
}

/// One place to send a request to.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The new Request-URI. Without a next hop it is routed as if the caller had asked for it: an AoR of
    /// ours goes to its phones.
    pub uri: Box<str>,
    /// Where it goes whatever the Request-URI says.
    pub next_hop: Option<NextHop>,
    /// Higher first; ties by their order.
    pub priority: u16,
    /// How long it may go without a final response.
    pub timeout: Option<Duration>,
    /// Header lines for this branch only.
    pub headers: Changes,
    /// For the log, and for [`Attempt::tag`].
    pub tag: Box<str>,
}

/// A next hop by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextHop {
    /// An upstream of the configuration.
    Group(Box<str>),
    /// A SIP URI.
    Uri(Box<str>),
}

/// Why everything that was tried has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The best final status; 408 stands for no answer, 503 for no way there.
    pub status: u16,
    /// Its reason phrase.
    pub reason: Box<str>,
    /// We made the status ourselves.
    pub is_local: bool,
    /// One for each branch, in the order they were begun.
    pub attempts: Vec<Attempt>,
    /// Since the request came in.
    pub elapsed: Duration,
}

/// What came of one branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its Request-URI.
    pub uri: Box<str>,
    /// [`Target::tag`]; empty for what the engine chose itself.
    pub tag: Box<str>,
    /// Its final status.
    pub status: u16,
    /// Since it was begun until that.
    pub elapsed: Duration,
}
