//! Changing a received message without touching the rest of it.

use crate::{Error, Field, HeaderId, Message, Value, ViaMark};

/// A list of changes to one message. What is not changed leaves byte for byte. Changes of different
/// places may come in any order; several insertions at one place stand in the order they were made.
#[derive(Debug)]
pub struct Edit<'m> {
    message: Message<'m>,
}

/// Why a change was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditError {
    /// A value with CR, LF or NUL, or a name that is not a token.
    Unsafe,
    /// Two changes of the same bytes.
    Overlap,
}

impl<'m> Edit<'m> {
    /// No changes yet.
    pub fn new(message: Message<'m>) -> Self {
        Self { message }
    }

    /// Replaces the Request-URI.
    pub fn request_uri(&mut self, uri: &[u8]) -> &mut Self {
        let _ = uri;
        self
    }

    /// Puts `received` and `rport` on the topmost Via (RFC 3261 18.2.1, RFC 3581 4), replacing what
    /// it claims of them.
    pub fn mark_via(&mut self, mark: ViaMark) -> &mut Self {
        let _ = mark;
        self
    }

    /// A new first header line of this name, before the first line of the same header; before all
    /// lines if there is none (Via, Record-Route, Route, Path).
    pub fn push(&mut self, id: HeaderId, value: &[u8]) -> &mut Self {
        let _ = (id, value);
        self
    }

    /// A new last header line.
    pub fn append(&mut self, name: &str, value: &[u8]) -> &mut Self {
        let _ = (name, value);
        self
    }

    /// Replaces all lines of a header by one, where the first stood; appends it if there is none.
    pub fn set(&mut self, id: HeaderId, value: &[u8]) -> &mut Self {
        let _ = (id, value);
        self
    }

    /// Removes a header line, its folds included.
    pub fn remove(&mut self, field: Field<'m>) -> &mut Self {
        let _ = field;
        self
    }

    /// Removes one element of a comma list; the whole line if it is alone on it.
    pub fn remove_value(&mut self, value: Value<'m>) -> &mut Self {
        let _ = value;
        self
    }

    /// Replaces one element of a comma list.
    pub fn replace_value(&mut self, value: Value<'m>, new: &[u8]) -> &mut Self {
        let _ = (value, new);
        self
    }

    /// Removes the topmost Via. # Errors: `Missing`.
    pub fn pop_via(&mut self) -> Result<&mut Self, Error> {
        Ok(self)
    }

    /// Removes the topmost Route. # Errors: `Missing`.
    pub fn pop_route(&mut self) -> Result<&mut Self, Error> {
        Ok(self)
    }

    /// Max-Forwards one lower; 70 if it is absent (RFC 3261 16.6 step 3). # Errors: `TooManyHops` at 0, `Number`.
    pub fn decrement_max_forwards(&mut self) -> Result<u8, Error> {
        todo!()
    }

    /// Replaces the body; sets Content-Length, and Content-Type if given.
    pub fn body(&mut self, content_type: Option<&str>, body: &[u8]) -> &mut Self {
        let _ = (content_type, body);
        self
    }

    /// Writes the changed message to the end of `out`; on error `out` is as before.
    ///
    /// # Errors
    /// See [`EditError`]; the first fault of any change since [`Edit::new`].
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), EditError> {
        let _ = (out, self.message);
        todo!()
    }
}
