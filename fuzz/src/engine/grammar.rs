//! Messages made of the fuzzer's choices: requests that are mostly well formed, responses to what the
//! engine sent, requests inside dialogs, credentials that are right, and all of them spoilt.

use super::hex::HexTexts;
use super::words::{ENDS, EXTRAS, HOPS, METHODS, STATUSES, URIS, USERS};
use super::{site, site::PEERS};
use crate::feed::Feed;
use bellhop_core::auth::client::{Answer, Qop};
use bellhop_core::auth::{Algorithm, Ha1};
use bellhop_testkit::header;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Writes messages, and remembers what was said to write the next ones.
#[derive(Default)]
pub(super) struct Scribe {
    /// What went in, and from whom.
    sent: VecDeque<(usize, Vec<u8>)>,
    /// What came out, and to whom.
    got: VecDeque<(SocketAddr, String)>,
    /// Nonces, and who was given them: they are good for that address alone.
    nonces: VecDeque<(SocketAddr, String)>,
    /// Users of our signed Record-Route entries.
    tokens: HexTexts,
    /// Digests that were right.
    digests: HexTexts,
    count: u32,
}

impl Scribe {
    pub(super) fn sent(&mut self, from: usize, message: Vec<u8>) {
        keep(&mut self.sent, (from, message));
    }

    pub(super) fn received(&mut self, to: SocketAddr, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes).into_owned();
        if let Some((_, rest)) =
            text.split_once("Authenticate: Digest realm=\"example.org\", nonce=\"")
        {
            let nonce = rest.split('"').next().unwrap_or_default();
            keep(&mut self.nonces, (to, nonce.to_owned()));
        }
        for entry in text.split("sip:").skip(1) {
            let user = entry.split('@').next().unwrap_or_default();
            if user.len() >= 24 && user.bytes().all(|b| b.is_ascii_hexdigit()) {
                self.tokens.insert(user);
            }
        }
        keep(&mut self.got, (to, text));
    }

    /// Whether a message holds one of our signed Record-Route entries.
    pub(super) fn knows_token(&self, bytes: &[u8]) -> bool {
        self.tokens.is_in(bytes)
    }

    /// Whether a message holds a digest that was made with a password.
    pub(super) fn knows_digest(&self, bytes: &[u8]) -> bool {
        self.digests.is_in(bytes)
    }

    /// A request from this peer.
    pub(super) fn request(&mut self, feed: &mut Feed<'_>, from: usize) -> Vec<u8> {
        let peer = &PEERS[from];
        let method = feed.pick(METHODS);
        let uri = match method {
            "REGISTER" => feed.pick(&[
                "sip:example.org",
                "sip:192.0.2.1",
                "sip:6001@example.org",
                "sip:other.example",
            ]),
            _ => feed.pick(URIS),
        };
        let user = if feed.once_in(8) {
            feed.pick(USERS)
        } else {
            peer.user
        };
        let to = match method {
            "REGISTER" => format!("<sip:{user}@example.org>"),
            _ => format!("<{uri}>"),
        };
        let tag = if feed.once_in(8) { ";tag=t" } else { "" };
        let (call, branch, cseq) = (feed.below(4), feed.below(6), feed.below(4));
        let cookie = if feed.once_in(12) { "" } else { "z9hG4bK" };
        let via = peer.transport.via_token();
        let address = peer.address;
        let mut text = format!(
            "{method} {uri} SIP/2.0\r\n\
             Via: SIP/2.0/{via} {address};branch={cookie}{branch}{rport}\r\n\
             From: <sip:{user}@example.org>;tag=f{call}\r\n\
             To: {to}{tag}\r\nCall-ID: {call}@x\r\nCSeq: {cseq} {method}\r\n",
            rport = feed.pick(&[";rport", ";rport", "", ";rport=1;received=192.0.2.66"]),
        );
        if !feed.once_in(8) {
            text.push_str(feed.pick(HOPS));
        }
        if !feed.once_in(3) {
            let uri = format!(
                "sip:{user}@{address};transport={}",
                via.to_ascii_lowercase()
            );
            text.push_str(&match feed.below(8) {
                0 => "Contact: *\r\nExpires: 0\r\n".to_owned(),
                1 => format!("m: <sip:{user}@10.0.0.9>;q=0.3, <{uri}>;expires=60\r\n"),
                2 => format!("Contact: <{uri};ob>;reg-id=1;+sip.instance=\"<urn:uuid:1>\"\r\n"),
                _ => format!("Contact: <{uri}>\r\n"),
            });
        }
        for _ in 0..feed.below(4) {
            text.push_str(feed.pick(EXTRAS));
        }
        if feed.once_in(6)
            && let Some(token) = self.tokens.recent(feed.byte())
        {
            text.push_str(&format!("Route: <sip:{token}@192.0.2.1:5060;lr>\r\n"));
        }
        if !feed.once_in(3) {
            let line = self.credentials(feed, from, method, uri, user);
            text.push_str(&line);
        }
        text.push_str(feed.pick(ENDS));
        let mut bytes = text.into_bytes();
        if feed.once_in(10) {
            feed.mutate(&mut bytes);
        }
        bytes
    }

    /// A line with right credentials for the last challenge, or with wrong ones.
    fn credentials(
        &mut self,
        feed: &mut Feed<'_>,
        from: usize,
        method: &str,
        uri: &str,
        user: &str,
    ) -> String {
        let name = match method {
            "REGISTER" => "Authorization",
            _ => "Proxy-Authorization",
        };
        let address = site::address(PEERS[from].address);
        let own = self.nonces.iter().rev().find(|(to, _)| *to == address);
        let any = own.or(self.nonces.back());
        let Some((_, nonce)) = any else {
            return String::new();
        };
        let is_wrong = feed.once_in(8);
        if !feed.once_in(8) {
            self.count += 1;
        }
        let password = if is_wrong { "wrong" } else { site::PASSWORD };
        let answer = Answer {
            algorithm: feed.pick(&[Algorithm::Md5, Algorithm::Sha256]),
            method,
            uri,
            nonce,
            opaque: None,
            qop: Qop::Auth,
            count: self.count,
            cnonce: "c",
        };
        let ha1 = Ha1::of_password(user, site::REALM, password);
        let Some(value) = answer.credentials(&ha1, user, site::REALM) else {
            return String::new();
        };
        if !is_wrong && let Some((_, rest)) = value.split_once("response=\"") {
            self.digests
                .insert(rest.split('"').next().unwrap_or_default());
        }
        format!("{name}: {value}\r\n")
    }

    /// A response to a request that the engine sent, from the one who got it or from another.
    pub(super) fn response(&self, feed: &mut Feed<'_>) -> Option<(usize, Vec<u8>)> {
        let requests: Vec<_> = self
            .got
            .iter()
            .filter(|(_, m)| !m.starts_with("SIP/2.0 "))
            .collect();
        let (to, request) = requests.get(back(requests.len(), feed.below(8))?)?;
        let from = self.peer_at(feed, *to);
        let status = feed.pick(STATUSES);
        let mut text = format!("SIP/2.0 {status} X\r\n");
        for line in head(request).split("\r\n").skip(1) {
            let (name, _) = line.split_once(':').unwrap_or_default();
            match name {
                "Via" | "v" | "From" | "Call-ID" | "CSeq" => {
                    text.push_str(line);
                    text.push_str("\r\n");
                }
                "Record-Route" if (101..300).contains(&status) => {
                    text.push_str(line);
                    text.push_str("\r\n");
                }
                "To" => {
                    let has_tag = line.contains(";tag=") || status == 100;
                    text.push_str(line);
                    text.push_str(if has_tag { "\r\n" } else { ";tag=b\r\n" });
                }
                _ => {}
            }
        }
        let contact = PEERS[from].address;
        text.push_str(&format!("Contact: <sip:x@{contact}>\r\n"));
        for _ in 0..feed.below(3) {
            text.push_str(feed.pick(EXTRAS));
        }
        text.push_str(feed.pick(ENDS));
        let mut bytes = text.into_bytes();
        if feed.once_in(8) {
            feed.mutate(&mut bytes);
        }
        Some((from, bytes))
    }

    /// A request inside a dialog that a message with our Record-Route made.
    pub(super) fn in_dialog(&self, feed: &mut Feed<'_>) -> Option<(usize, Vec<u8>)> {
        let makers: Vec<_> = self
            .got
            .iter()
            .filter(|(_, m)| header(m, "Record-Route").is_some())
            .collect();
        let (at, maker) = makers.get(back(makers.len(), feed.below(8))?)?;
        let from = self.peer_at(feed, *at);
        let is_caller = maker.starts_with("SIP/2.0 ");
        let mut routes: Vec<_> = head(maker)
            .split("\r\n")
            .filter_map(|line| line.strip_prefix("Record-Route: "))
            .collect();
        let (mut from_line, mut to_line) = (
            header(maker, "From")?.to_owned(),
            header(maker, "To")?.to_owned(),
        );
        if is_caller {
            routes.reverse();
        } else {
            if !to_line.contains(";tag=") {
                to_line.push_str(";tag=b");
            }
            std::mem::swap(&mut from_line, &mut to_line);
        }
        let method = feed.pick(METHODS);
        let contact = header(maker, "Contact").unwrap_or("<sip:x@y>");
        let contact = contact.split(['<', '>']).nth(1).unwrap_or("sip:z");
        let uri = if feed.once_in(4) {
            feed.pick(URIS)
        } else {
            contact
        };
        let mut text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{} {};branch=z9hG4bKd{};rport\r\nMax-Forwards: 70\r\n\
             From: {from_line}\r\nTo: {to_line}\r\nCall-ID: {}\r\nCSeq: {} {method}\r\n",
            PEERS[from].transport.via_token(),
            PEERS[from].address,
            feed.below(8),
            header(maker, "Call-ID")?,
            feed.below(4),
        );
        for route in routes {
            text.push_str(&format!("Route: {route}\r\n"));
        }
        for _ in 0..feed.below(3) {
            text.push_str(feed.pick(EXTRAS));
        }
        text.push_str(feed.pick(ENDS));
        let mut bytes = text.into_bytes();
        if feed.once_in(8) {
            feed.mutate(&mut bytes);
        }
        Some((from, bytes))
    }

    /// The ACK or CANCEL of a request that went in.
    pub(super) fn follow_up(&self, feed: &mut Feed<'_>) -> Option<(usize, Vec<u8>)> {
        let (from, message) = self.sent.get(back(self.sent.len(), feed.below(8))?)?;
        let text = String::from_utf8_lossy(message);
        let (method, _) = text.split_once(' ')?;
        let new = feed.pick(&["ACK", "CANCEL"]);
        let mut text = text.replacen(method, new, 1).replacen(
            &format!(" {method}\r\n"),
            &format!(" {new}\r\n"),
            1,
        );
        // An ACK has the To tag of the answer.
        let call = header(&text, "Call-ID").unwrap_or_default().to_owned();
        let answer = self
            .got
            .iter()
            .rev()
            .find(|(_, m)| m.starts_with("SIP/2.0 ") && header(m, "Call-ID") == Some(&call));
        if let (Some((_, answer)), "ACK") = (answer, new)
            && let (Some(old), Some(to)) = (header(&text, "To"), header(answer, "To"))
        {
            text = text.replacen(&format!("To: {old}\r\n"), &format!("To: {to}\r\n"), 1);
        }
        Some((*from, text.into_bytes()))
    }

    /// Something that was said before, on either side, as it was or changed, by the same or another.
    pub(super) fn again(&self, feed: &mut Feed<'_>) -> Option<(usize, Vec<u8>)> {
        let ours = feed.once_in(2);
        let (from, mut message) = if ours {
            self.sent
                .get(back(self.sent.len(), feed.below(24))?)?
                .clone()
        } else {
            let (to, message) = self.got.get(back(self.got.len(), feed.below(24))?)?;
            (self.peer_at(feed, *to), message.clone().into_bytes())
        };
        let from = if feed.once_in(4) {
            feed.below(PEERS.len())
        } else {
            from
        };
        if !feed.once_in(3) {
            feed.mutate(&mut message);
        }
        Some((from, message))
    }

    /// The peer at an address, now and then another one.
    fn peer_at(&self, feed: &mut Feed<'_>, at: SocketAddr) -> usize {
        let other = feed.once_in(8).then(|| feed.below(PEERS.len()));
        let there = PEERS.iter().position(|p| site::address(p.address) == at);
        other.or(there).unwrap_or(4)
    }
}

fn head(message: &str) -> &str {
    message.split("\r\n\r\n").next().unwrap_or(message)
}

/// The place `nth` from the end.
fn back(len: usize, nth: usize) -> Option<usize> {
    (len > 0).then(|| len - 1 - nth % len)
}

fn keep<T>(memory: &mut VecDeque<T>, new: T) {
    memory.push_back(new);
    if memory.len() > 24 {
        memory.pop_front();
    }
}
