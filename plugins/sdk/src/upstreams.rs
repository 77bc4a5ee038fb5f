//! Health and load of the configured groups. Capability "upstreams".

use crate::host::upstreams;

pub use crate::bindings::sip::policy::upstreams::Member;

/// The members of a group; none if there is no such group.
pub fn members(group: &str) -> Option<Vec<Member>> {
    upstreams::members(group)
}
