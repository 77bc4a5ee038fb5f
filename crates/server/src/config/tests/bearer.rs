//! `[auth.bearer]`.

use super::pretend;
use crate::config::Jwks;
use insta::assert_snapshot;
use std::{path::Path, time::Duration};

const BASE: &str =
    "[[listen]]\nbind = \"tcp:127.0.0.1:5060\"\n[auth]\nrealm = \"example.org\"\n[auth.bearer]\n";
const GOOD: &str =
    "issuer = \"https://id.example.org\"\naudience = \"sip:pbx.example.org\"\ntls = \"in-front\"\n";

#[test]
fn tokens_are_taken_with_keys_of_a_file_or_a_service() {
    let settings = pretend().accepts(&format!("{BASE}{GOOD}jwks = \"keys.json\"\n"));
    let bearer = settings.auth.bearer.as_ref().unwrap();
    assert_eq!(
        bearer.keys,
        Jwks::File(Path::new("/etc/bellhop/keys.json").into())
    );
    assert_eq!(
        (bearer.claim.as_str(), bearer.leeway),
        ("sub", Duration::from_secs(30))
    );
    assert!(
        settings
            .warnings
            .iter()
            .all(|w| !w.to_string().contains("no users"))
    );
    let shown = settings.explain().join("\n");
    let line = "tokens     of https://id.example.org for sip:pbx.example.org, sub is the user, keys /etc/bellhop/keys.json";
    assert!(shown.contains(line), "{shown}");
    let more = "jwks = \"https://id.example.org/jwks.json\"\nclaim = \"preferred_username\"\n";
    let settings = pretend().accepts(&format!("{BASE}{GOOD}{more}"));
    let bearer = settings.auth.bearer.unwrap();
    assert!(matches!(bearer.keys, Jwks::Url(..)) && bearer.claim == "preferred_username");
}

#[test]
fn a_bearer_section_that_makes_no_sense_is_refused() {
    assert_snapshot!("bearer_empty", pretend().refuses(BASE));
    let text = "jwks = \"keys.json\"\nissuer = 3\naudience = \"a\"\ntls = \"no\"\nleeway = \"1h\"\ncache = \"1s\"\n\
                timeout = \"1m\"\nauthz_server = \"id\"\nalgorithm = \"HS256\"\n";
    assert_snapshot!("bearer", pretend().refuses(&format!("{BASE}{text}")));
}
