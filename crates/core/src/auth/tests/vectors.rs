//! The examples of RFC 7616 3.9 and RFC 2617 3.5, and what RFC 8760 makes of them in SIP. Where no RFC gives
//! a figure it was computed with Python's hashlib.

use super::super::{
    Algorithm, Ha1,
    claim::{Claim, Usual},
};
use super::*;
use bellhop_wire::Credentials;

fn response(line: &str, password: &str) -> String {
    response_to(line, password, b"GET", b"")
}

/// The digest that the password makes, which is the one that stands in the line.
fn response_to(line: &str, password: &str, method: &[u8], body: &[u8]) -> String {
    let credentials = Credentials::parse(line.as_bytes()).unwrap();
    let text = |value: Option<&[u8]>| String::from_utf8(value.unwrap().to_vec()).unwrap();
    let name = text(credentials.username);
    let ha1 = Ha1::of_password(&name, &text(credentials.realm), password);
    let Ok(claim) = Claim::of(&credentials, 0, &Algorithm::ALL) else {
        panic!("no claim in {line}");
    };
    let ha1 = ha1.hash(claim.algorithm).unwrap();
    let expected = claim.expected(&ha1, method, body, &Usual::new(&text(credentials.realm)));
    let hex = String::from_utf8(expected.hex().as_bytes().to_vec()).unwrap();
    assert_eq!(expected.is_written(claim.response), Some(true));
    hex
}

fn mufasa(algorithm: &str, response: &str) -> String {
    format!(
        "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", \
         algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
         nc=00000001, cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, \
         response=\"{response}\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
    )
}

#[test]
fn the_md5_example_of_rfc_7616_gives_its_response() {
    let right = "8ca523f5e9506fed4657c9700eebdbec";
    assert_eq!(response(&mufasa("MD5", right), "Circle of Life"), right);
}

#[test]
fn the_sha_256_example_of_rfc_7616_gives_its_response() {
    let right = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
    assert_eq!(response(&mufasa("SHA-256", right), "Circle of Life"), right);
}

#[test]
fn the_sha_512_256_example_of_rfc_7616_gives_the_response_of_its_erratum() {
    // The RFC's own figure was made with a SHA-512 cut short, not with SHA-512/256.
    let right = "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5";
    let line = format!(
        "Digest username=\"J\u{e4}s\u{f8}n Doe\", realm=\"api@example.org\", uri=\"/doe.json\", \
         algorithm=SHA-512-256, nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", \
         nc=00000001, cnonce=\"NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v\", qop=auth, \
         response=\"{right}\", opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\""
    );
    assert_eq!(response(&line, "Secret, or not?"), right);
}

#[test]
fn the_example_of_rfc_2617_gives_its_response() {
    // RFC 3261 22.4 builds on it.
    let right = "6629fae49393a05397450978507c4ef1";
    let line = format!(
        "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", uri=\"/dir/index.html\", \
         nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", qop=auth, nc=00000001, cnonce=\"0a4f113b\", \
         response=\"{right}\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""
    );
    assert_eq!(response(&line, "Circle Of Life"), right);
}

#[test]
fn each_algorithm_of_rfc_8760_signs_a_register() {
    for (algorithm, right) in [
        ("MD5", "bb071bd2c73e08c3a0f7d4a60c51c763"),
        (
            "SHA-256",
            "ecf904053efeec0740c81a623f2e50efcb58a7a1d3b22ee4694a1c6489de5db0",
        ),
        (
            "SHA-512-256",
            "d7af60adae30d2df96a56ca91d7a374d94c94821c4664171b35e027db1de3a1b",
        ),
    ] {
        let line = format!(
            "Digest username=\"bob\", realm=\"biloxi.example\", algorithm={algorithm}, \
             uri=\"sip:ss2.biloxi.example\", nonce=\"ea9c8e88df84f1cec4341ae6cbe5a359\", qop=auth, \
             nc=00000001, cnonce=\"3f2a\", response=\"{right}\""
        );
        assert_eq!(response_to(&line, "zanzibar", b"REGISTER", b""), right);
    }
}

#[test]
fn each_algorithm_signs_a_body_with_auth_int() {
    // RFC 7616 3.4.3.
    for (algorithm, right) in [
        ("MD5", "d1b8e2ac3f6782372de4bf3d8735b406"),
        (
            "SHA-256",
            "385d2de062660ced11876f42d9497c69cacf5caaf3d951dd424aee9f7157d563",
        ),
        (
            "SHA-512-256",
            "5e69357dfa951887c95e88aae45b1f7f834aeba94f85648b86d532e82afdb589",
        ),
    ] {
        let line = mufasa(algorithm, right).replace("qop=auth,", "qop=auth-int,");
        let body = b"v=0\r\n";
        assert_eq!(response_to(&line, "Circle of Life", b"GET", body), right);
    }
}

#[test]
fn the_user_hash_of_rfc_7616_is_the_one_of_its_erratum() {
    // 3.4.4: over user and realm. The RFC's own figure has the fault of its response.
    let hash = Algorithm::Sha512_256.hash(&["J\u{e4}s\u{f8}n Doe".as_bytes(), b"api@example.org"]);
    let right = b"793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b";
    assert_eq!(hash.hex().as_bytes(), right);
}

#[test]
fn a_user_hash_that_was_not_offered_is_asked_again() {
    // 3.4.4: a client may hash the name only if the challenge says userhash=true, and ours do not.
    let mut door = Door::new(&[Algorithm::Sha256]);
    assert!(!door.reply(Role::Registrar, false).contains("userhash"));
    let nonce = door.nonce();
    let name = Algorithm::Sha256.hash(&[b"6001", REALM.as_bytes()]).hex();
    let plain = Answer::to(&nonce).line();
    let name = std::str::from_utf8(name.as_bytes()).unwrap();
    let hashed = plain.replacen("\"6001\"", &format!("\"{name}\", userhash=true"), 1);
    assert_eq!(told(&door.check(&register(&[&hashed]))), "challenged");
    assert_eq!(told(&door.check(&register(&[&plain]))), "in");
}

#[test]
fn what_phones_sign_as_a_rule_gives_what_its_hash_gives() {
    // Computed with Python's hashlib.
    for (uri, algorithm, right) in [
        (
            "sip:pbx.example.org",
            "MD5",
            "24dd632177d7b9596e3caed98037607a",
        ),
        (
            "sip:pbx.example.org",
            "SHA-256",
            "e2a6c715038ff7b943b956b2dfdea1ddc4472aae4998d81eaddcb854ef8aaba7",
        ),
        (
            "sip:pbx.example.org",
            "SHA-512-256",
            "5508ef25752bcb2503416b85bc27a99f18985f3624fae51ca16fa6bd07570551",
        ),
        (
            "sip:pbx.example.org:5060",
            "MD5",
            "591f0bf5a9f41e07e73d00279f8cbb9f",
        ),
        (
            "sip:pbx.example.org:5060",
            "SHA-256",
            "4f0e86d822b73b879c3271a3451d47995ed40291f4dee9b6190f5ac8f7b22d65",
        ),
        (
            "sip:pbx.example.org:5060",
            "SHA-512-256",
            "3c42e02f326226839a1d7a8eaba1baf97ae58a63ed93fe370548de60680e9c23",
        ),
    ] {
        let line = format!(
            "Digest username=\"6001\", realm=\"pbx.example.org\", uri=\"{uri}\", nonce=\"n\", \
             algorithm={algorithm}, nc=00000001, cnonce=\"c\", qop=auth, response=\"{right}\""
        );
        assert_eq!(response_to(&line, "geheim", b"REGISTER", b""), right);
    }
}
