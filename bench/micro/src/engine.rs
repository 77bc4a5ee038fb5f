//! What the whole engine costs for one message: from a datagram handed in until its answer, or what is
//! relayed, stands in the outbox. Nothing is switched off; events are made as at log level info.

#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    reason = "a script that does not fit its engine may fail loudly"
)]

use crate::{Case, Entry};
use bellhop_core::auth::{Algorithm, Authenticator, ReplayGuard, Secret, upstream::UpstreamAuth};
use bellhop_core::engine::{Engine, Shared};
use bellhop_core::event::Level;
use bellhop_core::flow::Flow;
use bellhop_core::outbox::Outbox;
use bellhop_core::policy::Policy;
use bellhop_core::registrar::Location;
use bellhop_core::time::{Instant, Now};
use bellhop_testkit::{Chance, Peer, header_of, status_of};
use site::{ANSWER, OFFER, PBX, REALM, address, auth, config, flow_of, peer, register};
use std::{hint::black_box, net::SocketAddr, sync::Arc, time::Duration};

mod call;
mod site;

/// The cases.
pub const CASES: &[Entry] = &[
    ("engine/register-401", || case(challenged)),
    ("engine/register-new", || in_the_midst(registered)),
    // These two tell a stranger nothing by the time they take.
    ("engine/register-wrong-password", || case(wrong_password)),
    ("engine/register-unknown-user", || case(unknown_user)),
    ("engine/register-refresh", || case(refreshed)),
    ("engine/invite-authorised", || case(invite_from_phone)),
    ("engine/invite-to-phone", || case(invite_to_phone)),
    ("engine/180-relayed", || case(ringing)),
    ("engine/200-relayed", || case(accepted)),
    ("engine/ack-relayed", || case(acknowledged)),
    ("engine/bye-relayed", || case(ended)),
    ("engine/bye-200-relayed", || case(end_answered)),
    ("engine/message-relayed", || case(message)),
    ("engine/message-200-relayed", || case(message_answered)),
    ("engine/options-answered", || case(qualified)),
    ("engine/call", || call::case(Stage::with(0))),
];

/// A whole call, and somebody is asked about each message of it.
pub fn call_asked(policy: Box<dyn Policy>) -> Box<dyn Case> {
    call::case(Stage::with(0).asking(policy))
}

/// A registration that somebody is asked about.
pub fn register_asked(policy: Box<dyn Policy>) -> Box<dyn Case> {
    case_on(Stage::with(0).asking(policy), registered)
}

/// Brings everything about that is not counted, and gives the message that is: where from, and its text.
type Script = fn(&mut Stage) -> (SocketAddr, String);

struct Play {
    stage: Stage,
    script: Script,
    flow: Flow,
    bytes: Vec<u8>,
}

/// An engine, its phones and its PBX.
struct Stage {
    engine: Engine,
    location: Arc<Location>,
    out: Outbox,
    now: Now,
    step: Duration,
    phones: Vec<Peer>,
    pbx: Peer,
    rounds: usize,
    nonce: String,
}

fn case(script: Script) -> Box<dyn Case> {
    case_on(Stage::with(0), script)
}

/// As [`case`], for what adds to the engine's tables, at a site that has run for a while: somebody registers for
/// five minutes every 60 ms, and as often the time of somebody's binding and nonce is up. So there are 5,000
/// others all the time, and tables and heap have grown to what is needed.
fn in_the_midst(script: Script) -> Box<dyn Case> {
    let mut stage = Stage::with(OTHERS);
    stage.step = FULL_STEP;
    for number in 0..OTHERS {
        let at = SocketAddr::new([192, 0, 2, 45].into(), 10_000 + number);
        let mut phone = peer(&format!("2{number:04}"), "secret", at);
        let ask = register(&mut phone, 0).replacen("Expires: 3600", "Expires: 300", 1);
        stage.say(at, &ask);
        let challenge = stage.last();
        let text = phone.authorize(&ask, &challenge, Algorithm::Md5);
        stage.say(at, &text.unwrap_or_default());
        assert_eq!(status_of(&stage.last()), 200);
        stage.pass();
    }
    case_on(stage, script)
}

fn case_on(stage: Stage, script: Script) -> Box<dyn Case> {
    Box::new(Play {
        stage,
        script,
        flow: flow_of(address(PBX)),
        bytes: Vec::new(),
    })
}

impl Case for Play {
    fn prepare(&mut self) {
        let stage = &mut self.stage;
        stage.rounds = stage.rounds.wrapping_add(1);
        stage.pass();
        let (from, text) = (self.script)(stage);
        self.flow = flow_of(from);
        self.bytes = text.into_bytes();
        stage.out.clear();
    }

    fn run(&mut self) {
        let Stage {
            engine, now, out, ..
        } = &mut self.stage;
        engine.receive(*now, self.flow, black_box(&self.bytes), out);
        assert!(!out.transmits.is_empty(), "each case sends something");
        black_box(&out.transmits);
    }
}

fn challenged(stage: &mut Stage) -> (SocketAddr, String) {
    let text = stage.register();
    (stage.phone().address, text)
}

fn registered(stage: &mut Stage) -> (SocketAddr, String) {
    let ask = stage.register();
    authorised(stage, ask)
}

fn wrong_password(stage: &mut Stage) -> (SocketAddr, String) {
    let round = stage.rounds;
    let phone = stage.phone();
    let mut thief = phone.clone();
    thief.password = "guessed".to_owned();
    let ask = register(&mut thief, round);
    guessed(stage, thief, ask)
}

fn unknown_user(stage: &mut Stage) -> (SocketAddr, String) {
    let round = stage.rounds;
    let mut thief = stage.phone().clone();
    thief.user = thief.user.replacen('1', "7", 1);
    let ask = register(&mut thief, round);
    guessed(stage, thief, ask)
}

/// The answer of somebody who has no password to a challenge.
fn guessed(stage: &mut Stage, mut thief: Peer, ask: String) -> (SocketAddr, String) {
    stage.say(thief.address, &ask);
    let challenge = stage.last();
    let text = thief.authorize(&ask, &challenge, Algorithm::Md5);
    (thief.address, text.unwrap_or_default())
}

fn refreshed(stage: &mut Stage) -> (SocketAddr, String) {
    if stage.nonce.is_empty() {
        let (from, text) = registered(stage);
        stage.say(from, &text);
        let value = header_of(&text, "Authorization");
        let nonce = value
            .split("nonce=\"")
            .nth(1)
            .and_then(|v| v.split('"').next());
        stage.nonce = nonce.unwrap_or_default().to_owned();
    }
    let nonce = stage.nonce.clone();
    let round = stage.rounds;
    let phone = &mut stage.phones[1];
    let ask = register(phone, round);
    let text = phone.with_credentials(&ask, "Authorization", REALM, &nonce, Algorithm::Md5);
    (phone.address, text.unwrap_or_default())
}

fn invite_from_phone(stage: &mut Stage) -> (SocketAddr, String) {
    let call_id = stage.call_id();
    let ask = stage
        .phone()
        .request("INVITE", "sip:2001@pbx.example.com", &call_id, OFFER);
    authorised(stage, ask)
}

fn invite_to_phone(stage: &mut Stage) -> (SocketAddr, String) {
    let (from, text) = registered(stage);
    stage.say(from, &text);
    let call_id = stage.call_id();
    let to = format!("sip:{}@pbx.example.com", stage.phone().user);
    let text = stage.pbx.request("INVITE", &to, &call_id, OFFER);
    (stage.pbx.address, text)
}

/// A call from the PBX, as it reached the phone.
fn call(stage: &mut Stage) -> String {
    let (from, text) = invite_to_phone(stage);
    stage.say(from, &text);
    stage.last()
}

fn ringing(stage: &mut Stage) -> (SocketAddr, String) {
    let invite = call(stage);
    let phone = stage.phone();
    (phone.address, phone.answer(&invite, 180, "Ringing", ""))
}

fn accepted(stage: &mut Stage) -> (SocketAddr, String) {
    let invite = call(stage);
    let phone = stage.phone();
    (phone.address, phone.answer(&invite, 200, "OK", ANSWER))
}

/// A request of the PBX in the dialog of a call that was taken.
fn in_dialog(stage: &mut Stage, method: &str) -> (SocketAddr, String) {
    let (from, text) = accepted(stage);
    stage.say(from, &text);
    let accepted = stage.last();
    in_dialog_of(stage, &accepted, method)
}

/// The same in the dialog that this 200 has made.
fn in_dialog_of(stage: &mut Stage, accepted: &str, method: &str) -> (SocketAddr, String) {
    let route = format!("Route: {}\r\n", header_of(accepted, "Record-Route"));
    let uri = header_of(accepted, "Contact")
        .trim_matches(|c| c == '<' || c == '>')
        .to_owned();
    let (to, call_id) = (header_of(accepted, "To"), header_of(accepted, "Call-ID"));
    let cseq = if method == "ACK" { 1 } else { 2 };
    let text = stage.pbx.in_dialog(method, &uri, to, call_id, cseq, &route);
    (stage.pbx.address, text)
}

fn acknowledged(stage: &mut Stage) -> (SocketAddr, String) {
    in_dialog(stage, "ACK")
}

fn ended(stage: &mut Stage) -> (SocketAddr, String) {
    in_dialog(stage, "BYE")
}

fn end_answered(stage: &mut Stage) -> (SocketAddr, String) {
    let (from, text) = ended(stage);
    stage.say(from, &text);
    let bye = stage.last();
    let phone = stage.phone();
    (phone.address, phone.answer(&bye, 200, "OK", ""))
}

/// A request of the PBX outside of any dialog, for a phone that has registered.
fn to_phone(stage: &mut Stage, method: &str) -> (SocketAddr, String) {
    let (from, text) = registered(stage);
    stage.say(from, &text);
    let call_id = stage.call_id();
    let to = format!("sip:{}@pbx.example.com", stage.phone().user);
    let text = stage.pbx.request(method, &to, &call_id, "");
    (stage.pbx.address, text)
}

fn message(stage: &mut Stage) -> (SocketAddr, String) {
    to_phone(stage, "MESSAGE")
}

/// A PBX qualifies an AoR: that is answered here.
fn qualified(stage: &mut Stage) -> (SocketAddr, String) {
    to_phone(stage, "OPTIONS")
}

fn message_answered(stage: &mut Stage) -> (SocketAddr, String) {
    let (from, text) = message(stage);
    stage.say(from, &text);
    let request = stage.last();
    let phone = stage.phone();
    (phone.address, phone.answer(&request, 200, "OK", ""))
}

/// The same request once more, with an answer to its challenge.
fn authorised(stage: &mut Stage, ask: String) -> (SocketAddr, String) {
    let from = stage.phone().address;
    stage.say(from, &ask);
    let challenge = stage.last();
    assert!(matches!(status_of(&challenge), 401 | 407), "{challenge}");
    let phone = stage.phone();
    let text = phone.authorize(&ask, &challenge, Algorithm::Md5);
    (from, text.unwrap_or_default())
}

impl Stage {
    /// With so many other users, whose phones say nothing yet.
    fn with(others: u16) -> Self {
        let own: Vec<String> = (1_000..1_200).map(|n| n.to_string()).collect();
        let others = (0..others).map(|n| format!("2{n:04}"));
        let names: Vec<String> = own.iter().cloned().chain(others).collect();
        let phones = own
            .iter()
            .map(|name| {
                let at = address(&format!("192.0.2.44:{}", 5_000 + name.parse().unwrap_or(0)));
                peer(name, "secret", at)
            })
            .collect();
        let mut chance = Chance::new(1);
        let seeds = std::array::from_fn(|_| chance.number());
        let shared = Shared {
            location: Arc::new(Location::new(100_000, seeds)),
            replay: Arc::new(ReplayGuard::new(ReplayGuard::DEFAULT_CAPACITY)),
            secret: Arc::new(Secret::new([7; 32])),
            leases: Arc::default(),
            subscriptions: Arc::default(),
            held: Arc::default(),
            tally: Arc::default(),
            health: Arc::default(),
            upstream_auth: Arc::new(UpstreamAuth::new(UpstreamAuth::DEFAULT_CAPACITY)),
        };
        let location = Arc::clone(&shared.location);
        let (secret, replay) = (Arc::clone(&shared.secret), Arc::clone(&shared.replay));
        let auth = Authenticator::new(auth(&names), secret, replay);
        let engine = Engine::new(
            0,
            Arc::new(config()),
            Arc::new(auth),
            shared,
            Box::new(chance),
        );
        Self {
            engine,
            location,
            out: Outbox {
                min_level: Level::Info,
                ..Outbox::default()
            },
            now: Now {
                instant: Instant::from_micros(1_000_000),
                unix: Duration::from_secs(1_800_000_000),
            },
            step: STEP,
            phones,
            pbx: peer("pbx", "", address(PBX)),
            rounds: 0,
            nonce: String::new(),
        }
    }

    fn asking(mut self, policy: Box<dyn Policy>) -> Self {
        self.engine.set_policy(policy);
        self
    }

    /// Time goes on by a step, and the shell does what it does then.
    fn pass(&mut self) {
        self.now.instant = self.now.instant.after(self.step);
        self.now.unix += self.step;
        self.engine.handle_timeout(self.now, &mut self.out);
        let due = self.location.next_expiry();
        if due.is_some_and(|due| due <= self.now.instant) {
            self.location.sweep(self.now.instant);
        }
    }

    /// Another phone in each round.
    fn phone(&mut self) -> &mut Peer {
        let count = self.phones.len();
        &mut self.phones[self.rounds % count]
    }

    fn register(&mut self) -> String {
        let round = self.rounds;
        register(self.phone(), round)
    }

    fn call_id(&self) -> String {
        format!("84712NzQ5ZGYxNGUxM2Q0YzJiYTk4{:06}", self.rounds)
    }

    fn say(&mut self, from: SocketAddr, text: &str) {
        self.out.clear();
        self.engine
            .receive(self.now, flow_of(from), text.as_bytes(), &mut self.out);
    }

    /// What was sent last.
    fn last(&self) -> String {
        let last = self.out.transmits.last().expect("something was sent");
        String::from_utf8_lossy(self.out.message(last)).into_owned()
    }
}

const OTHERS: u16 = 5_000;
const STEP: Duration = Duration::from_millis(10);
const FULL_STEP: Duration = Duration::from_millis(60);
