//! How calls of two legs, and relayed subscriptions of two dialogs, are written down, and read again: strictly, for what is
//! read here is written into messages.

mod bond;
mod care;
mod record;

pub(super) use self::bond::{read_bond, write_bond};

use crate::{
    bindings::Names,
    codec::{Unreadable, transport_number, transport_of},
    fields::{Fields, begin, end, number, put, text},
};
use bellhop_core::{
    b2bua::{SavedCall, SavedEnd, SavedLeg},
    flow::{Flow, ListenerId},
    registrar::Device,
};
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// Writes a call in place of what `out` has. Its listeners are written by their names: their numbers are only this
/// configuration's.
pub(crate) fn write_call(names: &Names, call: &SavedCall, out: &mut Vec<u8>) {
    begin(VERSION, out);
    put(ANSWERED, &micros(call.answered), out);
    put(AT, &micros(call.at), out);
    if call.is_ending {
        put(ENDING, &[], out);
    }
    put_end(A, names, &call.a, out);
    put_end(B, names, &call.b, out);
    if let Some(record) = &call.record {
        record::put_record(names, record, out);
    }
    if let Some(care) = &call.care {
        care::put_care(care, out);
    }
    end(call.key().as_str(), out);
}

/// Reads what [`write_call`] wrote for this key. A listener that is not there any more is one that there never is: the
/// core finds another that will do.
pub(crate) fn read_call(names: &Names, key: &str, value: &[u8]) -> Result<SavedCall, Unreadable> {
    let fields = Fields::of(VERSION, key, value)?;
    let read = || {
        Some(SavedCall {
            answered: fields.time(ANSWERED)?,
            at: fields.time(AT)?,
            is_ending: fields.one(ENDING).is_some(),
            a: fields.end(A, names)?,
            b: fields.end(B, names)?,
            record: match fields.one(record::RECORD) {
                None => None,
                Some(record) => Some(record::read_record(names, record)?),
            },
            care: match fields.one(care::CARE) {
                None => None,
                Some(care) => Some(care::read_care(care)?),
            },
        })
    };
    let read = read().filter(|call| call.key().as_str() == key);
    read.ok_or(Unreadable::Damaged)
}

fn put_leg(of: u8, names: &Names, leg: &SavedLeg, out: &mut Vec<u8>) {
    let mut put = |field: u8, value: &[u8]| put(of | field, value, out);
    put(CALL_ID, &leg.call_id);
    put(LOCAL, &leg.local);
    put(LOCAL_TAG, &leg.local_tag.to_be_bytes());
    put(REMOTE, &leg.remote);
    put(REMOTE_TAG, &leg.remote_tag);
    put(TARGET, &leg.target);
    put(ROUTES, &leg.routes);
    if let Some((flow, device)) = leg.place {
        put(PLACE, &flow_of(names, flow));
        if let Some(device) = device {
            put(DEVICE, &device.to_bytes());
        }
    }
    put(SEQ, &leg.seq.to_be_bytes());
    put(REMOTE_SEQ, &leg.remote_seq.to_be_bytes());
}

fn put_end(of: u8, names: &Names, end: &SavedEnd, out: &mut Vec<u8>) {
    put_leg(of, names, &end.leg, out);
    let mut put = |field: u8, value: &[u8]| put(of | field, value, out);
    put(FLOW, &flow_of(names, end.flow));
    put(INVITE, &end.invite.0.to_be_bytes());
    put(OUR_INVITE, &end.invite.1.to_be_bytes());
    if let Some(seq) = end.waits {
        put(WAITS, &seq.to_be_bytes());
    }
    if !end.is_open {
        put(CLOSED, &[]);
    }
    if let Some(user) = &end.user {
        put(USER, user.as_bytes());
    }
}

/// Transport, port, whether the address is long, the address, and the listener's name.
fn flow_of(names: &Names, flow: Flow) -> Vec<u8> {
    let mut out = vec![transport_number(flow.transport)];
    out.extend_from_slice(&flow.remote.port().to_be_bytes());
    out.push(flow.remote.is_ipv6().into());
    match flow.remote.ip() {
        IpAddr::V4(ip) => out.extend_from_slice(&ip.octets()),
        IpAddr::V6(ip) => out.extend_from_slice(&ip.octets()),
    }
    out.extend_from_slice(names.of(flow.listener).as_bytes());
    out
}

fn read_flow(names: &Names, bytes: &[u8]) -> Option<Flow> {
    let ([transport], rest) = bytes.split_first_chunk()?;
    let (port, rest) = rest.split_first_chunk()?;
    let ([is_long], rest) = rest.split_first_chunk()?;
    let (ip, name) = match is_long {
        0 => {
            let (ip, name) = rest.split_first_chunk::<4>()?;
            (IpAddr::from(*ip), name)
        }
        1 => {
            let (ip, name) = rest.split_first_chunk::<16>()?;
            (IpAddr::from(*ip), name)
        }
        _ => return None,
    };
    let transport = transport_of(*transport)?;
    let listener = names.find(std::str::from_utf8(name).ok()?, transport);
    Some(Flow {
        listener: listener.unwrap_or(ListenerId(u16::MAX)),
        transport,
        remote: SocketAddr::new(ip, u16::from_be_bytes(*port)),
        connection: None,
    })
}

impl Fields<'_> {
    /// A field that is a time.
    fn time(&self, field: u8) -> Option<Duration> {
        let micros = u64::from_be_bytes(self.one(field)?.try_into().ok()?);
        Some(Duration::from_micros(micros))
    }

    fn leg(&self, of: u8, names: &Names) -> Option<SavedLeg> {
        let one = |field: u8| self.one(of | field);
        // What goes into a message must be of one line.
        let line = |field| {
            let line = one(field)?;
            let is_whole = !line.iter().any(|b| matches!(b, b'\r' | b'\n' | 0));
            is_whole.then(|| Box::<[u8]>::from(line))
        };
        Some(SavedLeg {
            call_id: line(CALL_ID)?,
            local: line(LOCAL)?,
            local_tag: u64::from_be_bytes(one(LOCAL_TAG)?.try_into().ok()?),
            remote: line(REMOTE)?,
            remote_tag: line(REMOTE_TAG)?,
            target: line(TARGET)?,
            routes: line(ROUTES)?,
            place: match one(PLACE) {
                None => None,
                Some(flow) => {
                    let device = match one(DEVICE) {
                        None => None,
                        Some(bytes) => Some(Device::of_bytes(bytes.try_into().ok()?)),
                    };
                    Some((read_flow(names, flow)?, device))
                }
            },
            seq: number(one(SEQ)?)?,
            remote_seq: number(one(REMOTE_SEQ)?)?,
        })
    }

    fn end(&self, of: u8, names: &Names) -> Option<SavedEnd> {
        let one = |field: u8| self.one(of | field);
        let count = |field| number(one(field)?);
        Some(SavedEnd {
            leg: self.leg(of, names)?,
            flow: read_flow(names, one(FLOW)?)?,
            invite: (count(INVITE)?, count(OUR_INVITE)?),
            waits: match one(WAITS) {
                None => None,
                Some(seq) => Some(number(seq)?),
            },
            is_open: one(CLOSED).is_none(),
            user: match one(USER) {
                None => None,
                Some(user) => Some(text(user)?.into()),
            },
        })
    }
}

fn micros(time: Duration) -> [u8; 8] {
    u64::try_from(time.as_micros())
        .unwrap_or(u64::MAX)
        .to_be_bytes()
}

const VERSION: u8 = 1;

// Numbers of fields. One that is given is never given to anything else.
const ANSWERED: u8 = 1;
const AT: u8 = 2;
const ENDING: u8 = 3;

// Those of an end have its bit.
const A: u8 = 64;
const B: u8 = 128;
const CALL_ID: u8 = 1;
const LOCAL: u8 = 2;
const LOCAL_TAG: u8 = 3;
const REMOTE: u8 = 4;
const REMOTE_TAG: u8 = 5;
const TARGET: u8 = 6;
const ROUTES: u8 = 7;
const PLACE: u8 = 8;
const DEVICE: u8 = 9;
const FLOW: u8 = 10;
const SEQ: u8 = 11;
const REMOTE_SEQ: u8 = 12;
const INVITE: u8 = 13;
const OUR_INVITE: u8 = 14;
const WAITS: u8 = 15;
const CLOSED: u8 = 16;
const USER: u8 = 17;

#[cfg(test)]
mod tests;
