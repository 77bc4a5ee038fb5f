//! Why connections end.

use crate::transport::websocket::Fault;
use std::fmt;

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// The peer closed its half, or all of it.
    ByPeer,
    /// The peer did not read what we sent.
    Unread,
    /// The peer was silent too long, or began a message and did not end it in time.
    Deadline(&'static str),
    /// What the peer sent cannot be followed.
    Framing(bellhop_wire::Error),
    /// As a WebSocket it cannot.
    WebSocket(Fault),
    /// No WebSocket was opened: the answer to its handshake, and why.
    Handshake(Vec<u8>, &'static str),
    /// Another connection needed its place.
    Evicted,
    /// All connections together hold too much, and this one more than a little.
    Crowded,
    /// It could not be opened, or broke.
    Failed(String),
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByPeer => f.write_str("by the peer"),
            Self::Unread => f.write_str("the peer does not read"),
            Self::Deadline(what) => f.write_str(what),
            Self::Framing(error) => write!(f, "the stream cannot be followed: {error}"),
            Self::WebSocket(fault) => write!(f, "the WebSocket cannot be followed: {fault}"),
            Self::Handshake(_, why) => write!(f, "no WebSocket was opened: {why}"),
            Self::Evicted => f.write_str("another needs its place"),
            Self::Crowded => f.write_str("half a message, and memory is short"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}
