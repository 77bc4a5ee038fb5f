//! JSON (RFC 8259) read into a tree: configurations and answers of web services. Small on purpose:
//! a full framework for it would be the larger part of a plugin's WebAssembly.

use std::fmt;

/// A JSON value. The members of an object stay in order; of two with one name the last counts.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// Any number.
    Number(f64),
    /// A string.
    String(String),
    /// `[..]`
    Array(Vec<Json>),
    /// `{..}`
    Object(Vec<(String, Json)>),
}

/// Why a text is no JSON, and at which byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// Bytes before the fault.
    pub at: usize,
    /// What was wanted there.
    pub wanted: &'static str,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no JSON: at byte {}: expected {}", self.at, self.wanted)
    }
}

impl std::error::Error for JsonError {}

impl Json {
    /// Reads one value, nested at most 64 deep.
    ///
    /// # Errors
    /// The text is no JSON; says where.
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value(DEEPEST)?;
        reader.space();
        match reader.rest().is_empty() {
            true => Ok(value),
            false => Err(reader.error("the end")),
        }
    }

    /// A member of an object.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let mut members = self.members().iter().rev();
        members.find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The members, empty if it is no object.
    pub fn members(&self) -> &[(String, Self)] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }

    /// The items, empty if it is no array.
    pub fn items(&self) -> &[Self] {
        match self {
            Self::Array(items) => items,
            _ => &[],
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// A number.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// A number that is whole and exact: at most 2^53 either way.
    pub fn as_i64(&self) -> Option<i64> {
        let number = self.as_f64()?;
        let whole = number.trunc() == number && number.abs() <= MOST_EXACT;
        #[allow(clippy::cast_possible_truncation, reason = "it is whole and small")]
        whole.then_some(number as i64)
    }

    /// `true` or `false`.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }
}

/// A JSON string of the text, with its quotes.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(2));
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c < ' ' => {
                let digit = |half: u32| char::from_digit(half & 15, 16).unwrap_or('0');
                out.push_str("\\u00");
                out.push(digit(u32::from(c) >> 4));
                out.push(digit(u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: u8) -> Result<Json, JsonError> {
        let Some(inner) = depth.checked_sub(1) else {
            return Err(self.error("fewer brackets"));
        };
        self.space();
        match self.peek() {
            Some('{') => self.object(inner),
            Some('[') => self.array(inner),
            Some('"') => self.string().map(Json::String),
            Some('-' | '0'..='9') => self.number(),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: u8) -> Result<Json, JsonError> {
        let mut members = Vec::new();
        self.list('{', '}', |reader| {
            let name = reader.string()?;
            reader.space();
            if !reader.take(':') {
                return Err(reader.error("':'"));
            }
            members.push((name, reader.value(depth)?));
            Ok(())
        })?;
        Ok(Json::Object(members))
    }

    fn array(&mut self, depth: u8) -> Result<Json, JsonError> {
        let mut items = Vec::new();
        self.list('[', ']', |reader| {
            items.push(reader.value(depth)?);
            Ok(())
        })?;
        Ok(Json::Array(items))
    }

    fn list(
        &mut self,
        open: char,
        close: char,
        mut item: impl FnMut(&mut Self) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.take(open);
        self.space();
        if self.take(close) {
            return Ok(());
        }
        loop {
            self.space();
            item(self)?;
            self.space();
            if self.take(close) {
                return Ok(());
            }
            if !self.take(',') {
                return Err(self.error("',' or the closing bracket"));
            }
        }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        if !self.take('"') {
            return Err(self.error("'\"'"));
        }
        let mut out = String::new();
        loop {
            match self.next() {
                Some('"') => return Ok(out),
                Some('\\') => out.push(self.escape()?),
                Some(c) if c >= ' ' => out.push(c),
                _ => return Err(self.error("the rest of the string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let found = match self.next() {
            Some(c @ ('"' | '\\' | '/')) => Some(c),
            Some('b') => Some('\u{8}'),
            Some('f') => Some('\u{c}'),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('u') => self.unicode(),
            _ => None,
        };
        found.ok_or_else(|| self.error("an escape"))
    }

    /// Four hexadecimal digits, or two times four of a surrogate pair (RFC 8259, 7).
    fn unicode(&mut self) -> Option<char> {
        let first = self.hex()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        if !(self.take('\\') && self.take('u')) {
            return None;
        }
        let high = first.checked_sub(0xd800)?.checked_mul(0x400)?;
        let low = self.hex()?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        char::from_u32(high.checked_add(low)?.checked_add(0x10000)?)
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.rest().get(..4)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u32::from_str_radix(digits, 16).ok().filter(|_| plain)?;
        self.at = self.at.saturating_add(4);
        Some(number)
    }

    fn number(&mut self) -> Result<Json, JsonError> {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'))
            .unwrap_or(rest.len());
        let number = rest.get(..end).and_then(number);
        let number = number.ok_or_else(|| self.error("a number"))?;
        self.at = self.at.saturating_add(end);
        Ok(Json::Number(number))
    }

    fn word(&mut self) -> Result<Json, JsonError> {
        let words = [
            ("null", Json::Null),
            ("true", Json::Bool(true)),
            ("false", Json::Bool(false)),
        ];
        for (word, value) in words {
            if self.rest().starts_with(word) {
                self.at = self.at.saturating_add(word.len());
                return Ok(value);
            }
        }
        Err(self.error("a value"))
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.at = self.at.saturating_add(1);
        }
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.next();
        }
        found
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at = self.at.saturating_add(c.len_utf8());
        Some(c)
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn error(&self, wanted: &'static str) -> JsonError {
        let at = self.at;
        JsonError { at, wanted }
    }
}

/// A number by RFC 8259, 6: no leading zero, digits on both sides of the point. Exact as long as it has at
/// most 15 digits and a small exponent, else off by a few units in the last place: the standard
/// library's way would be the largest part of a small plugin.
fn number(text: &str) -> Option<f64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, text),
    };
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let zero_leads = whole.len() > 1 && whole.starts_with('0');
    if !plain(whole) || !plain(fraction) || zero_leads || exponent.starts_with("+-") {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let mut value = 0.0_f64;
    for digit in whole.bytes().chain(fraction.bytes()) {
        value = value * 10.0 + f64::from(digit & 15);
    }
    let shift = i32::try_from(fraction.len()).ok()?;
    let exponent: i32 = exponent
        .strip_prefix('+')
        .unwrap_or(exponent)
        .parse()
        .ok()?;
    let exponent = exponent.checked_sub(shift)?;
    let power = (0..exponent.unsigned_abs().min(400)).fold(1.0_f64, |power, _| power * 10.0);
    let value = if exponent < 0 {
        value / power
    } else {
        value * power
    };
    value.is_finite().then_some(sign * value)
}

const DEEPEST: u8 = 64;
/// 2^53: up to here a double holds every whole number.
const MOST_EXACT: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests;
