//! What is asked outside of calls: each request is one of ours on the other side, and a subscription is two dialogs
//! (RFC 7092 3.1, RFC 6665 4.4).
//!
//! ```text
//!   MESSAGE, OPTIONS, PUBLISH, ...   ->  the same, with identifiers of ours    ->
//!                                    <-  its answer, as ours                   <-
//!
//!        A, who watches                 Bellhop                       B, who notifies
//!   SUBSCRIBE  Call-ID a, tag a1     ->  Bond, and a response context  ->  SUBSCRIBE  Call-ID b, tag b1 (ours)
//!   NOTIFY  tag x1 (ours)            <-  Pair (x1 <-> b2)              <-  NOTIFY  tag b2, before the 200 or after it
//!   200  To tag x1                   <-                                <-  200  To tag b2
//!   NOTIFY  tag x2                   <-  Pair (x2 <-> b3)              <-  NOTIFY  tag b3, it has forked
//!   any request in one of them      <->  its own CSeq, Contact, Via   <->  any request in one of them
//! ```
//!
//! As for calls the other side's client is a response context of [`crate::proxy`], whose request is one of ours
//! ([`Exchange`]) and whose answers are written anew before it looks at them. A [`Bond`] lasts as long as the
//! notifier says, and a moment longer, the program's end in between or not ([`SavedBond`]); what a subscription is is for
//! its two ends to know.

mod answer;
mod begin;
mod bond;
mod exchange;
mod inside;
mod lasting;
mod saved;
mod shown;

pub(super) use bond::Bonds;
pub(crate) use exchange::Exchange;
pub use saved::{SavedBond, SavedUsage};
