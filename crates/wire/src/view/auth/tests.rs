//! Credentials and challenges as they are read, and what is refused.

use super::*;

#[test]
fn credentials_are_read_with_blanks_folds_and_commas_in_quotes() {
    let read = Credentials::parse(
        b"digest  username = \"Bob, \\\"B\\\" <x\",\r\n realm=\"a\",nonce=\"n==\" , uri=\"sip:h;x=1,2\",\
          response=\"0f\", algorithm=SHA-256, cnonce=\"c\", opaque=\"\", qop=auth, nc=0000000a, x=\"y\", x=z",
    )
    .unwrap();
    assert_eq!(read.username, Some(&b"Bob, \\\"B\\\" <x"[..]));
    assert_eq!(unescape(read.username.unwrap()).as_ref(), b"Bob, \"B\" <x");
    assert_eq!(read.realm, Some(&b"a"[..]));
    assert_eq!(read.nonce, Some(&b"n=="[..]));
    assert_eq!(read.uri, Some(&b"sip:h;x=1,2"[..]));
    assert_eq!(read.response, Some(&b"0f"[..]));
    assert_eq!(read.algorithm, Some(&b"SHA-256"[..]));
    assert_eq!(read.cnonce, Some(&b"c"[..]));
    assert_eq!(read.opaque, Some(&b""[..]));
    assert_eq!(read.qop, Some(&b"auth"[..]));
    assert_eq!(read.nc, Some(&b"0000000a"[..]));
}

#[test]
fn a_challenge_is_read() {
    let read = Challenge::parse(
        b"Digest realm=\"a\", nonce=\"n\", opaque=\"o\", algorithm=MD5, qop=\"auth,auth-int\", stale=TRUE",
    )
    .unwrap();
    assert_eq!(read.realm, Some(&b"a"[..]));
    assert_eq!(read.nonce, Some(&b"n"[..]));
    assert_eq!(read.opaque, Some(&b"o"[..]));
    assert_eq!(read.algorithm, Some(&b"MD5"[..]));
    assert_eq!(read.qop, Some(&b"auth,auth-int"[..]));
    assert!(read.stale);
    assert!(
        !Challenge::parse(b"Digest realm=a, stale=false")
            .unwrap()
            .stale
    );
}

#[test]
fn the_next_nonce_of_an_authentication_info_is_read() {
    let read = AuthInfo::parse(b"qop=auth, rspauth=\"ab\", nextnonce=\"n,2\", nc=00000001");
    assert_eq!(read.unwrap().nextnonce, Some(&b"n,2"[..]));
    let none = AuthInfo::parse(b"qop=auth").unwrap();
    assert_eq!(none.nextnonce, None);
    for bad in [&b""[..], b"nextnonce", b"nextnonce=a, NextNonce=b"] {
        assert_eq!(AuthInfo::parse(bad).unwrap_err(), AuthError::Syntax);
    }
}

#[test]
fn other_schemes_are_told_apart() {
    for other in [
        &b"Basic dXNlcg=="[..],
        b"NoOneKnowsThisScheme opaque-data=here",
        b"",
        b"Digestive a=b",
    ] {
        assert_eq!(
            Credentials::parse(other).unwrap_err(),
            AuthError::OtherScheme
        );
    }
}

#[test]
fn a_known_parameter_twice_is_refused_in_any_case() {
    for twice in [
        &b"Digest realm=\"a\",REALM=\"a\""[..],
        b"Digest nonce=a, nonce=b",
    ] {
        assert_eq!(Credentials::parse(twice).unwrap_err(), AuthError::Syntax);
        assert_eq!(Challenge::parse(twice).unwrap_err(), AuthError::Syntax);
    }
    assert_eq!(
        Challenge::parse(b"Digest stale=true,stale=false").unwrap_err(),
        AuthError::Syntax
    );
}

#[test]
fn what_is_no_parameter_list_is_refused() {
    for bad in [
        &b"Digest"[..],
        b"Digest ",
        b"Digest ,",
        b"Digest=a",
        b"Digest,realm=a",
        b"Digest realm",
        b"Digest realm=",
        b"Digest =a",
        b"Digest realm=\"a",
        b"Digest realm=\"a\\\"",
        b"Digest realm=\"a\"b",
        b"Digest realm=a\"b\"",
        b"Digest realm=a b",
        b"Digest re alm=a",
        b"Digest realm=\"a\" nonce=\"b\"",
        b"Digest realm=a, Digest nonce=b",
    ] {
        assert_eq!(
            Credentials::parse(bad).unwrap_err(),
            AuthError::Syntax,
            "{bad:?}"
        );
    }
}

#[test]
fn a_backslash_at_the_end_stays() {
    assert_eq!(unescape(b"a\\\\b\\").as_ref(), b"a\\b\\");
    assert!(matches!(unescape(b"plain"), Cow::Borrowed(b"plain")));
}

#[test]
fn a_value_is_resolved_whether_or_not_another_one_has_a_pair() {
    for (line, name) in [
        (r#"Digest username="Bob", realm="a""#, "Bob"),
        (r#"Digest username="B\ob", realm="a""#, "Bob"),
        (r#"Digest username="Bob", realm="\a""#, "Bob"),
        (r#"Digest realm="a",username = "B\"ob""#, "B\"ob"),
        (r#"Digest realm="a",user="x\y",username="B\\ob""#, "B\\ob"),
    ] {
        let read = Credentials::parse(line.as_bytes()).unwrap();
        let username = read.resolved(read.username.unwrap());
        assert_eq!(*username, *name.as_bytes(), "{line}");
        assert_eq!(*read.resolved(read.realm.unwrap()), *b"a", "{line}");
    }
}
