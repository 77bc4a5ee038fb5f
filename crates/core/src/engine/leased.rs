//! REGISTERs of phones whose AoR has leases at the PBX: those that change nothing there are answered at once,
//! the others wait for the PBX, though not for long.

use super::Engine;
use super::local::Received;
use crate::flow::{ConnectionId, Destination, Flow};
use crate::lease::{Count, Demand, Fate, Mode, Need, Outcome, Slot, Want};
use crate::outbox::{Outbox, Ticket};
use crate::proxy::BranchId;
use crate::registrar::{
    Aor, Binding, Bindings, Change, ChangeKind, Registered, RegistrarConfig, overtakes, plan,
};
use crate::routing::Proof;
use crate::time::{Instant, Now};
use crate::transaction::TransactionId;
use ahash::RandomState;
use bellhop_wire::reply::reason as usual_reason;
use bellhop_wire::{Message, Owned, UriRef};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The REGISTERs of one shard that wait for the PBX, in their transactions.
#[derive(Debug)]
pub(super) struct Parked {
    live: HashMap<u64, Box<Waiting>, RandomState>,
    held: usize,
}

#[derive(Debug)]
struct Waiting {
    aor: Aor,
    request: Owned,
    flow: Flow,
    server: TransactionId,
    proof: Proof,
    longest: Option<u32>,
    /// The connection that it came over has gone.
    is_cut: bool,
    /// A later REGISTER has taken back what it would bind.
    is_overtaken: bool,
}

/// A REGISTER with all that has been found out about it.
pub(super) struct Registering<'a> {
    pub(super) proof: &'a Proof,
    pub(super) aor: Aor,
    /// What a policy allows at most, in seconds.
    pub(super) longest: Option<u32>,
    pub(super) mode: Mode,
}

impl Default for Parked {
    fn default() -> Self {
        Self {
            // Keys are numbers of our own.
            live: HashMap::with_hasher(RandomState::with_seeds(1, 2, 3, 4)),
            held: 0,
        }
    }
}

impl Parked {
    fn put(&mut self, id: u64, waiting: Waiting) {
        self.held = self.held.saturating_add(waiting.weight());
        self.live.insert(id, Box::new(waiting));
    }

    fn take(&mut self, id: u64) -> Option<Box<Waiting>> {
        let waiting = self.live.remove(&id)?;
        self.held = self.held.saturating_sub(waiting.weight());
        Some(waiting)
    }

    /// A connection has gone: what came over it binds nobody any more.
    pub(super) fn cut(&mut self, connection: ConnectionId) {
        for waiting in self.live.values_mut() {
            waiting.is_cut |= waiting.flow.connection == Some(connection);
        }
    }

    /// A REGISTER that takes something back has been applied: what waits and came before it binds that no more.
    pub(super) fn overtake(&mut self, aor: &Aor, later: Message<'_>, config: &RegistrarConfig) {
        let of_it = self.live.values_mut().filter(|waiting| waiting.aor == *aor);
        for waiting in of_it {
            waiting.is_overtaken |= overtakes(later, waiting.request.message(), config);
        }
    }

    /// How many bytes they hold, about.
    pub(super) fn held(&self) -> usize {
        self.held
    }
}

impl Waiting {
    fn weight(&self) -> usize {
        let request = self.request.message().bytes().len();
        request
            .saturating_add(size_of::<Self>())
            .saturating_add(ENTRY)
    }
}

impl Engine {
    /// A REGISTER in a mode with leases, when it comes.
    pub(super) fn register_leased(
        &mut self,
        now: Now,
        received: &Received<'_>,
        registering: Registering<'_>,
        out: &mut Outbox,
    ) {
        let Registering {
            aor, longest, mode, ..
        } = &registering;
        let config = self.registrar_config(received, *longest, *mode);
        let config = config.as_deref().unwrap_or(&self.config.registrar);
        let is_ours = |contact: &UriRef<'_>| self.names.is_own_contact(contact);
        let location = &self.shared.location;
        let (request, flow) = ((received.message, received.cseq()), received.flow);
        let planned = plan(now.instant, location, config, aor, request, flow, is_ours);
        let planned = match planned {
            Ok(planned) => planned,
            Err(refusal) => return self.refuse_register(received, &refusal, out),
        };
        let wants = self.wants(now.instant, aor, *mode, &planned);
        if !wants.is_empty() {
            return self.wait_for_pbx(now, received, registering, wants, out);
        }
        if !planned.changes.is_empty() {
            self.shared.leases.count(Count::Absorbed);
        }
        let Registering { aor, longest, .. } = registering;
        self.apply_register(now, received, aor, longest, out);
    }

    /// A REGISTER whose demand has come to an end.
    pub(super) fn register_decided(
        &mut self,
        now: Now,
        received: &Received<'_>,
        registering: Registering<'_>,
        fate: Fate,
        out: &mut Outbox,
    ) {
        let Registering {
            aor, longest, mode, ..
        } = registering;
        let bound = match fate {
            Fate::Refused { status, reason } => {
                // The PBX's own words are of the inside.
                let is_hidden = self.joins_all();
                let usual = is_hidden.then(|| usual_reason(status));
                return self.refuse(received, status, usual.unwrap_or(&reason), out);
            }
            // What the PBX grants bounds what is promised, where nobody but the phone refreshes it.
            Fate::Held(seconds) if mode == Mode::Mirror => Some(seconds),
            Fate::Held(_) => None,
            Fate::Later(wait) => {
                self.shared.leases.count(Count::Later);
                Some(self.soon(wait))
            }
        };
        let longest = match (longest, bound) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        self.apply_register(now, received, aor, longest, out);
    }

    /// A phone that the PBX has not heard of yet comes again when it should have, and not with all others.
    fn soon(&mut self, wait: Duration) -> u32 {
        let least = self.config.registrar.min_expires;
        let wait = wait.max(least).as_secs().max(1);
        let spread = self.entropy.next_u64().checked_rem(wait).unwrap_or(0);
        u32::try_from(wait.saturating_add(spread)).unwrap_or(u32::MAX)
    }

    /// What a REGISTER wants of the PBX before it is answered; nothing if the PBX need not hear of it. What it
    /// removes is seen to afterwards: that cannot be refused.
    fn wants(
        &self,
        now: Instant,
        aor: &Aor,
        mode: Mode,
        planned: &Registered,
    ) -> SmallVec<[Want; 1]> {
        let mut wants: SmallVec<[Want; 1]> = SmallVec::new();
        let bound = planned.changes.iter();
        for Change { binding, .. } in bound.filter(|change| change.kind != ChangeKind::Removed) {
            let slot = self.slot_of(aor, binding);
            let need = match mode {
                Mode::Mirror => {
                    let left = binding.remaining(now).as_secs();
                    Need::Renew(u32::try_from(left).unwrap_or(u32::MAX))
                }
                _ if self.shared.leases.is_good(now, slot.device()) => {
                    match mode == Mode::Contact && self.is_shown_otherwise(slot, binding) {
                        true => Need::Again,
                        false => continue,
                    }
                }
                _ => Need::Bind,
            };
            if !wants.iter().any(|want| want.slot == slot) {
                wants.push(Want {
                    slot,
                    need,
                    expected: Some(Arc::clone(binding)),
                });
            }
        }
        wants
    }

    /// Whether the PBX was shown another Contact of a phone than it has now.
    fn is_shown_otherwise(&self, slot: Slot, binding: &Binding) -> bool {
        let leases = &self.shared.leases;
        self.config.registrar.leases.with_path
            && !leases.takes_no_path()
            && leases.view(slot.device()).is_some_and(|view| {
                let shown = binding.shown();
                shown.is_some() && view.shown.as_deref() != shown.as_deref()
            })
    }

    /// What a REGISTER that was applied means to the leases of what it removed.
    pub(super) fn check_removed(&self, aor: &Aor, changes: &[Change], out: &mut Outbox) {
        let removed = changes.iter().filter(|c| c.kind == ChangeKind::Removed);
        let mut slots: SmallVec<[Slot; 2]> = SmallVec::new();
        for change in removed {
            let slot = self.slot_of(aor, &change.binding);
            if !slots.contains(&slot) {
                slots.push(slot);
            }
        }
        let settings = &self.config.registrar.leases;
        if slots.is_empty() || !settings.mode_of(aor.domain()).has_leases() {
            return;
        }
        let want = |slot| Want {
            slot,
            need: Need::Check,
            expected: None,
        };
        out.demands.push(Demand {
            ticket: None,
            home: self.config.registrar.leases.home_of(aor),
            aor: aor.clone(),
            wants: slots.into_iter().map(want).collect(),
        });
    }

    /// The PBX has found nobody for a call to this AoR, though it is thought to have a lease of it: it may have
    /// forgotten that. A phone that says so itself costs a REGISTER.
    pub(crate) fn doubt_leases(
        &self,
        now: Instant,
        to: Option<Destination>,
        request: Message<'_>,
        out: &mut Outbox,
    ) {
        let is_from = |place| self.is_registrar(place);
        let uri = UriRef::parse(request.uri()).ok();
        let domain = uri.and_then(|uri| self.names.domain_of(&uri));
        let aor = uri.zip(domain).and_then(|(uri, d)| Aor::new(&uri, d));
        let (Some(aor), true) = (aor, self.target_at(to).is_some_and(is_from)) else {
            return;
        };
        let mut bindings = Bindings::new();
        self.shared.location.lookup(now, &aor, &mut bindings);
        let slots = bindings.iter().map(|binding| self.slot_of(&aor, binding));
        let mut wants: SmallVec<[Want; 1]> = SmallVec::new();
        for slot in slots.filter(|slot| self.shared.leases.is_good(now, slot.device())) {
            if !wants.iter().any(|want| want.slot == slot) {
                wants.push(Want {
                    slot,
                    need: Need::Again,
                    expected: None,
                });
            }
        }
        if !wants.is_empty() {
            out.demands.push(Demand {
                ticket: None,
                home: self.config.registrar.leases.home_of(&aor),
                aor,
                wants,
            });
        }
    }

    /// Keeps a REGISTER in its transaction, so that copies are absorbed, until the home shard has an answer.
    fn wait_for_pbx(
        &mut self,
        now: Now,
        received: &Received<'_>,
        registering: Registering<'_>,
        wants: SmallVec<[Want; 1]>,
        out: &mut Outbox,
    ) {
        let Registering {
            proof,
            aor,
            longest,
            ..
        } = registering;
        self.table
            .count_besides(self.contexts.held().saturating_add(self.parked.held()));
        let server = received.server.or_else(|| {
            let (message, to) = (received.message, received.reply_to);
            self.table
                .create_server(now.instant, message, &received.via?, to, None)
        });
        let Some(server) = server else {
            return self.refuse_full(received, out);
        };
        let id = BranchId {
            context: self.contexts.reserve(),
            index: BranchId::PARKED,
        };
        let waiting = Waiting {
            aor: aor.clone(),
            request: received.message.to_owned(),
            flow: received.flow,
            server,
            proof: proof.clone(),
            longest,
            is_cut: false,
            is_overtaken: false,
        };
        self.parked.put(id.context, waiting);
        self.deadlines.set(id, now.instant.after(PATIENCE));
        out.demands.push(Demand {
            ticket: Some(Ticket(self.in_shard(id.pack()))),
            home: self.config.registrar.leases.home_of(&aor),
            aor,
            wants,
        });
    }

    /// The end of a demand ([`Outbox::outcomes`]).
    pub fn outcome(&mut self, now: Now, outcome: Outcome, out: &mut Outbox) {
        let first = out.transmits.len();
        let id = BranchId::unpack(outcome.ticket.0 & super::SHARD_MASK);
        if id.index == BranchId::PARKED {
            self.deadlines.cancel(&id);
            self.unpark(now, id.context, outcome.fate, out);
        }
        self.finish(now, first, out);
    }

    /// Answers a REGISTER that has waited.
    pub(crate) fn unpark(&mut self, now: Now, id: u64, fate: Fate, out: &mut Outbox) {
        let Some(waiting) = self.parked.take(id) else {
            return;
        };
        let message = waiting.request.message();
        let mut received = self.received(now, message, waiting.flow);
        let ends = message.ends().ok();
        received.ends = ends.as_ref();
        received.is_proven = true;
        received.server = Some(waiting.server);
        // It could be read before it waited.
        let Ok(uri) = UriRef::parse(message.uri()) else {
            return;
        };
        if waiting.is_cut {
            return self.refuse(&received, 503, "The connection has gone", out);
        }
        if waiting.is_overtaken {
            return self.refuse(&received, 500, "CSeq out of order", out);
        }
        let (proof, longest) = (&waiting.proof, waiting.longest);
        self.register(now, &received, &uri, proof, longest, Some(fate), out);
    }
}

/// How long a phone waits for the PBX: below the time after which it would send its REGISTER a third time.
pub(crate) const PATIENCE: Duration = Duration::from_millis(2_500);
/// What the table takes for each besides, about.
const ENTRY: usize = 64;
