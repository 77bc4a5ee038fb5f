//! A caller and a callee that do what RFC 3261 asks of a UA over a bad network: they repeat what must be
//! repeated, and stop when they are heard.

use super::common::*;
use bellhop_core::auth::Algorithm;
use bellhop_testkit::{Peer, World, header_of, status_of};
use std::collections::HashMap;

/// A message that is sent again until something is heard (17.1.1.2, 17.1.2.2, 13.3.1.4), in milliseconds.
#[derive(Debug)]
struct Repeat {
    text: String,
    next: u64,
    gap: u64,
    longest: u64,
    end: u64,
}

impl Repeat {
    fn new(text: String, now: u64, longest: u64) -> Self {
        Self {
            text,
            next: now,
            gap: T1,
            longest,
            end: now + 64 * T1,
        }
    }

    /// Sends it if it is time; whether its time is over.
    fn turn(&mut self, world: &mut World, peer: &Peer, now: u64) -> bool {
        if now >= self.next && now < self.end {
            say(world, peer, &self.text);
            self.next = now + self.gap;
            self.gap = (self.gap * 2).min(self.longest);
        }
        now >= self.end
    }
}

pub(crate) const T1: u64 = 500;
const T2: u64 = 4_000;

/// Who calls 6002, and hangs up some time after the answer if it is his turn to.
pub(crate) struct Caller {
    peer: Peer,
    /// The INVITE as it was sent last, and its copies while nothing has been heard.
    invite: String,
    asking: Option<Repeat>,
    is_authorized: bool,
    /// When he gives up.
    gives_up: Option<u64>,
    cancel: Option<Repeat>,
    has_cancelled: bool,
    is_ringing: bool,
    hangs_up: bool,
    /// When he hangs up, by the 200 that he has.
    talk: Option<(u64, String)>,
    /// BYEs in flight by their CSeq.
    byes: HashMap<u32, Repeat>,
    hung_up_on: Vec<String>,
    /// His final response.
    pub(crate) status: Option<u16>,
    /// When he first looked up and had it.
    pub(crate) ended: u64,
    /// The tag of who answered first.
    pub(crate) winner: Option<String>,
    /// His call is over at both ends.
    pub(crate) is_hung_up: bool,
}

impl Caller {
    pub(crate) fn new(mut peer: Peer, hangs_up: bool, gives_up: Option<u64>) -> Self {
        let invite = peer.request("INVITE", "sip:6002@example.org", "storm", "");
        Self {
            asking: Some(Repeat::new(invite.clone(), 0, u64::MAX)),
            peer,
            invite,
            is_authorized: false,
            gives_up,
            cancel: None,
            has_cancelled: false,
            is_ringing: false,
            hangs_up,
            talk: None,
            byes: HashMap::new(),
            hung_up_on: Vec::new(),
            status: None,
            ended: 0,
            winner: None,
            is_hung_up: false,
        }
    }

    /// He has his final response and waits for nothing.
    pub(crate) fn is_idle(&self) -> bool {
        let is_over = self.status.is_some_and(|s| s != 200) || self.is_hung_up;
        is_over && self.cancel.is_none() && self.byes.is_empty()
    }

    pub(crate) fn has_given_up(&self) -> bool {
        self.has_cancelled
    }

    pub(crate) fn turn(&mut self, world: &mut World, now: u64) {
        for message in world.drain(self.peer.address) {
            match status_of(&message) {
                0 => self.asked(world, &message),
                status => self.told(world, &message, status, now),
            }
        }
        let wants_end = self.gives_up.is_some_and(|at| now >= at) && self.is_ringing;
        if wants_end && self.status.is_none() && !self.has_cancelled {
            self.has_cancelled = true;
            let cancel = self.invite.replace("INVITE", "CANCEL");
            self.cancel = Some(Repeat::new(cancel, now, T2));
        }
        if let Some((_, ok)) = self.talk.take_if(|(at, _)| now >= *at) {
            self.hang_up(&ok, now);
        }
        let peer = &self.peer;
        if let Some(asking) = &mut self.asking
            && asking.turn(world, peer, now)
        {
            self.asking = None;
            self.status.get_or_insert(408);
        }
        self.cancel.take_if(|cancel| cancel.turn(world, peer, now));
        self.byes.retain(|_, bye| !bye.turn(world, peer, now));
        if self.status.is_none() {
            self.ended = now;
        }
    }

    /// A request reached him.
    fn asked(&mut self, world: &mut World, message: &str) {
        if message.starts_with("BYE ") {
            say(world, &self.peer, &self.peer.answer(message, 200, "OK", ""));
            // Every copy of the 200 was lost, and who answered has given up (13.3.1.4).
            self.status.get_or_insert(408);
            self.is_hung_up |= self.winner.as_deref() == tag_of(message, "From");
        }
    }

    /// A response reached him.
    fn told(&mut self, world: &mut World, message: &str, status: u16, now: u64) {
        let (number, method) = cseq(message);
        match method {
            "CANCEL" if status >= 200 => self.cancel = None,
            "BYE" if status >= 200 => {
                self.byes.remove(&number);
                self.is_hung_up |= self.winner.as_deref() == tag_of(message, "To");
            }
            "INVITE" => self.told_of_the_invite(world, message, status, now),
            _ => {}
        }
    }

    fn told_of_the_invite(&mut self, world: &mut World, message: &str, status: u16, now: u64) {
        let is_of_the_last = cseq(message).0 == cseq(&self.invite).0;
        if is_of_the_last {
            self.asking = None;
        }
        if status >= 300 {
            say(world, &self.peer, &ack_of(message, &self.peer));
        }
        match status {
            407 if !self.is_authorized => {
                self.is_authorized = true;
                let authorized = self
                    .peer
                    .authorize(&self.invite, message, Algorithm::Sha256);
                self.invite = authorized.expect("a challenge");
                self.asking = Some(Repeat::new(self.invite.clone(), now, u64::MAX));
            }
            _ if !is_of_the_last => {}
            ..200 => self.is_ringing = true,
            200 => {
                let ack = from_caller(&mut self.peer, "ACK", message, cseq(message).0);
                say(world, &self.peer, &ack);
                let tag = tag_of(message, "To").unwrap().to_owned();
                if self.status.is_none() {
                    (self.status, self.winner) = (Some(200), Some(tag));
                    if self.hangs_up {
                        self.talk = Some((now + 1_500, message.to_owned()));
                    }
                } else if self.winner != Some(tag) {
                    // 13.2.2.4: one call is enough.
                    self.hang_up(message, now);
                }
            }
            _ => drop(self.status.get_or_insert(status)),
        }
    }

    fn hang_up(&mut self, ok: &str, now: u64) {
        let tag = tag_of(ok, "To").unwrap().to_owned();
        if !self.hung_up_on.contains(&tag) {
            self.hung_up_on.push(tag);
            let number = 100 + self.hung_up_on.len() as u32;
            let bye = from_caller(&mut self.peer, "BYE", ok, number);
            self.byes.insert(number, Repeat::new(bye, now, T2));
        }
    }
}

/// What a phone does when it rings.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Does {
    /// Gives this final response after so many milliseconds.
    Finally(u16, u64),
    Rings,
}

/// A phone that is called.
#[derive(Debug)]
pub(crate) struct Callee {
    peer: Peer,
    n: u8,
    does: Does,
    hangs_up: bool,
    /// The INVITE, and when it came.
    invite: Option<(String, u64)>,
    last: Option<Repeat>,
    /// When it hangs up.
    talk: Option<u64>,
    bye: Option<Repeat>,
    is_acknowledged: bool,
    /// Its final response, and when it gave it.
    pub(crate) status: Option<u16>,
    pub(crate) ended: u64,
    /// INVITEs of the same call by another branch.
    pub(crate) doubles: usize,
    pub(crate) is_hung_up: bool,
    pub(crate) was_never_acknowledged: bool,
}

impl Callee {
    pub(crate) fn new(peer: Peer, n: u8, does: Does, hangs_up: bool) -> Self {
        Self {
            peer,
            n,
            does,
            hangs_up,
            invite: None,
            last: None,
            talk: None,
            bye: None,
            is_acknowledged: false,
            status: None,
            ended: 0,
            doubles: 0,
            is_hung_up: false,
            was_never_acknowledged: false,
        }
    }

    /// The tag of its side.
    pub(crate) fn tag(&self) -> String {
        format!("t6002n{}", self.n)
    }

    /// It was not called, or its call is over.
    pub(crate) fn is_idle(&self) -> bool {
        let is_over = self.status != Some(200) || self.is_hung_up;
        let is_called = self.invite.is_some() && self.status.is_none();
        is_over && !is_called && self.last.is_none() && self.bye.is_none()
    }

    pub(crate) fn turn(&mut self, world: &mut World, now: u64) {
        for message in world.drain(self.peer.address) {
            match message.split(' ').next().unwrap() {
                "INVITE" => self.rung(world, message, now),
                "CANCEL" => {
                    self.reply(world, &message, 200);
                    self.finally(487, now);
                }
                "ACK" => {
                    let is_first = !std::mem::replace(&mut self.is_acknowledged, true);
                    self.last = None;
                    if is_first && self.hangs_up && self.status == Some(200) {
                        self.talk = Some(now + 1_500);
                    }
                }
                "BYE" => {
                    self.reply(world, &message, 200);
                    (self.is_hung_up, self.talk) = (true, None);
                    self.last = None;
                }
                _ if status_of(&message) >= 200 => (self.bye, self.is_hung_up) = (None, true),
                _ => {}
            }
        }
        if let (Does::Finally(status, after), Some((_, came))) = (self.does, &self.invite)
            && now >= came + after
        {
            self.finally(status, now);
        }
        if self.talk.take_if(|at| now >= *at).is_some() {
            self.hang_up(now);
        }
        if let Some(last) = &mut self.last
            && last.turn(world, &self.peer, now)
        {
            self.last = None;
            if self.status == Some(200) {
                // 13.3.1.4.
                self.was_never_acknowledged = true;
                self.hang_up(now);
            }
        }
        let peer = &self.peer;
        self.bye.take_if(|bye| bye.turn(world, peer, now));
    }

    fn rung(&mut self, world: &mut World, message: String, now: u64) {
        if let Some((first, _)) = &self.invite {
            self.doubles += usize::from(header_of(first, "Via") != header_of(&message, "Via"));
        }
        if self.status.is_none() {
            self.reply(world, &message, 180);
        }
        self.invite.get_or_insert((message, now));
    }

    /// Gives its final response if it has not given one.
    fn finally(&mut self, status: u16, now: u64) {
        if let (None, Some((invite, _))) = (self.status, &self.invite) {
            let answer = self.own(self.peer.answer(invite, status, "Final", ""));
            self.last = Some(Repeat::new(answer, now, T2));
            (self.status, self.ended) = (Some(status), now);
        }
    }

    fn hang_up(&mut self, now: u64) {
        let Some((invite, _)) = &self.invite else {
            return;
        };
        let bye = from_callee(&mut self.peer, "BYE", invite, 1, "");
        self.bye = Some(Repeat::new(self.own(bye), now, T2));
    }

    fn reply(&self, world: &mut World, request: &str, status: u16) {
        let answer = self.peer.answer(request, status, "Yes", "");
        say(world, &self.peer, &self.own(answer));
    }

    /// A message with its own tag in place of the one that all phones of its user share.
    fn own(&self, text: String) -> String {
        text.replace(";tag=t6002\r\n", &format!(";tag={}\r\n", self.tag()))
    }
}

fn cseq(message: &str) -> (u32, &str) {
    let (number, method) = header_of(message, "CSeq").split_once(' ').unwrap();
    (number.parse().unwrap(), method)
}

fn tag_of<'m>(message: &'m str, name: &str) -> Option<&'m str> {
    header_of(message, name).split(";tag=").nth(1)
}
