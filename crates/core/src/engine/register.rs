//! REGISTER, terminated here (RFC 3261 10.3).

use super::Engine;
use super::local::{EXTENSIONS, Received, unknown};
use crate::date;
use crate::event::{Decision, Level};
use crate::outbox::Outbox;
use crate::registrar::{self, Aor, ChangeKind, Registered};
use crate::routing::Proof;
use crate::time::Now;
use bellhop_wire::{HeaderId, Message, NameAddr, Scheme, UriRef};

impl Engine {
    /// A REGISTER that has its proof. Stateless: a retransmission is applied again, which changes
    /// nothing, and answered the same.
    pub(super) fn register(
        &mut self,
        now: Now,
        received: &Received<'_>,
        uri: &UriRef<'_>,
        proof: &Proof,
        out: &mut Outbox,
    ) {
        let message = received.message;
        // 10.3 step 1.
        if self.names.domain_of(uri).is_none() {
            return self.refuse(received, 403, "Not a domain of this registrar", out);
        }
        // 10.3 step 2.
        if unknown(message, HeaderId::Require, EXTENSIONS)
            .next()
            .is_some()
        {
            return self.refuse_extensions(received, HeaderId::Require, EXTENSIONS, out);
        }
        // 10.3 step 5; To is a SIP or SIPS URI (10.2, RFC 4475 3.3.4).
        let Some(to) = received.ends.map(|ends| ends.to.uri) else {
            return self.refuse(received, 400, "Bad To", out);
        };
        if !matches!(to.scheme, Scheme::Sip | Scheme::Sips) {
            return self.refuse(received, 400, "To is not a sip or sips URI", out);
        }
        let domain = self.names.domain_of(&to);
        let Some(aor) = domain.and_then(|domain| Aor::new(&to, domain)) else {
            return self.refuse(received, 404, "No such address of record", out);
        };
        // 10.3 step 4: to register for an AoR is to own it, whoever From says.
        if let Proof::Authenticated(user) = proof
            && !user.owns(&aor)
        {
            return self.refuse(
                received,
                403,
                "Address of record is not the authenticated user's",
                out,
            );
        }
        if self.names_us(message) {
            return self.refuse(received, 403, "Contact is this server", out);
        }
        let location = &self.shared.location;
        let applied = registrar::apply(
            now.instant,
            location,
            &self.config.registrar,
            &aor,
            message,
            received.flow,
        );
        match applied {
            Ok(registered) => {
                self.reply(received, 200, "OK", out, |_, reply| {
                    registered.write(now.instant, message, reply);
                    // 10.3 step 8.
                    reply.header_with("Date", |out| date::write(now.unix, out));
                });
                out.tell(message, received.flow, Level::Info, 200, || {
                    Decision::Registered(told(&aor, &registered))
                });
            }
            Err(refusal) => {
                self.refuse_with(
                    received,
                    refusal.status,
                    &refusal.reason,
                    out,
                    |_, reply| {
                        refusal.write(reply);
                    },
                );
            }
        }
    }

    /// Whether a Contact leads back here: a call to it would go in circles.
    fn names_us(&self, message: Message<'_>) -> bool {
        message.values(HeaderId::Contact).any(|value| {
            NameAddr::parse(value.raw).is_ok_and(|c| {
                c.uri
                    .host
                    .is_some_and(|host| self.names.is_own_address(host, c.uri.port))
            })
        })
    }
}

/// What the log says of a REGISTER: the AoR, what changed, how many bindings it has now.
fn told(aor: &Aor, registered: &Registered) -> String {
    let mut text = format!("{}:", aor.as_str());
    for change in &registered.changes {
        let kind = match change.kind {
            ChangeKind::Added => "added",
            ChangeKind::Refreshed => "refreshed",
            ChangeKind::Removed => "removed",
        };
        text.push_str(&format!(
            " {kind} {}",
            change.binding.contact.escape_ascii()
        ));
    }
    if registered.changes.is_empty() {
        text.push_str(" nothing changed");
    }
    text.push_str(&format!(" (bindings: {})", registered.bindings.len()));
    text
}
