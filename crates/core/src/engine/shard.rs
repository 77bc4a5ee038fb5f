//! Which shard a message belongs to.
//!
//! A Call-ID has a *slot*, and the slots are dealt out to the shards in turn. Both legs of a call are to have one shard,
//! and also after a restart with another number of them: so a Call-ID that we make for the other leg says which slot it
//! is to have.

use crate::fnv::fnv;
use crate::hex;

/// The shard of a message: by its Call-ID, so that a dialog never meets another lock. A message
/// without one goes to shard 0, which refuses it.
pub fn shard_of(bytes: &[u8], shards: usize) -> usize {
    if shards <= 1 {
        return 0;
    }
    call_id(bytes).map_or(0, |call_id| shard_of_call(call_id, shards))
}

/// The shard of a Call-ID.
pub(crate) fn shard_of_call(call_id: &[u8], shards: usize) -> usize {
    shard_of_slot(slot_of_call(call_id), shards)
}

/// The shard of what has this slot.
pub(crate) fn shard_of_slot(slot: u16, shards: usize) -> usize {
    let slot = usize::from(slot);
    slot.checked_rem(shards.max(1)).unwrap_or(0)
}

/// The slot of a Call-ID: what it says, if we made it for a leg, else by its hash.
pub(crate) fn slot_of_call(call_id: &[u8]) -> u16 {
    if let Some(slot) = told(call_id) {
        return slot;
    }
    let hash = fnv(call_id.iter().copied());
    u16::try_from((hash >> 32 ^ hash >> 52) & SLOTS).unwrap_or(0)
}

/// A Call-ID of ours that has this slot. The slot says less of the other leg's Call-ID than its hash would.
pub(crate) fn call_id_of_slot(chance: u64, slot: u16) -> [u8; OWN] {
    let mut call_id = [0; OWN];
    let [.., a, b, c] = hex::of_u32(u32::from(slot));
    let parts: [&[u8]; 4] = [&hex::of_u64(chance), b".", &[a, b, c], HOST];
    for (place, octet) in call_id.iter_mut().zip(parts.concat()) {
        *place = octet;
    }
    call_id
}

/// The slot that a Call-ID of a leg of ours says.
fn told(call_id: &[u8]) -> Option<u16> {
    let text = call_id.strip_suffix(HOST)?;
    let (digits, slot) = text.split_at_checked(DIGITS)?;
    let [b'.', a, b, c] = *slot else {
        return None;
    };
    hex::read(digits, &mut [0; DIGITS / 2])?;
    let mut slot = [0; 2];
    hex::read(&[b'0', a, b, c], &mut slot)?;
    Some(u16::from_be_bytes(slot))
}

/// All bits of a slot.
const SLOTS: u64 = 0xfff;
/// Behind what is drawn in a Call-ID of ours.
const HOST: &[u8] = b"@bellhop";
const DIGITS: usize = 16;
/// How long one is.
const OWN: usize = DIGITS + 4 + HOST.len();

/// The Call-ID's value, found without indexing the message.
fn call_id(bytes: &[u8]) -> Option<&[u8]> {
    for at in memchr::memchr_iter(b'\n', bytes) {
        let line = bytes.get(at.checked_add(1)?..)?;
        let value = match line.first()? {
            b'i' | b'I' => line.get(1..)?,
            b'c' | b'C' if starts_with_name(line) => line.get(7..)?,
            // The body follows.
            b'\r' if line.starts_with(b"\r\n") && bytes.get(..at)?.ends_with(b"\r") => return None,
            _ => continue,
        };
        if let Some(value) = value.trim_ascii_start().strip_prefix(b":") {
            let end = memchr::memchr(b'\r', value).unwrap_or(value.len());
            return Some(value.get(..end)?.trim_ascii());
        }
    }
    None
}

fn starts_with_name(line: &[u8]) -> bool {
    let name = line.get(..7);
    name.is_some_and(|name| name.eq_ignore_ascii_case(b"call-id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_call_id_gives_the_same_value() {
        for name in ["Call-ID: ", "i:", "I : ", "CALL-ID:\t", "call-id :"] {
            let message =
                format!("BYE sip:a SIP/2.0\r\nVia: x\r\n{name}a84b4c@host\r\nTo: y\r\n\r\n");
            assert_eq!(
                call_id(message.as_bytes()),
                Some(b"a84b4c@host".as_slice()),
                "{name}"
            );
        }
    }

    #[test]
    fn the_body_is_not_searched() {
        assert_eq!(
            call_id(b"BYE sip:a SIP/2.0\r\nTo: y\r\n\r\n\r\nCall-ID: x\r\n"),
            None
        );
    }

    #[test]
    fn a_call_id_of_ours_has_the_slot_it_was_made_for_and_so_its_shard_however_many_there_are() {
        for other in ["call-1", "f81d4fae-7dec@198.51.100.5", "x@bellhop", ""] {
            let slot = slot_of_call(other.as_bytes());
            let own = call_id_of_slot(0x0123_4567_89ab_cdef, slot);
            assert!(own.starts_with(b"0123456789abcdef."), "{own:?}");
            assert_eq!(slot_of_call(&own), slot);
            for shards in 1..200 {
                assert_eq!(
                    shard_of_call(&own, shards),
                    shard_of_call(other.as_bytes(), shards)
                );
            }
        }
    }

    #[test]
    fn only_what_looks_like_one_of_ours_says_its_slot() {
        assert_eq!(told(b"0123456789abcdef.fff@bellhop"), Some(4_095));
        for other in [
            "0123456789abcdef@bellhop",
            "0123456789abcdef.fff@bellhop.example",
            "0123456789abcdef.ffg@bellhop",
            "0123456789abcdeg.fff@bellhop",
            "0123456789abcdef.ffff@bellhop",
            "0123456789abcdef-fff@bellhop",
            "\u{e9}@bellhop",
        ] {
            assert_eq!(told(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn call_ids_spread_over_the_shards() {
        let mut seen = [0usize; 4];
        for n in 0..400 {
            let message = format!("BYE sip:a SIP/2.0\r\nCall-ID: {n}@host\r\n\r\n");
            seen[shard_of(message.as_bytes(), 4)] += 1;
        }
        assert!(seen.iter().all(|n| *n > 50), "{seen:?}");
    }
}
