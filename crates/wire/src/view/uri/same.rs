//! Comparing URIs (RFC 3261 19.1.4).

use super::{Scheme, UriRef, is_reserved};
use crate::view::params::Param;
use crate::view::scan::{Unit, split_once, units};

/// Whether two URIs are the same.
pub(super) fn same(a: &UriRef<'_>, b: &UriRef<'_>) -> bool {
    if a.scheme != b.scheme {
        return false;
    }
    if !matches!(a.scheme, Scheme::Sip | Scheme::Sips) {
        return match (split_once(a.raw, b':'), split_once(b.raw, b':')) {
            (Some((scheme_a, rest_a)), Some((scheme_b, rest_b))) => {
                scheme_a.eq_ignore_ascii_case(scheme_b) && rest_a == rest_b
            }
            _ => false,
        };
    }
    both(a.user, b.user, exact)
        && both(a.password, b.password, exact)
        && both(a.host, b.host, |x, y| x.same(y))
        && a.port == b.port
        && params_match(a, b)
        && params_match(b, a)
        && headers_match(a.headers, b.headers)
}

/// Whether two texts are the same without case, escapes resolved.
pub(super) fn text(a: &[u8], b: &[u8]) -> bool {
    units(a).map(folded).eq(units(b).map(folded))
}

/// Parameters that count even if only one URI has them (19.1.4; `transport` by its example: the two
/// may resolve to different transports).
const TELLING: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

/// Every parameter of `a` is the same in `b`, or not there and of no weight.
fn params_match(a: &UriRef<'_>, b: &UriRef<'_>) -> bool {
    a.params.iter().all(
        |param| match b.params.iter().find(|other| text(other.name, param.name)) {
            Some(other) => both(param.value, other.value, text),
            None => !TELLING.iter().any(|name| text(param.name, name.as_bytes())),
        },
    )
}

/// Headers are never ignored: both have the same ones, in any order.
fn headers_match(a: Option<&[u8]>, b: Option<&[u8]>) -> bool {
    let count =
        |all: Option<&[u8]>, wanted: &[u8]| headers(all).filter(|h| header(h, wanted)).count();
    headers(a).count() == headers(b).count() && headers(a).all(|h| count(a, h) == count(b, h))
}

fn headers(all: Option<&[u8]>) -> impl Iterator<Item = &[u8]> {
    all.into_iter().flat_map(|all| all.split(|&b| b == b'&'))
}

/// Names compare without case, values exactly: whether case counts in them is the header's affair.
fn header(a: &[u8], b: &[u8]) -> bool {
    let (a, b) = (Param::of(a), Param::of(b));
    text(a.name, b.name) && both(a.value, b.value, exact)
}

/// Both absent, or both there and alike.
fn both<T>(a: Option<T>, b: Option<T>, alike: impl Fn(T, T) -> bool) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => alike(a, b),
        (None, None) => true,
        _ => false,
    }
}

fn exact(a: &[u8], b: &[u8]) -> bool {
    units(a).map(meaning).eq(units(b).map(meaning))
}

/// An escape means its character, unless that is a reserved one.
fn meaning(unit: Unit) -> Unit {
    match unit {
        Unit::Escaped(b) if !is_reserved(b) => Unit::Plain(b),
        other => other,
    }
}

fn folded(unit: Unit) -> Unit {
    match meaning(unit) {
        Unit::Plain(b) => Unit::Plain(b.to_ascii_lowercase()),
        other => other,
    }
}
