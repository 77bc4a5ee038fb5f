//! Our REGISTER as it goes to the PBX (RFC 3261 10.2).

use super::Slot;
use super::gift::contact;
use crate::digits::decimal;
use crate::engine::shard_of;
use crate::flow::Transport;
use crate::hex;
use crate::registrar::{Aor, Location};
use smallvec::SmallVec;

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
    /// The phone's Contact, if that is shown and not ours.
    pub(crate) shown: Option<&'a [u8]>,
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

/// A REGISTER that asks what is bound and changes nothing (RFC 3261 10.2.3).
pub(crate) struct Query<'a> {
    /// Whose bindings.
    pub(crate) aor: &'a Aor,
    /// The PBX as the configuration writes it, `host[:port]`.
    pub(crate) registrar: &'a str,
    /// Our Via: transport, sent-by, branch.
    pub(crate) via: (Transport, &'a [u8], &'a [u8]),
    /// Our tag.
    pub(crate) tag: &'a [u8],
    /// Its Call-ID.
    pub(crate) call_id: &'a [u8],
    /// Further header lines, each with its line end.
    pub(crate) more: &'a [u8],
}

impl Query<'_> {
    /// Appends it.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        head(out, self.aor, self.registrar, self.via, self.tag);
        line(out, &[b"Call-ID: ", self.call_id]);
        line(out, &[b"CSeq: 1 REGISTER"]);
        line(out, &[self.more, b"User-Agent: bellhop"]);
        line(out, &[b"Content-Length: 0\r\n"]);
    }
}

impl Register<'_> {
    /// Appends it.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let tag = self.slot.device().digits();
        let contact: SmallVec<[u8; 128]> = match self.shown {
            Some(phone) => [b"<", phone, b">"].concat().into(),
            None => SmallVec::from_slice(&contact(self.slot, self.at, b"")),
        };
        let expires = decimal(self.expires.into());
        head(out, self.aor, self.registrar, self.via, &tag);
        line(out, &[b"Call-ID: ", self.call_id]);
        line(out, &[b"CSeq: ", &decimal(self.cseq.into()), b" REGISTER"]);
        line(out, &[b"Contact: ", &contact, b";expires=", &expires]);
        line(out, &[b"Expires: ", &expires]);
        line(out, &[self.more, b"User-Agent: bellhop"]);
        line(out, &[b"Content-Length: 0\r\n"]);
    }
}

/// What every REGISTER of ours begins with.
fn head(
    out: &mut Vec<u8>,
    aor: &Aor,
    registrar: &str,
    (transport, sent_by, branch): (Transport, &[u8], &[u8]),
    tag: &[u8],
) {
    let rport: &[u8] = if transport.is_reliable() {
        b""
    } else {
        b";rport"
    };
    let token = transport.via_token().as_bytes();
    let registrar = registrar.as_bytes();
    let user = aor.user().unwrap_or_default().as_bytes();
    let at: &[u8] = if user.is_empty() { b"" } else { b"@" };
    line(out, &[b"REGISTER sip:", registrar, b" SIP/2.0"]);
    let via: [&[u8]; 6] = [b"Via: SIP/2.0/", token, b" ", sent_by, b";branch=", branch];
    for part in via {
        out.extend_from_slice(part);
    }
    line(out, &[rport]);
    line(out, &[b"Max-Forwards: 70"]);
    line(out, &[b"From: <sip:", user, at, registrar, b">;tag=", tag]);
    line(out, &[b"To: <sip:", user, at, registrar, b">"]);
}

fn line(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(b"\r\n");
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registrar::Device;
    use bellhop_wire::{HeaderId, Limits, NameAddr, Owned, UriRef};

    #[test]
    fn a_register_of_ours_reads_back_whatever_the_aor_is_called() {
        let slot = Slot::Whole(Device::of_bytes([1, 2, 3, 4, 5, 6]));
        for (aor, user) in [
            ("sip:6001@example.org", Some("6001")),
            ("sip:a%20b%40c@example.org", Some("a%20b%40c")),
            ("sip:+49-30;x=y@[2001:db8::1]", Some("+49-30;x=y")),
            ("sip:example.org", None),
        ] {
            let aor = Aor::parse_text(aor).unwrap();
            let register = Register {
                aor: &aor,
                slot,
                shown: None,
                registrar: "pbx.example.org:5070",
                via: (Transport::Tcp, b"proxy.example.org:5060", b"z9hG4bKx"),
                at: (Transport::Tcp, b"proxy.example.org:5060"),
                call_id: b"id@bellhop",
                cseq: 7,
                expires: 3_600,
                more: b"",
            };
            let mut text = Vec::new();
            register.write(&mut text);
            let owned = Owned::parse(&text, &Limits::default()).unwrap();
            let message = owned.message();
            message.check().unwrap();
            let to = message.to().unwrap();
            assert_eq!(to.uri.user, user.map(str::as_bytes));
            assert_eq!(to.uri.port, Some(5_070));
            let contact = message.first_value(HeaderId::Contact).unwrap();
            let contact = NameAddr::parse(contact.raw).unwrap();
            assert_eq!(
                Slot::of_token(contact.uri.user.unwrap()),
                Some(slot.device())
            );
            assert_eq!(contact.uri.transport(), Some(b"tcp".as_slice()));
            assert!(contact.uri.raw.len() < 100);
            assert!(UriRef::parse(message.uri()).is_ok());
        }
    }

    #[test]
    fn a_call_id_belongs_to_its_shard_and_is_the_same_again() {
        let location = Location::new(10, [1, 2, 3, 4]);
        let slot = Slot::Phone(Device::of_bytes([0, 0, 0, 0, 0, 9]));
        for shards in 1..=8 {
            for shard in 0..shards {
                let id = call_id(&location, slot, (shard, shards));
                let line = [b"x\r\nCall-ID: ", &*id, b"\r\n\r\n"].concat();
                assert_eq!(shard_of(&line, usize::from(shards)), usize::from(shard));
                assert_eq!(id, call_id(&location, slot, (shard, shards)));
            }
        }
    }
}
