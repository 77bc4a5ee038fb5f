//! Credentials for upstreams: whose a request carries, and what becomes of a PBX's challenge
//! (RFC 3261 22.2, 22.3).
//!
//! The request goes out once more by another client transaction of the same branch, as it was but for
//! its Via branch and its credentials. Where it is one of ours, of a call of two legs or in its place, it
//! has the next CSeq number, as 22.2 has a UA do. Of one that is relayed the CSeq stays, as a proxy may
//! not change it (16.6): it is the caller's, who counts on, and whose dialog it names; a number of our own
//! would have to be mapped in both directions for as long as the dialog lasts. The one who challenged made
//! no dialog of the first request and takes the second for what it is by its branch (17.2.3).
//!
//! **Invariant**: credentials go to no other address than a configured one of the upstream they are
//! for, and only a challenge that comes from there is answered.

use super::context::{BranchId, Cancel, Context};
use super::forward::{Record, Rewrite};
use crate::auth::upstream::{Asking, At, Login};
use crate::auth::{Mark, Role, User};
use crate::engine::Engine;
use crate::event::{Decision, Level};
use crate::flow::{Destination, Flow};
use crate::outbox::Outbox;
use crate::routing::{Kind, Proof, Routes, Target};
use crate::time::Now;
use bellhop_wire::{Credentials, HeaderId, Message, Method, view::auth::Challenge};
use memchr::memmem;
use std::sync::Arc;

impl Engine {
    /// In whose name a PBX's challenges to this request are answered: the user's who sent it, or whose
    /// dialog it is part of.
    pub(crate) fn owner(&self, proof: &Proof, routes: &Routes) -> Option<Arc<User>> {
        match proof {
            Proof::Authenticated(proof) => {
                let user = proof.user();
                user.login().map(|_| Arc::clone(user))
            }
            // What proves a request and what routes it must be the same passage here.
            Proof::Dialog if routes.token == routes.nearest => {
                let mark = routes.token?.user?;
                self.auth.users().marked(mark).cloned()
            }
            Proof::Dialog | Proof::Trusted { .. } | Proof::Unproven => None,
        }
    }

    /// The mark of the user whose dialog a request makes: the caller, or the callee with this phone.
    pub(super) fn mark(&self, rewrite: &Rewrite, target: &Target) -> Option<Mark> {
        if rewrite.record != Record::New {
            return None;
        }
        if let Some(owner) = &rewrite.owner {
            return owner.mark();
        }
        let users = self.auth.users();
        if !users.have_logins() {
            return None;
        }
        let aor = self.shared.location.aor_of(target.device?)?;
        users.with_login_of(&aor)?.mark()
    }

    /// Adds credentials to a branch's request if its upstream has asked for some before; an ACK gets those of its
    /// INVITE (RFC 3261 22.1). Gives the lines that were added.
    pub(super) fn sign(
        &mut self,
        context: &Context,
        index: usize,
        (login, upstream): (&Login, usize),
        bytes: &mut Vec<u8>,
    ) -> Option<Vec<u8>> {
        let (incoming, branch) = (context.incoming.as_ref()?, context.branches.get(index)?);
        let request = incoming.request.message();
        let is_his = || self.foreign(request).next().is_some();
        if !branch.tries.has_answered() && is_his() {
            return None;
        }
        let name = self.config.upstreams.get(upstream)?;
        let at = At {
            login,
            upstream: &name.name,
        };
        let end = memmem::find(bytes, END)?.saturating_add(END.len());
        let (head, body) = bytes.split_at_checked(end)?;
        let place = head.len().saturating_sub(2);
        if request.method() == Some(Method::Ack) {
            let lines = self.acks.lines(upstream, request)?.to_vec();
            bytes.splice(place..place, lines.iter().copied());
            return Some(lines);
        }
        let mut words = head.split(|byte| *byte == b' ');
        let method = std::str::from_utf8(words.next()?).ok()?;
        let uri = words.next()?;
        let asking = Asking { method, uri, body };
        let auth = &self.shared.upstream_auth;
        let mut lines = Vec::new();
        auth.put(at, asking, self.entropy.as_mut(), &mut lines);
        bytes.splice(place..place, lines.iter().copied());
        (!lines.is_empty()).then_some(lines)
    }

    /// A branch's next hop wants credentials. Whether that has been seen to: the request has gone out
    /// again, or the branch is over. If not, the challenge is for the caller.
    pub(super) fn take_challenge(
        &mut self,
        now: Now,
        id: BranchId,
        context: &mut Context,
        response: Message<'_>,
        flow: &Flow,
        out: &mut Outbox,
    ) -> bool {
        let Some((login, upstream)) = self.login(context, id.index) else {
            return false;
        };
        let from = self.names.upstream_at(flow, None);
        let is_from_it = from.is_some_and(|(from, _)| from == upstream);
        let is_his = context.incoming.as_ref().is_some_and(|incoming| {
            let request = incoming.request.message();
            self.foreign(request).any(|realm| asks_for(response, realm))
        });
        let Some(name) = self.config.upstreams.get(upstream) else {
            return false;
        };
        if !is_from_it || is_his {
            return false;
        }
        let at = At {
            login: &login,
            upstream: &name.name,
        };
        let auth = &self.shared.upstream_auth;
        let is_over = context.is_over;
        let Some(branch) = context.branch(id.index) else {
            return false;
        };
        let (Some(to), false, Cancel::No) = (branch.to, is_over, branch.cancel) else {
            // Nobody waits for it any more.
            self.refuse_branch(now, id, context, "asks for credentials", out);
            return true;
        };
        match auth.challenged(at, response) {
            Some(is_stale) if branch.tries.again(is_stale) => {
                if let Some(incoming) = &context.incoming {
                    let request = incoming.request.message();
                    let status = response.status().unwrap_or(0);
                    out.tell(request, *flow, Level::Debug, status, || {
                        Decision::Answered(match is_stale {
                            true => "challenge of an upstream, whose nonce was too old",
                            false => "challenge of an upstream",
                        })
                    });
                }
                if context.back.is_bridged {
                    self.number_anew(context, out);
                }
                self.send_branch(now, id, context, to, out);
            }
            Some(_) => {
                auth.forget(at);
                let why = format!("refuses the credentials of {:?}", login.username);
                self.refuse_branch(now, id, context, &why, out);
            }
            None => {
                let user = &login.username;
                let why = format!("asks {user:?} for what there are no credentials for");
                self.refuse_branch(now, id, context, &why, out);
            }
        }
        true
    }

    /// A 2xx to a request that carries credentials of ours: the next nonce is taken from one that names it, and
    /// the ACK of an INVITE will carry the same credentials.
    pub(super) fn take_next_nonce(
        &mut self,
        now: Now,
        id: BranchId,
        context: &mut Context,
        response: Message<'_>,
    ) {
        let Some((login, upstream)) = self.login(context, id.index) else {
            return;
        };
        if context.is_invite
            && let Some(lines) = context.branch(id.index).and_then(|b| b.signed.clone())
        {
            self.acks.put(now.instant, upstream, response, lines);
        }
        if let Some(name) = self.config.upstreams.get(upstream) {
            let at = At {
                login: &login,
                upstream: &name.name,
            };
            self.shared.upstream_auth.learn(at, response);
        }
    }

    /// What a branch logs in with, and at which upstream: the login of the one whose request it is, if
    /// that is for this upstream, else the upstream's own. `None`: it goes to no upstream, or there is
    /// no login.
    pub(super) fn login(&self, context: &Context, index: usize) -> Option<(Arc<Login>, usize)> {
        let rewrite = &context.incoming.as_ref()?.rewrite;
        if rewrite.is_unproven || rewrite.passing.is_some() {
            return None;
        }
        let owner = rewrite.owner.as_ref();
        let upstreams = &self.config.upstreams;
        if owner.is_none() && upstreams.iter().all(|upstream| upstream.login.is_none()) {
            return None;
        }
        let branch = context.branches.get(index)?;
        let Destination::Address {
            transport, remote, ..
        } = branch.to?
        else {
            return None;
        };
        if branch.target.kind == Kind::Binding {
            return None;
        }
        let number = self.names.upstream_to(transport, remote)?;
        let upstream = upstreams.get(number)?;
        let is_for_it = |login: &&Arc<Login>| match &login.upstream {
            Some(name) => *name == upstream.name,
            None => self.config.default_upstream == Some(number) || upstreams.len() == 1,
        };
        let own = owner.and_then(|user| user.login()).filter(is_for_it);
        let login = own.or(upstream.login.as_ref())?;
        Some((Arc::clone(login), number))
    }

    /// The realms of the credentials in a request that are not for us.
    fn foreign<'m>(&self, request: Message<'m>) -> impl Iterator<Item = &'m [u8]> {
        let fields = [Role::Registrar, Role::Proxy].map(Role::credentials);
        let fields = fields.into_iter().flat_map(move |id| request.fields(id));
        fields.filter_map(|field| {
            let realm = Credentials::parse(field.value).ok()?.realm?;
            (realm != self.auth.realm().as_bytes()).then_some(realm)
        })
    }
}

/// Whether a 401 or 407 has a challenge of this realm.
fn asks_for(response: Message<'_>, realm: &[u8]) -> bool {
    [HeaderId::WwwAuthenticate, HeaderId::ProxyAuthenticate]
        .into_iter()
        .flat_map(|id| response.fields(id))
        .any(|field| Challenge::parse(field.value).is_ok_and(|c| c.realm == Some(realm)))
}

/// Of a message's head.
const END: &[u8] = b"\r\n\r\n";
