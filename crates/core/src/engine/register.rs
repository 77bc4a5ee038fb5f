//! REGISTER, terminated here (RFC 3261 10.3).

use super::Engine;
use super::leased::Registering;
use super::local::{EXTENSIONS, Received, unknown};
use crate::lease::{Fate, Mode};
use crate::outbox::Outbox;
use crate::registrar::{self, Aor, Change, ChangeKind, Refusal, RegistrarConfig};
use crate::routing::Proof;
use crate::time::Now;
use bellhop_wire::{HeaderId, Host, NameAddr, Scheme, UriRef};
use memchr::memmem;

impl Engine {
    /// A REGISTER that has its proof. Stateless: a retransmission is applied again, which changes
    /// nothing, and answered the same. No binding gets more than `longest` seconds. `fate` is what the PBX made of it, if it
    /// was asked.
    #[allow(clippy::too_many_arguments, reason = "each is part of one REGISTER")]
    pub(super) fn register(
        &mut self,
        now: Now,
        received: &Received<'_>,
        uri: &UriRef<'_>,
        proof: &Proof,
        longest: Option<u32>,
        fate: Option<Fate>,
        out: &mut Outbox,
    ) {
        let message = received.message;
        // 10.3 step 1.
        let asked = self.names.domain_of(uri);
        if asked.is_none() {
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
        // 10.3 step 4: to register for an AoR is to own it, whoever From says.
        let is_as_asked = to.scheme == uri.scheme && to.host == uri.host && to.port == uri.port;
        let domain = if is_as_asked {
            asked
        } else {
            self.names.domain_of(&to)
        };
        let own = match (proof, domain) {
            (Proof::Authenticated(user), Some(domain)) => user.own_aor(&to, domain),
            _ => None,
        };
        let aor = own.cloned().or_else(|| Aor::new(&to, domain?));
        let Some(aor) = aor else {
            return self.refuse(received, 404, "No such address of record", out);
        };
        if own.is_none() && matches!(proof, Proof::Authenticated(_)) {
            return self.refuse(
                received,
                403,
                "Address of record is not the authenticated user's",
                out,
            );
        }
        if self.is_disk_behind() && message.first(HeaderId::Contact).is_some() {
            let behind = "Too many registrations wait for the disk";
            return self.refuse_with(received, 503, behind, out, |_, reply| {
                reply.header("Retry-After", b"10");
            });
        }
        let mode = self.config.registrar.leases.mode_for(&aor);
        if mode == Mode::Passthrough {
            return self.pass_register(now, received, proof, aor, longest, out);
        }
        if matches!(proof, Proof::Unproven) {
            return self.refuse(received, 503, "The configuration has changed", out);
        }
        if !mode.has_leases() {
            return self.apply_register(now, received, aor, longest, out);
        }
        let registering = Registering {
            proof,
            aor,
            longest,
            mode,
        };
        match fate {
            None => self.register_leased(now, received, registering, out),
            Some(fate) => self.register_decided(now, received, registering, fate, out),
        }
    }

    /// What a REGISTER is granted, if that is not what the configuration says for all.
    pub(super) fn registrar_config(
        &mut self,
        received: &Received<'_>,
        longest: Option<u32>,
        mode: Mode,
    ) -> Option<Box<RegistrarConfig>> {
        let config = &self.config.registrar;
        let longest = longest.into_iter().chain(self.nat_expires(received)).min();
        // Boxed, for nearly always there is none, and it is large.
        let cut = longest.map(|longest| Box::new(config.at_most(longest)));
        // The phone alone refreshes what it has in mode mirror: nothing is taken off there.
        if !matches!(mode, Mode::Contact | Mode::Aor) {
            return cut;
        }
        let mut cut = cut.unwrap_or_else(|| Box::new(config.clone()));
        let spread = self.entropy.next_u64().checked_rem(SPREAD).unwrap_or(0);
        cut.share = WHOLE.saturating_sub(u16::try_from(spread).unwrap_or(0));
        Some(cut)
    }

    /// The most that the phone of a REGISTER gets if it is behind a NAT.
    pub(super) fn nat_expires(&self, received: &Received<'_>) -> Option<u32> {
        let config = &self.config.registrar;
        let nat = config.udp_nat_expires.filter(|_| is_behind_nat(received));
        // A phone that sleeps keeps no NAT open, and is woken when it is wanted.
        let nat = nat.filter(|_| config.push.is_none() || !speaks_of_push(received));
        nat.map(|time| u32::try_from(time.as_secs()).unwrap_or(u32::MAX))
    }

    /// Applies a REGISTER, and answers it.
    pub(super) fn apply_register(
        &mut self,
        now: Now,
        received: &Received<'_>,
        aor: Aor,
        longest: Option<u32>,
        out: &mut Outbox,
    ) {
        let mode = self.config.registrar.leases.mode_for(&aor);
        let cut = self.registrar_config(received, longest, mode);
        let applied = registrar::apply(
            now.instant,
            &self.shared.location,
            cut.as_deref().unwrap_or(&self.config.registrar),
            &aor,
            (received.message, received.cseq()),
            received.flow,
            |contact| self.names.is_own_contact(contact),
        );
        match applied {
            Ok(registered) => {
                if self.config.registrar.leases.is_on() {
                    self.check_removed(&aor, &registered.changes, out);
                    let is_removal = |change: &Change| change.kind == ChangeKind::Removed;
                    if registered.changes.iter().all(is_removal) && !registered.is_query {
                        let config = &self.config.registrar;
                        self.parked.overtake(&aor, received.message, config);
                    }
                }
                self.registered(now, received, aor, registered, out);
            }
            Err(refusal) => self.refuse_register(received, &refusal, out),
        }
    }

    /// Refuses a REGISTER as the registrar decided.
    pub(super) fn refuse_register(
        &mut self,
        received: &Received<'_>,
        refusal: &Refusal,
        out: &mut Outbox,
    ) {
        let (status, reason) = (refusal.status, &refusal.reason);
        self.refuse_with(received, status, reason, out, |_, reply| {
            refusal.write(reply);
        });
    }
}

/// Whether a phone says that it can be woken (RFC 8599).
fn speaks_of_push(received: &Received<'_>) -> bool {
    let mut contacts = received.message.fields(HeaderId::Contact);
    contacts.any(|field| memmem::find(field.value, b"pn-provider").is_some())
}

/// Whether a phone's own address, as its Via or its Contact says it, is not where its REGISTER came from by UDP.
fn is_behind_nat(received: &Received<'_>) -> bool {
    let source = Host::Ip(received.flow.remote.ip());
    if received.flow.transport.is_reliable() {
        return false;
    }
    let message = received.message;
    let contact = message.first_value(HeaderId::Contact);
    let contact = contact.and_then(|value| NameAddr::parse(value.raw).ok());
    let is_elsewhere = contact.is_some_and(|contact| contact.uri.host.is_some_and(|h| h != source));
    received.via.is_some_and(|via| via.host != source)
        || (is_elsewhere && message.first(HeaderId::Path).is_none())
}

/// All of the time that was asked for, in thousandths, and how many of them chance takes off.
const WHOLE: u16 = 1_000;
const SPREAD: u64 = 100;
