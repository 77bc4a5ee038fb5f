//! The messages in packets.

use super::Packet;
use crate::message::Message;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// A message, and the packet that it begins in.
pub(super) struct Sent {
    pub(super) packet: usize,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) text: String,
}

/// The SIP messages in these packets; those of streams are put together.
pub(super) fn messages(packets: &[Packet]) -> Vec<Sent> {
    let mut sent = Vec::new();
    let mut streams: BTreeMap<(SocketAddr, SocketAddr), Stream> = BTreeMap::new();
    for (number, packet) in packets.iter().enumerate() {
        let mut add = |text: String, at| {
            sent.push(Sent {
                packet: at,
                from: packet.from,
                to: packet.to,
                text,
            });
        };
        match packet.sequence {
            None if is_sip(&packet.bytes) => {
                add(String::from_utf8_lossy(&packet.bytes).into_owned(), number);
            }
            None => {}
            Some(sequence) => {
                let stream = streams.entry((packet.from, packet.to)).or_default();
                stream.take(sequence, &packet.bytes, number);
                while let Some(message) = Message::from_stream(&mut stream.bytes) {
                    add(message.text().to_owned(), stream.began);
                    stream.began = number;
                }
            }
        }
    }
    sent
}

/// One direction of a connection.
#[derive(Default)]
struct Stream {
    /// Where the next byte is.
    next: Option<u32>,
    bytes: Vec<u8>,
    /// The packet that the first of them came in.
    began: usize,
}

impl Stream {
    /// Takes what is new of a segment. Segments come in order on the loopback, or again.
    fn take(&mut self, sequence: u32, segment: &[u8], number: usize) {
        let next = *self.next.get_or_insert(sequence);
        let old = usize::try_from(next.wrapping_sub(sequence)).unwrap_or(usize::MAX);
        let is_ahead = old > usize::try_from(u32::MAX / 2).unwrap_or(usize::MAX);
        // A connection anew between the same ports begins elsewhere.
        let new = if is_ahead {
            segment
        } else {
            segment.get(old..).unwrap_or_default()
        };
        if self.bytes.is_empty() {
            self.began = number;
        }
        self.bytes.extend_from_slice(new);
        if !new.is_empty() {
            let length = u32::try_from(segment.len()).unwrap_or_default();
            self.next = Some(sequence.wrapping_add(length));
        }
    }
}

fn is_sip(bytes: &[u8]) -> bool {
    let line = bytes
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    line.starts_with(b"SIP/2.0 ") || line.ends_with(b" SIP/2.0")
}
