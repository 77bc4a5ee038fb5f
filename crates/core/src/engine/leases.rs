//! Registrations of our own at the PBX: what a shard's leases want sent, and what comes back.

use super::{Engine, Shared};
use crate::auth::upstream::{At, Login};
use crate::config::{Config, UpstreamTarget};
use crate::event::{Decision, Level};
use crate::flow::Flow;
use crate::lease::read_answer;
use crate::lease::{Around, Demand, Flight, Granted, Need, Settled, Slot, Slots, Want};
use crate::outbox::Outbox;
use crate::registrar::{Aor, Binding};
use crate::time::{Instant, Now};
use crate::upstream::{Change, Place, State};
use bellhop_wire::{HeaderId, Message, Start};
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::Duration;

impl Engine {
    /// What a shard wants of the leases of an AoR whose home this shard is ([`Outbox::demands`]).
    pub fn demand(&mut self, now: Now, demand: Demand, out: &mut Outbox) {
        let first = out.transmits.len();
        let around = around(now.instant, &self.shared, &self.config);
        self.leases.demand(around, demand, &mut out.outcomes);
        self.lease_turns(now, out);
        self.finish(now, first, out);
    }

    /// The PBX may have forgotten what it had: every lease of this shard is registered anew, at the
    /// configured pace.
    pub fn resync(&mut self, now: Now, out: &mut Outbox) {
        let first = out.transmits.len();
        let around = around(now.instant, &self.shared, &self.config);
        self.leases.resync(around, &mut out.outcomes);
        self.lease_turns(now, out);
        self.finish(now, first, out);
    }

    /// Has the leases of all bindings that are there registered: after a start with bindings that were kept, and
    /// when the configuration has changed.
    fn review_leases(&mut self, now: Now, out: &mut Outbox) {
        let settings = &self.config.registrar.leases;
        let around = around(now.instant, &self.shared, &self.config);
        self.leases.review(around, &mut out.outcomes);
        if settings.is_on() {
            let own = |aor: &Aor| {
                settings.home_of(aor) == self.shard && settings.mode_of(aor.domain()).has_leases()
            };
            let (bound, _) = self.shared.location.list(now.instant, usize::MAX, own);
            for (aor, bindings) in bound {
                let slots = bindings.iter().map(|b| self.slot_of(&aor, b));
                let want = |slot| Want {
                    slot,
                    need: Need::Bind,
                    expected: None,
                };
                let demand = Demand {
                    ticket: None,
                    home: self.shard,
                    wants: slots.map(want).collect(),
                    aor,
                };
                self.leases.demand(around, demand, &mut out.outcomes);
            }
        }
        self.lease_turns(now, out);
    }

    /// The slot of a binding.
    pub(super) fn slot_of(&self, aor: &Aor, binding: &Binding) -> Slot {
        match self.config.registrar.leases.mode_of(aor.domain()) {
            crate::lease::Mode::Aor => Slot::Whole(self.shared.location.whole(aor)),
            _ => Slot::Phone(binding.device()),
        }
    }

    /// Bindings have gone without a REGISTER: has their leases looked at.
    pub(super) fn check_leases(&self, lost: &[(Aor, Arc<Binding>)], out: &mut Outbox) {
        let settings = &self.config.registrar.leases;
        for (aor, binding) in lost {
            if settings.mode_of(aor.domain()).has_leases() {
                let want = Want {
                    slot: self.slot_of(aor, binding),
                    need: Need::Check,
                    expected: None,
                };
                out.demands.push(Demand {
                    ticket: None,
                    home: settings.home_of(aor),
                    aor: aor.clone(),
                    wants: SmallVec::from_iter([want]),
                });
            }
        }
    }

    /// Serves the leases whose time has come.
    pub(super) fn lease_deadlines(&mut self, now: Now, out: &mut Outbox) {
        if std::mem::take(&mut self.leases_changed) {
            self.review_leases(now, out);
        }
        if std::mem::take(&mut self.pbx_changed) {
            self.resync(now, out);
        }
        if self.leases.next().is_some_and(|next| next <= now.instant) {
            let around = around(now.instant, &self.shared, &self.config);
            self.leases.due(around, &mut out.outcomes);
            self.lease_turns(now, out);
        }
    }

    /// A target that was down answers. If it is one that our registrations go to, it may have been restarted:
    /// they are made anew, those of other shards as soon as these look.
    pub(super) fn registrar_came_back(
        &mut self,
        now: Now,
        place: Place,
        change: Option<Change>,
        out: &mut Outbox,
    ) {
        let is_back = change == Some(Change::Up { was_down: true });
        if is_back {
            self.tell_back(place, out);
        }
        // One that was only left alone has forgotten nothing, but what went to another meanwhile belongs there.
        if matches!(change, Some(Change::Up { .. })) {
            self.tell_well(place, out);
        }
        if is_back && self.config.registrar.leases.is_on() && self.is_registrar(place) {
            self.shared.leases.next_epoch();
            self.lease_turns(now, out);
        }
    }

    /// Whether our registrations go there.
    pub(super) fn is_registrar(&self, place: Place) -> bool {
        let number = self.config.default_upstream;
        let registrar = number.and_then(|number| self.config.upstreams.get(number));
        let is_it = |target: &UpstreamTarget| (target.transport, target.remote) == place;
        registrar.is_some_and(|registrar| registrar.targets.iter().any(is_it))
    }

    /// The PBX's answer to a REGISTER of ours.
    pub(crate) fn lease_response(
        &mut self,
        now: Now,
        id: u64,
        response: Message<'_>,
        flow: Flow,
        out: &mut Outbox,
    ) {
        let status = response.status().unwrap_or(0);
        if let Some(place) = self.names.target_at(flow.transport, flow.remote) {
            self.heard_at(now, place, response, out);
        }
        let Some((lease, asked)) = self.leases.flying(id).filter(|_| status >= 200) else {
            return;
        };
        let (aor, slot) = (lease.aor.clone(), lease.slot);
        if status == 423
            && asked > 0
            && let Ok(Some(least)) = response.number(HeaderId::MinExpires)
            && self.leases.raise_least(least) > asked
        {
            return self.fly(now, id, out);
        }
        if matches!(status, 401 | 407) && self.lease_challenged(id, &aor, response, &flow) {
            return self.fly(now, id, out);
        }
        if let Some((login, upstream)) = self.lease_login(&aor).filter(|_| status < 300) {
            let upstream = upstream.as_str();
            let login = &login;
            self.shared
                .upstream_auth
                .learn(At { login, upstream }, response);
        }
        if asked > 0 && self.lease_path_refused(id, response, status, &flow, out) {
            return self.fly(now, id, out);
        }
        let shown = self
            .leases
            .flying(id)
            .and_then(|(lease, _)| lease.giving.phone.clone());
        let slots = &self.shared.leases;
        let settled = settled(slots, response, status, (slot, shown.as_deref()), asked);
        let (level, what) = match &settled {
            Settled::Granted(_) if asked == 0 => (Level::Debug, "taken down".to_owned()),
            Settled::Granted(seconds) => (Level::Debug, format!("granted for {seconds} s")),
            Settled::Refused(_, reason) => (Level::Warn, format!("refused: {reason}")),
            Settled::Silent(_) => (Level::Warn, "the PBX cannot take it now".to_owned()),
        };
        out.tell(response, flow, level, status, || {
            Decision::Lease(format!("{}: {what}", aor.as_str()))
        });
        self.lease_settled(now, id, settled, out);
    }

    /// Whether the PBX has shown by this answer that it takes no Path: by a 420 (RFC 3327 5.3), or by a 200 without it, to
    /// one of a phone's Contact. From now on it is shown ours.
    fn lease_path_refused(
        &mut self,
        id: u64,
        response: Message<'_>,
        status: u16,
        flow: &Flow,
        out: &mut Outbox,
    ) -> bool {
        let is_ignored = (200..300).contains(&status) && response.first(HeaderId::Path).is_none();
        let Some((lease, _)) = self.leases.flying(id) else {
            return false;
        };
        if lease.giving.phone.is_none() || !(status == 420 || is_ignored) {
            return false;
        }
        if is_ignored {
            // It has that Contact now, and is told that it is none.
            lease.gift = lease.giving.clone();
        }
        if self.shared.leases.set_takes_no_path(true) {
            out.tell(response, *flow, Level::Warn, status, || {
                let what = match status {
                    420 => "refuses our Path (420)",
                    _ => "ignores our Path",
                };
                Decision::Lease(format!(
                    "the PBX {what}: it is registered at with our own Contact until the configuration changes; set \
                     support_path = yes in its aors, or profile = \"asterisk\" in [[upstream]]"
                ))
            });
        }
        true
    }

    /// What the PBX's challenges to the REGISTERs of an AoR are answered with, and at which upstream: its user's
    /// login there, else the upstream's own.
    pub(super) fn lease_login(&self, aor: &Aor) -> Option<(Arc<Login>, String)> {
        let upstream = self.config.upstreams.get(self.config.default_upstream?)?;
        let is_for_it = |login: &&Arc<Login>| {
            let named = login.upstream.as_ref();
            named.is_none_or(|name| *name == upstream.name)
        };
        let user = self.auth.users().with_login_of(aor);
        let own = user.and_then(|user| user.login()).filter(is_for_it);
        let login = own.or(upstream.login.as_ref())?;
        Some((Arc::clone(login), upstream.name.clone()))
    }

    /// The PBX wants credentials for a REGISTER of ours. Whether it is to be sent again, with an answer.
    fn lease_challenged(&mut self, id: u64, aor: &Aor, response: Message<'_>, flow: &Flow) -> bool {
        let Some(is_stale) = self.challenged_us(aor, response, flow) else {
            return false;
        };
        let Some((lease, _)) = self.leases.flying(id) else {
            return false;
        };
        let is_again = lease.tries.again(is_stale);
        if !is_again {
            self.forget_challenges(aor);
        }
        is_again
    }

    /// The PBX wants credentials for a request of ours in the name of an AoR: its challenge is kept. `None`: it cannot be
    /// answered, or is not the PBX's; else whether only the nonce was too old.
    pub(super) fn challenged_us(
        &self,
        aor: &Aor,
        response: Message<'_>,
        flow: &Flow,
    ) -> Option<bool> {
        let (from, _) = self.names.upstream_at(flow, None)?;
        if Some(from) != self.config.default_upstream {
            return None;
        }
        let (login, upstream) = &self.lease_login(aor)?;
        let auth = &self.shared.upstream_auth;
        auth.challenged(At { login, upstream }, response)
    }

    /// The PBX does not want what its challenges were answered with.
    pub(super) fn forget_challenges(&self, aor: &Aor) {
        if let Some((login, upstream)) = &self.lease_login(aor) {
            self.shared.upstream_auth.forget(At { login, upstream });
        }
    }

    /// A REGISTER of ours got no answer, or could not be sent.
    pub(crate) fn lease_failed(&mut self, now: Now, id: u64, out: &mut Outbox) {
        self.lease_settled(now, id, Settled::Silent(None), out);
    }

    fn lease_settled(&mut self, now: Now, id: u64, settled: Settled, out: &mut Outbox) {
        let around = around(now.instant, &self.shared, &self.config);
        self.leases.settle(around, id, settled, &mut out.outcomes);
        self.lease_turns(now, out);
    }

    /// Sends what may be sent now.
    pub(super) fn lease_turns(&mut self, now: Now, out: &mut Outbox) {
        loop {
            let around = around(now.instant, &self.shared, &self.config);
            match self.leases.turn(around, &mut out.outcomes) {
                Some(Flight { id, .. }) => self.fly(now, id, out),
                None => return,
            }
        }
    }
}

/// What leases look at.
pub(super) fn around<'a>(now: Instant, shared: &'a Shared, config: &'a Config) -> Around<'a> {
    let number = config
        .default_upstream
        .filter(|_| shared.health.is_watching());
    let registrar = number.and_then(|number| config.upstreams.get(number));
    let is_down = registrar.is_some_and(|registrar| {
        let mut targets = registrar.targets.iter();
        !targets.any(|target| is_up(now, shared, target))
    });
    Around {
        is_down,
        now,
        slots: &shared.leases,
        location: &shared.location,
        config: &config.registrar.leases,
    }
}

pub(super) fn is_up(now: Instant, shared: &Shared, target: &UpstreamTarget) -> bool {
    shared.health.state(now, (target.transport, target.remote)) == State::Up
}

fn settled(
    slots: &Slots,
    response: Message<'_>,
    status: u16,
    (slot, shown): (Slot, Option<&[u8]>),
    asked: u32,
) -> Settled {
    let refused = |status, reason: &str| Settled::Refused(status, reason.into());
    match status {
        200..=299 if asked == 0 => Settled::Granted(0),
        200..=299 => match read_answer(response, slot, shown, asked) {
            Granted::For(0) | Granted::Unlisted(0) => refused(500, "the PBX granted no time"),
            Granted::For(seconds) => {
                slots.set_lists(true);
                Settled::Granted(seconds)
            }
            // Not every registrar lists what is bound, as RFC 3261 10.3 wants it. One that does, and does not now, has
            // bound nothing.
            Granted::Unlisted(seconds) if !slots.lists() => Settled::Granted(seconds),
            Granted::Unlisted(_) | Granted::NotListed => {
                refused(500, "the PBX did not take our contact")
            }
        },
        // No phone ever sees the PBX's challenge.
        401 | 407 => refused(500, "the PBX does not take our credentials"),
        408 | 502 | 503 | 504 => {
            let seconds = response.number(HeaderId::RetryAfter).ok().flatten();
            let rest = seconds.map_or(BUSY, |seconds| Duration::from_secs(seconds.into()));
            Settled::Silent(Some(rest))
        }
        400..=699 => refused(status, &reason_of(response)),
        _ => refused(500, "the PBX sends us elsewhere"),
    }
}

/// The PBX's reason phrase, made safe to show.
fn reason_of(response: Message<'_>) -> String {
    let Start::Response { reason, .. } = response.start() else {
        return String::new();
    };
    let shown = reason.iter().take(MOST_REASON).map(|byte| match byte {
        b' '..=b'~' => char::from(*byte),
        _ => '?',
    });
    shown.collect()
}

/// How long a PBX is left alone that is busy and does not say for how long.
const BUSY: Duration = Duration::from_secs(5);
const MOST_REASON: usize = 80;
