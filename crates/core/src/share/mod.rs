//! Subscriptions that are shared: the watchers of one resource end here, each in a dialog of its own
//! ([`watcher`]), and the PBX has one subscription for all of them ([`source`]).
//!
//! ```text
//!   phone --SUBSCRIBE--> its Call-ID's shard: a watcher; the first of its key wants the source
//!                          |  Note: wanted, unwanted          ^  Note: what the PBX says
//!                          v                                  |
//!                        the resource's home shard: the source --SUBSCRIBE--> PBX
//! ```
//!
//! Notes are values that the shell carries from shard to shard ([`crate::outbox::Outbox::notes`]), so one
//! shard and many are the same. A source is homed by its resource as a lease is by its AoR. Where our own bindings are
//! watched ([`reg`]) the home asks the location service in place of the PBX, and is told by a note to look again.

mod body;
mod dialog;
mod held;
mod line;
mod list;
mod reg;
mod registrations;
mod sample;
mod saved;
mod source;
mod table;
mod targets;
mod trouble;
mod watcher;
mod write;
mod xml;

pub(crate) use body::{Content, Taken};
pub use dialog::Dialog;
pub(crate) use dialog::contact_of;
pub(crate) use held::Heard;
pub use held::{Held, Publication, Shown as ShownHeld, Unpublished};
pub use held::{SavedHeld, SavedMailbox, SavedPublished};
pub(crate) use line::Stander;
pub use list::ResourceList;
pub(crate) use list::{List, RLMI, Sheet};
pub use reg::Gone;
pub(crate) use reg::{KIND as REGINFO, Look, Registration};
pub(crate) use registrations::Registrations;
pub(crate) use sample::{Question, Samples};
pub use saved::{SavedSource, SavedWatcher, Saves, Tag};
pub(crate) use source::{Source, State};
pub(crate) use table::{Due, Shares};
pub(crate) use watcher::{End, Keep, Next, Watcher};
pub(crate) use write::{Check, Notify, SOURCE, Subscribe, WATCHED, Way, contact};

use crate::registrar::Aor;
use crate::upstream::Place;
use std::sync::Arc;

/// What is shared: the same resource, event package and kind of body.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The resource.
    pub resource: Aor,
    /// The event package, lower case.
    pub package: Box<str>,
    /// The one kind of body that the PBX is asked for; of a list, that of lists.
    pub accept: Box<str>,
}

/// What one shard has to say to another. The shell hands it to [`crate::engine::Engine::note`] of that shard.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// The shard that it goes to.
    pub shard: u16,
    /// What it says.
    pub word: Word,
}

/// What a note says.
#[derive(Clone, Debug, PartialEq)]
#[allow(
    private_interfaces,
    reason = "the shell carries it and looks at nothing"
)]
pub enum Word {
    /// To the home shard: this shard has watchers; the first of them is this user.
    Wanted {
        /// Of what.
        key: Arc<Key>,
        /// The shard that has them.
        from: u16,
        /// In whose name the PBX is asked.
        by: Aor,
        /// Rises with each word of that shard: notes may overtake each other.
        at: u64,
    },
    /// To the home shard: this shard has none any more.
    Unwanted {
        /// Of what.
        key: Arc<Key>,
        /// The shard that had them.
        from: u16,
        /// As above.
        at: u64,
    },
    /// From the home shard: how it is.
    Told {
        /// What.
        key: Arc<Key>,
        /// How it is.
        view: Arc<View>,
        /// Rises with each change: what is older than what is known is not listened to.
        at: u64,
    },
    /// To the home shard: the bindings of an AoR that is watched have changed.
    Bound {
        /// Whose.
        aor: Aor,
        /// Why those went that are gone.
        gone: Gone,
    },
    /// To the home shard: what is kept of this by other ways than a subscription has changed ([`Held`]).
    Look {
        /// Of what.
        key: Arc<Key>,
    },
    /// From the home shard: the PBX refuses it to these; whoever else watches here is to come forward.
    Refused {
        /// What.
        key: Arc<Key>,
        /// To whom.
        to: Vec<Aor>,
        /// As above.
        at: u64,
    },
    /// Of a dialog of a call that somebody names.
    Dialog(Box<crate::b2bua::Word>),
    /// The PBX may have forgotten its subscriptions, at whatever target they are.
    Back,
    /// The PBX at this target may have forgotten them.
    BackAt(Place),
    /// This target of the PBX is known to be well, and was not.
    Well(Place),
    /// A target of the PBX is probed: it is to be asked about one of the things that it should know.
    Sample(Place),
    /// A target of the PBX does not answer any more: what it has taken and not answered ends, and what lasts moves.
    Down(Place),
}

/// How a resource is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum View {
    /// Nothing is known yet.
    Pending,
    /// The PBX has said that it may not tell, or may not tell any more, and that this can change (RFC 6665 4.1.3).
    Undecided,
    /// As the PBX has told; `None`: it told without a body.
    Active(Option<Content>),
    /// There is nothing to watch: Subscription-State parameters of the last NOTIFY.
    Over(Box<str>),
}

impl Key {
    /// Whether it is our own bindings that are watched, of which the PBX knows nothing (RFC 3680).
    pub(crate) fn is_registration(&self) -> bool {
        *self.package == *crate::subscription::REG
    }
}

impl View {
    /// Whether who has been told this one has nothing to hear of the next: a time in it is another, at most.
    pub(crate) fn says_as_much_as(&self, next: &Self) -> bool {
        match (self, next) {
            (Self::Active(Some(one)), Self::Active(Some(next))) => next.says_the_same_as(one),
            (Self::Pending, Self::Undecided) => true,
            _ => false,
        }
    }
}

/// The kind of body that is asked for on behalf of one who accepts these (RFC 6665 8.2.1: the package has a
/// default): the package's own if that is among them, so that as many as can share it.
pub(crate) fn accept_for<'a>(package: &str, accepts: impl Iterator<Item = &'a [u8]>) -> Box<str> {
    let own = match package {
        "dialog" => "application/dialog-info+xml",
        "presence" => "application/pidf+xml",
        MAILBOX => "application/simple-message-summary",
        crate::subscription::REG => reg::KIND,
        _ => "",
    };
    let mut first = None;
    if package == crate::subscription::REG {
        return own.into();
    }
    for kind in accepts {
        let end = kind.iter().position(|b| *b == b';').unwrap_or(kind.len());
        let kind = kind.get(..end).unwrap_or_default().trim_ascii();
        let is_range = kind == b"*/*" || kind.eq_ignore_ascii_case(b"application/*");
        if kind.eq_ignore_ascii_case(own.as_bytes()) || is_range {
            return own.into();
        }
        let is_type = kind.len() <= LONGEST_TYPE && kind.iter().all(|byte| is_of_type(*byte));
        let kind = std::str::from_utf8(kind).ok().filter(|_| is_type);
        first = first.or(kind.filter(|kind| !kind.eq_ignore_ascii_case(PARTS)));
    }
    first.map_or_else(|| own.into(), |kind| kind.to_ascii_lowercase().into())
}

/// What the PBX's unasked words on an AoR's mailbox are kept and watched as.
pub(crate) fn mailbox_key(aor: &Aor) -> Key {
    Key {
        resource: aor.clone(),
        package: MAILBOX.into(),
        accept: accept_for(MAILBOX, std::iter::empty()),
    }
}

/// The event package of mailboxes (RFC 3842 3.1).
pub(crate) const MAILBOX: &str = "message-summary";
/// A media type (RFC 6838 4.2) and its slash; nothing else goes on to the PBX, or makes a subscription of its own there.
fn is_of_type(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/!#$&-^_.+".contains(&byte)
}

/// Parts of a presence document (RFC 5262), which make no sense to who has not had all before: the PBX is not asked for them. Who
/// takes them takes the whole, too (RFC 5263).
pub(crate) const PARTS: &str = "application/pidf-diff+xml";
/// Bytes of a media type: two names of 127 (RFC 6838 4.2).
const LONGEST_TYPE: usize = 255;

#[cfg(test)]
mod tests {
    use super::accept_for;

    fn accept(package: &str, accepts: &[&str]) -> Box<str> {
        accept_for(package, accepts.iter().map(|kind| kind.as_bytes()))
    }

    #[test]
    fn the_packages_own_kind_of_body_is_asked_for_if_it_is_accepted() {
        let own = "application/pidf+xml";
        for accepts in [
            &[][..],
            &["application/xpidf+xml", "Application/PIDF+xml;q=0.5"],
            &["*/*"],
            &["application/*"],
            // RFC 5262: parts are of no use to who comes later.
            &["application/pidf-diff+xml"],
        ] {
            assert_eq!(*accept("presence", accepts), *own, "{accepts:?}");
        }
        let other = accept("presence", &["application/cpim-pidf+xml;q=1"]);
        assert_eq!(*other, *"application/cpim-pidf+xml");
    }

    #[test]
    fn what_is_no_media_type_asks_for_nothing() {
        let long = format!("a/{}", "x".repeat(300));
        for odd in ["a b", "a/\r\n b", "\"a/b\"", &long] {
            let own = "application/dialog-info+xml";
            assert_eq!(*accept("dialog", &[odd]), *own, "{odd}");
            assert_eq!(*accept("dialog", &[odd, "a/b"]), *"a/b");
        }
    }
}
