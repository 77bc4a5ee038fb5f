//! Phones register by the thousand a second while Bellhop is killed again and again (`cargo xtask kills`): what
//! it has answered with 200 must be there when it is back.

use crate::bellhop::{Bellhop, Setup, Zone};
use crate::deadline::until;
use crate::lane::Lane;
use crate::message::Message;
use crate::temp::TempDir;
use std::collections::HashMap;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How often it is killed.
    pub kills: u32,
    /// REGISTERs a second.
    pub rate: u64,
    /// How many users register, one contact each.
    pub users: usize,
    /// How long they do between two kills, at least.
    pub between: Duration,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Kills {
    /// REGISTERs answered 200, besides the first of each user.
    pub acknowledged: u64,
    /// REGISTERs sent, besides the first of each user.
    pub sent: u64,
    /// What was acknowledged and was not there after a kill.
    pub lost: Vec<String>,
    /// How long each start took, from the command to its line `bellhop ready`.
    pub ready: Vec<Duration>,
    /// How long each 200 took, in order of length.
    pub took: Vec<Duration>,
    /// Resident memory in kB when all users had registered.
    pub memory: u64,
}

impl Kills {
    /// How long so many of a hundred 200s took at most.
    pub fn percentile(&self, percent: usize) -> Duration {
        let at = self.took.len() * percent / 100;
        let last = self.took.len().saturating_sub(1);
        self.took.get(at.min(last)).copied().unwrap_or_default()
    }

    /// The slowest start.
    pub fn slowest(&self) -> Duration {
        self.ready.iter().max().copied().unwrap_or_default()
    }
}

/// Runs it; tells how it goes.
///
/// # Panics
/// If Bellhop does not start.
pub fn run(plan: Plan, tell: impl Fn(&str)) -> Kills {
    let (lane, data) = (Lane::take(), TempDir::new());
    let mut setup = Setup::new(&lane).alone().log("warn");
    setup.listen = vec![(format!("udp:{}", lane.bellhop()), Zone::Inside)];
    let mut bellhop = setup.data_dir(data.path()).start();
    let socket = UdpSocket::bind(lane.phone(1)).expect("an address");
    socket.connect(lane.bellhop()).expect("Bellhop's address");
    socket.set_read_timeout(Some(LOOK)).expect("a timeout");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (tell_all, heard) = channel();
        scope.spawn(|| listen(&socket, &is_over, tell_all));
        let mut crowd = Crowd {
            socket: &socket,
            heard,
            users: vec![User::default(); plan.users],
            pending: HashMap::new(),
            kills: Kills::default(),
            chance: 88_172_645_463_325_252,
        };
        crowd.all(Crowd::register, |user| user.acked > 0);
        crowd.kills = Kills {
            memory: bellhop.resident_kb(),
            ..Kills::default()
        };
        tell(&format!("{} users are registered", plan.users));
        for nth in 1..=plan.kills {
            crowd.round(&mut bellhop, plan, nth);
            tell(&format!(
                "kill {nth}: ready again in {:.0?}, {} acknowledged so far, {} lost",
                crowd.kills.ready.last().copied().unwrap_or_default(),
                crowd.kills.acknowledged,
                crowd.kills.lost.len()
            ));
        }
        is_over.store(true, Ordering::Relaxed);
        crowd.kills.took.sort();
        crowd.kills
    })
}

/// A user, as its REGISTERs go: each eighth takes the contact back.
#[derive(Clone, Copy, Debug, Default)]
struct User {
    sent: u32,
    /// The last that was answered 200.
    acked: u32,
    asked: u32,
    answered: u32,
}

struct Crowd<'s> {
    socket: &'s UdpSocket,
    heard: Receiver<(Instant, String)>,
    users: Vec<User>,
    /// When each REGISTER was sent that has no answer.
    pending: HashMap<(usize, u32), Instant>,
    kills: Kills,
    chance: u64,
}

impl Crowd<'_> {
    /// Load, a kill in the midst of it, a start, and a look at every user.
    fn round(&mut self, bellhop: &mut Bellhop, plan: Plan, nth: u32) {
        let start = Instant::now();
        let time = plan.between + Duration::from_millis(self.random(500));
        let due = |sent: u64| {
            let micros = u64::try_from(start.elapsed().as_micros()).expect("a time");
            Some(micros * plan.rate / 1_000_000).filter(|due| *due > sent)
        };
        let mut sent = 0;
        while start.elapsed() < time {
            let due = until("REGISTERs are due", time, || due(sent));
            while sent < due {
                let user = self.random(plan.users as u64) as usize;
                self.register(user);
                sent += 1;
            }
            self.hear();
        }
        let wait = Duration::from_micros(self.random(6_000));
        let last = Instant::now();
        while last.elapsed() < wait {
            std::hint::spin_loop();
        }
        bellhop.kill();
        self.kills.sent += sent;
        // What it had answered is in our socket.
        until("the rest is read", Duration::from_secs(5), || {
            (self.hear() == 0).then_some(())
        });
        self.pending.clear();
        let start = Instant::now();
        bellhop.start();
        self.kills.ready.push(start.elapsed());
        self.all(Self::ask, |user| user.answered == user.asked);
        let lost = self.kills.lost.len();
        assert!(lost < 100, "kill {nth}: {:#?}", self.kills.lost);
    }

    /// Does `what` for all users, some at a time, until `is_done` for each.
    fn all(&mut self, what: fn(&mut Self, usize), is_done: fn(&User) -> bool) {
        for first in (0..self.users.len()).step_by(AT_ONCE) {
            let some = first..self.users.len().min(first + AT_ONCE);
            let mut last: Option<Instant> = None;
            for user in some.clone() {
                what(self, user);
            }
            until("all are answered", Duration::from_secs(60), || {
                self.hear();
                if some.clone().all(|user| is_done(&self.users[user])) {
                    return Some(());
                }
                // One of them was lost on its way.
                if last.get_or_insert_with(Instant::now).elapsed() > AGAIN {
                    last = None;
                    for user in some.clone() {
                        if !is_done(&self.users[user]) {
                            what(self, user);
                        }
                    }
                }
                None
            });
        }
    }

    fn register(&mut self, user: usize) {
        let state = &mut self.users[user];
        state.sent += 1;
        let number = state.sent;
        let local = self.socket.local_addr().expect("our address");
        let expires = if takes_back(number) { 0 } else { 3600 };
        let contact = format!("Contact: <sip:u{user}@{local}>;n={number};expires={expires}\r\n");
        self.send(user, &format!("kill-{user}"), number, &contact);
        self.pending.insert((user, number), Instant::now());
    }

    /// Asks for the bindings that it has.
    fn ask(&mut self, user: usize) {
        let state = &mut self.users[user];
        state.asked += 1;
        let number = state.asked;
        self.send(user, &format!("ask-{user}"), number, "");
    }

    fn send(&self, user: usize, call_id: &str, number: u32, contact: &str) {
        let local = self.socket.local_addr().expect("our address");
        let server = self.socket.peer_addr().expect("Bellhop's address").ip();
        let text = format!(
            "REGISTER sip:{server} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{call_id}-{number}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:u{user}@{server}>;tag=1\r\nTo: <sip:u{user}@{server}>\r\n\
             Call-ID: {call_id}\r\nCSeq: {number} REGISTER\r\n{contact}Content-Length: 0\r\n\r\n"
        );
        // Nobody may be there to take it.
        let _ = self.socket.send(text.as_bytes());
    }

    /// Takes in what was answered; how many answers that were.
    fn hear(&mut self) -> usize {
        let answers: Vec<_> = self.heard.try_iter().collect();
        for (at, text) in &answers {
            let message = Message::new(text.clone());
            let (kind, user) = message
                .header("Call-ID")
                .split_once('-')
                .expect("a Call-ID");
            let user: usize = user.parse().expect("a user");
            let number = message.header("CSeq").split_once(' ').expect("a CSeq").0;
            let number: u32 = number.parse().expect("a number");
            if message.status() != Some(200) {
                continue;
            }
            if kind == "kill" {
                let state = &mut self.users[user];
                state.acked = state.acked.max(number);
                self.kills.acknowledged += 1;
                if let Some(sent) = self.pending.remove(&(user, number)) {
                    self.kills.took.push(at.saturating_duration_since(sent));
                }
            } else {
                self.compare(user, number, &message);
            }
        }
        answers.len()
    }

    /// What it has of a user must be what was acknowledged last, or what was sent after that.
    fn compare(&mut self, user: usize, number: u32, answer: &Message) {
        let state = &mut self.users[user];
        if state.answered == state.asked || number != state.asked {
            return;
        }
        state.answered = number;
        let contact = answer.header("Contact");
        let has = contact.split(';').find_map(|part| part.strip_prefix("n="));
        let has: Option<u32> = has.map(|n| n.parse().expect("a number"));
        let mut may_be = state.acked..=state.sent;
        let is_right = match has {
            Some(number) => may_be.contains(&number),
            None => may_be.any(takes_back),
        };
        if !is_right {
            self.kills
                .lost
                .push(format!("u{user} has {has:?}: {state:?}"));
        }
    }

    /// A number below `end`; the same ones in each run.
    fn random(&mut self, end: u64) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance % end.max(1)
    }
}

/// Reads answers until it is over.
fn listen(socket: &UdpSocket, is_over: &AtomicBool, tell: Sender<(Instant, String)>) {
    let mut buffer = vec![0; 65_536];
    while !is_over.load(Ordering::Relaxed) {
        if let Ok(length) = socket.recv(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if tell.send((Instant::now(), text)).is_err() {
                return;
            }
        }
    }
}

/// Whether a user's REGISTER of this number takes its contact back.
fn takes_back(number: u32) -> bool {
    number.is_multiple_of(8)
}

/// Users that are asked at once: as many answers as the socket's buffer has room for.
const AT_ONCE: usize = 100;
/// After this they are asked again.
const AGAIN: Duration = Duration::from_secs(2);
/// How long the reader waits before it looks whether it is over.
const LOOK: Duration = Duration::from_millis(20);
