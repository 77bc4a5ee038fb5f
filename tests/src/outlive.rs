//! Calls of two legs by the thousand, and Bellhop killed under them (`cargo xtask calls`): when it is back, a BYE of
//! either end must reach the other.
//!
//! Callers are a phone that logs in, or the PBX. While the calls stand others begin and end all the time, so that the
//! kill comes while calls are written.

mod dialog;
mod ends;
mod wire;

use crate::bellhop::{Bellhop, Setup};
use crate::deadline::holds_within;
use crate::lane::Lane;
use crate::temp::TempDir;
use dialog::Side;
use ends::Ends;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many calls stand when it is killed.
    pub calls: usize,
    /// How often it is killed, each time under as many new ones.
    pub kills: u32,
    /// Calls a second: of those that are to stand until they do, of short ones from then on.
    pub rate: u64,
    /// How long all have stood before a kill, at least. What is younger than a second may be lost.
    pub standing: Duration,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outlived {
    /// Calls that stood when it was killed.
    pub calls: usize,
    /// Of their BYEs, those that were answered 200 and reached the other end.
    pub ended: usize,
    /// Why others did not: the first of each kill.
    pub failed: Vec<String>,
    /// Calls that began and ended while the others stood.
    pub short: u64,
    /// How long each start took, from the command to its line `bellhop ready`.
    pub ready: Vec<Duration>,
    /// Resident memory in kB with all calls, and before the first.
    pub memory: (u64, u64),
}

impl Outlived {
    /// How many of a hundred BYEs did what they should.
    pub fn percent(&self) -> f64 {
        100.0 * self.ended as f64 / self.calls.max(1) as f64
    }
}

/// Runs it; tells how it goes.
///
/// # Panics
/// If Bellhop cannot be started, or calls cannot be made while it runs.
pub fn run(plan: Plan, tell: impl Fn(&str)) -> Outlived {
    let (lane, data) = (Lane::take(), TempDir::new());
    let mut setup = Setup::new(&lane).only("MD5").log("warn");
    setup.route = "mode = \"b2bua\"\n".to_owned();
    let mut bellhop = setup.data_dir(data.path()).start();
    let mut ends = Ends::new(&lane);
    let before = bellhop.resident_kb();
    let mut outlived = Outlived::default();
    for nth in 1..=plan.kills {
        round(&mut bellhop, &mut ends, plan, &mut outlived);
        if nth == 1 {
            outlived.memory.1 = before;
        }
        tell(&format!(
            "kill {nth}: ready again in {:.0?}, {} of {} calls ended at both ends so far",
            outlived.ready.last().copied().unwrap_or_default(),
            outlived.ended,
            outlived.calls
        ));
    }
    outlived.short = ends.short;
    outlived
}

/// Calls that stand, a kill, a start, and a BYE for each.
fn round(bellhop: &mut Bellhop, ends: &mut Ends, plan: Plan, outlived: &mut Outlived) {
    let first = ends.begin_round(plan.calls);
    ends.register();
    let start = Instant::now();
    let mut begun = 0;
    let stand = holds_within(PATIENCE, || {
        let due = due(start, plan.rate).min(plan.calls as u64);
        while begun < due {
            ends.call(first + begun as usize);
            begun += 1;
        }
        ends.turn();
        ends.standing() == plan.calls
    });
    assert!(stand, "{} of {} calls stand", ends.standing(), plan.calls);
    if outlived.ready.is_empty() {
        outlived.memory.0 = bellhop.resident_kb();
    }
    // Short ones, until all have stood long enough, and a little longer by chance.
    let (since, mut short) = (Instant::now(), 0);
    let chance = SystemTime::now().duration_since(UNIX_EPOCH);
    let chance = chance.map_or(0, |now| u64::from(now.subsec_micros()));
    let time = plan.standing + Duration::from_micros(chance);
    let over = holds_within(PATIENCE, || {
        while short < due(since, plan.rate) {
            ends.call_briefly();
            short += 1;
        }
        ends.turn();
        since.elapsed() >= time
    });
    assert!(over, "time passes");
    bellhop.kill();
    ends.forget_brief();
    let start = Instant::now();
    bellhop.start();
    outlived.ready.push(start.elapsed());
    let (start, mut asked) = (Instant::now(), 0);
    holds_within(PATIENCE, || {
        let due = due(start, plan.rate).min(plan.calls as u64);
        while asked < due {
            // Half of those that each side began.
            let from = match asked / 2 % 2 {
                0 => Side::Phone,
                _ => Side::Pbx,
            };
            ends.hang_up(first + asked as usize, from);
            asked += 1;
        }
        ends.turn();
        ends.is_settled() && asked == plan.calls as u64
    });
    outlived.calls += plan.calls;
    outlived.ended += ends.ended();
    outlived.failed.extend(ends.first_failure());
}

/// How many are due at this rate.
fn due(since: Instant, rate: u64) -> u64 {
    let micros = u64::try_from(since.elapsed().as_micros()).expect("a time");
    micros * rate / 1_000_000
}

/// A BYE is given up after 64 T1 (RFC 3261 17.1.2.2).
const PATIENCE: Duration = Duration::from_secs(60);
