//! Making messages for tests, and looking at what came of them.

use super::{Edit, Message, State};
use crate::{Source, testing::rules};

impl Message {
    /// With one more header field; nothing is checked.
    pub fn with(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let field = (name.to_owned(), value.as_ref().to_vec());
        self.changed(|state| state.fields.push(field))
    }

    /// With one field of this name.
    pub fn replacing(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let without =
            self.changed(|state| state.fields.retain(|(own, _)| !rules::is_same(own, name)));
        without.with(name, value)
    }

    /// To this Request-URI and, outside of dialogs, this To.
    pub fn to(self, uri: &str) -> Self {
        self.changed(|state| uri.clone_into(&mut state.ruri))
            .replacing("To", format!("<{uri}>"))
    }

    /// From this URI.
    pub fn from(self, uri: &str) -> Self {
        self.replacing("From", format!("<{uri}>;tag=from-1"))
    }

    /// Authenticated as this user.
    pub fn user(self, user: &str) -> Self {
        self.changed(|state| state.source.authenticated_user = Some(user.to_owned()))
    }

    /// From this address.
    pub fn address(self, address: &str) -> Self {
        self.changed(|state| address.clone_into(&mut state.source.address))
    }

    /// From a peer of this trust zone.
    pub fn zone(self, zone: &str) -> Self {
        self.changed(|state| zone.clone_into(&mut state.source.zone))
    }

    /// From this source.
    pub fn source_of(self, source: Source) -> Self {
        self.changed(|state| state.source = source)
    }

    /// The edits that were taken, in order.
    pub fn edits(&self) -> Vec<Edit> {
        self.state.borrow().edits.clone()
    }

    /// The text with the edits, as the host would send it but for its own fields.
    pub fn text(&self) -> String {
        let state = self.state.borrow();
        let mut out = match state.status {
            Some(status) => format!("SIP/2.0 {status} {}\r\n", state.reason),
            None => format!("{} {} SIP/2.0\r\n", state.method, state.ruri),
        };
        for (name, value) in &state.fields {
            out.push_str(&format!("{name}: {}\r\n", String::from_utf8_lossy(value)));
        }
        out.push_str("\r\n");
        out.push_str(&String::from_utf8_lossy(&state.body));
        out
    }

    fn changed(self, change: impl FnOnce(&mut State)) -> Self {
        change(&mut self.state.borrow_mut());
        Self {
            received: self.text().into_bytes(),
            ..self
        }
    }
}
