//! Whom a plugin may ask.

use super::*;

fn allows(entry: &str, url: &str) -> bool {
    let limits = HttpLimits {
        hosts: vec![entry.to_owned()],
        ..HttpLimits::default()
    };
    Web::new(&limits).unwrap().allows(&url.parse().unwrap())
}

#[test]
fn a_host_is_allowed_on_the_scheme_s_port_or_the_one_named() {
    assert!(allows("api.example.org", "https://api.example.org/x"));
    assert!(allows("api.example.org", "http://API.example.org:80/x"));
    assert!(!allows("api.example.org", "https://api.example.org:8443/x"));
    assert!(allows(
        "api.example.org:8443",
        "https://api.example.org:8443/x"
    ));
    assert!(!allows("api.example.org:8443", "https://api.example.org/x"));
    assert!(allows("[::1]:8080", "http://[::1]:8080/"));
}

#[test]
fn no_other_host_is_allowed_whatever_it_looks_like() {
    for url in [
        "https://example.org/",
        "https://evil.org/api.example.org",
        "https://api.example.org.evil.org/",
        "https://api.example.org@evil.org/",
        "https://x@api.example.org/",
        "ftp://api.example.org/",
        "/relative",
    ] {
        assert!(!allows("api.example.org", url), "{url}");
    }
}

#[test]
fn a_wildcard_allows_what_is_below_a_domain_and_not_the_domain() {
    assert!(allows("*.example.org", "https://a.b.example.org/"));
    assert!(!allows("*.example.org", "https://example.org/"));
    assert!(!allows("*.example.org", "https://badexample.org/"));
}

#[test]
fn a_host_with_https_before_it_is_not_asked_in_clear_text() {
    assert!(allows(
        "https://api.example.org",
        "https://api.example.org/"
    ));
    assert!(!allows(
        "https://api.example.org",
        "http://api.example.org/"
    ));
}

#[test]
fn what_is_no_host_is_refused_before_anything_runs() {
    for entry in ["", "*", "*example.org", "a b", "host:port", "http://h/x"] {
        let limits = HttpLimits {
            hosts: vec![entry.to_owned()],
            ..HttpLimits::default()
        };
        assert!(Web::new(&limits).is_err(), "{entry}");
    }
}
