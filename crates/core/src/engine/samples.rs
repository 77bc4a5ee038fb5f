//! Whether a PBX that answers its probes still knows what it should: beside each probe of a target every shard asks there about
//! one subscription that is there, and one registration. One that is restarted between two probes answers the next as if nothing had
//! been, and is found out by that.
//!
//! A subscription, of ours or relayed, is asked about by an OPTIONS in its dialog, with a CSeq number that was used. A PBX
//! that has no such dialog answers 481 (RFC 3261 12.2.2); one that has it answers otherwise, as a rule 500 for the
//! number, and nothing has changed for it. A registration is asked about by a REGISTER without a Contact (10.2.3), whose 200
//! lists what is bound.

mod unsaid;

use super::Engine;
use super::health::places::place_of;
use super::leases::around;
use super::sources::moves::is_at;
use crate::auth::upstream::{Asking, At};
use crate::config::UpstreamTarget;
use crate::event::{Decision, Level};
use crate::flow::{Destination, Flow};
use crate::lease::{Query, Sample, is_listed};
use crate::loops;
use crate::outbox::Outbox;
use crate::proxy::BranchId;
use crate::registrar::Device;
use crate::share::{Check, Dialog, Question, Source, Way, Word};
use crate::subscription::Seat;
use crate::time::Now;
use crate::upstream::{Change, Place, State};
use bellhop_wire::{Message, Method};

impl Engine {
    /// A probe goes out: all shards are to ask, if there is anything to ask about.
    pub(super) fn tell_to_sample(&self, place: Place, out: &mut Outbox) {
        let leases = &self.config.registrar.leases;
        let has_leases = leases.is_on() && self.shared.leases.counts().leases > 0;
        if has_leases || !self.shared.subscriptions.is_empty() {
            self.tell_shards(&Word::Sample(place), out);
        }
    }

    /// Asks about one subscription that is at this target, and one registration, of this shard. Nothing while something
    /// else is asked for, whose answer says as much.
    pub(super) fn take_samples(&mut self, now: Now, place: Place, out: &mut Outbox) {
        let is_due = self.shares.line.is_empty();
        if is_due && self.shared.health.is_well(place) {
            for down in self.down_beside(place) {
                self.subscriptions_down(now, down, out);
            }
        }
        if self.shared.health.state(now.instant, place) != State::Up {
            return;
        }
        if self.shares.line.is_empty() && self.shares.targets.at(place).rhythm.is_due(now.instant) {
            let number = self.ask_about_one(now, place, out);
            self.shares
                .targets
                .at(place)
                .rhythm
                .ask(now.instant, number);
        }
        // Which of several targets has a registration nobody knows.
        if self.only_target().as_ref().map(place_of) != Some(place) {
            return;
        }
        // It is a REGISTER, and the PBX hears no more than its rate of them.
        let may = self.shared.leases.lists() && self.shared.leases.is_free(now.instant);
        if may && self.shares.samples.lease.is_due(now.instant) {
            let number = self.sample_lease(now, None, out);
            self.shares.samples.lease.ask(now.instant, number);
        }
    }

    fn ask_about_one(&mut self, now: Now, place: Place, out: &mut Outbox) -> Option<u64> {
        let config = &self.config;
        let is_there = |source: &Source| is_at(config, source, place);
        if let Some(dialog) = self.shares.known_dialog(place, is_there).cloned() {
            let target = self.target_of(Some(place))?;
            return self.ask_in_dialog(now, &dialog, &target, Question::Dialog, out);
        }
        let is_there = |seat: Seat| self.place_today(seat.place) == Some(place);
        let shown = self
            .shared
            .subscriptions
            .next_relayed(self.shard, is_there)?;
        self.ask_relayed(now, shown, out)
    }

    /// Asks the PBX at a target whether it knows a dialog; the question's number.
    pub(super) fn ask_in_dialog(
        &mut self,
        now: Now,
        dialog: &Dialog,
        target: &UpstreamTarget,
        question: Question,
        out: &mut Outbox,
    ) -> Option<u64> {
        let to = self.names.destination(target.transport, target.remote)?;
        let branch = loops::branch(self.entropy.next_u64(), 0);
        let check = Check {
            way: Way {
                via: (to.transport(), self.names.sent_by(to.listener())?, &branch),
                at: self.names.call_back(&to)?,
            },
            dialog,
        };
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        check.write(&mut bytes);
        let sent = self.send_question(now, question, (Method::Options, to), (&branch, &bytes), out);
        self.scratch = bytes;
        sent
    }

    /// The PBX's final answer to a question.
    pub(super) fn asked_about(
        &mut self,
        now: Now,
        (number, question): (u64, Question),
        response: Message<'_>,
        flow: Flow,
        out: &mut Outbox,
    ) {
        let status = response.status().unwrap_or(0);
        match question {
            Question::Relayed(shown) => {
                self.relayed_checked(now, shown, status, out);
                self.dialog_sampled(number, response, flow, out);
            }
            Question::Dialog => {
                self.dialog_sampled(number, response, flow, out);
                self.dialog_left_open(now, response);
            }
            Question::Lease {
                of,
                before,
                is_second_try,
            } => {
                let asked = self.shares.samples.lease.take(number);
                let by = &of.aor;
                if matches!(status, 401 | 407) && !is_second_try {
                    if self.challenged_us(by, response, &flow).is_some() {
                        let number = self.ask_of_lease(now, of, before, true, out);
                        self.shares.samples.lease.ask(now.instant, number);
                    }
                } else if asked.is_some() && (200..300).contains(&status) {
                    self.lease_sampled(now, &of, before, (response, flow), out);
                }
            }
        }
    }

    /// There is no answer to a question.
    pub(super) fn not_answered_about(&mut self, number: u64) {
        self.shares.targets.take(number);
        self.shares.samples.lease.take(number);
    }

    /// The one target of the PBX. Of several nobody knows which one has what is not kept of it.
    pub(super) fn only_target(&self) -> Option<UpstreamTarget> {
        let upstream = self.registrar()?;
        match upstream.targets.as_slice() {
            [target] => Some(target.clone()),
            _ => None,
        }
    }

    fn dialog_sampled(&mut self, number: u64, response: Message<'_>, flow: Flow, out: &mut Outbox) {
        let targets = &mut self.shares.targets;
        let Some((place, asked)) = targets.take(number) else {
            return;
        };
        let is_known = response.status() != Some(481);
        targets.at(place).rhythm.judge(is_known);
        // All have been asked for since.
        let is_late = targets.looked_at(place).is_some_and(|at| at >= asked);
        if !is_known && !is_late {
            out.tell(response, flow, Level::Warn, 481, || {
                Decision::Subscription(
                    "the PBX does not know one that it had: all are asked for".to_owned(),
                )
            });
            self.tell_back(place, out);
        }
    }

    /// Asks about a registration, another than `before`.
    fn sample_lease(&mut self, now: Now, before: Option<Device>, out: &mut Outbox) -> Option<u64> {
        let of = self.leases.sample(before)?;
        let interval = self.config.registrar.leases.interval();
        self.shared.leases.reserve(now.instant, interval);
        self.ask_of_lease(now, of, before, false, out)
    }

    fn ask_of_lease(
        &mut self,
        now: Now,
        of: Sample,
        before: Option<Device>,
        is_second_try: bool,
        out: &mut Outbox,
    ) -> Option<u64> {
        let target = self.only_target()?;
        let to = self.names.destination(target.transport, target.remote)?;
        let call_id = self.own_call_id();
        let (tag, branch) = (self.new_tag(), loops::branch(self.entropy.next_u64(), 0));
        let mut more = Vec::new();
        if let Some((login, upstream)) = &self.lease_login(&of.aor) {
            let uri = [b"sip:", target.host.as_bytes()].concat();
            let asking = Asking {
                method: "REGISTER",
                uri: &uri,
                body: b"",
            };
            let at = At { login, upstream };
            let auth = &self.shared.upstream_auth;
            auth.put(at, asking, self.entropy.as_mut(), &mut more);
        }
        let query = Query {
            aor: &of.aor,
            registrar: &target.host,
            via: (to.transport(), self.names.sent_by(to.listener())?, &branch),
            tag: &tag,
            call_id: &call_id,
            more: &more,
        };
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        query.write(&mut bytes);
        let question = Question::Lease {
            of,
            before,
            is_second_try,
        };
        let sent = self.send_question(
            now,
            question,
            (Method::Register, to),
            (&branch, &bytes),
            out,
        );
        self.scratch = bytes;
        sent
    }

    /// What a 2xx says of a registration. One that is missing is made anew; if another one is missing, too, the PBX has
    /// forgotten them all.
    fn lease_sampled(
        &mut self,
        now: Now,
        of: &Sample,
        before: Option<Device>,
        (response, flow): (Message<'_>, Flow),
        out: &mut Outbox,
    ) {
        if is_listed(response, of.slot, of.shown.as_deref()) {
            return self.shares.samples.lease.judge(true);
        }
        let next = self.sample_lease_besides(now, of, before, out);
        let around = around(now.instant, &self.shared, &self.config);
        if !self.leases.is_lost(around, of, &mut out.outcomes) {
            return;
        }
        out.tell(response, flow, Level::Warn, 200, || {
            let what = match before {
                Some(_) => "all are made anew",
                None => "it is made anew",
            };
            let aor = of.aor.as_str();
            Decision::Lease(format!("{aor}: the PBX does not have it any more: {what}"))
        });
        if next.is_none() {
            self.shares.samples.lease.judge(false);
        }
        if before.is_some() {
            let change = Some(Change::Up { was_down: true });
            let place = self.names.target_at(flow.transport, flow.remote);
            if let Some(place) = place {
                self.registrar_came_back(now, place, change, out);
            }
        } else {
            self.lease_turns(now, out);
        }
    }

    fn sample_lease_besides(
        &mut self,
        now: Now,
        of: &Sample,
        before: Option<Device>,
        out: &mut Outbox,
    ) -> Option<u64> {
        if before.is_some() {
            return None;
        }
        let number = self.sample_lease(now, Some(of.slot.device()), out);
        self.shares.samples.lease.ask(now.instant, number);
        number
    }

    fn send_question(
        &mut self,
        now: Now,
        question: Question,
        (method, to): (Method<'_>, Destination),
        (branch, bytes): (&[u8], &[u8]),
        out: &mut Outbox,
    ) -> Option<u64> {
        let number = self.shares.question(question);
        let owner = BranchId {
            context: number,
            index: BranchId::SOURCE,
        }
        .owner();
        let at = now.instant;
        let sent = self
            .table
            .create_client(at, method, branch, bytes, to, owner, out);
        if sent.is_none() {
            self.shares.questions.remove(&number);
        }
        sent.map(|_| number)
    }
}
