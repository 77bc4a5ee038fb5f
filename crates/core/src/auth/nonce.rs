//! Nonces that need no memory (RFC 7616 3.3, 5.4): when and for whom one was made stands in it, and
//! a code of ours vouches for that.

use super::{Secret, secret::Use};
use crate::entropy::Entropy;
use siphasher::sip::SipHasher24;
use std::{fmt, net::IpAddr, time::Duration};
use subtle::ConstantTimeEq;

/// A nonce of ours that may still be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nonce {
    /// When it was made, milliseconds since the Unix epoch.
    pub(super) issued: u64,
    /// What tells it from all others: its code, and the end of its time with its chance.
    pub(super) id: u128,
}

/// Length of a nonce's text.
pub(super) const TEXT: usize = 24;

/// Makes and reads the nonces of one realm.
#[derive(Clone)]
pub(super) struct Nonces {
    /// SipHash-2-4, a pseudorandom function of short input, with a key of the realm's own.
    keyed: SipHasher24,
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonces(..)")
    }
}

impl Nonces {
    /// Those of a realm.
    pub(super) fn new(secret: &Secret, realm: &str) -> Self {
        let key = secret.mac(Use::Nonce, &[realm.as_bytes()]);
        Self {
            keyed: SipHasher24::new_with_key(&key),
        }
    }

    /// The text of a nonce made now: six bytes of time, four of chance and the eight of the code
    /// over both and the client's address, in base64url (RFC 4648 5). Chance lets two phones behind one
    /// NAT have each their own in the same millisecond. It is short because it stands in each challenge
    /// of an answer that may not be much larger than its request; a nonce that is guessed needs a
    /// password still.
    pub(super) fn mint(
        &self,
        source: IpAddr,
        unix: Duration,
        entropy: &mut dyn Entropy,
    ) -> [u8; TEXT] {
        let mut chance = [0; CHANCE];
        entropy.fill(&mut chance);
        let [_, _, time @ ..] = milliseconds(unix).to_be_bytes();
        let stamp: [u8; STAMP] = joined(&time, &chance);
        let code = self.vouch(&stamp, source);
        encode(&joined(&stamp, &code))
    }

    /// Reads the text of a nonce. `None`: not made here, not for this realm and address, or too old.
    pub(super) fn read(
        &self,
        source: IpAddr,
        unix: Duration,
        lifetime: Duration,
        text: &[u8],
    ) -> Option<Nonce> {
        let bytes = decode(text)?;
        let (stamp, code) = bytes.split_first_chunk::<STAMP>()?;
        let code = code.first_chunk::<CODE>()?;
        let right = u64::from_ne_bytes(self.vouch(stamp, source));
        if !bool::from(right.ct_eq(&u64::from_ne_bytes(*code))) {
            return None;
        }
        // The six bytes of time have two of chance behind them.
        let issued = u64::from_be_bytes(*stamp.first_chunk()?) >> 16;
        let now = milliseconds(unix);
        let young = now.saturating_sub(issued) <= milliseconds(lifetime);
        // Another shard may have read the clock a little later; a clock that was set back may not let a
        // nonce live longer.
        let made = issued <= now.saturating_add(TOLERANCE);
        let [_, _, last @ ..] = stamp;
        let id = u128::from(right) | u128::from(u64::from_ne_bytes(*last)) << 64;
        (young && made).then_some(Nonce { issued, id })
    }

    /// An IPv4 address goes in with four bytes and an IPv6 address with sixteen: no two run together.
    fn vouch(&self, stamp: &[u8; STAMP], source: IpAddr) -> [u8; CODE] {
        let code = match source.to_canonical() {
            IpAddr::V4(v4) => self
                .keyed
                .hash(&joined::<{ STAMP + 4 }, _, _>(stamp, &v4.octets())),
            IpAddr::V6(v6) => self
                .keyed
                .hash(&joined::<{ STAMP + 16 }, _, _>(stamp, &v6.octets())),
        };
        code.to_le_bytes()
    }
}

const TIME: usize = 6;
const CHANCE: usize = 4;
const STAMP: usize = TIME + CHANCE;
const CODE: usize = 8;

/// Milliseconds that clocks of shards may be apart.
const TOLERANCE: u64 = 5_000;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The bytes of both, as many as there is room for.
fn joined<const N: usize, const HEAD: usize, const TAIL: usize>(
    head: &[u8; HEAD],
    tail: &[u8; TAIL],
) -> [u8; N] {
    let mut all = [0; N];
    let (left, right) = all.split_at_mut(HEAD);
    for (to, from) in left.iter_mut().zip(head) {
        *to = *from;
    }
    for (to, from) in right.iter_mut().zip(tail) {
        *to = *from;
    }
    all
}

/// A time as [`Nonce::issued`] has it.
pub(super) fn milliseconds(time: Duration) -> u64 {
    let whole = time.as_secs().saturating_mul(1_000);
    whole.saturating_add(u64::from(time.subsec_millis()))
}

/// Six groups of three bytes are six groups of four letters: no padding, one text for each nonce.
fn encode(bytes: &[u8; STAMP + CODE]) -> [u8; TEXT] {
    let mut text = [0; TEXT];
    let letter = |bits: u32| ALPHABET.get((bits & 63) as usize).map_or(0, |l| *l);
    let (groups, _) = bytes.as_chunks::<3>();
    let (letters, _) = text.as_chunks_mut::<4>();
    for (letters, [a, b, c]) in letters.iter_mut().zip(groups) {
        let bits = u32::from_be_bytes([0, *a, *b, *c]);
        *letters = [bits >> 18, bits >> 12, bits >> 6, bits].map(letter);
    }
    text
}

fn decode(text: &[u8]) -> Option<[u8; STAMP + CODE]> {
    let mut bytes = [0; STAMP + CODE];
    if text.len() != TEXT {
        return None;
    }
    let mut all = 0;
    let (groups, _) = bytes.as_chunks_mut::<3>();
    let (letters, _) = text.as_chunks::<4>();
    for (group, letters) in groups.iter_mut().zip(letters) {
        let [a, b, c, d] =
            letters.map(|letter| VALUES.get(usize::from(letter)).map_or(NONE, |v| *v));
        all |= a | b | c | d;
        *group = [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d];
    }
    (all & NONE == 0).then_some(bytes)
}

/// What is no letter of the alphabet: above the six bits of those that are.
const NONE: u8 = 0x80;

const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut letter = 0_u8;
    loop {
        if let Some(value) = value(letter)
            && let Some(slot) = values
                .as_mut_slice()
                .split_at_mut(letter as usize)
                .1
                .first_mut()
        {
            *slot = value;
        }
        if letter == u8::MAX {
            break values;
        }
        letter = letter.wrapping_add(1);
    }
};

const fn value(letter: u8) -> Option<u8> {
    match letter {
        b'A'..=b'Z' => Some(letter.wrapping_sub(b'A')),
        b'a'..=b'z' => Some(letter.wrapping_sub(b'a').wrapping_add(26)),
        b'0'..=b'9' => Some(letter.wrapping_sub(b'0').wrapping_add(52)),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const LIFETIME: Duration = Duration::from_secs(300);
    const START: Duration = Duration::from_millis(1_700_000_000_123);
    const PHONE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    struct Counter(u8);

    impl Entropy for Counter {
        fn fill(&mut self, out: &mut [u8]) {
            self.0 = self.0.wrapping_add(1);
            out.fill(self.0);
        }
    }

    fn secret() -> Secret {
        Secret::new([9; 32])
    }

    fn made() -> [u8; TEXT] {
        nonces().mint(PHONE, START, &mut Counter(0))
    }

    fn nonces() -> Nonces {
        Nonces::new(&secret(), "r")
    }

    fn at(unix: Duration) -> Option<Nonce> {
        nonces().read(PHONE, unix, LIFETIME, &made())
    }

    #[test]
    fn a_nonce_is_good_until_its_lifetime_ends() {
        assert_eq!(at(START).unwrap().issued, 1_700_000_000_123);
        assert!(at(START + LIFETIME).is_some());
        assert!(at(START + LIFETIME + Duration::from_millis(1)).is_none());
    }

    #[test]
    fn a_nonce_from_the_future_is_refused() {
        assert!(at(START - Duration::from_secs(5)).is_some());
        assert!(at(START - Duration::from_secs(6)).is_none());
    }

    #[test]
    fn a_nonce_is_bound_to_secret_realm_and_address() {
        let read = |secret: &Secret, realm, source| {
            let nonces = Nonces::new(secret, realm);
            nonces.read(source, START, LIFETIME, &made()).is_some()
        };
        assert!(read(&secret(), "r", PHONE));
        assert!(!read(&Secret::new([8; 32]), "r", PHONE));
        assert!(!read(&secret(), "s", PHONE));
        assert!(!read(&secret(), "r", Ipv4Addr::new(192, 0, 2, 2).into()));
    }

    #[test]
    fn an_ipv4_address_is_the_same_when_it_comes_mapped() {
        let mapped = Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped();
        let read = |source| nonces().read(source, START, LIFETIME, &made());
        assert!(read(mapped.into()).is_some());
        assert!(read(Ipv6Addr::LOCALHOST.into()).is_none());
    }

    #[test]
    fn two_nonces_of_one_millisecond_differ() {
        let mut entropy = Counter(0);
        let one = nonces().mint(PHONE, START, &mut entropy);
        let two = nonces().mint(PHONE, START, &mut entropy);
        assert_ne!(one, two);
    }

    #[test]
    fn a_nonce_changed_in_any_letter_is_refused() {
        for place in 0..TEXT {
            for letter in [b'A', b'_', b'!', b'"', 0xff] {
                let mut text = made();
                if text[place] != letter {
                    text[place] = letter;
                    let read = nonces().read(PHONE, START, LIFETIME, &text);
                    assert_eq!(read, None, "letter {place}");
                }
            }
        }
    }

    #[test]
    fn a_text_of_another_length_is_refused() {
        let text = made();
        for len in 0..TEXT {
            assert!(decode(&text[..len]).is_none());
        }
        assert!(decode(&[text.as_slice(), b"A"].concat()).is_none());
    }
}
