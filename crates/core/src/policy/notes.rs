//! Notes that plugins leave on a transaction for themselves.

use smallvec::SmallVec;

/// Texts by key, kept as long as their request is. Small on purpose: a look-up is a walk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    list: SmallVec<[(Box<str>, Box<str>); 2]>,
    /// Of the call that an INVITE begins; few have any.
    call: Option<Box<OfCall>>,
}

/// What plugins want of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct OfCall {
    has_legs: Option<bool>,
    record: Vec<(Box<str>, Box<str>)>,
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

    /// Chooses whether the call has two legs, or is relayed.
    pub fn set_legs(&mut self, has_legs: bool) {
        self.call.get_or_insert_default().has_legs = Some(has_legs);
    }

    /// What was chosen last; `None`: nobody has.
    pub fn legs(&self) -> Option<bool> {
        self.call.as_ref()?.has_legs
    }

    /// Writes a note into the call's record, over the former one of its key.
    ///
    /// # Errors
    /// [`NotesFull`]: more than 16 notes, a key over 64 bytes, or a value over 256.
    pub fn record(&mut self, key: &str, value: &str) -> Result<(), NotesFull> {
        if key.len() > KEY || value.len() > RECORDED_VALUE {
            return Err(NotesFull);
        }
        let record = &mut self.call.get_or_insert_default().record;
        if let Some((_, old)) = record.iter_mut().find(|(name, _)| &**name == key) {
            *old = value.into();
            return Ok(());
        }
        if record.len() >= RECORDED {
            return Err(NotesFull);
        }
        record.push((key.into(), value.into()));
        Ok(())
    }

    /// Whether a plugin wants anything of the call.
    pub(crate) fn are_of_call(&self) -> bool {
        self.call.is_some()
    }

    /// What the call's record is to say, in the order it was first written.
    pub fn recorded(&self) -> &[(Box<str>, Box<str>)] {
        self.call.as_ref().map_or(&[], |call| &call.record)
    }

    /// All of them, in the order they were first written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.list.iter().map(|(key, value)| (&**key, &**value))
    }
}

const NOTES: usize = 32;
const KEY: usize = 64;
const VALUE: usize = 1_024;
const RECORDED: usize = 16;
const RECORDED_VALUE: usize = 256;

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
    fn what_a_record_says_has_bounds_of_its_own_and_is_no_note() {
        let mut notes = Notes::default();
        for n in 0..RECORDED {
            notes.record(&n.to_string(), "x").unwrap();
        }
        assert_eq!(notes.record("one more", "x"), Err(NotesFull));
        assert_eq!(notes.record("0", &"x".repeat(257)), Err(NotesFull));
        assert_eq!(notes.record(&"k".repeat(65), "x"), Err(NotesFull));
        assert_eq!(notes.record("0", "y"), Ok(()));
        assert_eq!(notes.recorded().len(), RECORDED);
        assert_eq!(notes.recorded().first(), Some(&("0".into(), "y".into())));
        assert_eq!((notes.find("0"), notes.legs()), (None, None));
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
