//! Which headers go over from one leg to the other, and how. Everything from end to end does, but what
//! identifies a leg, its way or who stands there.

use super::Hider;
use bellhop_wire::view::list::split;
use bellhop_wire::{Field, HeaderId, Message};

/// What becomes of a header line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passage {
    /// It is of one leg.
    Stays,
    /// As it is, if it tells nothing of the inside.
    Goes,
    /// As the body that it describes: places of the inside are called by our name.
    Text,
    /// A list of URIs with parameters, each hidden.
    Uris,
    /// A list of extensions of which those go that we can stand for.
    Options,
    /// A list of methods of which those go that we can stand for.
    Methods,
    /// Protocol and cause without the text (RFC 3326).
    Reason,
    /// Seconds without the comment.
    Seconds,
}

/// Appends the header lines of a message that go over; `has_body`: those that describe the body too.
pub(in crate::b2bua) fn pass(
    message: Message<'_>,
    hider: &Hider<'_>,
    has_body: bool,
    out: &mut Vec<u8>,
) {
    for field in message.all_fields() {
        let is_hidden = hider
            .names
            .iter()
            .any(|name| field.name.eq_ignore_ascii_case(name.as_bytes()));
        let is_of_body = field.name.len() > CONTENT.len()
            && field
                .name
                .get(..CONTENT.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(CONTENT));
        if is_hidden
            || hider.skips.header(field.name)
            || ((is_of_body || is_body_header(&field)) && !has_body)
        {
            continue;
        }
        put(&field, hider, out);
    }
}

fn put(field: &Field<'_>, hider: &Hider<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(name(field));
    out.extend_from_slice(b": ");
    let value = out.len();
    match passage(field) {
        Passage::Stays => {}
        Passage::Goes if hider.tells(field.value) => {}
        Passage::Goes => out.extend(field.value.iter().filter(|b| !matches!(b, b'\r' | b'\n'))),
        Passage::Text => hider.put_text(field.value, true, out),
        Passage::Uris => join(field.value, out, |value, out| {
            hider.put_name_addr(value, true, out)
        }),
        Passage::Options => join(field.value, out, |value, out| {
            !hider.skips.option(value) && put_known(value, hider.options(), out)
        }),
        Passage::Methods => join(field.value, out, |value, out| {
            put_known(value, hider.methods(), out)
        }),
        Passage::Reason => join(field.value, out, put_reason),
        Passage::Seconds => {
            let digits = field.value.iter().take_while(|b| b.is_ascii_digit());
            out.extend(digits);
        }
    }
    if out.len() == value {
        out.truncate(start);
    } else {
        out.extend_from_slice(b"\r\n");
    }
}

/// The usual name of a header that is known: its spelling would tell of who wrote it.
fn name<'f>(field: &Field<'f>) -> &'f [u8] {
    match field.id {
        HeaderId::Other => field.name,
        id => id.name().as_bytes(),
    }
}

fn is_body_header(field: &Field<'_>) -> bool {
    matches!(field.id, HeaderId::ContentType | HeaderId::ContentEncoding)
        || is_named(field, "MIME-Version")
}

fn passage(field: &Field<'_>) -> Passage {
    use HeaderId as Id;
    match field.id {
        Id::Via
        | Id::Route
        | Id::RecordRoute
        | Id::Path
        | Id::Contact
        | Id::CallId
        | Id::CSeq
        | Id::From
        | Id::To
        | Id::MaxForwards
        | Id::MaxBreadth
        | Id::ContentLength
        | Id::UserAgent
        | Id::Server
        | Id::Warning
        | Id::Authorization
        | Id::AuthenticationInfo
        | Id::ProxyAuthenticate
        | Id::ProxyAuthorization
        | Id::ProxyRequire
        | Id::WwwAuthenticate => Passage::Stays,
        Id::PAssertedIdentity
        | Id::PPreferredIdentity
        | Id::RemotePartyId
        | Id::Diversion
        | Id::HistoryInfo
        | Id::ReferTo => Passage::Uris,
        Id::Supported | Id::Require | Id::Unsupported => Passage::Options,
        Id::Allow => Passage::Methods,
        Id::ContentType => Passage::Text,
        Id::Reason => Passage::Reason,
        Id::RetryAfter => Passage::Seconds,
        Id::Other => other(field),
        _ => Passage::Goes,
    }
}

fn other(field: &Field<'_>) -> Passage {
    if LEG.iter().any(|name| is_named(field, name)) {
        Passage::Stays
    } else if is_named(field, "Content-ID") {
        Passage::Text
    } else if URIS.iter().any(|name| is_named(field, name)) {
        Passage::Uris
    } else {
        Passage::Goes
    }
}

fn is_named(field: &Field<'_>, name: &str) -> bool {
    field.name.eq_ignore_ascii_case(name.as_bytes())
}

/// The elements of a line that `put` appends, with commas between them.
fn join(line: &[u8], out: &mut Vec<u8>, put: impl Fn(&[u8], &mut Vec<u8>) -> bool) {
    let mut is_first = true;
    for (_, value) in split(line) {
        let before = out.len();
        if !is_first {
            out.extend_from_slice(b", ");
        }
        if put(value, out) {
            is_first = false;
        } else {
            out.truncate(before);
        }
    }
}

fn put_known(value: &[u8], known: &[&str], out: &mut Vec<u8>) -> bool {
    let is_known = known
        .iter()
        .any(|known| known.as_bytes().eq_ignore_ascii_case(value));
    if is_known {
        out.extend_from_slice(value);
    }
    is_known
}

/// The value of a Reason as the other leg gets it; empty if none of it can be read.
pub(crate) fn reason(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    join(value, &mut out, put_reason);
    out
}

/// `protocol ;cause=number`, the text left out: it says what made it.
fn put_reason(value: &[u8], out: &mut Vec<u8>) -> bool {
    let mut parts = value.split(|b| *b == b';').map(<[u8]>::trim_ascii);
    let protocol = parts.next().unwrap_or_default();
    if protocol.is_empty()
        || !protocol
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    {
        return false;
    }
    out.extend_from_slice(protocol);
    let cause = parts.find_map(|part| {
        let (name, number) = part.split_at_checked(6)?;
        let is_number = !number.is_empty() && number.iter().all(u8::is_ascii_digit);
        (name.eq_ignore_ascii_case(b"cause=") && is_number).then_some(number)
    });
    if let Some(cause) = cause {
        out.extend_from_slice(b";cause=");
        out.extend_from_slice(cause);
    }
    true
}

const CONTENT: &[u8] = b"Content-";

/// Others that are of one leg, or name one, or who stands there and what passed.
const LEG: &[&str] = &[
    "Organization",
    "Service-Route",
    "Proxy-Authentication-Info",
    "Timestamp",
    "Target-Dialog",
    "In-Reply-To",
    "Join",
    "Replaces",
    "Error-Info",
    "P-Access-Network-Info",
    "P-Visited-Network-ID",
    "P-Charging-Vector",
    "P-Charging-Function-Addresses",
    "Security-Client",
    "Security-Server",
    "Security-Verify",
    "Flow-Timer",
    "RAck",
    "X-Asterisk-HangupCause",
    "X-Asterisk-HangupCauseCode",
];

/// Others that are lists of URIs.
const URIS: &[&str] = &["Referred-By", "b", "Reply-To", "P-Called-Party-ID"];

#[cfg(test)]
mod tests {
    use super::super::tests::hider;
    use super::*;
    use bellhop_wire::{Limits, Owned};

    fn passed(lines: &str) -> String {
        let inside = ["10.0.0.5".to_owned(), "pbx.inside".to_owned()];
        let hidden = ["X-Secret".to_owned()];
        let text = format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.5\r\nFrom: <sip:a@b>;tag=tag-of-b\r\nTo: <sip:b@c>\r\n\
             Call-ID: call-of-b\r\nCSeq: 1 INVITE\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        let message = Owned::parse(text.as_bytes(), &Limits::default()).unwrap();
        let mut out = Vec::new();
        pass(message.message(), &hider(&inside, &hidden), true, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_identifies_a_leg_or_who_stands_there_stays() {
        for line in [
            "Server: Asterisk PBX 22\r\n",
            "User-Agent: Asterisk\r\n",
            "v: SIP/2.0/UDP 10.0.0.5\r\n",
            "m: <sip:pbx@10.0.0.5>\r\n",
            "Record-Route: <sip:10.0.0.5;lr>\r\n",
            "Warning: 399 pbx.inside \"no\"\r\n",
            "Proxy-Authenticate: Digest realm=\"asterisk\", nonce=\"1\"\r\n",
            "Target-Dialog: call-of-b;local-tag=1;remote-tag=2\r\n",
            "X-Secret: 1\r\n",
            "x-secret: 1\r\n",
            "X-Node: at 10.0.0.5\r\n",
            "X-Peer: tag-of-b\r\n",
            "Alert-Info: <http://pbx.inside/ring>\r\n",
        ] {
            assert_eq!(passed(line), "", "{line}");
        }
    }

    #[test]
    fn what_is_from_end_to_end_goes_over_as_it_is() {
        for line in [
            "Subject: lunch\r\n",
            "X-Account: 17\r\n",
            "Session-Expires: 1800;refresher=uac\r\n",
            "Min-SE: 90\r\n",
            "RSeq: 5\r\n",
            "Alert-Info: <urn:alert:service:normal>\r\n",
            "Content-Disposition: session\r\n",
            "Privacy: id\r\n",
            "Event: refer\r\n",
            "Session-ID: 1234;remote=5678\r\n",
        ] {
            assert_eq!(passed(line), line);
        }
    }

    #[test]
    fn identities_are_named_by_our_own_domain() {
        for name in [
            "P-Asserted-Identity",
            "Diversion",
            "History-Info",
            "Referred-By",
        ] {
            assert_eq!(
                passed(&format!(
                    "{name}: \"B\" <sip:102@10.0.0.5:5060>;x=1, <sip:7@pbx.inside>\r\n"
                )),
                format!("{name}: \"B\" <sip:102@example.org>;x=1, <sip:7@example.org>\r\n")
            );
        }
    }

    #[test]
    fn only_what_we_can_stand_for_is_supported_and_allowed() {
        assert_eq!(
            passed("k: 100rel, path, timer, outbound\r\nAllow: INVITE, PUBLISH, BYE\r\n"),
            "Supported: 100rel, timer\r\nAllow: INVITE, BYE\r\n"
        );
        assert_eq!(passed("Supported: path\r\n"), "");
    }

    #[test]
    fn a_reason_keeps_its_cause_and_loses_its_text() {
        assert_eq!(
            passed("Reason: Q.850;cause=16;text=\"on pbx.inside\", SIP ;cause=200\r\n"),
            "Reason: Q.850;cause=16, SIP;cause=200\r\n"
        );
        assert_eq!(
            passed("Retry-After: 7 (pbx busy)\r\n"),
            "Retry-After: 7\r\n"
        );
    }

    #[test]
    fn a_fold_does_not_go_over() {
        assert_eq!(passed("Subject: a\r\n b\r\n"), "Subject: a b\r\n");
    }
}
