//! The ways in which Bellhop can have a subscription: what tests that go through all of them tell it.

use crate::bellhop::Setup;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Relayed in mode `proxy`.
    Relayed,
    /// Relayed in mode `b2bua`: two dialogs.
    TwoDialogs,
    /// One at the PBX for all who watch; watchers are granted so little time that they refresh while a test looks.
    Shared,
}

impl Way {
    /// Bellhop's configuration for it.
    #[must_use]
    pub fn of(self, mut setup: Setup) -> Setup {
        match self {
            Self::Relayed => {}
            Self::TwoDialogs => setup.route += "mode = \"b2bua\"\n",
            Self::Shared => {
                setup.more += "[subscriptions]\nshare = [\"dialog\", \"presence\", \"message-summary\"]\n\
                               min_expires = \"5s\"\n";
            }
        }
        setup
    }
}
