//! A phone with many lamps: each a subscription of its own.

use crate::lane::{Lane, Transport};
use crate::message::Message;
use crate::phone::Phone;
use std::collections::HashMap;

/// The phone.
#[derive(Debug)]
pub(super) struct Panel {
    phone: Phone,
    /// By Call-ID.
    lamps: HashMap<String, Lamp>,
    complaints: Vec<String>,
}

/// One lamp, as the phone knows it.
#[derive(Debug)]
pub(super) struct Lamp {
    /// Its extension.
    extension: String,
    is_lit: Option<bool>,
    /// It was told to subscribe anew.
    is_ended: bool,
    /// Of its last NOTIFY. Asterisk draws the first one, nought among them.
    cseq: Option<u32>,
    version: Option<u32>,
}

impl Panel {
    /// A phone of user 600`user` at address `at`.
    pub(super) fn new(lane: &Lane, user: u8, at: u8) -> Self {
        let name = format!("600{user}");
        Self {
            phone: Phone::new(&name, lane.phone(at), lane.bellhop(), Transport::Udp),
            lamps: HashMap::new(),
            complaints: Vec::new(),
        }
    }

    /// Subscribes to one more.
    pub(super) fn subscribe(&mut self, extension: &str) {
        self.phone.begin_anew();
        let ok = self.phone.subscribe(extension, "dialog", 3_600);
        assert_eq!(ok.status(), Some(200), "{}", ok.text());
        let lamp = Lamp {
            extension: extension.to_owned(),
            is_lit: None,
            is_ended: false,
            cseq: None,
            version: None,
        };
        self.lamps.insert(ok.header("Call-ID").to_owned(), lamp);
    }

    /// Answers all that has come.
    pub(super) fn serve(&mut self) {
        self.phone.never_wait();
        while let Some(message) = self.phone.receive() {
            if message.start_line().starts_with("NOTIFY ") {
                self.phone.answer(&message, "200 OK");
                self.hear(&message);
            }
        }
    }

    /// Has no lamps any more.
    pub(super) fn forget_lamps(&mut self) {
        self.lamps.clear();
    }

    /// Whether it shows a lamp so; one that it does not watch, or does not watch any more, it shows as anybody likes.
    pub(super) fn shows(&self, extension: &str, is_lit: bool) -> bool {
        let mut own = self.lamps().filter(|lamp| lamp.extension == extension);
        own.all(|lamp| lamp.is_ended || lamp.is_lit == Some(is_lit))
    }

    pub(super) fn lamps(&self) -> impl Iterator<Item = &Lamp> {
        self.lamps.values()
    }

    pub(super) fn requests(&self) -> u32 {
        self.phone.requests()
    }

    pub(super) fn deactivated(&self) -> usize {
        self.lamps().filter(|lamp| lamp.is_ended).count()
    }

    pub(super) fn complaints(&self) -> &[String] {
        &self.complaints
    }

    fn hear(&mut self, notify: &Message) {
        let complain = |what: &str| format!("{what}: {}", notify.text());
        let Some(lamp) = self.lamps.get_mut(notify.header("Call-ID")) else {
            return self.complaints.push(complain("nobody's dialog"));
        };
        let state = notify.header("Subscription-State");
        if state.starts_with("terminated") {
            lamp.is_lit = None;
            lamp.is_ended = state.contains("reason=deactivated");
            if !lamp.is_ended {
                self.complaints.push(complain("ended"));
            }
            return;
        }
        let cseq = notify.header("CSeq").split(' ').next();
        let cseq = cseq.and_then(|number| number.parse().ok());
        // A copy of one whose answer was lost.
        if cseq == lamp.cseq {
            return;
        }
        if cseq < lamp.cseq {
            self.complaints.push(complain("an old CSeq"));
        }
        lamp.cseq = cseq;
        let text = notify.text();
        let body = text.split("<dialog-info").nth(1).unwrap_or_default();
        let version = body.split(" version=\"").nth(1);
        let version = version.and_then(|rest| rest.split('"').next()?.parse().ok());
        let Some(version) = version else {
            return;
        };
        if lamp.version.is_some_and(|last| version <= last) {
            self.complaints.push(complain("an old version"));
        }
        lamp.version = Some(version);
        lamp.is_lit = Some(text.contains("<state>confirmed</state>"));
    }
}
