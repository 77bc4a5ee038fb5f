//! Many watchers of one lamp of a real Asterisk, and how soon all of them hear that it has changed
//! (`cargo xtask fanout`).

mod tap;
mod watchers;

use crate::asterisk::{self, Asterisk};
use crate::bellhop::{self, Bellhop};
use crate::lab::Lab;
use crate::lane::{Lane, Transport};
use std::time::Duration;
use tap::Tap;
use watchers::Watchers;

/// A Bellhop that shares, the Asterisk behind it, and who watches; a tap between the two sees when Asterisk tells.
#[derive(Debug)]
pub struct Fanout {
    tap: Tap,
    /// Bellhop.
    pub bellhop: Bellhop,
    /// The PBX.
    pub asterisk: Asterisk,
    // The lane is theirs, so they go last.
    watchers: Watchers,
}

/// From Asterisk's NOTIFY of a change, when it reached the tap, on.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// Until one half of the watchers had heard.
    pub half: Duration,
    /// Until all had.
    pub all: Duration,
}

impl Fanout {
    /// So many watchers, each with a socket of its own, of Asterisk's lamp 690; all have heard that it is dark. Nothing,
    /// and the calling test counted as skipped, without a lab.
    ///
    /// # Panics
    /// If a watcher is refused, or does not hear how the lamp is.
    pub fn or_skip(count: usize, log: &'static str) -> Option<Self> {
        let lab = Lab::or_skip()?;
        let lane = Lane::take();
        let mut setup = bellhop::Setup::new(&lane).log(log);
        setup.more += "[subscriptions]\nshare = [\"dialog\"]\n";
        let bellhop = setup.start();
        let (pbx, beside) = (lane.spare(0), lane.spare(1));
        let asterisk = asterisk::Setup {
            bind: pbx,
            proxy: beside.ip(),
            contact: beside.to_string(),
            ..asterisk::Setup::new(&lab, &lane, Transport::Udp)
        };
        let asterisk = asterisk.start();
        let tap = Tap::between((lane.bellhop(), lane.pbx()), (beside, pbx));
        let mut watchers = Watchers::new(lane, count);
        watchers.subscribe(LAMP);
        watchers.hear("<state>terminated</state>", PATIENCE);
        Some(Self {
            tap,
            bellhop,
            asterisk,
            watchers,
        })
    }

    /// Has the lamp lit, or put out, and waits until every watcher has heard and answered.
    ///
    /// # Panics
    /// If one does not hear, or hears what no NOTIFY should be.
    pub fn change(&mut self, is_lit: bool) -> Spread {
        let (state, word) = match is_lit {
            true => ("INUSE", "<state>confirmed</state>"),
            false => ("NOT_INUSE", "<state>terminated</state>"),
        };
        let before = self.tap.notifies().len();
        let order = format!("devstate change Custom:lamp{LAMP} {state}");
        let asterisk = &self.asterisk;
        let watchers = &mut self.watchers;
        // The watchers listen before the change is made.
        let mut heard = std::thread::scope(|scope| {
            let console = scope.spawn(|| asterisk.cli(&order));
            let heard = watchers.hear(word, PATIENCE);
            console.join().expect("Asterisk's console");
            heard
        });
        heard.sort();
        let told = *self.tap.notifies().get(before).expect("a NOTIFY");
        let after = |at: usize| heard[at].saturating_duration_since(told);
        Spread {
            half: after(heard.len() / 2),
            all: after(heard.len() - 1),
        }
    }

    /// How many NOTIFYs of Asterisk have passed.
    pub fn told(&self) -> usize {
        self.tap.notifies().len()
    }

    /// How many subscriptions Asterisk has.
    pub fn inbound(&self) -> usize {
        self.asterisk.inbound()
    }
}

/// A lamp that the lab's Asterisk lights when its console says so.
const LAMP: &str = "690";
const PATIENCE: Duration = Duration::from_secs(60);
