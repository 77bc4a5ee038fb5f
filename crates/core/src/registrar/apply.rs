//! The registrar's decision (RFC 3261 10.3).

use super::{
    Aor, Binding, Bindings, Change, ChangeKind, Location, Refusal, Registered, RegistrarConfig,
    binding::{Part, Said, Saying, write_param},
    contact::{Contact, Contacts, Request, supports},
    phones::announced,
};
use crate::{flow::Flow, time::Instant};
use bellhop_wire::{HeaderId, Message, Params, UriRef};
use smallvec::SmallVec;
use std::{cmp::Ordering, sync::Arc, time::Duration};

/// Applies one REGISTER to the bindings of `aor`, whole or not at all (RFC 3261 10.3 steps 6 to 8).
/// Whether the sender may do so has been settled.
///
/// - A binding is found by the Contact's URI (RFC 3261 19.1.4), or by `+sip.instance` and `reg-id`
///   where both are there (RFC 5626 6). Another URI without them is another binding, from the same
///   Call-ID too: what a phone had before its port changed stays until it ends.
/// - With the Call-ID of the binding a CSeq must be higher. An equal one for the same contact is the
///   same REGISTER again: it is answered in the same way and changes nothing.
/// - Path is stored where the client supports it; otherwise it is ignored, for a 420 would shut out
///   every client that does not know of the proxies on its way (RFC 3327 5.3 leaves this to us).
/// - A flow is promised (`Require: outbound`) over connections only: over UDP the client would probe
///   it with STUN (RFC 5626 4.4.2), which is not spoken here. `reg-id` counts over UDP too.
/// - A contact that leads back here (`is_ours`) is refused: a call to it would go in circles.
///
/// # Errors
/// The refusal to answer with: 400, 403, 423, 439, 500, 503 or 555.
pub fn apply(
    now: Instant,
    location: &Location,
    config: &RegistrarConfig,
    aor: &Aor,
    (request, cseq): (Message<'_>, u32),
    flow: Flow,
    is_ours: impl Fn(&UriRef<'_>) -> bool,
) -> Result<Registered, Refusal> {
    let change = |aor: &Aor, plan: Plan<'_>| location.change(now, aor, plan);
    let (request, hands) = (
        (request, cseq),
        (is_ours, change, |_: &mut Contacts<'_>| ()),
    );
    decide(now, location, config, aor, request, flow, hands)
}

/// What [`apply`] would come to now; nothing is changed.
///
/// # Errors
/// As [`apply`], but for a location service that is full.
pub(crate) fn plan(
    now: Instant,
    location: &Location,
    config: &RegistrarConfig,
    aor: &Aor,
    (request, cseq): (Message<'_>, u32),
    flow: Flow,
    is_ours: impl Fn(&UriRef<'_>) -> bool,
) -> Result<Registered, Refusal> {
    let change = |aor: &Aor, plan: Plan<'_>| location.imagine(now, aor, plan);
    let (request, hands) = (
        (request, cseq),
        (is_ours, change, |_: &mut Contacts<'_>| ()),
    );
    decide(now, location, config, aor, request, flow, hands)
}

pub(super) type Plan<'a> = &'a dyn Fn(&mut Bindings) -> Result<Changes, Refusal>;

/// Decides. What `amend` makes of the contacts counts.
pub(super) fn decide<'m>(
    now: Instant,
    location: &Location,
    config: &RegistrarConfig,
    aor: &Aor,
    (request, cseq): (Message<'m>, u32),
    flow: Flow,
    (is_ours, change, amend): (
        impl Fn(&UriRef<'_>) -> bool,
        impl FnOnce(&Aor, Plan<'_>) -> Result<(Bindings, Changes), Refusal>,
        impl FnOnce(&mut Contacts<'m>),
    ),
) -> Result<Registered, Refusal> {
    let mut contacts = Contacts::new();
    let asked = Request::read(request, config, &mut contacts)?;
    amend(&mut contacts);
    if contacts.iter().any(|contact| is_ours(&contact.uri)) {
        return Err(Refusal::of(403, "Contact is this server"));
    }
    let services = match &config.push {
        Some(push) => announced(push, &contacts)?,
        None => Vec::new(),
    };
    let origin = Origin {
        now,
        location,
        aor,
        request,
        cseq,
        flow,
        grace: config.grace,
    };
    let mut outbound = false;
    let (bindings, changes) = match asked {
        Request::Query => {
            let mut bindings = Bindings::new();
            location.lookup(now, aor, &mut bindings);
            (bindings, SmallVec::new())
        }
        Request::Wildcard => change(aor, &|bindings| origin.remove_all(bindings))?,
        Request::Contacts => {
            let kept =
                |contact: &Contact<'_>| contact.flow().is_some() && contact.lifetime.is_some();
            outbound = flow.transport.is_reliable()
                && contacts.iter().any(kept)
                && supports(request, "outbound");
            change(aor, &|bindings| {
                let changes = origin.bind(&contacts, bindings)?;
                let added = changes
                    .iter()
                    .any(|change| change.kind == ChangeKind::Added);
                if added && bindings.len() > config.max_contacts {
                    // Who is late makes room.
                    bindings.retain(|binding| !binding.is_late(now));
                    if bindings.len() > config.max_contacts {
                        return Err(Refusal::too_many());
                    }
                }
                Ok(changes)
            })?
        }
    };
    Ok(Registered {
        bindings,
        changes,
        is_query: asked == Request::Query,
        outbound,
        services,
        more: Vec::new(),
    })
}

/// What all bindings of one REGISTER have in common.
struct Origin<'m> {
    now: Instant,
    location: &'m Location,
    aor: &'m Aor,
    request: Message<'m>,
    cseq: u32,
    flow: Flow,
    grace: u16,
}

pub(super) type Changes = SmallVec<[Change; 2]>;

impl Origin<'_> {
    /// RFC 3261 10.3 step 6.
    fn remove_all(&self, bindings: &mut Bindings) -> Result<Changes, Refusal> {
        let mut changes = Changes::new();
        for binding in bindings.drain(..) {
            if self.order(&binding).is_some_and(Ordering::is_le) {
                return Err(Refusal::out_of_order());
            }
            changes.push(Change {
                kind: ChangeKind::Removed,
                binding,
            });
        }
        Ok(changes)
    }

    /// RFC 3261 10.3 step 7.
    fn bind(&self, contacts: &[Contact<'_>], bindings: &mut Bindings) -> Result<Changes, Refusal> {
        let mut changes = Changes::new();
        for contact in contacts {
            let place = place_of(contact, bindings);
            let mut is_same_call = false;
            if let Some(held) = place.and_then(|place| bindings.get(place)) {
                let order = self.order(held);
                is_same_call = order.is_some();
                match order {
                    Some(Ordering::Less) => return Err(Refusal::out_of_order()),
                    Some(Ordering::Equal) if contact.lifetime.is_none() => {
                        return Err(Refusal::out_of_order());
                    }
                    Some(Ordering::Equal) => continue,
                    Some(Ordering::Greater) | None => {}
                }
            }
            let removed = place.map(|place| bindings.remove(place));
            let binding = self.binding(contact, removed.as_ref(), is_same_call);
            match (binding, removed) {
                (Some(binding), old) => {
                    bindings.push(Arc::clone(&binding));
                    let kind = match old {
                        Some(_) => ChangeKind::Refreshed,
                        None => ChangeKind::Added,
                    };
                    changes.push(Change { kind, binding });
                }
                (None, Some(binding)) => changes.push(Change {
                    kind: ChangeKind::Removed,
                    binding,
                }),
                (None, None) => {}
            }
        }
        Ok(changes)
    }

    /// The binding that a contact asks for, in the place of the old one, which may be of the same Call-ID;
    /// `None` if it asks for none.
    fn binding(
        &self,
        contact: &Contact<'_>,
        old: Option<&Arc<Binding>>,
        is_same_call: bool,
    ) -> Option<Arc<Binding>> {
        let lifetime = contact.lifetime?;
        let says_again = |old: &&Arc<Binding>| is_same_call && self.says_again(contact, old);
        let said = match old.filter(says_again) {
            Some(old) => old.said.clone(),
            None => self.said(contact, old),
        };
        Some(Arc::new(Binding {
            said,
            q: contact.q,
            expires: self
                .now
                .after(lifetime.saturating_add(Duration::from_secs(self.grace.into()))),
            grace: self.grace,
            cseq: self.cseq,
            flow: self.flow,
            reg_id: contact.reg_id,
            updated: self.now,
        }))
    }

    /// Whether a contact without parameters is what it was before under its Call-ID. Where there are some, or a Path, both must
    /// be read to know.
    fn says_again(&self, contact: &Contact<'_>, old: &Binding) -> bool {
        contact.params.raw.is_empty()
            && self.request.first(HeaderId::Path).is_none()
            && old.is_plain()
            && old.contact() == contact.uri.raw
    }

    /// What the phone says of a contact: what the old binding keeps, if that is the same.
    fn said(&self, contact: &Contact<'_>, old: Option<&Arc<Binding>>) -> Said {
        let mut saying = Saying::new();
        saying.put(contact.uri.raw);
        saying.end(Part::Contact);
        other_params(contact.params, &mut saying);
        saying.end(Part::Params);
        saying.put(self.request.call_id());
        saying.end(Part::CallId);
        path(self.request, &mut saying);
        saying.end(Part::Path);
        if let Some(instance) = &contact.instance {
            saying.put_instance(instance);
        }
        let found_by = || {
            let instance = contact.instance.as_deref().map(|i| (i, contact.reg_id));
            let device = self
                .location
                .device(self.aor, instance, self.request.call_id());
            (self.location.contact_key(&contact.uri), device)
        };
        saying.keep(old.map(|old| &old.said), found_by)
    }

    /// How the REGISTER stands to the one that made a binding; `None` if that had another Call-ID.
    fn order(&self, held: &Binding) -> Option<Ordering> {
        (held.call_id() == self.request.call_id()).then(|| self.cseq.cmp(&held.cseq))
    }
}

/// Which binding a contact is about. One that is bound by device and flow also takes the place of
/// one with its URI that the same phone made before it spoke of flows.
fn place_of(contact: &Contact<'_>, bindings: &Bindings) -> Option<usize> {
    let by_uri = |held: &Arc<Binding>| held.is_contact(&contact.uri);
    match contact.flow() {
        Some((instance, reg_id)) => bindings
            .iter()
            .position(|held| held.is_flow_of(instance, reg_id))
            .or_else(|| {
                bindings
                    .iter()
                    .position(|b| b.reg_id.is_none() && by_uri(b))
            }),
        None => bindings.iter().position(by_uri),
    }
}

/// The parameters that are given back as they came.
fn other_params(params: Params<'_>, saying: &mut Saying) {
    for param in params.iter() {
        if param.name.eq_ignore_ascii_case(b"expires") || param.name.eq_ignore_ascii_case(b"q") {
            continue;
        }
        write_param(&param, |octets| saying.put_unfolded(octets));
    }
}

/// RFC 3327 5.3.
fn path(request: Message<'_>, saying: &mut Saying) {
    if request.first(HeaderId::Path).is_none() || !supports(request, "path") {
        return;
    }
    for (at, value) in request.values(HeaderId::Path).enumerate() {
        if at > 0 {
            saying.put(b", ");
        }
        saying.put_unfolded(value.raw);
    }
}
