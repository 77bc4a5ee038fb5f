//! The calling side: an open-loop clock, a table of transactions in flight, timers.
//! What is sent and what a response leads to is in `flow`.

use crate::args::{Cfg, Mode};
use crate::digest::Challenge;
use crate::fanout::Heard;
use crate::link::Link;
use crate::net::{BATCH, Peer, RxBuf};
use crate::procfs;
use crate::sip;
use crate::stats::Stats;
use crate::uas::Uas;
use crate::wire::Rng;
use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

/// One transaction, call or subscription in flight.
#[derive(Default)]
pub(crate) struct Slot {
    pub(crate) active: bool,
    /// Changes with every client transaction in this slot, so that late answers show.
    pub(crate) turn: u32,
    pub(crate) rand: u64,
    pub(crate) user: u32,
    pub(crate) sock: u32,
    pub(crate) cseq: u32,
    pub(crate) auths: u32,
    /// No retransmission now: provisional answer, waiting for NOTIFY, or on hold.
    pub(crate) quiet: bool,
    pub(crate) in_dialog: bool,
    pub(crate) answered: bool,
    pub(crate) notified: bool,
    pub(crate) began: Duration,
    pub(crate) sent_at: Duration,
    /// The request as sent, for retransmission.
    pub(crate) request: Vec<u8>,
}

/// What lasts from one registration of a user to the next.
#[derive(Default)]
pub(crate) struct User {
    pub(crate) challenge: Option<Challenge>,
    pub(crate) nc: u32,
    pub(crate) cseq: u32,
    pub(crate) call: u64,
    pub(crate) busy: bool,
}

type Timer = (Duration, u32, u32);

pub(crate) struct Uac<'a> {
    pub(crate) cfg: &'a Cfg,
    pub(crate) link: Link,
    pub(crate) slots: Vec<Slot>,
    pub(crate) users: Vec<User>,
    pub(crate) rng: Rng,
    pub(crate) stats: Stats,
    pub(crate) now: Duration,
    pub(crate) out: Vec<u8>,
    pub(crate) contacts: Vec<Vec<u8>>,
    pub(crate) holds: VecDeque<Timer>,
    pub(crate) in_flight: u64,
    pub(crate) epoch: Instant,
    pub(crate) heard: Heard,
    pub(crate) uas: Option<Uas>,
    free: Vec<u32>,
    next_user: u32,
    next_sock: u32,
    /// Timers by number of repetitions so far: each queue has one interval, so it stays sorted.
    timers: Vec<VecDeque<Timer>>,
}

const LEVELS: usize = 12;

impl<'a> Uac<'a> {
    pub(crate) fn new(cfg: &'a Cfg, uas: Option<Uas>) -> io::Result<Uac<'a>> {
        let link = Link::client(cfg)?;
        let seed = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(1, |d| d.as_nanos() as u64);
        let transport = if cfg.tcp { ";transport=tcp" } else { "" };
        let contact = |s: u32| {
            let local = link.local(s);
            format!(
                "@{}:{}{transport}",
                local.ip(),
                cfg.contact_port.unwrap_or(local.port())
            )
            .into_bytes()
        };
        let contacts = (0..link.sockets()).map(contact).collect();
        let mut rng = Rng(seed);
        let user = |_| User {
            call: rng.next(),
            ..User::default()
        };
        let users = (0..cfg.users).map(user).collect();
        Ok(Uac {
            cfg,
            link,
            slots: Vec::new(),
            users,
            rng,
            stats: Stats::default(),
            now: Duration::ZERO,
            out: Vec::with_capacity(4096),
            contacts,
            holds: VecDeque::new(),
            in_flight: 0,
            epoch: Instant::now(),
            heard: Heard::default(),
            free: Vec::new(),
            next_user: 0,
            next_sock: 0,
            timers: (0..LEVELS).map(|_| VecDeque::new()).collect(),
            uas,
        })
    }

    /// Begins `total` transactions, or changes of a fan-out, at `rate`, then waits for the rest of the answers.
    pub(crate) fn run(&mut self, rate: f64, total: u64, measured: bool) -> Stats {
        self.stats = Stats {
            offered_rate: rate,
            ..Stats::default()
        };
        let pids: &[i32] = if measured { &self.cfg.pids } else { &[] };
        let before = procfs::usage(pids, false);
        let own_before = procfs::own_cpu_s();
        let uas_before = self.uas_counts();
        let start = Instant::now() - self.epoch;
        let per_slice = rate * self.cfg.slice.as_secs_f64();
        let (mut slice, mut ended, mut rss_at) = (0u32, None, start + Duration::from_millis(500));
        let (mut rx, mut begun) = (RxBuf::default(), 0);
        loop {
            self.now = self.epoch.elapsed();
            while begun < total && start + self.cfg.slice * slice <= self.now {
                let intended = start + self.cfg.slice * slice;
                slice += 1;
                let due = ((per_slice * f64::from(slice)) as u64).min(total);
                self.stats.lag_ms = self
                    .stats
                    .lag_ms
                    .max((self.now - intended).as_secs_f64() * 1e3);
                while begun < due {
                    begun += 1;
                    self.begin(intended);
                }
            }
            self.link.flush();
            let mut busy = self.receive(&mut rx);
            self.run_timers();
            self.link.flush();
            if let Some(uas) = &mut self.uas {
                busy |= uas.step(self.epoch + self.epoch.elapsed());
            }
            if begun >= total {
                let end = *ended.get_or_insert(self.now);
                if self.in_flight == 0 || (self.now - end).as_secs_f64() > self.cfg.drain {
                    break;
                }
            }
            if !pids.is_empty() && self.now >= rss_at {
                rss_at = self.now + Duration::from_secs(2);
                self.stats.rss_peak_kb = self
                    .stats
                    .rss_peak_kb
                    .max(procfs::usage(pids, false).rss_kb);
            }
            if !busy {
                self.link.wait(self.cfg.wait, self.cfg.nap);
            }
        }
        self.abandon();
        let uas_after = self.uas_counts();
        let mut stats = std::mem::take(&mut self.stats);
        stats.own_cpu_s = procfs::own_cpu_s() - own_before;
        stats.add_uas(uas_before, uas_after);
        stats.seconds = (ended.unwrap_or(self.now) - start).as_secs_f64();
        stats.lost_at_send = self.link.lost();
        if !pids.is_empty() {
            let after = procfs::usage(pids, true);
            stats.rss_peak_kb = stats.rss_peak_kb.max(after.rss_kb);
            stats.cpu = Some((before, after));
        }
        stats
    }

    fn uas_counts(&self) -> [u64; 3] {
        self.uas.as_ref().map_or([0; 3], |u| u.counters.read())
    }

    fn begin(&mut self, intended: Duration) {
        if self.heard.is_telling {
            return self.change(intended);
        }
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() as u32 - 1
        });
        for _ in 0..16 {
            self.next_user = (self.next_user + 1) % self.cfg.users;
            if !(self.cfg.refresh && self.users[self.next_user as usize].busy) {
                break;
            }
        }
        self.next_sock = (self.next_sock + 1) % self.link.sockets();
        let slot = &mut self.slots[id as usize];
        *slot = Slot {
            active: true,
            turn: slot.turn,
            rand: self.rng.next(),
            user: self.next_user,
            sock: self.next_sock,
            began: intended,
            request: std::mem::take(&mut slot.request),
            ..Slot::default()
        };
        self.users[self.next_user as usize].busy = true;
        self.stats.started += 1;
        self.in_flight += 1;
        self.first_request(id);
    }

    /// Sends the request just built in the slot, and arms its timer.
    pub(crate) fn transmit(&mut self, id: u32) {
        let slot = &mut self.slots[id as usize];
        slot.sent_at = self.now;
        slot.quiet = false;
        let to = Peer {
            sock: slot.sock,
            addr: self.cfg.server,
        };
        self.link.send(to, &slot.request);
        self.stats.sent += 1;
        self.timers[0].push_back((self.now + self.cfg.t1, id, slot.turn));
    }

    pub(crate) fn send_out(&mut self, to: Peer) {
        self.link.send(to, &self.out);
        self.stats.sent += 1;
    }

    pub(crate) fn finish(&mut self, id: u32, outcome: Result<(), u16>) {
        let latency = (self.now - self.slots[id as usize].began).as_micros() as u64;
        match outcome {
            Ok(()) => {
                self.stats.ok += 1;
                if self.cfg.mode != Mode::Call {
                    self.stats.latency.add(latency);
                }
            }
            Err(0) => self.stats.timeouts += 1,
            Err(code) => self.stats.by_class[(code / 100).min(6) as usize] += 1,
        }
        let slot = &mut self.slots[id as usize];
        slot.active = false;
        slot.turn = (slot.turn + 1) & 0xffff;
        self.users[slot.user as usize].busy = false;
        self.free.push(id);
        self.in_flight -= 1;
    }

    fn receive(&mut self, rx: &mut RxBuf) -> bool {
        let mut busy = false;
        for sock in 0..self.link.sockets() {
            for _ in 0..4 {
                let n = self.link.recv(sock, rx);
                self.stats.received += n as u64;
                busy |= n > 0;
                self.now = self.epoch.elapsed();
                for i in 0..n {
                    let (data, peer) = rx.get(i);
                    match sip::parse(data) {
                        Some(m) if m.code > 0 => self.response(&m, peer),
                        Some(m) => self.request(&m, data, peer),
                        None => {}
                    }
                }
                if n < BATCH {
                    break;
                }
            }
        }
        busy
    }

    fn run_timers(&mut self) {
        for level in 0..LEVELS {
            while let Some((_, id, turn)) = self.timers[level].pop_front_if(|t| t.0 <= self.now) {
                let slot = &self.slots[id as usize];
                if !slot.active || slot.turn != turn {
                    continue;
                }
                if self.now - slot.sent_at >= self.cfg.timeout || level + 1 == LEVELS {
                    self.finish(id, Err(0));
                    continue;
                }
                if !slot.quiet && !self.cfg.tcp {
                    let to = Peer {
                        sock: slot.sock,
                        addr: self.cfg.server,
                    };
                    self.link.send(to, &slot.request);
                    self.stats.sent += 1;
                    self.stats.retransmits += 1;
                }
                let doubled = self.cfg.t1 * (1 << (level + 1));
                self.timers[level + 1].push_back((
                    self.now + doubled.min(self.cfg.t1 * 8),
                    id,
                    turn,
                ));
            }
        }
        while let Some((_, id, turn)) = self.holds.pop_front_if(|t| t.0 <= self.now) {
            if self.slots[id as usize].active && self.slots[id as usize].turn == turn {
                self.transmit(id);
            }
        }
    }

    /// Counts what never came as timed out, so that every start has one outcome.
    fn abandon(&mut self) {
        for id in 0..self.slots.len() as u32 {
            if self.slots[id as usize].active {
                self.finish(id, Err(0));
            }
        }
        self.never_heard();
        self.holds.clear();
        self.timers.iter_mut().for_each(VecDeque::clear);
    }
}
