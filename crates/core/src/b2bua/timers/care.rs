//! What keeps a call's two legs alive: the session timer of each (RFC 4028), and whether they are asked at times.
//! Here are the values; what is done with them is in `session` and `refresh`.

use super::super::call::End;
use crate::digits::decimal;
use crate::time::Instant;
use bellhop_wire::{HeaderId, Message};
use std::time::Duration;

/// Session timers that each leg agrees on for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// Seconds that we ask for, and give at most.
    pub interval: u32,
    /// The fewest seconds that we take (Min-SE).
    pub least: u32,
}

/// Who acknowledges reliable provisional responses (RFC 3262).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prack {
    /// The caller; in his place we do where the called asks for it and he cannot.
    #[default]
    AsNeeded,
    /// On the called's leg always we, if the caller cannot.
    EachLeg,
}

/// What a call has that is looked after; nothing of it is there where no session timer and no keep-alive is on.
/// A call goes on with what it began with, whatever the configuration says later.
#[derive(Debug, Default)]
pub(crate) struct Care {
    /// `None`: the ends agree on a session timer themselves.
    pub(crate) timers: Option<SessionConfig>,
    /// How often each end is asked whether it is there.
    pub(crate) keepalive: Option<Duration>,
    pub(crate) a: Session,
    pub(crate) b: Session,
}

/// The session timer of one leg, and what is known of its other end: all that it takes to go on with it, also by a
/// Bellhop that was started meanwhile. `ends` is of this program's clock; `asks` and `missed` are of the moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    /// Seconds that were agreed on; 0: nothing yet.
    pub(crate) interval: u32,
    /// The fewest seconds that the other side takes, as its 422 said.
    pub(crate) least: u32,
    /// We refresh.
    pub(crate) is_ours: bool,
    /// The other side knows session timers: it ends what is not refreshed in time, and so do we.
    pub(crate) is_agreed: bool,
    /// It takes UPDATEs (RFC 3311).
    pub(crate) updates: bool,
    /// When the session is over.
    pub(crate) ends: Option<Instant>,
    /// The session description that it was sent last; kept only where one of both ends takes no UPDATE, to be said again
    /// in a re-INVITE, or to see whether the other end's answer to one moves its media.
    pub(crate) last_sdp: Box<[u8]>,
    /// What it is still to be told of that.
    pub(crate) owed: Option<Owed>,
    /// A question of ours has no answer yet.
    pub(crate) asks: bool,
    /// Questions in a row that could not even be sent.
    pub(crate) missed: u8,
}

/// A description that an end has not been told yet: the other end's answer to an offer of ours.
#[derive(Clone, Debug)]
pub(crate) struct Owed {
    pub(super) sdp: Box<[u8]>,
    /// How often that was tried.
    pub(super) tries: u8,
    /// How many answers in a row have led to it, each to the one before.
    pub(super) round: u8,
}

/// Who refreshes, as Session-Expires names him: by his part in the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refresher {
    Uac,
    Uas,
}

impl Care {
    pub(crate) fn session(&mut self, end: End) -> &mut Session {
        match end {
            End::A => &mut self.a,
            End::B => &mut self.b,
        }
    }

    pub(crate) fn of(&self, end: End) -> &Session {
        match end {
            End::A => &self.a,
            End::B => &self.b,
        }
    }

    /// Remembers the description in a message that an end is sent: what it was still to be told is older.
    pub(crate) fn told(&mut self, end: End, message: Message<'_>) {
        if self.is_without_sdp() {
            return;
        }
        let session = self.session(end);
        session.told(message);
        if !message.body().is_empty() {
            session.owed = None;
        }
    }

    /// Forgets descriptions that nobody needs: both ends take UPDATEs, which say none.
    pub(crate) fn forget_sdp(&mut self) {
        if self.is_without_sdp() {
            self.a.last_sdp = Box::default();
            self.b.last_sdp = Box::default();
        }
    }

    fn is_without_sdp(&self) -> bool {
        self.a.updates && self.b.updates
    }
}

impl Session {
    /// What is asked for in an INVITE or UPDATE of ours.
    pub(crate) fn ask(&self, config: SessionConfig) -> Vec<u8> {
        let least = self.least.max(config.least);
        let interval = if self.interval == 0 {
            config.interval
        } else {
            self.interval
        };
        let refresher = if self.interval == 0 || self.is_ours {
            Refresher::Uac
        } else {
            Refresher::Uas
        };
        let mut out = Vec::with_capacity(96);
        out.extend_from_slice(b"Supported: timer\r\n");
        put_expires(&mut out, interval.max(least), refresher);
        if least > LEAST {
            out.extend_from_slice(b"Min-SE: ");
            out.extend_from_slice(&decimal(least.into()));
            out.extend_from_slice(b"\r\n");
        }
        out
    }

    /// Agrees to an INVITE or UPDATE of the other side, as its UAS (RFC 4028 9).
    pub(crate) fn grant(&mut self, request: Message<'_>, config: SessionConfig) {
        let wanted = expires(request);
        let interval = wanted.map_or(config.interval, |(seconds, _)| seconds.min(config.interval));
        let floor = least(request).unwrap_or(0).max(LEAST);
        self.interval = interval.max(floor);
        self.is_agreed = knows(request);
        // Table 2: who does not know timers cannot be the one who refreshes.
        let theirs = matches!(wanted, Some((_, Some(Refresher::Uac)))) && self.is_agreed;
        self.is_ours = !theirs;
        self.learn(request);
    }

    /// The lines of the 2xx that says so.
    pub(crate) fn granted(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(96);
        if self.interval == 0 {
            return out;
        }
        out.extend_from_slice(b"Supported: timer\r\n");
        if self.is_agreed {
            out.extend_from_slice(b"Require: timer\r\n");
        }
        let refresher = if self.is_ours {
            Refresher::Uas
        } else {
            Refresher::Uac
        };
        put_expires(&mut out, self.interval, refresher);
        out
    }

    /// Takes what a 2xx to an INVITE or UPDATE of ours says (7.2); without a word the other side knows no timers,
    /// and we refresh all the same.
    pub(crate) fn agreed(&mut self, response: Message<'_>, config: SessionConfig) {
        match expires(response) {
            Some((seconds, refresher)) => {
                self.interval = seconds.max(SHORTEST);
                self.is_ours = refresher != Some(Refresher::Uas);
                self.is_agreed = true;
            }
            None => {
                self.interval = config.interval.max(self.least);
                self.is_ours = true;
                self.is_agreed = false;
            }
        }
        self.learn(response);
    }

    /// Takes which methods the other side allows.
    pub(crate) fn learn(&mut self, message: Message<'_>) {
        if message.first(HeaderId::Allow).is_some() {
            self.updates = message.lists(HeaderId::Allow, "UPDATE");
        }
    }

    /// Remembers the description in a message that the other side is sent.
    pub(super) fn told(&mut self, message: Message<'_>) {
        if message.body().is_empty() {
            return;
        }
        if is_sdp(message) {
            self.last_sdp = message.body().into();
        } else if is_of(message, SEVERAL) {
            // What came in several parts is more than a description: it is not said twice, nor is what was before it.
            self.last_sdp = Box::default();
        }
    }

    /// Takes what a 422 asks for (7.3).
    pub(super) fn lengthen(&mut self, response: Message<'_>) {
        let least = least(response).unwrap_or(0).min(LONGEST);
        self.least = self.least.max(least);
        self.interval = self.interval.max(least);
    }

    /// How long after its last refresh it is refreshed again, or given up (7.2, 10).
    pub(crate) fn turn(&self) -> Duration {
        let interval = self.interval;
        let seconds = if self.is_ours {
            interval / 2
        } else {
            interval.saturating_sub(LEAD.min(interval / 3))
        };
        Duration::from_secs(seconds.into())
    }
}

/// Whether a message has a session description, and nothing beside it.
pub(super) fn is_sdp(message: Message<'_>) -> bool {
    is_of(message, SDP) && !message.body().is_empty()
}

fn is_of(message: Message<'_>, name: &[u8]) -> bool {
    let kind = message.first(HeaderId::ContentType);
    let head = kind.and_then(|kind| kind.value.get(..name.len()));
    head.is_some_and(|head| head.eq_ignore_ascii_case(name))
}

/// Whether who sent a request knows session timers.
pub(crate) fn knows(request: Message<'_>) -> bool {
    request.lists(HeaderId::Supported, "timer") || request.lists(HeaderId::Require, "timer")
}

/// Session-Expires: seconds, and who refreshes.
pub(crate) fn expires(message: Message<'_>) -> Option<(u32, Option<Refresher>)> {
    let value = message.named(EXPIRES).next()?.value;
    let mut parts = value.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let seconds = number(parts.next()?)?;
    let refresher = parts.find_map(|part| {
        let mut words = part.split(|byte| *byte == b'=').map(<[u8]>::trim_ascii);
        let is_it = words.next()?.eq_ignore_ascii_case(b"refresher");
        let who = words.next().filter(|_| is_it)?;
        if who.eq_ignore_ascii_case(b"uac") {
            Some(Refresher::Uac)
        } else if who.eq_ignore_ascii_case(b"uas") {
            Some(Refresher::Uas)
        } else {
            None
        }
    });
    Some((seconds, refresher))
}

/// Min-SE: seconds.
pub(crate) fn least(message: Message<'_>) -> Option<u32> {
    let value = message.named(MIN_SE).next()?.value;
    number(value.split(|byte| *byte == b';').next()?.trim_ascii())
}

fn number(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn put_expires(out: &mut Vec<u8>, seconds: u32, refresher: Refresher) {
    out.extend_from_slice(b"Session-Expires: ");
    out.extend_from_slice(&decimal(seconds.into()));
    out.extend_from_slice(match refresher {
        Refresher::Uac => b";refresher=uac\r\n",
        Refresher::Uas => b";refresher=uas\r\n",
    });
}

pub(crate) const EXPIRES: &str = "Session-Expires";
pub(crate) const MIN_SE: &str = "Min-SE";
/// The fewest seconds that anybody may ask for (RFC 4028 4).
pub(crate) const LEAST: u32 = 90;
/// Who says fewer than that all the same is not asked more often than every half of it.
const SHORTEST: u32 = 30;
/// So many seconds before its end a session that nobody refreshes is ended, or a third of it (10).
const LEAD: u32 = 32;
/// Seconds; a longer session is nobody's.
const LONGEST: u32 = 86_400;
const SDP: &[u8] = b"application/sdp";
const SEVERAL: &[u8] = b"multipart/";
