//! Health and load of the configured groups. Capability "upstreams".
//!
//! `active_calls` are the calls that Bellhop has sent to a member and that ring or were answered; `latency_ms` is
//! a mean of how long it took to answer of late, 0 when that is not known yet.

use crate::host::upstreams;

pub use crate::bindings::sip::policy::upstreams::Member;

/// The members of a group; none if there is no such group.
pub fn members(group: &str) -> Option<Vec<Member>> {
    upstreams::members(group)
}
