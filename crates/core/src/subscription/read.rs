//! What a SUBSCRIBE and a NOTIFY say: Event and Subscription-State (RFC 6665 8.2).

use bellhop_wire::{HeaderId, Message, Params};

/// An Event header (RFC 6665 8.2.1): the package with its templates, and the id that tells two usages of one
/// dialog apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventRef<'m> {
    pub(crate) package: &'m [u8],
    pub(crate) id: Option<&'m [u8]>,
    /// It has other parameters: it asks for another thing than all of the resource (RFC 4235 3.2: one dialog of it).
    pub(crate) has_more: bool,
}

/// What a Subscription-State header says (RFC 6665 4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told<'m> {
    pub(crate) word: Word,
    pub(crate) expires: Option<u32>,
    pub(crate) reason: Option<&'m [u8]>,
    /// Seconds after which the subscriber may try again.
    pub(crate) retry_after: Option<u32>,
}

/// The state that a notifier names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// Accepted, and its state may be seen; so is a state of a name that we do not know (8.2.3: extensions).
    Active,
    /// Not decided yet.
    Pending,
    /// Over.
    Terminated,
}

impl Told<'_> {
    /// What a NOTIFY says that has no such header, though it must (4.1.3): whoever takes it takes it for this.
    pub(super) const UNSAID: Self = Self {
        word: Word::Active,
        expires: None,
        reason: None,
        retry_after: None,
    };

    /// Whether it says that the subscription is over.
    pub(crate) fn is_end(&self) -> bool {
        self.word == Word::Terminated
    }

    /// Whether it says that nothing has been decided.
    pub(crate) fn is_pending(&self) -> bool {
        self.word == Word::Pending
    }

    /// Whether it says that the subscription is accepted.
    pub(crate) fn is_active(&self) -> bool {
        self.word == Word::Active
    }

    /// The end of a subscription, for the log.
    pub(crate) fn in_words(&self) -> String {
        let mut text = "terminated by the notifier".to_owned();
        if let Some(reason) = self.reason {
            text.push_str(&format!(", reason {}", reason.escape_ascii()));
        }
        if let Some(seconds) = self.retry_after {
            text.push_str(&format!(", to be tried again after {seconds} s"));
        }
        text
    }
}

/// The Event header of a SUBSCRIBE or NOTIFY; `None`: there is none, or none that can be read.
pub(crate) fn event_of(message: Message<'_>) -> Option<EventRef<'_>> {
    event_in(message.first(HeaderId::Event)?.value)
}

/// As [`event_of`], of the header's value.
pub(crate) fn event_in(value: &[u8]) -> Option<EventRef<'_>> {
    let (package, params) = split(value);
    (!package.is_empty()).then_some(EventRef {
        package,
        id: params.value("id"),
        has_more: params.iter().any(|param| !param.is("id")),
    })
}

/// The Subscription-State header of a NOTIFY. `None`: there is none.
pub(crate) fn told(message: Message<'_>) -> Option<Told<'_>> {
    let (word, params) = split(message.first(HeaderId::SubscriptionState)?.value);
    let number = |name| {
        let digits = std::str::from_utf8(params.value(name)?).ok()?;
        digits.parse().ok()
    };
    Some(Told {
        word: match word {
            word if word.eq_ignore_ascii_case(b"terminated") => Word::Terminated,
            word if word.eq_ignore_ascii_case(b"pending") => Word::Pending,
            _ => Word::Active,
        },
        expires: number("expires"),
        reason: params.value("reason"),
        retry_after: number("retry-after"),
    })
}

/// A token, and the parameters behind it.
fn split(value: &[u8]) -> (&[u8], Params<'_>) {
    let end = value.iter().position(|b| *b == b';');
    let (token, raw) = value.split_at(end.unwrap_or(value.len()));
    (token.trim_ascii(), Params { raw })
}

/// A peer's text, as much of it as is kept.
pub(super) fn clip(text: &[u8]) -> Box<[u8]> {
    cut(text).into()
}

/// As [`clip`], not kept.
pub(super) fn cut(text: &[u8]) -> &[u8] {
    text.get(..MOST_TEXT).unwrap_or(text)
}

/// Octets of a URI or an event that are kept.
const MOST_TEXT: usize = 256;
