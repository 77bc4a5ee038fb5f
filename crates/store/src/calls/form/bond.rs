//! A relayed subscription of two dialogs, as a value of its own.

use super::{A, B, micros, put_leg};
use crate::{
    bindings::Names,
    codec::Unreadable,
    fields::{Fields, begin, end, put, text},
};
use bellhop_core::b2bua::{CallKey, SavedBond, SavedLeg, SavedUsage};
use std::time::Duration;

/// Writes the one of this key in place of what `out` has, as [`super::write_call`] does.
pub(crate) fn write_bond(names: &Names, key: CallKey, bond: &SavedBond, out: &mut Vec<u8>) {
    begin(VERSION, out);
    put(AT, &micros(bond.at), out);
    if let Some(user) = &bond.user {
        put(USER, user.as_bytes(), out);
    }
    for (a, b) in &bond.pairs {
        let mut inner = Vec::with_capacity(1_024);
        put_leg(A, names, a, &mut inner);
        put_leg(B, names, b, &mut inner);
        put(PAIR, &inner, out);
    }
    for usage in &bond.usages {
        put(USAGE, &usage_of(usage).concat(), out);
    }
    end(key.as_str(), out);
}

/// Reads what [`write_bond`] wrote for this key.
pub(crate) fn read_bond(names: &Names, key: &str, value: &[u8]) -> Result<SavedBond, Unreadable> {
    let fields = Fields::of(VERSION, key, value)?;
    let read = || {
        Some(SavedBond {
            at: fields.time(AT)?,
            user: match fields.one(USER) {
                None => None,
                Some(user) => Some(text(user)?.into()),
            },
            pairs: fields
                .all(PAIR)
                .map(|pair| read_pair(names, pair))
                .collect::<Option<_>>()?,
            usages: fields.all(USAGE).map(read_usage).collect::<Option<_>>()?,
        })
    };
    let is_of_key = |bond: &SavedBond| bond.key().is_some_and(|own| own.as_str() == key);
    read().filter(is_of_key).ok_or(Unreadable::Damaged)
}

fn read_pair(names: &Names, value: &[u8]) -> Option<(SavedLeg, SavedLeg)> {
    let fields = Fields::within(value)?;
    Some((fields.leg(A, names)?, fields.leg(B, names)?))
}

fn usage_of(usage: &SavedUsage) -> [[u8; 8]; 3] {
    let (tag, event) = (usage.tag.to_be_bytes(), usage.event.to_be_bytes());
    [tag, event, micros(usage.until)]
}

fn read_usage(value: &[u8]) -> Option<SavedUsage> {
    let (numbers, rest) = value.as_chunks::<8>();
    let [tag, event, until] = numbers else {
        return None;
    };
    rest.is_empty().then(|| SavedUsage {
        tag: u64::from_be_bytes(*tag),
        event: u64::from_be_bytes(*event),
        until: Duration::from_micros(u64::from_be_bytes(*until)),
    })
}

const VERSION: u8 = 1;

// Numbers of fields. One that is given is never given to anything else.
const AT: u8 = 1;
const USER: u8 = 2;
const PAIR: u8 = 3;
const USAGE: u8 = 4;

#[cfg(test)]
mod tests;
