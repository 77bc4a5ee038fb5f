//! Requests for a Contact that we gave a PBX.

use super::Routes;
use super::target::{Group, Routing, Why, refuse};
use super::targets::{Proof, Scene};
use crate::lease::{Mode, Slot, View};
use crate::registrar::{Aor, Binding, Bindings, Device};
use bellhop_wire::{Message, Method, UriRef};
use std::collections::VecDeque;
use std::sync::Arc;

impl Scene<'_> {
    /// The phones that a Contact of ours stands for, if this is one and a PBX asks: nobody else was told of it.
    /// One whose phones are all away is 480; one that was never given, or is no more, 404.
    pub(super) fn leased(
        &self,
        request: Message<'_>,
        uri: &UriRef<'_>,
        proof: &Proof,
    ) -> Option<Routing> {
        if !self.asks_for_leases(proof) {
            return None;
        }
        self.of_contact(request, Slot::of_token(uri.user?)?)
    }

    /// The same, where the PBX was shown the phone's own Contact, and a Path of ours that it has made a Route of.
    pub(super) fn by_our_path(
        &self,
        request: Message<'_>,
        routes: &Routes,
        proof: &Proof,
    ) -> Option<Routing> {
        let device = routes.slot.filter(|_| self.asks_for_leases(proof))?;
        self.of_contact(request, device)
    }

    fn asks_for_leases(&self, proof: &Proof) -> bool {
        matches!(proof, Proof::Trusted { upstream: Some(_) })
            && self.config.registrar.leases.asks_pbx()
    }

    fn of_contact(&self, request: Message<'_>, device: Device) -> Option<Routing> {
        let Some(View {
            aor,
            slot,
            expected,
            is_proven,
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
        // Who has proved nothing yet is told of a mailbox at most, if the PBX so wants.
        let may_expect = is_proven || request.method() == Some(Method::Notify);
        if bindings.is_empty() && may_expect {
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
        let mode = leases.mode_of(aor.domain());
        if is_from_pbx || mode == Mode::Terminate || self.slots.is_silent() {
            return None;
        }
        let finds = || self.slots.finds(self.now, self.location, aor, bindings);
        if mode.has_leases() && !phones.is_empty() && !finds() {
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

    /// A request whose sender has proved nothing to us: the PBX, which challenges it, is the only place it may go to.
    /// Its Request-URI stays, for that is what its sender's credentials will be for.
    pub(super) fn unproven(&self, uri: &UriRef<'_>, routes: &Routes) -> Routing {
        if routes.has_next {
            return refuse(403, "Preloaded Route refused");
        }
        if uri.params.has("maddr") {
            return refuse(403, "maddr refused");
        }
        let mut routing = self.upstream(uri, &Proof::Unproven, "it challenges its phones itself");
        if let Routing::Targets { groups, .. } = &mut routing {
            let targets = groups.iter_mut().flat_map(|group| &mut group.targets);
            targets.for_each(|target| target.uri = None);
        }
        routing
    }

    /// A Contact that no lease has: of a phone, it is one that registered with the PBX itself, or one that a former
    /// configuration or start gave.
    fn unknown(&self, device: Device) -> Option<Routing> {
        let binding = self.location.of_device(self.now, device);
        let target = binding.and_then(|b| self.of_binding(&b, Some(b.target().into())));
        Some(match target {
            Some(target) => Routing::one(target, "the phone of this contact"),
            // What is a contact there is remembered by the PBX alone.
            None if self.config.registrar.leases.passes() => refuse(480, "Not registered"),
            None => refuse(404, "Not Found"),
        })
    }
}
