//! Session timers and keep-alive of a call, as a field of the call: fields within it.

use super::{A, B, micros};
use crate::fields::{Fields, number, put};
use bellhop_core::b2bua::{SavedCare, SavedSession, SessionConfig};

/// Appends the field.
pub(super) fn put_care(care: &SavedCare, out: &mut Vec<u8>) {
    let mut inner = Vec::with_capacity(128);
    if let Some(timers) = care.timers {
        put(ASKED, &timers.interval.to_be_bytes(), &mut inner);
        put(FLOOR, &timers.least.to_be_bytes(), &mut inner);
    }
    if let Some(keepalive) = care.keepalive {
        put(KEEPALIVE, &micros(keepalive), &mut inner);
    }
    put_session(A, &care.a, &mut inner);
    put_session(B, &care.b, &mut inner);
    put(CARE, &inner, out);
}

/// Reads what is in the field.
pub(super) fn read_care(value: &[u8]) -> Option<SavedCare> {
    let fields = Fields::within(value)?;
    Some(SavedCare {
        timers: match fields.one(ASKED) {
            None => None,
            Some(interval) => Some(SessionConfig {
                interval: number(interval)?,
                least: number(fields.one(FLOOR)?)?,
            }),
        },
        keepalive: match fields.one(KEEPALIVE) {
            None => None,
            Some(_) => Some(fields.time(KEEPALIVE)?),
        },
        a: read_session(A, &fields)?,
        b: read_session(B, &fields)?,
    })
}

fn put_session(of: u8, session: &SavedSession, out: &mut Vec<u8>) {
    put(of | INTERVAL, &session.interval.to_be_bytes(), out);
    put(of | LEAST, &session.least.to_be_bytes(), out);
    let flags = [
        (OURS, session.is_ours),
        (AGREED, session.is_agreed),
        (UPDATES, session.updates),
    ];
    for (flag, _) in flags.into_iter().filter(|(_, is_set)| *is_set) {
        put(of | flag, &[], out);
    }
    if let Some(left) = session.left {
        put(of | LEFT, &micros(left), out);
    }
    put(of | SDP, &session.last_sdp, out);
}

fn read_session(of: u8, fields: &Fields<'_>) -> Option<SavedSession> {
    let has = |field: u8| fields.one(of | field).is_some();
    Some(SavedSession {
        interval: number(fields.one(of | INTERVAL)?)?,
        least: number(fields.one(of | LEAST)?)?,
        is_ours: has(OURS),
        is_agreed: has(AGREED),
        updates: has(UPDATES),
        left: match has(LEFT) {
            false => None,
            true => Some(fields.time(of | LEFT)?),
        },
        last_sdp: fields.one(of | SDP)?.into(),
    })
}

/// The field of the call.
pub(super) const CARE: u8 = 5;

// Numbers of fields within it. One that is given is never given to anything else.
const ASKED: u8 = 1;
const FLOOR: u8 = 2;
const KEEPALIVE: u8 = 3;

// Those of an end have its bit.
const INTERVAL: u8 = 1;
const LEAST: u8 = 2;
const OURS: u8 = 3;
const AGREED: u8 = 4;
const UPDATES: u8 = 5;
const LEFT: u8 = 6;
const SDP: u8 = 7;
