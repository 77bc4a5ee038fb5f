//! A real Kamailio of the lab that tells what it reads in a request's headers, or
//! challenges all requests, or is a presence server; see `tests/lab/kamailio.sh`.

use crate::lab::{Lab, skip};
use crate::lane::Lane;
use crate::netns::Place;
use crate::process::Process;
use crate::temp::TempDir;
use std::time::Duration;

/// A running Kamailio, where the lane's PBX is; ended on drop.
#[derive(Debug)]
pub struct Kamailio {
    process: Process,
    _dir: TempDir,
}

impl Kamailio {
    /// Starts it, or has the calling test counted as skipped where it could
    /// not be brought.
    pub fn or_skip(lab: &Lab, lane: &Lane) -> Option<Self> {
        Self::that(lab, lane, "reads")
    }

    /// As [`Kamailio::or_skip`]; it challenges each request, inside dialogs for a realm of their own, and answers 200.
    pub fn challenging(lab: &Lab, lane: &Lane) -> Option<Self> {
        Self::that(lab, lane, "challenges")
    }

    /// As [`Kamailio::or_skip`]; it is a presence server, which lets everybody watch.
    pub fn presence(lab: &Lab, lane: &Lane) -> Option<Self> {
        Self::that(lab, lane, "presence")
    }

    fn that(lab: &Lab, lane: &Lane, does: &str) -> Option<Self> {
        if !lab.has_kamailio() {
            skip("Kamailio could not be brought");
            return None;
        }
        let dir = TempDir::new();
        let mut command = lab.script(&Place::Here, "kamailio.sh");
        command
            .arg("run")
            .env("LAB_RUN", dir.path())
            .env("KAM_DOES", does)
            .env("KAM_BIND", lane.pbx().ip().to_string())
            .env("KAM_PORT", lane.pbx().port().to_string());
        let mut process = Process::start("kamailio", command);
        process.wait_for("<script>: ready", START);
        Some(Self { process, _dir: dir })
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.process.said()
    }
}

const START: Duration = Duration::from_secs(20);
