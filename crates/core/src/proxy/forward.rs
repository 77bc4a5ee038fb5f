//! The request as it goes to one branch (RFC 3261 16.6).

use super::context::Incoming;
use crate::auth::{Authenticator, Mark, Role, Secret, User};
use crate::b2bua;
use crate::config::Config;
use crate::digits::decimal;
use crate::flow::{Destination, ListenerId};
use crate::identity::Identity;
use crate::lease::Passing;
use crate::policy::Changes;
use crate::record_route::{self, Side, side_of};
use crate::routing::{Kind, Names, Routes, Target, listener_of};
use crate::text::Text;
use bellhop_wire::{Edit, HeaderId, Message, UriRef};
use std::borrow::Cow;
use std::sync::Arc;

/// What is the same for all branches of a request.
#[derive(Clone, Debug)]
pub(crate) struct Rewrite {
    pub(crate) routes: Routes,
    pub(crate) identity: Identity,
    pub(crate) record: Record,
    /// How the caller is reached inside the dialog.
    pub(crate) caller: Side,
    /// Where the credentials are that were its proof.
    pub(crate) spent: Option<usize>,
    /// Its sender has proved nothing to us: his credentials are for the PBX, and none of ours go with it.
    pub(crate) is_unproven: bool,
    /// The user of our Contact, where the request is one of ours in a call of two legs.
    pub(crate) contact: Option<[u8; 16]>,
    /// It is a REGISTER whose answer is the PBX's.
    pub(crate) passing: Option<Arc<Passing>>,
    /// See [`crate::loops`].
    pub(crate) loop_hash: u32,
    /// Max-Breadth of the request, 60 if it had none (RFC 5393 5.3.3).
    pub(crate) breadth: u32,
    /// In whose name an upstream's challenges are answered.
    pub(crate) owner: Option<Arc<User>>,
}

impl Rewrite {
    /// Of a request that waits and has no branches.
    pub(crate) fn unsent() -> Self {
        Self {
            routes: Routes::default(),
            identity: Identity::default(),
            record: Record::No,
            caller: Side::Direct,
            spent: None,
            is_unproven: false,
            contact: None,
            passing: None,
            loop_hash: 0,
            breadth: 0,
            owner: None,
        }
    }
}

/// Whether the request is record-routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// It makes no dialog.
    No,
    /// It starts a dialog.
    New,
    /// It refreshes one: the same entries again.
    Again,
}

/// What a forwarded request is made with.
pub(crate) struct Maker<'a> {
    pub(crate) config: &'a Config,
    pub(crate) names: &'a Names,
    pub(crate) auth: &'a Authenticator,
    pub(crate) secret: &'a Secret,
}

/// One branch's particulars.
pub(crate) struct Leg<'a> {
    pub(crate) target: &'a Target,
    pub(crate) to: &'a Destination,
    pub(crate) branch: &'a [u8],
    pub(crate) breadth: u32,
    /// What policies change for all branches.
    pub(crate) changes: Option<&'a Changes>,
    /// Whose dialog it makes, for Record-Route.
    pub(crate) user: Option<Mark>,
    /// It may carry credentials of ours.
    pub(crate) signs: bool,
}

impl Leg<'_> {
    /// What policies change for this branch.
    fn changes(&self) -> Option<Cow<'_, Changes>> {
        let own = self.target.wish.as_ref().map(|wish| &wish.headers);
        let own = own.filter(|own| !own.is_empty());
        let all = self.changes.filter(|all| !all.is_empty());
        match (all, own) {
            (Some(all), Some(own)) => Some(Cow::Owned(all.followed_by(own))),
            (one, other) => one.or(other).map(Cow::Borrowed),
        }
    }
}

impl Maker<'_> {
    /// Appends the request for one branch to `out`. `None`: it cannot be made (a Route that cannot be
    /// read, Max-Forwards used up: both were checked before).
    pub(crate) fn write(
        &self,
        incoming: &Incoming,
        leg: &Leg<'_>,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let request = incoming.request.message();
        let rewrite = &incoming.rewrite;
        let mut edit = Edit::new(request);
        edit.push(HeaderId::Via, &self.via(leg)?);
        edit.mark_via(incoming.mark);
        edit.decrement_max_forwards().ok()?;
        rewrite.routes.apply(request, &mut edit);
        self.route(request, rewrite, leg, &mut edit)?;
        let is_ours = !rewrite.is_unproven;
        let spent = rewrite.spent;
        for field in self
            .auth
            .consumed(request, Role::Proxy, spent)
            .filter(|_| is_ours)
        {
            edit.remove(field);
        }
        let to_outside = self.names.is_outside(leg.to);
        if (to_outside || leg.signs || self.auth.takes_tokens()) && is_ours {
            // A phone that challenges in our name learns no answer to it; and a PBX of our realm is not to
            // find two in one request.
            for field in self.auth.consumed(request, Role::Registrar, None) {
                edit.remove(field);
            }
        }
        let changes = leg.changes();
        let says_who = changes.as_ref().is_none_or(|c| !c.touches(ASSERTED));
        rewrite.identity.apply(
            request,
            self.config,
            says_who && leg.target.kind == Kind::Upstream,
            to_outside,
            &mut edit,
        );
        if let Some(changes) = &changes {
            changes.apply(request, &mut edit);
        }
        if let Some(passing) = &rewrite.passing {
            passing.apply(request, self.names.call_back(leg.to)?, &mut edit);
        }
        if let Some(user) = &rewrite.contact {
            let (transport, host) = self.names.call_back(leg.to)?;
            let token = transport.is_reliable().then(|| transport.uri_token());
            edit.append("Contact", &b2bua::contact(user, host, token));
        }
        match rewrite.record {
            Record::No => {}
            Record::New => self.record(request, incoming, leg, &mut edit)?,
            Record::Again => {
                for entry in rewrite.routes.again(request) {
                    edit.push(HeaderId::RecordRoute, &entry);
                }
            }
        }
        if !matches!(request.method(), Some(bellhop_wire::Method::Ack)) {
            edit.set(HeaderId::MaxBreadth, &decimal(leg.breadth.into()));
        }
        let has_length = request.first(HeaderId::ContentLength).is_some()
            || changes.is_some_and(|changes| changes.body().is_some());
        if leg.to.transport().is_reliable() && !has_length {
            // 16.6 step 9: what came as a datagram may leave its length to it.
            edit.append(
                "Content-Length",
                request.body().len().to_string().as_bytes(),
            );
        }
        edit.write(out).ok()
    }

    /// Our Via (16.6 step 8). `rport` is asked for where it means something (RFC 3581 3).
    fn via(&self, leg: &Leg<'_>) -> Option<Text<128>> {
        let transport = leg.to.transport();
        let mut via = Text::new();
        via.put(b"SIP/2.0/");
        via.put(transport.via_token().as_bytes());
        via.put(b" ");
        via.put(self.names.sent_by(leg.to.listener())?);
        via.put(b";branch=");
        via.put(leg.branch);
        if !transport.is_reliable() {
            via.put(b";rport");
        }
        Some(via)
    }

    /// Request-URI and Route (16.6 steps 2, 6).
    fn route<'m>(
        &self,
        request: Message<'m>,
        rewrite: &Rewrite,
        leg: &Leg<'_>,
        edit: &mut Edit<'m>,
    ) -> Option<()> {
        let uri = leg
            .target
            .uri
            .as_deref()
            .or_else(|| leg.changes?.uri())
            .unwrap_or_else(|| sendable(rewrite.routes.request_uri(request)));
        if !leg.target.path.is_empty() {
            edit.push(HeaderId::Route, &leg.target.path);
        } else if let Some(next) = rewrite.routes.next_value(request)
            && let Ok(strict) = bellhop_wire::NameAddr::parse(next.raw)
            && !strict.uri.is_loose()
        {
            // 16.6 step 6: the next hop is a strict router.
            let mut last = Vec::with_capacity(uri.len().saturating_add(2));
            last.push(b'<');
            last.extend_from_slice(uri);
            last.push(b'>');
            edit.remove_value(next);
            edit.append(HeaderId::Route.name(), &last);
            edit.request_uri(strict.uri.raw);
            return Some(());
        }
        if uri != request.uri() {
            edit.request_uri(uri);
        }
        Some(())
    }

    /// Record-Route (16.6 step 4): one entry, or two where the sides are reached by different
    /// listeners, the callee's on top.
    fn record<'m>(
        &self,
        request: Message<'m>,
        incoming: &Incoming,
        leg: &Leg<'_>,
        edit: &mut Edit<'m>,
    ) -> Option<()> {
        let mut token = Text::new();
        let callee = side_of(leg.to, leg.target.device);
        record_route::write(
            self.secret,
            request,
            (incoming.rewrite.caller, callee),
            leg.user,
            &mut token,
        );
        let (near, far) = (incoming.flow.listener, leg.to.listener());
        if near != far {
            edit.push(HeaderId::RecordRoute, &self.own_route(far, &token)?);
        }
        edit.push(HeaderId::RecordRoute, &self.own_route(near, &token)?);
        Some(())
    }

    fn own_route(&self, listener: ListenerId, token: &[u8]) -> Option<Text<256>> {
        let mut entry = Text::new();
        entry.put(b"<sip:");
        entry.put(token);
        entry.put(b"@");
        entry.put(self.names.sent_by(listener)?);
        let listener = listener_of(self.config, listener)?;
        if listener.transport.is_reliable() {
            entry.put(b";transport=");
            entry.put(listener.transport.uri_token().as_bytes());
        }
        entry.put(b";lr>");
        Some(entry)
    }
}

/// A Request-URI as it may go on: its headers must not (RFC 4475 3.1.2.11), and are looked for only where
/// a `?` says that there may be some.
fn sendable(uri: &[u8]) -> &[u8] {
    if !uri.contains(&b'?') {
        return uri;
    }
    UriRef::parse(uri).map_or(uri, |uri| uri.without_headers())
}

const ASSERTED: &[u8] = b"P-Asserted-Identity";
