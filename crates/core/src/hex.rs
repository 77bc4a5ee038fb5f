//! Hexadecimal digits: written in lower case, read in both.

/// Gives `put` two digits for each byte, in pieces.
pub(crate) fn write(bytes: &[u8], mut put: impl FnMut(&[u8])) {
    let (eights, rest) = bytes.as_chunks::<8>();
    for eight in eights {
        put(&of_u64(u64::from_be_bytes(*eight)));
    }
    for byte in rest {
        let [.., high, low] = of_u32(u32::from(*byte));
        put(&[high, low]);
    }
}

/// The sixteen digits of a number.
pub(crate) fn of_u64(number: u64) -> [u8; 16] {
    let mut text = [0; 16];
    let (halves, _) = text.as_chunks_mut::<8>();
    for (half, shift) in halves.iter_mut().zip([32, 0]) {
        // The lower half of it.
        *half = of_u32((number >> shift) as u32);
    }
    text
}

/// The eight digits of a number, all at once: each nibble goes into an octet of its own, and those above
/// nine, which a carry tells, on to the letters.
pub(crate) const fn of_u32(number: u32) -> [u8; 8] {
    let spread = number as u64;
    let spread = (spread | spread << 16) & 0x0000_ffff_0000_ffff;
    let spread = (spread | spread << 8) & 0x00ff_00ff_00ff_00ff;
    let spread = (spread | spread << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    let above_nine = spread.wrapping_add(ONES.wrapping_mul(6)) >> 4 & ONES;
    let zero = ONES.wrapping_mul(b'0' as u64);
    let to_letters = (b'a' as u64).wrapping_sub(b'9' as u64).wrapping_sub(1);
    spread
        .wrapping_add(zero)
        .wrapping_add(above_nine.wrapping_mul(to_letters))
        .to_be_bytes()
}

/// Reads two digits for each of the bytes; `None` if there are more or fewer, or others.
pub(crate) fn read(text: &[u8], bytes: &mut [u8]) -> Option<()> {
    let (pairs, rest) = text.as_chunks::<2>();
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    let mut all = 0;
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let (high, low) = (value(*high), value(*low));
        all |= high | low;
        *byte = high << 4 | low;
    }
    (all & NONE == 0).then_some(())
}

fn value(digit: u8) -> u8 {
    VALUES.get(usize::from(digit)).copied().unwrap_or(NONE)
}

const ONES: u64 = u64::MAX / 255;
/// What is no digit: above the four bits of those that are.
const NONE: u8 = 0x80;
const VALUES: [u8; 256] = values();

#[allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "run by the compiler only"
)]
const fn values() -> [u8; 256] {
    let mut values = [NONE; 256];
    let mut value = 0_u8;
    while value < 16 {
        let digit = b"0123456789abcdef"[value as usize];
        values[digit as usize] = value;
        values[digit.to_ascii_uppercase() as usize] = value;
        value += 1;
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_standard_library_writes_them() {
        for number in [0, 0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210, u64::MAX] {
            assert_eq!(of_u64(number), *format!("{number:016x}").as_bytes());
        }
    }

    #[test]
    fn bytes_of_any_number_are_written_and_read_back_in_either_case() {
        let bytes: Vec<u8> = (0..=255).collect();
        for len in [0, 1, 7, 8, 9, 255, 256] {
            let bytes = &bytes[256 - len..];
            let mut text = Vec::new();
            write(bytes, |digits| text.extend_from_slice(digits));
            let expected: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(String::from_utf8_lossy(&text), expected);
            for text in [text.to_ascii_uppercase(), text] {
                let mut again = vec![0; len];
                assert_eq!(read(&text, &mut again), Some(()));
                assert_eq!(again, bytes);
            }
        }
    }

    #[test]
    fn what_is_no_digit_or_too_much_or_too_little_is_not_read() {
        let digits = b"0123456789abcdefABCDEF";
        for octet in 0..=255_u8 {
            let is_digit = digits.contains(&octet);
            assert_eq!(read(&[b'0', octet], &mut [0]).is_some(), is_digit);
            assert_eq!(read(&[octet, b'0'], &mut [0]).is_some(), is_digit);
        }
        for other in ["", "0", "000", "0000"] {
            assert_eq!(read(other.as_bytes(), &mut [0]), None, "{other}");
        }
    }
}
