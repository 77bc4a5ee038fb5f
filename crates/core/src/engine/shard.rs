//! Which shard a message belongs to.

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
    let hash = call_id.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3)
    });
    usize::try_from(hash >> 32)
        .unwrap_or(0)
        .checked_rem(shards.max(1))
        .unwrap_or(0)
}

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
    fn call_ids_spread_over_the_shards() {
        let mut seen = [0usize; 4];
        for n in 0..400 {
            let message = format!("BYE sip:a SIP/2.0\r\nCall-ID: {n}@host\r\n\r\n");
            seen[shard_of(message.as_bytes(), 4)] += 1;
        }
        assert!(seen.iter().all(|n| *n > 50), "{seen:?}");
    }
}
