//! Branches, and the loop that a branch of ours gives away (RFC 3261 16.6 step 8, RFC 5393 4.2).
//!
//! A branch is `z9hG4bK`, 16 hex digits of chance, and 8 of a keyed hash over all that routing looks
//! at. A request that comes back with the same hash behind our own Via is a loop; with another one
//! it is a spiral, which is allowed.

use crate::hex;
use crate::routing::{Names, Routes};
use ahash::RandomState;
use bellhop_wire::{Ends, HeaderId, Message, ViaRef};
use memchr::memchr_iter;
use smallvec::SmallVec;

/// A new branch.
pub(crate) fn branch(chance: u64, loop_hash: u32) -> SmallVec<[u8; 32]> {
    let mut text = SmallVec::from_slice(COOKIE);
    text.extend_from_slice(&hex::of_u64(chance));
    text.extend_from_slice(&hex::of_u32(loop_hash));
    text
}

/// The hash over the fields that decide where this request goes.
pub(crate) fn hash(
    key: &RandomState,
    request: Message<'_>,
    ends: Option<&Ends<'_>>,
    routes: &Routes,
) -> u32 {
    let cseq = match ends {
        Some(ends) => ends.cseq,
        None => request.cseq().map_or(0, |(number, _)| number),
    };
    let next: SmallVec<[&[u8]; 2]> = request.values(HeaderId::Route).map(|v| v.raw).collect();
    let requires: SmallVec<[&[u8]; 2]> = request
        .fields(HeaderId::ProxyRequire)
        .map(|f| f.value)
        .collect();
    let full = key.hash_one((
        routes.request_uri(request),
        ends.map(|ends| (ends.from.tag(), ends.to.tag())),
        request.call_id(),
        cseq,
        next,
        requires,
    ));
    #[allow(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
    let half = full as u32;
    half
}

/// Whether the request has been here before with the same hash.
pub(crate) fn is_loop(request: Message<'_>, names: &Names, loop_hash: u32) -> bool {
    let suffix = hex::of_u32(loop_hash);
    let [first, ..] = suffix;
    let has_suffix = |value: &[u8]| {
        let mut places = memchr_iter(first, value);
        places.any(|at| {
            value
                .get(at..)
                .is_some_and(|text| text.starts_with(&suffix))
        })
    };
    // Almost no Via has it, so almost none is read.
    let mut fields = request.fields(HeaderId::Via);
    fields.any(|field| has_suffix(field.value))
        && request.values(HeaderId::Via).any(|value| {
            ViaRef::parse(value.raw).is_ok_and(|via| {
                via.branch()
                    .is_some_and(|b| b.starts_with(COOKIE) && b.ends_with(&suffix))
                    && names.is_own_address(via.host, via.port)
            })
        })
}

const COOKIE: &[u8] = b"z9hG4bK";
