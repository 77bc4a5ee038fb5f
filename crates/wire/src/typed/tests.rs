//! Conversions, building, whole messages.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::{HeaderId, Index, Limits, Message, Method, NameAddr, Owned, UriRef, ViaRef};
use rsip::prelude::*;

fn rsip_uri(text: &str) -> Result<rsip::Uri, TypedError> {
    UriRef::parse(text.as_bytes()).unwrap().to_rsip()
}

fn written(value: &impl WriteSip) -> Result<String, TypedError> {
    let mut out = Vec::new();
    value.write_sip(&mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

fn invite() -> Build {
    let uri = rsip_uri("sip:bob@[2001:db8::2]:5070").unwrap();
    let via = ViaRef::parse(b"SIP/2.0/TCP [2001:db8::1];branch=z9hG4bK1;rport").unwrap();
    let from = NameAddr::parse(b"\"Al, ice\" <sip:alice@h>;tag=1").unwrap();
    let to = NameAddr::parse(b"<sip:bob@h>").unwrap();
    Build::request(rsip::Method::Invite.into(), &uri)
        .field::<rsip::typed::Via>(&via.to_rsip().unwrap())
        .field::<rsip::typed::From>(&from.to_rsip().unwrap())
        .field::<rsip::typed::To>(&to.to_rsip().unwrap())
        .header("Call-ID", "c@h")
        .field(&rsip::typed::CSeq::from((1, rsip::Method::Invite)))
        .header("Max-Forwards", "70")
}

#[test]
fn a_uri_keeps_its_parts() {
    let uri =
        rsip_uri("sips:first.last%40x:pw@PBX.example:5061;transport=tcp;gr=urn:uuid:1;lr").unwrap();
    assert_eq!(uri.scheme, Some(rsip::Scheme::Sips));
    assert_eq!(uri.user(), Some("first.last%40x"));
    assert_eq!(uri.auth.clone().unwrap().password.as_deref(), Some("pw"));
    assert_eq!(uri.host().to_string(), "PBX.example");
    assert_eq!(uri.port(), Some(&5061.into()));
    assert_eq!(uri.transport(), Some(&rsip::Transport::Tcp));
    assert_eq!(
        uri.params[1],
        rsip::Param::Other("gr".into(), Some("urn:uuid:1".into()))
    );
    assert_eq!(uri.params[2], rsip::Param::Lr);
}

#[test]
fn uris_come_out_as_they_went_in() {
    for text in [
        "sip:h",
        "sip:a@192.0.2.1:5060",
        "sip:a@[2001:db8::1]:5060;maddr=[::1]",
        "sips:user;x=y?z:@h;lr=on;transport=foo;method=FOO;tag",
        "sip:a%20b@h;user=phone;ttl=1;method=INVITE;transport=ws;%6Cr",
        "tel:+1-555;phone-context=h",
        "urn:service:sos",
        "http://h/x?y=%20",
    ] {
        assert_eq!(written(&rsip_uri(text).unwrap()).unwrap(), text);
    }
}

#[test]
fn uri_headers_have_no_place_in_rsip() {
    assert_eq!(rsip_uri("sip:a@h?b=c"), Err(TypedError::Unrepresentable));
}

#[test]
fn extension_methods_and_transports_have_no_place_in_rsip() {
    let method: Result<rsip::Method, _> = Method::Ext(b"invite").to_rsip();
    assert_eq!(method, Err(TypedError::Unrepresentable));
    let via: Result<rsip::typed::Via, _> = ViaRef::parse(b"SIP/2.0/X h").unwrap().to_rsip();
    assert_eq!(via, Err(TypedError::Unrepresentable));
}

#[test]
fn every_method_of_rsip_is_ours_and_back() {
    for method in rsip::Method::all() {
        let ours = Method::from(method);
        assert_eq!(ours.as_str(), method.to_string());
        assert_eq!(Method::new(ours.as_bytes()), ours);
        assert_eq!(ours.to_rsip(), Ok(method));
    }
}

#[test]
fn a_via_keeps_what_rsips_reader_would_cut() {
    let via =
        ViaRef::parse(b"SIP / 2.0 / udp  h : 5060 ; branch = z9hG4bK:1=2 ;received=2001:db8::9")
            .unwrap();
    let typed: rsip::typed::Via = via.to_rsip().unwrap();
    assert_eq!(typed.branch().unwrap().value(), "z9hG4bK:1=2");
    assert_eq!(
        typed.received().unwrap(),
        Some("2001:db8::9".parse().unwrap())
    );
    assert_eq!(
        written(&typed).unwrap(),
        "SIP/2.0/UDP h:5060;branch=z9hG4bK:1=2;received=2001:db8::9"
    );
}

#[test]
fn name_addrs_keep_quotes_brackets_and_instances() {
    let text =
        "\"A <b>; \\\"c\\\"\" <sip:a@h;p=a/b>;+sip.instance=\"<urn:uuid:1>\";q=0.5;expires=60";
    let contact: rsip::typed::Contact =
        NameAddr::parse(text.as_bytes()).unwrap().to_rsip().unwrap();
    assert_eq!(contact.expires().unwrap().value(), "60");
    assert_eq!(written(&contact).unwrap(), text);
    let to: rsip::typed::To = NameAddr::parse(b"sip:a@h ; tag = x")
        .unwrap()
        .to_rsip()
        .unwrap();
    assert_eq!(to.tag().unwrap().value(), "x");
    assert_eq!(written(&to).unwrap(), "<sip:a@h>;tag=x");
}

#[test]
fn a_route_element_has_no_display_name() {
    let hop: rsip::UriWithParams = NameAddr::parse(b"<sip:h;lr>;x=1")
        .unwrap()
        .to_rsip()
        .unwrap();
    assert_eq!(written(&hop).unwrap(), "<sip:h;lr>;x=1");
    let named: Result<rsip::UriWithParams, _> = NameAddr::parse(b"A <sip:h>").unwrap().to_rsip();
    assert_eq!(named, Err(TypedError::Unrepresentable));
}

#[test]
fn what_is_not_utf_8_is_told() {
    let from: Result<rsip::typed::From, _> =
        NameAddr::parse(b"\"\xff\" <sip:a@h>").unwrap().to_rsip();
    assert_eq!(from, Err(TypedError::Text));
}

#[test]
fn a_built_request_is_read_by_our_index() {
    let bytes = invite()
        .body(Some("application/sdp"), b"v=0\r\n\xff")
        .unwrap();
    let owned = Owned::parse(&bytes, &Limits::default()).unwrap();
    let message = owned.message();
    assert_eq!(message.check(), Ok(()));
    assert_eq!(message.uri(), b"sip:bob@[2001:db8::2]:5070");
    assert_eq!(message.top_via().unwrap().sent_by, b"[2001:db8::1]");
    assert_eq!(message.from().unwrap().display, Some(&b"\"Al, ice\""[..]));
    assert_eq!(message.cseq(), Ok((1, Method::Invite)));
    assert_eq!(message.body(), b"v=0\r\n\xff");
}

#[test]
fn a_built_message_has_one_content_length_and_it_is_the_bodys() {
    let bytes = invite()
        .header("Content-Length", "99")
        .header("l", "98")
        .end()
        .unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.ends_with("\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"));
}

#[test]
fn an_extension_method_can_be_built() {
    let uri = UriRef::parse(b"sip:h?a=b").unwrap();
    let bytes = Build::request(Method::Ext(b"FOO"), &uri).end().unwrap();
    assert!(bytes.starts_with(b"FOO sip:h?a=b SIP/2.0\r\n"));
}

#[test]
fn a_response_gets_the_usual_reason_or_the_given_one() {
    let start = |build: Build| String::from_utf8(build.end().unwrap()).unwrap();
    assert!(start(Build::response(404, None)).starts_with("SIP/2.0 404 Not Found\r\n"));
    assert!(start(Build::response(404, Some("No"))).starts_with("SIP/2.0 404 No\r\n"));
}

#[test]
fn nothing_built_can_end_its_line_early() {
    let unsafe_ = Err(TypedError::Unsafe);
    let uri = UriRef::parse(b"sip:h").unwrap();
    for evil in ["a\r\nX: y", "a\ny", "a\0"] {
        assert_eq!(invite().header("X", evil).end(), unsafe_);
        assert_eq!(invite().header(evil, "x").end(), unsafe_);
        assert_eq!(invite().body(Some(evil), b""), unsafe_);
        assert_eq!(Build::response(200, Some(evil)).end(), unsafe_);
        assert_eq!(
            Build::request(Method::Ext(evil.as_bytes()), &uri).end(),
            unsafe_
        );
        let headers = vec![
            rsip::Header::Subject(evil.into()),
            rsip::Header::Other("X".into(), "y".into()),
        ];
        assert_eq!(invite().headers(&headers.into()).end(), unsafe_);
    }
    for name in ["", "a b", "a:", "\u{f6}"] {
        assert_eq!(invite().header(name, "x").end(), unsafe_, "{name}");
    }
    for status in [0, 99, 700] {
        assert_eq!(Build::response(status, Some("x")).end(), unsafe_);
    }
}

#[test]
fn the_first_fault_is_told_and_nothing_after_it_hides_it() {
    let uri = rsip::Uri {
        headers: vec![1],
        ..rsip_uri("sip:h").unwrap()
    };
    let build = Build::request(Method::Invite, &uri).header("X", "a\r\nb");
    assert_eq!(build.end(), Err(TypedError::Unrepresentable));
}

/// The message that these bytes are, in `rsip`'s vocabulary and written again.
fn through_rsip(bytes: &[u8]) -> (rsip::SipMessage, Vec<u8>) {
    let mut index = Index::new();
    let message: Message<'_> = index.parse(bytes, &Limits::default()).unwrap();
    let typed = rsip_message(message).unwrap();
    let mut out = Vec::new();
    typed.write_sip(&mut out).unwrap();
    (typed, out)
}

#[test]
fn a_tidy_request_goes_through_rsip_unchanged_its_binary_body_too() {
    let bytes = invite()
        .header("Refer-To", "<sip:c@h>")
        .header("Reply-To", "<sip:d@h>")
        .header("X-Other", "1")
        .body(Some("application/x"), b"\0\xff\r\n\r\nSIP")
        .unwrap();
    let (typed, again) = through_rsip(&bytes);
    assert_eq!(again, bytes);
    assert_eq!(typed.call_id_header().unwrap().value(), "c@h");
    assert!(
        typed
            .headers()
            .iter()
            .any(|h| matches!(h, rsip::Header::ReplyTo(_)))
    );
}

#[test]
fn compact_names_folds_and_blanks_come_out_tidy() {
    let (typed, again) = through_rsip(
        b"OPTIONS sip:h SIP/2.0\r\nv:SIP/2.0/UDP h;\r\n branch=1\r\nf : <sip:a@h>;tag=1\r\nt:<sip:b@h>\r\n\
          i: c\r\nCSEQ:  1 OPTIONS\r\nr: <sip:x@h>\r\nx-Y: z\r\nl: 0\r\n\r\n",
    );
    assert_eq!(
        typed.via_header().unwrap().value(),
        "SIP/2.0/UDP h; branch=1"
    );
    let text = String::from_utf8(again).unwrap();
    assert!(text.contains("\r\nVia: SIP/2.0/UDP h; branch=1\r\nFrom: <sip:a@h>;tag=1\r\n"));
    assert!(text.contains("\r\nCSeq: 1 OPTIONS\r\nRefer-To: <sip:x@h>\r\nx-Y: z\r\n"));
}

#[test]
fn an_unusual_reason_phrase_is_kept() {
    let (typed, again) =
        through_rsip(b"SIP/2.0 200 Fine\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n");
    assert!(again.starts_with(b"SIP/2.0 200 Fine\r\n"));
    let rsip::SipMessage::Response(response) = typed else {
        panic!("a response");
    };
    assert_eq!(
        response.status_code,
        rsip::StatusCode::Other(200, "Fine".into())
    );
    let (usual, _) = through_rsip(b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert!(matches!(
        usual,
        rsip::SipMessage::Response(rsip::Response {
            status_code: rsip::StatusCode::OK,
            ..
        })
    ));
}

#[test]
fn a_header_is_made_by_its_name_in_any_spelling() {
    assert_eq!(
        header("m", "<sip:a@h>"),
        Ok(rsip::Header::Contact("<sip:a@h>".into()))
    );
    assert_eq!(
        header("X-Y", "1"),
        Ok(rsip::Header::Other("X-Y".into(), "1".into()))
    );
    assert_eq!(header("X-Y", "1\r\n2"), Err(TypedError::Unsafe));
}

#[test]
fn every_header_that_is_made_is_written_under_its_name() {
    for name in [
        "Via",
        "CSeq",
        "Call-ID",
        "WWW-Authenticate",
        "Min-Expires",
        "Privacy",
        "MIME-Version",
    ] {
        let headers = rsip::Headers::from(header(name, "x").unwrap());
        let bytes = Build::response(200, None).headers(&headers).end().unwrap();
        let owned = Owned::parse(&bytes, &Limits::default()).unwrap();
        let field = owned.message().all_fields().next().unwrap();
        assert!(field.name.eq_ignore_ascii_case(name.as_bytes()), "{name}");
        assert_eq!(field.id, HeaderId::of(name.as_bytes()));
    }
}
