//! The ACK of a final response that is not 2xx (RFC 3261 17.1.1.3).

use bellhop_wire::{HeaderId, Index, Limits, Message};

/// The ACK: Request-URI, topmost Via alone, Route, From, Call-ID and CSeq number of the INVITE, To of
/// the response. `None` if the INVITE lacks one of them.
pub(super) fn build(index: &mut Index, invite: &[u8], response: Message<'_>) -> Option<Box<[u8]>> {
    // The INVITE is ours, so it is not measured by what peers may send.
    let invite = index.parse(invite, &UNBOUNDED).ok()?;
    let (number, _) = invite.cseq().ok()?;
    let number = number.to_string();
    let mut ack = Vec::with_capacity(512);
    ack.extend_from_slice(b"ACK ");
    ack.extend_from_slice(invite.uri());
    ack.extend_from_slice(b" SIP/2.0\r\n");
    line(&mut ack, b"Via", invite.values(HeaderId::Via).next()?.raw);
    line(&mut ack, b"Max-Forwards", b"70");
    for route in invite.fields(HeaderId::Route) {
        line(&mut ack, b"Route", route.value);
    }
    line(&mut ack, b"From", invite.first(HeaderId::From)?.value);
    line(&mut ack, b"To", response.first(HeaderId::To)?.value);
    line(&mut ack, b"Call-ID", invite.call_id());
    ack.extend_from_slice(b"CSeq: ");
    ack.extend_from_slice(number.as_bytes());
    ack.extend_from_slice(b" ACK\r\nContent-Length: 0\r\n\r\n");
    Some(ack.into())
}

fn line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

const UNBOUNDED: Limits = Limits {
    message: usize::MAX,
    headers: usize::MAX,
    line: usize::MAX,
};
