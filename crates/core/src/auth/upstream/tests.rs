//! What is answered, with what, and how nonces go on.

use super::*;
use crate::auth::{Algorithm, Ha1};
use bellhop_wire::{Credentials, Index, Limits};

/// Counts, so that each cnonce is another.
struct Counting(u8);

impl Entropy for Counting {
    fn fill(&mut self, out: &mut [u8]) {
        self.0 = self.0.wrapping_add(1);
        out.fill(self.0);
    }
}

const INVITE: Asking<'_> = Asking {
    method: "INVITE",
    uri: b"sip:600@pbx",
    body: b"v=0",
};

fn with<T>(lines: &str, then: impl FnOnce(Message<'_>) -> T) -> T {
    let text = format!(
        "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=f\r\n\
         To: <sip:a@b>;tag=t\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n{lines}Content-Length: 0\r\n\r\n"
    );
    let mut index = Index::new();
    then(index.parse(text.as_bytes(), &Limits::default()).unwrap())
}

fn at(login: &Login) -> At<'_> {
    At {
        login,
        upstream: "pbx",
    }
}

fn answer(auth: &UpstreamAuth, login: &Login, lines: &str) -> Option<Answered> {
    with(lines, |response| {
        auth.answer(at(login), response, INVITE, &mut Counting(0))
    })
}

/// The value of a parameter, without its quotes.
fn param(line: &Line, name: &str) -> Option<String> {
    let read = Credentials::parse(line.value.as_bytes()).unwrap();
    let value = match name {
        "nonce" => read.nonce,
        "nc" => read.nc,
        "realm" => read.realm,
        "algorithm" => read.algorithm,
        "qop" => read.qop,
        "opaque" => read.opaque,
        "cnonce" => read.cnonce,
        "response" => read.response,
        "username" => read.username,
        _ => panic!("{name}"),
    };
    value.map(|value| String::from_utf8(value.to_vec()).unwrap())
}

fn challenge(rest: &str) -> String {
    format!("WWW-Authenticate: Digest realm=\"asterisk\", {rest}\r\n")
}

#[test]
fn a_challenge_is_answered_with_its_realm_nonce_and_opaque() {
    let auth = UpstreamAuth::new(16);
    let login = Login::with_password("6001", "geheim");
    // As Asterisk 22 writes it.
    let lines = "WWW-Authenticate: Digest realm=\"asterisk\",nonce=\"1700000000/0123456789abcdef\",\
                 opaque=\"5ccc069c403ebaf9\",algorithm=MD5,qop=\"auth\"\r\n";
    let answered = answer(&auth, &login, lines).unwrap();
    assert!(!answered.is_stale);
    let [line] = &answered.lines[..] else {
        panic!("{answered:?}");
    };
    assert_eq!(line.role, Role::Registrar);
    for (name, value) in [
        ("username", "6001"),
        ("realm", "asterisk"),
        ("nonce", "1700000000/0123456789abcdef"),
        ("opaque", "5ccc069c403ebaf9"),
        ("algorithm", "MD5"),
        ("qop", "auth"),
        ("nc", "00000001"),
        ("cnonce", "0101010101010101"),
    ] {
        assert_eq!(param(line, name).as_deref(), Some(value), "{name}");
    }
    let expected = Answer {
        algorithm: Algorithm::Md5,
        method: "INVITE",
        uri: "sip:600@pbx",
        nonce: "1700000000/0123456789abcdef",
        opaque: Some("5ccc069c403ebaf9"),
        qop: crate::auth::client::Qop::Auth,
        count: 1,
        cnonce: "0101010101010101",
    };
    let ha1 = Ha1::of_password("6001", "asterisk", "geheim");
    assert_eq!(
        Some(&line.value),
        expected.credentials(&ha1, "6001", "asterisk").as_ref()
    );
}

#[test]
fn of_several_challenges_of_a_realm_the_strongest_is_answered_that_there_is_a_hash_for() {
    let three = [
        challenge("nonce=\"1\", algorithm=MD5, qop=\"auth\""),
        challenge("nonce=\"2\", algorithm=SHA-512-256, qop=\"auth\""),
        challenge("nonce=\"3\", algorithm=SHA-256, qop=\"auth\""),
    ]
    .concat();
    let auth = UpstreamAuth::new(16);
    let all = answer(&auth, &Login::with_password("a", "b"), &three).unwrap();
    assert_eq!(
        param(&all.lines[0], "algorithm").unwrap(),
        "SHA-512-256",
        "{all:?}"
    );
    assert_eq!(all.lines.len(), 1);
    let ha1 = Ha1 {
        sha512_256: None,
        ..Ha1::of_password("c", "asterisk", "b")
    };
    let some = answer(&auth, &Login::with_ha1("c", "asterisk", ha1), &three).unwrap();
    assert_eq!(param(&some.lines[0], "algorithm").unwrap(), "SHA-256");
    assert_eq!(param(&some.lines[0], "nonce").unwrap(), "3");
}

#[test]
fn each_realm_and_each_kind_of_server_gets_an_answer_of_its_own() {
    let lines = "WWW-Authenticate: Digest realm=\"a\", nonce=\"1\", qop=\"auth\"\r\n\
                 Proxy-Authenticate: Digest realm=\"b\", nonce=\"2\", qop=\"auth\"\r\n\
                 Proxy-Authenticate: Digest realm=\"c\", nonce=\"3\", qop=\"auth\"\r\n";
    let auth = UpstreamAuth::new(16);
    let login = Login::with_password("6001", "geheim");
    let answered = answer(&auth, &login, lines).unwrap();
    let roles: Vec<_> = answered.lines.iter().map(|line| line.role).collect();
    assert_eq!(roles, [Role::Registrar, Role::Proxy, Role::Proxy]);
    assert_eq!(auth.preempt(at(&login), INVITE, &mut Counting(0)).len(), 3);
}

#[test]
fn auth_int_and_no_qop_are_used_where_nothing_else_is_offered() {
    let auth = UpstreamAuth::new(16);
    let login = Login::with_password("6001", "geheim");
    for (qop, expected) in [
        (", qop=\"auth-int,auth\"", Some("auth")),
        (", qop=\"Auth-Int\"", Some("auth-int")),
        (", qop=auth", Some("auth")),
        ("", None),
    ] {
        let answered = answer(&auth, &login, &challenge(&format!("nonce=\"1\"{qop}"))).unwrap();
        let line = &answered.lines[0];
        assert_eq!(param(line, "qop").as_deref(), expected);
        assert_eq!(param(line, "nc").is_some(), expected.is_some());
    }
}

#[test]
fn what_we_do_not_know_is_not_answered() {
    let auth = UpstreamAuth::new(16);
    let login = Login::with_password("6001", "geheim");
    for lines in [
        String::new(),
        "WWW-Authenticate: Basic realm=\"a\"\r\n".to_owned(),
        challenge("nonce=\"1\", algorithm=AKAv1-MD5"),
        challenge("nonce=\"1\", algorithm=MD5-sess, qop=\"auth\""),
        challenge("nonce=\"1\", qop=\"other\""),
        challenge("nonce=\"\", qop=\"auth\""),
        challenge("qop=\"auth\""),
        challenge(&format!("nonce=\"{}\"", "n".repeat(513))),
        challenge("nonce=\"a\r\n b\""),
    ] {
        assert_eq!(answer(&auth, &login, &lines), None, "{lines}");
    }
    let other_realm = Login::with_ha1("6001", "other", Ha1::of_password("6001", "other", "x"));
    assert_eq!(answer(&auth, &other_realm, &challenge("nonce=\"1\"")), None);
    assert!(auth.is_empty());
}

#[test]
fn later_requests_carry_the_nonce_with_a_count_that_rises() {
    let auth = UpstreamAuth::new(16);
    let login = Login::with_password("6001", "geheim");
    let bye = Asking {
        method: "BYE",
        ..INVITE
    };
    assert!(auth.preempt(at(&login), bye, &mut Counting(0)).is_empty());
    answer(&auth, &login, &challenge("nonce=\"1\", qop=\"auth\"")).unwrap();
    let mut counts = Vec::new();
    for _ in 0..3 {
        let lines = auth.preempt(at(&login), bye, &mut Counting(0));
        counts.push(param(&lines[0], "nc").unwrap());
    }
    assert_eq!(counts, ["00000002", "00000003", "00000004"]);
    // Another upstream and another user know nothing of it.
    let elsewhere = At {
        login: &login,
        upstream: "other",
    };
    assert!(auth.preempt(elsewhere, bye, &mut Counting(0)).is_empty());
    let other = Login::with_password("6002", "geheim");
    assert!(auth.preempt(at(&other), bye, &mut Counting(0)).is_empty());
}

#[test]
fn a_new_nonce_counts_from_one_and_the_same_one_goes_on() {
    let auth = UpstreamAuth::new(16);
    let login = Login::with_password("6001", "geheim");
    let first = challenge("nonce=\"1\", qop=\"auth\"");
    let count = |lines: &str| {
        let answered = answer(&auth, &login, lines).unwrap();
        (param(&answered.lines[0], "nc").unwrap(), answered.is_stale)
    };
    assert_eq!(count(&first).0, "00000001");
    assert_eq!(count(&first).0, "00000002");
    let stale = challenge("nonce=\"2\", qop=\"auth\", stale=true");
    assert_eq!(count(&stale), ("00000001".to_owned(), true));
}

#[test]
fn the_nonce_of_an_authentication_info_comes_next() {
    let auth = UpstreamAuth::new(16);
    let login = Login::with_password("6001", "geheim");
    answer(&auth, &login, &challenge("nonce=\"1\", qop=\"auth\"")).unwrap();
    let learn = |lines: &str| with(lines, |response| auth.learn(at(&login), response));
    learn("Authentication-Info: nextnonce=\"2\", qop=auth\r\n");
    let next = |expected: (&str, &str)| {
        let lines = auth.preempt(at(&login), INVITE, &mut Counting(0));
        let (nonce, nc) = (param(&lines[0], "nonce"), param(&lines[0], "nc"));
        assert_eq!(
            (nonce.as_deref(), nc.as_deref()),
            (Some(expected.0), Some(expected.1))
        );
    };
    next(("2", "00000001"));
    // Said again, it changes nothing; a proxy's is not the server's.
    learn("Authentication-Info: nextnonce=\"2\"\r\n");
    learn("Proxy-Authentication-Info: nextnonce=\"3\"\r\n");
    learn("Authentication-Info: nextnonce=\r\n");
    next(("2", "00000002"));
    auth.forget(at(&login));
    assert!(auth.is_empty());
}

#[test]
fn the_nonces_that_were_not_used_longest_go_first() {
    let auth = UpstreamAuth::new(16);
    let lines = challenge("nonce=\"1\", qop=\"auth\"");
    for user in 0..1000 {
        let login = Login::with_password(&user.to_string(), "geheim");
        answer(&auth, &login, &lines).unwrap();
    }
    assert_eq!(auth.len(), STRIPES);
    let last = Login::with_password("999", "geheim");
    assert!(!auth.preempt(at(&last), INVITE, &mut Counting(0)).is_empty());
}

#[test]
fn a_request_is_answered_once_and_once_more_if_the_nonce_was_too_old() {
    let mut tries = Tries::default();
    assert!(!tries.has_answered() && tries.again(false) && tries.has_answered());
    assert!(!tries.again(false));
    assert!(tries.again(true));
    assert!(!tries.again(true) && !tries.again(false));
}

#[test]
fn shards_that_ask_at_once_never_use_a_count_twice() {
    let auth = UpstreamAuth::new(16);
    let login = Login::with_password("6001", "geheim");
    answer(&auth, &login, &challenge("nonce=\"1\", qop=\"auth\"")).unwrap();
    let ask = || {
        let ask = |_| auth.preempt(at(&login), INVITE, &mut Counting(0));
        let counts = (0..100).map(ask);
        counts
            .map(|lines| param(&lines[0], "nc").unwrap())
            .collect::<Vec<_>>()
    };
    let mut counts: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        threads
            .into_iter()
            .flat_map(|t| t.join().unwrap())
            .collect()
    });
    counts.sort_unstable();
    counts.dedup();
    assert_eq!(counts.len(), 400);
}
