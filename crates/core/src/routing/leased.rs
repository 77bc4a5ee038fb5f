//! Requests for a Contact that we gave a PBX.

use super::target::{Group, Routing, Why, refuse};
use super::targets::{Proof, Scene};
use crate::lease::{Slot, View};
use crate::registrar::{Aor, Binding, Bindings, Device};
use bellhop_wire::UriRef;
use std::collections::VecDeque;
use std::sync::Arc;

impl Scene<'_> {
    /// The phones that a Contact of ours stands for, if this is one and a PBX asks: nobody else was told of it.
    /// One whose phones are all away is 480; one that was never given, or is no more, 404.
    pub(super) fn leased(&self, uri: &UriRef<'_>, proof: &Proof) -> Option<Routing> {
        if !self.config.registrar.leases.is_on()
            || !matches!(proof, Proof::Trusted { upstream: Some(_) })
        {
            return None;
        }
        let device = Slot::of_token(uri.user?)?;
        let Some(View {
            aor,
            slot,
            expected,
            ..
        }) = self.slots.view(device)
        else {
            return self.unknown(device);
        };
        let mut bindings = Bindings::new();
        self.location.lookup(self.now, &aor, &mut bindings);
        if let Slot::Phone(device) = slot {
            bindings.retain(|binding| binding.device() == device);
        }
        if bindings.is_empty() {
            bindings.extend(expected);
        }
        let groups = self.by_q(&bindings);
        Some(if groups.is_empty() {
            refuse(480, "Not registered")
        } else {
            let why = Why::Bindings(bindings.len(), aor);
            Routing::Targets { groups, why }
        })
    }

    /// Where the PBX has registrations of its users it routes their calls too: its dial plan, its hints and its
    /// records are right only if it does. The phones themselves are called if it gives no answer, is known to
    /// give none, or has been away and not heard of them since.
    pub(super) fn by_way_of_pbx(
        &self,
        uri: &UriRef<'_>,
        aor: &Aor,
        proof: &Proof,
        bindings: &[Arc<Binding>],
        phones: &VecDeque<Group>,
    ) -> Option<Routing> {
        let leases = &self.config.registrar.leases;
        let is_from_pbx = matches!(proof, Proof::Trusted { upstream: Some(_) });
        if is_from_pbx || !leases.mode_of(aor.domain()).has_leases() || self.slots.is_silent() {
            return None;
        }
        if !phones.is_empty() && !self.slots.finds(self.now, self.location, aor, bindings) {
            return None;
        }
        let mut routing = self.upstream(uri, proof, "its users' calls are its own");
        let Routing::Targets { groups, .. } = &mut routing else {
            return None;
        };
        groups.extend(phones.iter().map(|group| Group {
            targets: group.targets.clone(),
            is_spare: true,
        }));
        Some(routing)
    }

    /// A Contact that no lease has: of a phone, it is one that a former configuration or start gave.
    fn unknown(&self, device: Device) -> Option<Routing> {
        let binding = self.location.of_device(self.now, device);
        let target = binding.and_then(|b| self.of_binding(&b, Some(b.target().into())));
        Some(match target {
            Some(target) => Routing::one(target, "the phone of a former contact"),
            None => refuse(404, "Not Found"),
        })
    }
}
