//! Names for dialogs that tell nothing: what one end of a call is told when it is to name a dialog that is not its own
//! (RFC 3515 2.4.2 with RFC 3891). Only we can make and read one, and whoever has it got it from a party of that dialog.
//!
//! The Call-ID is hex of eight octets of chance and, hidden by a key stream that follows from them, our tag of the pair on
//! the A leg and which end is meant; the tags are a code over the Call-ID. So nothing need be remembered for it, and it
//! is good for as long as the call lives.

use super::call::End;
use super::ids::{Ids, Wish};
use crate::auth::{Secret, Use};
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
    /// The identifiers that stand for it, with this chance in them.
    pub(super) fn write(self, secret: &Secret, chance: u64, wish: Wish) -> Ids {
        let [a, b, c, d, e, f, g, h] = self.pair.to_be_bytes();
        let end = match self.end {
            End::A => 0,
            End::B => 1,
        };
        let mut hidden = [a, b, c, d, e, f, g, h, end];
        apply(secret, chance, &mut hidden);
        let mut call_id = Vec::with_capacity(LENGTH);
        call_id.extend_from_slice(&hex::of_u64(chance));
        hex::write(&hidden, |digits| call_id.extend_from_slice(digits));
        let (to_tag, from_tag) = tags(secret, &call_id);
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
        let (chance, digits) = ids.call_id.split_at_checked(16)?;
        let (mut chance_bytes, mut hidden) = ([0; 8], [0; 9]);
        hex::read(chance, &mut chance_bytes)?;
        hex::read(digits, &mut hidden)?;
        let (to_tag, from_tag) = tags(secret, &ids.call_id);
        let is_ours = to_tag.ct_eq(&ids.to_tag) & from_tag.ct_eq(&ids.from_tag);
        if !bool::from(is_ours) {
            return None;
        }
        apply(secret, u64::from_be_bytes(chance_bytes), &mut hidden);
        let [pair @ .., end] = hidden;
        Some(Self {
            pair: u64::from_be_bytes(pair),
            end: if end == 0 { End::A } else { End::B },
        })
    }
}

/// Hides, or shows again.
fn apply(secret: &Secret, chance: u64, bytes: &mut [u8; 9]) {
    let stream = secret.mac(Use::Alias, &[b"stream", &chance.to_be_bytes()]);
    for (byte, with) in bytes.iter_mut().zip(stream) {
        *byte ^= with;
    }
}

fn tags(secret: &Secret, call_id: &[u8]) -> ([u8; 16], [u8; 16]) {
    let code = secret.mac(Use::Alias, &[b"tags", call_id]);
    let code = u128::from_be_bytes(code);
    // The two halves of it.
    (hex::of_u64((code >> 64) as u64), hex::of_u64(code as u64))
}

/// Digits of its Call-ID.
const LENGTH: usize = 2 * (8 + 9);

#[cfg(test)]
mod tests {
    use super::*;

    const ALIAS: Alias = Alias {
        pair: 0x0123_4567_89ab_cdef,
        end: End::B,
    };

    #[test]
    fn it_is_read_back_and_says_nothing_of_what_it_stands_for() {
        let secret = Secret::new([7; 32]);
        let ids = ALIAS.write(&secret, 5, Wish::Replace);
        assert_eq!(Alias::read(&secret, &ids), Some(ALIAS));
        assert_eq!(ids.call_id.len(), LENGTH);
        let text = String::from_utf8(ids.write()).unwrap();
        assert!(!text.contains("0123456789abcdef"), "{text}");
        let other = ALIAS.write(&secret, 6, Wish::Replace);
        assert_ne!(ids.call_id[16..], other.call_id[16..]);
        let at_a = Alias {
            end: End::A,
            ..ALIAS
        };
        let ids = at_a.write(&secret, 5, Wish::Join);
        assert_eq!(Alias::read(&secret, &ids), Some(at_a));
    }

    #[test]
    fn one_that_was_changed_or_made_with_another_secret_is_none() {
        let secret = Secret::new([7; 32]);
        let ids = ALIAS.write(&secret, 5, Wish::Replace);
        assert_eq!(Alias::read(&Secret::new([8; 32]), &ids), None);
        for at in 0..LENGTH {
            let mut changed = ids.clone();
            changed.call_id[at] = if changed.call_id[at] == b'0' {
                b'1'
            } else {
                b'0'
            };
            assert_eq!(Alias::read(&secret, &changed), None, "{at}");
        }
        for at in 0..16 {
            let (mut one, mut other) = (ids.clone(), ids.clone());
            one.to_tag[at] = b'x';
            other.from_tag[at] = b'x';
            assert_eq!(Alias::read(&secret, &one), None);
            assert_eq!(Alias::read(&secret, &other), None);
        }
        let mut short = ids.clone();
        short.call_id = ids.call_id[..LENGTH - 2].into();
        assert_eq!(Alias::read(&secret, &short), None);
    }
}
