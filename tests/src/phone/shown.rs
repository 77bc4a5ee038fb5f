//! What a scripted phone says of itself.

use super::Phone;

impl Phone {
    /// Shows another Contact than the address of its socket.
    #[must_use]
    pub fn with_contact(mut self, uri: &str) -> Self {
        uri.clone_into(&mut self.contact);
        self
    }

    /// Says in Via and Contact what JsSIP and SIP.js do: names that lead nowhere (RFC 7118 5.2), its connection is all.
    #[must_use]
    pub fn as_browser(mut self) -> Self {
        "192e7hq2.invalid".clone_into(&mut self.sent_by);
        self.with_contact("sip:8r3k1n@192e7hq2.invalid;transport=ws")
    }

    /// Puts these bytes among the header lines of each request from now on.
    pub fn say_besides(&mut self, lines: &[u8]) {
        lines.clone_into(&mut self.more);
    }
}
