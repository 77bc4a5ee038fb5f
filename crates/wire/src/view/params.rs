//! Parameters behind semicolons: `;name`, `;name=value`, `;name="quoted"`.

use std::borrow::Cow;

/// A parameter list as it stands, from its first semicolon (may be empty). Names compare without case.
#[derive(Clone, Copy, Debug, Default)]
pub struct Params<'a> {
    /// The raw text.
    pub raw: &'a [u8],
}

/// One parameter; `value` is raw (quotes included), `None` for a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// Its name as it stands.
    pub name: &'a [u8],
    /// Its value as it stands, quotes included.
    pub value: Option<&'a [u8]>,
}

impl<'a> Params<'a> {
    /// All parameters in order; semicolons inside quotes and angle brackets do not separate.
    pub fn iter(self) -> impl Iterator<Item = Param<'a>> {
        std::iter::empty()
    }

    /// Whether the parameter stands there, with or without a value.
    pub fn has(self, name: &str) -> bool {
        let _ = name;
        todo!()
    }

    /// The first such parameter's raw value; `None` if absent or without a value.
    pub fn value(self, name: &str) -> Option<&'a [u8]> {
        let _ = name;
        todo!()
    }

    /// As [`Params::value`] with quotes taken off and quoted pairs resolved.
    pub fn unquoted(self, name: &str) -> Option<Cow<'a, [u8]>> {
        let _ = name;
        todo!()
    }
}
