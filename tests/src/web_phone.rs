//! Phones of browsers that others have written, JsSIP and SIP.js, in node: `tests/lab/js` has what they do.

use crate::deadline::until;
use crate::lab::{Lab, skip};
use crate::netns::Place;
use crate::process::Process;
use nix::sys::signal::Signal;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// A running one.
#[derive(Debug)]
pub struct WebPhone {
    process: Process,
}

/// Whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// JsSIP.
    JsSip,
    /// SIP.js.
    SipJs,
}

impl WebPhone {
    /// Starts one of `user`, in this place, that registers and watches, each `event:resource` for so many seconds; without node or the
    /// package the calling test is counted as skipped.
    pub fn or_skip(
        (lab, place): (&Lab, &Place),
        kind: Kind,
        (user, at): (&str, SocketAddr),
        seconds: u32,
        watched: &[&str],
    ) -> Option<Self> {
        let Some(js) = lab.js() else {
            skip("JsSIP and SIP.js could not be fetched");
            return None;
        };
        let script = match kind {
            Kind::JsSip => "js/jssip.mjs",
            Kind::SipJs => "js/sipjs.mjs",
        };
        let mut command = place.command("node");
        command.env("LAB_JS", js).arg(Lab::file(script));
        command.arg(format!("ws://{at}")).arg(user);
        command.arg(seconds.to_string()).args(watched);
        let process = Process::start("a phone of a browser", command);
        Some(Self { process })
    }

    /// Starts a Chromium with a page from `page` that is a phone of `user`: it registers, watches and calls. Without a
    /// Chromium the calling test is counted as skipped.
    pub fn in_chromium_or_skip(
        lab: &Lab,
        page: SocketAddr,
        (user, at): (&str, SocketAddr),
        callee: &str,
        watched: &[&str],
    ) -> Option<Self> {
        let (Some(js), true) = (lab.js(), Path::new(CHROMIUM).exists()) else {
            skip("SIP.js or Chromium could not be fetched");
            return None;
        };
        let mut command = Place::Here.command("node");
        command.env("LAB_JS", js).arg(Lab::file("js/chromium.mjs"));
        command.arg(page.to_string()).arg(format!("ws://{at}"));
        command.args([user, callee]).args(watched);
        let process = Process::start("Chromium", command);
        Some(Self { process })
    }

    /// Everything it has said, each message as it crossed among it.
    pub fn said(&self) -> String {
        self.process.said()
    }

    /// Waits until it has said this so often.
    ///
    /// # Panics
    /// If it does not in time.
    pub fn wait_for(&mut self, needle: &str, times: usize) {
        until(&format!("{times} times {needle:?}"), WITHIN, || {
            let said = self.process.said();
            let count = said.matches(needle).count();
            assert!(!said.contains("FAILED "), "{said}");
            assert!(count >= times || self.process.is_running(), "{said}");
            (count >= times).then_some(())
        });
    }

    /// Has it end its subscriptions and its registration; what it has said.
    ///
    /// # Panics
    /// If something goes wrong with that.
    pub fn end(mut self) -> String {
        self.process.signal(Signal::SIGUSR2);
        let status = self.process.finish(WITHIN);
        let said = self.process.said();
        assert!(status.success(), "{status}: {said}");
        said
    }
}

const CHROMIUM: &str = "/usr/bin/chromium";
/// A browser starts while other tests want the processor, too.
const WITHIN: Duration = Duration::from_secs(90);
