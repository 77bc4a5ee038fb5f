//! What calls of two legs cost in memory: one engine, calls from a PBX to a phone, each answered and acknowledged.
//! `cargo run --release -p bellhop-testkit --example calls [CALLS]`.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::string_slice,
    reason = "a tool that measures: it speaks on standard output and may fail loudly"
)]

use bellhop_core::{
    auth::{
        Algorithm, AuthConfig, Authenticator, ReplayGuard, Secret, Users, upstream::UpstreamAuth,
    },
    b2bua::B2buaConfig,
    config::{Config, Listener, Upstream, UpstreamTarget, Zone},
    engine::{Engine, Shared},
    flow::{Flow, ListenerId, Transport},
    outbox::Outbox,
    registrar::{Aor, Location, Record, RegistrarConfig},
    subscription::SubscriptionConfig,
    time::{Instant, Now},
    transaction::TimerConfig,
};
use bellhop_testkit::{Chance, header_of};
use std::{fs, net::SocketAddr, sync::Arc, time::Duration};

fn main() {
    let asked = std::env::args().nth(1).and_then(|arg| arg.parse().ok());
    let calls: usize = asked.unwrap_or(20_000);
    let mut site = Site::new();
    // What is taken once, and what transactions take while the calls come one after another.
    site.calls(0..BATCH);
    let before = resident();
    site.calls(BATCH..BATCH + calls);
    let bytes = resident() - before;
    let live = site.engine.calls();
    let (server, client, contexts) = site.engine.live();
    println!("calls      {live} confirmed, {server} + {client} transactions, {contexts} contexts");
    println!(
        "memory     {:.0} bytes a call, resident",
        bytes as f64 / calls as f64
    );
    assert_eq!(live, BATCH + calls);
    for number in 0..live {
        site.hang_up(number);
    }
    site.pass(Duration::from_secs(120));
    assert_eq!(site.engine.calls(), 0);
    assert_eq!(site.told, live, "each is told of once");
    println!("records    {} of {live} calls", site.told);
}

struct Site {
    engine: Engine,
    now: Now,
    out: Outbox,
    told: usize,
    /// To and Contact of the answers that the PBX got.
    answers: Vec<[String; 2]>,
}

impl Site {
    fn new() -> Self {
        let now = Now {
            instant: Instant::from_micros(1_000_000),
            unix: Duration::from_secs(1_800_000_000),
        };
        let shared = Shared {
            location: Arc::new(Location::new(10_000, [1, 2, 3, 4])),
            replay: Arc::new(ReplayGuard::new(4_096)),
            secret: Arc::new(Secret::new([7; 32])),
            leases: Arc::default(),
            subscriptions: Arc::default(),
            held: Arc::default(),
            tally: Arc::default(),
            health: Arc::default(),
            upstream_auth: Arc::new(UpstreamAuth::new(1_024)),
        };
        let record = Record {
            contact: b"sip:6001@203.0.113.1:5060;ob",
            params: b"",
            call_id: b"registered",
            path: b"",
            instance: None,
            reg_id: None,
            q: 1000,
            cseq: 1,
            expires: now.unix + Duration::from_secs(30_000_000),
            updated: now.unix,
            flow: flow(PHONE),
        };
        let aor = Aor::parse_text("sip:6001@example.org").unwrap();
        assert_eq!(shared.location.restore(now, &aor, &[record]), Some(1));
        let auth = AuthConfig {
            realm: "example.org".to_owned(),
            algorithms: vec![Algorithm::Sha256],
            nonce_lifetime: Duration::from_secs(300),
            users: Arc::new(Users::new(Vec::new()).unwrap()),
        };
        let (secret, replay) = (Arc::clone(&shared.secret), Arc::clone(&shared.replay));
        let auth = Arc::new(Authenticator::new(auth, secret, replay));
        let entropy = Box::new(Chance::new(1));
        let engine = Engine::new(0, Arc::new(config()), auth, shared, entropy);
        Self {
            engine,
            now,
            out: Outbox::default(),
            told: 0,
            answers: Vec::new(),
        }
    }

    /// Makes calls, a batch at a time, and lets their transactions end.
    fn calls(&mut self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            self.call(number);
            if number % BATCH == BATCH - 1 {
                self.pass(Duration::from_secs(40));
            }
        }
    }

    fn call(&mut self, number: usize) {
        let sdp = sdp(number, "198.51.100.5");
        let invite = format!(
            "INVITE sip:6001@192.0.2.1 SIP/2.0\r\n{}From: \"Reception\" <sip:7000@198.51.100.5>;tag=as{number:08x}\r\n\
             To: <sip:6001@192.0.2.1>\r\nContact: <sip:7000@198.51.100.5:5060>\r\nMax-Forwards: 70\r\n\
             Call-ID: {number:032x}@198.51.100.5:5060\r\nCSeq: 102 INVITE\r\nUser-Agent: Asterisk PBX\r\n\
             Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO, PUBLISH, MESSAGE\r\n\
             Supported: replaces, timer\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            via(number, "i", PBX),
            sdp.len()
        );
        let sent = self.hear(PBX, &invite);
        let at_phone = sent
            .iter()
            .find(|text| text.starts_with("INVITE "))
            .unwrap();
        let to = format!("{};tag=p{number:x}", header_of(at_phone, "To"));
        let same = ["Via", "From", "Call-ID", "CSeq"];
        let same = same.map(|name| format!("{name}: {}\r\n", header_of(at_phone, name)));
        let same = same.concat();
        self.hear(
            PHONE,
            &format!("SIP/2.0 180 Ringing\r\n{same}To: {to}\r\nContact: <sip:6001@203.0.113.1:5060;ob>\r\nContent-Length: 0\r\n\r\n"),
        );
        let sdp = self::sdp(number, "203.0.113.1");
        let sent = self.hear(
            PHONE,
            &format!(
                "SIP/2.0 200 OK\r\n{same}To: {to}\r\nContact: <sip:6001@203.0.113.1:5060;ob>\r\n\
                 Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
                sdp.len()
            ),
        );
        let ok = sent
            .iter()
            .find(|text| text.starts_with("SIP/2.0 200"))
            .unwrap();
        self.answers
            .push(["To", "Contact"].map(|name| header_of(ok, name).to_owned()));
        let ack = self.in_dialog("ACK", number, 102);
        self.hear(PBX, &ack);
    }

    fn hang_up(&mut self, number: usize) {
        let bye = self.in_dialog("BYE", number, 103);
        let sent = self.hear(PBX, &bye);
        assert!(sent.iter().any(|text| text.starts_with("BYE ")), "{sent:?}");
    }

    fn in_dialog(&self, method: &str, number: usize, cseq: u32) -> String {
        let [to, contact] = self.answers.get(number).unwrap();
        format!(
            "{method} {} SIP/2.0\r\n{}From: \"Reception\" <sip:7000@198.51.100.5>;tag=as{number:08x}\r\nTo: {to}\r\n\
             Max-Forwards: 70\r\nCall-ID: {number:032x}@198.51.100.5:5060\r\nCSeq: {cseq} {method}\r\nContent-Length: 0\r\n\r\n",
            contact.trim_matches(['<', '>']),
            via(number, method, PBX)
        )
    }

    /// What is sent when this is heard.
    fn hear(&mut self, from: &str, message: &str) -> Vec<String> {
        self.engine
            .receive(self.now, flow(from), message.as_bytes(), &mut self.out);
        self.drain()
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now.instant.after(time);
        while let Some(next) = self.engine.next_timeout().filter(|next| *next <= end) {
            let next = next.max(self.now.instant);
            self.now.unix += next.since(self.now.instant);
            self.now.instant = next;
            self.engine.handle_timeout(self.now, &mut self.out);
            self.drain();
        }
        self.now.unix += end.since(self.now.instant);
        self.now.instant = end;
    }

    fn drain(&mut self) -> Vec<String> {
        let text = |transmit| String::from_utf8_lossy(self.out.message(transmit)).into_owned();
        let sent = self.out.transmits.iter().map(text).collect();
        self.told += self.out.records.len();
        self.out.clear();
        sent
    }
}

fn via(number: usize, word: &str, at: &str) -> String {
    format!("Via: SIP/2.0/UDP {at};branch=z9hG4bK{word}{number:x};rport\r\n")
}

fn sdp(number: usize, host: &str) -> String {
    format!(
        "v=0\r\no=- {number} {number} IN IP4 {host}\r\ns=call\r\nc=IN IP4 {host}\r\nt=0 0\r\n\
         m=audio 10000 RTP/AVP 9 8 0 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=maxptime:150\r\na=sendrecv\r\n"
    )
}

fn config() -> Config {
    let local: SocketAddr = "192.0.2.1:5060".parse().unwrap();
    Config {
        domains: vec!["example.org".to_owned()],
        listeners: vec![Listener {
            name: "udp".to_owned(),
            transport: Transport::Udp,
            local,
            aliases: Vec::new(),
            host: "192.0.2.1".to_owned(),
            port: 5060,
            zone: Zone::Outside,
        }],
        upstreams: vec![Upstream {
            name: "pbx".to_owned(),
            targets: vec![UpstreamTarget {
                transport: Transport::Udp,
                remote: PBX.parse().unwrap(),
                host: PBX.to_owned(),
            }],
            trusted: true,
            login: None,
            probe: None,
        }],
        default_upstream: Some(0),
        registrar: RegistrarConfig::default(),
        timers: TimerConfig::default(),
        strip: Vec::new(),
        udp_limit: 1300,
        limits: bellhop_wire::Limits::default(),
        rate: None,
        max_transactions: usize::MAX,
        max_held: usize::MAX,
        b2bua: Some(B2buaConfig {
            most: usize::MAX,
            ..B2buaConfig::default()
        }),
        subscriptions: SubscriptionConfig::default(),
    }
}

fn flow(from: &str) -> Flow {
    Flow {
        listener: ListenerId(0),
        transport: Transport::Udp,
        remote: from.parse().unwrap(),
        connection: None,
    }
}

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kib = line.split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() * 1024
}

const PBX: &str = "198.51.100.5:5060";
const PHONE: &str = "203.0.113.1:5060";
/// Calls between which time passes.
const BATCH: usize = 100;
