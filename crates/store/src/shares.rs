//! How watchers, and subscriptions of ours at the PBX, are written down.

use crate::codec::{Unreadable, transport_number, transport_of};
use crate::fields::{Fields, begin, end, number, put, text};
use bellhop_core::{
    flow::{Flow, ListenerId, Transport},
    registrar::{Aor, Device},
    share::{Dialog, Key, SavedSource, SavedWatcher},
    upstream::Place,
};
use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    time::Duration,
};

/// A watcher with the name of its listener: its number is only this configuration's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedWatcher {
    pub(crate) listener: String,
    /// Its flow has listener 0.
    pub(crate) watcher: SavedWatcher,
}

/// Writes a watcher in place of what `out` has.
pub(crate) fn write_watcher(tag: &str, listener: &str, watcher: &SavedWatcher, out: &mut Vec<u8>) {
    begin(VERSION, out);
    for key in &watcher.keys {
        put_key(key, out);
    }
    put_dialog(&watcher.dialog, out);
    put(LISTENER, listener.as_bytes(), out);
    put_flow(watcher.flow, out);
    if let Some(device) = watcher.device {
        put(DEVICE, &device.to_bytes(), out);
    }
    if let Some(by) = &watcher.by {
        put(BY, by.as_str().as_bytes(), out);
    }
    put(EVENT, &watcher.event, out);
    put(RECORD, &watcher.record, out);
    put(RESOURCE, &watcher.resource, out);
    let micros = u64::try_from(watcher.until.as_micros()).unwrap_or(u64::MAX);
    put(UNTIL, &micros.to_be_bytes(), out);
    end(tag, out);
}

/// Reads what [`write_watcher`] wrote for this tag.
pub(crate) fn read_watcher(tag: &str, value: &[u8]) -> Result<NamedWatcher, Unreadable> {
    let fields = Fields::of(VERSION, tag, value)?;
    let read = || {
        let (transport, remote) = fields.flow()?;
        Some(NamedWatcher {
            listener: text(fields.one(LISTENER)?)?,
            watcher: SavedWatcher {
                keys: fields.keys()?,
                dialog: fields.dialog()?,
                flow: Flow {
                    listener: ListenerId(0),
                    transport,
                    remote,
                    connection: None,
                },
                device: fields.one(DEVICE).map(device_of).unwrap_or_default(),
                by: match fields.one(BY) {
                    Some(by) => Some(aor(by)?),
                    None => None,
                },
                event: fields.one(EVENT)?.into(),
                record: fields.one(RECORD)?.into(),
                resource: fields.one(RESOURCE)?.into(),
                until: Duration::from_micros(u64::from_be_bytes(
                    fields.one(UNTIL)?.try_into().ok()?,
                )),
            },
        })
    };
    let read = read().filter(|read| read.watcher.tag().is_some_and(|own| own.as_str() == tag));
    read.ok_or(Unreadable::Damaged)
}

/// Writes a subscription of ours in place of what `out` has.
pub(crate) fn write_source(tag: &str, source: &SavedSource, out: &mut Vec<u8>) {
    begin(VERSION, out);
    put_key(&source.key, out);
    put_dialog(&source.dialog, out);
    put(BY, source.by.as_str().as_bytes(), out);
    put_place(source.place, out);
    end(tag, out);
}

/// Reads what [`write_source`] wrote for this tag.
pub(crate) fn read_source(tag: &str, value: &[u8]) -> Result<SavedSource, Unreadable> {
    let fields = Fields::of(VERSION, tag, value)?;
    let read = || {
        Some(SavedSource {
            key: fields.keys()?.pop()?,
            by: aor(fields.one(BY)?)?,
            dialog: fields.dialog()?,
            place: fields.place()?,
        })
    };
    let read = read().filter(|read| read.tag().is_some_and(|own| own.as_str() == tag));
    read.ok_or(Unreadable::Damaged)
}

fn put_key(key: &Key, out: &mut Vec<u8>) {
    put(KEY_RESOURCE, key.resource.as_str().as_bytes(), out);
    put(KEY_PACKAGE, key.package.as_bytes(), out);
    put(KEY_ACCEPT, key.accept.as_bytes(), out);
}

pub(crate) fn put_dialog(dialog: &Dialog, out: &mut Vec<u8>) {
    put(CALL_ID, &dialog.call_id, out);
    put(LOCAL, &dialog.local, out);
    put(LOCAL_TAG, &dialog.local_tag, out);
    put(REMOTE, &dialog.remote, out);
    put(REMOTE_TAG, &dialog.remote_tag, out);
    put(TARGET, &dialog.target, out);
    for route in &dialog.routes {
        put(ROUTE, route, out);
    }
    put(CSEQ, &dialog.cseq.to_be_bytes(), out);
    if let Some(cseq) = dialog.remote_cseq {
        put(REMOTE_CSEQ, &cseq.to_be_bytes(), out);
    }
}

pub(crate) fn put_flow(flow: Flow, out: &mut Vec<u8>) {
    put(TRANSPORT, &[transport_number(flow.transport)], out);
    put(PORT, &flow.remote.port().to_be_bytes(), out);
    put_ip(ADDRESS, flow.remote.ip(), out);
}

/// Where the PBX is that has a subscription, if that is known.
pub(crate) fn put_place(place: Option<Place>, out: &mut Vec<u8>) {
    let Some((transport, remote)) = place else {
        return;
    };
    put(PLACE_TRANSPORT, &[transport_number(transport)], out);
    put(PLACE_PORT, &remote.port().to_be_bytes(), out);
    put_ip(PLACE_ADDRESS, remote.ip(), out);
}

fn put_ip(field: u8, ip: IpAddr, out: &mut Vec<u8>) {
    match ip {
        IpAddr::V4(ip) => put(field, &ip.octets(), out),
        IpAddr::V6(ip) => put(field, &ip.octets(), out),
    }
}

impl Fields<'_> {
    fn keys(&self) -> Option<Vec<Key>> {
        let (packages, accepts) = (self.all(KEY_PACKAGE), self.all(KEY_ACCEPT));
        let parts = self.all(KEY_RESOURCE).zip(packages).zip(accepts);
        let key = |((resource, package), accept): ((&[u8], &[u8]), &[u8])| {
            Some(Key {
                resource: aor(resource)?,
                package: text(package)?.into(),
                accept: text(accept)?.into(),
            })
        };
        let keys: Vec<Key> = parts.map(key).collect::<Option<_>>()?;
        (!keys.is_empty()).then_some(keys)
    }

    pub(crate) fn dialog(&self) -> Option<Dialog> {
        Some(Dialog {
            call_id: self.one(CALL_ID)?.into(),
            local: self.one(LOCAL)?.into(),
            local_tag: self.one(LOCAL_TAG)?.into(),
            remote: self.one(REMOTE)?.into(),
            remote_tag: self.one(REMOTE_TAG)?.into(),
            target: self.one(TARGET)?.into(),
            routes: self.all(ROUTE).map(Into::into).collect(),
            cseq: number(self.one(CSEQ)?)?,
            remote_cseq: match self.one(REMOTE_CSEQ) {
                Some(cseq) => Some(number(cseq)?),
                None => None,
            },
        })
    }

    pub(crate) fn flow(&self) -> Option<(Transport, SocketAddr)> {
        self.reached_at(TRANSPORT, PORT, ADDRESS)
    }

    /// What [`put_place`] wrote; `None`: it is none.
    pub(crate) fn place(&self) -> Option<Option<Place>> {
        match self.one(PLACE_TRANSPORT) {
            Some(_) => self
                .reached_at(PLACE_TRANSPORT, PLACE_PORT, PLACE_ADDRESS)
                .map(Some),
            None => Some(None),
        }
    }

    fn reached_at(&self, transport: u8, port: u8, address: u8) -> Option<(Transport, SocketAddr)> {
        let transport = transport_of(*self.one(transport)?.first()?)?;
        let port = u16::from_be_bytes(self.one(port)?.try_into().ok()?);
        let address = self.one(address)?;
        let ip = match <[u8; 4]>::try_from(address) {
            Ok(v4) => IpAddr::from(v4),
            Err(_) => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(address).ok()?)),
        };
        Some((transport, SocketAddr::new(ip, port)))
    }
}

fn aor(bytes: &[u8]) -> Option<Aor> {
    Aor::of_canonical(std::str::from_utf8(bytes).ok()?)
}

pub(crate) fn device_of(bytes: &[u8]) -> Option<Device> {
    Some(Device::of_bytes(bytes.try_into().ok()?))
}

const VERSION: u8 = 1;

// Numbers of fields. One that is given is never given to anything else.
const KEY_RESOURCE: u8 = 1;
const KEY_PACKAGE: u8 = 2;
const KEY_ACCEPT: u8 = 3;
const CALL_ID: u8 = 4;
const LOCAL: u8 = 5;
const LOCAL_TAG: u8 = 6;
const REMOTE: u8 = 7;
const REMOTE_TAG: u8 = 8;
const TARGET: u8 = 9;
const ROUTE: u8 = 10;
const CSEQ: u8 = 11;
const REMOTE_CSEQ: u8 = 12;
pub(crate) const LISTENER: u8 = 13;
const TRANSPORT: u8 = 14;
const PORT: u8 = 15;
const ADDRESS: u8 = 16;
pub(crate) const DEVICE: u8 = 17;
const BY: u8 = 18;
pub(crate) const EVENT: u8 = 19;
const RECORD: u8 = 20;
const RESOURCE: u8 = 21;
pub(crate) const UNTIL: u8 = 22;
// 40 to 43: of what is relayed.
const PLACE_TRANSPORT: u8 = 44;
const PLACE_PORT: u8 = 45;
const PLACE_ADDRESS: u8 = 46;

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "0123456789abcdef";

    fn key(resource: &str) -> Key {
        Key {
            resource: Aor::parse_text(resource).unwrap(),
            package: "dialog".into(),
            accept: "application/dialog-info+xml".into(),
        }
    }

    fn watcher() -> SavedWatcher {
        let bytes = |text: &str| text.as_bytes().into();
        SavedWatcher {
            keys: vec![key("sip:6002@example.org"), key("sip:6003@example.org")],
            dialog: Dialog {
                call_id: bytes("1@phone"),
                local: bytes("<sip:6002@example.org>"),
                local_tag: bytes(TAG),
                remote: bytes("\"M\u{fc}ller\" <sip:6001@example.org>;tag=t"),
                remote_tag: bytes("t"),
                target: bytes("sip:6001@192.0.2.1:5060"),
                routes: vec![bytes("<sip:a;lr>"), bytes("<sip:b;lr>")],
                cseq: 4_096,
                remote_cseq: Some(u32::MAX),
            },
            flow: Flow {
                listener: ListenerId(0),
                transport: Transport::Wss,
                remote: "[2001:db8::1]:5061".parse().unwrap(),
                connection: None,
            },
            device: Some(Device::of_bytes([1, 2, 3, 4, 5, 6])),
            by: Some(Aor::parse_text("sip:6001@example.org").unwrap()),
            event: bytes("dialog;id=7"),
            record: bytes("<sip:token@192.0.2.9:5060;lr>"),
            resource: bytes("sip:6002@example.org"),
            until: Duration::from_micros(1_800_000_000_123_456),
        }
    }

    fn plain() -> SavedWatcher {
        let mut plain = watcher();
        plain.keys.truncate(1);
        (plain.device, plain.by, plain.dialog.remote_cseq) = (None, None, None);
        plain.dialog.routes.clear();
        plain.flow.remote = "192.0.2.1:5060".parse().unwrap();
        plain
    }

    #[test]
    fn a_watcher_is_read_as_it_was_written() {
        for watcher in [watcher(), plain()] {
            let mut out = vec![9; 9];
            write_watcher(TAG, "wss of the \u{e4}ther", &watcher, &mut out);
            let read = read_watcher(TAG, &out).unwrap();
            assert_eq!(read.listener, "wss of the \u{e4}ther");
            assert_eq!(read.watcher, watcher);
        }
    }

    #[test]
    fn a_subscription_of_ours_is_read_as_it_was_written() {
        let watcher = watcher();
        let source = SavedSource {
            key: key("sip:6002@example.org"),
            by: Aor::parse_text("sip:6001@example.org").unwrap(),
            dialog: watcher.dialog,
            place: None,
        };
        let there = |place: &str| SavedSource {
            place: Some((Transport::Tcp, place.parse().unwrap())),
            ..source.clone()
        };
        for source in [
            there("192.0.2.9:5070"),
            there("[2001:db8::9]:5060"),
            source.clone(),
        ] {
            let mut out = Vec::new();
            write_source(TAG, &source, &mut out);
            assert_eq!(read_source(TAG, &out).unwrap(), source);
        }
    }

    /// And a program that does not know these fields leaves them out, so that going back loses nothing else.
    #[test]
    fn what_an_earlier_program_wrote_is_read_and_is_at_no_known_target() {
        let source = SavedSource {
            key: key("sip:6002@example.org"),
            by: Aor::parse_text("sip:6001@example.org").unwrap(),
            dialog: watcher().dialog,
            place: None,
        };
        let mut out = Vec::new();
        begin(1, &mut out);
        put_key(&source.key, &mut out);
        put_dialog(&source.dialog, &mut out);
        put(BY, source.by.as_str().as_bytes(), &mut out);
        end(TAG, &mut out);
        assert_eq!(read_source(TAG, &out).unwrap(), source);
    }

    #[test]
    fn half_a_place_is_none_of_ours() {
        let mut out = Vec::new();
        let source = SavedSource {
            key: key("sip:6002@example.org"),
            by: Aor::parse_text("sip:6001@example.org").unwrap(),
            dialog: watcher().dialog,
            place: None,
        };
        write_source(TAG, &source, &mut out);
        out.truncate(out.len() - 8);
        put(PLACE_TRANSPORT, &[0], &mut out);
        end(TAG, &mut out);
        assert_eq!(read_source(TAG, &out), Err(Unreadable::Damaged));
    }

    #[test]
    fn any_octet_that_changed_and_any_that_is_missing_is_noticed() {
        let mut good = Vec::new();
        write_watcher(TAG, "udp", &watcher(), &mut good);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert_eq!(read_watcher(TAG, &bad), Err(Unreadable::Damaged), "{at}");
            let half = &good[..at];
            assert_eq!(read_watcher(TAG, half), Err(Unreadable::Damaged), "{at}");
        }
        let other = "fedcba9876543210";
        assert_eq!(read_watcher(other, &good), Err(Unreadable::Damaged));
    }

    #[test]
    fn fields_that_a_later_program_adds_are_left_out_and_a_newer_form_is_told() {
        let mut out = Vec::new();
        write_watcher(TAG, "udp", &plain(), &mut out);
        out.truncate(out.len() - 8);
        put(200, b"something new", &mut out);
        end(TAG, &mut out);
        assert_eq!(read_watcher(TAG, &out).unwrap().watcher, plain());
        let mut newer = vec![VERSION + 1];
        end(TAG, &mut newer);
        assert_eq!(
            read_watcher(TAG, &newer),
            Err(Unreadable::Newer(VERSION + 1))
        );
    }
}
