//! Values that are made of fields, each with a number and a length, with a version in front and a checksum over key and
//! value behind. A reader leaves out fields that it does not know, so that what is added later is no new version, unless
//! it must be known.

use crate::codec::{Unreadable, checksum};

/// Begins a value in place of what `out` has.
pub(crate) fn begin(version: u8, out: &mut Vec<u8>) {
    out.clear();
    out.push(version);
}

/// Appends a field.
pub(crate) fn put(field: u8, value: &[u8], out: &mut Vec<u8>) {
    out.push(field);
    // A message is far below 4 GiB.
    let len = u32::try_from(value.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(value);
}

/// Ends the value of a key.
pub(crate) fn end(key: &str, out: &mut Vec<u8>) {
    let sum = checksum(key, out);
    out.extend_from_slice(&sum);
}

/// The fields of a value.
pub(crate) struct Fields<'a>(Vec<Field<'a>>);

/// The number and the value of one.
type Field<'a> = (u8, &'a [u8]);

impl<'a> Fields<'a> {
    /// Those of the value of a key, of this version.
    pub(crate) fn of(version: u8, key: &str, value: &'a [u8]) -> Result<Self, Unreadable> {
        let (body, sum) = value.split_last_chunk().ok_or(Unreadable::Damaged)?;
        if *sum != checksum(key, body) {
            return Err(Unreadable::Damaged);
        }
        match body.split_first() {
            Some((&own, rest)) if own == version => Self::within(rest).ok_or(Unreadable::Damaged),
            Some((&newer, _)) if newer > version => Err(Unreadable::Newer(newer)),
            _ => Err(Unreadable::Damaged),
        }
    }

    /// Those that a field is made of.
    pub(crate) fn within(mut rest: &'a [u8]) -> Option<Self> {
        let mut fields = Vec::new();
        while !rest.is_empty() {
            let (field, behind) = field(rest)?;
            fields.push(field);
            rest = behind;
        }
        Some(Self(fields))
    }

    /// The first field of this number.
    pub(crate) fn one(&self, number: u8) -> Option<&'a [u8]> {
        self.all(number).next()
    }

    /// All fields of this number, in their order.
    pub(crate) fn all(&self, number: u8) -> impl Iterator<Item = &'a [u8]> {
        let own = move |(other, value): &Field<'a>| (*other == number).then_some(*value);
        self.0.iter().filter_map(own)
    }
}

/// The field that a text begins with, and what is behind it.
fn field(bytes: &[u8]) -> Option<(Field<'_>, &[u8])> {
    let (number, rest) = bytes.split_first()?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
    let (value, rest) = rest.split_at_checked(len)?;
    Some(((*number, value), rest))
}

/// A field that is a number.
pub(crate) fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

/// A field that is a text.
pub(crate) fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}
