//! What the authenticator's tests share: a door that asks, and a phone that answers with digests it
//! makes by itself.
#![allow(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects)]

mod challenges;
mod checks;
mod nonces;
mod shapes;
mod vectors;

use super::{
    Algorithm, Ask, AuthConfig, Authenticator, Ha1, Outcome, ReplayGuard, Role, Secret, User, Users,
};
use crate::{
    entropy::Entropy,
    registrar::Aor,
    time::{Instant, Now},
};
use bellhop_wire::{Limits, Message, Reply, ViaMark, view::auth::Challenge};
use sha2::{Digest, Sha256, Sha512_256};
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

const REALM: &str = "pbx.example.org";
const PHONE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const URI: &str = "sip:pbx.example.org";

/// A seeded source that never gives the same eight bytes twice.
struct Counter(u64);

impl Entropy for Counter {
    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            self.0 += 1;
            chunk.copy_from_slice(&self.0.to_le_bytes()[..chunk.len()]);
        }
    }
}

/// The side that asks.
struct Door {
    authenticator: Authenticator,
    entropy: Counter,
    now: Now,
}

impl Door {
    fn new(algorithms: &[Algorithm]) -> Self {
        Self::keyed(algorithms, [3; 32], ReplayGuard::new(64))
    }

    fn keyed(algorithms: &[Algorithm], key: [u8; 32], guard: ReplayGuard) -> Self {
        let aor = |text| Aor::parse_text(text).unwrap();
        let md5_only = Ha1 {
            md5: Ha1::of_password("old", REALM, "geheim").md5,
            ..Ha1::default()
        };
        let users = vec![
            User::with_password(
                "6001",
                REALM,
                "geheim",
                vec![aor("sip:6001@pbx.example.org")],
            ),
            User::with_password("J\"R\\", REALM, "geheim", Vec::new()),
            User::with_ha1("old", md5_only, Vec::new()),
        ];
        let config = AuthConfig {
            realm: REALM.to_owned(),
            algorithms: algorithms.to_vec(),
            nonce_lifetime: Duration::from_secs(300),
            users: Arc::new(Users::new(users).unwrap()),
        };
        Self {
            authenticator: Authenticator::new(config, Arc::new(Secret::new(key)), Arc::new(guard)),
            entropy: Counter(0),
            now: Now {
                instant: Instant::from_micros(5_000_000),
                unix: Duration::from_secs(1_700_000_000),
            },
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now.instant = self.now.instant.after(time);
        self.now.unix += time;
    }

    fn check(&self, request: &str) -> Outcome {
        self.check_as(request, PHONE, Role::Registrar)
    }

    fn check_as(&self, request: &str, source: IpAddr, role: Role) -> Outcome {
        parsed(request, |message| {
            self.authenticator.check(self.now, message, source, role)
        })
    }

    /// The challenge as it stands in a reply.
    fn reply(&mut self, role: Role, stale: bool) -> String {
        self.reply_as(Ask {
            role,
            stale,
            has_body: false,
            is_short: false,
        })
    }

    fn reply_as(&mut self, ask: Ask) -> String {
        let request = register(&[]);
        let mut out = Vec::new();
        parsed(&request, |message| {
            let mut reply = Reply::new(
                &mut out,
                message,
                ViaMark::default(),
                ask.role.status(),
                "Who are you",
                b"tag",
            );
            let (now, entropy) = (self.now, &mut self.entropy);
            self.authenticator
                .challenge(now, PHONE, ask, entropy, &mut reply);
            reply.end();
        });
        String::from_utf8(out).unwrap()
    }

    fn nonce(&mut self) -> String {
        let reply = self.reply(Role::Registrar, false);
        let line = lines(&reply, "WWW-Authenticate").next().unwrap();
        let challenge = Challenge::parse(line.as_bytes()).unwrap();
        String::from_utf8(challenge.nonce.unwrap().to_vec()).unwrap()
    }
}

/// The side that answers; each field is what it puts on the line.
#[derive(Clone)]
struct Answer<'a> {
    username: &'a str,
    password: &'a str,
    realm: &'a str,
    nonce: &'a str,
    uri: &'a str,
    algorithm: Option<&'a str>,
    qop: &'a str,
    nc: u32,
    cnonce: &'a str,
    method: &'a str,
    body: &'a [u8],
}

impl<'a> Answer<'a> {
    fn to(nonce: &'a str) -> Self {
        Self {
            username: "6001",
            password: "geheim",
            realm: REALM,
            nonce,
            uri: URI,
            algorithm: Some("SHA-256"),
            qop: "auth",
            nc: 1,
            cnonce: "0a4f113b",
            method: "REGISTER",
            body: b"",
        }
    }

    fn response(&self) -> String {
        let hash = |text: &[u8]| match self.algorithm.unwrap_or("MD5") {
            "SHA-256" => hex(&Sha256::digest(text)),
            "SHA-512-256" => hex(&Sha512_256::digest(text)),
            _ => format!("{:x}", md5::compute(text)),
        };
        let a1 = hash(format!("{}:{}:{}", self.username, self.realm, self.password).as_bytes());
        let mut a2 = format!("{}:{}", self.method, self.uri);
        if self.qop == "auth-int" {
            a2.push(':');
            a2.push_str(&hash(self.body));
        }
        let a2 = hash(a2.as_bytes());
        let (nonce, nc, cnonce, qop) = (self.nonce, self.nc, self.cnonce, self.qop);
        hash(format!("{a1}:{nonce}:{nc:08x}:{cnonce}:{qop}:{a2}").as_bytes())
    }

    /// The value of the line.
    fn value(&self) -> String {
        let algorithm = match self.algorithm {
            Some(token) => format!(", algorithm={token}"),
            None => String::new(),
        };
        let username = self.username.replace('\\', "\\\\").replace('"', "\\\"");
        format!(
            "Digest username=\"{username}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", \
             response=\"{}\"{algorithm}, cnonce=\"{}\", qop={}, nc={:08x}",
            self.realm,
            self.nonce,
            self.uri,
            self.response(),
            self.cnonce,
            self.qop,
            self.nc
        )
    }

    fn line(&self) -> String {
        format!("Authorization: {}", self.value())
    }

    fn register(&self) -> String {
        register(&[&self.line()])
    }
}

fn register(lines: &[&str]) -> String {
    request("REGISTER", URI, lines, "")
}

fn request(method: &str, uri: &str, lines: &[&str], body: &str) -> String {
    let mut text = format!(
        "{method} {uri} SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK776\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:6001@pbx.example.org>;tag=a\r\n\
         To: <sip:6001@pbx.example.org>\r\n\
         Call-ID: 1@192.0.2.1\r\n\
         CSeq: 1 {method}\r\n"
    );
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    text
}

fn parsed<T>(text: &str, read: impl FnOnce(Message<'_>) -> T) -> T {
    let mut index = bellhop_wire::Index::new();
    match index.parse(text.as_bytes(), &Limits::default()) {
        Ok(message) => read(message),
        Err(rejected) => panic!("{}: {text}", rejected.error),
    }
}

fn lines<'a>(message: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    message
        .lines()
        .filter_map(move |line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a check came to, short enough to compare.
fn told(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Authenticated(_) => "in",
        Outcome::Challenge { stale: false } => "challenged",
        Outcome::Challenge { stale: true } => "stale",
        Outcome::Malformed(_) => "malformed",
        Outcome::LookUp(..) => "look up",
    }
}
