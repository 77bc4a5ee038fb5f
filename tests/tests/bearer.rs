//! Bearer tokens (RFC 8898) before the real program, with an issuer of the test's own that publishes its keys over http.

#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a test's helper may fail loudly"
)]

use bellhop_tests::bellhop::Setup;
use bellhop_tests::{Bellhop, Lane, Message, Phone, Transport, service, until};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[test]
fn a_phone_with_a_token_registers_and_the_keys_are_fetched_once() {
    let site = Site::new();
    let (lane, issuer) = (&site.lane, &site.issuer);
    for n in 1..4_u8 {
        let token = signed(&OLD, &claims(n.into()));
        let answer = phone(lane, n, Transport::Tcp).register_showing(&bearer(&token));
        assert_eq!(answer.status(), Some(200), "{}", answer.text());
        assert!(
            answer.header("Contact").contains("6001@"),
            "{}",
            answer.text()
        );
    }
    assert_eq!(issuer.fetches(), 1);
}

/// RFC 8898 4: 401 with a challenge of each kind; RFC 3261 10.3: 403 for whom the token does not name.
#[test]
fn a_token_that_is_too_old_or_for_others_or_by_others_is_challenged_and_another_users_forbidden() {
    let site = Site::new();
    let lane = &site.lane;
    let with = |name: &str, value: Value| {
        let mut claims = claims(0);
        claims[name] = value;
        claims
    };
    let foreign = Key { kid: "old", ..NEW };
    for token in [
        signed(&OLD, &with("exp", json!(now() - 120))),
        signed(&OLD, &with("aud", json!("sip:pbx.example.net"))),
        signed(&OLD, &with("iss", json!("https://id.example.net"))),
        signed(&foreign, &claims(0)),
        "no.token.atall".to_owned(),
    ] {
        let answer = phone(lane, 1, Transport::Tcp).register_showing(&bearer(&token));
        assert_eq!(answer.status(), Some(401), "{}", answer.text());
        let challenges: Vec<&str> = answer.headers("WWW-Authenticate").collect();
        let offers = |what: &str| challenges.iter().any(|one| one.starts_with(what));
        assert!(
            offers("Bearer realm=\"bellhop.test\", authz_server=\"https://id.example.org\"")
                && offers("Digest realm=\"bellhop.test\""),
            "{}",
            answer.text()
        );
    }
    let token = signed(&OLD, &with("sub", json!("6002")));
    let answer = phone(lane, 1, Transport::Tcp).register_showing(&bearer(&token));
    assert_eq!(answer.status(), Some(403), "{}", answer.text());
}

/// RFC 8898 5.1: a token is for TLS alone, and nobody ends TLS in front of UDP.
#[test]
fn a_token_over_udp_is_not_looked_at_and_none_is_asked_for() {
    let site = Site::new();
    let (lane, issuer) = (&site.lane, &site.issuer);
    let token = signed(&OLD, &claims(0));
    let answer = phone(lane, 1, Transport::Udp).register_showing(&bearer(&token));
    assert_eq!(answer.status(), Some(401), "{}", answer.text());
    let mut challenges = answer.headers("WWW-Authenticate");
    assert!(!challenges.any(|one| one.starts_with("Bearer")));
    assert_eq!(issuer.fetches(), 0);
}

#[test]
fn a_token_is_in_no_line_of_the_log() {
    let mut site = Site::new();
    let token = signed(&OLD, &claims(0));
    phone(&site.lane, 1, Transport::Tcp).register_showing(&bearer(&token));
    site.bellhop.wait_for("registered: 6001@");
    let log = site.bellhop.log();
    let (_, signature) = token.rsplit_once('.').unwrap();
    assert!(!log.contains(signature), "{log}");
}

/// The issuer signs with a new key. Phones come with it again and again; it is asked for once.
#[test]
fn a_new_key_of_the_issuer_is_fetched_once_however_many_come_with_it() {
    let site = Site::new();
    let (lane, issuer) = (&site.lane, &site.issuer);
    let old = signed(&OLD, &claims(0));
    let mut phone = phone(lane, 1, Transport::Tcp);
    assert_eq!(phone.register_showing(&bearer(&old)).status(), Some(200));
    issuer.rotates.store(true, Ordering::SeqCst);
    let mut tokens = 0;
    until("the new key is known", PATIENCE, || {
        tokens += 1;
        let token = signed(&NEW, &claims(tokens));
        let answer = phone.register_showing(&bearer(&token));
        is_taken(&answer, 401)
    });
    assert!(tokens > 2, "the first ones were too early");
    assert_eq!(issuer.fetches(), 2);
    // Tokens of the former key are good no longer, for the issuer has taken it back.
    let answer = phone.register_showing(&bearer(&signed(&OLD, &claims(100_000))));
    assert_eq!(answer.status(), Some(401), "{}", answer.text());
}

#[test]
fn while_the_issuer_is_away_known_keys_go_on_and_a_new_one_is_told_503() {
    let site = Site::new();
    let (lane, issuer) = (&site.lane, &site.issuer);
    let mut phone = phone(lane, 1, Transport::Tcp);
    let mut shows = |key: &Key, n: u32| {
        let token = signed(key, &claims(n));
        phone.register_showing(&bearer(&token))
    };
    assert_eq!(shows(&OLD, 0).status(), Some(200));
    issuer.is_away.store(true, Ordering::SeqCst);
    let mut tokens = 0;
    let refused = until("it was asked again", PATIENCE, || {
        tokens += 1;
        let answer = shows(&NEW, tokens);
        Some(answer).filter(|answer| answer.status() == Some(503))
    });
    assert!(!refused.header("Retry-After").is_empty());
    assert_eq!(shows(&OLD, 100_000).status(), Some(200));
}

#[test]
fn with_an_issuer_that_was_never_there_a_token_is_told_503_and_a_password_is_as_good_as_ever() {
    let mut site = Site::new();
    site.issuer.is_away.store(true, Ordering::SeqCst);
    let token = signed(&OLD, &claims(0));
    let answer = phone(&site.lane, 1, Transport::Tcp).register_showing(&bearer(&token));
    assert_eq!(answer.status(), Some(503), "{}", answer.text());
    assert!(!answer.header("Retry-After").is_empty());
    site.bellhop
        .wait_for("the keys of auth.bearer cannot be had");
    phone(&site.lane, 2, Transport::Tcp).register();
}

/// A Bellhop that takes the tokens of an issuer.
struct Site {
    lane: Lane,
    issuer: Arc<Issuer>,
    bellhop: Bellhop,
}

/// What it publishes, and how often that was fetched.
#[derive(Default)]
struct Issuer {
    fetches: AtomicUsize,
    /// It has a new key in place of the old one.
    rotates: AtomicBool,
    /// It answers 503.
    is_away: AtomicBool,
}

/// A key, and its public half as RFC 7517 writes it.
#[derive(Clone, Copy)]
struct Key {
    kid: &'static str,
    secret: [u8; 32],
    public: &'static str,
}

impl Site {
    fn new() -> Self {
        let (lane, issuer) = (Lane::take(), Arc::new(Issuer::default()));
        let address = issuer.start();
        let mut setup = Setup::new(&lane).alone();
        setup.more += &format!(
            "[auth.bearer]\njwks = \"http://{address}/jwks.json\"\nissuer = \"{ISSUER}\"\n\
             audience = \"{AUDIENCE}\"\ntls = \"in-front\"\nauthz_server = \"{ISSUER}\"\n"
        );
        Self {
            bellhop: setup.start(),
            lane,
            issuer,
        }
    }
}

impl Issuer {
    fn start(self: &Arc<Self>) -> SocketAddr {
        let issuer = Arc::clone(self);
        service::start(move |head, _| {
            issuer.fetches.fetch_add(1, Ordering::SeqCst);
            assert!(head.starts_with("GET /jwks.json "), "{head}");
            let key = match issuer.rotates.load(Ordering::SeqCst) {
                true => NEW,
                false => OLD,
            };
            let set = json!({ "keys": [{
                "kty": "OKP", "crv": "Ed25519", "kid": key.kid, "x": key.public,
            }] });
            match issuer.is_away.load(Ordering::SeqCst) {
                true => ("503 Service Unavailable", String::new()),
                false => ("200 OK", set.to_string()),
            }
        })
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

/// A phone of 6001 at the lane's address `n`.
fn phone(lane: &Lane, n: u8, transport: Transport) -> Phone {
    Phone::new("6001", lane.phone(n), lane.bellhop(), transport)
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// Whether it is a 200; until then it is `before`.
fn is_taken(answer: &Message, before: u16) -> Option<()> {
    let status = answer.status();
    assert!(
        status == Some(200) || status == Some(before),
        "{}",
        answer.text()
    );
    (status == Some(200)).then_some(())
}

/// What a token of 6001 says; each number makes another token.
fn claims(n: u32) -> Value {
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "6001", "exp": now() + 600, "jti": n.to_string() })
}

fn signed(key: &Key, claims: &Value) -> String {
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some(key.kid.to_owned());
    // PKCS #8 (RFC 8410 7).
    let mut der = vec![
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    der.extend(key.secret);
    encode(&header, claims, &EncodingKey::from_ed_der(&der)).unwrap()
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_secs()
}

/// Tests 1 and 2 of RFC 8032 7.1.
const OLD: Key = Key {
    kid: "old",
    secret: [
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c,
        0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae,
        0x7f, 0x60,
    ],
    public: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
};
const NEW: Key = Key {
    kid: "new",
    secret: [
        0x4c, 0xcd, 0x08, 0x9b, 0x28, 0xff, 0x96, 0xda, 0x9d, 0xb6, 0xc3, 0x46, 0xec, 0x11, 0x4e,
        0x0f, 0x5b, 0x8a, 0x31, 0x9f, 0x35, 0xab, 0xa6, 0x24, 0xda, 0x8c, 0xf6, 0xed, 0x4f, 0xb8,
        0xa6, 0xfb,
    ],
    public: "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw",
};
const ISSUER: &str = "https://id.example.org";
const AUDIENCE: &str = "sip:pbx.example.org";
const PATIENCE: Duration = Duration::from_secs(30);
