//! Sixteen octets compared at once: with SSE2 on x86-64, where every processor has it, else one by one.

#[cfg(target_arch = "x86_64")]
pub(crate) use sse2::{Hits, Lanes};

#[cfg(not(target_arch = "x86_64"))]
pub(crate) use plain::{Hits, Lanes};

/// The last octets of `0..16`, zeros behind them, as two numbers with the first octet lowest.
#[inline(always)]
fn padded(few: &[u8]) -> (u64, u64) {
    let bits = |octets: usize| (octets.wrapping_mul(8) & 63) as u32;
    if let (Some(first), Some(last)) = (few.first_chunk::<8>(), few.last_chunk::<8>()) {
        // In two steps, as none of eight octets may be left.
        let behind = u64::from_le_bytes(*last) >> 8 >> bits(15_usize.wrapping_sub(few.len()));
        return (u64::from_le_bytes(*first), behind);
    }
    if let (Some(first), Some(last)) = (few.first_chunk::<4>(), few.last_chunk::<4>()) {
        let last = u64::from(u32::from_le_bytes(*last)) << bits(few.len().wrapping_sub(4));
        return (u64::from(u32::from_le_bytes(*first)) | last, 0);
    }
    let all = few.iter().rfold(0, |all, b| all << 8 | u64::from(*b));
    (all, 0)
}

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use safe_arch::{
        cmp_eq_mask_i8_m128i, load_unaligned_m128i, m128i, max_u8_m128i, min_u8_m128i,
        move_mask_i8_m128i, set_i64_m128i, set_splat_i8_m128i, sub_i8_m128i,
    };
    use std::ops::{BitOr, Not};

    /// Sixteen octets.
    #[derive(Clone, Copy)]
    pub(crate) struct Lanes(m128i);

    /// Which of sixteen octets are hits.
    #[derive(Clone, Copy)]
    pub(crate) struct Hits(m128i);

    impl Lanes {
        #[inline(always)]
        pub(crate) fn of(octets: &[u8; 16]) -> Self {
            Self(load_unaligned_m128i(octets))
        }

        /// Fewer than sixteen, zeros behind them.
        #[inline(always)]
        pub(crate) fn few(octets: &[u8]) -> Self {
            let (low, high) = super::padded(octets);
            Self(set_i64_m128i(high as i64, low as i64))
        }

        /// Those that are `wanted`.
        #[inline(always)]
        pub(crate) fn is(self, wanted: u8) -> Hits {
            Hits(cmp_eq_mask_i8_m128i(self.0, splat(wanted)))
        }

        /// Those that are `most` at most.
        #[inline(always)]
        pub(crate) fn at_most(self, most: u8) -> Hits {
            Hits(cmp_eq_mask_i8_m128i(
                min_u8_m128i(self.0, splat(most)),
                self.0,
            ))
        }

        /// Those that are `least` at least.
        #[inline(always)]
        pub(crate) fn at_least(self, least: u8) -> Hits {
            Hits(cmp_eq_mask_i8_m128i(
                max_u8_m128i(self.0, splat(least)),
                self.0,
            ))
        }

        /// Those from `least` to `most`.
        #[inline(always)]
        pub(crate) fn within(self, least: u8, most: u8) -> Hits {
            Self(sub_i8_m128i(self.0, splat(least))).at_most(most.wrapping_sub(least))
        }

        /// Those that are what `others` has in the same place.
        #[inline(always)]
        pub(crate) fn same(self, others: Self) -> Hits {
            Hits(cmp_eq_mask_i8_m128i(self.0, others.0))
        }
    }

    impl BitOr<u8> for Lanes {
        type Output = Self;

        #[inline(always)]
        fn bitor(self, bits: u8) -> Self {
            Self(self.0 | splat(bits))
        }
    }

    impl BitOr for Lanes {
        type Output = Self;

        #[inline(always)]
        fn bitor(self, other: Self) -> Self {
            Self(self.0 | other.0)
        }
    }

    impl Hits {
        /// One bit for each octet, the first octet's lowest.
        #[inline(always)]
        pub(crate) fn bits(self) -> u32 {
            move_mask_i8_m128i(self.0) as u32
        }
    }

    impl Not for Hits {
        type Output = Self;

        #[inline(always)]
        fn not(self) -> Self {
            Self(cmp_eq_mask_i8_m128i(self.0, splat(0)))
        }
    }

    impl BitOr for Hits {
        type Output = Self;

        #[inline(always)]
        fn bitor(self, other: Self) -> Self {
            Self(self.0 | other.0)
        }
    }

    #[inline(always)]
    fn splat(octet: u8) -> m128i {
        set_splat_i8_m128i(octet as i8)
    }
}

/// The same for other processors; in the tests of all, to be held to it.
#[cfg(any(test, not(target_arch = "x86_64")))]
mod plain {
    use std::ops::{BitOr, Not};

    #[derive(Clone, Copy)]
    pub(crate) struct Lanes([u8; 16]);

    #[derive(Clone, Copy)]
    pub(crate) struct Hits([bool; 16]);

    impl Lanes {
        pub(crate) fn of(octets: &[u8; 16]) -> Self {
            Self(*octets)
        }

        pub(crate) fn few(octets: &[u8]) -> Self {
            let (low, high) = super::padded(octets);
            Self((u128::from(high) << 64 | u128::from(low)).to_le_bytes())
        }

        pub(crate) fn is(self, wanted: u8) -> Hits {
            Hits(self.0.map(|b| b == wanted))
        }

        pub(crate) fn at_most(self, most: u8) -> Hits {
            Hits(self.0.map(|b| b <= most))
        }

        pub(crate) fn at_least(self, least: u8) -> Hits {
            Hits(self.0.map(|b| b >= least))
        }

        pub(crate) fn within(self, least: u8, most: u8) -> Hits {
            Hits(self.0.map(|b| (least..=most).contains(&b)))
        }

        pub(crate) fn same(self, others: Self) -> Hits {
            let mut pairs = self.0.iter().zip(others.0);
            Hits([(); 16].map(|()| pairs.next().is_some_and(|(a, b)| *a == b)))
        }
    }

    impl BitOr<u8> for Lanes {
        type Output = Self;

        fn bitor(self, bits: u8) -> Self {
            Self(self.0.map(|b| b | bits))
        }
    }

    impl BitOr for Lanes {
        type Output = Self;

        fn bitor(self, other: Self) -> Self {
            let mut pairs = self.0.iter().zip(other.0);
            Self([(); 16].map(|()| pairs.next().map_or(0, |(a, b)| a | b)))
        }
    }

    impl Hits {
        pub(crate) fn bits(self) -> u32 {
            self.0
                .iter()
                .rfold(0, |all, hit| all << 1 | u32::from(*hit))
        }
    }

    impl Not for Hits {
        type Output = Self;

        fn not(self) -> Self {
            Self(self.0.map(|hit| !hit))
        }
    }

    impl BitOr for Hits {
        type Output = Self;

        fn bitor(self, other: Self) -> Self {
            let mut pairs = self.0.iter().zip(other.0);
            Self([(); 16].map(|()| pairs.next().is_some_and(|(a, b)| a | b)))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_processor_finds_the_same(
            octets: [u8; 16],
            near in proptest::array::uniform16(0..4_u8),
            wanted: u8,
            length in 0..16_usize,
        ) {
            let expected = |hit: &dyn Fn(usize) -> bool| (0..16).filter(|at| hit(*at)).fold(0, |all, at| all | 1_u32 << at);
            let other = std::array::from_fn(|at| octets[at] ^ (near[at] & 1));
            let few: [u8; 16] = std::array::from_fn(|at| if at < length { octets[at] } else { 0 });
            macro_rules! hold {
                ($($room:ident)::+) => {
                    use $($room)::+::Lanes;
                    let lanes = Lanes::of(&octets);
                    prop_assert_eq!(lanes.is(octets[3]).bits(), expected(&|at| octets[at] == octets[3]));
                    prop_assert_eq!((!lanes.is(octets[3])).bits(), expected(&|at| octets[at] != octets[3]));
                    prop_assert_eq!(lanes.at_most(wanted).bits(), expected(&|at| octets[at] <= wanted));
                    prop_assert_eq!(lanes.at_least(wanted).bits(), expected(&|at| octets[at] >= wanted));
                    let (least, most) = (wanted.min(octets[3]), wanted.max(octets[3]));
                    prop_assert_eq!(lanes.within(least, most).bits(), expected(&|at| (least..=most).contains(&octets[at])));
                    prop_assert_eq!(lanes.same(Lanes::of(&other)).bits(), expected(&|at| octets[at] == other[at]));
                    prop_assert_eq!((lanes | Lanes::of(&near)).is(wanted | 1).bits(), expected(&|at| octets[at] | near[at] == wanted | 1));
                    prop_assert_eq!((lanes | 0x20).is(wanted | 0x20).bits(), expected(&|at| octets[at] | 0x20 == wanted | 0x20));
                    prop_assert_eq!((lanes.is(octets[3]) | lanes.at_most(wanted)).bits(), expected(&|at| octets[at] == octets[3] || octets[at] <= wanted));
                    prop_assert_eq!(Lanes::few(&octets[..length]).same(Lanes::of(&few)).bits(), 0xffff);
                };
            }
            { hold!(super); }
            { hold!(super::plain); }
        }
    }
}
