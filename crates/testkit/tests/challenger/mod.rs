//! A PBX that challenges, and what its answers are checked with.
#![allow(dead_code, reason = "each scenario file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's harness may fail loudly"
)]

use crate::common::*;
use bellhop_core::auth::client::{Answer, Qop};
use bellhop_core::auth::upstream::Login;
use bellhop_core::auth::{Algorithm, AuthConfig, Ha1, User, Users};
use bellhop_core::config::Config;
use bellhop_core::registrar::Aor;
use bellhop_testkit::{Peer, World, header, header_of, status_of};
use bellhop_wire::Credentials;
use std::sync::Arc;
use std::time::Duration;

/// As in [`auth`], where 6001 and 6002 have a login at the PBX and 6003 has none.
pub(crate) fn auth_with_logins() -> AuthConfig {
    let user = |name: &str| {
        let aor = Aor::parse_text(&format!("sip:{name}@example.org")).unwrap();
        User::with_password(name, "example.org", &format!("secret{name}"), vec![aor])
    };
    let login = |name: &str| {
        let login = Login::with_password(&format!("pbx{name}"), &format!("hidden{name}"));
        user(name).with_login(Some(login))
    };
    let users = vec![login("6001"), login("6002"), user("6003")];
    AuthConfig {
        users: Arc::new(Users::new(users).unwrap()),
        ..auth()
    }
}

pub(crate) fn world_with_logins() -> World {
    world_of(config())
}

pub(crate) fn world_of(config: Config) -> World {
    let mut world = World::new(1);
    world.start(config, auth_with_logins());
    world
}

/// A phone's request that has its proof, sent; what then comes to the PBX.
pub(crate) fn send(world: &mut World, phone: &mut Peer, request: &str) -> (String, String) {
    let request = authorized(world, phone, request);
    say(world, phone, &request);
    let at_pbx = world.expect(addr(PBX)).expect("a request at the PBX");
    (request, at_pbx)
}

/// The PBX's 401 with this nonce.
pub(crate) fn challenge(request: &str, nonce: &str, more: &str) -> String {
    let line = format!(
        "WWW-Authenticate: Digest realm=\"asterisk\",nonce=\"{nonce}\",opaque=\"o\",\
         algorithm=MD5,qop=\"auth\"{more}\r\n"
    );
    pbx().answer(request, 401, "Unauthorized", &line)
}

/// Challenges a request at the PBX; gives what comes next to it, less the ACK of an INVITE's 401.
pub(crate) fn challenged(world: &mut World, request: &str, nonce: &str) -> String {
    say(world, &pbx(), &challenge(request, nonce, ""));
    if request.starts_with("INVITE ") {
        let ack = world.expect(addr(PBX)).expect("the ACK of a 401");
        assert!(ack.starts_with("ACK "), "{ack}");
        assert_eq!(branch(&ack), branch(request));
        assert_eq!(credentials(&ack), None);
    }
    world.expect(addr(PBX)).expect("the request once more")
}

/// The number in a CSeq.
pub(crate) fn cseq(message: &str) -> u32 {
    let number = header_of(message, "CSeq").split(' ').next();
    number.unwrap_or_default().parse().unwrap()
}

/// What comes to the PBX next, ACKs of refusals left out.
pub(crate) fn next_at_pbx(world: &mut World) -> String {
    loop {
        let message = world.expect(addr(PBX)).expect("a request at the PBX");
        if !message.starts_with("ACK ") {
            return message;
        }
    }
}

pub(crate) fn branch(message: &str) -> &str {
    let via = header_of(message, "Via");
    via.split("branch=")
        .nth(1)
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
}

/// User, nonce and count of the credentials for the PBX, after they were checked; `None`: there are none.
pub(crate) fn credentials(request: &str) -> Option<(String, String, u32)> {
    let value = header(request, "Authorization")?;
    let given = Credentials::parse(value.as_bytes()).unwrap();
    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
    let user = text(given.username);
    let nonce = text(given.nonce);
    let count = u32::from_str_radix(&text(given.nc), 16).unwrap();
    let mut words = request.split(' ');
    let (method, uri) = (words.next().unwrap(), words.next().unwrap());
    assert_eq!(text(given.uri), uri);
    assert_eq!(text(given.opaque), "o");
    let expected = Answer {
        algorithm: Algorithm::Md5,
        method,
        uri,
        nonce: &nonce,
        opaque: Some("o"),
        qop: Qop::Auth,
        count,
        cnonce: &text(given.cnonce),
    };
    let password = user.replace("pbx", "hidden");
    let ha1 = Ha1::of_password(&user, "asterisk", &password);
    let expected = expected.credentials(&ha1, &user, "asterisk");
    assert_eq!(Some(value), expected.as_deref());
    Some((user, nonce, count))
}

pub(crate) fn proof(user: &str, nonce: &str, count: u32) -> Option<(String, String, u32)> {
    Some((user.to_owned(), nonce.to_owned(), count))
}

/// What the phone is told in the end; no challenge of the PBX may be in anything before it.
pub(crate) fn told(world: &mut World, phone: &Peer) -> String {
    loop {
        let message = world.expect(phone.address).expect("a final response");
        assert!(!message.contains("realm=\"asterisk\""), "{message}");
        if status_of(&message) >= 200 {
            return message;
        }
    }
}

/// Whether the PBX hears nothing more for as long as any timer runs.
pub(crate) fn is_quiet(world: &mut World) -> bool {
    world.drain(addr(PBX));
    world
        .expect_within(addr(PBX), Duration::from_secs(70))
        .is_none()
}

/// A call from 6001 to the PBX's 600 that was challenged once and stands; gives the INVITE as the PBX
/// took it and its 200 at the phone.
pub(crate) fn talking(world: &mut World, a: &mut Peer, nonce: &str) -> (String, String) {
    let invite = a.request("INVITE", "sip:600@example.org", "call", "");
    let (_, first) = send(world, a, &invite);
    let second = challenged(world, &first, nonce);
    say(world, &pbx(), &pbx().answer(&second, 200, "OK", ""));
    let ok = told(world, a);
    let ack = from_caller(a, "ACK", &ok, cseq(&second));
    say(world, a, &ack);
    let ack = world.expect(addr(PBX)).expect("an ACK");
    assert!(ack.starts_with("ACK "), "{ack}");
    // RFC 3261 22.1: the same as the INVITE's.
    let of = |request| header(request, "Authorization").map(str::to_owned);
    assert_eq!(of(&ack), of(&second));
    (second, ok)
}

/// The CANCEL of an INVITE that was sent (RFC 3261 9.1).
pub(crate) fn cancel_of(invite: &str) -> String {
    let line = |name: &str| format!("{name}: {}\r\n", header_of(invite, name));
    let number = header_of(invite, "CSeq").split(' ').next().unwrap();
    format!(
        "CANCEL {} SIP/2.0\r\n{}Max-Forwards: 70\r\n{}{}{}CSeq: {number} CANCEL\r\n\
         Content-Length: 0\r\n\r\n",
        invite.split(' ').nth(1).unwrap(),
        line("Via"),
        line("From"),
        line("To"),
        line("Call-ID"),
    )
}
