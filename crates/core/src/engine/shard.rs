//! Which shard a message belongs to.

use memchr::memmem;

/// The shard of a message: by its Call-ID, so that a dialog never meets another lock. A message
/// without one goes to shard 0, which refuses it.
pub fn shard_of(bytes: &[u8], shards: usize) -> usize {
    if shards <= 1 {
        return 0;
    }
    let Some(call_id) = call_id(bytes) else {
        return 0;
    };
    let hash = call_id.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3)
    });
    usize::try_from(hash >> 32)
        .unwrap_or(0)
        .checked_rem(shards)
        .unwrap_or(0)
}

/// The Call-ID's value, found without indexing the message.
fn call_id(bytes: &[u8]) -> Option<&[u8]> {
    let head =
        memmem::find(bytes, b"\r\n\r\n").map_or(bytes, |end| bytes.get(..end).unwrap_or(bytes));
    memchr::memchr_iter(b'\n', head).find_map(|at| {
        let line = head.get(at.checked_add(1)?..)?;
        let value = match line.first()?.to_ascii_lowercase() {
            b'i' => line.get(1..)?,
            b'c' if line.get(..7)?.eq_ignore_ascii_case(b"call-id") => line.get(7..)?,
            _ => return None,
        };
        let value = value.trim_ascii_start().strip_prefix(b":")?;
        let end = memchr::memchr(b'\r', value).unwrap_or(value.len());
        Some(value.get(..end)?.trim_ascii())
    })
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
    fn call_ids_spread_over_the_shards() {
        let mut seen = [0usize; 4];
        for n in 0..400 {
            let message = format!("BYE sip:a SIP/2.0\r\nCall-ID: {n}@host\r\n\r\n");
            seen[shard_of(message.as_bytes(), 4)] += 1;
        }
        assert!(seen.iter().all(|n| *n > 50), "{seen:?}");
    }
}
