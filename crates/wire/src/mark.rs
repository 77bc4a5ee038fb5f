//! Writing `received` and `rport` into a Via (RFC 3261 18.2.1, RFC 3581 4).

use crate::{
    ViaMark, seek,
    text::{self, Sink},
    view::params::Param,
};

/// The part of a Via value before its parameters.
pub(crate) fn before_params(via: &[u8]) -> &[u8] {
    let end = seek::find(b';', via).unwrap_or(via.len());
    via.get(..end).unwrap_or_default()
}

/// Appends the parameters of a Via value with the mark put on. What the sender claims of `received`
/// and of `rport`'s value is taken out, quoted or not; a bare `rport` that the mark does not answer
/// stays.
pub(crate) fn put_params(sink: &mut impl Sink, via: &[u8], mark: ViaMark) {
    let raw = via.get(before_params(via).len()..).unwrap_or_default();
    let mut rport = mark.rport;
    let mut rest = raw;
    // What is kept is copied in long runs.
    let mut run = raw;
    while let Some(bytes) = rest.strip_prefix(b";") {
        let before = rest.len();
        let param;
        (param, rest) = Param::plain(bytes).unwrap_or_else(|| Param::split(bytes));
        let answer = match () {
            () if param.is("received") => None,
            () if !param.is("rport") => continue,
            () => match rport.take() {
                None if param.value.is_none() && mark.rport.is_none() => continue,
                answer => answer,
            },
        };
        let kept = run.len().saturating_sub(before);
        sink.put(run.get(..kept).unwrap_or_default());
        run = rest;
        if let Some(port) = answer {
            put_rport(sink, port);
        }
    }
    sink.put(run);
    if let Some(ip) = mark.received {
        // An IPv6 address stands without brackets here (RFC 5118 4.5).
        sink.put(b";received=");
        text::put_ip(sink, ip);
    }
    if let Some(port) = rport {
        put_rport(sink, port);
    }
}

fn put_rport(sink: &mut impl Sink, port: u16) {
    sink.put(b";rport=");
    text::put_decimal(sink, u64::from(port));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(via: &str, ip: Option<&str>, rport: Option<u16>) -> String {
        let mut out = before_params(via.as_bytes()).to_vec();
        let mark = ViaMark {
            received: ip.and_then(|ip| ip.parse().ok()),
            rport,
        };
        put_params(&mut out, via.as_bytes(), mark);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn rport_is_answered_where_it_stands_and_received_is_added() {
        assert_eq!(
            marked(
                "SIP/2.0/UDP a;rport;branch=z9hG4bK1",
                Some("192.0.2.1"),
                Some(5061)
            ),
            "SIP/2.0/UDP a;rport=5061;branch=z9hG4bK1;received=192.0.2.1"
        );
        assert_eq!(
            marked("SIP/2.0/UDP a", Some("192.0.2.1"), Some(1)),
            "SIP/2.0/UDP a;received=192.0.2.1;rport=1"
        );
    }

    #[test]
    fn claims_of_the_sender_are_taken_out_quoted_or_not() {
        for via in [
            "SIP/2.0/UDP a;received=198.51.100.9;branch=b;rport=9",
            "SIP/2.0/UDP a;Received=\"198.51.100.9\";branch=b;RPORT=\"9\"",
            "SIP/2.0/UDP a;received = \"x;y\\\";z\";branch=b;rport=9;rport;rport=8;received",
        ] {
            assert_eq!(
                marked(via, Some("192.0.2.1"), Some(5061)).replace(";rport=5061", ""),
                "SIP/2.0/UDP a;branch=b;received=192.0.2.1"
            );
            assert!(marked(via, None, Some(5061)).contains(";rport=5061"));
            assert!(!marked(via, None, None).contains("rport="));
        }
    }

    #[test]
    fn ipv6_stands_without_brackets() {
        assert_eq!(
            marked("SIP/2.0/UDP [2001:db8::9:1]", Some("2001:db8::1"), None),
            "SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::1"
        );
    }

    #[test]
    fn nothing_claimed_and_no_mark_leaves_the_parameters() {
        for via in [
            "SIP/2.0/UDP a ;branch=b ; rport",
            "SIP/2.0/UDP a;x=\"q;received=1\";;branch=b",
            "SIP/2.0/UDP a;x=\"open;received=1",
            "SIP/2.0/UDP a;x=<u;received=1>",
            "",
        ] {
            assert_eq!(marked(via, None, None), via);
        }
    }
}
