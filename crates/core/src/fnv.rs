//! A hash that is the same in every program and on every machine (FNV-1a): for what is dealt out, named or kept by it. It is
//! no secret, and whoever likes can find octets that collide.

/// The hash of these octets.
#[inline]
pub(crate) fn fnv(octets: impl Iterator<Item = u8>) -> u64 {
    octets.fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::fnv;

    /// Files have it.
    #[test]
    fn it_is_what_it_was() {
        assert_eq!(fnv(b"".iter().copied()), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv(b"foobar".iter().copied()), 0x8594_4171_f739_67e8);
    }
}
