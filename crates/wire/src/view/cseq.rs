//! CSeq (RFC 3261 20.16).

use crate::{Kind, Method, text};

/// Reads a number below 2^31 (RFC 3261 8.1.1.5) and a method.
pub(crate) fn read(value: &[u8]) -> Result<(u32, Method<'_>), Kind> {
    let mut number = 0_u64;
    let mut rest = value;
    while let [byte @ b'0'..=b'9', tail @ ..] = rest {
        // Once it is far too large it may stay as it is.
        if number <= u64::from(u32::MAX) {
            number = number.wrapping_mul(10).wrapping_add(u64::from(byte & 0xf));
        }
        rest = tail;
    }
    let method = match rest {
        [b' ', token @ ..] => Method::known(token).or_else(|| method(rest)),
        _ => method(rest),
    };
    let method = method
        .filter(|_| rest.len() < value.len())
        .ok_or(Kind::Syntax)?;
    match u32::try_from(number) {
        Ok(number) if number < 1 << 31 => Ok((number, method)),
        _ => Err(Kind::Number),
    }
}

/// The method behind a blank, any token.
#[inline(never)]
fn method(rest: &[u8]) -> Option<Method<'_>> {
    let blank = rest.first().is_some_and(|b| text::is_lws(*b));
    let token = text::trim(rest);
    let method = Method::new(token);
    let is_method = !matches!(method, Method::Ext(_)) || text::is_token(token);
    (blank && is_method).then_some(method)
}
