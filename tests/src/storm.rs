//! The load generator `storm` (`bench/storm`), calling through the Bellhop of a lane: caller and called are
//! peers that it trusts.

use crate::bellhop::Setup;
use crate::lane::Lane;
use crate::process::{Process, command};
use std::path::Path;
use std::time::Duration;

/// Calls that are being made.
#[derive(Debug)]
pub struct Storm {
    process: Process,
    seconds: u64,
}

/// What became of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Calls {
    /// Begun.
    pub started: u64,
    /// Not as they should be.
    pub failed: u64,
    /// Messages sent again.
    pub retransmits: u64,
    /// From the INVITE's time to the 200, of one half of the calls.
    pub p50_ms: f64,
    /// Of 99 in 100.
    pub p99_ms: f64,
    /// How late storm itself was at worst.
    pub lag_ms: f64,
}

impl Storm {
    /// Has a Bellhop trust the calling side, `[[upstream]]` for the end of its file.
    pub fn trusted(setup: Setup, lane: &Lane) -> Setup {
        let more = peer("trunk", lane, CALLER) + &setup.more;
        Setup { more, ..setup }
    }

    /// Begins `rate` calls a second for so long, each ended as soon as it is answered.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(program: &Path, lane: &Lane, rate: u64, seconds: u64) -> Self {
        let (caller, called) = (lane.phone(CALLER), lane.pbx());
        let mut storm = command(program);
        storm.args(["call", "--json", "--server", &lane.bellhop().to_string()]);
        storm.args(["--ip", &caller.ip().to_string()]);
        storm.args(["--port", &caller.port().to_string()]);
        storm.args(["--uas-ip", &called.ip().to_string()]);
        storm.args(["--uas-port", &called.port().to_string()]);
        storm.args(["--rate", &rate.to_string()]);
        storm.args(["--duration", &seconds.to_string(), "--warmup", "1"]);
        Self {
            process: Process::start("storm", storm),
            seconds,
        }
    }

    /// Whether it still calls.
    pub fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end in time, or says something else.
    pub fn finish(mut self) -> Calls {
        let within = Duration::from_secs(self.seconds + 60);
        self.process.finish(within);
        let said = self.process.said();
        let line = said.lines().last().unwrap_or_default();
        let figures: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|e| panic!("storm: {e}: {said}"));
        let whole = |name: &str| figures[name].as_u64().expect("a count of storm's");
        let figure = |name: &str| figures[name].as_f64().expect("a figure of storm's");
        Calls {
            started: whole("started"),
            failed: whole("failed"),
            retransmits: whole("retransmits"),
            p50_ms: figure("p50_ms"),
            p99_ms: figure("p99_ms"),
            lag_ms: figure("lag_ms"),
        }
    }
}

/// A peer that is trusted: phone `n` of a lane, as an `[[upstream]]`.
pub fn peer(name: &str, lane: &Lane, n: u8) -> String {
    format!(
        "[[upstream]]\nname = \"{name}\"\ntargets = [\"sip:{}\"]\ntrusted = true\n",
        lane.phone(n)
    )
}

/// Which phone of the lane calls.
const CALLER: u8 = 1;
