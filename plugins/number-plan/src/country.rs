//! Country codes of E.164: where the code ends and the national number begins.

/// The country code that the digits begin with.
pub(crate) fn of(digits: &str) -> Option<&str> {
    let length = match digits.as_bytes() {
        [b'1' | b'7', ..] => 1,
        [b'2', b'0' | b'7', ..]
        | [b'3', b'0'..=b'4' | b'6' | b'9', ..]
        | [b'4', b'0' | b'1' | b'3'..=b'9', ..]
        | [b'5', b'1'..=b'8', ..]
        | [b'6', b'0'..=b'6', ..]
        | [b'8', b'1' | b'2' | b'4' | b'6', ..]
        | [b'9', b'0'..=b'5' | b'8', ..] => 2,
        [b'2'..=b'9', ..] => 3,
        _ => return None,
    };
    digits.get(..length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_one_to_three_digits() {
        for (digits, code) in [
            ("18765551234", Some("1")),
            ("74951234567", Some("7")),
            ("493012345", Some("49")),
            ("420123456789", Some("420")),
            ("97212345678", Some("972")),
            ("989121234567", Some("98")),
            ("0123", None),
            ("42", None),
        ] {
            assert_eq!(of(digits), code, "{digits}");
        }
    }
}
