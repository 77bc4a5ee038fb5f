//! What a datagram was that came back as undeliverable: read from its beginning, for routers quote as
//! little as the 8 bytes of its UDP header, Linux gives up to 520 bytes of what follows (RFC 792,
//! RFC 1812 4.3.2.3).

use super::Engine;
use crate::outbox::Outbox;
use crate::time::Now;
use bellhop_wire::{Method, ViaRef, view::list};

impl Engine {
    /// The network reported that this datagram did not arrive (ICMP, RFC 3261 18.4); `bytes` are its
    /// beginning, for the report need not quote all of it. If it is a request of ours that still waits
    /// for its first response, its branch ends. Responses and ACKs wait for nothing and are left alone: the
    /// one is sent again when its request comes again, the other when its response does.
    ///
    /// Whether a branch of this shard ended. A report can be forged: only the branch parameter counts,
    /// 64 bits of which nobody can guess.
    pub fn unreachable(&mut self, now: Now, bytes: &[u8], out: &mut Outbox) -> bool {
        let first = out.transmits.len();
        let to = sent(bytes)
            .and_then(|(method, branch)| self.table.unreachable(now.instant, method, branch));
        if let Some(place) = self.target_at(to) {
            self.shared.health.shut(place);
        }
        self.finish(now, first, out);
        to.is_some()
    }
}

/// Method and branch of the request that these bytes begin; `None`: a response, no SIP at all, or cut off
/// before the end of its first Via.
fn sent(bytes: &[u8]) -> Option<(Method<'_>, &[u8])> {
    let mut lines = bytes.split_inclusive(|b| *b == b'\n');
    let start = whole(lines.next()?)?;
    if !start.ends_with(b" SIP/2.0") {
        return None;
    }
    let method = Method::new(start.split(|b| *b == b' ').next()?);
    let via = lines
        .map_while(whole)
        .take_while(|line| !line.is_empty())
        .find_map(via)?;
    let (_, first) = list::split(via).next()?;
    Some((method, ViaRef::parse(first).ok()?.branch()?))
}

/// A line less its end; `None` if that was cut off.
fn whole(line: &[u8]) -> Option<&[u8]> {
    line.strip_suffix(b"\r\n")
}

/// The value of a Via line.
fn via(line: &[u8]) -> Option<&[u8]> {
    let colon = memchr::memchr(b':', line)?;
    let (name, value) = line.split_at_checked(colon)?;
    let name = name.trim_ascii_end();
    let is_via = name.eq_ignore_ascii_case(b"via") || name.eq_ignore_ascii_case(b"v");
    is_via.then(|| value.get(1..))?
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &str = "INVITE sip:600@pbx SIP/2.0\r\nMax-Forwards: 70\r\n\
        Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours;rport\r\n\
        Via: SIP/2.0/UDP phone;branch=z9hG4bKhis\r\nCall-ID: x\r\n\r\n";

    #[test]
    fn the_first_via_is_enough_however_little_is_quoted() {
        let end = INVITE.find("Via: SIP/2.0/UDP phone").unwrap();
        for length in [end, end + 9, INVITE.len()] {
            let quoted = &INVITE.as_bytes()[..length];
            assert_eq!(sent(quoted), Some((Method::Invite, &b"z9hG4bKours"[..])));
        }
    }

    #[test]
    fn a_branch_that_is_cut_off_is_none() {
        let end = INVITE.find("Via: SIP/2.0/UDP phone").unwrap();
        for length in 0..end {
            assert_eq!(sent(&INVITE.as_bytes()[..length]), None, "{length}");
        }
    }

    #[test]
    fn a_response_is_none() {
        let response = INVITE.replacen("INVITE sip:600@pbx SIP/2.0", "SIP/2.0 200 OK", 1);
        assert_eq!(sent(response.as_bytes()), None);
    }

    #[test]
    fn a_via_in_the_body_is_none() {
        let text = "MESSAGE sip:a SIP/2.0\r\nTo: b\r\n\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n";
        assert_eq!(sent(text.as_bytes()), None);
    }
}
