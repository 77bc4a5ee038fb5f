//! Decimal digits without an allocation.

use smallvec::SmallVec;

/// A number as it stands in a message.
pub(crate) fn decimal(number: u64) -> SmallVec<[u8; 20]> {
    let mut digits = SmallVec::new();
    let mut rest = number;
    loop {
        // Below ten.
        digits.push(b'0'.wrapping_add((rest % 10) as u8));
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    digits.reverse();
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_written_as_it_is_read() {
        for number in [0, 9, 10, 99, 3600, 1 << 31, u64::MAX] {
            assert_eq!(*decimal(number), *number.to_string().as_bytes());
        }
    }
}
