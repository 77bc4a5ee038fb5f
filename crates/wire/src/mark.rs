//! Writing `received` and `rport` into a Via (RFC 3261 18.2.1, RFC 3581 4).

use crate::{
    ViaMark,
    lanes::{Hits, Lanes},
    seek,
    text::{self, Sink},
    view::params::Param,
};
use std::net::IpAddr;

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
    put_behind(sink, mark.received, rport);
}

/// Appends a Via line up to its value's end with the mark put on, if the value is [`Plain`] and stands at the
/// end of `line`; false if it is not.
pub(crate) fn put_plain(sink: &mut impl Sink, line: &[u8], value: &[u8], mark: ViaMark) -> bool {
    let Some(plain) = Plain::of(value) else {
        return false;
    };
    let before = line.len().saturating_sub(value.len());
    let mut rest = line;
    let mut rport = mark.rport;
    if let (Some(end), Some(port)) = (plain.rport, rport)
        && let Some((head, tail)) = line.split_at_checked(before.saturating_add(end))
    {
        sink.put(head);
        sink.put(b"=");
        text::put_decimal(sink, u64::from(port));
        (rest, rport) = (tail, None);
    }
    sink.put(rest);
    put_behind(sink, mark.received, rport);
    true
}

#[inline(always)]
fn put_behind(sink: &mut impl Sink, received: Option<IpAddr>, rport: Option<u16>) {
    if let Some(ip) = received {
        // An IPv6 address stands without brackets here (RFC 5118 4.5).
        sink.put(b";received=");
        text::put_ip(sink, ip);
    }
    if let Some(port) = rport {
        put_rport(sink, port);
    }
}

/// A Via line's value that is one element in which nobody claims anything: no `received`, and one bare
/// `rport` at most.
pub(crate) struct Plain {
    /// Just behind the `rport`.
    pub(crate) rport: Option<usize>,
}

impl Plain {
    /// Reads a Via line's value; `None` if it must be read by parameter, for it may be anything.
    pub(crate) fn of(value: &[u8]) -> Option<Self> {
        let params = seek::find_by(value, |lanes| lanes.is(b';') | odd(lanes))?;
        let mut plain = Self { rport: None };
        let mut rest = value.get(params..)?;
        while let [b';', ..] = rest {
            // The octets up to the last semicolon among them are looked at together.
            let mut starts = seek::bits(rest, |lanes| lanes.is(b';'));
            if seek::bits(rest, |lanes| odd(lanes) | lanes.at_most(b' ')) != 0 {
                return None;
            }
            let mut whole = rest.len();
            if whole > 64 {
                whole = 63_usize.wrapping_sub(starts.leading_zeros() as usize);
                starts &= (1_u64 << (whole & 63)).wrapping_sub(1);
            }
            if starts == 0 {
                return None;
            }
            while starts != 0 {
                let at = starts.trailing_zeros() as usize;
                starts &= starts.wrapping_sub(1);
                match rest.get(at..)? {
                    name @ [_, b'r' | b'R', ..] => {
                        // In capitals it would be written anew.
                        let is_bare = name
                            .strip_prefix(b";rport")
                            .is_some_and(|behind| matches!(behind, [] | [b';', ..]));
                        if !is_bare || plain.rport.is_some() {
                            return None;
                        }
                        let before = value.len().wrapping_sub(name.len());
                        plain.rport = Some(before.wrapping_add(6));
                    }
                    [_, _, ..] => {}
                    _ => return None,
                }
            }
            rest = rest.get(whole..)?;
        }
        rest.is_empty().then_some(plain)
    }
}

/// What may make more of a Via line's value than parameters behind one host.
#[inline(always)]
fn odd(lanes: Lanes) -> Hits {
    lanes.is(b',') | lanes.is(b'"') | seek::bracket(lanes)
}

fn put_rport(sink: &mut impl Sink, port: u16) {
    sink.put(b";rport=");
    text::put_decimal(sink, u64::from(port));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn marked(via: &str, ip: Option<&str>, rport: Option<u16>) -> String {
        let mut out = before_params(via.as_bytes()).to_vec();
        let mark = ViaMark {
            received: ip.and_then(|ip| ip.parse().ok()),
            rport,
        };
        put_params(&mut out, via.as_bytes(), mark);
        let mut plain = Vec::new();
        let line = format!("Via: {via}");
        if put_plain(&mut plain, line.as_bytes(), via.as_bytes(), mark) {
            assert_eq!(plain, [b"Via: ", &out[..]].concat(), "{via}");
        }
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

    #[test]
    fn what_most_clients_write_is_plain() {
        for (via, rport) in [
            (
                "SIP/2.0/UDP 192.0.2.44:5062;branch=z9hG4bK1;rport",
                Some("SIP/2.0/UDP 192.0.2.44:5062;branch=z9hG4bK1;rport".len()),
            ),
            (
                "SIP/2.0/UDP a;rport;branch=b",
                Some("SIP/2.0/UDP a;rport".len()),
            ),
            ("SIP/2.0/TCP a;branch=b", None),
        ] {
            assert_eq!(
                Plain::of(via.as_bytes()).map(|plain| plain.rport),
                Some(rport),
                "{via}"
            );
        }
        let long = format!(
            "SIP/2.0/UDP a;{}=b;rport;{}=d",
            "c".repeat(40),
            "e".repeat(50)
        );
        assert!(Plain::of(long.as_bytes()).unwrap().rport.is_some());
    }

    proptest! {
        #[test]
        fn a_plain_value_is_marked_as_any_other(
            via in "SIP/2.0/UDP a( ?; ?(rport|RPORT|received|r|branch|x{30})(=[a,\"<>;]?[a-z]{0,30})?){0,5}",
            port in proptest::option::of(1..9_u16),
        ) {
            // A comma would make it two values.
            if !via.contains(',') {
                marked(&via, Some("192.0.2.1"), port);
                marked(&via, None, port);
            }
        }
    }
}
