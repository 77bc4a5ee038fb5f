//! A Bellhop with two users, phones, and a PBX, for the scenarios.
#![allow(dead_code, reason = "each scenario file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's harness may fail loudly"
)]

use bellhop_core::auth::{Algorithm, AuthConfig, User, Users};
use bellhop_core::config::{Config, Listener, Upstream, UpstreamTarget, Zone};
use bellhop_core::flow::Transport;
use bellhop_core::registrar::{Aor, RegistrarConfig};
use bellhop_core::subscription::SubscriptionConfig;
use bellhop_core::transaction::TimerConfig;
use bellhop_testkit::{Peer, World, header_of, status_of};
use bellhop_wire::Limits;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const SERVER: &str = "192.0.2.1:5060";
pub(crate) const PBX: &str = "198.51.100.5:5060";

pub(crate) fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(crate) fn listener(name: &str, transport: Transport, bind: &str, zone: Zone) -> Listener {
    let local = addr(bind);
    let host = match local {
        SocketAddr::V4(v4) => v4.ip().to_string(),
        SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
    };
    Listener {
        name: name.to_owned(),
        transport,
        local,
        aliases: Vec::new(),
        host,
        port: local.port(),
        zone,
    }
}

pub(crate) fn config() -> Config {
    Config {
        domains: vec!["example.org".to_owned()],
        listeners: vec![
            listener("udp", Transport::Udp, SERVER, Zone::Outside),
            listener("tcp", Transport::Tcp, SERVER, Zone::Outside),
        ],
        upstreams: vec![Upstream {
            name: "pbx".to_owned(),
            targets: vec![UpstreamTarget {
                transport: Transport::Udp,
                remote: addr(PBX),
                host: PBX.to_owned(),
            }],
            trusted: true,
            login: None,
            probe: None,
        }],
        default_upstream: Some(0),
        registrar: RegistrarConfig::default(),
        timers: TimerConfig::default(),
        strip: vec!["X-Secret".to_owned()],
        udp_limit: 1300,
        limits: Limits::default(),
        rate: None,
        max_transactions: 10_000,
        max_held: usize::MAX,
        b2bua: None,
        subscriptions: SubscriptionConfig::default(),
    }
}

pub(crate) fn auth() -> AuthConfig {
    let user = |name: &str| {
        let aor = Aor::parse_text(&format!("sip:{name}@example.org")).unwrap();
        User::with_password(name, "example.org", &format!("secret{name}"), vec![aor])
    };
    AuthConfig {
        realm: "example.org".to_owned(),
        algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
        nonce_lifetime: Duration::from_secs(300),
        users: Arc::new(Users::new(vec![user("6001"), user("6002"), user("6003")]).unwrap()),
    }
}

/// One Bellhop as above.
pub(crate) fn world() -> World {
    let mut world = World::new(1);
    world.start(config(), auth());
    world
}

/// A phone of a user, by default on UDP.
pub(crate) fn phone(user: &str, address: &str) -> Peer {
    Peer::new(
        user,
        &format!("secret{user}"),
        addr(address),
        addr(SERVER),
        Transport::Udp,
    )
}

pub(crate) fn tcp_phone(user: &str, address: &str) -> Peer {
    Peer::new(
        user,
        &format!("secret{user}"),
        addr(address),
        addr(SERVER),
        Transport::Tcp,
    )
}

pub(crate) fn pbx() -> Peer {
    Peer::new("pbx", "", addr(PBX), addr(SERVER), Transport::Udp)
}

/// What a Bellhop answers to one message.
pub(crate) fn ask(world: &mut World, peer: &Peer, message: &str) -> String {
    say(world, peer, message);
    world.expect(peer.address).expect("an answer")
}

pub(crate) fn say(world: &mut World, peer: &Peer, message: &str) {
    world.send(peer.transport, peer.address, peer.server, message);
}

/// Sends a request, answers its challenge, gives the second request.
pub(crate) fn authorized(world: &mut World, peer: &mut Peer, request: &str) -> String {
    let challenge = ask(world, peer, request);
    let request = peer
        .authorize(request, &challenge, Algorithm::Sha256)
        .expect("a challenge");
    if request.starts_with("INVITE") {
        say(world, peer, &ack_of(&challenge, peer));
    }
    request
}

/// Registers a phone for an hour.
pub(crate) fn register(world: &mut World, peer: &mut Peer) {
    let call_id = format!("reg-{}-{}", peer.user, peer.address);
    let first = peer.request("REGISTER", "sip:example.org", &call_id, "Expires: 3600\r\n");
    let first = first.replacen(
        "To: <sip:example.org>",
        &format!("To: <sip:{}@example.org>", peer.user),
        1,
    );
    let second = authorized(world, peer, &first);
    let answer = ask(world, peer, &second);
    assert_eq!(status_of(&answer), 200, "{answer}");
}

/// The ACK for a non-2xx that Bellhop sent to this peer's INVITE.
pub(crate) fn ack_of(answer: &str, peer: &Peer) -> String {
    let number = header_of(answer, "CSeq")
        .split(' ')
        .next()
        .unwrap_or_default();
    format!(
        "ACK sip:x@example.org SIP/2.0\r\nVia: {}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\n\
         CSeq: {number} ACK\r\nContent-Length: 0\r\n\r\n",
        via_as_sent(header_of(answer, "Via"), peer),
        header_of(answer, "From"),
        header_of(answer, "To"),
        header_of(answer, "Call-ID"),
    )
}

/// The Via as the peer wrote it, without what Bellhop put on it.
fn via_as_sent(via: &str, _peer: &Peer) -> String {
    let kept = via
        .split(';')
        .filter(|p| !p.starts_with("received=") && !p.starts_with("rport="));
    format!("{};rport", kept.collect::<Vec<_>>().join(";"))
}

/// A request inside the dialog that this 2xx made, from the caller's side.
pub(crate) fn from_caller(peer: &mut Peer, method: &str, ok: &str, cseq: u32) -> String {
    let target = header_of(ok, "Contact")
        .trim_start_matches('<')
        .split('>')
        .next()
        .unwrap_or_default()
        .to_owned();
    let routes = route_lines(ok, true);
    peer.in_dialog(
        method,
        &target,
        header_of(ok, "To"),
        header_of(ok, "Call-ID"),
        cseq,
        &routes,
    )
}

/// The Route lines that a message's Record-Route gives; for a UAC in reverse order.
pub(crate) fn route_lines(message: &str, is_caller: bool) -> String {
    let head = message.split("\r\n\r\n").next().unwrap_or_default();
    let mut routes: Vec<&str> = head
        .split("\r\n")
        .filter_map(|l| l.strip_prefix("Record-Route: "))
        .collect();
    if is_caller {
        routes.reverse();
    }
    routes.iter().map(|r| format!("Route: {r}\r\n")).collect()
}

/// Reads messages at an address until one is not `status`.
pub(crate) fn skip(world: &mut World, address: SocketAddr, status: u16) -> String {
    loop {
        let message = world.expect(address).expect("a message");
        if status_of(&message) != status {
            return message;
        }
    }
}

/// Two phones, registered.
pub(crate) fn pair(world: &mut World) -> (Peer, Peer) {
    let mut a = phone("6001", "203.0.113.1:5060");
    let mut b = phone("6002", "203.0.113.2:5060");
    register(world, &mut a);
    register(world, &mut b);
    (a, b)
}

/// `a` calls 6002; gives the INVITE with its credentials, which has been sent, and the one at `b`.
pub(crate) fn ring(world: &mut World, a: &mut Peer, b: &Peer, id: &str) -> (String, String) {
    let invite = a.request("INVITE", "sip:6002@example.org", id, "");
    let invite = authorized(world, a, &invite);
    say(world, a, &invite);
    let at_b = world.expect(b.address).expect("b rings");
    (invite, at_b)
}

/// A call from `a` to `b` that was answered; gives the INVITE at `b` and the 200 at `a`.
pub(crate) fn talk(world: &mut World, a: &mut Peer, b: &Peer, id: &str) -> (String, String) {
    let (_, at_b) = ring(world, a, b, id);
    say(world, b, &b.answer(&at_b, 200, "OK", ""));
    let ok = skip(world, a.address, 100);
    assert_eq!(status_of(&ok), 200);
    let ack = from_caller(a, "ACK", &ok, 2);
    say(world, a, &ack);
    assert!(world.expect(b.address).expect("an ACK").starts_with("ACK "));
    (at_b, ok)
}

/// A request inside the dialog that this INVITE began, from the callee's side.
pub(crate) fn from_callee(
    peer: &mut Peer,
    method: &str,
    invite: &str,
    cseq: u32,
    more: &str,
) -> String {
    let target = header_of(invite, "Contact")
        .trim_matches(['<', '>'])
        .to_owned();
    let more = format!("{}{more}", route_lines(invite, false));
    let to = header_of(invite, "From").to_owned();
    let request = peer.in_dialog(
        method,
        &target,
        &to,
        header_of(invite, "Call-ID"),
        cseq,
        &more,
    );
    let own = header_of(&request, "From").to_owned();
    let from = format!("{};tag=t{}", header_of(invite, "To"), peer.user);
    request.replacen(&format!("From: {own}"), &format!("From: {from}"), 1)
}

/// The statuses of everything that waits at an address.
pub(crate) fn statuses(world: &mut World, peer: &Peer) -> Vec<u16> {
    let messages = world.drain(peer.address);
    messages.iter().map(|m| status_of(m)).collect()
}

/// The next message at an address that is not provisional.
pub(crate) fn outcome(world: &mut World, peer: &Peer) -> String {
    loop {
        let message = world.expect(peer.address).expect("a final response");
        if !(100..200).contains(&status_of(&message)) {
            return message;
        }
    }
}

/// A REGISTER of this phone for an AoR, without credentials. `contact` replaces its Contact line.
pub(crate) fn register_of(
    peer: &mut Peer,
    aor: &str,
    id: &str,
    contact: &str,
    more: &str,
) -> String {
    let request = peer.request("REGISTER", "sip:example.org", id, more);
    let own = format!("Contact: {}\r\n", header_of(&request, "Contact"));
    request
        .replacen("To: <sip:example.org>", &format!("To: <{aor}>"), 1)
        .replacen(&own, contact, 1)
}

/// What it is answered once it has its credentials.
pub(crate) fn answered(world: &mut World, peer: &mut Peer, request: &str) -> String {
    let request = authorized(world, peer, request);
    ask(world, peer, &request)
}

/// The Contact lines of a 200.
pub(crate) fn contacts(answer: &str) -> Vec<&str> {
    answer
        .split("\r\n")
        .filter_map(|l| l.strip_prefix("Contact: "))
        .collect()
}

/// The AoR of the first user.
pub(crate) const AOR: &str = "sip:6001@example.org";

/// A good request from a trusted PBX for a registered phone; a test spoils one thing.
pub(crate) const GOOD: &str = "MESSAGE sip:6002@example.org SIP/2.0\r\n\
    Via: SIP/2.0/UDP 198.51.100.5:5060;branch=z9hG4bKbad\r\n\
    Max-Forwards: 70\r\n\
    From: <sip:pbx@198.51.100.5>;tag=1\r\n\
    To: <sip:6002@example.org>\r\n\
    Call-ID: bad\r\n\
    CSeq: 7 MESSAGE\r\n\
    Content-Length: 0\r\n\r\n";

/// [`GOOD`] with another text in one place.
pub(crate) fn spoiled(old: &str, new: &str) -> String {
    assert!(GOOD.contains(old), "{old}");
    GOOD.replacen(old, new, 1)
}

/// What a Bellhop does with a message from its PBX: its first answer, and what reached the phone.
pub(crate) fn verdict(message: &str) -> (Option<String>, Vec<String>) {
    verdict_of(config(), message)
}

/// As [`verdict`], of one that is configured so.
pub(crate) fn verdict_of(config: Config, message: &str) -> (Option<String>, Vec<String>) {
    let mut world = World::new(1);
    world.start(config, auth());
    let (_, b) = pair(&mut world);
    let p = pbx();
    world.drain(b.address);
    say(&mut world, &p, message);
    let answer = world.expect_within(p.address, Duration::from_millis(100));
    (answer, world.drain(b.address))
}
