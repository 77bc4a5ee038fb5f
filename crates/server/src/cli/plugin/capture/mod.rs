//! The SIP in a capture: pcap and pcapng files, Ethernet, Linux "any" or raw IP, UDP and TCP. What was lost,
//! encrypted or cut short in capturing is left out, and counted.

mod cursor;
mod file;
mod packet;
mod stream;

use bellhop_wire::frame;
use std::{net::SocketAddr, time::Duration};

use packet::{Carried, Fragments, Payload};
use stream::Streams;

/// The messages of a capture, in the order in which they were complete.
#[derive(Debug, Default)]
pub(super) struct Capture {
    /// SIP messages.
    pub(super) messages: Vec<Seen>,
    /// Packets that held no SIP, or could not be read.
    pub(super) skipped: usize,
}

/// One message and how it travelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// Since 1970.
    pub(super) at: Duration,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) is_tcp: bool,
    pub(super) bytes: Vec<u8>,
}

/// Reads a capture.
///
/// # Errors
/// It is neither pcap nor pcapng, or of a link type that is not known here. A file that ends too early is
/// read as far as it goes.
pub(super) fn read(bytes: &[u8]) -> Result<Capture, String> {
    let mut capture = Capture::default();
    let mut fragments = Fragments::default();
    let mut streams = Streams::default();
    file::packets(bytes, |at, link, data| {
        let carried = packet::ip(link, data)?.and_then(|ip| fragments.take(ip));
        match carried {
            Some(Carried {
                from,
                to,
                payload: Payload::Udp(data),
            }) => match frame::datagram(&data) {
                frame::Frame::Message(message) if stream::is_sip(message) => {
                    let bytes = message.to_vec();
                    let is_tcp = false;
                    capture.messages.push(Seen {
                        at,
                        from,
                        to,
                        is_tcp,
                        bytes,
                    });
                }
                _ => capture.skipped = capture.skipped.saturating_add(1),
            },
            Some(Carried {
                from,
                to,
                payload: Payload::Tcp(segment),
            }) => {
                for bytes in streams.take((from, to), segment) {
                    let is_tcp = true;
                    capture.messages.push(Seen {
                        at,
                        from,
                        to,
                        is_tcp,
                        bytes,
                    });
                }
            }
            None => capture.skipped = capture.skipped.saturating_add(1),
        }
        Ok(())
    })?;
    Ok(capture)
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]
mod tests;
