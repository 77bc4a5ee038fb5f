//! What holds for all views: no bytes make one panic, and what RFC 4475 wants read is read.

#![allow(clippy::unwrap_used)]

use super::{auth, host, list, nameaddr::NameAddr, params::Params, scan, uri::UriRef, via::ViaRef};
use proptest::prelude::*;

/// Bytes that mean something in header values, more often than others.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let telling = prop::sample::select(b"sip:@;,=<>\"\\%?&/[] \r\n\t2.0aD0*".as_slice());
    prop::collection::vec(prop_oneof![8 => telling, 1 => any::<u8>()], 0..60)
}

fn read_all(bytes: &[u8]) {
    let whole = Params { raw: bytes };
    for param in whole.iter() {
        assert!(param.name.len() <= bytes.len());
    }
    let _ = (
        whole.unquoted("a"),
        whole.well_formed("a").is_some(),
        host::host_port(bytes),
    );
    for (_, element) in list::split(bytes) {
        if let Ok(a) = NameAddr::parse(element) {
            assert_eq!(a.tag(), a.params.value("tag"));
            assert!(a.uri.same(&a.uri));
        }
        if let Ok(uri) = UriRef::parse(element) {
            let mut out = Vec::new();
            uri.write_canonical_user(&mut out);
            assert_eq!(out.is_empty(), uri.user.is_none());
        }
        if let Ok(via) = ViaRef::parse(element) {
            assert_eq!(host::host_port(via.sent_by), Some((via.host, via.port)));
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_view_panic(bytes in value(), start in 0..5_usize) {
        let start: &[u8] = [&b""[..], b"sip:", b"SIP/2.0/UDP ", b"\"", b"A <sip:"][start];
        read_all(&[start, &bytes].concat());
        let digest = [b"Digest ", &bytes[..]].concat();
        for value in [&bytes, &digest] {
            let _ = auth::Credentials::parse(value).map(|read| read.username.map(auth::unescape).is_some());
            let _ = auth::Challenge::parse(value);
        }
    }

    #[test]
    fn blanks_around_separators_change_nothing(
        blanks in prop::collection::vec("(\r\n)?[ \t]{1,2}|", 9),
    ) {
        let [a, b, c, d, e, f, g, h, i] = <[String; 9]>::try_from(blanks).unwrap();
        let via = format!("SIP{a}/{b}2.0{c}/{d}UDP {e}h{f}:{g}5060{h};{i}branch{a}={b}z9hG4bK1{c};{d}rport{e}");
        let via = ViaRef::parse(via.as_bytes()).unwrap();
        prop_assert_eq!((via.transport, via.port), (&b"UDP"[..], Some(5060)));
        prop_assert_eq!(via.branch(), Some(&b"z9hG4bK1"[..]));
        prop_assert!(via.params.has("rport"));
        let to = format!("{a}\"B\"{b}<sip:b@h>{c};{d}tag{e}={f}1{g};{h}x{i}");
        let to = NameAddr::parse(to.as_bytes()).unwrap();
        prop_assert_eq!((to.display, to.tag()), (Some(&b"\"B\""[..]), Some(&b"1"[..])));
        prop_assert!(to.params.has("x"));
        let line = format!("Digest {a}realm{b}={c}\"r\"{d},{e}nonce{f}={g}n{h}");
        let line = auth::Challenge::parse(line.as_bytes()).unwrap();
        prop_assert_eq!((line.realm, line.nonce), (Some(&b"r"[..]), Some(&b"n"[..])));
    }
}

#[test]
fn the_wide_range_of_valid_characters_is_read() {
    // RFC 4475 3.1.1.2 (intmeth): controls in quotes, every token byte in a parameter's name.
    let to = NameAddr::parse(b"\"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f\" <sip:1@h>").unwrap();
    assert_eq!(
        scan::between_quotes(to.display.unwrap()),
        Some(&b"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f"[..])
    );
    let from = NameAddr::parse(
        b"token1~` token2'+_ token3*%!.- <sip:mundane@h>;fromParam''~+*_!.-%=\"\xd1\x80\xd0\xb0\";tag=_token~1'+`*%!-.",
    )
    .unwrap();
    assert_eq!(from.tag(), Some(&b"_token~1'+`*%!-."[..]));
    assert_eq!(
        from.params
            .unquoted("fromParam''~+*_!.-%")
            .unwrap()
            .as_ref(),
        b"\xd1\x80\xd0\xb0"
    );
}

#[test]
fn an_escaped_nul_stays_escaped() {
    // RFC 4475 3.1.1.4 (escnull)
    let to = NameAddr::parse(b"sip:null-%00-null@example.com").unwrap();
    assert_eq!(to.uri.user, Some(&b"null-%00-null"[..]));
    let mut canonical = Vec::new();
    to.uri.write_canonical_user(&mut canonical);
    assert_eq!(canonical, b"null-%00-null");
}
