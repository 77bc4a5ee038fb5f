//! The answering side: 180 and 200 to INVITE, 200 to the rest, NOTIFY after SUBSCRIBE.

use crate::args::{Cfg, Mode};
use crate::fanout::Dialog;
use crate::link::Link;
use crate::net::{Peer, RxBuf};
use crate::sip::{self, Msg};
use crate::wire::{Put, Rng};
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::time::{Duration, Instant};

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) retransmits: u64,
    pub(crate) invites: u64,
    pub(crate) failed: u64,
}

impl Counters {
    /// Received, sent, retransmitted.
    pub(crate) fn read(&self) -> [u64; 3] {
        [self.received, self.sent, self.retransmits]
    }
}

/// A message repeated until its acknowledgement comes.
struct Pending {
    bytes: Vec<u8>,
    to: Peer,
    tries: u32,
    serial: u64,
}

pub(crate) struct Uas {
    link: Link,
    pub(crate) counters: Counters,
    rx: RxBuf,
    out: Vec<u8>,
    pending: HashMap<u64, Pending>,
    timers: VecDeque<(Instant, u64, u64)>,
    pool: Vec<Vec<u8>>,
    rng: Rng,
    serial: u64,
    t1: Duration,
    contact: Vec<u8>,
    via: Vec<u8>,
    /// What its NOTIFYs say.
    state: u64,
    /// Subscriptions that are told of changes; `None`: there are none.
    dialogs: Option<Vec<Dialog>>,
}

pub(crate) const SDP: &str = "v=0\r\no=storm 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
m=audio 40000 RTP/AVP 8 0 9 18 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:9 G722/8000\r\n\
a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n\
a=ptime:20\r\na=maxptime:150\r\na=sendrecv\r\na=rtcp:40001\r\na=ssrc:2863311530 cname:storm@127.0.0.1\r\n";

fn key(call_id: &[u8], kind: u8) -> u64 {
    let mut h = DefaultHasher::new();
    (call_id, kind).hash(&mut h);
    h.finish()
}

impl Uas {
    pub(crate) fn new(cfg: &Cfg) -> io::Result<Uas> {
        let link = Link::answerer(cfg)?;
        let transport = if cfg.tcp { ";transport=tcp" } else { "" };
        let proto = if cfg.tcp { "TCP" } else { "UDP" };
        let (ip, port) = (cfg.uas_ip, cfg.uas_port);
        Ok(Uas {
            link,
            counters: Counters::default(),
            rx: RxBuf::default(),
            out: Vec::new(),
            pending: HashMap::new(),
            timers: VecDeque::new(),
            pool: Vec::new(),
            rng: Rng(u64::from(std::process::id()) << 20 ^ 0x5eed),
            serial: 0,
            t1: if cfg.tcp {
                Duration::from_secs(3600)
            } else {
                cfg.t1
            },
            contact: format!("<sip:storm@{ip}:{port}{transport}>").into(),
            via: format!("SIP/2.0/{proto} {ip}:{port};branch=z9hG4bK").into(),
            state: 2,
            dialogs: (cfg.mode == Mode::Fanout).then(Vec::new),
        })
    }

    /// One round without waiting; true when something came in.
    pub(crate) fn step(&mut self, now: Instant) -> bool {
        let mut rx = std::mem::take(&mut self.rx);
        let mut busy = false;
        for _ in 0..4 {
            let n = self.link.recv(0, &mut rx);
            for i in 0..n {
                let (data, peer) = rx.get(i);
                if let Some(m) = sip::parse(data) {
                    self.handle(&m, peer, now);
                }
            }
            self.counters.received += n as u64;
            busy |= n > 0;
            if n < crate::net::BATCH {
                break;
            }
        }
        self.rx = rx;
        self.repeat(now);
        self.link.flush();
        busy
    }

    pub(crate) fn wait(&self, cfg: &Cfg) {
        self.link.wait(cfg.wait, cfg.nap);
    }

    fn handle(&mut self, m: &Msg<'_>, peer: Peer, now: Instant) {
        if m.code >= 200 {
            self.settle(key(m.call_id, b'N'));
            return;
        }
        match m.method {
            _ if m.code > 0 => {}
            b"ACK" => self.settle(key(m.call_id, b'I')),
            b"INVITE" => {
                self.counters.invites += u64::from(!sip::has_tag(m.to));
                self.reply(m, peer, "180 Ringing", "", "");
                self.reply(
                    m,
                    peer,
                    "200 OK",
                    "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\n",
                    SDP,
                );
                self.keep(key(m.call_id, b'I'), peer, now);
            }
            b"SUBSCRIBE" => {
                self.reply(m, peer, "200 OK", "Expires: 3600\r\n", "");
                self.notify(m, peer, now);
            }
            _ => self.reply(m, peer, "200 OK", "", ""),
        }
    }

    fn send(&mut self, to: Peer) {
        self.link.send(to, &self.out);
        self.counters.sent += 1;
    }

    fn put_tag(&mut self, m: &Msg<'_>) {
        if !sip::has_tag(m.to) {
            self.out.s(";tag=").hex(key(m.call_id, b'T'), 12);
        }
    }

    fn reply(&mut self, m: &Msg<'_>, peer: Peer, status: &str, extra: &str, body: &str) {
        self.out.clear();
        self.out.s("SIP/2.0 ").s(status).s("\r\n");
        for v in m.vias.as_slice() {
            self.out.s("Via: ").b(v).s("\r\n");
        }
        for v in m.record_routes.as_slice() {
            self.out.s("Record-Route: ").b(v).s("\r\n");
        }
        self.out.s("From: ").b(m.from).s("\r\nTo: ").b(m.to);
        self.put_tag(m);
        self.out
            .s("\r\nCall-ID: ")
            .b(m.call_id)
            .s("\r\nCSeq: ")
            .n(u64::from(m.cseq))
            .s(" ")
            .b(m.method);
        self.out
            .s("\r\nContact: ")
            .b(&self.contact)
            .s("\r\n")
            .s(extra);
        if !body.is_empty() {
            self.out.s("Content-Type: application/sdp\r\n");
        }
        self.out
            .s("Content-Length: ")
            .n(body.len() as u64)
            .s("\r\n\r\n")
            .s(body);
        self.send(peer);
    }

    fn notify(&mut self, m: &Msg<'_>, peer: Peer, now: Instant) {
        let mut tag = Vec::new();
        if !sip::has_tag(m.to) {
            tag.s(";tag=").hex(key(m.call_id, b'T'), 12);
        }
        let own: [&[u8]; 3] = [&self.via, &self.contact, &tag];
        let mut dialog = Dialog::of(m, peer, key(m.call_id, b'N'), own);
        self.tell(&mut dialog, now);
        if let Some(dialogs) = &mut self.dialogs
            && dialogs.iter().all(|known| known.key != dialog.key)
        {
            dialogs.push(dialog);
        }
    }

    /// Something has changed, and all subscribers are told; gives the number by which they know it.
    pub(crate) fn change(&mut self, now: Instant) -> u64 {
        self.state += 1;
        let mut dialogs = self.dialogs.take();
        for dialog in dialogs.iter_mut().flatten() {
            self.tell(dialog, now);
        }
        self.dialogs = dialogs;
        self.link.flush();
        self.state
    }

    fn tell(&mut self, dialog: &mut Dialog, now: Instant) {
        let branch = self.rng.next();
        self.out.clear();
        dialog.put(branch, self.state, &mut self.out);
        self.send(dialog.peer);
        self.keep(dialog.key, dialog.peer, now);
    }

    fn keep(&mut self, key: u64, to: Peer, now: Instant) {
        let mut bytes = self.pool.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(&self.out);
        self.serial += 1;
        self.timers.push_back((now + self.t1, key, self.serial));
        self.pending.insert(
            key,
            Pending {
                bytes,
                to,
                tries: 0,
                serial: self.serial,
            },
        );
    }

    fn settle(&mut self, key: u64) {
        if let Some(p) = self.pending.remove(&key) {
            self.pool.push(p.bytes);
        }
    }

    /// Repeats what is unanswered, every T1 (a plain measuring stick, no doubling), 7 times.
    fn repeat(&mut self, now: Instant) {
        while let Some((_, key, serial)) = self.timers.pop_front_if(|t| t.0 <= now) {
            let Some(p) = self.pending.get_mut(&key).filter(|p| p.serial == serial) else {
                continue;
            };
            p.tries += 1;
            if p.tries > 7 {
                self.pending.remove(&key);
                self.counters.failed += 1;
                continue;
            }
            self.link.send(p.to, &p.bytes);
            self.counters.sent += 1;
            self.counters.retransmits += 1;
            self.timers.push_back((now + self.t1, key, serial));
        }
    }
}
