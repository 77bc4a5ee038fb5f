//! The flow `fanout`: as many watchers of one resource as there are sockets, and an answerer that tells of a change in
//! every dialog that it has: one where the server keeps a subscription for all, one for each where it relays.

use crate::args::Cfg;
use crate::net::Peer;
use crate::sip::{self, Msg};
use crate::stats::Stats;
use crate::uac::Uac;
use crate::wire::Put;
use std::collections::HashMap;
use std::time::Duration;

/// The answerer's side of a subscription, written but for what changes.
pub(crate) struct Dialog {
    pub(crate) peer: Peer,
    pub(crate) key: u64,
    pub(crate) cseq: u32,
    start: Vec<u8>,
    middle: Vec<u8>,
    end: Vec<u8>,
}

impl Dialog {
    /// Of this SUBSCRIBE; `tag` is the To tag's parameter, if it has none yet.
    pub(crate) fn of(m: &Msg<'_>, peer: Peer, key: u64, own: [&[u8]; 3]) -> Dialog {
        let [via, contact, tag] = own;
        let mut start = Vec::with_capacity(160);
        start
            .s("NOTIFY ")
            .b(sip::uri(m.contact))
            .s(" SIP/2.0\r\nVia: ")
            .b(via);
        let mut middle = Vec::with_capacity(320);
        middle.s("\r\nMax-Forwards: 70\r\n");
        for r in sip::routes(&m.record_routes) {
            middle.s("Route: ").b(r).s("\r\n");
        }
        middle.s("From: ").b(m.to).b(tag).s("\r\nTo: ").b(m.from);
        middle.s("\r\nCall-ID: ").b(m.call_id).s("\r\nCSeq: ");
        let mut end = Vec::with_capacity(200);
        end.s(" NOTIFY\r\nContact: ").b(contact).s(
            "\r\nEvent: message-summary\r\nSubscription-State: active;expires=3600\r\n\
            Content-Type: application/simple-message-summary\r\nContent-Length: ",
        );
        Dialog {
            peer,
            key,
            cseq: 0,
            start,
            middle,
            end,
        }
    }

    /// The next NOTIFY of it, which says this number.
    pub(crate) fn put(&mut self, branch: u64, number: u64, out: &mut Vec<u8>) {
        self.cseq += 1;
        let mut body = Vec::with_capacity(100);
        body.s("Messages-Waiting: yes\r\nMessage-Account: sip:storm@127.0.0.1\r\n")
            .s(NUMBER)
            .n(number)
            .s("/8 (0/2)\r\n");
        out.b(&self.start).hex(branch, 16).b(&self.middle);
        out.n(u64::from(self.cseq)).b(&self.end);
        out.n(body.len() as u64).s("\r\n\r\n").b(&body);
    }
}

/// What the watchers have heard.
#[derive(Default)]
pub(crate) struct Heard {
    /// Whether changes are begun, not subscriptions.
    pub(crate) is_telling: bool,
    /// When each change was due, from the number `first`.
    due: Vec<Duration>,
    first: u64,
    /// The greatest number that a watcher has heard, by its Call-ID's random part.
    last: HashMap<u64, u64>,
}

impl Uac<'_> {
    /// Has the answerer tell all its dialogs of a change that was due then.
    pub(crate) fn change(&mut self, due: Duration) {
        let now = self.epoch + self.now;
        let Some(uas) = &mut self.uas else { return };
        let number = uas.change(now);
        if self.heard.due.is_empty() {
            self.heard.first = number;
        }
        self.heard.due.push(due);
        let watchers = u64::from(self.link.sockets());
        self.stats.started += watchers;
        self.in_flight += watchers;
    }

    /// A watcher has got a NOTIFY: counts it, if it is of a change and no copy.
    pub(crate) fn hears(&mut self, rand: u64, message: &[u8]) {
        let Some(number) = number_in(message) else {
            return;
        };
        let heard = &mut self.heard;
        let last = heard.last.entry(rand).or_default();
        if !heard.is_telling || number <= *last {
            return;
        }
        *last = number;
        let at = number.checked_sub(heard.first);
        let Some(due) = at.and_then(|at| heard.due.get(at as usize)) else {
            return;
        };
        let late = self.now.saturating_sub(*due).as_micros() as u64;
        self.stats.latency.add(late);
        self.stats.ok += 1;
        self.in_flight -= 1;
    }

    /// What nobody has heard counts as timed out.
    pub(crate) fn never_heard(&mut self) {
        if self.heard.is_telling {
            self.stats.timeouts += self.in_flight;
            self.in_flight = 0;
            self.heard.due.clear();
        }
    }
}

/// Subscribes, warms up, measures. A transaction is one watcher's NOTIFY and its 200; `--rate` is of those.
pub(crate) fn drive(cfg: &Cfg, uac: &mut Uac<'_>) -> bool {
    let watchers = f64::from(cfg.sockets.max(1));
    let asked = uac.run(SUBSCRIBING, u64::from(cfg.sockets), false);
    if asked.ok != asked.started {
        eprintln!("storm: {} of {} subscribed", asked.ok, asked.started);
        return false;
    }
    uac.heard.is_telling = true;
    let changes = |seconds: f64| (cfg.rate * seconds / watchers).ceil() as u64;
    if cfg.warmup > 0.0 {
        uac.run(cfg.rate / watchers, changes(cfg.warmup), false);
    }
    let mut stats: Stats = uac.run(cfg.rate / watchers, changes(cfg.duration), true);
    stats.offered_rate *= watchers;
    stats.print(cfg);
    stats.ok == stats.started
}

fn number_in(message: &[u8]) -> Option<u64> {
    let at = sip::find_str(message, NUMBER.as_bytes())? + NUMBER.len();
    let digits = message.get(at..)?.iter().take_while(|b| b.is_ascii_digit());
    let mut digits = digits.peekable();
    digits.peek()?;
    Some(digits.fold(0, |all, b| all * 10 + u64::from(b - b'0')))
}

/// Subscriptions a second.
const SUBSCRIBING: f64 = 200.0;
const NUMBER: &str = "Voice-Message: ";

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, SocketAddrV4};

    #[test]
    fn each_notify_of_a_dialog_has_the_next_cseq_and_says_its_number() {
        let subscribe =
            b"SUBSCRIBE sip:x SIP/2.0\r\nVia: a\r\nRecord-Route: <sip:p;lr>\r\nCall-ID: q\r\n\
            From: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCSeq: 2 SUBSCRIBE\r\nContact: <sip:a@h>\r\n\r\n";
        let peer = Peer {
            sock: 0,
            addr: SocketAddrV4::new(Ipv4Addr::LOCALHOST, 5),
        };
        let m = sip::parse(subscribe).unwrap();
        let mut dialog = Dialog::of(
            &m,
            peer,
            9,
            [b"SIP/2.0/UDP h;branch=", b"<sip:u>", b";tag=2"],
        );
        for (cseq, number) in [(1, 7), (2, 41)] {
            let mut out = Vec::new();
            dialog.put(3, number, &mut out);
            let notify = sip::parse(&out).unwrap();
            assert_eq!((notify.method, notify.cseq), (&b"NOTIFY"[..], cseq));
            assert_eq!((notify.from, notify.to), (&b"<sip:b>;tag=2"[..], m.from));
            assert_eq!(number_in(&out), Some(number));
            assert_eq!(sip::frame_len(&out), Some(out.len()));
        }
        assert_eq!(number_in(b"Voice-Message: x"), None);
    }
}
