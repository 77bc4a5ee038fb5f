//! The health of upstreams: what is sent to learn of it, and what is made of what comes back or does not.

pub(super) mod places;

use super::{Engine, shard_of};
use crate::event::{Decision, Event, Level};
use crate::flow::{Destination, Flow};
use crate::loops;
use crate::outbox::Outbox;
use crate::proxy::BranchId;
use crate::share::Word;
use crate::time::{Instant, Now};
use crate::transaction::TransactionId;
use crate::upstream::{Change, Place, Probe, Probes};
use bellhop_wire::{HeaderId, Limits, Message, Method, Owned};
use std::time::Duration;

impl Engine {
    /// When the next probe is due; only one shard probes.
    pub(super) fn next_probe(&self) -> Option<Instant> {
        self.probes.next()
    }

    /// Sends the probes that are due. One that is not answered by then has failed.
    pub(super) fn probe_deadlines(&mut self, now: Now, out: &mut Outbox) {
        if std::mem::take(&mut self.probes_changed) {
            let (names, config) = (&self.names, &self.config);
            let is_there = |place: &Place| names.target_at(place.0, place.1) == Some(*place);
            self.shared.health.keep(is_there);
            self.probes = Probes::new(config, &self.probes, now.instant);
        }
        while let Some(probe) = self.probes.due(now.instant) {
            if let Some((_, client)) = probe.flying {
                self.table.abandon(client);
                self.probe_failed(now, &probe, out);
            }
            if self.send_probe(now, &probe, out).is_none() {
                self.probe_failed(now, &probe, out);
            }
            self.tell_to_sample(probe.place, out);
        }
    }

    /// A response to a probe: the PBX is there, whatever it says, but for a 503 (RFC 3261 11.2, 21.5.4).
    pub(crate) fn probe_answered(
        &mut self,
        now: Now,
        number: u64,
        response: Message<'_>,
        out: &mut Outbox,
    ) {
        let status = response.status().unwrap_or(0);
        if status < 200 {
            return;
        }
        let Some(probe) = self.probes.landed(number) else {
            return;
        };
        let took = now.instant.since(probe.sent);
        let is_first = self.shared.health.latency(probe.place).is_none();
        self.shared.health.took(probe.place, took);
        let wait = (status == 503).then(|| rest_of(response).unwrap_or(BUSY));
        let has_missed = self.probes.answered(probe.place);
        let change = self.shared.health.answered(now, probe.place, wait);
        self.tell_health(probe.place, change, response, out);
        if is_first {
            // What an earlier program had moved from there belongs there again.
            self.tell_well(probe.place, out);
        }
        // A restart may take no longer than one probe waits.
        let change = match (change, wait) {
            (None, None) if has_missed => Some(Change::Up { was_down: true }),
            (change, _) => change,
        };
        self.registrar_came_back(now, probe.place, change, out);
    }

    /// A probe could not be sent, or ran out of time.
    pub(crate) fn probe_lost(&mut self, now: Now, number: u64, out: &mut Outbox) {
        if let Some(probe) = self.probes.landed(number) {
            self.probe_failed(now, &probe, out);
        }
    }

    /// What a response to somebody's request shows of the target that it was sent to.
    pub(crate) fn heard_of(
        &mut self,
        now: Now,
        to: Option<Destination>,
        response: Message<'_>,
        out: &mut Outbox,
    ) {
        let is_busy = response.status() == Some(503);
        if !is_busy && !self.shared.health.is_watching() {
            return;
        }
        if let Some(place) = self.target_at(to) {
            self.heard_at(now, place, response, out);
        }
    }

    /// The first response to somebody's request that was sent to a target then.
    pub(crate) fn time_answer(&self, now: Instant, to: Option<Destination>, sent: Instant) {
        if let Some(place) = self.target_at(to) {
            self.shared.health.took(place, now.since(sent));
        }
    }

    /// As [`Engine::heard_of`], of a response that came from this target.
    pub(super) fn heard_at(
        &mut self,
        now: Now,
        place: Place,
        response: Message<'_>,
        out: &mut Outbox,
    ) {
        let is_busy = response.status() == Some(503);
        // A 503 that does not say for how long speaks of its request alone.
        let wait = is_busy.then(|| rest_of(response)).flatten();
        let change = self.shared.health.answered(now, place, wait);
        self.tell_health(place, change, response, out);
        self.registrar_came_back(now, place, change, out);
    }

    /// A request got no response, or could not be sent.
    pub(crate) fn missed(
        &mut self,
        now: Now,
        to: Option<Destination>,
        request: Message<'_>,
        out: &mut Outbox,
    ) {
        let Some(place) = self.target_at(to) else {
            return;
        };
        let is_probed = self.is_probed(place);
        let change = self.shared.health.silent(now, place, is_probed);
        self.tell_health(place, change, request, out);
        self.tell_down(place, change, out);
    }

    /// What rang at a target that is down now rings no more, and subscriptions that are there move: all shards are told.
    /// Only of one that is probed; another's silence to three requests may be its opinion of these.
    fn tell_down(&self, place: Place, change: Option<Change>, out: &mut Outbox) {
        let is_down = matches!(change, Some(Change::Down { .. }));
        if !is_down || !self.is_probed(place) {
            return;
        }
        self.tell_shards(&Word::Down(place), out);
    }

    fn is_probed(&self, place: Place) -> bool {
        self.config.upstreams.iter().any(|upstream| {
            let is_it = |t: &crate::config::UpstreamTarget| (t.transport, t.remote) == place;
            upstream.probe.is_some() && upstream.targets.iter().any(is_it)
        })
    }

    /// The configured target that a request went to.
    pub(crate) fn target_at(&self, to: Option<Destination>) -> Option<Place> {
        let Destination::Address {
            transport, remote, ..
        } = to?
        else {
            return None;
        };
        self.names.target_at(transport, remote)
    }

    fn probe_failed(&mut self, now: Now, probe: &Probe, out: &mut Outbox) {
        self.probes.missed(probe.place);
        let change = self.shared.health.silent(now, probe.place, true);
        if change.is_none() {
            return;
        }
        let bytes = self.probe_text(probe, b"z9hG4bK", 0).unwrap_or_default();
        if let Ok(request) = Owned::parse(&bytes, &Limits::default()) {
            self.tell_health(probe.place, change, request.message(), out);
        }
        self.tell_down(probe.place, change, out);
    }

    fn send_probe(&mut self, now: Now, probe: &Probe, out: &mut Outbox) -> Option<()> {
        let id = BranchId {
            context: self.contexts.reserve(),
            index: BranchId::PROBE,
        };
        let (transport, remote) = probe.place;
        let to = self.names.destination(transport, remote)?;
        // Its answer must come to this shard: each Call-ID is right with a chance of one in as many as there are.
        let shards = usize::from(self.config.registrar.leases.shards);
        let (branch, bytes) = (0..MOST_TRIES).find_map(|_| {
            let branch = loops::branch(self.entropy.next_u64(), 0);
            let bytes = self.probe_text(probe, &branch, id.context)?;
            (shard_of(&bytes, shards) == usize::from(self.shard)).then_some((branch, bytes))
        })?;
        let (at, method) = (now.instant, Method::Options);
        let owner = id.owner();
        let client: TransactionId = self
            .table
            .create_client(at, method, &branch, &bytes, to, owner, out)?;
        self.probes.sent(at, probe.place, id.context, client);
        Some(())
    }

    /// OPTIONS for the PBX itself (RFC 3261 11.1).
    fn probe_text(&self, probe: &Probe, branch: &[u8], number: u64) -> Option<Vec<u8>> {
        let (transport, remote) = probe.place;
        let to = self.names.destination(transport, remote)?;
        let us = std::str::from_utf8(self.names.sent_by(to.listener())?).ok()?;
        let branch = std::str::from_utf8(branch).ok()?;
        let (host, via) = (&probe.host, transport.via_token());
        let is_udp = !transport.is_reliable();
        let parameter = match is_udp {
            true => String::new(),
            false => format!(";transport={}", transport.uri_token()),
        };
        let rport = if is_udp { ";rport" } else { "" };
        let shard = self.in_shard(0) >> 48;
        let tag = format!("{number:x}");
        Some(
            format!(
                "OPTIONS sip:{host}{parameter} SIP/2.0\r\n\
                 Via: SIP/2.0/{via} {us};branch={branch}{rport}\r\n\
                 Max-Forwards: 70\r\n\
                 From: <sip:{us}>;tag=probe{tag}\r\n\
                 To: <sip:{host}>\r\n\
                 Call-ID: probe{tag}.{shard}.{branch}\r\n\
                 CSeq: 1 OPTIONS\r\n\
                 User-Agent: Bellhop\r\n\
                 Content-Length: 0\r\n\r\n"
            )
            .into_bytes(),
        )
    }

    fn tell_health(
        &self,
        place: Place,
        change: Option<Change>,
        about: Message<'_>,
        out: &mut Outbox,
    ) {
        let Some(change) = change else {
            return;
        };
        let (transport, remote) = place;
        let Some(to) = self.names.destination(transport, remote) else {
            return;
        };
        let upstream = self.names.upstream_to(transport, remote);
        let upstream = upstream.and_then(|number| self.config.upstreams.get(number));
        let name = upstream.map_or("?", |upstream| upstream.name.as_str());
        let what = match change {
            Change::Down { silent } if self.probes.has(place) => {
                format!("is down: no answer for {silent} probes or requests")
            }
            Change::Down { silent } => format!("is down: no answer to {silent} requests"),
            Change::Draining(rest) => {
                format!("wants to be left alone for {} s", rest.as_secs())
            }
            Change::Up { .. } => "is up again".to_owned(),
        };
        let flow = Flow {
            listener: to.listener(),
            transport,
            remote,
            connection: None,
        };
        let token = transport.uri_token();
        let text = format!("{name} target {remote} {token} {what}");
        let decision = Decision::Upstream(text);
        out.events
            .push(Event::about(about, flow, Level::Warn, 0, decision));
    }
}

/// For how long a 503 asks (RFC 3261 20.33); `None`: it does not say.
fn rest_of(response: Message<'_>) -> Option<Duration> {
    let seconds = response.number(HeaderId::RetryAfter).ok()??;
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}

/// How long a target rests whose probe is answered 503 and that does not say for how long.
const BUSY: Duration = Duration::from_secs(5);
/// Call-IDs that are tried: more than enough for any number of shards.
const MOST_TRIES: u32 = 100_000;
