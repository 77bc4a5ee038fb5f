//! The canonical form of AoRs (RFC 3261 10.3 step 5, 19.1.4).

use super::*;
use bellhop_wire::UriRef;
use proptest::prelude::*;

fn aor(uri: &str) -> Option<String> {
    let uri = UriRef::parse(uri.as_bytes()).unwrap();
    Aor::new(&uri, "example.org").map(|aor| aor.as_str().to_owned())
}

#[test]
fn port_password_parameters_headers_and_scheme_are_dropped() {
    for uri in [
        "sip:bob@example.org",
        "SIP:bob@h",
        "sips:bob@example.org:5061",
        "sip:bob:secret@example.org;transport=tcp;user=phone?Subject=x",
        "sip:%62ob@example.org",
    ] {
        assert_eq!(aor(uri).unwrap(), "bob@example.org", "{uri}");
    }
}

#[test]
fn the_user_keeps_its_case_and_the_domain_does_not() {
    assert_eq!(aor("sip:Bob@example.org").unwrap(), "Bob@example.org");
    let one = Aor::parse_text("sip:bob@Example.ORG").unwrap();
    assert_eq!(one, bob());
    assert_eq!((one.user(), one.domain()), (Some("bob"), "example.org"));
}

#[test]
fn an_aor_may_be_a_domain_alone_or_an_address() {
    let domain = Aor::parse_text("sip:example.org").unwrap();
    assert_eq!((domain.user(), domain.domain()), (None, "example.org"));
    let six = Aor::parse_text("sip:bob@[2001:DB8::1]:5060").unwrap();
    assert_eq!(six.as_str(), "bob@[2001:db8::1]");
}

#[test]
fn what_must_stay_escaped_stays_escaped() {
    for (uri, expected) in [
        ("sip:a%00b@h", "a%00b@example.org"),
        ("sip:a%0d%0Ab@h", "a%0D%0Ab@example.org"),
        ("sip:a%40b@h", "a%40b@example.org"),
        ("sip:j%c3%b6rg@h", "j%C3%B6rg@example.org"),
    ] {
        assert_eq!(aor(uri).unwrap(), expected);
    }
}

#[test]
fn other_schemes_are_no_aor() {
    assert_eq!(aor("tel:+15551234"), None);
    assert_eq!(aor("mailto:bob@example.org"), None);
    assert_eq!(Aor::parse_text("bob@example.org"), None);
    assert_eq!(Aor::parse_text(""), None);
}

proptest! {
    #[test]
    fn the_canonical_form_of_a_canonical_form_is_itself(user in "([a-zA-Z0-9&=+$,;?/_.!~*'()-]|%[0-9a-fA-F]{2}){1,20}") {
        let uri = format!("sip:{user}@example.org");
        let once = Aor::parse_text(&uri).unwrap();
        let twice = Aor::parse_text(&format!("sip:{once}")).unwrap();
        prop_assert_eq!(&once, &twice);
        prop_assert!(once.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
    }

    #[test]
    fn uris_that_are_the_same_have_one_aor_and_others_two(
        one in "([ab&@%/]|%40|%61|%41|%26){1,4}", other in "([ab&@%/]|%40|%61|%41|%26){1,4}",
    ) {
        let (one, other) = (format!("sip:{one}@h.example"), format!("sip:{other}@h.example"));
        if let (Ok(a), Ok(b)) = (UriRef::parse(one.as_bytes()), UriRef::parse(other.as_bytes())) {
            prop_assert_eq!(a.same(&b), Aor::new(&a, "h") == Aor::new(&b, "h"));
        }
    }
}
