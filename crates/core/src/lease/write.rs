//! Our REGISTER as it goes to the PBX (RFC 3261 10.2).

use super::Slot;
use crate::digits::decimal;
use crate::engine::shard_of;
use crate::flow::Transport;
use crate::hex;
use crate::registrar::{Aor, Location};
use crate::text::Text;

/// All that a REGISTER of ours says.
pub(crate) struct Register<'a> {
    /// Whose.
    pub(crate) aor: &'a Aor,
    /// For what.
    pub(crate) slot: Slot,
    /// The PBX as the configuration writes it, `host[:port]`.
    pub(crate) registrar: &'a str,
    /// Our Via: transport, sent-by, branch.
    pub(crate) via: (Transport, &'a [u8], &'a [u8]),
    /// Where the PBX finds us: transport and `host:port` of our listener.
    pub(crate) at: (Transport, &'a [u8]),
    /// The Call-ID of all REGISTERs of this lease.
    pub(crate) call_id: &'a [u8],
    /// The CSeq number.
    pub(crate) cseq: u32,
    /// What is asked for, in seconds; 0 takes it down.
    pub(crate) expires: u32,
    /// Further header lines, each with its line end.
    pub(crate) more: &'a [u8],
}

impl Register<'_> {
    /// Its Request-URI.
    pub(crate) fn uri(&self) -> Text<128> {
        let mut uri = Text::new();
        uri.put(b"sip:");
        uri.put(self.registrar.as_bytes());
        uri
    }

    /// Appends it.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let (transport, sent_by, branch) = self.via;
        let rport: &[u8] = if transport.is_reliable() {
            b""
        } else {
            b";rport"
        };
        let mut put = |parts: &[&[u8]]| {
            for part in parts {
                out.extend_from_slice(part);
            }
            out.extend_from_slice(b"\r\n");
        };
        let registrar = self.registrar.as_bytes();
        let user = self.aor.user().unwrap_or_default().as_bytes();
        let at: &[u8] = if user.is_empty() { b"" } else { b"@" };
        let tag = self.slot.device().digits();
        put(&[b"REGISTER ", &self.uri(), b" SIP/2.0"]);
        put(&[
            b"Via: SIP/2.0/",
            transport.via_token().as_bytes(),
            b" ",
            sent_by,
            b";branch=",
            branch,
            rport,
        ]);
        put(&[b"Max-Forwards: 70"]);
        put(&[b"From: <sip:", user, at, registrar, b">;tag=", &tag]);
        put(&[b"To: <sip:", user, at, registrar, b">"]);
        put(&[b"Call-ID: ", self.call_id]);
        put(&[b"CSeq: ", &decimal(self.cseq.into()), b" REGISTER"]);
        put(&[
            b"Contact: ",
            &self.contact(),
            b";expires=",
            &decimal(self.expires.into()),
        ]);
        put(&[b"Expires: ", &decimal(self.expires.into())]);
        put(&[self.more, b"User-Agent: bellhop"]);
        put(&[b"Content-Length: 0\r\n"]);
    }

    /// Our Contact: short and opaque, always sip, never over WebSocket, where the PBX could not call back.
    fn contact(&self) -> Text<128> {
        let (transport, host) = self.at;
        let mut contact = Text::new();
        contact.put(b"<sip:");
        contact.put(&self.slot.token());
        contact.put(b"@");
        contact.put(host);
        if transport.is_reliable() {
            contact.put(b";transport=");
            contact.put(transport.uri_token().as_bytes());
        }
        contact.put(b">");
        contact
    }
}

/// The Call-ID of a lease's REGISTERs: one that belongs to this shard, so that the answers come there; the same
/// again after a restart with as many shards (RFC 3261 10.2: all registrations of one client have one).
pub(crate) fn call_id(location: &Location, slot: Slot, (shard, shards): (u16, u16)) -> Box<[u8]> {
    let text = |n| {
        let mut text = hex::of_u64(location.number_of(slot.device(), n)).to_vec();
        text.extend_from_slice(b"@bellhop");
        text
    };
    let is_home = |text: &Vec<u8>| {
        let line = [b"x\r\nCall-ID: ", text.as_slice(), b"\r\n\r\n"].concat();
        shard_of(&line, usize::from(shards)) == usize::from(shard)
    };
    // Each of them is right with a chance of one in as many as there are shards.
    let found = (0..MOST_TRIES).map(text).find(is_home);
    found.unwrap_or_else(|| text(0)).into_boxed_slice()
}

const MOST_TRIES: u32 = 100_000;
