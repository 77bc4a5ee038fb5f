//! A phone of the chaos: it watches, answers or does not, and holds each NOTIFY to what the RFCs say.

use crate::party::*;
use bellhop_core::time::Instant;
use std::collections::HashSet;

/// What a phone answers to a NOTIFY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Well,
    Silent,
    /// 503 with Retry-After.
    Busy,
    /// It knows none of its subscriptions any more.
    Forgetful,
}

pub(crate) struct Phone {
    pub(crate) peer: Peer,
    fate: (Fate, Instant),
    watches: Vec<Option<Watched>>,
    /// Requests that wait for an answer, when they were sent last, and until when they are sent again.
    asking: Vec<(String, Instant, Instant)>,
    /// Branches of NOTIFYs that were taken in.
    taken: HashSet<String>,
    count: u32,
}

/// One subscription.
struct Watched {
    id: String,
    /// Its first 200.
    ok: Option<String>,
    /// The notifier's tag: that of the 200, else of the first NOTIFY (4.4.1).
    tag: Option<String>,
    /// The CSeq of its last SUBSCRIBE.
    asked: u32,
    /// Of its last NOTIFY.
    cseq: Option<u32>,
    version: Option<u32>,
    lamp: String,
    until: Instant,
    refresh_at: Option<Instant>,
    is_leaving: bool,
    /// For how long it is to be asked for as soon as the last SUBSCRIBE was answered.
    wants: Option<u32>,
    /// It was always answered well: it has no reason to end.
    is_honest: bool,
}

impl Phone {
    pub(crate) fn new(n: u8) -> Self {
        let user = format!("{}", 6001 + u16::from(n) % 3);
        Self {
            peer: phone(&user, &format!("203.2.0.{n}:5060")),
            fate: (Fate::Well, Instant::default()),
            watches: (0..3).map(|_| None).collect(),
            asking: Vec::new(),
            taken: HashSet::new(),
            count: 0,
        }
    }

    pub(crate) fn subscribes(&mut self, world: &mut World, resource: usize, is_lazy: bool) {
        if self.watches[resource].is_some() {
            return;
        }
        self.count += 1;
        let id = format!("w{}x{resource}x{}", self.peer.address.ip(), self.count);
        let expires = 60 + (self.count * 37) % 140;
        let more = format!("Event: dialog\r\nExpires: {expires}\r\n");
        let uri = format!("sip:{}@example.org", crate::chaos_pbx::RESOURCES[resource]);
        let request = self.peer.request("SUBSCRIBE", &uri, &id, &more);
        let now = world.now.instant;
        self.watches[resource] = Some(Watched {
            id,
            ok: None,
            tag: None,
            asked: 1_000,
            cseq: None,
            version: None,
            lamp: String::new(),
            until: now.after(Duration::from_secs(u64::from(expires) + 40)),
            refresh_at: (!is_lazy).then(|| now.after(Duration::from_secs(40))),
            is_leaving: false,
            wants: None,
            is_honest: self.fate.0 == Fate::Well,
        });
        self.ask(world, request);
    }

    pub(crate) fn refreshes(&mut self, world: &mut World, resource: usize) {
        self.asks_again(world, resource, 120);
    }

    pub(crate) fn leaves(&mut self, world: &mut World, resource: usize) {
        self.asks_again(world, resource, 0);
    }

    pub(crate) fn leaves_all(&mut self, world: &mut World) {
        for resource in 0..self.watches.len() {
            self.leaves(world, resource);
        }
    }

    pub(crate) fn turns(&mut self, fate: Fate, until: Instant) {
        self.fate = (fate, until);
        for watched in self.watches.iter_mut().flatten() {
            watched.is_honest = false;
        }
    }

    pub(crate) fn calms(&mut self) {
        self.fate.1 = Instant::default();
    }

    /// The lamp that it shows of a resource that it watches.
    pub(crate) fn shows(&self, resource: usize) -> Option<&str> {
        let watched = self.watches[resource].as_ref();
        let watched = watched.filter(|watched| !watched.is_leaving)?;
        Some(&watched.lamp)
    }

    fn asks_again(&mut self, world: &mut World, resource: usize, expires: u32) {
        let Some(watched) = self.watches[resource].as_mut() else {
            return;
        };
        if watched.is_leaving {
            return;
        }
        let is_asking = self
            .asking
            .iter()
            .any(|(asked, _, _)| value(asked, "Call-ID") == watched.id);
        let Some(ok) = watched.ok.clone().filter(|_| !is_asking) else {
            watched.wants = Some(expires);
            return;
        };
        watched.wants = None;
        watched.asked += 1;
        watched.is_leaving = expires == 0;
        let request = again(&mut self.peer, &ok, watched.asked, expires);
        self.ask(world, request);
    }

    fn ask(&mut self, world: &mut World, request: String) {
        say(world, &self.peer, &request);
        let now = world.now.instant;
        self.asking.push((request, now, now.after(TIMER_N)));
    }

    pub(crate) fn hears(&mut self, world: &mut World, message: &str) {
        if message.starts_with("NOTIFY ") {
            self.notified(world, message);
        } else if message.starts_with("SIP/2.0 ") {
            self.answered(world, message);
        }
    }

    fn answered(&mut self, world: &mut World, answer: &str) {
        let status = status_of(answer);
        let is_of = |asked: &&(String, Instant, Instant)| {
            value(&asked.0, "CSeq") == value(answer, "CSeq")
                && value(&asked.0, "Call-ID") == value(answer, "Call-ID")
        };
        let Some(request) = self.asking.iter().find(is_of).map(|asked| asked.0.clone()) else {
            return;
        };
        if status < 200 {
            return;
        }
        self.asking.retain(|asked| asked.0 != request);
        if status == 407 {
            let algorithm = bellhop_core::auth::Algorithm::Sha256;
            let proven = self.peer.authorize(&request, answer, algorithm);
            return self.ask(world, proven.expect("a challenge"));
        }
        let id = value(answer, "Call-ID");
        let own = |watched: &&mut Option<Watched>| watched.as_ref().is_some_and(|w| w.id == *id);
        let Some(place) = self.watches.iter_mut().find(own) else {
            return;
        };
        let Some(watched) = place.as_mut() else {
            return;
        };
        if status == 200 {
            let expires: u64 = value(answer, "Expires").parse().expect("Expires");
            if watched.ok.is_none() {
                watched.ok = Some(answer.to_owned());
                let tag = tag_of(value(answer, "To"));
                if watched.tag.replace(tag.clone()) != Some(tag) {
                    (watched.cseq, watched.version) = (None, None);
                }
            }
            let now = world.now.instant;
            if expires > 0 {
                watched.until = now.after(Duration::from_secs(expires));
                let half = now.after(Duration::from_secs(expires / 2));
                watched.refresh_at = watched.refresh_at.map(|_| half);
            }
            return;
        }
        assert!(
            !watched.is_honest || watched.is_leaving,
            "{request}\n{answer}"
        );
        // 4.1.2.2: it is gone, or was never there.
        if matches!(status, 481) || watched.ok.is_none() {
            *place = None;
        }
    }

    fn notified(&mut self, world: &mut World, notify: &str) {
        let now = world.now.instant;
        let fate = self.fate.0;
        if fate == Fate::Silent {
            return;
        }
        let id = value(notify, "Call-ID").to_owned();
        let branch = value(notify, "Via").to_owned();
        let own = |watched: &&mut Option<Watched>| watched.as_ref().is_some_and(|w| w.id == *id);
        let place = self.watches.iter_mut().find(own);
        if self.taken.contains(&branch) {
            let answer = self.peer.answer(notify, 200, "OK", "");
            return say(world, &self.peer, &answer);
        }
        let Some(place) = place.filter(|_| fate != Fate::Forgetful) else {
            let answer = self.peer.answer(notify, 481, "Unknown", "");
            // It denies this one only.
            if let Some(place) = self.watches.iter_mut().find(own) {
                *place = None;
            }
            return say(world, &self.peer, &answer);
        };
        let tag = tag_of(value(notify, "From"));
        let is_another = |watched: &Watched| watched.tag.as_ref().is_some_and(|own| *own != tag);
        if place.as_ref().is_some_and(is_another) {
            let answer = self.peer.answer(notify, 481, "Another one is kept", "");
            return say(world, &self.peer, &answer);
        }
        if fate == Fate::Busy {
            let answer = self.peer.answer(notify, 503, "Busy", "Retry-After: 2\r\n");
            return say(world, &self.peer, &answer);
        }
        let Some(watched) = place.as_mut() else {
            return;
        };
        watched.tag = Some(tag);
        self.taken.insert(branch);
        let cseq: u32 = value(notify, "CSeq")
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert!(watched.cseq.is_none_or(|last| cseq > last), "{notify}");
        watched.cseq = Some(cseq);
        if notify.contains("<dialog-info") {
            let (version, lamp) = lamp_of(notify);
            assert!(
                watched.version.is_none_or(|last| version > last),
                "{notify}"
            );
            assert!(notify.contains("state=\"full\""), "{notify}");
            watched.version = Some(version);
            watched.lamp = lamp.to_owned();
        }
        if value(notify, "Subscription-State").starts_with("terminated") {
            let may_end = watched.is_leaving || !watched.is_honest || watched.refresh_at.is_none();
            assert!(may_end || watched.until <= now, "{notify}");
            *place = None;
        }
        let answer = self.peer.answer(notify, 200, "OK", "");
        say(world, &self.peer, &answer);
    }

    pub(crate) fn tick(&mut self, world: &mut World) {
        let now = world.now.instant;
        if self.fate.0 != Fate::Well && self.fate.1 <= now {
            self.fate = (Fate::Well, now);
            // It looks after all that it has.
            for watched in self.watches.iter_mut().flatten() {
                watched.refresh_at = Some(now);
            }
        }
        let is_well = self.fate.0 != Fate::Silent;
        for resource in 0..self.watches.len() {
            let Some(watched) = self.watches[resource].as_mut() else {
                continue;
            };
            if watched.until <= now {
                self.watches[resource] = None;
            } else if let Some(expires) = watched.wants {
                self.asks_again(world, resource, expires);
            } else if is_well && watched.refresh_at.is_some_and(|at| at <= now) {
                watched.refresh_at = Some(now.after(Duration::from_secs(20)));
                self.asks_again(world, resource, 120);
            }
        }
        for (request, sent, until) in &mut self.asking {
            if *sent <= now && now.since(*sent) >= SECOND && *until > now {
                *sent = now;
                say(world, &self.peer, request);
            }
        }
        self.asking.retain(|(_, _, until)| *until > now);
    }
}

fn tag_of(end: &str) -> String {
    end.split(";tag=").nth(1).unwrap_or_default().to_owned()
}
