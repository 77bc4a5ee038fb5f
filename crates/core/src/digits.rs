//! Decimal digits without an allocation.

use std::ops::Deref;

/// A number as it stands in a message.
pub(crate) struct Decimal {
    text: [u8; 20],
    /// Where it starts.
    from: usize,
}

/// A number as it stands in a message.
pub(crate) fn decimal(number: u64) -> Decimal {
    let mut text = [0; 20];
    let digit = |number: u64| b'0'.wrapping_add((number % 10) as u8);
    // The seconds of an hour, as most are.
    if (1_000..10_000).contains(&number) {
        let [.., a, b, c, d] = &mut text;
        [*a, *b, *c, *d] = [number / 1_000, number / 100, number / 10, number].map(digit);
        return Decimal { text, from: 16 };
    }
    let mut from = text.len();
    let mut rest = number;
    for slot in text.iter_mut().rev() {
        *slot = digit(rest);
        rest /= 10;
        from = from.wrapping_sub(1);
        if rest == 0 {
            break;
        }
    }
    Decimal { text, from }
}

impl Deref for Decimal {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.text.get(self.from..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_written_as_it_is_read() {
        for number in [
            0,
            9,
            10,
            99,
            999,
            1000,
            3600,
            9_999,
            10_000,
            1 << 31,
            u64::MAX,
        ] {
            assert_eq!(*decimal(number), *number.to_string().as_bytes());
        }
    }
}
