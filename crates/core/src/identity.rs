//! Identity headers: what the outside claims is taken off, what we proved is put on (RFC 3325).

use crate::auth::Authenticated;
use crate::config::Config;
use crate::registrar::Aor;
use crate::routing::Names;
use crate::text::Text;
use bellhop_wire::{Edit, Ends, HeaderId, Message};

/// How a request's identity headers are treated on the way through.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    /// It comes from outside the trust domain: its claims are taken off.
    pub(crate) is_outside: bool,
    /// The AoR that digest proved.
    pub(crate) asserted: Option<Aor>,
}

impl Identity {
    /// Adds the changes for one branch; `says_who`: the next hop is told who was authenticated.
    pub(crate) fn apply<'m>(
        &self,
        request: Message<'m>,
        config: &Config,
        says_who: bool,
        to_outside: bool,
        edit: &mut Edit<'m>,
    ) {
        strip(request, config, !self.is_outside, to_outside, edit);
        if let (Some(aor), true) = (&self.asserted, says_who)
            && !(to_outside && wants_privacy(request))
        {
            let mut value = Text::<96>::new();
            value.put(b"<sip:");
            value.put(aor.as_str().as_bytes());
            value.put(b">");
            edit.append("P-Asserted-Identity", &value);
        }
    }
}

/// Takes identity headers off a message: all that only a trusted peer may say if its sender is none, and
/// what the sender wants kept private if it leaves the trust domain (RFC 3325 5, 7).
pub(crate) fn strip<'m>(
    message: Message<'m>,
    config: &Config,
    is_trusted: bool,
    to_outside: bool,
    edit: &mut Edit<'m>,
) {
    if !is_trusted {
        for id in CLAIMS.into_iter().filter(|id| message.first(*id).is_some()) {
            for field in message.fields(id) {
                edit.remove(field);
            }
        }
        for name in &config.strip {
            for field in message.named(name) {
                edit.remove(field);
            }
        }
    } else if to_outside && wants_privacy(message) {
        for id in IDENTITIES {
            for field in message.fields(id) {
                edit.remove(field);
            }
        }
    }
}

/// Whether `id` stands in Privacy, whose values are separated by semicolons (RFC 3323 4.2).
fn wants_privacy(message: Message<'_>) -> bool {
    message
        .fields(HeaderId::Privacy)
        .flat_map(|field| field.value.split(|b| matches!(b, b';' | b',')))
        .any(|value| value.trim_ascii().eq_ignore_ascii_case(b"id"))
}

/// The AoR to assert: the one that From names if it is the user's, else his first.
pub(crate) fn asserted(
    proof: &Authenticated,
    ends: Option<&Ends<'_>>,
    names: &Names,
) -> Option<Aor> {
    ends.and_then(|ends| own_from(proof, ends, names))
        .or_else(|| proof.user().aors.first())
        .cloned()
}

/// Whether an authenticated user may say this in From: an AoR of his own, or nobody (RFC 3323 4.1.1.3).
pub(crate) fn may_claim(proof: &Authenticated, ends: Option<&Ends<'_>>, names: &Names) -> bool {
    let Some(ends) = ends else {
        return false;
    };
    let is_anonymous = ends
        .from
        .uri
        .host
        .is_some_and(|host| host.same(bellhop_wire::Host::Name(b"anonymous.invalid")));
    is_anonymous || own_from(proof, ends, names).is_some()
}

fn own_from<'p>(proof: &'p Authenticated, ends: &Ends<'_>, names: &Names) -> Option<&'p Aor> {
    let from = &ends.from.uri;
    proof.own_aor(from, names.domain_of(from)?)
}

/// What only a trusted peer may say.
const CLAIMS: [HeaderId; 4] = [
    HeaderId::PAssertedIdentity,
    HeaderId::PPreferredIdentity,
    HeaderId::RemotePartyId,
    HeaderId::Diversion,
];

/// What says who somebody is who asked that it be kept private.
const IDENTITIES: [HeaderId; 3] = [
    HeaderId::PAssertedIdentity,
    HeaderId::PPreferredIdentity,
    HeaderId::RemotePartyId,
];
