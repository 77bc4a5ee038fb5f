//! What is to be told of a call when it is over, as a field of the call: fields within it.

use super::{flow_of, micros, read_flow};
use crate::{
    bindings::Names,
    codec::{transport_number, transport_of},
    fields::{Fields, put, text},
};
use bellhop_core::{
    b2bua::{SavedRecord, Tried},
    flow::Transport,
};
use std::{net::SocketAddr, time::Duration};

/// Appends the field.
pub(super) fn put_record(names: &Names, record: &SavedRecord, out: &mut Vec<u8>) {
    let mut inner = Vec::with_capacity(256);
    let to = &mut inner;
    put(BEGAN, &micros(record.began), to);
    put(AGE, &micros(record.age), to);
    put_time(RANG, record.rang, to);
    put_time(ANSWERED, record.answered, to);
    put(SOURCE, &flow_of(names, record.source), to);
    put_text(UPSTREAM, record.upstream.as_deref(), to);
    put_text(USER, record.user.as_deref(), to);
    put_text(CALLED, record.called.as_deref(), to);
    put(REQUEST_URI, &record.request_uri, to);
    for tried in &record.attempts {
        put_tried(tried, to);
    }
    put(LEFT_OUT, &[record.attempts_left_out], to);
    for (key, value) in &record.notes {
        put(NOTE, key.as_bytes(), to);
        put(NOTED, value.as_bytes(), to);
    }
    put(RECORD, &inner, out);
}

/// Reads what is in the field.
pub(super) fn read_record(names: &Names, value: &[u8]) -> Option<SavedRecord> {
    let fields = Fields::within(value)?;
    let attempts = fields.all(TRIED).map(read_tried);
    let values = fields.all(NOTED);
    let notes = fields.all(NOTE).zip(values).map(|(key, value)| {
        let (key, value) = (text(key)?, text(value)?);
        Some((key.into(), value.into()))
    });
    Some(SavedRecord {
        began: fields.time(BEGAN)?,
        age: fields.time(AGE)?,
        rang: read_time(&fields, RANG)?,
        answered: read_time(&fields, ANSWERED)?,
        source: read_flow(names, fields.one(SOURCE)?)?,
        upstream: read_text(&fields, UPSTREAM)?,
        user: read_text(&fields, USER)?,
        called: read_text(&fields, CALLED)?,
        request_uri: fields.one(REQUEST_URI)?.into(),
        attempts: attempts.collect::<Option<_>>()?,
        attempts_left_out: *fields.one(LEFT_OUT)?.first()?,
        notes: notes.collect::<Option<_>>()?,
    })
}

fn put_tried(tried: &Tried, out: &mut Vec<u8>) {
    let mut inner = Vec::with_capacity(64);
    put(URI, &tried.uri, &mut inner);
    if let Some((transport, remote)) = tried.to {
        put(BY, &[transport_number(transport)], &mut inner);
        put(AT, remote.to_string().as_bytes(), &mut inner);
    }
    put_text(UPSTREAM, tried.upstream.as_deref(), &mut inner);
    put(STATUS, &tried.status.to_be_bytes(), &mut inner);
    put(TOOK, &micros(tried.took), &mut inner);
    put(TAG, tried.tag.as_bytes(), &mut inner);
    put(TRIED, &inner, out);
}

fn read_tried(value: &[u8]) -> Option<Tried> {
    let fields = Fields::within(value)?;
    Some(Tried {
        uri: fields.one(URI)?.into(),
        to: match fields.one(BY) {
            None => None,
            Some(by) => Some(place(by, fields.one(AT)?)?),
        },
        upstream: read_text(&fields, UPSTREAM)?,
        status: u16::from_be_bytes(fields.one(STATUS)?.try_into().ok()?),
        took: fields.time(TOOK)?,
        tag: read_text(&fields, TAG)??,
    })
}

fn place(by: &[u8], at: &[u8]) -> Option<(Transport, SocketAddr)> {
    Some((transport_of(*by.first()?)?, text(at)?.parse().ok()?))
}

fn put_time(field: u8, time: Option<Duration>, out: &mut Vec<u8>) {
    if let Some(time) = time {
        put(field, &micros(time), out);
    }
}

fn put_text(field: u8, text: Option<&str>, out: &mut Vec<u8>) {
    if let Some(text) = text {
        put(field, text.as_bytes(), out);
    }
}

/// `None`: it is there, and not what was written.
fn read_time(fields: &Fields<'_>, field: u8) -> Option<Option<Duration>> {
    match fields.one(field) {
        None => Some(None),
        Some(_) => fields.time(field).map(Some),
    }
}

fn read_text(fields: &Fields<'_>, field: u8) -> Option<Option<Box<str>>> {
    match fields.one(field) {
        None => Some(None),
        Some(value) => text(value).map(|text| Some(text.into())),
    }
}

/// The field of the call.
pub(super) const RECORD: u8 = 4;

// Numbers of fields within it. One that is given is never given to anything else.
const BEGAN: u8 = 1;
const AGE: u8 = 2;
const RANG: u8 = 3;
const ANSWERED: u8 = 4;
const SOURCE: u8 = 5;
const UPSTREAM: u8 = 6;
const USER: u8 = 7;
const CALLED: u8 = 8;
const REQUEST_URI: u8 = 9;
const TRIED: u8 = 10;
const LEFT_OUT: u8 = 11;
const NOTE: u8 = 12;
const NOTED: u8 = 13;

// Of a place that was tried.
const URI: u8 = 20;
const BY: u8 = 21;
const AT: u8 = 22;
const STATUS: u8 = 23;
const TOOK: u8 = 24;
const TAG: u8 = 25;
