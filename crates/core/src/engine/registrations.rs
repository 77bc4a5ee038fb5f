//! Our own bindings, watched (RFC 3680): who may, and what their watchers are told.

use super::Engine;
use super::local::Received;
use crate::outbox::Outbox;
use crate::registrar::{Aor, Bindings};
use crate::routing::Proof;
use crate::share::{Gone, Key, Look, Note, Word};
use crate::subscription::Reg;
use crate::time::Now;
use bellhop_wire::{HeaderId, Message, UriRef};
use std::sync::Arc;

impl Engine {
    /// Whether a SUBSCRIBE for the bindings of an AoR is to be refused; then it has been (RFC 3680 4.6).
    pub(super) fn refuses_watch(
        &mut self,
        received: &Received<'_>,
        (uri, resource): (&UriRef<'_>, &Aor),
        proof: &Proof,
        out: &mut Outbox,
    ) -> bool {
        let message = received.message;
        let settings = &self.config.subscriptions;
        let may_watch = match proof {
            Proof::Trusted { .. } => true,
            Proof::Authenticated(user) => {
                settings.reg == Reg::Any || user.own_aor(uri, resource.domain()).is_some()
            }
            Proof::Dialog | Proof::Unproven => false,
        };
        if !may_watch {
            self.refuse(received, 403, "Bindings of somebody else", out);
        } else if message.first(HeaderId::Require).is_some() {
            self.refuse_extensions(received, HeaderId::Require, &[], out);
        } else if !takes_reginfo(message) {
            self.refuse(received, 406, "Not Acceptable", out);
        } else if !message.body().is_empty() {
            self.refuse_body(received, out);
        } else if self.shared.subscriptions.len() >= settings.most {
            self.refuse_with(received, 503, "Too many subscriptions", out, |_, reply| {
                reply.header("Retry-After", b"60");
            });
        } else {
            return false;
        }
        true
    }

    /// A shard has watchers of an AoR's bindings now: it is told how they are.
    pub(super) fn registration_wanted(
        &mut self,
        now: Now,
        key: &Arc<Key>,
        (from, at): (u16, u64),
        out: &mut Outbox,
    ) {
        let (number, is_new) = self.shares.registrations.begin(now.instant, key);
        if is_new {
            // First this, then a look: no change is missed.
            self.shared.location.watch(&key.resource, true);
            self.look_at_registration(now, number, Gone::Unregistered, out);
        }
        let Some(registration) = self.shares.registrations.get_mut(number) else {
            return;
        };
        let shards = &mut registration.shards;
        match shards.iter_mut().find(|(shard, _)| *shard == from) {
            Some((_, last)) => *last = at.max(*last),
            None => shards.push((from, at)),
        }
        let word = Word::Told {
            key: Arc::clone(key),
            view: Arc::clone(&registration.view),
            at: registration.at,
        };
        out.notes.push(Note { shard: from, word });
    }

    /// A shard has none any more.
    pub(super) fn registration_unwanted(&mut self, key: &Key, (from, at): (u16, u64)) {
        let registrations = &mut self.shares.registrations;
        let Some(number) = registrations.of(&key.resource) else {
            return;
        };
        let Some(registration) = registrations.get_mut(number) else {
            return;
        };
        let shards = &mut registration.shards;
        shards.retain(|(shard, said)| *shard != from || *said > at);
        if shards.is_empty() {
            registrations.end(number);
            self.shared.location.watch(&key.resource, false);
        }
    }

    /// Whether anybody may want to know of bindings: all that a REGISTER looks at where nobody does.
    pub(super) fn has_followers(&self) -> bool {
        self.config.subscriptions.has_watchers() || self.shared.location.has_watched()
    }

    /// Bindings of an AoR have changed: has the home shard look at them if anybody watches.
    #[inline]
    pub(super) fn tell_bound(&self, aor: &Aor, gone: Gone, out: &mut Outbox) {
        if self.shared.location.is_watched(aor) {
            let (shard, aor) = (self.config.registrar.leases.home_of(aor), aor.clone());
            let word = Word::Bound { aor, gone };
            out.notes.push(Note { shard, word });
        }
    }

    /// Bindings of an AoR have changed that is watched.
    pub(super) fn bound(&mut self, now: Now, aor: &Aor, gone: Gone, out: &mut Outbox) {
        if let Some(number) = self.shares.registrations.of(aor) {
            self.look_at_registration(now, number, gone, out);
        }
    }

    /// Looks at the bindings whose time has come.
    pub(super) fn registrations_due(&mut self, now: Now, out: &mut Outbox) {
        while let Some(number) = self.shares.registrations.timers.pop_due(now.instant) {
            self.look_at_registration(now, number, Gone::Unregistered, out);
        }
    }

    /// Compares what is bound with what was, and has all watchers told of what is new.
    fn look_at_registration(&mut self, now: Now, number: u64, gone: Gone, out: &mut Outbox) {
        let registrations = &mut self.shares.registrations;
        let Some(registration) = registrations.get_mut(number) else {
            return;
        };
        let mut live = Bindings::new();
        let location = &self.shared.location;
        location.lookup(now.instant, &registration.key.resource, &mut live);
        let look = registration.look(now.instant, &live, gone);
        if look == Look::Tell {
            for (shard, _) in &registration.shards {
                let word = Word::Told {
                    key: Arc::clone(&registration.key),
                    view: Arc::clone(&registration.view),
                    at: registration.at,
                };
                out.notes.push(Note {
                    shard: *shard,
                    word,
                });
            }
        }
        let at = match look {
            Look::TellAt(at) => Some(at),
            Look::Nothing | Look::Tell => registration.next_end(),
        };
        registrations.wake(number, at);
    }
}

/// Whether a watcher takes the one kind of body there is (RFC 3680 4.5): one that says nothing does.
fn takes_reginfo(message: Message<'_>) -> bool {
    let mut accepts = message.values(HeaderId::Accept).peekable();
    accepts.peek().is_none() || {
        let kind = |raw: &[u8]| {
            let end = raw.iter().position(|b| *b == b';').unwrap_or(raw.len());
            raw.get(..end).unwrap_or_default().trim_ascii().to_vec()
        };
        let own = crate::share::REGINFO.as_bytes();
        let mut kinds = accepts.map(|value| kind(value.raw));
        kinds.any(|kind| {
            kind.eq_ignore_ascii_case(own) || kind == b"*/*" || kind == b"application/*"
        })
    }
}
