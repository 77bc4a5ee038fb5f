//! The power comes back: tens of thousands of phones register at once (`cargo xtask avalanche`), each challenged.
//! All must be bound soon, in little memory, and a PBX behind Bellhop must hear no more than it was told it would.

mod pbx;
mod phones;

use crate::admin::Admin;
use crate::bellhop::Setup;
use crate::lane::Lane;
use crate::temp::TempDir;
use pbx::Pbx;
use phones::Phones;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many phones there are, each a user of its own.
    pub phones: u32,
    /// What the PBX is to hear at most, REGISTERs a second.
    pub rate: u32,
    /// Bindings are kept on disk.
    pub is_durable: bool,
    /// After this it has failed.
    pub within: Duration,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Avalanche {
    /// When so many phones of a hundred had their 200: 50, 90, 99, 100.
    pub bound: [Duration; 4],
    /// Phones without a 200 when the time was up.
    pub unbound: usize,
    /// What Bellhop says it has bound.
    pub bindings: u64,
    /// REGISTERs that the phones sent, copies included.
    pub sent: u64,
    /// The copies.
    pub copies: u64,
    /// Answers 401, 200 and others.
    pub answers: [u64; 3],
    /// REGISTERs that the PBX heard, copies left out.
    pub heard: usize,
    /// The most of them in any second.
    pub fastest: usize,
    /// The most memory that it held, in kB.
    pub memory: u64,
}

/// Runs it; tells how it goes.
///
/// # Panics
/// If Bellhop does not start.
pub fn run(plan: Plan, tell: impl Fn(&str)) -> Avalanche {
    let (lane, data) = (Lane::take(), TempDir::new());
    let admin = Admin::of(&lane);
    let mut setup = Setup::new(&lane).log("error").only("SHA-256");
    setup.user_count = plan.phones;
    setup.registrar = format!("mode = \"contact\"\nresync_rate = {}\n", plan.rate);
    setup.more = format!("[admin]\nbind = \"{}\"\n", admin.address());
    if plan.is_durable {
        setup.more += &format!("[server]\ndata_dir = \"{}\"\n", data.path().display());
    }
    let pbx = Pbx::at(lane.pbx());
    let bellhop = setup.start();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let heard = scope.spawn(|| pbx.serve(&is_over));
        let start = Instant::now();
        let crowd = |first: u32| {
            let numbers = (0..plan.phones).skip(first as usize).step_by(SOCKETS);
            let local = lane.phone(u8::try_from(first + 1).expect("few sockets"));
            Phones::new(local, lane.bellhop(), numbers)
        };
        let crowds = (0..u32::try_from(SOCKETS).expect("few")).map(|first| {
            let phones = crowd(first);
            scope.spawn(move || phones.register(start, plan.within))
        });
        let crowds: Vec<_> = crowds.collect();
        let done: Vec<_> = crowds
            .into_iter()
            .map(|crowd| crowd.join().expect("phones"))
            .collect();
        tell("the phones are done; the PBX is listened to a little longer");
        let metrics = admin.metrics();
        let mut found = Avalanche {
            bindings: metrics.value("bellhop_bindings") as u64,
            memory: bellhop.peak_kb(),
            ..Avalanche::default()
        };
        let mut bound: Vec<Duration> = Vec::new();
        for crowd in done {
            bound.extend(crowd.bound);
            found.unbound += crowd.unbound;
            found.sent += crowd.sent;
            found.copies += crowd.copies;
            for (all, some) in found.answers.iter_mut().zip(crowd.answers) {
                *all += some;
            }
        }
        bound.sort();
        let share = |percent: usize| {
            let at = (bound.len() * percent / 100).saturating_sub(1);
            bound.get(at).copied().unwrap_or_default()
        };
        found.bound = [50, 90, 99, 100].map(share);
        is_over.store(true, Relaxed);
        let mut heard = heard.join().expect("the PBX");
        heard.sort();
        found.heard = heard.len();
        found.fastest = most_in_a_second(&heard);
        found
    })
}

/// The most that came in any second.
fn most_in_a_second(at: &[Instant]) -> usize {
    let second = Duration::from_secs(1);
    let mut first = 0;
    let counts = at.iter().enumerate().map(|(last, time)| {
        while time.saturating_duration_since(at[first]) >= second {
            first += 1;
        }
        last - first + 1
    });
    counts.max().unwrap_or(0)
}

/// Sockets that share the phones.
const SOCKETS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_second_is_found_wherever_it_begins() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let times = [0, 600, 900, 1_500, 1_599, 2_700].map(at);
        assert_eq!(most_in_a_second(&times), 4);
        assert_eq!(most_in_a_second(&[]), 0);
    }
}
