//! Response contexts and their branches (RFC 3261 16.2, 16.7).

use super::best::Finals;
use super::cancel::reason_line;
use super::forward::Rewrite;
use crate::auth::upstream::Tries;
use crate::b2bua::{Bridge, Exchange};
use crate::flow::{Destination, Flow};
use crate::lease::Passing;
use crate::policy::{Hook, Story};
use crate::routing::{Group, Target};
use crate::time::Instant;
use crate::transaction::{Owner, TransactionId};
use crate::upstream::Place;
use bellhop_wire::{Message, Method, Owned, ViaMark};
use smallvec::SmallVec;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// A request that is being relayed, and what has come of it.
#[derive(Debug)]
pub(crate) struct Context {
    /// The request and where it came from; let go of once no branch can need it any more.
    pub(crate) incoming: Option<Box<Incoming>>,
    /// What its responses must be made fit for.
    pub(crate) back: Back,
    /// Why its branches are cancelled: Reason lines for their CANCELs (RFC 3326 2), maybe none.
    pub(crate) reason: Vec<u8>,
    /// The server transaction; `None` for an ACK, which has none (17).
    pub(crate) server: Option<TransactionId>,
    pub(crate) is_invite: bool,
    /// Its answer is told to the board of subscriptions.
    pub(crate) is_watched: bool,
    /// Most requests have one.
    pub(crate) branches: SmallVec<[Branch; 1]>,
    /// Target groups not tried yet.
    pub(crate) groups: VecDeque<Group>,
    pub(crate) finals: Finals,
    /// A final response has gone back.
    pub(crate) is_final: bool,
    /// The PBX has taken an INVITE whose sender proved nothing to us.
    pub(crate) is_taken: bool,
    /// The caller, a 6xx or a 2xx ended the search: nothing new is tried.
    pub(crate) is_over: bool,
    /// What policies made of it; `None`: none is asked.
    pub(crate) story: Option<Box<Story>>,
    /// The call of two legs that it is a part of.
    pub(crate) bridge: Option<Box<Bridge>>,
    /// It is a request outside of calls that goes on as one of ours.
    pub(crate) exchange: Option<Box<Exchange>>,
    /// The answer of a policy that it waits for.
    pub(crate) waits: Option<Waits>,
}

/// A question whose answer comes later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waits {
    /// What a policy was asked at; `None`: another shard was asked for a dialog.
    pub(crate) hook: Option<Hook>,
    /// When patience ends.
    pub(crate) until: Instant,
}

/// A request as it came in, with all that a further branch needs.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) request: Owned,
    pub(crate) flow: Flow,
    pub(crate) mark: ViaMark,
    pub(crate) rewrite: Rewrite,
}

/// Where responses go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Back {
    /// Outside the trust domain (RFC 3325).
    pub(crate) is_outside: bool,
    /// Over a stream, where each message must say how long it is.
    pub(crate) is_stream: bool,
    /// They are written anew for a call of two legs, and have no Via of ours.
    pub(crate) is_bridged: bool,
}

/// One place the request was sent to.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) target: Target,
    pub(crate) state: BranchState,
    /// Where its request was sent last; `None`: nowhere yet.
    pub(crate) to: Option<Destination>,
    pub(crate) client: Option<TransactionId>,
    /// Max-Breadth for this branch (RFC 5393 5.3.3).
    pub(crate) breadth: u32,
    /// When timer C, or the wait for the resolver, or the wait for a cancelled branch's final is over.
    pub(crate) deadline: Option<Instant>,
    /// Where to send it by UDP should the switch to TCP for its size fail (18.1.1).
    pub(crate) by_udp: Option<Box<Destination>>,
    pub(crate) cancel: Cancel,
    /// How often its next hop's challenges were answered.
    pub(crate) tries: Tries,
    /// The lines of credentials of ours that its request carries; kept of an INVITE, else empty.
    pub(crate) signed: Option<Box<[u8]>>,
    /// When it was begun.
    pub(crate) began: Instant,
    /// Its final status, or what stands for one, and when that was known.
    pub(crate) ended: Option<(u16, Instant)>,
}

/// Whether a branch is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cancel {
    /// It is not.
    No,
    /// As soon as a provisional response allows it (9.1).
    Wanted,
    /// Its CANCEL has gone out; there is only one.
    Sent,
}

/// How far a branch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BranchState {
    /// Its next hop's name is being resolved.
    Resolving,
    /// Its phone sleeps and has been woken.
    Waking,
    /// Sent; nothing has come back.
    Calling,
    /// A provisional response has come back.
    Proceeding,
    /// A final response has come back, or never will.
    Done,
}

/// All contexts of a shard, by a number that is never used again.
#[derive(Debug, Default)]
pub(crate) struct Contexts {
    live: HashMap<u64, Box<Context>, BuildHasherDefault<Spread>>,
    last: u64,
    /// Bytes that the live ones hold, about.
    held: usize,
}

/// Numbers are the core's own, one after another, and never a peer's: to be spread they need neither a secret nor
/// much work.
#[derive(Debug, Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // The golden ratio's fraction, odd: consecutive numbers differ in their lowest bits and in their highest,
        // and the table looks at both.
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Contexts {
    /// A number for a context that [`Contexts::put`] may bring.
    pub(crate) fn reserve(&mut self) -> u64 {
        self.last = self.last.wrapping_add(1) & ID_MASK;
        self.last
    }

    pub(crate) fn find(&mut self, id: u64) -> Option<&mut Context> {
        self.live.get_mut(&id).map(Box::as_mut)
    }

    /// Takes a context out to work on it; [`Contexts::put`] brings it back.
    pub(crate) fn take(&mut self, id: u64) -> Option<Box<Context>> {
        let context = self.live.remove(&id)?;
        self.held = self.held.saturating_sub(context.weight());
        Some(context)
    }

    pub(crate) fn put(&mut self, id: u64, context: Box<Context>) {
        self.held = self.held.saturating_add(context.weight());
        self.live.insert(id, context);
    }

    pub(crate) fn remove(&mut self, id: u64) {
        self.take(id);
    }

    /// The branches of INVITEs that wait for an answer of this place.
    pub(crate) fn ringing_at(&self, place: Place) -> Vec<BranchId> {
        let calls = self.live.iter().filter(|(_, context)| context.is_invite);
        let branches = calls.flat_map(|(id, context)| {
            let all = context.branches.iter().enumerate();
            all.map(move |(index, branch)| {
                (
                    BranchId {
                        context: *id,
                        index,
                    },
                    branch,
                )
            })
        });
        let there = branches.filter(|(_, branch)| branch.is_ringing_at(place));
        there.map(|(id, _)| id).collect()
    }

    /// How many bytes the live ones hold, about.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }
}

impl Context {
    /// A context without branches.
    pub(crate) fn new(back: Back, server: Option<TransactionId>, is_invite: bool) -> Self {
        Self {
            incoming: None,
            back,
            reason: Vec::new(),
            server,
            is_invite,
            is_watched: false,
            branches: SmallVec::new(),
            groups: VecDeque::new(),
            finals: Finals::default(),
            is_final: false,
            is_taken: false,
            is_over: false,
            story: None,
            bridge: None,
            exchange: None,
            waits: None,
        }
    }

    /// What was asked, as it came, and what goes on the topmost Via of its answers.
    pub(crate) fn asked(&self) -> Option<(Message<'_>, ViaMark)> {
        if let Some(bridge) = &self.bridge {
            return Some((bridge.request.as_ref()?.message(), bridge.mark));
        }
        if let Some(exchange) = &self.exchange {
            return Some((exchange.request.as_ref()?.message(), exchange.mark));
        }
        let incoming = self.incoming.as_deref()?;
        Some((incoming.request.message(), incoming.mark))
    }

    /// A SUBSCRIBE or NOTIFY as whoever watches has sent it or is to get it.
    pub(crate) fn as_watched(&self) -> Option<Message<'_>> {
        let goes_on = self.incoming.as_deref()?.request.message();
        match goes_on.method() {
            Some(Method::Subscribe) => self.asked().map(|(asked, _)| asked),
            _ => Some(goes_on),
        }
    }

    /// The REGISTER that is the PBX's to answer, if it is one.
    pub(crate) fn passing(&self) -> Option<&Arc<Passing>> {
        self.incoming.as_ref()?.rewrite.passing.as_ref()
    }

    /// Whether it came over UDP from somebody who proved nothing to us nor yet to the PBX: anybody may have written
    /// that address, and what we send there is counted.
    pub(crate) fn is_unproven_datagram(&self) -> bool {
        let incoming = self.incoming.as_ref();
        incoming.is_some_and(|incoming| incoming.rewrite.is_unproven)
            && !self.back.is_stream
            && !self.is_taken
    }

    /// Whether every branch has come to its end.
    pub(crate) fn is_settled(&self) -> bool {
        self.branches.iter().all(|b| b.state == BranchState::Done)
    }

    /// Lets go of all that only a branch still to come could need: what is left takes further 2xx of
    /// the branches back (RFC 6026).
    pub(super) fn shrink(&mut self) {
        self.incoming = None;
        if let Some(bridge) = &mut self.bridge {
            bridge.request = None;
        }
        if let Some(exchange) = &mut self.exchange {
            exchange.request = None;
        }
        self.finals = Finals::default();
        self.groups = VecDeque::new();
        self.reason = Vec::new();
        for branch in &mut self.branches {
            branch.target.uri = None;
            branch.target.path = Box::default();
        }
    }

    /// How many bytes it holds, about. Does not change while it is at rest.
    #[allow(
        clippy::arithmetic_side_effects,
        reason = "sizes of what is in memory together"
    )]
    fn weight(&self) -> usize {
        let incoming = self.incoming.as_deref();
        let request = incoming.map_or(0, |incoming| {
            size_of::<Incoming>() + incoming.request.message().bytes().len()
        });
        // Of one that goes on as ours there is what was asked, too.
        let asked = self.back.is_bridged.then(|| self.asked()).flatten();
        let asked = asked.map_or(0, |(asked, _)| asked.bytes().len());
        let further = self.branches.len().saturating_sub(1) * size_of::<Branch>();
        let groups = self.groups.len() * size_of::<Group>();
        size_of::<Self>() + ENTRY + request + asked + further + groups + self.finals.held()
    }

    /// Has the branches that are cancelled from here on told why (RFC 3326 2).
    pub(super) fn say_why(&mut self, cause: u16, text: &str) {
        self.reason.clear();
        let value = format!("SIP;cause={cause};text=\"{text}\"");
        reason_line(value.as_bytes(), &mut self.reason);
    }

    pub(crate) fn branch(&mut self, index: usize) -> Option<&mut Branch> {
        self.branches.get_mut(index)
    }
}

/// Names a branch of a context, towards the transaction table, timers and the resolver: 40 bits of
/// context, 8 of branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BranchId {
    pub(crate) context: u64,
    pub(crate) index: usize,
}

impl Branch {
    /// Whether it waits for an answer of this place.
    fn is_ringing_at(&self, (transport, remote): Place) -> bool {
        let waits = matches!(self.state, BranchState::Calling | BranchState::Proceeding);
        let to = self.to.filter(|_| waits);
        to.is_some_and(|to| match to {
            Destination::Address {
                transport: own,
                remote: at,
                ..
            } => (own, at) == (transport, remote),
            Destination::Flow { .. } => false,
        })
    }
}

impl BranchId {
    /// Stands for a CANCEL's own transaction, whose responses mean nothing to the context (9.1).
    pub(crate) const CANCEL: usize = 255;
    /// Stands for the 100 that a slow non-INVITE is owed (RFC 4320 4.1).
    pub(crate) const TRYING: usize = 254;
    /// Stands for a policy's answer.
    pub(crate) const POLICY: usize = 253;
    /// Stands for a REGISTER of ours, which has no context.
    pub(crate) const LEASE: usize = 252;
    /// Stands for a REGISTER that waits for the PBX, which has none either.
    pub(crate) const PARKED: usize = 251;
    /// Stands for a probe of a PBX.
    pub(crate) const PROBE: usize = 250;
    /// Stands for a NOTIFY of ours to a watcher.
    pub(crate) const WATCHER: usize = 249;
    /// Stands for a SUBSCRIBE of ours.
    pub(crate) const SOURCE: usize = 248;

    pub(crate) const fn pack(self) -> u64 {
        (self.context & ID_MASK) << 8 | (self.index as u64 & 0xff)
    }

    pub(crate) const fn unpack(packed: u64) -> Self {
        Self {
            context: packed >> 8 & ID_MASK,
            index: (packed & 0xff) as usize,
        }
    }

    pub(crate) const fn owner(self) -> Owner {
        Owner(self.pack())
    }
}

/// What the table takes for each context besides: its entry, twice, as a table may be half empty, and
/// the allocator's own.
const ENTRY: usize = 64;
/// Most branches a context ever has.
pub(crate) const MAX_BRANCHES: usize = 248;
const ID_MASK: u64 = (1 << 40) - 1;
