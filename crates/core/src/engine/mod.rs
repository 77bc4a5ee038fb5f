//! The engine: one shard of Bellhop's SIP, a value without sockets or clock. Messages, time and
//! answers go in by `receive` and its kin; what is to be sent and told comes out in an [`Outbox`].
//!
//! The caller drains the outbox after each call and asks [`Engine::next_timeout`] when to call
//! [`Engine::handle_timeout`]. All messages of one Call-ID must go to the same shard ([`shard_of`]).

mod challenge;
mod consult;
mod durable;
mod flights;
mod health;
mod inbound;
mod keepalive;
mod kept;
mod kept_sources;
mod leased;
mod leases;
mod lists;
mod local;
mod lookups;
mod notes;
mod notify;
mod own_route;
mod passed;
mod register;
mod registrations;
mod relay;
mod relayed;
mod samples;
mod shard;
mod source_dialogs;
mod sources;
mod subscriptions;
mod turns;
mod unasked;
mod unreachable;
mod waiting;
mod watchers;

pub(crate) use consult::sender;
pub use durable::PATIENCE;
pub(crate) use inbound::has_second_via;
pub(crate) use leased::PATIENCE as PBX_PATIENCE;
pub(crate) use local::{Received, unknown};
pub use lookups::LookedUp;
pub use shard::shard_of;
pub(crate) use shard::{call_id_of_slot, shard_of_call, shard_of_slot, slot_of_call};

use self::lookups::Lookups;
use crate::auth::{Authenticator, ReplayGuard, Secret, upstream::UpstreamAuth};
use crate::b2bua::{Calls, Tally};
use crate::budget::Budget;
use crate::config::Config;
use crate::date;
use crate::entropy::Entropy;
use crate::flow::{ConnectionId, Flow, Transport};
use crate::hex;
use crate::lease::{Leases, Slots};
use crate::limit::Limiter;
use crate::outbox::{Outbox, Ticket, Token};
use crate::policy::Policy;
use crate::proxy::{Acks, BranchId, Contexts};
use crate::registrar::{Location, can_be_woken};
use crate::routing::{Known, Names};
use crate::share::{Gone, Held, Shares};
use crate::subscription::Board;
use crate::time::{Instant, Now};
use crate::transaction::{Event as Ended, Table, Timers, TransactionId};
use crate::upstream::{Health, Probes};
use ahash::RandomState;
use bellhop_wire::{Frame, Index, frame};
use std::{collections::VecDeque, net::SocketAddr, sync::Arc};

/// One shard.
pub struct Engine {
    pub(crate) config: Arc<Config>,
    pub(crate) names: Names,
    /// The names before each of the last reloads, while there is a request that may show them.
    former: VecDeque<Names>,
    pub(crate) auth: Arc<Authenticator>,
    pub(crate) shared: Shared,
    pub(crate) entropy: Box<dyn Entropy>,
    pub(crate) table: Table,
    pub(crate) contexts: Contexts,
    pub(crate) deadlines: Timers<BranchId>,
    /// Credentials of INVITEs, for their ACKs.
    pub(crate) acks: Acks,
    /// Key of loop hashes and of the tags of stateless answers.
    pub(crate) key: RandomState,
    pub(crate) scratch: Vec<u8>,
    /// Where PBXs say that they are.
    pub(crate) known: Known,
    pub(crate) limiter: Limiter,
    pub(crate) budget: Budget,
    /// Requests whose sender is looked up.
    lookups: Lookups,
    /// Who is asked at the hooks; `None`: nobody.
    pub(crate) policy: Option<Box<dyn Policy>>,
    holds: durable::Holds,
    /// Registrations of our own, of the AoRs whose home this shard is.
    leases: Leases,
    /// The configuration has changed since they were looked at.
    leases_changed: bool,
    /// The PBX that has them is another one now, or is logged in to otherwise.
    pbx_changed: bool,
    /// REGISTERs that wait for the PBX.
    parked: leased::Parked,
    /// The connections that closed last.
    closed: passed::Closed,
    /// Subscriptions that are shared.
    shares: Shares,
    /// Calls of two legs.
    pub(crate) calls: Calls,
    /// Of shard 0 alone.
    probes: Probes,
    probes_changed: bool,
    /// Of shard 0 alone.
    keepalive: keepalive::KeepAlive,
    date: date::Line,
    index: Option<Box<Index>>,
    pub(crate) shard: u16,
}

/// What all shards share.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The bindings.
    pub location: Arc<Location>,
    /// Nonce counts seen.
    pub replay: Arc<ReplayGuard>,
    /// Signs Record-Route tokens.
    pub secret: Arc<Secret>,
    /// What is known of leases at the PBX.
    pub leases: Arc<Slots>,
    /// Nonces of PBXs.
    pub upstream_auth: Arc<UpstreamAuth>,
    /// Which targets of upstreams answer.
    pub health: Arc<Health>,
    /// The subscriptions that are relayed.
    pub subscriptions: Arc<Board>,
    /// What plugins have published, and what the PBX said of mailboxes unasked.
    pub held: Arc<Held>,
    /// How many calls of two legs there are of whom.
    pub tally: Arc<Tally>,
}

impl Engine {
    /// An engine that is shard number `shard`.
    pub fn new(
        shard: u16,
        config: Arc<Config>,
        auth: Arc<Authenticator>,
        shared: Shared,
        mut entropy: Box<dyn Entropy>,
    ) -> Self {
        let mut seeds = || std::array::from_fn(|_| entropy.next_u64());
        let [a, b, c, d]: [u64; 4] = seeds();
        let leases = Leases::new(a ^ d);
        let table = Table::new(
            config.timers,
            config.max_transactions,
            config.max_held,
            seeds(),
        );
        Self {
            names: Names::new(&config),
            former: VecDeque::new(),
            limiter: Limiter::new(config.rate),
            budget: Budget::new(),
            lookups: Lookups::new(RandomState::with_seeds(b, a, d, c)),
            policy: None,
            leases,
            // Bindings that were kept are registered anew.
            leases_changed: config.registrar.leases.is_on(),
            pbx_changed: false,
            parked: leased::Parked::default(),
            closed: passed::Closed::default(),
            shares: Shares::new(b ^ c),
            calls: Calls::of(&config),
            probes: Probes::default(),
            keepalive: keepalive::KeepAlive::default(),
            probes_changed: shard == 0 && config.upstreams.iter().any(|u| u.probe.is_some()),
            config,
            auth,
            shared,
            entropy,
            table,
            contexts: Contexts::default(),
            deadlines: Timers::new(),
            acks: Acks::new(RandomState::with_seeds(c, d, a, b)),
            key: RandomState::with_seeds(a, b, c, d),
            scratch: Vec::with_capacity(2048),
            known: Known::new(RandomState::with_seeds(d, c, b, a)),
            holds: durable::Holds::default(),
            date: date::Line::default(),
            index: None,
            shard,
        }
    }

    /// A datagram, or one message that the shell framed from a stream.
    pub fn receive(&mut self, now: Now, flow: Flow, bytes: &[u8], out: &mut Outbox) {
        let first = out.transmits.len();
        if let Frame::Message(bytes) = frame::datagram(bytes) {
            let mut index = self.index.take().unwrap_or_default();
            match index.parse(bytes, &self.config.limits) {
                Ok(message) if message.method().is_some() => self.request(now, flow, message, out),
                Ok(message) => self.response(now, flow, message, out),
                Err(rejected) => self.rejected(now, &flow, &rejected, out),
            }
            self.index = Some(index);
        }
        self.finish(now, first, out);
    }

    /// A message of this client transaction could not be sent.
    pub fn transmit_failed(&mut self, now: Now, token: Token, out: &mut Outbox) {
        let first = out.transmits.len();
        self.table.transport_failed(
            now.instant,
            TransactionId::from(Token(token.0 & SHARD_MASK)),
        );
        self.finish(now, first, out);
    }

    /// A connection is gone: phones that registered over it cannot be reached any more, and what waits
    /// for a first response over it fails as soon as [`Engine::handle_timeout`] is called. Gives how
    /// many bindings went with it.
    pub fn connection_closed(
        &mut self,
        now: Now,
        connection: ConnectionId,
        out: &mut Outbox,
    ) -> usize {
        self.table.connection_failed(now.instant, connection);
        self.parked.cut(connection);
        self.closed.note(connection);
        self.lookups.cut(connection);
        let location = &self.shared.location;
        let push = self.config.registrar.push.as_deref();
        let lost = location.connection_closed(now.instant, connection, |binding| {
            push.is_some_and(|push| can_be_woken(push, binding))
        });
        self.check_leases(&lost, out);
        for (aor, _) in &lost {
            self.tell_bound(aor, Gone::Deactivated, out);
        }
        let count = lost.len();
        self.forget_on_disk(lost, out);
        count
    }

    /// The places of a name that [`Outbox::resolves`] asked for, the one to try first in front; none
    /// if it stands for nothing.
    pub fn resolved(
        &mut self,
        now: Now,
        ticket: Ticket,
        places: &[(Transport, SocketAddr)],
        out: &mut Outbox,
    ) {
        let first = out.transmits.len();
        self.branch_resolved(now, BranchId::unpack(ticket.0 & SHARD_MASK), places, out);
        self.finish(now, first, out);
    }

    /// Has this policy asked at its hooks from now on.
    pub fn set_policy(&mut self, policy: Box<dyn Policy>) {
        self.policy = Some(policy);
    }

    /// The policy's answer to this question is there ([`crate::policy::Answer::Later`]).
    pub fn consulted(&mut self, now: Now, ticket: Ticket, out: &mut Outbox) {
        let first = out.transmits.len();
        self.answered(now, BranchId::unpack(ticket.0 & SHARD_MASK), out);
        self.finish(now, first, out);
    }

    /// Serves every timer that is due.
    pub fn handle_timeout(&mut self, now: Now, out: &mut Outbox) {
        let first = out.transmits.len();
        self.table.handle_timeout(now.instant, out);
        self.branch_deadlines(now, out);
        self.lookup_deadlines(now, out);
        self.give_up_on_disk(now, out);
        self.lease_deadlines(now, out);
        self.probe_deadlines(now, out);
        self.keep_nats_open(now, out);
        self.relayed_due(now, out);
        self.share_deadlines(now, out);
        self.call_deadlines(now, out);
        self.finish(now, first, out);
    }

    /// When [`Engine::handle_timeout`] wants to be called; `None`: nothing is waited for.
    pub fn next_timeout(&self) -> Option<Instant> {
        let is_due = self.table.has_events() || self.leases_changed || self.pbx_changed;
        let is_due = is_due || self.probes_changed;
        let at_once = is_due.then(Instant::default);
        let timers = [
            at_once,
            self.table.next_timeout(),
            self.deadlines.next(),
            self.lookups.next(),
            self.holds.next(),
            self.leases.next(),
            self.next_probe(),
            self.next_keepalive(),
            self.shared.subscriptions.next(self.shard),
            self.shares.next(),
            self.calls.next(),
        ];
        timers.into_iter().flatten().min()
    }

    /// Swaps the configuration; what is in flight goes on.
    pub fn reconfigure(&mut self, config: Arc<Config>, auth: Arc<Authenticator>) {
        let before = std::mem::replace(&mut self.names, Names::new(&config));
        if self.config.listeners != config.listeners {
            self.former.push_front(before);
            let (_, sent) = self.table.live();
            self.former.truncate(if sent == 0 { 0 } else { FORMER });
        }
        self.leases_changed |= self.config.registrar.leases != config.registrar.leases;
        let is_new = |leases: &crate::lease::LeaseConfig| leases.with_path;
        let path_changed =
            is_new(&config.registrar.leases) != is_new(&self.config.registrar.leases);
        if path_changed || config.upstreams != self.config.upstreams {
            self.shared.leases.set_takes_no_path(false);
            self.shared.leases.set_lists(false);
        }
        self.pbx_changed |= path_changed || config.registers_elsewhere_than(&self.config);
        self.probes_changed |= self.shard == 0 && self.config.upstreams != config.upstreams;
        self.limiter = Limiter::new(config.rate);
        self.calls.configure(&config);
        self.table.set_capacity(config.max_held);
        self.config = config;
        self.auth = auth;
    }

    /// Live server transactions, client transactions and response contexts.
    pub fn live(&self) -> (usize, usize, usize) {
        let (server, client) = self.table.live();
        (server, client, self.contexts.len())
    }

    /// How many bytes live transactions and response contexts hold, about.
    pub fn held(&self) -> usize {
        let (_, waiting) = self.holds.held();
        let held = self.table.held().saturating_add(self.contexts.held());
        held.saturating_add(self.parked.held())
            .saturating_add(waiting)
    }

    /// How many REGISTERs wait for the disk.
    pub fn waiting_for_disk(&self) -> usize {
        self.holds.held().0
    }

    /// Carries out what the transactions brought about, then names the shard in what was queued.
    fn finish(&mut self, now: Now, first: usize, out: &mut Outbox) {
        while let Some(event) = self.table.poll_event() {
            match event {
                Ended::ClientTimeout { id, owner } => self.client_failed(now, id, owner, 408, out),
                Ended::ClientFailed { id, owner } => self.client_failed(now, id, owner, 503, out),
                Ended::ClientGone { id, owner } => self.client_gone(id, owner),
                Ended::ServerTimeout { .. } | Ended::ServerGone { .. } => {}
            }
        }
        if self.shared.held.has_changed() {
            self.tell_changed(out);
        }
        for transmit in out.transmits.iter_mut().skip(first) {
            transmit.token = transmit.token.map(|token| Token(self.in_shard(token.0)));
        }
    }

    /// A 48-bit name with the shard in its top 16 bits.
    pub(crate) fn in_shard(&self, name: u64) -> u64 {
        u64::from(self.shard) << 48 | name & SHARD_MASK
    }

    /// A To tag that nobody can guess (RFC 3261 19.3).
    pub(crate) fn new_tag(&mut self) -> [u8; 16] {
        hex::of_u64(self.entropy.next_u64())
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("shard", &self.shard)
            .finish_non_exhaustive()
    }
}

/// Reloads that change the listeners whose former names are remembered.
const FORMER: usize = 8;

const SHARD_MASK: u64 = (1 << 48) - 1;
