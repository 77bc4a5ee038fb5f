//! Queries and path segments, percent-decoded (RFC 3986 2.1). A plus stays one: telephone numbers have it.

/// The value of `name` in `a=b&c=d`; `None`: it is not there, or is no UTF-8.
pub(super) fn value(query: Option<&str>, name: &str) -> Option<String> {
    let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    let mut found = pairs.filter(|(key, _)| *key == name);
    found.next().and_then(|(_, value)| decode(value))
}

/// A text without its percent signs; `None`: one is not followed by two hex digits, or it is no UTF-8.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                u8::try_from(high << 4 | low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// A text with all but letters, digits and `-._~` as percent signs.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_comes_back() {
        for text in ["sip:+4930@example.org;x=1", "ä b%", "", "a&b=c/d"] {
            assert_eq!(decode(&encode(text)).as_deref(), Some(text));
            let query = format!("x=1&aor={}", encode(text));
            assert_eq!(value(Some(&query), "aor").as_deref(), Some(text));
        }
        assert_eq!(value(Some("aor=+49"), "aor").as_deref(), Some("+49"));
    }

    #[test]
    fn a_broken_escape_is_no_text() {
        for broken in ["%", "%4", "%zz", "%ff", "%+1"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }
}
