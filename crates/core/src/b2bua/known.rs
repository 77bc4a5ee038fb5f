//! Which extensions and methods we can stand for.

use super::hide::Hider;

impl Hider<'_> {
    /// The extensions that go over.
    pub(super) fn options(&self) -> &'static [&'static str] {
        if self.is_outside { OUTSIDE } else { OPTIONS }
    }

    /// The methods that go over.
    pub(super) fn methods(&self) -> &'static [&'static str] {
        if self.is_outside { ALL } else { METHODS }
    }
}

/// Extensions that work through two dialogs because what they need goes over.
pub(crate) const OPTIONS: &[&str] = &[
    "100rel",
    "timer",
    "norefersub",
    "precondition",
    "early-session",
    "histinfo",
    "resource-priority",
    "answermode",
    "privacy",
    "replaces",
    "join",
];

/// Those that do outside of calls: what they need is in the headers and the body.
pub(crate) const OUTSIDE: &[&str] = &[
    "100rel",
    "timer",
    "norefersub",
    "nosub",
    "explicitsub",
    "precondition",
    "early-session",
    "histinfo",
    "resource-priority",
    "answermode",
    "privacy",
    "eventlist",
    "recipient-list-subscribe",
    "recipient-list-message",
    "multiple-refer",
    "replaces",
    "join",
];

/// What goes over outside of calls.
const ALL: &[&str] = &[
    "INVITE",
    "ACK",
    "CANCEL",
    "BYE",
    "OPTIONS",
    "INFO",
    "UPDATE",
    "PRACK",
    "REFER",
    "NOTIFY",
    "MESSAGE",
    "SUBSCRIBE",
    "PUBLISH",
    "REGISTER",
];

/// What goes over inside a call.
pub(super) const METHODS: &[&str] = &[
    "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE", "PRACK", "REFER", "NOTIFY",
    "MESSAGE",
];
