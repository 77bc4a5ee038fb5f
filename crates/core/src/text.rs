//! A short text that is put together on the stack.

use std::fmt;
use std::ops::Deref;

/// A text that allocates nothing as long as it has at most `N` octets.
pub(crate) struct Text<const N: usize> {
    inline: [u8; N],
    len: usize,
    /// All of it, once it is longer.
    long: Vec<u8>,
}

impl<const N: usize> Text<N> {
    pub(crate) const fn new() -> Self {
        Self {
            inline: [0; N],
            len: 0,
            long: Vec::new(),
        }
    }

    /// The octets and how many there are, if they stand in here; else all of them.
    #[inline(always)]
    pub(crate) fn into_short(self) -> Result<([u8; N], usize), Vec<u8>> {
        if self.long.is_empty() {
            Ok((self.inline, self.len))
        } else {
            Err(self.long)
        }
    }

    /// Appends octets.
    #[inline]
    pub(crate) fn put(&mut self, octets: &[u8]) {
        let end = self.len.saturating_add(octets.len());
        match self.inline.get_mut(self.len..end) {
            Some(slot) if self.long.is_empty() => {
                slot.copy_from_slice(octets);
                self.len = end;
            }
            _ => self.put_long(octets),
        }
    }

    #[cold]
    fn put_long(&mut self, octets: &[u8]) {
        if self.long.is_empty() {
            let before = self.inline.get(..self.len).unwrap_or_default();
            self.long.extend_from_slice(before);
        }
        self.long.extend_from_slice(octets);
    }
}

impl<const N: usize> Deref for Text<N> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        if self.long.is_empty() {
            self.inline.get(..self.len).unwrap_or_default()
        } else {
            &self.long
        }
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_stands_there_in_order_however_long_it_is() {
        for first in 0..6 {
            for second in 0..6 {
                let mut text = Text::<4>::new();
                let all = b"abcdefghijkl";
                text.put(&all[..first]);
                text.put(&all[first..first + second]);
                text.put(b"");
                text.put(&all[first + second..first + second + 1]);
                assert_eq!(&*text, &all[..first + second + 1]);
            }
        }
    }
}
