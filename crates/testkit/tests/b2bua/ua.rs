//! A phone that sends again until it is answered (RFC 3261 17), and says what its plan says when it says it.

use crate::moved::elsewhere;
use crate::site::OFFER;
use bellhop_core::time::Instant;
use bellhop_testkit::{Chance, Peer, header_of, status_of};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

/// What a phone does, and when; `None`: not at all.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) calls: bool,
    has_offer: bool,
    cancels: Option<Duration>,
    rings: Option<Duration>,
    answers: Option<Duration>,
    refuses: Option<Duration>,
    holds: Option<Duration>,
    hangs_up: Duration,
    moves: bool,
}

impl Plan {
    pub(crate) fn random(chance: &mut Chance, calls: bool) -> Self {
        let mut at = |percent, below| {
            let is_so = chance.happens(percent);
            let after = Duration::from_millis(chance.below(below));
            is_so.then_some(after)
        };
        Self {
            calls,
            has_offer: at(70, 1).is_some(),
            cancels: at(30, 6_000),
            rings: at(80, 2_000),
            answers: at(85, 6_000),
            refuses: at(30, 6_000),
            holds: at(50, 4_000),
            hangs_up: Duration::from_millis(500)
                + at(100, if calls { 20_000 } else { 40_000 }).unwrap_or_default(),
            moves: at(40, 1).is_some(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Ua {
    pub(crate) peer: Peer,
    pub(crate) plan: Plan,
    pub(crate) sends: Vec<String>,
    /// INVITEs outside a dialog that were not copies of one.
    pub(crate) rung: usize,
    began: Option<Instant>,
    talks: Option<Instant>,
    is_over: bool,
    invite: String,
    /// The 2xx that made the dialog, of a caller.
    ok: String,
    cseq: u32,
    /// What waits for its response, by branch and method.
    waits: HashMap<(String, String), Wait>,
    /// What was answered, by branch and method.
    answered: HashMap<(String, String), String>,
    /// Of INVITEs that we accepted: sent again until their ACK comes.
    accepted: HashMap<u32, Wait>,
    /// ACKs of what was accepted by the other side, by CSeq number.
    acks: HashMap<u32, String>,
    has_cancelled: bool,
    has_rung: bool,
    has_answered: bool,
    has_held: bool,
    has_hung_up: bool,
    has_provisional: bool,
}

#[derive(Debug)]
struct Wait {
    bytes: String,
    next: Instant,
    interval: Duration,
    until: Instant,
    is_quiet: bool,
}

impl Ua {
    pub(crate) fn new(peer: Peer, plan: Plan) -> Self {
        Self {
            peer,
            plan,
            sends: Vec::new(),
            rung: 0,
            began: None,
            talks: None,
            is_over: false,
            invite: String::new(),
            ok: String::new(),
            cseq: 100,
            waits: HashMap::new(),
            answered: HashMap::new(),
            accepted: HashMap::new(),
            acks: HashMap::new(),
            has_cancelled: false,
            has_rung: false,
            has_answered: false,
            has_held: false,
            has_hung_up: false,
            has_provisional: false,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.peer.address
    }

    /// Whether it believes to be in a call.
    pub(crate) fn is_alive(&self) -> bool {
        self.talks.is_some() && !self.is_over
    }

    pub(crate) fn has_talked(&self) -> bool {
        self.talks.is_some()
    }

    /// Whether nothing more will come of it by itself.
    pub(crate) fn is_done(&self) -> bool {
        self.is_over && self.waits.is_empty() && self.accepted.is_empty()
    }

    pub(crate) fn act(&mut self, now: Instant) {
        let plan_calls = self.plan.calls;
        if plan_calls && self.began.is_none() {
            self.began = Some(now);
            let more = if self.plan.has_offer { OFFER } else { "" };
            self.invite = self
                .peer
                .request("INVITE", "sip:6001@example.org", "inside-call", more);
            let invite = self.invite.clone();
            self.ask(invite, now);
        }
        let since = |at: Option<Instant>| at.map(|at| now.since(at));
        let is_due = |after: Option<Duration>, at| matches!((after, since(at)), (Some(after), Some(since)) if since >= after);
        let is_ringing = self.began.is_some() && self.talks.is_none() && !self.is_over;
        if plan_calls
            && is_ringing
            && self.has_provisional
            && !self.has_cancelled
            && is_due(self.plan.cancels, self.began)
        {
            self.has_cancelled = true;
            let head = self.invite.split("Content-").next().unwrap_or_default();
            let cancel = head.replace("INVITE", "CANCEL") + "Content-Length: 0\r\n\r\n";
            self.ask(cancel, now);
        }
        if !plan_calls && is_ringing {
            if !self.has_rung && is_due(self.plan.rings, self.began) {
                self.has_rung = true;
                self.answer_invite(180, "Ringing", "", now);
            }
            if !self.has_answered && is_due(self.plan.refuses, self.began) {
                self.is_over = true;
                self.answer_invite(486, "Busy Here", "", now);
            } else if !self.has_answered && is_due(self.plan.answers, self.began) {
                self.has_answered = true;
                self.talks = Some(now);
                self.answer_invite(200, "OK", OFFER, now);
            } else if !self.has_answered && is_due(Some(Duration::from_secs(60)), self.began) {
                self.is_over = true;
                self.answer_invite(480, "Nobody", "", now);
            }
        }
        if self.is_alive() && !self.has_held && is_due(self.plan.holds, self.talks) {
            self.has_held = true;
            let hold = self.inside("INVITE", OFFER);
            self.ask(hold, now);
        }
        // 15: the called hangs up once what it said is acknowledged.
        if self.is_alive()
            && self.accepted.is_empty()
            && is_due(Some(self.plan.hangs_up), self.talks)
        {
            self.has_hung_up = true;
            self.is_over = true;
            let bye = self.inside("BYE", "");
            self.ask(bye, now);
        }
        self.send_again(now);
    }

    fn send_again(&mut self, now: Instant) {
        let sends = &mut self.sends;
        for wait in self.waits.values_mut().chain(self.accepted.values_mut()) {
            if wait.next <= now && !wait.is_quiet {
                sends.push(wait.bytes.clone());
                wait.interval = (wait.interval * 2).min(Duration::from_secs(4));
                wait.next = now.after(wait.interval);
            }
        }
        self.waits.retain(|_, wait| wait.until > now);
        let before = self.accepted.len();
        self.accepted.retain(|_, wait| wait.until > now);
        if self.accepted.len() < before {
            // 13.3.1.4: no ACK.
            self.plan.hangs_up = Duration::ZERO;
        }
    }

    pub(crate) fn hear(&mut self, message: &str, now: Instant) {
        if message.starts_with("SIP/2.0") {
            return self.hear_response(message, now);
        }
        let method = message.split(' ').next().unwrap_or_default();
        let (number, key) = (cseq_of(message), key_of(message, method));
        if method == "ACK" {
            self.accepted.remove(&number);
            return;
        }
        if let Some(answer) = self.answered.get(&key) {
            if !answer.is_empty() {
                self.sends.push(answer.clone());
            }
            return;
        }
        self.answered.insert(key.clone(), String::new());
        let is_inside = header_of(message, "To").contains(";tag=");
        let answer = match method {
            "INVITE" if !is_inside => {
                self.rung += 1;
                self.invite = message.to_owned();
                self.began = Some(now);
                return;
            }
            "CANCEL" => {
                if self.began.is_some() && self.talks.is_none() && !self.is_over {
                    self.is_over = true;
                    self.answer_invite(487, "Request Terminated", "", now);
                }
                self.peer.answer(message, 200, "OK", "")
            }
            "BYE" if self.talks.is_some() && !self.is_over => {
                self.is_over = true;
                self.accepted.clear();
                self.peer.answer(message, 200, "OK", "")
            }
            "OPTIONS" if self.is_alive() => self.peer.answer(message, 200, "OK", ""),
            "INVITE" if self.is_alive() => {
                let is_asking = self.waits.keys().any(|(_, method)| method == "INVITE");
                if is_asking || !self.accepted.is_empty() {
                    self.peer.answer(message, 491, "Request Pending", "")
                } else {
                    let elsewhere = elsewhere(number);
                    let sdp = if self.plan.moves { &elsewhere } else { OFFER };
                    let ok = self.peer.answer(message, 200, "OK", sdp);
                    self.accepted.insert(number, wait(ok.clone(), now));
                    ok
                }
            }
            _ => self.peer.answer(message, 481, "No dialog", ""),
        };
        self.answered.insert(key, answer.clone());
        self.sends.push(answer);
    }

    fn hear_response(&mut self, response: &str, now: Instant) {
        let status = status_of(response);
        let cseq = header_of(response, "CSeq");
        let method = cseq.split(' ').next_back().unwrap_or_default().to_owned();
        let key = key_of(response, &method);
        let number = cseq_of(response);
        if status < 200 {
            if method == "INVITE" {
                self.has_provisional = true;
                if let Some(wait) = self.waits.get_mut(&key) {
                    wait.is_quiet = true;
                    wait.until = now.after(Duration::from_secs(400));
                }
            }
            return;
        }
        let was_waiting = self.waits.remove(&key).is_some();
        if method != "INVITE" {
            return;
        }
        if status < 300 {
            if self.ok.is_empty() && self.plan.calls {
                self.ok = response.to_owned();
                self.talks = Some(now);
                if self.has_cancelled {
                    self.plan.hangs_up = Duration::ZERO;
                }
            }
            let ack = self.acks.get(&number).cloned().unwrap_or_else(|| {
                let body = if self.plan.has_offer || self.cseq > 100 {
                    ""
                } else {
                    OFFER
                };
                let ack = self.inside_with("ACK", number, body);
                self.acks.insert(number, ack.clone());
                ack
            });
            self.sends.push(ack);
        } else {
            if was_waiting && self.plan.calls && self.talks.is_none() {
                self.is_over = true;
            }
            if was_waiting && matches!(status, 408 | 481) {
                self.is_over = true;
            }
            let branch = header_of(response, "Via")
                .split("branch=")
                .nth(1)
                .unwrap_or_default();
            let branch = branch.split(';').next().unwrap_or_default();
            let ack = format!(
                "ACK sip:x@example.org SIP/2.0\r\nVia: SIP/2.0/UDP {};branch={branch};rport\r\n\
                 Max-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {number} ACK\r\n\
                 Content-Length: 0\r\n\r\n",
                self.peer.contact,
                header_of(response, "From"),
                header_of(response, "To"),
                header_of(response, "Call-ID"),
            );
            self.sends.push(ack);
        }
    }

    fn ask(&mut self, request: String, now: Instant) {
        let method = request.split(' ').next().unwrap_or_default().to_owned();
        self.sends.push(request.clone());
        self.waits
            .insert(key_of(&request, &method), wait(request, now));
    }

    fn answer_invite(&mut self, status: u16, reason: &str, more: &str, now: Instant) {
        let answer = self.peer.answer(&self.invite, status, reason, more);
        self.answered
            .insert(key_of(&self.invite, "INVITE"), answer.clone());
        if status == 200 {
            self.accepted
                .insert(cseq_of(&self.invite), wait(answer.clone(), now));
        }
        self.sends.push(answer);
    }

    /// A request inside the dialog.
    fn inside(&mut self, method: &str, more: &str) -> String {
        self.cseq += 1;
        self.inside_with(method, self.cseq, more)
    }

    fn inside_with(&mut self, method: &str, cseq: u32, more: &str) -> String {
        let (made, ends) = if self.plan.calls {
            (self.ok.clone(), ("From", "To"))
        } else {
            (self.invite.clone(), ("To", "From"))
        };
        let target = header_of(&made, "Contact")
            .trim_matches(['<', '>'])
            .to_owned();
        let remote = header_of(&made, ends.1).to_owned();
        let id = header_of(&made, "Call-ID").to_owned();
        let request = self
            .peer
            .in_dialog(method, &target, &remote, &id, cseq, more);
        let local = header_of(&made, ends.0).to_owned();
        let local = if local.contains(";tag=") {
            local
        } else {
            format!("{local};tag=t{}", self.peer.user)
        };
        let own = format!("From: {}", header_of(&request, "From"));
        request.replacen(&own, &format!("From: {local}"), 1)
    }
}

fn wait(bytes: String, now: Instant) -> Wait {
    let interval = Duration::from_millis(500);
    Wait {
        bytes,
        next: now.after(interval),
        interval,
        until: now.after(Duration::from_secs(32)),
        is_quiet: false,
    }
}

fn key_of(message: &str, method: &str) -> (String, String) {
    let branch = header_of(message, "Via")
        .split("branch=")
        .nth(1)
        .unwrap_or_default();
    let branch = branch.split(';').next().unwrap_or_default();
    (branch.to_owned(), method.to_owned())
}

fn cseq_of(message: &str) -> u32 {
    let number = header_of(message, "CSeq").split(' ').next();
    number.and_then(|n| n.parse().ok()).unwrap_or_default()
}
