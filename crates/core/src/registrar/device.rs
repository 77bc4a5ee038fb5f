//! Which phone of a user a binding belongs to, as a number that a Record-Route token can carry.

use super::Aor;
use crate::text::Text;
use siphasher::sip::SipHasher24;
use smallvec::SmallVec;

/// A phone of an AoR: 48 bits of a keyed hash over the AoR and what the phone keeps when it moves, its
/// instance and `reg-id` (RFC 5626 4.1), or the Call-ID of its REGISTERs (RFC 3261 10.2.4). Never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Device(u64);

impl Device {
    /// How many bytes one is.
    pub const BYTES: usize = 6;

    /// The bytes, most significant first.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let [_, _, bytes @ ..] = self.0.to_be_bytes();
        bytes
    }

    /// Its number, as good as drawn by lot to whoever does not know the key.
    pub(super) const fn number(self) -> u64 {
        self.0
    }

    /// Its digits, two for each byte.
    pub(crate) fn digits(self) -> [u8; 12] {
        let [_, _, _, _, digits @ ..] = crate::hex::of_u64(self.0);
        digits
    }

    /// What [`Device::to_bytes`] gave.
    pub fn of_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let [a, b, c, d, e, f] = bytes;
        Self(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }
}

/// What devices are told apart by.
#[derive(Clone, Copy)]
pub(super) struct Devices(SipHasher24);

impl Devices {
    /// Nobody who does not know the key can make two devices meet in one number.
    pub(super) fn new(key: [u64; 2]) -> Self {
        Self(SipHasher24::new_with_keys(key[0], key[1]))
    }

    /// The device of an AoR that has this instance and `reg-id`, or none and this Call-ID.
    pub(super) fn of(
        &self,
        aor: &Aor,
        instance: Option<(&[u8], Option<u32>)>,
        call_id: &[u8],
    ) -> Device {
        let mut text = Text::<128>::new();
        text.put(aor.as_str().as_bytes());
        match instance {
            Some((instance, reg_id)) => {
                text.put(&[INSTANCE]);
                let lower = instance.iter().map(u8::to_ascii_lowercase);
                text.put(&lower.collect::<SmallVec<[u8; 64]>>());
                text.put(&reg_id.unwrap_or_default().to_be_bytes());
            }
            None => {
                text.put(&[CALL_ID]);
                text.put(call_id);
            }
        }
        Device((self.0.hash(&text) >> 16).max(1))
    }

    /// What stands for all devices of an AoR.
    pub(super) fn of_all(&self, aor: &Aor) -> Device {
        let mut text = Text::<128>::new();
        text.put(aor.as_str().as_bytes());
        text.put(&[ALL]);
        Device((self.0.hash(&text) >> 16).max(1))
    }

    /// A number that belongs to a device, one for each `n`.
    pub(super) fn number_of(&self, device: Device, n: u32) -> u64 {
        let mut text = Text::<16>::new();
        text.put(&[NUMBER]);
        text.put(&device.to_bytes());
        text.put(&n.to_be_bytes());
        self.0.hash(&text)
    }
}

/// No AoR holds these.
const INSTANCE: u8 = 1;
const CALL_ID: u8 = 2;
const ALL: u8 = 3;
const NUMBER: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_known_by_its_instance_else_by_its_call_id() {
        let devices = Devices::new([1, 2]);
        let [a, b] = ["sip:a@x", "sip:b@x"].map(|aor| Aor::parse_text(aor).unwrap());
        let of = |aor, instance, call_id: &str| devices.of(aor, instance, call_id.as_bytes());
        let one = of(&a, Some((b"<urn:1>".as_slice(), Some(1))), "x");
        assert_eq!(one, of(&a, Some((b"<URN:1>", Some(1))), "y"));
        let plain = of(&a, None, "x");
        assert_eq!(plain, of(&a, None, "x"));
        let others = [
            of(&a, Some((b"<urn:1>", Some(2))), "x"),
            of(&a, Some((b"<urn:2>", Some(1))), "x"),
            of(&b, Some((b"<urn:1>", Some(1))), "x"),
            of(&a, None, "y"),
            of(&b, None, "x"),
            plain,
        ];
        for (n, other) in others.iter().enumerate() {
            assert!(*other != one && !others[..n].contains(other), "{n}");
        }
        assert_eq!(Device::of_bytes(one.to_bytes()), one);
        assert_ne!(
            one,
            Devices::new([2, 1]).of(&a, Some((b"<urn:1>", Some(1))), b"x")
        );
    }
}
