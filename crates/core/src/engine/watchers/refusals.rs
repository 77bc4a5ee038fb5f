//! What a SUBSCRIBE of a watcher is refused for.

use crate::auth::{Outcome, Role};
use crate::engine::Engine;
use crate::engine::local::Received;
use crate::identity;
use crate::outbox::Outbox;
use crate::registrar::Aor;
use crate::subscription::{event_in, event_of};
use crate::time::Now;

impl Engine {
    /// Whether a SUBSCRIBE in a watcher's dialog is to another event, or another usage of that dialog; then it has been refused:
    /// there is one subscription in each dialog of ours (RFC 6665 4.5).
    pub(in crate::engine) fn is_another_event(
        &mut self,
        received: &Received<'_>,
        number: u64,
        out: &mut Outbox,
    ) -> bool {
        let Some(watcher) = self.shares.watchers.get(&number) else {
            return false;
        };
        let event = event_of(received.message);
        let package = watcher.key.package.as_bytes();
        let Some(event) = event.filter(|event| event.package.eq_ignore_ascii_case(package)) else {
            self.refuse_event(received, out);
            return true;
        };
        let own = event_in(&watcher.event).and_then(|own| own.id);
        let is_another = event.id.is_some() && event.id != own;
        if is_another {
            self.refuse(received, 403, "Another subscription in this dialog", out);
        }
        is_another
    }

    /// Whether the user of a watcher that refreshes by our signature alone is still one. Whom nobody knows any more, since he was
    /// taken away or it is long since he was looked up, proves it anew, or is told that he must.
    pub(in crate::engine) fn is_still_one(
        &mut self,
        now: Now,
        received: &Received<'_>,
        by: &Option<Aor>,
        out: &mut Outbox,
    ) -> bool {
        if by.as_ref().is_none_or(|by| self.auth.knows(by)) {
            return true;
        }
        let source = received.flow.remote.ip();
        match self.auth.check(now, received.message, source, Role::Proxy) {
            Outcome::Authenticated(user) => {
                let is_his = identity::asserted(&user, received.ends, &self.names) == *by;
                if !is_his {
                    self.refuse(received, 403, "Subscription of somebody else", out);
                }
                return is_his;
            }
            Outcome::Challenge { stale } => self.challenge(now, received, Role::Proxy, stale, out),
            Outcome::Malformed(why) => self.refuse(received, 400, why, out),
            Outcome::LookUp(kind, name) => self.look_up(now, received, (kind, name), out),
        }
        false
    }

    /// An event that is none of this dialog's (RFC 6665 8.2: Allow-Events is mandatory in a 489).
    pub(in crate::engine) fn refuse_event(&mut self, received: &Received<'_>, out: &mut Outbox) {
        let packages: Vec<_> = self.config.subscriptions.packages().collect();
        let packages = packages.join(", ");
        self.refuse_with(received, 489, "Bad Event", out, |_, reply| {
            // None at all: what plugins publish is watched, and of that nobody knows before.
            if !packages.is_empty() {
                reply.header("Allow-Events", packages.as_bytes());
            }
        });
    }

    /// A body that would have to be understood (RFC 3261 8.2.3): no filter is.
    pub(in crate::engine) fn refuse_body(&mut self, received: &Received<'_>, out: &mut Outbox) {
        let why = "Unsupported Media Type";
        self.refuse_with(received, 415, why, out, |_, reply| {
            reply.header("Accept", b"");
        });
    }

    /// Too many wait for the disk.
    pub(in crate::engine) fn refuse_behind(&mut self, received: &Received<'_>, out: &mut Outbox) {
        let behind = "Too many subscriptions wait for the disk";
        self.refuse_with(received, 503, behind, out, |_, reply| {
            reply.header("Retry-After", b"10");
        });
    }
}
