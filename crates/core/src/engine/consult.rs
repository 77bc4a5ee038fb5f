//! Asking the policy about a proven request, waiting for its answer, and carrying it out.

use super::Engine;
use super::local::Received;
use crate::auth::Role;
use crate::b2bua::Cause;
use crate::event::{Decision, Level};
use crate::outbox::Outbox;
use crate::policy::{Answer, Ask, Failure, Hook, Hooks, Reply, Route, Sender, Story, Verdict};
use crate::routing::Proof;
use crate::time::Now;
use bellhop_wire::{Message, Method, UriRef, reply};

/// A request whose answer from the policy has come.
pub(super) struct Resumed {
    pub(super) hook: Hook,
    pub(super) verdict: Verdict,
    pub(super) story: Box<Story>,
}

/// What the policy has made of a request that goes on.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) story: Option<Box<Story>>,
    /// Where it goes; `None`: as the engine finds.
    pub(super) route: Option<Route>,
}

impl Engine {
    /// The hooks that somebody waits for.
    pub(crate) fn hooks(&self) -> Hooks {
        self.policy
            .as_ref()
            .map_or(Hooks::NONE, |policy| policy.hooks())
    }

    /// Asks at one hook about a message of `sender`.
    pub(crate) fn consult(
        &mut self,
        now: Now,
        (hook, id): (Hook, u64),
        message: Message<'_>,
        sender: &Sender,
        (notes, changes): (&mut crate::policy::Notes, &mut crate::policy::Changes),
        failure: Option<&Failure>,
    ) -> Answer {
        let ticket = self.ticket(id);
        let Some(policy) = &mut self.policy else {
            return Answer::Now(Verdict::Continue);
        };
        let source = sender.source(&self.config);
        let ask = Ask {
            hook,
            ticket,
            message,
            source,
            notes,
            changes,
            failure,
        };
        policy.consult(now, ask)
    }

    /// A REGISTER that has its proof: the policy first, then the registrar.
    pub(super) fn ask_and_register(
        &mut self,
        now: Now,
        received: &Received<'_>,
        uri: &UriRef<'_>,
        proof: Proof,
        resumed: Option<Resumed>,
        out: &mut Outbox,
    ) {
        let verdict = match resumed {
            Some(resumed) => resumed.verdict,
            None if !self.hooks().has(Hook::Register) => Verdict::Continue,
            None => {
                let mut story = Box::new(Story::new(
                    sender(received, &proof),
                    proof.clone(),
                    now.instant,
                ));
                match self.ask_about(now, Hook::Register, received, &mut story) {
                    (_, Answer::Now(verdict)) => verdict,
                    (id, Answer::Later { until }) => {
                        let waits = (Some(Hook::Register), until);
                        return self.park(now, id, received, waits, story, out);
                    }
                }
            }
        };
        let longest = match verdict {
            Verdict::Accept { expires } => expires,
            _ => match self.carry_out(now, received, verdict, out) {
                Some(_) => None,
                None => return,
            },
        };
        self.register(now, received, uri, &proof, longest, None, out);
    }

    /// Asks at the hooks that lie before routing. `None`: the request is answered, dropped, or waits.
    pub(super) fn asked(
        &mut self,
        now: Now,
        received: &Received<'_>,
        proof: &Proof,
        resumed: Option<Resumed>,
        out: &mut Outbox,
    ) -> Option<Asked> {
        let hooks = self.hooks();
        if hooks == Hooks::NONE || received.message.method() == Some(Method::Ack) {
            return Some(Asked {
                story: resumed.map(|resumed| resumed.story),
                route: None,
            });
        }
        let (mut story, mut answered) = match resumed {
            Some(resumed) => (resumed.story, Some((resumed.hook, resumed.verdict))),
            None => (
                Box::new(Story::new(
                    sender(received, proof),
                    proof.clone(),
                    now.instant,
                )),
                None,
            ),
        };
        let mut route = None;
        for hook in [Hook::Request, Hook::Route] {
            let verdict = match answered.take() {
                Some((at, verdict)) if at == hook => verdict,
                // It has been asked here before it waited.
                Some(later) => {
                    answered = Some(later);
                    continue;
                }
                None if !hooks.has(hook) => continue,
                None if hook == Hook::Route && story.sender.is_in_dialog => continue,
                None => match self.ask_about(now, hook, received, &mut story) {
                    (_, Answer::Now(verdict)) => verdict,
                    (id, Answer::Later { until }) => {
                        self.park(now, id, received, (Some(hook), until), story, out);
                        return None;
                    }
                },
            };
            self.calls.note_wishes(&story.notes);
            route = self.carry_out(now, received, verdict, out)?;
            if route.is_some() {
                break;
            }
        }
        // A dialog's way is the dialog's.
        let route = route.filter(|_| !story.sender.is_in_dialog);
        story.records = route.as_ref().is_none_or(|route| route.record_route);
        let story = Some(story);
        Some(Asked { story, route })
    }

    /// Asks about a request; gives the number of the context that it would wait in, too.
    fn ask_about(
        &mut self,
        now: Now,
        hook: Hook,
        received: &Received<'_>,
        story: &mut Story,
    ) -> (u64, Answer) {
        let id = self.contexts.reserve();
        let Story {
            sender,
            notes,
            changes,
            ..
        } = story;
        let answer = self.consult(
            now,
            (hook, id),
            received.message,
            sender,
            (notes, changes),
            None,
        );
        (id, answer)
    }

    /// Carries out a verdict that ends a request. `Some`: it goes on, to this route if there is one.
    fn carry_out(
        &mut self,
        now: Now,
        received: &Received<'_>,
        verdict: Verdict,
        out: &mut Outbox,
    ) -> Option<Option<Route>> {
        match verdict {
            Verdict::Continue | Verdict::Accept { .. } => return Some(None),
            Verdict::Route(route) => return Some(Some(route)),
            Verdict::Reply(reply) => {
                self.calls.refused_by(Some(Cause::Policy));
                self.reply_as_told(received, &reply, out);
            }
            Verdict::Challenge(_) if received.is_trusted() => {
                // It is not asked who it is, so it would be challenged for ever.
                self.refuse(
                    received,
                    403,
                    "Policy wants credentials of a trusted peer",
                    out,
                );
            }
            Verdict::Challenge(challenge) => {
                let is_register = received.message.method() == Some(Method::Register);
                let role = if challenge.is_proxy && !is_register {
                    Role::Proxy
                } else {
                    Role::Registrar
                };
                self.challenge(now, received, role, false, out);
                self.forget(received);
            }
            Verdict::Drop => {
                self.calls.refused_by(Some(Cause::Policy));
                out.drop(received.message, received.flow, 0, "policy");
                self.forget(received);
            }
        }
        None
    }

    /// Lets go of the transaction that a request has waited in.
    fn forget(&mut self, received: &Received<'_>) {
        if let Some(server) = received.server {
            self.table.abandon(server);
        }
    }

    /// Answers as a policy wants it. The answer is kept for copies of the request: the policy is not asked
    /// about those again.
    fn reply_as_told(&mut self, received: &Received<'_>, told: &Reply, out: &mut Outbox) {
        let received = Received {
            is_spent: true,
            ..*received
        };
        let tag = self.stateless_tag(&received);
        let start = out.bytes.len();
        told.write(&mut out.bytes, received.message, received.mark, &tag);
        if self.deliver(&received, told.status, start, out) {
            let (message, flow) = (received.message, received.flow);
            out.tell(message, flow, Level::Info, told.status, || {
                let reason = told.reason.as_deref().unwrap_or(reply::reason(told.status));
                Decision::Refused(format!("policy: {reason}"))
            });
        }
    }
}

/// Who sent a request that has this proof.
pub(crate) fn sender(received: &Received<'_>, proof: &Proof) -> Sender {
    let user = match proof {
        Proof::Authenticated(user) => Some(user.user().name.as_str().into()),
        Proof::Trusted { .. } | Proof::Dialog | Proof::Unproven => None,
    };
    Sender {
        flow: received.flow,
        user,
        upstream: received.peer.map(|(upstream, _)| upstream),
        is_in_dialog: received.message.to_tag().is_some_and(|tag| !tag.is_empty()),
    }
}
