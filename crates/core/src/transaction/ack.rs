//! The ACK of a final response that is not 2xx (RFC 3261 17.1.1.3).

use bellhop_wire::{HeaderId, Index, Limits, Message};

/// The ACK of `response`: Request-URI, topmost Via alone, Route, From, Call-ID and CSeq number of
/// `sent`, which is the INVITE or an earlier ACK of it, and the To of the response. `None` if one is
/// not there.
pub(super) fn build(index: &mut Index, sent: &[u8], response: Message<'_>) -> Option<Box<[u8]>> {
    // It is ours, so it is not measured by what peers may send.
    let sent = index.parse(sent, &UNBOUNDED).ok()?;
    let (number, _) = sent.cseq().ok()?;
    let number = number.to_string();
    let mut ack = Vec::with_capacity(512);
    ack.extend_from_slice(b"ACK ");
    ack.extend_from_slice(sent.uri());
    ack.extend_from_slice(b" SIP/2.0\r\n");
    line(&mut ack, b"Via", sent.values(HeaderId::Via).next()?.raw);
    line(&mut ack, b"Max-Forwards", b"70");
    for route in sent.fields(HeaderId::Route) {
        line(&mut ack, b"Route", route.value);
    }
    line(&mut ack, b"From", sent.first(HeaderId::From)?.value);
    line(&mut ack, b"To", response.first(HeaderId::To)?.value);
    line(&mut ack, b"Call-ID", sent.call_id());
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
