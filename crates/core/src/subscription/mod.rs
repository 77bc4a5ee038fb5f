//! Subscriptions that are relayed (RFC 6665): who watches what, until when, and where it stands. What is
//! known here is read off the SUBSCRIBEs, NOTIFYs and answers that pass; nothing is decided by it, so that a
//! subscription which is not known, because the table is full or Bellhop has been restarted without a disk, is
//! relayed all the same. With one they are known again ([`saved`]).

mod board;
mod config;
mod find;
mod notified;
mod places;
mod read;
mod saved;
mod shown;
mod state;
mod table;
mod thread;

pub use board::{Board, Shown};
pub(crate) use config::REG;
pub use config::{Reg, SubscriptionConfig};
pub(crate) use places::Seat;
pub use saved::SavedRelayed;
pub use state::{Cause, Standing};
pub use table::{PACKAGES, Tally};

pub(crate) use notified::Failed;
pub(crate) use read::{Told, event_in, event_of, told};
pub(crate) use state::ends_usage;
pub(crate) use thread::Thread;
