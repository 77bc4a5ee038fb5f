//! A plugin that acts on every message is swapped again and again while calls go on.

use super::{admin, another, built, plugin};
use crate::admin::Admin;
use crate::bellhop::Setup;
use crate::deadline::until;
use crate::lane::Lane;
use crate::storm::{Calls, Storm};
use std::path::Path;
use std::time::{Duration, Instant};

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Swaps {
    /// Versions that were taken over.
    pub swapped: u64,
    /// From writing the new file to the answer that it runs: the longest.
    pub longest: Duration,
    /// Calls of the plugin that came to a verdict.
    pub asked: u64,
    /// Calls of it that failed.
    pub faults: u64,
    /// What became of the calls.
    pub calls: Calls,
}

/// Swaps `count` times, each time to a file that is compiled anew, under `rate` calls a second.
///
/// # Panics
/// If Bellhop or storm fails, or a version is refused.
pub fn run(storm: &Path, rate: u64, count: u32, tell: impl Fn(u32, Duration)) -> Swaps {
    let lane = Lane::take();
    let (door, dir) = (Admin::of(&lane), crate::temp::TempDir::new());
    let wasm = std::fs::read(built("guests/toll")).expect("the built plugin");
    let file = dir.path().join("toll.wasm");
    std::fs::write(&file, &wasm).expect("a file");
    let keys = "config = { work = \"edit\" }\ngrant = [\"edit\", \"store\"]";
    let more = admin(&lane) + &plugin("toll", &file, keys);
    let setup = Setup::new(&lane).log("warn");
    let _bellhop = Storm::trusted(Setup { more, ..setup }, &lane).start();
    // A busy machine compiles late: the calls go on long enough.
    let seconds = (BETWEEN * count).as_secs() * 2 + 10;
    let mut calls = Storm::start(storm, &lane, rate, seconds);
    let mut swaps = Swaps::default();
    let begun = Instant::now();
    for version in 1..=count {
        let due = BETWEEN * version;
        until("the next swap is due", due + BETWEEN, || {
            (begun.elapsed() >= due).then_some(())
        });
        let began = Instant::now();
        // As a deployment does it: nobody reads half a file.
        let fresh = dir.path().join("fresh.wasm");
        std::fs::write(&fresh, another(&wasm, version)).expect("a file");
        std::fs::rename(&fresh, &file).expect("a new file in its place");
        let reply = door.ask("POST", "/plugins/reload?name=toll", &[]);
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert!(calls.is_running(), "the calls ended before the swaps");
        let took = began.elapsed();
        tell(version, took);
        swaps.longest = swaps.longest.max(took);
    }
    swaps.calls = calls.finish();
    let metrics = door.metrics();
    swaps.swapped = metrics.sum("bellhop_plugin_swaps_total") as u64 - 1;
    swaps.asked = metrics.sum("bellhop_plugin_verdicts_total") as u64;
    swaps.faults = metrics.sum("bellhop_plugin_failures_total") as u64;
    swaps
}

const BETWEEN: Duration = Duration::from_millis(500);
