//! The phones' books: what each has asked for, was granted and was told, strictly by the RFCs.

use crate::party::again;
use crate::relayed_books::{AGAIN, Books, LAMPS};
use crate::site::*;
use bellhop_core::auth::Algorithm;
use bellhop_core::time::Instant;

/// A phone.
pub(crate) struct Phone {
    pub(crate) peer: Peer,
    pub(crate) reg_id: String,
    pub(crate) is_away: bool,
    /// What it waits for an answer to.
    pub(crate) asked: Vec<Asked>,
    pub(crate) wants: [bool; LAMPS],
    pub(crate) watches: Vec<Watching>,
    /// When it asks again, and for which lamp.
    pub(crate) later: Vec<(Instant, usize)>,
}

pub(crate) struct Asked {
    pub(crate) text: String,
    pub(crate) began: Instant,
    pub(crate) sent: Instant,
}

/// A phone's side of a subscription.
pub(crate) struct Watching {
    pub(crate) id: String,
    pub(crate) lamp: usize,
    pub(crate) ok: Option<String>,
    pub(crate) cseq: u32,
    pub(crate) heard: Option<u32>,
    /// Via of the last NOTIFY, and what it was answered.
    pub(crate) last: (String, String),
    pub(crate) shows: Option<u32>,
    pub(crate) is_leaving: bool,
}

impl Books {
    pub(crate) fn register(&mut self, at: usize) {
        let phone = &mut self.phones[at];
        let (id, user) = (phone.reg_id.clone(), phone.peer.user.clone());
        let request = phone
            .peer
            .request("REGISTER", "sip:example.org", &id, "Expires: 3600\r\n");
        let own = format!("To: <sip:{user}@example.org>");
        let request = request.replacen("To: <sip:example.org>", &own, 1);
        self.ask(at, request);
    }

    pub(crate) fn subscribe(&mut self, at: usize, lamp: usize) {
        self.made += 1;
        let id = format!("w{}", self.made);
        let phone = &mut self.phones[at];
        let resource = format!("sip:700{lamp}@example.org");
        let more = "Event: dialog\r\nExpires: 3600\r\n";
        let request = phone.peer.request("SUBSCRIBE", &resource, &id, more);
        phone.watches.push(Watching {
            id,
            lamp,
            ok: None,
            cseq: 100,
            heard: None,
            last: Default::default(),
            shows: None,
            is_leaving: false,
        });
        self.ask(at, request);
    }

    /// Refreshes what a phone has of a lamp, or ends it.
    pub(crate) fn in_dialog(&mut self, at: usize, lamp: usize, expires: u32) {
        let phone = &mut self.phones[at];
        let mut requests = Vec::new();
        let own = |w: &&mut Watching| w.lamp == lamp && w.is_leaving == (expires == 0);
        for watching in phone.watches.iter_mut().filter(own) {
            watching.cseq += 10;
            let Some(ok) = &watching.ok else { continue };
            requests.push(again(&mut phone.peer, ok, watching.cseq, expires));
        }
        for request in requests {
            self.ask(at, request);
        }
    }

    pub(crate) fn ask(&mut self, at: usize, text: String) {
        let now = self.world.now.instant;
        let phone = &mut self.phones[at];
        if !phone.is_away {
            say(&mut self.world, &phone.peer, &text);
        }
        phone.asked.push(Asked {
            text,
            began: now,
            sent: now,
        });
    }

    /// What a phone had by these is over: what it wants it asks for anew.
    pub(crate) fn ask_anew(&mut self, at: usize, ids: Vec<String>) {
        let phone = &mut self.phones[at];
        let mut lamps = Vec::new();
        phone.watches.retain(|watching| {
            let is_over = ids.contains(&watching.id);
            if is_over && !watching.is_leaving {
                lamps.push(watching.lamp);
            }
            !is_over
        });
        for lamp in lamps {
            self.subscribe_if_wanted(at, lamp);
        }
    }

    pub(crate) fn subscribe_if_wanted(&mut self, at: usize, lamp: usize) {
        let phone = &self.phones[at];
        let has_one = |w: &Watching| w.lamp == lamp && !w.is_leaving;
        if phone.wants[lamp] && !phone.watches.iter().any(has_one) {
            self.subscribe(at, lamp);
        }
    }

    pub(crate) fn phone_answered(&mut self, at: usize, message: &str) {
        let status = status_of(message);
        let phone = &mut self.phones[at];
        let same = |asked: &Asked| {
            ["Call-ID", "CSeq"]
                .iter()
                .all(|n| header_of(&asked.text, n) == header_of(message, n))
        };
        let Some(found) = phone.asked.iter().position(same).filter(|_| status >= 200) else {
            return;
        };
        let asked = phone.asked.remove(found).text;
        if matches!(status, 401 | 407) {
            let with = phone.peer.authorize(&asked, message, Algorithm::Sha256);
            return self.ask(at, with.expect("a challenge"));
        }
        if asked.starts_with("REGISTER ") {
            if status != 200 {
                self.register(at);
            }
            return;
        }
        let id = header_of(message, "Call-ID").to_owned();
        let watching = phone.watches.iter_mut().find(|w| w.id == id);
        let Some(watching) = watching else { return };
        let is_refresh = watching.ok.is_some();
        match status {
            200 => {
                watching.ok.get_or_insert_with(|| message.to_owned());
                let cseq = header_of(message, "CSeq").split(' ').next().unwrap();
                watching.cseq = watching.cseq.max(cseq.parse().unwrap());
                if watching.is_leaving && !is_refresh {
                    let lamp = watching.lamp;
                    self.in_dialog(at, lamp, 0);
                }
            }
            // Its time is not over (RFC 6665 4.1.2.2).
            500 | 503 if is_refresh => {}
            _ if is_refresh => self.ask_anew(at, vec![id]),
            _ => {
                let (lamp, then) = (watching.lamp, self.world.now.instant.after(AGAIN));
                phone.watches.retain(|w| w.id != id);
                phone.later.push((then, lamp));
            }
        }
    }

    pub(crate) fn phone_told(&mut self, at: usize, message: &str) {
        assert!(message.starts_with("NOTIFY "), "{message}");
        let id = header_of(message, "Call-ID").to_owned();
        let phone = &mut self.phones[at];
        let peer = phone.peer.clone();
        let watching = phone.watches.iter_mut().find(|w| w.id == id);
        let Some(watching) = watching else {
            return say(&mut self.world, &peer, &peer.answer(message, 481, "No", ""));
        };
        let via = header_of(message, "Via").to_owned();
        if watching.last.0 == via {
            return say(&mut self.world, &peer, &watching.last.1.clone());
        }
        let cseq = header_of(message, "CSeq").split(' ').next().unwrap();
        let cseq: u32 = cseq.parse().unwrap();
        let is_old = watching.heard.is_some_and(|heard| cseq <= heard);
        let status = if is_old { 500 } else { 200 };
        let answer = peer.answer(message, status, "So", "");
        watching.last = (via, answer.clone());
        say(&mut self.world, &peer, &answer);
        if is_old {
            return;
        }
        watching.heard = Some(cseq);
        let state = header_of(message, "Subscription-State");
        if state.starts_with("terminated") {
            return self.ask_anew(at, vec![id]);
        }
        let body = message.split("\r\n\r\n").nth(1).unwrap_or_default();
        match body.strip_prefix(&format!("lamp {} ", watching.lamp)) {
            Some(value) => watching.shows = value.trim().parse().ok(),
            None => self
                .faults
                .push(format!("{id} was told of another lamp: {message}")),
        }
    }
}
