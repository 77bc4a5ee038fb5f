//! The site that the engine serves: its configuration, its users and who talks to it.

use bellhop_core::auth::{Algorithm, AuthConfig, User, Users};
use bellhop_core::config::{Config, Listener, Rate, Upstream, UpstreamTarget, Zone};
use bellhop_core::flow::{Flow, ListenerId, Transport};
use bellhop_core::registrar::{Aor, RegistrarConfig};
use bellhop_core::subscription::SubscriptionConfig;
use bellhop_core::transaction::TimerConfig;
use bellhop_testkit::Peer;
use bellhop_wire::Limits;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// One whose requests say of themselves what they say here, and no more.
pub(super) fn peer(user: &str, password: &str, at: SocketAddr) -> Peer {
    let mut peer = Peer::new(user, password, at, address(SERVER), Transport::Udp);
    peer.product.clear();
    peer
}

/// A REGISTER without credentials. From and To are the same AoR, as in those of phones (RFC 3261 10.2).
pub(super) fn register(phone: &mut Peer, round: usize) -> String {
    let call_id = format!("843817637684230@998sdasdh{}", phone.user);
    let aor = format!("sip:{}@{REALM}", phone.user);
    let text = phone.in_dialog(
        "REGISTER",
        "sip:pbx.example.com",
        &format!("<{aor}>"),
        &call_id,
        1_000 + 2 * u32::try_from(round).unwrap_or(0),
        "Expires: 3600\r\nUser-Agent: Deskphone 4.2.133.7\r\n",
    );
    let peers = format!("From: <sip:{}@{}>", phone.user, phone.server);
    text.replacen(&peers, &format!("From: <{aor}>"), 1)
}

pub(super) fn config() -> Config {
    let listener = |transport| Listener {
        name: "phones".to_owned(),
        transport,
        local: address(SERVER),
        aliases: Vec::new(),
        host: "192.0.2.1".to_owned(),
        port: 5060,
        zone: Zone::Outside,
    };
    Config {
        domains: vec![REALM.to_owned()],
        listeners: vec![listener(Transport::Udp), listener(Transport::Tcp)],
        upstreams: vec![Upstream {
            name: "pbx".to_owned(),
            targets: vec![UpstreamTarget {
                transport: Transport::Udp,
                remote: address(PBX),
                host: PBX.to_owned(),
            }],
            trusted: true,
            login: None,
            probe: None,
        }],
        default_upstream: Some(0),
        registrar: RegistrarConfig::default(),
        timers: TimerConfig::default(),
        strip: vec!["X-Account".to_owned()],
        udp_limit: 1300,
        limits: Limits::default(),
        rate: Some(Rate {
            per_source: 1_000_000,
            burst: 1_000_000,
        }),
        max_transactions: 100_000,
        max_held: usize::MAX,
        b2bua: None,
        subscriptions: SubscriptionConfig::default(),
    }
}

pub(super) fn auth(names: &[String]) -> AuthConfig {
    let users = names.iter().map(|name| {
        let aor = Aor::parse_text(&format!("sip:{name}@{REALM}"));
        User::with_password(name, REALM, "secret", aor.into_iter().collect())
    });
    AuthConfig {
        realm: REALM.to_owned(),
        algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
        nonce_lifetime: Duration::from_secs(300),
        users: Arc::new(Users::new(users.collect()).unwrap_or_default()),
    }
}

pub(super) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap_or(SocketAddr::from(([0; 4], 0)))
}

pub(super) fn flow_of(from: SocketAddr) -> Flow {
    Flow {
        listener: ListenerId(0),
        transport: Transport::Udp,
        remote: from,
        connection: None,
    }
}

pub(super) const REALM: &str = "pbx.example.com";
pub(super) const SERVER: &str = "192.0.2.1:5060";
pub(super) const PBX: &str = "198.51.100.5:5060";
/// What follows the lines that every request has.
pub(super) const OFFER: &str = "Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, SUBSCRIBE, UPDATE, PRACK\r\n\
Supported: replaces, 100rel, timer, norefersub\r\n\
Session-Expires: 1800\r\n\
Min-SE: 90\r\n\
User-Agent: Deskphone 4.2.1\r\n\
Content-Type: application/sdp\r\n\
Content-Length: 205\r\n\r\n\
v=0\r\no=- 3905498113 3905498113 IN IP4 192.0.2.44\r\ns=call\r\nc=IN IP4 192.0.2.44\r\nt=0 0\r\n\
m=audio 40002 RTP/AVP 9 8 0 101\r\na=sendrecv\r\na=rtpmap:9 G722/8000\r\n\
a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n";
pub(super) const ANSWER: &str = "Content-Type: application/sdp\r\n\
Content-Length: 124\r\n\r\n\
v=0\r\no=- 77120 77121 IN IP4 192.0.2.44\r\ns=phone\r\nc=IN IP4 192.0.2.44\r\nt=0 0\r\n\
m=audio 18052 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";
