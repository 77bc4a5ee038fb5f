//! Tokens, good and bad, against a set of keys.

use super::{BearerTokens, Jwks, Verifier};
use bellhop_core::engine::LookedUp;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

#[test]
fn a_token_that_the_issuer_signed_with_any_of_its_keys_is_its_users() {
    let verifier = verifier("good", &keys());
    for token in [RSA, EC] {
        assert_eq!(found(&verifier, token).as_deref(), Some("6001"));
    }
    assert_eq!(
        found(&verifier, &signed(&claims())).as_deref(),
        Some("6001")
    );
}

#[test]
fn a_token_counts_as_long_as_it_says() {
    let verifier = verifier("long", &keys());
    match verifier.redeem(signed(&claims()).as_bytes()) {
        LookedUp::UserFor(user, time) => {
            assert_eq!(user.aors[0].as_str(), "6001@example.org");
            assert!(time > Duration::from_secs(500) && time < Duration::from_secs(700));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_token_that_is_too_old_or_too_young_or_for_others_or_by_others_is_nobodys() {
    let verifier = verifier("bad", &keys());
    for (name, value) in [
        ("exp", json!(now() - 120)),
        ("nbf", json!(now() + 120)),
        ("aud", json!("another")),
        ("iss", json!("https://id.example.net")),
        ("sub", json!("a\"b")),
        ("sub", json!(6001)),
        ("exp", Value::Null),
        ("aud", Value::Null),
        ("iss", Value::Null),
        ("sub", Value::Null),
    ] {
        let mut claims = claims();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
        assert_eq!(found(&verifier, &signed(&claims)), None, "{name}");
    }
    let mut within = claims();
    within["exp"] = json!(now() - 5);
    assert_eq!(found(&verifier, &signed(&within)).as_deref(), Some("6001"));
}

/// RFC 8725 2.1: neither none, nor a public key taken for a secret, nor another key's algorithm.
#[test]
fn what_was_not_signed_with_a_key_of_the_issuers_is_nobodys() {
    let verifier = verifier("forged", &keys());
    let (head, rest) = RSA.split_once('.').unwrap();
    let (body, _) = rest.split_once('.').unwrap();
    // {"alg":"none"}
    let none = format!("eyJhbGciOiJub25lIn0.{body}.");
    let by_secret = |secret: &[u8], kid: &str| {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(kid.to_owned());
        encode(&header, &claims(), &EncodingKey::from_secret(secret)).unwrap()
    };
    let mut other = Header::new(Algorithm::EdDSA);
    other.kid = Some("ed".to_owned());
    let mut key = ED_KEY.to_vec();
    key[20] ^= 1;
    let other = encode(&other, &claims(), &EncodingKey::from_ed_der(&key)).unwrap();
    let mut named = Header::new(Algorithm::EdDSA);
    named.kid = Some("rsa".to_owned());
    let named = encode(&named, &claims(), &EncodingKey::from_ed_der(&ED_KEY)).unwrap();
    for token in [
        none,
        by_secret(RSA_N.as_bytes(), "rsa"),
        by_secret(b"geheim", "oct"),
        other,
        named,
        format!("{head}.{body}."),
        format!("{head}.{body}.AAAA"),
        RSA.replacen("eyJpc3M", "eyJpc3N", 1),
        "no token".to_owned(),
        String::new(),
    ] {
        assert_eq!(found(&verifier, &token), None, "{token}");
    }
}

#[test]
fn a_key_that_was_not_there_before_is_read_when_a_token_names_it() {
    let all = keys();
    let mut few = all.clone();
    few["keys"].as_array_mut().unwrap().truncate(2);
    let verifier = verifier("rotated", &few);
    assert_eq!(found(&verifier, RSA).as_deref(), Some("6001"));
    std::fs::write(file("rotated"), all.to_string()).unwrap();
    // Not asked for again so soon.
    assert_eq!(found(&verifier, &signed(&claims())), None);
    verifier.keys.lock().unwrap().tried = None;
    assert_eq!(
        found(&verifier, &signed(&claims())).as_deref(),
        Some("6001")
    );
}

#[test]
fn keys_that_can_no_more_be_had_go_on_and_those_that_never_could_fail_the_look_up() {
    let verifier = verifier("lost", &keys());
    assert!(found(&verifier, RSA).is_some());
    std::fs::remove_file(file("lost")).unwrap();
    verifier.keys.lock().unwrap().tried = None;
    verifier.keys.lock().unwrap().read = None;
    assert!(found(&verifier, RSA).is_some());
    let mut keys = verifier.keys.lock().unwrap();
    (keys.set, keys.tried) = (None, None);
    drop(keys);
    for _ in 0..2 {
        let failed = verifier.redeem(RSA.as_bytes());
        assert!(matches!(failed, LookedUp::Failed), "{failed:?}");
    }
}

#[test]
fn a_set_without_a_key_of_ours_is_refused_at_the_start() {
    let secret = json!({ "keys": [{ "kty": "oct", "kid": "oct", "k": "Z2VoZWlt" }] });
    for text in [secret.to_string(), "{}".to_owned(), "x".to_owned()] {
        let path = file("refused");
        std::fs::write(&path, text).unwrap();
        let new = Verifier::new(&settings(path), "example.org", &domains(), [1; 4]);
        assert!(new.is_err());
    }
}

fn verifier(name: &str, keys: &Value) -> Verifier {
    let path = file(name);
    std::fs::write(&path, keys.to_string()).unwrap();
    Verifier::new(&settings(path), "example.org", &domains(), [1; 4]).unwrap()
}

fn settings(file: PathBuf) -> BearerTokens {
    BearerTokens {
        keys: Jwks::File(file),
        issuer: "https://id.example.org".to_owned(),
        audience: "pbx".to_owned(),
        claim: "sub".to_owned(),
        leeway: Duration::from_secs(30),
        cache: Duration::from_secs(600),
        timeout: Duration::from_secs(2),
        authority: None,
    }
}

fn domains() -> Vec<String> {
    vec!["example.org".to_owned()]
}

fn file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("bellhop-jwks-{name}-{}.json", std::process::id()))
}

/// Whose a token is.
fn found(verifier: &Verifier, token: &str) -> Option<String> {
    match verifier.redeem(token.as_bytes()) {
        LookedUp::UserFor(user, _) => Some(user.name),
        LookedUp::Nobody => None,
        other => panic!("{other:?}"),
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

fn claims() -> Value {
    json!({
        "iss": "https://id.example.org", "aud": ["pbx", "web"], "sub": "6001", "exp": now().saturating_add(600),
    })
}

fn signed(claims: &Value) -> String {
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some("ed".to_owned());
    encode(&header, claims, &EncodingKey::from_ed_der(&ED_KEY)).unwrap()
}

fn keys() -> Value {
    json!({ "keys": [
        { "kty": "RSA", "kid": "rsa", "use": "sig", "n": RSA_N, "e": "AQAB" },
        {
            "kty": "EC", "kid": "ec", "crv": "P-256", "alg": "ES256",
            "x": "mcGBXqw1nOQmrSlP4Ikv4LJcW0UUJoAAHKCi3cpU0hc", "y": "DIyvjOfltAMi2mzoUspTsJ2Sopvdj2Sqw1ZuyJkbaNw",
        },
        { "kty": "oct", "kid": "oct", "k": "Z2VoZWlt" },
        {
            "kty": "OKP", "kid": "ed", "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        },
    ] })
}

/// The key of RFC 8037 A.1, as PKCS #8 has it.
const ED_KEY: [u8; 48] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
    0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
];
/// For `iss` https://id.example.org, `aud` pbx, `sub` 6001, good until 2200; their keys are gone.
const RSA: &str = "eyJhbGciOiAiUlMyNTYiLCAia2lkIjogInJzYSJ9.eyJpc3MiOiAiaHR0cHM6Ly9pZC5leGFtcGxlLm9yZyIsICJhdWQiOiA\
        icGJ4IiwgInN1YiI6ICI2MDAxIiwgImV4cCI6IDcyNTgxMTg0MDB9.UxEsImJm75J_kekwGjItue5mrlVdpi4iQogPs5zSPr\
        cVt5UHHZYl6z4w8kNsLBqMPd4e0TJ-B-oYgyj5kDBOgFug2ItPNK_BEYhYnkiJsRxKrlfZgZRtmxx7OLFZLPgDVeIagYNNHj\
        nl1MZrqRfKT3GFNv8w9CVpjw6hqWftuDb0_qXqnDa-rElp5wXGfPUnYdClSOIs4ztRp7h7_71dBOJqMdZmgIbpVncUEyZbFm\
        u4ki4O70tQ-5TyBGDpN1ZpVBRCvDN3buxOkoZfUwHOXJ413ZO9Zdo9dNvAENWIOWpdHuKIzvA0ztTeSf9oGK8bv3hAQ7PE59\
        OmaVONvbrfVQ";
const EC: &str = "eyJhbGciOiAiRVMyNTYiLCAia2lkIjogImVjIn0.eyJpc3MiOiAiaHR0cHM6Ly9pZC5leGFtcGxlLm9yZyIsICJhdWQiOiAi\
        cGJ4IiwgInN1YiI6ICI2MDAxIiwgImV4cCI6IDcyNTgxMTg0MDB9.qLUBiXzXNbYc1xSiVXr6V0S7UxqrfvS-f2xmfXENYiP\
        Egfx40i26pOp454NLiafB_cpHlctj37_uOffsojQMOw";
const RSA_N: &str = "w5eWKmxpEx2mfohjGkeiZxmHOfV58G62Cd6ZY1kiPmJATgdk9fCSH7nuGDgJeRthoJa8Hph-QA6wQyCrPcf3cZYFDmB1NSIM\
        OUlkK8J1YmINlsOYUt-NXLXJBfjeO3wcVl7YZBSGTMJLaEVBgP5U8JdqmHJu4WyGGRMR0cb7D9r6mQhSlxCNVb8VaqqzKZ0C\
        Lm84QThZEzXOvWnvd1K8HpTaOirwSa5vVMpviBpEfiHm-SggRGBXR1K-cDYZeo-IbcgwypfLlaVhegqJb321NoX7D2xzy67j\
        tEQKED2znpjuGy5Au-H4iAyeb1o1I2LsKNYk5e83rpbG3qe5RtxnwQ";
