//! Notes that plugins leave on a transaction for themselves.

use smallvec::SmallVec;

/// Texts by key, kept as long as their request is. Small on purpose: a look-up is a walk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    list: SmallVec<[(Box<str>, Box<str>); 2]>,
}

/// There is no room for one more note, or it is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotesFull;

impl Notes {
    /// The note of this key.
    pub fn find(&self, key: &str) -> Option<&str> {
        let mut list = self.list.iter();
        list.find(|(name, _)| &**name == key)
            .map(|(_, value)| &**value)
    }

    /// Writes a note, over the former one of its key.
    ///
    /// # Errors
    /// [`NotesFull`]: more than 32 notes, a key over 64 bytes, or a value over 1,024.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), NotesFull> {
        if key.len() > KEY || value.len() > VALUE {
            return Err(NotesFull);
        }
        if let Some((_, old)) = self.list.iter_mut().find(|(name, _)| &**name == key) {
            *old = value.into();
            return Ok(());
        }
        if self.list.len() >= NOTES {
            return Err(NotesFull);
        }
        self.list.push((key.into(), value.into()));
        Ok(())
    }

    /// All of them, in the order they were first written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.list.iter().map(|(key, value)| (&**key, &**value))
    }
}

const NOTES: usize = 32;
const KEY: usize = 64;
const VALUE: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_note_of_a_key_counts() {
        let mut notes = Notes::default();
        notes.set("plan", "a").unwrap();
        notes.set("plan", "b").unwrap();
        assert_eq!(notes.find("plan"), Some("b"));
        assert_eq!(notes.iter().count(), 1);
    }

    #[test]
    fn notes_have_bounds() {
        let mut notes = Notes::default();
        for n in 0..NOTES {
            notes.set(&n.to_string(), "x").unwrap();
        }
        assert_eq!(notes.set("one more", "x"), Err(NotesFull));
        assert_eq!(notes.set("0", &"x".repeat(VALUE + 1)), Err(NotesFull));
        assert_eq!(notes.set("0", "y"), Ok(()));
    }
}
