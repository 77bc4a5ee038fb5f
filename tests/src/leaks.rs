//! What the outside is shown of the inside: every message to the outside is looked through for what the messages of
//! the inside are known by.

mod sent;

use self::sent::{Sent, messages};
use crate::message::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// A datagram, or a piece of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Who sent it.
    pub from: SocketAddr,
    /// Whom to.
    pub to: SocketAddr,
    /// Where in its stream it begins; nothing: it is a datagram.
    pub sequence: Option<u32>,
    /// What it carries.
    pub bytes: Vec<u8>,
}

/// Who stands where.
#[derive(Clone, Debug)]
pub struct Sides {
    /// Bellhop, which both sides speak with.
    pub bellhop: IpAddr,
    /// Whoever is inside.
    pub inside: Vec<IpAddr>,
    /// What the inside is called besides its addresses.
    pub names: Vec<String>,
}

/// What a look has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Messages to the outside.
    pub messages: usize,
    /// Messages between Bellhop and the inside.
    pub inner: usize,
    /// Words that were looked for.
    pub words: usize,
    /// Each occurrence.
    pub leaks: Vec<Leak>,
}

/// One word of the inside in one message to the outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// The number of the packet that the message begins in.
    pub packet: usize,
    /// Who sent it.
    pub from: SocketAddr,
    /// Whom to.
    pub to: SocketAddr,
    /// The message's first line.
    pub start: String,
    /// The line with the word.
    pub line: String,
    /// The word.
    pub word: String,
    /// What it is.
    pub what: &'static str,
}

impl Sides {
    /// Looks through all of these packets.
    pub fn look(&self, packets: &[Packet]) -> Look {
        let sent = messages(packets);
        let is_inner = |ip: IpAddr| self.inside.contains(&ip);
        let mut words = BTreeMap::new();
        for ip in &self.inside {
            words.insert(ip.to_string(), "address");
        }
        for name in &self.names {
            words.insert(name.clone(), "name");
        }
        let mut look = Look::default();
        for message in &sent {
            let is_of_both = |one: IpAddr, other: IpAddr| one == self.bellhop && is_inner(other);
            let (from, to) = (message.from.ip(), message.to.ip());
            if is_of_both(from, to) || is_of_both(to, from) {
                look.inner += 1;
                let is_from_there = is_inner(from);
                learn(&message.text, is_from_there, &mut words);
            }
        }
        look.words = words.len();
        for message in &sent {
            let (from, to) = (message.from.ip(), message.to.ip());
            if is_inner(from) != is_inner(to) && from != self.bellhop && to != self.bellhop {
                look.leaks
                    .push(message.leak("", ("the whole message", "past Bellhop")));
            }
            if from != self.bellhop || is_inner(to) || to == self.bellhop {
                continue;
            }
            look.messages += 1;
            for line in message.text.lines() {
                let plain = unescaped(line);
                for (word, what) in &words {
                    if has_word(line, word) || has_word(&plain, word) {
                        look.leaks.push(message.leak(line, (word, what)));
                    }
                }
            }
        }
        look
    }
}

impl Look {
    /// How many different kinds of things were shown.
    pub fn kinds(&self) -> BTreeSet<&'static str> {
        self.leaks.iter().map(|leak| leak.what).collect()
    }
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} occurrences of {} words of the inside in {} messages to the outside ({} inside)",
            self.leaks.len(),
            self.words,
            self.messages,
            self.inner
        )?;
        for leak in &self.leaks {
            writeln!(
                f,
                "packet {} {} -> {} {:?}: {} {:?} in {:?}",
                leak.packet, leak.from, leak.to, leak.start, leak.what, leak.word, leak.line
            )?;
        }
        Ok(())
    }
}

impl Sent {
    fn leak(&self, line: &str, (word, what): (&str, &'static str)) -> Leak {
        Leak {
            packet: self.packet,
            from: self.from,
            to: self.to,
            start: self.text.lines().next().unwrap_or_default().to_owned(),
            line: line.to_owned(),
            word: word.to_owned(),
            what,
        }
    }
}

/// What a message of the inside is known by.
fn learn(text: &str, is_from_there: bool, words: &mut BTreeMap<String, &'static str>) {
    let message = Message::new(text.to_owned());
    let mut add = |word: &str, what| {
        let word = word.trim();
        if !word.is_empty() {
            words.entry(word.to_owned()).or_insert(what);
        }
    };
    for name in ["Call-ID", "i"] {
        message.headers(name).for_each(|id| add(id, "Call-ID"));
    }
    for name in ["From", "To", "f", "t"] {
        let values = message.headers(name);
        values.for_each(|value| add(param(value, "tag"), "tag"));
    }
    for name in ["Via", "v"] {
        let values = message.headers(name).flat_map(|line| line.split(','));
        values.for_each(|value| add(param(value, "branch"), "branch"));
    }
    for name in ["Server", "User-Agent"] {
        if is_from_there {
            message.headers(name).for_each(|it| add(it, "banner"));
        }
    }
}

fn param<'a>(value: &'a str, name: &str) -> &'a str {
    let parts = value.split(';').map(str::trim);
    let found = parts.filter_map(|part| part.split_once('='));
    let mut found = found.filter(|(key, _)| key.eq_ignore_ascii_case(name));
    found.next().map_or("", |(_, value)| value)
}

/// A line with its escapes of URIs resolved (RFC 3986 2.1): a Call-ID in a Refer-To has them.
fn unescaped(line: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = line.bytes().collect::<std::collections::VecDeque<_>>();
    while let Some(byte) = bytes.pop_front() {
        let digits: Vec<u8> = bytes.iter().take(2).copied().collect();
        let value = std::str::from_utf8(&digits).ok().filter(|d| d.len() == 2);
        match value.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(value) if byte == b'%' => {
                out.push(value);
                bytes.drain(..2);
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether a word stands in a line in any case of letters, not as a part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let (line, word) = (line.to_ascii_lowercase(), word.to_ascii_lowercase());
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    line.match_indices(&word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        !is_part(before.chars().next_back()) && !is_part(after.chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BELLHOP: &str = "127.0.0.2:5060";
    const PBX: &str = "127.0.0.1:5060";
    const PHONE: &str = "127.0.0.11:5060";

    fn packet(from: &str, to: &str, text: &str) -> Packet {
        Packet {
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            sequence: None,
            bytes: text.as_bytes().to_vec(),
        }
    }

    fn inner() -> Packet {
        packet(
            PBX,
            BELLHOP,
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.2;branch=z9hG4bKin\r\nFrom: <sip:a@b>;tag=from-in\r\n\
             To: <sip:c@d>;tag=to-in\r\nCall-ID: abc@in\r\nServer: Asterisk 22\r\nContent-Length: 0\r\n\r\n",
        )
    }

    fn look(packets: &[Packet]) -> Look {
        let sides = Sides {
            bellhop: BELLHOP.parse::<SocketAddr>().unwrap().ip(),
            inside: vec![PBX.parse::<SocketAddr>().unwrap().ip()],
            names: vec!["pbx.inside".to_owned()],
        };
        sides.look(packets)
    }

    fn outer(line: &str) -> Packet {
        let text =
            format!("SIP/2.0 200 OK\r\nCall-ID: outer\r\n{line}\r\nContent-Length: 0\r\n\r\n");
        packet(BELLHOP, PHONE, &text)
    }

    #[test]
    fn each_word_of_the_inside_is_found_with_its_packet_and_its_line() {
        for (line, what) in [
            ("Call-ID: abc@in", "Call-ID"),
            ("To: <sip:c@d>;tag=TO-IN", "tag"),
            ("Via: SIP/2.0/UDP x;branch=z9hG4bKin", "branch"),
            ("Server: Asterisk 22", "banner"),
            ("c=IN IP4 127.0.0.1", "address"),
            ("Warning: 399 pbx.inside \"no\"", "name"),
            (
                "Refer-To: <sip:c@d?Replaces=abc%40in%3Bto-tag%3Dx>",
                "Call-ID",
            ),
        ] {
            let look = look(&[outer("Subject: fine"), outer(line), inner()]);
            let found: Vec<_> = look
                .leaks
                .iter()
                .map(|l| (l.packet, &*l.line, l.what))
                .collect();
            assert_eq!(found, [(1, line, what)], "{look}");
            assert_eq!((look.messages, look.inner, look.words), (2, 1, 7));
        }
    }

    #[test]
    fn a_part_of_a_longer_word_and_what_the_inside_is_sent_are_no_leaks() {
        let to_pbx = packet(
            BELLHOP,
            PBX,
            "ACK sip:127.0.0.1 SIP/2.0\r\nCall-ID: abc@in\r\n\r\n",
        );
        let look = look(&[inner(), to_pbx, outer("X: xabc@in 127.0.0.11 to-in2")]);
        assert!(look.leaks.is_empty(), "{look}");
    }

    #[test]
    fn a_word_that_two_segments_of_a_stream_share_is_found_and_a_segment_twice_counts_once() {
        let whole = outer("X: abc@in");
        let text = std::str::from_utf8(&whole.bytes).unwrap();
        let middle = text.find("@in").unwrap();
        let (one, other) = whole.bytes.split_at(middle);
        let start = u32::MAX - 5;
        let segment = |at: u32, bytes: &[u8]| Packet {
            sequence: Some(start.wrapping_add(at)),
            bytes: bytes.to_vec(),
            ..whole.clone()
        };
        let length = u32::try_from(one.len()).unwrap();
        let segments = [
            segment(0, one),
            segment(0, one),
            segment(length, other),
            inner(),
        ];
        let look = look(&segments);
        assert_eq!(look.messages, 1, "{look}");
        assert_eq!(look.leaks.len(), 1, "{look}");
        assert_eq!(look.leaks[0].packet, 0);
    }

    #[test]
    fn a_message_of_the_pbx_past_bellhop_is_one_itself() {
        let look = look(&[inner(), packet(PBX, PHONE, "BYE sip:x SIP/2.0\r\n\r\n")]);
        assert_eq!(look.leaks.len(), 1, "{look}");
    }
}
