//! What each mode sends and how it goes on with an answer.

use crate::args::Mode;
use crate::digest::{Challenge, Credentials, authorize, parse_challenge};
use crate::net::Peer;
use crate::sip::{self, Msg};
use crate::uac::Uac;
use crate::uas::SDP;
use crate::wire::{Put, parse_hex};

const MAGIC: &[u8] = b"branch=z9hG4bK";

fn method(mode: Mode) -> &'static str {
    match mode {
        Mode::Register => "REGISTER",
        Mode::Call => "INVITE",
        Mode::Subscribe | Mode::Fanout => "SUBSCRIBE",
        _ => "OPTIONS",
    }
}

/// The slot and generation that this program wrote into its branch.
fn branch_ids(via: &[u8]) -> Option<(u32, u32)> {
    let at = sip::find_str(via, MAGIC)? + MAGIC.len();
    let ids = via.get(at..at + 12)?;
    Some((parse_hex(&ids[..8])? as u32, parse_hex(&ids[8..])? as u32))
}

/// The slot and the random number in a Call-ID made here.
fn call_ids(call_id: &[u8]) -> Option<(u32, u64)> {
    Some((
        parse_hex(call_id.get(16..24)?)? as u32,
        parse_hex(&call_id[..16])?,
    ))
}

impl Uac<'_> {
    fn put_via(&mut self, id: u32) {
        let slot = &self.slots[id as usize];
        let local = self.link.local(slot.sock);
        self.out.s(if self.cfg.tcp {
            "Via: SIP/2.0/TCP "
        } else {
            "Via: SIP/2.0/UDP "
        });
        for (i, octet) in local.ip().octets().iter().enumerate() {
            self.out
                .s(if i > 0 { "." } else { "" })
                .n(u64::from(*octet));
        }
        self.out
            .s(":")
            .n(u64::from(local.port()))
            .s(";rport;branch=z9hG4bK");
        self.out
            .hex(u64::from(id), 8)
            .hex(u64::from(slot.turn), 4)
            .hex(slot.rand, 8)
            .s("\r\n");
    }

    pub(crate) fn first_request(&mut self, id: u32) {
        let slot = &mut self.slots[id as usize];
        let user = &mut self.users[slot.user as usize];
        let mut known = None;
        if self.cfg.refresh {
            slot.cseq = user.cseq;
            slot.rand = user.call;
            known = user.challenge.take();
        }
        self.request_with(id, known.as_ref());
        let user = self.slots[id as usize].user as usize;
        self.users[user].challenge = known;
    }

    /// Builds and sends the out-of-dialog request of this mode.
    fn request_with(&mut self, id: u32, challenge: Option<&Challenge>) {
        let mode = self.cfg.mode;
        let name = method(mode);
        let slot = &mut self.slots[id as usize];
        slot.turn = (slot.turn + 1) & 0xffff;
        slot.cseq += 1;
        let (number, cseq, rand, sock) = (slot.user, slot.cseq, slot.rand, slot.sock as usize);
        let user = self.cfg.user.make(number);
        let mut uri = Vec::with_capacity(64);
        if mode == Mode::Register {
            uri.s("sip:").s(&self.cfg.domain);
        } else {
            self.cfg.ruri.put(number, &mut uri);
        }
        self.out.clear();
        self.out.s(name).s(" ").b(&uri).s(" SIP/2.0\r\n");
        self.put_via(id);
        let out = &mut self.out;
        out.s("Max-Forwards: 70\r\nFrom: <sip:")
            .b(&user)
            .s("@")
            .s(&self.cfg.domain)
            .s(">;tag=")
            .hex(rand >> 32, 8);
        if mode == Mode::Register {
            out.s("\r\nTo: <sip:").b(&user).s("@").s(&self.cfg.domain);
        } else {
            out.s("\r\nTo: <").b(&uri);
        }
        out.s(">\r\nCall-ID: ")
            .hex(rand, 16)
            .hex(u64::from(if self.cfg.refresh { number } else { id }), 8);
        out.s("@storm\r\nCSeq: ").n(u64::from(cseq)).s(" ").s(name);
        out.s("\r\nContact: <sip:")
            .b(&user)
            .b(&self.contacts[sock])
            .s(">\r\n");
        if let Some(c) = challenge {
            let nc = &mut self.users[number as usize].nc;
            *nc += 1;
            let password = self.cfg.password.make(number);
            let k = Credentials {
                user: &user,
                password: &password,
                method: name.as_bytes(),
                uri: &uri,
                nc: *nc,
                cnonce: rand ^ u64::from(cseq),
            };
            authorize(c, &k, out);
        }
        out.s("User-Agent: storm\r\n");
        match mode {
            Mode::Register => out.s("Expires: ").n(self.cfg.expires).s("\r\nContent-Length: 0\r\n\r\n"),
            Mode::Subscribe | Mode::Fanout => out.s("Event: message-summary\r\nAccept: application/simple-message-summary\r\n\
                Expires: ").n(self.cfg.expires).s("\r\nContent-Length: 0\r\n\r\n"),
            Mode::Call => out.s("Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, INFO, PRACK, UPDATE\r\n\
                Supported: replaces, timer, 100rel, path\r\nSession-Expires: 1800;refresher=uac\r\nMin-SE: 90\r\n\
                P-Preferred-Identity: <sip:storm@127.0.0.1>\r\nContent-Type: application/sdp\r\nContent-Length: ")
                .n(SDP.len() as u64).s("\r\n\r\n").s(SDP),
            _ => out.s("Accept: application/sdp\r\nContent-Length: 0\r\n\r\n"),
        };
        self.store_and_send(id);
    }

    fn store(&mut self, id: u32) {
        let request = &mut self.slots[id as usize].request;
        request.clear();
        request.extend_from_slice(&self.out);
    }

    fn store_and_send(&mut self, id: u32) {
        self.store(id);
        self.transmit(id);
    }

    pub(crate) fn response(&mut self, m: &Msg<'_>, peer: Peer) {
        let Some((id, turn)) = branch_ids(m.vias.as_slice()[0]) else {
            return;
        };
        let success = (200..300).contains(&m.code);
        if !self
            .slots
            .get(id as usize)
            .is_some_and(|s| s.active && s.turn == turn)
        {
            if success && m.method == b"INVITE" {
                self.ack_success(id, m, peer);
            }
            return;
        }
        if m.code < 200 {
            self.slots[id as usize].quiet = true;
            return;
        }
        if m.method == b"INVITE" && !success {
            self.ack_failure(id, m, peer);
        }
        let slot = &mut self.slots[id as usize];
        match (m.code, self.cfg.mode) {
            (401 | 407, _) => self.challenged(id, m),
            (200..300, Mode::Call) if !slot.in_dialog => self.call_answered(id, m, peer),
            (200..300, Mode::Subscribe | Mode::Fanout) => {
                slot.quiet = true;
                slot.answered = true;
                if slot.notified {
                    self.finish(id, Ok(()));
                }
            }
            (200..300, _) => {
                if self.cfg.refresh {
                    self.users[slot.user as usize].cseq = slot.cseq;
                }
                self.finish(id, Ok(()));
            }
            (code, _) => self.finish(id, Err(code)),
        }
    }

    fn challenged(&mut self, id: u32, m: &Msg<'_>) {
        self.stats.challenges += 1;
        let pick =
            |l: &sip::Lines<'_>, proxy| l.as_slice().iter().find_map(|v| parse_challenge(v, proxy));
        let challenge = pick(&m.challenges, false).or_else(|| pick(&m.proxy_challenges, true));
        let slot = &mut self.slots[id as usize];
        slot.auths += 1;
        let user = slot.user as usize;
        match challenge {
            Some(c) if slot.auths <= 2 && !slot.in_dialog => {
                self.users[user].nc = 0;
                self.request_with(id, Some(&c));
                if self.cfg.refresh {
                    self.users[user].challenge = Some(c);
                }
            }
            _ => {
                self.users[user].challenge = None;
                self.finish(id, Err(m.code));
            }
        }
    }

    /// An ACK or BYE within the dialog that the 200 made, into `out`.
    fn in_dialog(&mut self, id: u32, m: &Msg<'_>, name: &str, cseq: u32) {
        self.out.clear();
        self.out
            .s(name)
            .s(" ")
            .b(sip::uri(m.contact))
            .s(" SIP/2.0\r\n");
        self.put_via(id);
        for r in sip::routes(&m.record_routes).iter().rev() {
            self.out.s("Route: ").b(r).s("\r\n");
        }
        self.out
            .s("Max-Forwards: 70\r\nFrom: ")
            .b(m.from)
            .s("\r\nTo: ")
            .b(m.to)
            .s("\r\nCall-ID: ")
            .b(m.call_id);
        self.out
            .s("\r\nCSeq: ")
            .n(u64::from(cseq))
            .s(" ")
            .s(name)
            .s("\r\nUser-Agent: storm\r\nContent-Length: 0\r\n\r\n");
    }

    fn ack_success(&mut self, id: u32, m: &Msg<'_>, peer: Peer) {
        if (id as usize) < self.slots.len() {
            self.in_dialog(id, m, "ACK", m.cseq);
            self.send_out(peer);
        }
    }

    /// The ACK to a failure belongs to the INVITE transaction: same branch, same R-URI.
    fn ack_failure(&mut self, id: u32, m: &Msg<'_>, peer: Peer) {
        let request = &self.slots[id as usize].request;
        let end = sip::find_str(request, b"\r\n").unwrap_or(0);
        self.out.clear();
        self.out.s("ACK").b(&request[6..end]).s("\r\n");
        self.out
            .s("Via: ")
            .b(m.vias.as_slice()[0])
            .s("\r\nMax-Forwards: 70\r\nFrom: ")
            .b(m.from)
            .s("\r\nTo: ")
            .b(m.to);
        self.out
            .s("\r\nCall-ID: ")
            .b(m.call_id)
            .s("\r\nCSeq: ")
            .n(u64::from(m.cseq))
            .s(" ACK\r\nContent-Length: 0\r\n\r\n");
        self.send_out(peer);
    }

    fn call_answered(&mut self, id: u32, m: &Msg<'_>, peer: Peer) {
        let slot = &mut self.slots[id as usize];
        self.stats
            .latency
            .add((self.now - slot.began).as_micros() as u64);
        slot.turn = (slot.turn + 1) & 0xffff;
        slot.in_dialog = true;
        self.ack_success(id, m, peer);
        let slot = &mut self.slots[id as usize];
        slot.turn = (slot.turn + 1) & 0xffff;
        let turn = slot.turn;
        self.in_dialog(id, m, "BYE", m.cseq + 1);
        self.store(id);
        if self.cfg.hold.is_zero() {
            self.transmit(id);
        } else {
            self.holds.push_back((self.now + self.cfg.hold, id, turn));
        }
    }

    /// A request from the server: NOTIFY, or anything else, is answered with 200.
    pub(crate) fn request(&mut self, m: &Msg<'_>, data: &[u8], peer: Peer) {
        if m.method == b"ACK" {
            return;
        }
        self.out.clear();
        self.out.s("SIP/2.0 200 OK\r\n");
        for v in m.vias.as_slice() {
            self.out.s("Via: ").b(v).s("\r\n");
        }
        self.out
            .s("From: ")
            .b(m.from)
            .s("\r\nTo: ")
            .b(m.to)
            .s("\r\nCall-ID: ")
            .b(m.call_id);
        self.out
            .s("\r\nCSeq: ")
            .n(u64::from(m.cseq))
            .s(" ")
            .b(m.method)
            .s("\r\nContent-Length: 0\r\n\r\n");
        self.send_out(peer);
        let Some((id, rand)) = call_ids(m.call_id).filter(|_| m.method == b"NOTIFY") else {
            return;
        };
        if self.cfg.mode == Mode::Fanout {
            self.hears(rand, data);
        }
        if let Some(slot) = self
            .slots
            .get_mut(id as usize)
            .filter(|s| s.active && s.rand == rand)
        {
            slot.notified = true;
            if slot.answered {
                self.finish(id, Ok(()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers() {
        let via = b"SIP/2.0/UDP 127.0.0.1:5;rport=5;branch=z9hG4bK0000002a0007deadbeef;received=127.0.0.1";
        assert_eq!(branch_ids(via), Some((42, 7)));
        assert_eq!(branch_ids(b"SIP/2.0/UDP h;branch=z9hG4bK00"), None);
        assert_eq!(call_ids(b"00000000000000ff0000002a@storm"), Some((42, 255)));
        assert_eq!(call_ids(b"short"), None);
    }
}
