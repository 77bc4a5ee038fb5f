//! Message building without the formatting machinery.

pub(crate) trait Put {
    fn b(&mut self, v: &[u8]) -> &mut Self;
    fn s(&mut self, v: &str) -> &mut Self {
        self.b(v.as_bytes())
    }
    /// A decimal number.
    fn n(&mut self, v: u64) -> &mut Self;
    /// A hexadecimal number of exactly `width` digits.
    fn hex(&mut self, v: u64, width: u32) -> &mut Self;
}

impl Put for Vec<u8> {
    #[inline]
    fn b(&mut self, v: &[u8]) -> &mut Self {
        self.extend_from_slice(v);
        self
    }

    fn n(&mut self, mut v: u64) -> &mut Self {
        let mut buf = [0u8; 20];
        let mut at = buf.len();
        loop {
            at -= 1;
            buf[at] = b'0' + (v % 10) as u8;
            v /= 10;
            if v == 0 {
                break;
            }
        }
        self.b(&buf[at..])
    }

    fn hex(&mut self, v: u64, width: u32) -> &mut Self {
        for i in (0..width).rev() {
            self.push(b"0123456789abcdef"[((v >> (4 * i)) & 15) as usize]);
        }
        self
    }
}

pub(crate) fn parse_hex(v: &[u8]) -> Option<u64> {
    if v.is_empty() || v.len() > 16 {
        return None;
    }
    v.iter().try_fold(0u64, |acc, b| {
        Some((acc << 4) | u64::from((*b as char).to_digit(16)?))
    })
}

/// A user name or password template: the first `%d` or `%0Nd` becomes the number.
pub(crate) struct Template {
    before: Vec<u8>,
    width: usize,
    after: Vec<u8>,
    numbered: bool,
}

impl Template {
    pub(crate) fn new(text: &str) -> Template {
        let plain = Template {
            before: text.into(),
            width: 0,
            after: Vec::new(),
            numbered: false,
        };
        let Some(at) = text.find('%') else {
            return plain;
        };
        let rest = &text[at + 1..];
        let Some(d) = rest.find('d') else {
            return plain;
        };
        let Ok(width) = format!("0{}", &rest[..d]).parse::<usize>() else {
            return plain;
        };
        Template {
            before: text[..at].into(),
            width,
            after: rest[d + 1..].into(),
            numbered: true,
        }
    }

    pub(crate) fn put(&self, number: u32, out: &mut Vec<u8>) {
        out.b(&self.before);
        if self.numbered {
            let mut digits = Vec::with_capacity(10);
            digits.n(u64::from(number));
            for _ in digits.len()..self.width {
                out.push(b'0');
            }
            out.b(&digits).b(&self.after);
        }
    }

    pub(crate) fn make(&self, number: u32) -> Vec<u8> {
        let mut out = Vec::new();
        self.put(number, &mut out);
        out
    }
}

/// splitmix64: enough randomness for identifiers.
pub(crate) struct Rng(pub u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let mut v = Vec::new();
        v.n(0).s(" ").n(1234567890123).s(" ").hex(0xbeef, 8);
        assert_eq!(v, b"0 1234567890123 0000beef");
        assert_eq!(parse_hex(b"0000beef"), Some(0xbeef));
        assert_eq!(parse_hex(b"xy"), None);
        assert_eq!(parse_hex(b""), None);
    }

    #[test]
    fn templates() {
        assert_eq!(Template::new("user%05d").make(42), b"user00042");
        assert_eq!(Template::new("u%dx").make(7), b"u7x");
        assert_eq!(Template::new("secret").make(7), b"secret");
        assert_eq!(Template::new("50%").make(7), b"50%");
        assert_eq!(Template::new("user%05d").make(1234567), b"user1234567");
    }
}
