//! Names for dialogs that tell nothing: what one end of a call is told when it is to name a dialog that is not its own
//! (RFC 3515 2.4.2 with RFC 3891). Only we can make and read one, and whoever has it got it from a party of that dialog.
//!
//! The Call-ID is one of ours, chance and the slot of the call; one tag has, hidden by a key stream that follows from that,
//! our tag of the pair on the A leg and which end is meant; the other is a code over both. So nothing need be remembered
//! for it, it is found in the call's shard, and it is good for as long as the call lives, over restarts too.

use super::super::call::End;
use super::ids::{Ids, Wish};
use crate::auth::{Secret, Use};
use crate::engine::call_id_of_slot;
use crate::hex;
use subtle::ConstantTimeEq;

/// A dialog of ours, by the pair that it is a half of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alias {
    /// Our tag on the pair's A leg.
    pub(super) pair: u64,
    /// Who is called by it.
    pub(super) end: End,
}

impl Alias {
    /// The identifiers that stand for it, with this chance in them, found at this slot.
    pub(super) fn write(self, secret: &Secret, (chance, slot): (u64, u16), wish: Wish) -> Ids {
        let call_id = call_id_of_slot(chance, slot);
        let [a, b, c, d, e, f, g, h] = self.pair.to_be_bytes();
        let end = match self.end {
            End::A => 0,
            End::B => 1,
        };
        let mut hidden = [a, b, c, d, e, f, g, h, end];
        apply(secret, &call_id, &mut hidden);
        let to_tag = digits(&hidden);
        let from_tag = code(secret, &call_id, &to_tag);
        Ids {
            wish,
            call_id: call_id.into(),
            to_tag: to_tag.into(),
            from_tag: from_tag.into(),
            is_early_only: false,
        }
    }

    /// What identifiers stand for, if they are ours.
    pub(super) fn read(secret: &Secret, ids: &Ids) -> Option<Self> {
        let mut hidden = [0; 9];
        hex::read(&ids.to_tag, &mut hidden)?;
        let own = code(secret, &ids.call_id, &ids.to_tag);
        if !bool::from(own.ct_eq(&ids.from_tag)) {
            return None;
        }
        apply(secret, &ids.call_id, &mut hidden);
        let [pair @ .., end] = hidden;
        Some(Self {
            pair: u64::from_be_bytes(pair),
            end: if end == 0 { End::A } else { End::B },
        })
    }
}

/// Hides, or shows again.
fn apply(secret: &Secret, call_id: &[u8], bytes: &mut [u8; 9]) {
    let stream = secret.mac(Use::Alias, &[b"stream", call_id]);
    for (byte, with) in bytes.iter_mut().zip(stream) {
        *byte ^= with;
    }
}

fn code(secret: &Secret, call_id: &[u8], to_tag: &[u8]) -> Vec<u8> {
    digits(&secret.mac(Use::Alias, &[b"code", call_id, to_tag]))
}

fn digits(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len().saturating_mul(2));
    hex::write(bytes, |digits| text.extend_from_slice(digits));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::slot_of_call;

    const ALIAS: Alias = Alias {
        pair: 0x0123_4567_89ab_cdef,
        end: End::B,
    };

    #[test]
    fn it_is_read_back_and_says_nothing_of_what_it_stands_for() {
        let secret = Secret::new([7; 32]);
        let ids = ALIAS.write(&secret, (5, 0xabc), Wish::Replace);
        assert_eq!(Alias::read(&secret, &ids), Some(ALIAS));
        assert_eq!(slot_of_call(&ids.call_id), 0xabc);
        let text = String::from_utf8(ids.write()).unwrap();
        assert!(!text.contains("0123456789abcdef"), "{text}");
        let other = ALIAS.write(&secret, (6, 0xabc), Wish::Replace);
        assert_ne!(ids.to_tag, other.to_tag);
        let at_a = Alias {
            end: End::A,
            ..ALIAS
        };
        let ids = at_a.write(&secret, (5, 0), Wish::Join);
        assert_eq!(Alias::read(&secret, &ids), Some(at_a));
    }

    #[test]
    fn one_that_was_changed_or_made_with_another_secret_is_none() {
        type Part = fn(&mut Ids) -> &mut Box<[u8]>;
        let secret = Secret::new([7; 32]);
        let ids = ALIAS.write(&secret, (5, 1), Wish::Replace);
        let parts: [Part; 3] = [
            |ids| &mut ids.call_id,
            |ids| &mut ids.to_tag,
            |ids| &mut ids.from_tag,
        ];
        assert_eq!(Alias::read(&Secret::new([8; 32]), &ids), None);
        for part in parts {
            let mut ids = ids.clone();
            for at in 0..part(&mut ids).len() {
                let mut changed = ids.clone();
                let octet = &mut part(&mut changed)[at];
                *octet = if *octet == b'0' { b'1' } else { b'0' };
                assert_eq!(Alias::read(&secret, &changed), None, "{at}");
            }
            let text = part(&mut ids);
            *text = text[1..].into();
            assert_eq!(Alias::read(&secret, &ids), None);
        }
    }
}
