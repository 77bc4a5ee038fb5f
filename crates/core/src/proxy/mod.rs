//! The stateful proxy (RFC 3261 16): a response context for each request that is relayed, its
//! branches, and the best of their responses.
//!
//! Transactions belong to [`crate::transaction::Table`]; a context owns one server transaction and
//! the client transactions of its branches, and hears of them through [`crate::transaction::Owner`].

mod acks;
mod ask;
mod best;
mod branch;
mod cancel;
mod context;
mod fail;
mod forward;
mod login;
mod response;
mod send_back;
mod timer;
mod wake;

pub(crate) use acks::Acks;
pub(crate) use best::Finals;
pub(crate) use branch::max_breadth;
pub(crate) use context::{
    Back, Branch, BranchId, BranchState, Cancel, Context, Contexts, Incoming, Waits,
};
pub(crate) use forward::{Record, Rewrite};
