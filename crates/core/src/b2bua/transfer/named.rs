//! Dialogs of ours that a request names: an INVITE that is to replace or join one, a REFER to such a place (RFC 3891,
//! RFC 3911, RFC 5589 7). Each side knows the ids of its own leg only, so a name is read as the leg that it is of, and
//! written as the peer leg for whoever has that; to others it is an alias ([`super::alias`]).
//!
//! ```text
//!   A --REFER, Replaces of A's leg--> Bellhop --REFER, Replaces of the peer leg--> PBX, which has that leg
//!   A --REFER, Replaces of A's leg--> Bellhop --REFER, Replaces of an alias-----> B, who has not
//!   B --INVITE, Replaces of an alias-> Bellhop --INVITE, Replaces of C's leg----> C, where that dialog is
//! ```
//!
//! We replace nothing ourselves: whoever has the dialog decides, answers, and ends what was replaced, and that BYE goes
//! over as any. A call is found in the shard of the Call-ID that names it, for both of its legs' fall into it; where that
//! is another shard, it is asked by a note, and the request waits for the answer in its transaction.

use super::super::call::{Call, End};
use super::super::leg::Leg;
use super::super::write::{self, Ask};
use super::ids::{Ids, Misused};
use crate::engine::{Engine, Received, sender, shard_of_call};
use crate::flow::{Destination, Flow};
use crate::outbox::Outbox;
use crate::policy::Story;
use crate::record_route::{Side, Token};
use crate::registrar::{Aor, Device};
use crate::routing::{Hop, Kind, Proof, Routes, Routing, Target};
use crate::share::{self, Note};
use crate::time::Now;
use bellhop_wire::Method;
use std::net::SocketAddr;
use std::time::Duration;

/// What shards say to each other of dialogs that are named.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Word {
    /// To the shard that it would be in: which is it?
    Asked(Box<Question>),
    /// The answer, for the context that waits for it.
    Told { context: u64, answer: Answer },
}

/// A dialog that was found, or why it may not be had.
pub(crate) type Answer = Result<Box<Named>, (u16, &'static str)>;

/// Which dialog a request names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Question {
    /// Who asks: a shard, and its context that waits.
    pub(in crate::b2bua) from: (u16, u64),
    pub(in crate::b2bua) ids: Ids,
    pub(in crate::b2bua) by: Asker,
    /// Who is to be told the ids; `None`: who has the dialog.
    pub(in crate::b2bua) told: Option<Place>,
}

/// Who names a dialog.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::b2bua) struct Asker {
    pub(in crate::b2bua) is_trusted: bool,
    pub(in crate::b2bua) place: Place,
    /// Who he has proved to be.
    pub(in crate::b2bua) aors: Vec<Aor>,
}

/// Where an end of a call is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::b2bua) struct Place {
    pub(in crate::b2bua) side: Side,
    pub(in crate::b2bua) flow: Flow,
}

/// A dialog that was named.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Named {
    /// As whoever is told reads them.
    pub(in crate::b2bua) ids: Ids,
    /// The leg of who is to be called.
    pub(in crate::b2bua) leg: Leg,
    /// How the other end of that call calls him, and by which tag.
    pub(in crate::b2bua) known_as: (Box<[u8]>, [u8; 16]),
}

impl Engine {
    /// Whether a request of this method may name a dialog of ours.
    #[inline(always)]
    pub(crate) fn may_be_named(&self, method: Method<'_>) -> bool {
        match method {
            Method::Invite => self.config.b2bua.is_some(),
            Method::Refer => !self.calls.is_empty(),
            _ => false,
        }
    }

    /// Finds the dialog that a proven request names, if it names one; the request's story has it then. `None`: it is
    /// refused, or waits.
    pub(crate) fn with_named(
        &mut self,
        now: Now,
        received: &Received<'_>,
        proof: &Proof,
        story: Option<Box<Story>>,
        out: &mut Outbox,
    ) -> Option<Option<Box<Story>>> {
        let asked = match received.message.method() {
            Some(Method::Invite) if self.makes_legs(received.message, story.as_deref()) => {
                let ids = Ids::of_invite(received.message);
                ids.map(|ids| ids.map(|ids| (ids, self.invites(received, proof), None)))
            }
            Some(Method::Refer) => self.referred(received),
            _ => return Some(story),
        };
        self.find_named(now, (received, proof), asked, story, out)
    }

    /// As [`Engine::with_named`], for a REFER outside of calls that goes to this target first.
    pub(crate) fn with_told(
        &mut self,
        now: Now,
        (received, proof): (&Received<'_>, &Proof),
        story: Option<Box<Story>>,
        target: Option<&Target>,
        out: &mut Outbox,
    ) -> Option<Option<Box<Story>>> {
        let told = target.map_or_else(
            || Place::nowhere(received.flow),
            |to| Place::of(to, received.flow),
        );
        let asked = Ids::of_refer(received.message)
            .map(|ids| ids.map(|ids| (ids, self.invites(received, proof), Some(told))));
        self.find_named(now, (received, proof), asked, story, out)
    }

    fn find_named(
        &mut self,
        now: Now,
        (received, proof): (&Received<'_>, &Proof),
        asked: Result<Option<(Ids, Asker, Option<Place>)>, Misused>,
        story: Option<Box<Story>>,
        out: &mut Outbox,
    ) -> Option<Option<Box<Story>>> {
        let (ids, by, told) = match asked {
            Ok(Some(asked)) => asked,
            Ok(None) => return Some(story),
            Err(Misused) => {
                self.refuse(received, 400, "Bad Replaces or Join", out);
                return None;
            }
        };
        let mut story = story.unwrap_or_else(|| {
            Box::new(Story::new(
                sender(received, proof),
                proof.clone(),
                now.instant,
            ))
        });
        let answer = match story.named.take() {
            Some(answer) => answer,
            None => {
                let shards = usize::from(self.config.registrar.leases.shards);
                let home = shard_of_call(&ids.call_id, shards);
                let context = self.contexts.reserve();
                let from = (self.shard, context);
                let question = Question {
                    from,
                    ids,
                    by,
                    told,
                };
                if home == usize::from(self.shard) {
                    self.named(&question)
                } else {
                    tell(home, Word::Asked(Box::new(question)), out);
                    let until = now.instant.after(PATIENCE);
                    self.park(now, context, received, (None, until), story, out);
                    return None;
                }
            }
        };
        match answer {
            Ok(named) => {
                story.named = Some(Ok(named));
                Some(Some(story))
            }
            Err((status, reason)) => {
                self.refuse(received, status, reason, out);
                None
            }
        }
    }

    /// What another shard has to say of a dialog that was named.
    pub(crate) fn dialog_word(&mut self, now: Now, word: Word, out: &mut Outbox) {
        match word {
            Word::Asked(question) => {
                let answer = self.named(&question);
                let (shard, context) = question.from;
                tell(usize::from(shard), Word::Told { context, answer }, out);
            }
            Word::Told { context, answer } => self.named_told(now, context, answer, out),
        }
    }

    /// Nobody has said which dialog it is: the shard that should have is not well.
    pub(crate) fn unnamed(&mut self, now: Now, context: u64, out: &mut Outbox) {
        let answer = Err((500, "The dialog could not be looked up"));
        self.named_told(now, context, answer, out);
    }

    /// Who sends an INVITE.
    fn invites(&self, received: &Received<'_>, proof: &Proof) -> Asker {
        Asker {
            is_trusted: received.is_trusted(),
            place: Place {
                side: Side::Flow(received.flow, None),
                flow: received.flow,
            },
            aors: match proof {
                Proof::Authenticated(user) => user.user().aors.clone(),
                Proof::Trusted { .. } | Proof::Dialog | Proof::Unproven => Vec::new(),
            },
        }
    }

    /// What a REFER inside a call names, who sends it, and who gets it.
    fn referred(
        &mut self,
        received: &Received<'_>,
    ) -> Result<Option<(Ids, Asker, Option<Place>)>, Misused> {
        let Some(ids) = Ids::of_refer(received.message)? else {
            return Ok(None);
        };
        let Some(found) = self.calls.find(received.message) else {
            return Ok(None);
        };
        let place = |call: &mut Call, end: End| {
            let flow = call.half(end).flow;
            let side = call.pair(found.pair)?.leg(end).place;
            Some(Place { side, flow })
        };
        let ends = self.calls.get(found.call).and_then(|call| {
            let to = place(call, found.from.other())?;
            Some((place(call, found.from)?, to))
        });
        let Some((from, to)) = ends else {
            return Ok(None);
        };
        let aor = device_of(from.side).and_then(|device| self.shared.location.aor_of(device));
        let by = Asker {
            is_trusted: received.is_trusted(),
            place: Place {
                flow: received.flow,
                ..from
            },
            aors: aor.into_iter().collect(),
        };
        Ok(Some((ids, by, Some(to))))
    }

    /// The way of an INVITE that names this dialog.
    pub(crate) fn to_named(&self, now: Now, named: &Named) -> Routing {
        let ask = Ask {
            method: b"INVITE",
            leg: &named.leg,
            seq: 1,
            rack: None,
        };
        match write::request(&ask, None) {
            Some(request) => self.to_end(now, request.message(), &named.routes()),
            None => Routing::Refuse {
                status: 480,
                reason: "No way to the dialog",
            },
        }
    }

    fn named_told(&mut self, now: Now, id: u64, answer: Answer, out: &mut Outbox) {
        let Some((incoming, mut story, server)) = self.taken_up(id) else {
            return;
        };
        story.named = Some(answer);
        self.go_on_with_story(now, &incoming, server, story, out);
    }
}

impl Named {
    /// Has a leg that begins lead to who has the dialog.
    pub(in crate::b2bua) fn lead(&self, leg: &mut Leg) {
        leg.target.clone_from(&self.leg.target);
        leg.routes.clone_from(&self.leg.routes);
        leg.place = self.leg.place;
        if let Some(remote) = write::without_tag(&self.leg.remote) {
            leg.remote = remote;
        }
    }

    /// The way there.
    pub(in crate::b2bua) fn routes(&self) -> Routes {
        Routes::of_dialog(Token::of(self.leg.place), !self.leg.routes.is_empty())
    }
}

impl Place {
    /// Where a request of this flow is about to go.
    fn of(target: &Target, from: Flow) -> Self {
        match (&target.hop, target.kind) {
            (Hop::To(Destination::Flow { flow, .. }), Kind::Binding | Kind::Dialog) => Self {
                side: Side::Flow(*flow, target.device),
                flow: *flow,
            },
            (Hop::To(to), Kind::Upstream) => Self {
                side: Side::Direct,
                flow: Flow {
                    remote: to.remote(),
                    ..from
                },
            },
            _ => Self::nowhere(from),
        }
    }

    /// No end of any dialog.
    fn nowhere(from: Flow) -> Self {
        let remote = SocketAddr::from(([0; 4], 0));
        let flow = Flow { remote, ..from };
        let side = Side::Flow(flow, None);
        Self { side, flow }
    }

    /// Whether this is the same user agent.
    pub(in crate::b2bua) fn is_same(&self, other: Self) -> bool {
        match (self.side, other.side) {
            (Side::Direct, Side::Direct) => self.flow.remote.ip() == other.flow.remote.ip(),
            (Side::Flow(_, one), Side::Flow(_, two)) if one.is_some() && two.is_some() => {
                one == two
            }
            (Side::Flow(..), Side::Flow(..)) => self.flow.remote == other.flow.remote,
            (Side::Direct, Side::Flow(..)) | (Side::Flow(..), Side::Direct) => false,
        }
    }
}

fn device_of(side: Side) -> Option<Device> {
    match side {
        Side::Flow(_, device) => device,
        Side::Direct => None,
    }
}

fn tell(shard: usize, word: Word, out: &mut Outbox) {
    let shard = u16::try_from(shard).unwrap_or_default();
    let word = share::Word::Dialog(Box::new(word));
    out.notes.push(Note { shard, word });
}

/// A shard answers as soon as its lock is free; this is for one that does not.
const PATIENCE: Duration = Duration::from_secs(2);
