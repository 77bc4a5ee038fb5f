//! What the program around lends to plugins.

use bellhop_core::outbox::Ticket;
use bellhop_core::share::{Held, Publication, Unpublished};
use bellhop_core::time::{Instant, Now};
use std::fmt::Debug;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

/// What plugins may ask the program. Called on a worker's thread: nothing of it may wait.
pub trait Services: Send + Sync + Debug {
    /// What time it is, on the clock that the engine is given too.
    fn now(&self) -> Now;

    /// Fills with random octets; false if there are none to be had.
    fn entropy(&self, out: &mut [u8]) -> bool;

    /// The live bindings of an AoR, best first; none for what is no AoR of ours.
    fn bindings(&self, now: Now, aor: &str) -> Vec<Binding>;

    /// The members of an upstream group; `None`: there is no such group. `calls` knows how many calls ring or
    /// were answered at an address.
    fn members(&self, group: &str, calls: &dyn Fn(SocketAddr) -> u32) -> Option<Vec<Member>>;

    /// Publishes a state for its watchers, or takes it back. Whether anything has changed by that.
    ///
    /// # Errors
    /// Why it cannot be.
    fn publish(&self, now: Now, publication: Publication<'_>) -> Result<bool, Unpublished>;
}

/// Whoever calls [`bellhop_core::engine::Engine::consulted`] for a shard.
pub trait Wake: Send + Sync + Debug {
    /// The answer for this ticket is there. Called on a thread of a plugin's; must not wait.
    fn wake(&self, ticket: Ticket);
}

/// One binding of an AoR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The Contact's URI.
    pub contact: String,
    /// Where it was registered from, as a SIP URI.
    pub received: Option<String>,
    /// q, in thousandths.
    pub q: u16,
    /// How long it lasts, seconds.
    pub expires: u32,
    /// User-Agent of the REGISTER.
    pub user_agent: String,
}

/// One member of an upstream group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name in the configuration.
    pub name: String,
    /// Where it is.
    pub uri: String,
    /// Whether it answers.
    pub up: bool,
    /// Calls that we have sent it and that ring or were answered.
    pub active_calls: u32,
    /// How long it takes to answer, milliseconds; 0: not known yet.
    pub latency: u32,
    /// Its share.
    pub weight: u16,
}

/// The system's clock and entropy and nothing else: for tools and tests.
#[derive(Clone, Copy, Debug)]
pub struct Alone {
    began: std::time::Instant,
}

impl Default for Alone {
    fn default() -> Self {
        Self {
            began: std::time::Instant::now(),
        }
    }
}

impl Services for Alone {
    fn now(&self) -> Now {
        let micros = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        Now {
            instant: Instant::from_micros(micros),
            unix: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        }
    }

    fn entropy(&self, out: &mut [u8]) -> bool {
        getrandom::fill(out).is_ok()
    }

    fn bindings(&self, _: Now, _: &str) -> Vec<Binding> {
        Vec::new()
    }

    fn members(&self, _: &str, _: &dyn Fn(SocketAddr) -> u32) -> Option<Vec<Member>> {
        None
    }

    fn publish(&self, now: Now, publication: Publication<'_>) -> Result<bool, Unpublished> {
        // Judged as it would be, for nobody to watch.
        Held::default().publish(now.instant, publication)
    }
}
