//! Where registered users are. Capability "locations".

use crate::host::locations;

pub use crate::bindings::sip::policy::locations::Binding;

/// The bindings of an address of record (a sip or sips URI), best first.
pub fn lookup(aor: &str) -> Vec<Binding> {
    locations::lookup(aor)
}
