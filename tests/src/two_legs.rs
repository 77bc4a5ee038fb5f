//! The usual scene with calls of two legs, every packet of which is read: what the outside is sent shows nothing of the
//! inside.

use crate::asterisk;
use crate::bellhop;
use crate::deadline::until;
use crate::lane::Transport;
use crate::leaks::Look;
use crate::{Site, Wire};
use std::time::Duration;

/// The scene, and its packets.
#[derive(Debug)]
pub struct TwoLegs {
    /// Bellhop in mode `b2bua`, an Asterisk.
    pub site: Site,
    /// What crosses.
    pub wire: Wire,
}

impl TwoLegs {
    /// Bellhop and Asterisk speak UDP with each other. Without a lab the calling test is counted as skipped.
    pub fn or_skip() -> Option<Self> {
        Self::of(Transport::Udp, two_legs, |pbx| pbx)
    }

    /// As [`TwoLegs::or_skip`], but calls are relayed: what a look at the packets is to find then.
    pub fn relayed() -> Option<Self> {
        Self::of(Transport::Udp, md5, |pbx| pbx)
    }

    /// As [`Site::of`], with packets read. Media is not for Bellhop to hide: it comes from an address that the outside
    /// may know.
    pub fn of(
        inside: Transport,
        setup: impl FnOnce(bellhop::Setup) -> bellhop::Setup,
        pbx: impl FnOnce(asterisk::Setup) -> asterisk::Setup,
    ) -> Option<Self> {
        let site = Site::of(inside, setup, |mut setup| {
            let outside = setup.proxy.to_string();
            setup.more.push(("AST_MEDIA", outside));
            pbx(setup)
        })?;
        let wire = Wire::or_skip(&site.lane)?.naming(&["Asterisk", "bellhop-lab"]);
        Some(Self { site, wire })
    }

    /// Every call ends on both sides, and nothing was shown; what was looked at.
    ///
    /// # Panics
    /// If one does not, or something was.
    pub fn is_over(&self) -> Look {
        self.no_channel_is_left();
        self.wire.shows_nothing()
    }

    /// Every call ends on both sides.
    ///
    /// # Panics
    /// If one does not in time.
    pub fn no_channel_is_left(&self) {
        let within = Duration::from_secs(20);
        until("Asterisk's last channel is gone", within, || {
            let channels = self.site.asterisk.cli("core show channels count");
            channels.contains("0 active channels").then_some(())
        });
    }
}

/// Bellhop's configuration with calls of two legs.
pub fn two_legs(setup: bellhop::Setup) -> bellhop::Setup {
    bellhop::Setup {
        route: "mode = \"b2bua\"\n".to_owned(),
        ..md5(setup)
    }
}

/// baresip 1.1 knows MD5 only, and gives up if SHA-256 is offered beside it.
fn md5(setup: bellhop::Setup) -> bellhop::Setup {
    setup.only("MD5")
}
