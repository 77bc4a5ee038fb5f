//! URIs: reading, refusing, comparing, canonical users.

#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> UriRef<'_> {
    UriRef::parse(text.as_bytes()).unwrap()
}

fn same(a: &str, b: &str) -> bool {
    let forth = parse(a).same(&parse(b));
    assert_eq!(forth, parse(b).same(&parse(a)), "not symmetric: {a} {b}");
    forth
}

fn canonical(text: &str) -> String {
    let mut out = Vec::new();
    parse(text).write_canonical_user(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn all_parts_of_a_sip_uri_are_read() {
    let uri = parse("sips:alice:secret@pbx.example.com:5061;transport=tcp;lr?subject=a%20b&x=");
    assert_eq!(uri.scheme, Scheme::Sips);
    assert_eq!(uri.user, Some(&b"alice"[..]));
    assert_eq!(uri.password, Some(&b"secret"[..]));
    assert_eq!(uri.host, Some(Host::Name(b"pbx.example.com")));
    assert_eq!(uri.port, Some(5061));
    assert_eq!(uri.transport(), Some(&b"tcp"[..]));
    assert!(uri.is_loose());
    assert_eq!(uri.headers, Some(&b"subject=a%20b&x="[..]));
}

#[test]
fn a_user_may_hold_dots_semicolons_question_marks_and_slashes() {
    assert_eq!(parse("sip:first.last@h").user, Some(&b"first.last"[..]));
    // RFC 4475 3.1.1.10 and 3.1.1.2
    assert_eq!(
        parse("sip:user;par=u%40example.net@h").user,
        Some(&b"user;par=u%40example.net"[..])
    );
    let odd = parse(
        "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@h",
    );
    assert_eq!(
        odd.user,
        Some(&b"1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"[..])
    );
    assert_eq!(
        odd.password,
        Some(&b"&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"[..])
    );
    assert_eq!(odd.host, Some(Host::Name(b"h")));
    assert_eq!(parse("sip:*72#@h").user, Some(&b"*72#"[..]));
}

#[test]
fn ipv6_references_are_read() {
    let uri = parse("sip:a@[2001:db8::1]:5060;maddr=[::1]");
    assert_eq!(uri.host, Some(Host::Ip("2001:db8::1".parse().unwrap())));
    assert_eq!(uri.port, Some(5060));
    assert_eq!(uri.params.value("maddr"), Some(&b"[::1]"[..]));
}

#[test]
fn parameter_values_are_kept_whole() {
    let uri = parse("sip:a@h;gr=urn:uuid:f81d4fae;p=a/b;x=%25;flag");
    assert_eq!(uri.params.value("gr"), Some(&b"urn:uuid:f81d4fae"[..]));
    assert_eq!(uri.params.value("p"), Some(&b"a/b"[..]));
    assert!(uri.params.has("flag"));
}

#[test]
fn an_escaped_parameter_name_is_known() {
    // RFC 4475 3.1.1.3: `%6C%72` is `lr`.
    assert!(parse("sip:cal%6Cer@h;%6C%72;n%61me=v").is_loose());
    assert!(parse("sip:h;LR=true").is_loose());
    assert!(!parse("sip:lr@h;lrx").is_loose());
}

#[test]
fn tel_and_other_schemes_are_carried() {
    let tel = parse("TEL:+1-555;phone-context=example.com");
    assert_eq!(
        (tel.scheme, tel.user, tel.host),
        (Scheme::Tel, Some(&b"+1-555"[..]), None)
    );
    assert_eq!(tel.params.value("phone-context"), Some(&b"example.com"[..]));
    assert_eq!(parse("urn:service:sos").scheme, Scheme::Other);
    // RFC 4475 3.3.3
    assert_eq!(
        parse("soap.beep://192.0.2.103:3002").raw,
        b"soap.beep://192.0.2.103:3002"
    );
}

#[test]
fn garbage_is_refused() {
    for bad in [
        "",
        "sip",
        "sip:",
        ":a@b",
        "1sip:a@b",
        "s ip:a@b",
        "sip:@h",
        "sip::p@h",
        "sip:a@",
        "sip:a@b@c",
        "sip:a:b:c@h",
        "sip:a@h:0",
        "sip:a@h:65536",
        "sip:a@h:",
        "sip: a@h",
        "sip:a @h",
        "sip:a@h ",
        "sip:a\t@h",
        "<sip:a@h>",
        "sip:a<b@h",
        "sip:a\"b@h",
        "sip:a\r\n@h",
        "sip:a\0@h",
        "sip:\u{f6}@h",
        "sip:a@h;",
        "sip:a@h;;lr",
        "sip:a@h;=x",
        "sip:a@h?",
        "sip:a@h?x",
        "sip:a@h?=x",
        "sip:a@h?a=b&",
        "sip://h",
        "sip:a@2001:db8::1",
        "sip:a%z1@h",
        "sip:a%4@h",
        "sip:a@h;x=%",
        "sip:a@h?x=%1g",
        "tel:",
        "tel:;x",
        "tel:@1",
        "tel:+1?a=b",
        "tel:x",
        "tel:+1 5",
        "urn:",
        "urn:a b",
        "sip:1234",
        "sip:h;a=1;b;A=2",
        "sip:h;lr;%6c%72",
        "tel:+1;a;a",
    ] {
        let error = UriRef::parse(bad.as_bytes()).map(|_| ()).unwrap_err();
        assert_eq!(error, Error::message(Kind::RequestUri), "{bad}");
    }
}

#[test]
fn more_than_32_parameters_or_headers_are_refused() {
    let params = |count: u8| (0..count).fold(String::from("sip:h"), |uri, n| format!("{uri};p{n}"));
    assert!(UriRef::parse(params(32).as_bytes()).is_ok());
    assert!(UriRef::parse(params(33).as_bytes()).is_err());
    let headers = |n| format!("sip:h?a=b{}", "&a=b".repeat(n));
    assert!(UriRef::parse(headers(31).as_bytes()).is_ok());
    assert!(UriRef::parse(headers(32).as_bytes()).is_err());
}

#[test]
fn uris_that_rfc_3261_19_1_4_calls_equivalent_are_the_same() {
    for (a, b) in [
        (
            "sip:%61lice@atlanta.com;transport=TCP",
            "sip:alice@AtLanTa.CoM;Transport=tcp",
        ),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("SIP:a@h", "sip:a@h"),
        ("sip:a@[2001:DB8::0:1]", "sip:a@[2001:db8::1]"),
        ("sip:a%3b@h", "sip:a%3B@h"),
        ("sip:%23@h", "sip:#@h"),
        ("sip:h;%6c%72", "sip:h;lr"),
    ] {
        assert!(same(a, b), "{a} {b}");
    }
}

#[test]
fn uris_that_rfc_3261_19_1_4_calls_different_are_not_the_same() {
    for (a, b) in [
        (
            "SIP:ALICE@AtLanTa.CoM;Transport=udp",
            "sip:alice@AtLanTa.CoM;Transport=UDP",
        ),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        (
            "sip:bob@biloxi.com;transport=udp",
            "sip:bob@biloxi.com;transport=tcp",
        ),
        (
            "sip:bob@biloxi.com",
            "sip:bob@biloxi.com:6000;transport=tcp",
        ),
        (
            "sip:carol@chicago.com",
            "sip:carol@chicago.com?Subject=next%20meeting",
        ),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        (
            "sip:carol@chicago.com;security=on",
            "sip:carol@chicago.com;security=off",
        ),
        ("sip:a@h", "sips:a@h"),
        ("sip:a@h", "sip:h"),
        ("sip:a@h", "sip:a:@h"),
        ("sip:a:p@h", "sip:a:P@h"),
        ("sip:a%3B@h", "sip:a;@h"),
        ("sip:h;user=phone", "sip:h"),
        ("sip:h;ttl=1", "sip:h"),
        ("sip:h;method=INVITE", "sip:h"),
        ("sip:h;maddr=192.0.2.1", "sip:h"),
        ("sip:h;%6daddr=192.0.2.1", "sip:h"),
        ("sip:h;lr", "sip:h;lr=on"),
        ("sip:h?a=b", "sip:h?a=b&a=b"),
        ("sip:h?a=b&a=c", "sip:h?a=b&a=b"),
        ("sip:h?a=b&a=b&a=c", "sip:h?a=b&a=c&a=c"),
        ("sip:h?a=b", "sip:h?a=B"),
    ] {
        assert!(!same(a, b), "{a} {b}");
    }
}

#[test]
fn other_schemes_are_the_same_byte_for_byte_but_for_the_scheme() {
    assert!(same("TEL:+1555", "tel:+1555"));
    assert!(!same("tel:+1555", "tel:+1-555"));
    assert!(same("URN:a", "urn:a"));
    assert!(!same("urn:a", "urn:A"));
    assert!(!same("urn:a", "urx:a"));
}

#[test]
fn a_user_is_unescaped_in_full() {
    assert_eq!(
        parse("sip:a%40b%00@h").user_unescaped().unwrap().as_ref(),
        b"a@b\0"
    );
    assert!(matches!(
        parse("sip:a.b@h").user_unescaped(),
        Some(Cow::Borrowed(b"a.b"))
    ));
    assert!(parse("sip:h").user_unescaped().is_none());
}

#[test]
fn a_canonical_user_resolves_only_escapes_that_need_none() {
    assert_eq!(canonical("sip:h"), "");
    assert_eq!(canonical("sip:%61Lice%2e@h"), "aLice.");
    assert_eq!(
        canonical("sip:a%40b%0d%0A%00%25%2b@h"),
        "a%40b%0D%0A%00%25%2B"
    );
    assert_eq!(canonical("sip:+1;x=y?/&$,@h"), "+1;x=y?/&$,");
    assert_eq!(canonical("sip:*72#|@h"), "*72%23%7C");
}

proptest! {
    #[test]
    fn a_canonical_user_is_its_own_canonical_form(user in "([!-~]|%[0-9a-fA-F]{2}){1,12}") {
        let text = format!("sip:{user}@h");
        if let Ok(uri) = UriRef::parse(text.as_bytes()) && uri.user.is_some() {
            let once = canonical(&text);
            let again = format!("sip:{once}@h");
            prop_assert_eq!(&canonical(&again), &once);
            // With the password gone, both are the same URI.
            if uri.password.is_none() {
                prop_assert!(same(&text, &again));
            }
            prop_assert!(once.bytes().all(|b| b.is_ascii_graphic() && b != b'@'));
        }
    }

    #[test]
    fn users_are_the_same_exactly_when_their_canonical_forms_are(
        a in "(a|A|;|#|%61|%3b|%3B|%23|%2E|\\.){1,3}",
        b in "(a|A|;|#|%61|%3b|%3B|%23|%2E|\\.){1,3}",
    ) {
        let (a, b) = (format!("sip:{a}@h"), format!("sip:{b}@h"));
        prop_assert_eq!(same(&a, &b), canonical(&a) == canonical(&b));
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = UriRef::parse(&bytes).map(|uri| uri.same(&uri));
    }

    #[test]
    fn every_uri_that_is_read_is_the_same_as_itself(
        text in "(sips?|tel|x):([a-z]{1,3}@)?h(;[a-c]=?[a-zA-Z%:]?){0,3}([a-zA-Z0-9;=?@:&%#.]|%4[0-9]){0,12}"
    ) {
        if let Ok(uri) = UriRef::parse(text.as_bytes()) {
            prop_assert!(uri.same(&uri));
        }
    }
}
