//! Requests of ours on their way out: each in a response context, to the other end of its dialog.

use super::leg::Leg;
use crate::auth::User;
use crate::engine::{Engine, Received};
use crate::flow::Flow;
use crate::identity::Identity;
use crate::outbox::Outbox;
use crate::proxy::{Back, Context, Incoming, Rewrite};
use crate::record_route::{Side, Token};
use crate::routing::{Proof, Routes, Routing, choose};
use crate::time::Now;
use bellhop_wire::{Message, Method, Owned, UriRef, ViaMark};
use std::sync::Arc;

/// A request of ours, written, that is to go out.
pub(super) struct Launch {
    pub(super) request: Box<Owned>,
    pub(super) place: Side,
    pub(super) has_routes: bool,
    /// For the log, if it is nobody's but ours.
    pub(super) flow: Flow,
    pub(super) user: Option<Arc<User>>,
    pub(super) contact: Option<[u8; 16]>,
}

impl Launch {
    pub(super) fn new(request: Box<Owned>, leg: &Leg, flow: Flow, user: Option<Arc<User>>) -> Self {
        Self {
            contact: has_contact(request.message()).then(|| leg.tag()),
            request,
            place: leg.place,
            has_routes: !leg.routes.is_empty(),
            flow,
            user,
        }
    }
}

impl Engine {
    /// Sends a request of our own whose answer nobody waits for, or an ACK.
    pub(super) fn launch(&mut self, now: Now, launch: Launch, out: &mut Outbox) {
        let (flow, request) = (launch.flow, launch.request.clone());
        match self.context_of(now, launch, Identity::default()) {
            Ok(mut context) => {
                context.is_final = true;
                if request.message().method() == Some(Method::Ack) {
                    context.groups.truncate(1);
                }
                let id = self.contexts.reserve();
                self.begin(now, id, context, out);
            }
            Err((status, why)) => out.drop(request.message(), flow, status, why),
        }
    }

    /// A context that sends a request to the other end of its dialog.
    pub(super) fn context_of(
        &self,
        now: Now,
        launch: Launch,
        identity: Identity,
    ) -> Result<Box<Context>, (u16, &'static str)> {
        let message = launch.request.message();
        let routes = Routes::of_dialog(Token::of(launch.place), launch.has_routes);
        let groups = match self.to_end(now, message, &routes) {
            Routing::Targets { groups, .. } => groups,
            Routing::Refuse { status, reason } => return Err((status, reason)),
            Routing::Busy { .. } | Routing::Local => return Err((480, "No way to the other end")),
        };
        let is_invite = message.method() == Some(Method::Invite);
        let rewrite = Rewrite {
            // Past what a dialog's own Route says nothing is to be taken off.
            routes: Routes::of_dialog(Token::of(launch.place), launch.has_routes),
            identity,
            contact: launch.contact,
            owner: launch.user,
            breadth: 1,
            ..Rewrite::unsent()
        };
        let back = Back {
            is_outside: false,
            is_stream: false,
            is_bridged: true,
        };
        let mut context = Box::new(Context::new(back, None, is_invite));
        context.incoming = Some(Box::new(Incoming {
            request: *launch.request,
            flow: launch.flow,
            mark: ViaMark::default(),
            rewrite,
        }));
        context.groups = groups;
        Ok(context)
    }

    /// As [`Engine::context_of`], of a request that goes over for one that came in.
    pub(super) fn context_over(
        &self,
        now: Now,
        received: &Received<'_>,
        launch: Launch,
    ) -> Result<Box<Context>, (u16, &'static str)> {
        let is_outside = !received.is_trusted();
        let identity = Identity {
            is_outside,
            asserted: None,
        };
        let mut context = self.context_of(now, launch, identity)?;
        context.back = Back {
            is_outside,
            is_stream: received.reply_to.transport().is_reliable(),
            is_bridged: true,
        };
        Ok(context)
    }

    /// The way of a request of ours to the other end of its dialog.
    pub(super) fn to_end(&self, now: Now, message: Message<'_>, routes: &Routes) -> Routing {
        let Ok(uri) = UriRef::parse(message.uri()) else {
            return Routing::Refuse {
                status: 400,
                reason: "Bad remote target",
            };
        };
        let scene = self.scene(now.instant);
        let proof = Proof::Trusted { upstream: None };
        choose(&scene, message, &uri, routes, &proof)
    }
}

/// Which of our requests name where we are (RFC 3261 table 2).
pub(super) fn has_contact(request: Message<'_>) -> bool {
    matches!(
        request.method(),
        Some(
            Method::Invite
                | Method::Update
                | Method::Refer
                | Method::Notify
                | Method::Subscribe
                | Method::Options
        )
    )
}
