//! How bindings are written down: one value for all bindings of an address-of-record, with a version in
//! front and a checksum over key and value behind.

use bellhop_core::{
    flow::{Flow, ListenerId, Transport},
    registrar::Record,
};
use siphasher::sip::SipHasher13;
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// A binding with the name of its listener: its number is only this configuration's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Named<'a> {
    pub(crate) listener: &'a str,
    /// Its flow has listener 0.
    pub(crate) record: Record<'a>,
}

/// Why a value cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is not what was written.
    Damaged,
    /// A newer program wrote it.
    Newer(u8),
}

/// Writes the bindings of one key in place of what `out` has.
pub(crate) fn write<'a>(key: &str, bindings: impl Iterator<Item = Named<'a>>, out: &mut Vec<u8>) {
    out.clear();
    out.push(VERSION);
    for Named { listener, record } in bindings {
        let remote = record.flow.remote;
        let mut flags = 0;
        for (flag, is_set) in [
            (HAS_INSTANCE, record.instance.is_some()),
            (HAS_REG_ID, record.reg_id.is_some()),
            (IS_V6, remote.is_ipv6()),
        ] {
            flags |= if is_set { flag } else { 0 };
        }
        out.push(flags);
        out.push(transport_number(record.flow.transport));
        out.extend_from_slice(&record.q.to_be_bytes());
        out.extend_from_slice(&record.cseq.to_be_bytes());
        out.extend_from_slice(&micros(record.expires).to_be_bytes());
        out.extend_from_slice(&micros(record.updated).to_be_bytes());
        if let Some(reg_id) = record.reg_id {
            out.extend_from_slice(&reg_id.to_be_bytes());
        }
        out.extend_from_slice(&remote.port().to_be_bytes());
        match remote.ip() {
            IpAddr::V4(ip) => out.extend_from_slice(&ip.octets()),
            IpAddr::V6(ip) => out.extend_from_slice(&ip.octets()),
        }
        let parts = [
            Some(listener.as_bytes()),
            Some(record.contact),
            Some(record.params),
            Some(record.call_id),
            Some(record.path),
            record.instance,
        ];
        for part in parts.into_iter().flatten() {
            put_part(part, out);
        }
    }
    let sum = checksum(key, out);
    out.extend_from_slice(&sum);
}

/// Reads what [`write`] wrote for this key.
pub(crate) fn read<'a>(key: &str, value: &'a [u8]) -> Result<Vec<Named<'a>>, Unreadable> {
    let (body, sum) = value.split_last_chunk::<SUM>().ok_or(Unreadable::Damaged)?;
    if *sum != checksum(key, body) {
        return Err(Unreadable::Damaged);
    }
    let mut cursor = Cursor(body);
    match cursor.byte() {
        Some(VERSION) => {}
        Some(version) if version > VERSION => return Err(Unreadable::Newer(version)),
        _ => return Err(Unreadable::Damaged),
    }
    let mut found = Vec::new();
    while !cursor.0.is_empty() {
        found.push(cursor.binding().ok_or(Unreadable::Damaged)?);
    }
    Ok(found)
}

/// The part of a value that is not read yet.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn binding(&mut self) -> Option<Named<'a>> {
        let flags = self.byte()?;
        let transport = transport_of(self.byte()?)?;
        let q = u16::from_be_bytes(self.array()?);
        let cseq = u32::from_be_bytes(self.array()?);
        let expires = Duration::from_micros(u64::from_be_bytes(self.array()?));
        let updated = Duration::from_micros(u64::from_be_bytes(self.array()?));
        let reg_id = match flags & HAS_REG_ID {
            0 => None,
            _ => Some(u32::from_be_bytes(self.array()?)),
        };
        let port = u16::from_be_bytes(self.array()?);
        let ip = match flags & IS_V6 {
            0 => IpAddr::from(self.array::<4>()?),
            _ => IpAddr::from(self.array::<16>()?),
        };
        let listener = std::str::from_utf8(self.part()?).ok()?;
        let (contact, params) = (self.part()?, self.part()?);
        let (call_id, path) = (self.part()?, self.part()?);
        let instance = match flags & HAS_INSTANCE {
            0 => None,
            _ => Some(self.part()?),
        };
        let record = Record {
            contact,
            params,
            call_id,
            path,
            instance,
            reg_id,
            q,
            cseq,
            expires,
            updated,
            flow: Flow {
                listener: ListenerId(0),
                transport,
                remote: SocketAddr::new(ip, port),
                connection: None,
            },
        };
        Some(Named { listener, record })
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    fn part(&mut self) -> Option<&'a [u8]> {
        let len = u32::from_be_bytes(self.array()?);
        let (part, rest) = self.0.split_at_checked(usize::try_from(len).ok()?)?;
        self.0 = rest;
        Some(part)
    }
}

fn put_part(part: &[u8], out: &mut Vec<u8>) {
    // A REGISTER is far below 4 GiB.
    let len = u32::try_from(part.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(part);
}

pub(crate) fn checksum(key: &str, body: &[u8]) -> [u8; SUM] {
    let hasher = SipHasher13::new();
    let mut text = Vec::with_capacity(key.len().saturating_add(body.len()).saturating_add(1));
    text.extend_from_slice(key.as_bytes());
    text.push(0);
    text.extend_from_slice(body);
    hasher.hash(&text).to_be_bytes()
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

pub(crate) const fn transport_number(transport: Transport) -> u8 {
    match transport {
        Transport::Udp => 0,
        Transport::Tcp => 1,
        Transport::Tls => 2,
        Transport::Ws => 3,
        Transport::Wss => 4,
    }
}

pub(crate) const fn transport_of(number: u8) -> Option<Transport> {
    match number {
        0 => Some(Transport::Udp),
        1 => Some(Transport::Tcp),
        2 => Some(Transport::Tls),
        3 => Some(Transport::Ws),
        4 => Some(Transport::Wss),
        _ => None,
    }
}

const VERSION: u8 = 1;
const SUM: usize = 8;
const HAS_INSTANCE: u8 = 1;
const HAS_REG_ID: u8 = 2;
const IS_V6: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(transport: Transport, remote: &str) -> Record<'static> {
        Record {
            contact: b"sip:bob@192.0.2.9;ob",
            params: b";x=\"y\"",
            call_id: b"1@phone",
            path: b"<sip:edge;lr>",
            instance: Some(b"<urn:uuid:1>"),
            reg_id: Some(7),
            q: 500,
            cseq: u32::MAX,
            expires: Duration::from_micros(1_800_000_000_123_456),
            updated: Duration::from_micros(1_799_999_000_000_001),
            flow: Flow {
                listener: ListenerId(0),
                transport,
                remote: remote.parse().unwrap(),
                connection: None,
            },
        }
    }

    fn samples() -> [Named<'static>; 3] {
        let plain = Record {
            params: b"",
            path: b"",
            instance: None,
            reg_id: None,
            ..record(Transport::Udp, "192.0.2.9:5060")
        };
        [
            ("udp", plain),
            (
                "wss of the \u{e4}ther",
                record(Transport::Wss, "[2001:db8::1]:4"),
            ),
            ("", record(Transport::Tls, "192.0.2.1:65535")),
        ]
        .map(|(listener, record)| Named { listener, record })
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        for count in 0..=3 {
            let some = &samples()[..count];
            let mut out = Vec::new();
            write("bob@x", some.iter().copied(), &mut out);
            assert_eq!(read("bob@x", &out).unwrap(), some);
        }
    }

    #[test]
    fn any_octet_that_changed_and_any_that_is_missing_is_noticed() {
        let mut good = Vec::new();
        write("bob@x", samples().into_iter(), &mut good);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert_eq!(read("bob@x", &bad), Err(Unreadable::Damaged), "{at}");
            assert_eq!(read("bob@x", &good[..at]), Err(Unreadable::Damaged), "{at}");
        }
        assert_eq!(read("bab@x", &good), Err(Unreadable::Damaged));
    }

    #[test]
    fn what_a_newer_program_wrote_is_told_from_damage() {
        let mut newer = vec![VERSION + 1, 1, 2, 3];
        let sum = checksum("bob@x", &newer);
        newer.extend_from_slice(&sum);
        assert_eq!(read("bob@x", &newer), Err(Unreadable::Newer(VERSION + 1)));
    }
}
