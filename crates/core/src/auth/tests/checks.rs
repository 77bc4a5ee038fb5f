//! Who gets in.

use super::*;

const BOTH: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Md5];

/// All methods that are known, and one that is not.
const METHODS: [&str; 15] = [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "REGISTER",
    "OPTIONS",
    "SUBSCRIBE",
    "NOTIFY",
    "PUBLISH",
    "INFO",
    "REFER",
    "MESSAGE",
    "UPDATE",
    "PRACK",
    "BREW",
];

#[test]
fn every_method_needs_good_credentials_in_every_role() {
    for role in [Role::Registrar, Role::Proxy] {
        let header = match role {
            Role::Registrar => "Authorization",
            Role::Proxy => "Proxy-Authorization",
        };
        for method in METHODS {
            let mut door = Door::new(&BOTH);
            let nonce = door.nonce();
            let with = |password| {
                let answer = Answer {
                    password,
                    method,
                    ..Answer::to(&nonce)
                };
                let line = format!("{header}: {}", answer.value());
                request(method, URI, &[&line], "")
            };
            let check = |text: &str| told(&door.check_as(text, PHONE, role));
            assert_eq!(
                check(&request(method, URI, &[], "")),
                "challenged",
                "{method}"
            );
            assert_eq!(check(&with("falsch")), "challenged", "{method}");
            assert_eq!(check(&with("geheim")), "in", "{method}");
        }
    }
}

#[test]
fn credentials_in_the_other_roles_header_do_not_count() {
    let mut door = Door::new(&BOTH);
    let nonce = door.nonce();
    let text = Answer::to(&nonce).register();
    assert_eq!(
        told(&door.check_as(&text, PHONE, Role::Proxy)),
        "challenged"
    );
}

#[test]
fn the_digest_of_another_method_does_not_count() {
    let mut door = Door::new(&BOTH);
    let nonce = door.nonce();
    let text = request("MESSAGE", URI, &[&Answer::to(&nonce).line()], "");
    assert_eq!(told(&door.check(&text)), "challenged");
}

#[test]
fn a_to_tag_buys_nothing() {
    let text = request("SUBSCRIBE", URI, &[], "");
    let text = text.replace(
        "To: <sip:6001@pbx.example.org>",
        "To: <sip:x@y.example>;tag=b",
    );
    assert_eq!(told(&Door::new(&BOTH).check(&text)), "challenged");
}

#[test]
fn the_proof_names_the_user_and_what_is_theirs() {
    let mut door = Door::new(&BOTH);
    let nonce = door.nonce();
    let Outcome::Authenticated(proof) = door.check(&Answer::to(&nonce).register()) else {
        panic!("not let in");
    };
    assert_eq!(proof.user().name, "6001");
    assert!(proof.owns(&Aor::parse_text("sip:6001@PBX.example.org:5070").unwrap()));
    assert!(!proof.owns(&Aor::parse_text("sip:6002@pbx.example.org").unwrap()));
}

#[test]
fn each_algorithm_and_qop_is_accepted() {
    for algorithm in Algorithm::ALL {
        for qop in ["auth", "auth-int"] {
            let mut door = Door::new(&Algorithm::ALL);
            let nonce = door.nonce();
            let answer = Answer {
                algorithm: Some(algorithm.token()),
                qop,
                body: b"v=0\r\n",
                ..Answer::to(&nonce)
            };
            let text = request("REGISTER", URI, &[&answer.line()], "v=0\r\n");
            assert_eq!(told(&door.check(&text)), "in", "{algorithm:?} {qop}");
        }
    }
}

#[test]
fn with_auth_int_a_changed_body_does_not_pass() {
    // RFC 7616 3.4.3.
    let mut door = Door::new(&BOTH);
    let nonce = door.nonce();
    let answer = Answer {
        qop: "auth-int",
        body: b"v=0\r\n",
        ..Answer::to(&nonce)
    };
    let text = request("REGISTER", URI, &[&answer.line()], "v=1\r\n");
    assert_eq!(told(&door.check(&text)), "challenged");
}

#[test]
fn no_algorithm_means_md5() {
    let mut door = Door::new(&BOTH);
    let nonce = door.nonce();
    let answer = Answer {
        algorithm: None,
        ..Answer::to(&nonce)
    };
    assert_eq!(told(&door.check(&answer.register())), "in");
}

#[test]
fn an_algorithm_that_was_not_offered_is_challenged() {
    for algorithm in [None, Some("MD5"), Some("MD5-sess"), Some("SHA-512-256")] {
        let mut door = Door::new(&[Algorithm::Sha256]);
        let nonce = door.nonce();
        let answer = Answer {
            algorithm,
            ..Answer::to(&nonce)
        };
        assert_eq!(
            told(&door.check(&answer.register())),
            "challenged",
            "{algorithm:?}"
        );
    }
}

#[test]
fn credentials_without_qop_are_challenged() {
    let mut door = Door::new(&BOTH);
    let nonce = door.nonce();
    let line = Answer::to(&nonce).line().replace(", qop=auth", "");
    assert_eq!(told(&door.check(&register(&[&line]))), "challenged");
}

#[test]
fn an_unknown_user_and_a_wrong_password_are_told_the_same() {
    for (username, password) in [
        ("nobody", "geheim"),
        ("", ""),
        ("6001", "x"),
        ("6001 ", "geheim"),
    ] {
        let mut door = Door::new(&BOTH);
        let nonce = door.nonce();
        let answer = Answer {
            username,
            password,
            ..Answer::to(&nonce)
        };
        assert_eq!(
            told(&door.check(&answer.register())),
            "challenged",
            "{username}"
        );
    }
}

#[test]
fn a_user_without_a_hash_of_the_algorithm_does_not_get_in_by_it() {
    let mut door = Door::new(&BOTH);
    let nonce = door.nonce();
    let by = |algorithm| {
        let answer = Answer {
            username: "old",
            algorithm: Some(algorithm),
            ..Answer::to(&nonce)
        };
        told(&door.check(&answer.register()))
    };
    assert_eq!(by("SHA-256"), "challenged");
    assert_eq!(by("MD5"), "in");
}

#[test]
fn quoted_pairs_in_the_username_are_resolved() {
    let mut door = Door::new(&BOTH);
    let nonce = door.nonce();
    let answer = Answer {
        username: "J\"R\\",
        ..Answer::to(&nonce)
    };
    assert!(answer.line().contains("username=\"J\\\"R\\\\\""));
    assert_eq!(told(&door.check(&answer.register())), "in");
}

#[test]
fn the_line_for_our_realm_is_found_among_others() {
    let mut door = Door::new(&BOTH);
    let nonce = door.nonce();
    let foreign = Answer {
        realm: "elsewhere.example.net",
        ..Answer::to(&nonce)
    };
    let (foreign, ours) = (foreign.line(), Answer::to(&nonce).line());
    // RFC 4475 3.3.7: a scheme nobody knows.
    let unknown = "Authorization: NoOneKnowsThisScheme opaque-data=here";
    assert_eq!(told(&door.check(&register(&[unknown]))), "challenged");
    assert_eq!(
        told(&door.check(&register(&[unknown, &foreign]))),
        "challenged"
    );
    assert_eq!(
        told(&door.check(&register(&[unknown, &foreign, &ours]))),
        "in"
    );
}

#[test]
fn two_lines_for_our_realm_are_refused() {
    let mut door = Door::new(&BOTH);
    let nonce = door.nonce();
    let line = Answer::to(&nonce).line();
    assert_eq!(told(&door.check(&register(&[&line, &line]))), "malformed");
}

#[test]
fn a_uri_that_is_written_otherwise_counts_over_its_own_bytes() {
    // RFC 7616 3.4.6.
    for (request_uri, uri) in [
        ("sip:pbx.example.org", "sip:PBX.Example.ORG"),
        ("sip:pbx.example.org:5060", "sip:pbx.example.org"),
        (
            "sip:pbx.example.org;transport=tcp",
            "sip:pbx.example.org;transport=TCP;x=y",
        ),
        ("sip:%36001@pbx.example.org", "sip:6001@pbx.example.org"),
        ("sip:6001@[2001:db8::1]", "sip:6001@[2001:DB8:0::1]:5060"),
        ("sips:pbx.example.org", "sip:pbx.example.org"),
        ("tel:+15551234", "tel:+15551234"),
    ] {
        let mut door = Door::new(&BOTH);
        let nonce = door.nonce();
        let answer = Answer {
            uri,
            ..Answer::to(&nonce)
        };
        let text = request("REGISTER", request_uri, &[&answer.line()], "");
        assert_eq!(told(&door.check(&text)), "in", "{uri}");
    }
}

/// As SIPp signs; see `names_host_alone`.
#[test]
fn a_uri_of_a_host_alone_is_taken_from_who_asks_a_proxy() {
    for (uri, outcome) in [
        ("sip:192.0.2.80:5060", "in"),
        ("sip:pbx.example.org", "in"),
        ("sip:6002@192.0.2.80:5060", "malformed"),
        ("tel:6002", "malformed"),
    ] {
        let mut door = Door::new(&BOTH);
        let nonce = door.nonce();
        let answer = Answer {
            uri,
            method: "INVITE",
            ..Answer::to(&nonce)
        };
        let line = format!("Proxy-Authorization: {}", answer.value());
        let text = request("INVITE", "sip:6001@pbx.example.org", &[&line], "");
        assert_eq!(
            told(&door.check_as(&text, PHONE, Role::Proxy)),
            outcome,
            "{uri}"
        );
    }
}

#[test]
fn a_uri_that_names_another_resource_is_refused() {
    for uri in [
        "sip:6002@pbx.example.org",
        "sip:6001@elsewhere.example.net",
        "sip:pbx.example.org",
        "tel:6001",
        "*",
        "",
    ] {
        let mut door = Door::new(&BOTH);
        let nonce = door.nonce();
        let answer = Answer {
            uri,
            ..Answer::to(&nonce)
        };
        let text = request(
            "REGISTER",
            "sip:6001@pbx.example.org",
            &[&answer.line()],
            "",
        );
        assert_eq!(told(&door.check(&text)), "malformed", "{uri}");
    }
}
