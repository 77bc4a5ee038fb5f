//! REGISTERs that the PBX answers: what they ask for, and the bindings that they make as it grants them.

use super::{
    Aor, Binding, Bindings, Device, Location, Refusal, Registered, RegistrarConfig,
    apply::{Plan, decide, plan},
    contact::{Contact, Contacts, Request},
};
use crate::{flow::Flow, time::Instant};
use bellhop_wire::{Message, UriRef};
use smallvec::SmallVec;
use std::{sync::Arc, time::Duration};

/// What a REGISTER asks the PBX for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Nothing: it only wants to know.
    Query,
    /// All bindings are to go.
    Nothing,
    /// A time in seconds for each of these; 0: none; `None`: it does not say.
    Each(SmallVec<[(Device, Option<u32>); 1]>),
}

/// Reads a REGISTER that is to go on to the PBX. What one phone has by several contacts is one there, for as long as the
/// longest. Gives the bindings that there may be after it besides.
///
/// # Errors
/// What would be refused here in any case.
pub(crate) fn asked(
    now: Instant,
    location: &Location,
    config: &RegistrarConfig,
    aor: &Aor,
    (request, cseq): (Message<'_>, u32),
    flow: Flow,
    is_ours: impl Fn(&UriRef<'_>) -> bool,
) -> Result<(Asked, Vec<Arc<Binding>>), Refusal> {
    let open = open(config);
    let planned = plan(now, location, &open, aor, (request, cseq), flow, is_ours)?;
    let mut contacts = Contacts::new();
    match Request::read(request, &open, &mut contacts)? {
        Request::Query => return Ok((Asked::Query, Vec::new())),
        Request::Wildcard => return Ok((Asked::Nothing, Vec::new())),
        Request::Contacts => {}
    }
    let mut each: SmallVec<[(Device, Option<u32>); 1]> = SmallVec::new();
    for contact in &contacts {
        let device = device_of(location, aor, request, contact);
        let seconds = match contact.lifetime {
            None => Some(0),
            Some(UNSAID) => None,
            Some(time) => Some(u32::try_from(time.as_secs()).unwrap_or(u32::MAX)),
        };
        match each.iter_mut().find(|(other, _)| *other == device) {
            Some((_, had)) => *had = longer(*had, seconds),
            None => each.push((device, seconds)),
        }
    }
    let mut held = Bindings::new();
    location.lookup(now, aor, &mut held);
    for binding in &held {
        // A phone that has started anew, known by another Call-ID: what it was at the PBX goes, or calls would
        // be sent there too.
        let is_taken_over = contacts.iter().any(|c| binding.is_contact(&c.uri));
        if is_taken_over && each.iter().all(|(other, _)| *other != binding.device()) {
            each.push((binding.device(), Some(0)));
        }
    }
    for (device, seconds) in each.iter_mut().filter(|(_, seconds)| *seconds == Some(0)) {
        // The phone takes one contact down and keeps another.
        let is_named = |binding: &Binding| contacts.iter().any(|c| binding.is_contact(&c.uri));
        let kept = held.iter().filter(|binding| binding.device() == *device);
        let kept = kept.filter(|binding| !is_named(binding));
        let left = kept.map(|binding| binding.remaining(now).as_secs()).max();
        *seconds = Some(u32::try_from(left.unwrap_or(0)).unwrap_or(u32::MAX));
    }
    let wanted = |binding: &Arc<Binding>| {
        let is_it = |(device, seconds): &(Device, Option<u32>)| {
            binding.device() == *device && *seconds != Some(0)
        };
        each.iter().any(is_it)
    };
    let expected = planned.bindings.into_iter().filter(wanted).collect();
    Ok((Asked::Each(each), expected))
}

/// Applies a REGISTER that the PBX has granted: so many seconds for the contacts of each phone.
///
/// # Errors
/// As [`super::apply`].
#[allow(clippy::too_many_arguments, reason = "each is part of one REGISTER")]
pub(crate) fn apply_granted(
    now: Instant,
    location: &Location,
    config: &RegistrarConfig,
    aor: &Aor,
    (request, cseq): (Message<'_>, u32),
    flow: Flow,
    is_ours: impl Fn(&UriRef<'_>) -> bool,
    granted: &[(Device, u32)],
) -> Result<Registered, Refusal> {
    let open = open(config);
    let amend = |contacts: &mut Contacts<'_>| {
        for contact in contacts {
            let device = device_of(location, aor, request, contact);
            let own = granted.iter().find(|(own, _)| *own == device);
            let seconds = own.map_or(0, |(_, seconds)| *seconds);
            let lifetime = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
            contact.lifetime = contact.lifetime.and(lifetime);
        }
    };
    let change = |aor: &Aor, plan: Plan<'_>| location.change(now, aor, plan);
    let hands = (is_ours, change, amend);
    decide(now, location, &open, aor, (request, cseq), flow, hands)
}

/// The settings for a REGISTER whose times are the PBX's to judge.
fn open(config: &RegistrarConfig) -> RegistrarConfig {
    RegistrarConfig {
        min_expires: Duration::from_secs(1),
        max_expires: UNSAID,
        default_expires: UNSAID,
        ..config.clone()
    }
}

/// The phone that a contact is of.
fn device_of(
    location: &Location,
    aor: &Aor,
    request: Message<'_>,
    contact: &Contact<'_>,
) -> Device {
    let instance = contact.instance.as_deref().map(|i| (i, contact.reg_id));
    location.device(aor, instance, request.call_id())
}

/// The longer of two times; one that is not said is the PBX's usual one and counts as longer.
fn longer(one: Option<u32>, other: Option<u32>) -> Option<u32> {
    Some(one?.max(other?))
}

/// Stands for a time that the REGISTER does not say.
const UNSAID: Duration = Duration::from_secs(u32::MAX as u64);
