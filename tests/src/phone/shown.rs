//! What a scripted phone says of itself, and that it stays who it is.

use super::Phone;

impl Phone {
    /// Shows another Contact than the address of its socket.
    #[must_use]
    pub fn with_contact(mut self, uri: &str) -> Self {
        uri.clone_into(&mut self.contact);
        self
    }

    pub(super) fn with_contact_parameter(mut self, parameter: &str) -> Self {
        self.contact.push_str(parameter);
        self
    }

    /// Says in Via and Contact what JsSIP and SIP.js do: names that lead nowhere (RFC 7118 5.2), its connection is all.
    #[must_use]
    pub fn as_browser(mut self) -> Self {
        "192e7hq2.invalid".clone_into(&mut self.sent_by);
        self.with_contact("sip:8r3k1n@192e7hq2.invalid;transport=ws")
    }

    /// Connects anew if its connection has gone with Bellhop; its dialogs and what it says of itself are as before.
    ///
    /// # Panics
    /// If it cannot.
    pub fn connect_again(&mut self) {
        if self.link.open_again(self.remote) {
            self.rest.clear();
        }
    }

    /// Puts these bytes among the header lines of each request from now on.
    pub fn say_besides(&mut self, lines: &[u8]) {
        lines.clone_into(&mut self.more);
    }
}
