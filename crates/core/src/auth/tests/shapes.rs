//! Credentials of odd shape: always 400 or a challenge, never in (facts: the digest parsers of others
//! fell over these).

use super::*;

const BOTH: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Md5];

fn with(line: impl Fn(&str) -> String) -> Outcome {
    let mut door = Door::new(&BOTH);
    let nonce = door.nonce();
    let line = line(&Answer::to(&nonce).line());
    door.check(&register(&[&line]))
}

#[test]
fn a_parameter_that_must_be_there_and_is_not_is_named() {
    for name in ["username", "nonce", "uri", "response", "nc", "cnonce"] {
        let Outcome::Malformed(reason) = with(|line| line.replace(&format!("{name}="), "x-not="))
        else {
            panic!("{name} was not missed");
        };
        assert!(reason.ends_with(&format!("without {name}")), "{reason}");
    }
}

#[test]
fn a_count_is_eight_digits_above_zero() {
    for nc in [
        "",
        "1",
        "00000000",
        "0000001",
        "000000001",
        "0000000g",
        "-0000001",
        "1e000000000",
    ] {
        let outcome = with(|line| line.replace("nc=00000001", &format!("nc={nc}")));
        assert_eq!(told(&outcome), "malformed", "{nc}");
    }
}

#[test]
fn a_response_of_another_length_is_refused() {
    for response in [
        "0",
        "00",
        "zz",
        &"0".repeat(32),
        &"0".repeat(128),
        &"g".repeat(64),
    ] {
        let outcome = with(|line| {
            let (before, rest) = line.split_once("response=\"").unwrap();
            let (_, after) = rest.split_once('"').unwrap();
            format!("{before}response=\"{response}\"{after}")
        });
        assert_eq!(told(&outcome), "malformed", "{response}");
    }
}

#[test]
fn empty_nonce_or_response_asks_to_be_challenged() {
    // 3GPP TS 24.229 5.1.1.2: the first REGISTER of an IMS client.
    let line = format!(
        "Authorization: Digest username=\"6001\", realm=\"{REALM}\", nonce=\"\", \
         uri=\"{URI}\", response=\"\""
    );
    assert_eq!(told(&with(|_| line.clone())), "challenged");
}

#[test]
fn no_odd_line_gets_in() {
    let good = |line: &str| {
        line.strip_prefix("Authorization: Digest ")
            .unwrap()
            .to_owned()
    };
    let shapes: [(&str, Shape<'_>); 16] = [
        ("challenged", &|_| {
            "Authorization: Digest realm=\"x\"".into()
        }),
        ("malformed", &|_| "Authorization: Digest".into()),
        ("malformed", &|_| "Authorization: Digest ,,,".into()),
        ("malformed", &|_| "Authorization: Digest realm".into()),
        ("malformed", &|_| {
            format!("Authorization: Digest realm=\"{REALM}")
        }),
        ("malformed", &|_| {
            format!("Authorization: Digest realm=\"{REALM}\"")
        }),
        ("malformed", &|l| format!("{l}, realm=\"{REALM}\"")),
        ("malformed", &|l| format!("{l}, username=\"root\"")),
        ("challenged", &|_| {
            "Authorization: Basic NjAwMTpnZWhlaW0=".into()
        }),
        ("challenged", &|l| l.replace("qop=auth", "qop=auth-conf")),
        ("challenged", &|l| {
            l.replace("qop=auth", "qop=\"auth,auth-int\"")
        }),
        ("challenged", &|l| {
            l.replace("algorithm=SHA-256", "algorithm=SHA256")
        }),
        ("challenged", &|l| {
            l.replace("algorithm=SHA-256", "algorithm=\"\"")
        }),
        ("challenged", &|l| l.replace(REALM, "PBX.example.org")),
        ("challenged", &|l| {
            l.replace("cnonce=\"0a4f113b\"", "cnonce=\"\"")
        }),
        ("challenged", &|l| {
            format!("Authorization: Digestive {}", good(l))
        }),
    ];
    for (n, (expected, shape)) in shapes.into_iter().enumerate() {
        assert_eq!(told(&with(shape)), expected, "shape {n}");
    }
}

/// What a line becomes.
type Shape<'a> = &'a dyn Fn(&str) -> String;

#[test]
fn scheme_names_and_hexadecimal_digits_may_be_in_either_case() {
    let outcome = with(|line| {
        let (before, rest) = line.split_once("response=\"").unwrap();
        let (response, after) = rest.split_once('"').unwrap();
        let response = response.to_uppercase();
        format!("{before}response=\"{response}\"{after}").replace("Digest", "dIGEST")
    });
    assert_eq!(told(&outcome), "in");
}
