//! The PBX's book: who watches which lamp, and the NOTIFY that each has under way.

use crate::relayed_books::Books;
use crate::site::*;
use bellhop_core::time::Instant;

/// The PBX's side of one.
pub(crate) struct Held {
    pub(crate) asked: String,
    pub(crate) contact: String,
    pub(crate) tag: String,
    pub(crate) lamp: usize,
    pub(crate) cseq: u32,
    pub(crate) remote: u32,
    /// The last answer to a SUBSCRIBE.
    pub(crate) said: String,
    pub(crate) under_way: Option<(String, Instant, Instant)>,
    pub(crate) is_behind: bool,
    pub(crate) is_over: bool,
}

impl Books {
    pub(crate) fn serve_pbx(&mut self, message: &str) {
        let p = pbx();
        let id = header_of(message, "Call-ID").to_owned();
        let is_within = header_of(message, "To").contains(";tag=");
        let is_its = |held: &Held| {
            header_of(message, "To").ends_with(&format!(";tag={}", held.tag)) && !held.is_over
        };
        let is_known = self.held.get(&id).is_some_and(is_its);
        if message.starts_with("SIP/2.0 ") {
            return self.pbx_answered(&id, message);
        }
        if message.starts_with("OPTIONS ") {
            let status = match (is_within, is_known) {
                (false, _) => 200,
                (true, true) => 500,
                (true, false) => 481,
            };
            return say(&mut self.world, &p, &p.answer(message, status, "So", ""));
        }
        if !message.starts_with("SUBSCRIBE ") {
            return self.faults.push(format!("the PBX has heard {message}"));
        }
        let number = header_of(message, "CSeq").split(' ').next().unwrap();
        let number: u32 = number.parse().unwrap();
        let same = self.held.get(&id).filter(|held| {
            held.remote == number && header_of(&held.said, "Via") == header_of(message, "Via")
        });
        if let Some(said) = same.map(|held| held.said.clone()) {
            return say(&mut self.world, &p, &said);
        }
        if is_within && !is_known {
            return say(&mut self.world, &p, &p.answer(message, 481, "Gone", ""));
        }
        if is_within && self.held[&id].remote >= number {
            return say(&mut self.world, &p, &p.answer(message, 500, "Old", ""));
        }
        let expires = header_of(message, "Expires").to_owned();
        let lines = format!("Expires: {expires}\r\n");
        self.made += 1;
        let tag = match self.held.get(&id).filter(|_| is_within) {
            Some(held) => held.tag.clone(),
            None => format!("p{}", self.made),
        };
        let said = p.answer(message, 200, "OK", &lines);
        let said = said.replace("tag=tpbx", &format!("tag={tag}"));
        say(&mut self.world, &p, &said);
        let contact = header_of(message, "Contact")
            .trim_matches(['<', '>'])
            .to_owned();
        let lamp = if message.contains("sip:7000@") { 0 } else { 1 };
        let first = self.made % 3;
        let held = self.held.entry(id.clone()).or_insert_with(|| Held {
            asked: message.to_owned(),
            contact: String::new(),
            tag,
            lamp,
            cseq: first,
            remote: 0,
            said: String::new(),
            under_way: None,
            is_behind: false,
            is_over: false,
        });
        (held.remote, held.said, held.contact) = (number, said, contact);
        held.is_over |= expires == "0";
        self.tell(&id);
    }

    pub(crate) fn pbx_answered(&mut self, id: &str, message: &str) {
        let Some(held) = self.held.get_mut(id) else {
            return;
        };
        let is_its = held
            .under_way
            .as_ref()
            .is_some_and(|(text, ..)| header_of(text, "CSeq") == header_of(message, "CSeq"));
        if !is_its || status_of(message) < 200 {
            return;
        }
        held.under_way = None;
        // As Asterisk does it.
        if status_of(message) != 200 || held.is_over && !held.is_behind {
            self.held.remove(id);
        } else if std::mem::take(&mut held.is_behind) {
            self.tell(id);
        }
    }

    /// The PBX tells how it is, one NOTIFY after the other.
    pub(crate) fn tell(&mut self, id: &str) {
        let now = self.world.now.instant;
        let Some(held) = self.held.get_mut(id) else {
            return;
        };
        if held.under_way.is_some() {
            held.is_behind = true;
            return;
        }
        let state = match held.is_over {
            true => "terminated;reason=timeout",
            false => "active;expires=3600",
        };
        let body = format!("lamp {} {}", held.lamp, self.lamps[held.lamp]);
        let (asked, length) = (&held.asked, body.len());
        let text = format!(
            "NOTIFY {} SIP/2.0\r\nVia: SIP/2.0/UDP {PBX};branch=z9hG4bK{id}{}x{};rport\r\n\
             Max-Forwards: 70\r\n{}From: {};tag={}\r\nTo: {}\r\nCall-ID: {id}\r\nCSeq: {} NOTIFY\r\n\
             Contact: <sip:{PBX}>\r\nEvent: dialog\r\nSubscription-State: {state}\r\n\
             Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}",
            held.contact,
            held.tag,
            held.cseq,
            route_lines(asked, false),
            header_of(asked, "To"),
            held.tag,
            header_of(asked, "From"),
            held.cseq,
        );
        held.cseq += 1;
        held.under_way = Some((text.clone(), now, now));
        if !self.is_cut {
            say(&mut self.world, &pbx(), &text);
        }
    }
}
