//! Messages written anew for the other leg.

use super::hide::Hider;
use super::hide::{body, headers};
use super::leg::Leg;
use crate::digits::decimal;
use bellhop_wire::{HeaderId, Limits, Message, NameAddr, Owned, Reply, UriRef, ViaMark, reply};

/// A request of ours in a leg, less what depends on where it goes (Via, Contact).
pub(super) struct Ask<'a> {
    pub(super) method: &'a [u8],
    pub(super) leg: &'a Leg,
    pub(super) seq: u32,
    /// Of a PRACK: what it acknowledges (RFC 3262 7.2).
    pub(super) rack: Option<&'a str>,
}

/// Writes a request: what goes over of `source`, if it is somebody's, with a body or not.
pub(super) fn request(
    ask: &Ask<'_>,
    source: Option<(Message<'_>, &Hider<'_>)>,
) -> Option<Box<Owned>> {
    request_with(ask, source, b"")
}

/// Writes a request that is nobody's but ours, with these header lines and this session description, if it has any.
pub(super) fn own_request(ask: &Ask<'_>, lines: &[u8], sdp: &[u8]) -> Option<Box<Owned>> {
    let mut all = lines.to_vec();
    if !sdp.is_empty() {
        line(&mut all, &[b"Content-Type: application/sdp"]);
    }
    written(ask, None, &all, sdp)
}

/// As [`request`], with header lines of ours besides.
pub(super) fn request_with(
    ask: &Ask<'_>,
    source: Option<(Message<'_>, &Hider<'_>)>,
    lines: &[u8],
) -> Option<Box<Owned>> {
    written(ask, source, lines, b"")
}

fn written(
    ask: &Ask<'_>,
    source: Option<(Message<'_>, &Hider<'_>)>,
    lines: &[u8],
    own_body: &[u8],
) -> Option<Box<Owned>> {
    let mut out = Vec::with_capacity(1024);
    let leg = ask.leg;
    line(&mut out, &[ask.method, b" ", &leg.target, b" SIP/2.0"]);
    // One of them is spent on the way out of here (16.6 step 3).
    let hops = source.map_or(Some(OWN_HOPS), |(source, _)| {
        source.max_forwards().ok().flatten()
    });
    if let Some(hops) = hops {
        line(&mut out, &[b"Max-Forwards: ", &decimal(hops.into())]);
    }
    if !leg.routes.is_empty() {
        line(&mut out, &[b"Route: ", &leg.routes]);
    }
    line(&mut out, &[b"From: ", &leg.local, b";tag=", &leg.tag()]);
    line(&mut out, &[b"To: ", &leg.remote]);
    line(&mut out, &[b"Call-ID: ", &leg.call_id]);
    line(
        &mut out,
        &[b"CSeq: ", &decimal(ask.seq.into()), b" ", ask.method],
    );
    if let Some(rack) = ask.rack {
        line(&mut out, &[b"RAck: ", rack.as_bytes()]);
    }
    let mut body = own_body.to_vec();
    if let Some((source, hider)) = source {
        body::put(source, hider, &mut body);
        headers::pass(source, hider, !body.is_empty(), &mut out);
    }
    out.extend_from_slice(lines);
    let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
    line(&mut out, &[b"Content-Length: ", &decimal(length), b"\r\n"]);
    out.extend_from_slice(&body);
    Some(Box::new(Owned::parse(&out, &UNBOUNDED).ok()?))
}

/// What an answer is made with, besides what is answered and the answer of the other leg.
pub(super) struct Tell<'a> {
    pub(super) tag: &'a [u8],
    /// Our Contact, for what makes or refreshes a dialog.
    pub(super) contact: Option<&'a [u8]>,
    /// Host for the URIs of a redirection: the one that was asked.
    pub(super) asked_host: Option<&'a [u8]>,
    /// Header lines of ours.
    pub(super) lines: &'a [u8],
    /// The session description of a 2xx that has none.
    pub(super) sdp: &'a [u8],
}

/// Writes the answer to `asked` that says what `source` said on the other leg.
pub(super) fn response(
    (asked, mark): (Message<'_>, ViaMark),
    tell: &Tell<'_>,
    (source, hider): (Message<'_>, &Hider<'_>),
) -> Option<Owned> {
    // What a PBX asks credentials for is not for whoever called us.
    let status = match source.status()? {
        401 | 407 => 403,
        status => status,
    };
    let mut out = Vec::with_capacity(1024);
    let mut answer = Reply::new(
        &mut out,
        asked,
        mark,
        status,
        reply::reason(status),
        tell.tag,
    );
    let mut body = Vec::new();
    if status < 300 {
        body::put(source, hider, &mut body);
    }
    let is_own = body.is_empty() && (200..300).contains(&status) && !tell.sdp.is_empty();
    if is_own {
        body.extend_from_slice(tell.sdp);
    }
    if let Some(contact) = tell.contact {
        answer.record_routes(asked);
        answer.header("Contact", contact);
    }
    answer.lines_with(|out| {
        headers::pass(source, hider, !body.is_empty(), out);
        out.extend_from_slice(tell.lines);
        if is_own {
            out.extend_from_slice(b"Content-Type: application/sdp\r\n");
        }
    });
    if (300..400).contains(&status)
        && let Some(host) = tell.asked_host
    {
        for value in source.values(HeaderId::Contact) {
            if let Some(contact) = elsewhere(value.raw, host) {
                answer.header("Contact", &contact);
            }
        }
    }
    let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
    answer.header("Content-Length", &decimal(length));
    answer.lines_with(|out| {
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&body);
    });
    Owned::parse(&out, &UNBOUNDED).ok()
}

/// Our Contact, or a redirection's: `<sip:user@host>`.
pub(crate) fn uri(user: &[u8], host: &[u8], transport: Option<&str>) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    for part in [b"<sip:", user, b"@", host] {
        out.extend_from_slice(part);
    }
    if let Some(transport) = transport {
        out.extend_from_slice(b";transport=");
        out.extend_from_slice(transport.as_bytes());
    }
    out.push(b'>');
    out
}

/// A redirection's Contact: its user at the place that the caller asked, for that is where he can reach it.
fn elsewhere(contact: &[u8], host: &[u8]) -> Option<Vec<u8>> {
    let contact = NameAddr::parse(contact).ok()?;
    Some(uri(contact.uri.user?, host, None))
}

/// From or To less its parameters, tag included; what is of the inside hidden.
pub(super) fn end(value: &[u8], hider: &Hider<'_>) -> Option<Box<[u8]>> {
    let mut out = Vec::with_capacity(64);
    if !hider.put_name_addr(value, false, &mut out) {
        // The name is what tells; the URI does not.
        let read = NameAddr::parse(value).ok()?;
        out.push(b'<');
        hider.put_uri(&read.uri, &mut out);
        out.push(b'>');
    }
    Some(out.into())
}

/// From or To less its tag, as it stands.
pub(super) fn without_tag(value: &[u8]) -> Option<Box<[u8]>> {
    let read = NameAddr::parse(value).ok()?;
    let mut out = Vec::with_capacity(value.len().saturating_add(2));
    if let Some(display) = read.display {
        out.extend_from_slice(display);
        out.push(b' ');
    }
    out.push(b'<');
    out.extend_from_slice(read.uri.raw);
    out.push(b'>');
    Some(out.into())
}

/// The host of a Request-URI as it stands, port and all.
pub(super) fn host_of(uri: &[u8]) -> Option<Vec<u8>> {
    let uri = UriRef::parse(uri).ok()?;
    let mut out = Vec::with_capacity(64);
    uri.host?.write(&mut out);
    if let Some(port) = uri.port {
        out.push(b':');
        out.extend_from_slice(&decimal(port.into()));
    }
    Some(out)
}

fn line(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(b"\r\n");
}

/// Max-Forwards of what we send of ourselves, before the first is spent.
const OWN_HOPS: u8 = 71;

/// What is ours is not measured by what peers may send.
pub(super) const UNBOUNDED: Limits = Limits {
    message: usize::MAX,
    headers: usize::MAX,
    line: usize::MAX,
};
