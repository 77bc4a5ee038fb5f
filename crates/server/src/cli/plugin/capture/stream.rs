//! SIP messages out of TCP segments that come twice, late and in any order.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
};

use bellhop_wire::{Framer, Limits, frame::Frame};

use super::packet::Segment;

/// The streams of a capture, each direction for itself.
#[derive(Default)]
pub(super) struct Streams(HashMap<(SocketAddr, SocketAddr), Stream>);

#[derive(Default)]
struct Stream {
    /// The number of the next byte; none before the first segment.
    next: Option<u32>,
    /// Segments behind a gap, by their distance from `next` when they came.
    early: BTreeMap<u32, Vec<u8>>,
    /// What is not a whole message yet.
    buffer: Vec<u8>,
    framer: Framer,
}

impl Streams {
    /// The messages that this segment makes whole.
    pub(super) fn take(&mut self, way: (SocketAddr, SocketAddr), segment: Segment) -> Vec<Vec<u8>> {
        let stream = self.0.entry(way).or_default();
        if segment.opens {
            *stream = Stream::default();
            stream.next = Some(segment.sequence.wrapping_add(1));
        }
        if !segment.data.is_empty() {
            stream.put(segment);
        }
        stream.messages()
    }
}

impl Stream {
    fn put(&mut self, segment: Segment) {
        // A capture that begins in the middle of a connection begins where a message does.
        if self.next.is_none() && !is_sip(&segment.data) {
            return;
        }
        let next = *self.next.get_or_insert(segment.sequence);
        self.early.insert(segment.sequence, segment.data);
        let mut next = next;
        while let Some(sequence) = self.reached(next) {
            let data = self.early.remove(&sequence).unwrap_or_default();
            // Bytes that came before are not taken twice.
            let known = usize::try_from(next.wrapping_sub(sequence)).unwrap_or(usize::MAX);
            let fresh = data.get(known..).unwrap_or_default();
            self.buffer.extend_from_slice(fresh);
            next = next.wrapping_add(u32::try_from(fresh.len()).unwrap_or(0));
        }
        self.next = Some(next);
        // Over a gap that nothing fills the stream is lost; it goes on at a message's start.
        if self.early.len() > MOST_EARLY {
            *self = Self::default();
        }
    }

    /// A segment that begins at or before `next`.
    fn reached(&self, next: u32) -> Option<u32> {
        let is_reached = |sequence: &&u32| next.wrapping_sub(**sequence) < HALF;
        self.early.keys().find(is_reached).copied()
    }

    fn messages(&mut self) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        loop {
            let used = match self.framer.next(&self.buffer, &Limits::default()) {
                Ok(Some((frame, used))) => {
                    if let Frame::Message(message) = frame
                        && is_sip(message)
                    {
                        found.push(message.to_vec());
                    }
                    used
                }
                Ok(None) => return found,
                Err(_) => {
                    *self = Self::default();
                    return found;
                }
            };
            self.buffer.drain(..used.min(self.buffer.len()));
        }
    }
}

/// Whether the first line is a start line of SIP (RFC 3261 7.1, 7.2).
pub(super) fn is_sip(bytes: &[u8]) -> bool {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let line = bytes.get(..end).unwrap_or_default().trim_ascii_end();
    line.starts_with(b"SIP/2.0 ") || line.ends_with(b" SIP/2.0")
}

const MOST_EARLY: usize = 256;
/// Sequence numbers less than half the circle behind are before.
const HALF: u32 = 1 << 31;
