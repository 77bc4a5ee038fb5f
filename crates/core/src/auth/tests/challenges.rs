//! What is asked.

use super::*;

const ALL: [Algorithm; 3] = [Algorithm::Sha512_256, Algorithm::Sha256, Algorithm::Md5];

#[test]
fn each_algorithm_is_a_line_of_its_own_in_the_configured_order() {
    // RFC 8760 2.3.
    for role in [Role::Registrar, Role::Proxy] {
        let reply = Door::new(&ALL).reply(role, false);
        let offered: Vec<_> = lines(&reply, role.challenge())
            .map(|line| {
                let challenge = Challenge::parse(line.as_bytes()).unwrap();
                assert_eq!(challenge.realm, Some(REALM.as_bytes()));
                assert_eq!(challenge.qop, Some(b"auth".as_slice()));
                assert!(!challenge.stale);
                Algorithm::parse(challenge.algorithm.unwrap()).unwrap()
            })
            .collect();
        assert_eq!(offered, ALL);
    }
}

#[test]
fn a_registrar_asks_with_401_and_a_proxy_with_407() {
    let mut door = Door::new(&ALL);
    let registrar = door.reply(Role::Registrar, false);
    assert!(registrar.starts_with("SIP/2.0 401 "), "{registrar}");
    assert_eq!(lines(&registrar, "Proxy-Authenticate").count(), 0);
    let proxy = door.reply(Role::Proxy, false);
    assert!(proxy.starts_with("SIP/2.0 407 "), "{proxy}");
    assert_eq!(lines(&proxy, "WWW-Authenticate").count(), 0);
}

#[test]
fn stale_stands_on_every_line_when_it_is_meant() {
    let reply = Door::new(&ALL).reply(Role::Proxy, true);
    let stale = lines(&reply, "Proxy-Authenticate")
        .filter(|line| Challenge::parse(line.as_bytes()).unwrap().stale);
    assert_eq!(stale.count(), 3);
}

#[test]
fn the_line_is_as_rfc_8760_writes_it() {
    let reply = Door::new(&[Algorithm::Sha256]).reply(Role::Registrar, false);
    let line = lines(&reply, "WWW-Authenticate").next().unwrap();
    let (before, rest) = line.split_once("nonce=\"").unwrap();
    let (nonce, after) = rest.split_once('"').unwrap();
    assert_eq!(before, "Digest realm=\"pbx.example.org\", ");
    assert_eq!(nonce.len(), 24);
    assert_eq!(after, ", algorithm=SHA-256, qop=\"auth\"");
}

#[test]
fn a_bodys_integrity_is_offered_to_a_request_that_has_one() {
    // RFC 7616 3.3: the server chooses what it offers.
    let ask = |has_body| Ask {
        role: Role::Proxy,
        stale: false,
        has_body,
        is_short: false,
    };
    for (has_body, qop) in [(true, "auth,auth-int"), (false, "auth")] {
        let reply = Door::new(&ALL).reply_as(ask(has_body));
        for line in lines(&reply, "Proxy-Authenticate") {
            let challenge = Challenge::parse(line.as_bytes()).unwrap();
            assert_eq!(challenge.qop, Some(qop.as_bytes()));
        }
    }
}

#[test]
fn a_short_challenge_offers_the_last_algorithm_alone() {
    let reply = Door::new(&ALL).reply_as(Ask {
        role: Role::Registrar,
        stale: false,
        has_body: false,
        is_short: true,
    });
    let offered: Vec<_> = lines(&reply, "WWW-Authenticate").collect();
    assert_eq!(offered.len(), 1);
    // RFC 7616 3.3: no algorithm means MD5.
    let challenge = Challenge::parse(offered[0].as_bytes()).unwrap();
    assert_eq!(challenge.algorithm, None, "{offered:?}");
}

#[test]
fn a_challenge_can_be_short_only_where_the_last_algorithm_does_for_every_user() {
    let can = |algorithms: &[Algorithm]| Door::new(algorithms).authenticator.can_ask_shortly();
    assert!(can(&[Algorithm::Sha256, Algorithm::Md5]));
    // The user `old` has an MD5 hash alone.
    assert!(!can(&[Algorithm::Md5, Algorithm::Sha256]));
    assert!(!can(&[Algorithm::Md5]), "it is as short as it can be");
}

#[test]
fn two_phones_behind_one_nat_get_nonces_of_their_own() {
    let mut door = Door::new(&ALL);
    assert_ne!(door.nonce(), door.nonce());
}

#[test]
fn credentials_for_our_realm_are_consumed_and_others_left() {
    // RFC 3261 22.3.
    let ours = format!("Proxy-Authorization: {}", Answer::to("n").value());
    let foreign = Answer {
        realm: "elsewhere.example.net",
        ..Answer::to("n")
    };
    let foreign = format!("Proxy-Authorization: {}", foreign.value());
    let lines = [
        foreign.as_str(),
        &ours,
        "Proxy-Authorization: Basic QQ==",
        "Authorization: Basic QQ==",
    ];
    let door = Door::new(&ALL);
    let text = request("INVITE", URI, &lines, "");
    let consumed: Vec<_> = parsed(&text, |message| {
        let fields = door.authenticator.consumed(message, Role::Proxy, None);
        fields.map(|field| field.value.to_vec()).collect()
    });
    assert_eq!(consumed, [Answer::to("n").value().into_bytes()]);
}

#[test]
fn a_realm_with_quotes_is_escaped_and_found_again() {
    let realm = "the \"big\" \\ door";
    let users = vec![User::with_password("6001", realm, "geheim", Vec::new())];
    let config = AuthConfig {
        realm: realm.to_owned(),
        algorithms: ALL.to_vec(),
        nonce_lifetime: Duration::from_secs(300),
        users: Arc::new(Users::new(users).unwrap()),
    };
    let mut door = Door::new(&ALL);
    let (secret, guard) = (Secret::new([1; 32]), ReplayGuard::new(16));
    door.authenticator = Authenticator::new(config, Arc::new(secret), Arc::new(guard));
    let nonce = door.nonce();
    let answer = Answer {
        realm,
        ..Answer::to(&nonce)
    };
    let value = answer.value().replace(realm, "the \\\"big\\\" \\\\ door");
    let outcome = door.check(&register(&[&format!("Authorization: {value}")]));
    assert_eq!(told(&outcome), "in");
}
