//! Phones that can be woken by a push notification (RFC 8599), among the bindings.

use super::{Aor, Binding, Device, Location, Refusal, contact::Contact, index::lock};
use crate::{
    push::{Address, Push},
    time::Instant,
};
use std::sync::Arc;

impl Location {
    /// The last live binding of a device, with whose phone it is.
    pub(crate) fn phone(&self, now: Instant, device: Device) -> Option<(Aor, Arc<Binding>)> {
        Some((self.devices.find(device)?, self.of_device(now, device)?))
    }

    /// The phones that can be woken whose bindings end in this time, `from` included, `until` not. For a
    /// timer of half a minute or so: every binding is looked at, each stripe is held meanwhile.
    pub fn ending(&self, push: &Push, from: Instant, until: Instant) -> Vec<(Aor, Arc<Binding>)> {
        let mut found = Vec::new();
        for stripe in &self.stripes {
            for (aor, bindings) in &lock(stripe).bindings {
                let in_time = |b: &Binding| !b.remaining(from).is_zero() || b.expires == from;
                let ends = |b: &&Arc<Binding>| in_time(b) && b.remaining(until).is_zero();
                for binding in bindings.iter().filter(ends) {
                    if can_be_woken(push, binding) {
                        found.push((aor.clone(), Arc::clone(binding)));
                    }
                }
            }
        }
        found
    }
}

/// Whether a binding's phone can be woken.
pub(crate) fn can_be_woken(push: &Push, binding: &Binding) -> bool {
    Address::of(binding.contact()).is_some_and(|address| push.reaches(address.provider))
}

/// The notification services that the 200 is to name (RFC 8599 4.1): the ones that the contacts name, and all
/// of ours where one only asks; none if no contact speaks of it.
///
/// # Errors
/// 555, for a service that we do not reach (RFC 8599 8.1).
pub(super) fn announced(push: &Push, contacts: &[Contact<'_>]) -> Result<Vec<String>, Refusal> {
    let mut services = Vec::new();
    for contact in contacts.iter().filter(|contact| contact.lifetime.is_some()) {
        if !contact.uri.params.has("pn-provider") {
            continue;
        }
        match contact.uri.params.value("pn-provider") {
            None => services.extend(push.providers.iter().cloned()),
            Some(name) if push.reaches(name) => {
                services.push(String::from_utf8_lossy(name).into_owned());
            }
            Some(_) => return Err(Refusal::of(555, "Push Notification Service Not Supported")),
        }
    }
    services.dedup();
    Ok(services)
}
