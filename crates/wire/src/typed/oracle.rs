//! `rsip` as a differential oracle: where it accepts, the guard holds and nothing is in the wrong
//! place, our views say the same.

#![allow(clippy::unwrap_used)]

use super::guard::read_back;
use super::{ToRsip, TypedError, WriteSip, rsip_message};
use crate::{Index, Limits, NameAddr, UriRef, ViaRef};
use proptest::prelude::*;

/// A SIP URI, and nothing that belongs elsewhere is in the host.
fn in_place(uri: &rsip::Uri) -> bool {
    let host = match uri.host() {
        rsip::Host::Domain(name) => !name.value().contains(['@', '?', '/']),
        rsip::Host::IpAddr(_) => true,
    };
    host && matches!(uri.scheme, Some(rsip::Scheme::Sip | rsip::Scheme::Sips))
}

/// What `rsip` makes of a From value, if it can be trusted. Our views have no empty display name.
fn oracle_from(text: &str) -> Option<rsip::typed::From> {
    let mut from: rsip::typed::From = read_back(text).ok()?;
    from.display_name = from.display_name.filter(|name| name != "\"\"");
    in_place(&from.uri).then_some(from)
}

fn oracle_via(text: &str) -> Option<rsip::typed::Via> {
    read_back(text).ok()
}

fn our_from(text: &str) -> Result<rsip::typed::From, TypedError> {
    NameAddr::parse(text.as_bytes())?.to_rsip()
}

fn our_via(text: &str) -> Result<rsip::typed::Via, TypedError> {
    ViaRef::parse(text.as_bytes())?.to_rsip()
}

#[test]
fn views_agree_with_rsip_on_name_addrs() {
    for text in [
        "<sip:h>",
        "<sips:alice:pw@pbx.example.com:5061;transport=tls;lr>;tag=1",
        "Alice B <sip:alice@192.0.2.1:5060;user=phone;maddr=192.0.2.9;ttl=3>;tag=a;q=0.5;expires=60",
        "\"A, B; C\" <sip:+1555;x=y@h;method=INVITE>;flag;x=%20",
        "<SIP:*72%23@h;transport=WS;lr=on>;x",
        "<sip:a%20b@h;%6Cr>",
    ] {
        assert_eq!(
            our_from(text).unwrap(),
            oracle_from(text).unwrap(),
            "{text}"
        );
    }
}

#[test]
fn views_agree_with_rsip_on_vias() {
    for text in [
        "SIP/2.0/UDP h",
        "SIP/2.0/TCP pbx.example.com:5060;branch=z9hG4bK-1;rport",
        "SIP/2.0/TLS 192.0.2.1;received=192.0.2.2;rport=5061;branch=z9hG4bK~1",
        "SIP/2.0/WSS h;maddr=192.0.2.1;ttl=1;x",
    ] {
        assert_eq!(our_via(text).unwrap(), oracle_via(text).unwrap(), "{text}");
    }
}

/// Built from the grammar that both understand.
fn tidy_uri() -> impl Strategy<Value = String> {
    let user = "([a-zA-Z0-9_+!~*'()&=$,;?/-]|%2[0-9]){1,8}(:[a-z0-9]{1,4})?@";
    let host = "[a-z][a-z0-9]{0,4}(-[a-z0-9]{1,3})?(\\.[a-z]{1,4}){0,2}|10\\.0\\.[0-9]\\.[1-9]";
    let params = "(;lr)?(;transport=(tcp|UDP|tls|Ws))?(;user=phone)?(;x[a-z0-9-]{0,4}(=[a-z0-9.!%4~-]{1,6})?)?";
    (
        "sips?:",
        proptest::option::of(user),
        host,
        "(:[1-9][0-9]{0,3})?",
        params,
    )
        .prop_map(|(scheme, user, host, port, params)| {
            let params = params.replace('%', "%4");
            format!("{scheme}{}{host}{port}{params}", user.unwrap_or_default())
        })
        // A dangling escape is for ours to refuse.
        .prop_filter("whole escapes", |uri| UriRef::parse(uri.as_bytes()).is_ok())
}

proptest! {
    #[test]
    fn views_agree_with_rsip_on_tidy_uris(text in tidy_uri()) {
        let value = format!("<{text}>");
        prop_assert_eq!(our_from(&value).unwrap(), oracle_from(&value).unwrap());
    }

    #[test]
    fn views_agree_with_rsip_on_tidy_name_addrs(
        display in "([a-zA-Z]{1,5} ?){0,2}|\"[a-z ,;@:]{1,8}\"",
        uri in tidy_uri(),
        params in "(;tag=[a-z0-9.!%*_+`'~-]{1,8})?(;q=0\\.[0-9])?(;y)?",
    ) {
        let gap = if display.is_empty() { "" } else { " " };
        let text = format!("{}{gap}<{uri}>{params}", display.trim());
        let oracle = oracle_from(&text);
        prop_assert_eq!(our_from(&text).unwrap(), oracle.unwrap());
    }

    #[test]
    fn where_rsip_can_be_trusted_wild_values_are_read_alike(
        text in "(\"?[A-Z]{0,2}\"? ?)<?(sips?|tel|Sip)?:([a-z.:;=?%&]{0,5}@)?[a-z0-9.]{1,4}(:[0-9]{1,5})?([;=?>,a-z\" ]|lr|transport=(udp|x)){0,6}>?(;[a-z]=?[a-z\":]?){0,2}"
    ) {
        if let (Some(oracle), Ok(ours)) = (oracle_from(&text), our_from(&text)) {
            prop_assert_eq!(ours, oracle);
        }
    }

    #[test]
    fn views_agree_with_rsip_on_tidy_vias(
        text in "SIP/2\\.0/(UDP|TCP|TLS|WS|WSS|SCTP|TLS-SCTP) [a-z][a-z0-9]{0,5}(\\.[a-z]{1,3})?(:[1-9][0-9]{0,3})?(;branch=z9hG4bK[a-zA-Z0-9.!%*_+`'~-]{0,8})?(;rport(=5060)?)?(;received=10\\.0\\.0\\.1)?"
    ) {
        prop_assert_eq!(our_via(&text).unwrap(), oracle_via(&text).unwrap());
    }

    #[test]
    fn what_is_written_is_read_back_as_the_same(
        user in proptest::option::of("[ -~]{0,6}"),
        host in "[a-z0-9]{1,3}([.\\[:@-][a-z])?",
        port in proptest::option::of(any::<u16>()),
        display in proptest::option::of("[ -~]{0,8}"),
        params in proptest::collection::vec(("[a-z%=;]{0,3}", proptest::option::of("[ -~]{0,5}")), 0..3),
    ) {
        let params: Vec<rsip::Param> = params
            .into_iter()
            .enumerate()
            // Distinct names that are none of rsip's own.
            .map(|(at, (name, value))| rsip::Param::Other(format!("{name}x{at}").into(), value.map(Into::into)))
            .collect();
        let from = rsip::typed::From {
            display_name: display,
            uri: rsip::Uri {
                scheme: Some(rsip::Scheme::Sips),
                auth: user.map(|user| (user, None::<String>).into()),
                host_with_port: (host.as_str(), port).into(),
                params: params.clone(),
                headers: Vec::new(),
            },
            params,
        };
        let mut out = Vec::new();
        if from.write_sip(&mut out).is_ok() {
            let again = our_from(std::str::from_utf8(&out).unwrap()).unwrap();
            prop_assert_eq!(&again.uri, &from.uri);
            prop_assert_eq!(&again.params, &from.params);
            let mut twice = Vec::new();
            again.write_sip(&mut twice).unwrap();
            prop_assert_eq!(twice, out);
        }
    }

    #[test]
    fn whole_tidy_messages_are_what_rsip_reads(
        method in "(INVITE|ACK|BYE|REGISTER|OPTIONS|PRACK|MESSAGE)",
        uri in tidy_uri(),
        from in tidy_uri(),
        cseq in 0..1_u32 << 31,
        extra in "(Subject: [A-Z]([a-zA-Z0-9 ]{0,5}[a-z])?\r\n)?(Min-Expires: [0-9]{1,3}\r\n)?(Reply-To: <sip:x@h>\r\n)?(X-Y: z\r\n)?",
        body in "[ -~\r\n]{0,20}",
    ) {
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <{from}>;tag=1\r\nTo: <sip:b@h>\r\n\
             Call-ID: c\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n{extra}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut index = Index::new();
        let message = index.parse(text.as_bytes(), &Limits::default()).unwrap();
        prop_assert_eq!(message.check(), Ok(()));
        let ours = rsip_message(message).unwrap();
        prop_assert_eq!(&ours, &rsip::SipMessage::try_from(text.as_bytes()).unwrap());
        let mut out = Vec::new();
        ours.write_sip(&mut out).unwrap();
        let unchanged = out.eq_ignore_ascii_case(text.as_bytes());
        prop_assert!(unchanged, "{}", String::from_utf8_lossy(&out));
    }
}
