//! Whether there is room for one more call, and the places that a call takes.

use super::super::call::Bridge;
use super::super::record::Cause;
use super::super::record::draft::{Draft, upstream_at};
use super::tally::{Key, Limit, Place, Stage, Tally};
use crate::config::{Config, Zone};
use crate::engine::{Engine, Received};
use crate::outbox::Outbox;
use crate::proxy::{BranchId, BranchState, Context};
use crate::routing::Hop;
use crate::time::Now;
use std::sync::Arc;

/// The places of one call, given back with it.
#[derive(Debug)]
pub(crate) struct Rooms {
    stage: Stage,
    /// Of its user, its source, and the upstream that it is from.
    from: Vec<Place>,
    /// Of upstreams that it goes to, each with the number of the branch.
    to: Vec<(usize, Place)>,
    /// An upstream had no room for it.
    pub(in crate::b2bua) was_full: bool,
}

impl Rooms {
    /// The places of a call that is there already, whatever the limits are now.
    pub(in crate::b2bua) fn new(tally: &Arc<Tally>) -> Self {
        Self {
            stage: tally.begin(),
            from: Vec::new(),
            to: Vec::new(),
            was_full: false,
        }
    }

    /// The places of a call that an earlier program had, whatever the limits are now: those that its record tells of.
    pub(in crate::b2bua) fn again(
        tally: &Arc<Tally>,
        config: &Config,
        draft: Option<&Draft>,
    ) -> Self {
        let mut rooms = Self::new(tally);
        rooms.stage.confirm();
        let (Some(draft), Some(b2bua)) = (draft, &config.b2bua) else {
            return rooms;
        };
        let limits = &b2bua.limits;
        let listener = config.listeners.get(usize::from(draft.source.listener.0));
        let is_outside = listener.is_some_and(|listener| listener.zone == Zone::Outside);
        let is_counted = limits.per_source.is_some() && is_outside && draft.upstream.is_none();
        let user = draft.user.clone().filter(|_| limits.per_user.is_some());
        let source = is_counted.then(|| draft.source.remote.ip());
        let keys = [
            user.map(Key::User),
            source.map(Key::Source),
            draft.upstream.clone().map(Key::Upstream),
        ];
        let keys = keys.into_iter().flatten();
        rooms.from = keys.filter_map(|key| tally.take(key, None)).collect();
        let called = draft.attempts.iter().rev();
        let mut called = called.filter(|tried| (200..300).contains(&tried.status));
        let called = called.next().and_then(|tried| tried.upstream.clone());
        let called = called.and_then(|name| tally.take(Key::Upstream(name), None));
        rooms.to = called.into_iter().map(|place| (0, place)).collect();
        rooms
    }

    /// It has been answered by this branch.
    pub(in crate::b2bua) fn answered(&mut self, index: usize) {
        self.stage.confirm();
        self.to.retain(|(branch, _)| *branch == index);
        self.to.shrink_to_fit();
    }
}

impl Engine {
    /// The places of a call that begins; or it was refused, for there was none.
    ///
    /// 486 says that who called is "currently not willing or able to take additional calls" (RFC 3261 21.4.24), which
    /// is what it is: towards him we are the called. He may try again (20.33). A 503 would have him leave us alone
    /// for everything, REGISTER too, or take his next call to another of us who does not count with us (21.5.4).
    pub(in crate::b2bua) fn room_for(
        &mut self,
        received: &Received<'_>,
        draft: &Draft,
        out: &mut Outbox,
    ) -> Option<Box<Rooms>> {
        let b2bua = self.config.b2bua.as_ref()?;
        let is_full = self.calls.len() >= b2bua.most;
        let limits = &b2bua.limits;
        let tally = &self.shared.tally;
        let mut rooms = Rooms::new(tally);
        let user = draft.user.as_ref().filter(|_| limits.per_user.is_some());
        let source = limits.per_source.filter(|_| !received.is_trusted());
        let upstream = draft.upstream.as_deref();
        let wanted = [
            user.map(|user| (Limit::User, Key::User(user.clone()), limits.per_user)),
            source.map(|most| {
                let from = Key::Source(received.flow.remote.ip());
                (Limit::Source, from, Some(most))
            }),
            upstream.map(|name| {
                let most = limits.of_upstream(name);
                (Limit::Upstream, Key::Upstream(name.into()), most)
            }),
        ];
        let mut over = is_full.then_some(Limit::All);
        for (limit, key, most) in wanted.into_iter().flatten() {
            match tally.take(key, most) {
                Some(place) => rooms.from.push(place),
                None => over = over.or(Some(limit)),
            }
        }
        let Some(limit) = over else {
            return Some(Box::new(rooms));
        };
        tally.count_refusal(limit);
        self.calls.refused_by(Some(Cause::Limit));
        let (status, words) = match limit {
            Limit::All => (503, "Too many calls"),
            Limit::User => (486, "Too many calls of this user"),
            Limit::Source => (486, "Too many calls from this address"),
            Limit::Upstream => (486, "Too many calls of this upstream"),
        };
        self.refuse_with(received, status, words, out, |_, reply| {
            reply.header("Retry-After", b"5");
        });
        None
    }

    /// Whether a branch of a call may go to its upstream; if not, it has failed, and the next target is tried.
    pub(crate) fn has_room(
        &mut self,
        now: Now,
        id: BranchId,
        context: &mut Context,
        out: &mut Outbox,
    ) -> bool {
        let Some(Bridge {
            call, pair: None, ..
        }) = context.bridge.as_deref()
        else {
            return true;
        };
        let (Some(call), Some(branch)) = (self.calls.get(*call), context.branches.get(id.index))
        else {
            return true;
        };
        let Hop::To(to) = branch.target.hop else {
            return true;
        };
        let Some(name) = upstream_at(&self.config, &to) else {
            return true;
        };
        let rooms = &mut call.rooms;
        let is_over = |index: usize| {
            let branch = context.branches.get(index);
            branch.is_none_or(|branch| branch.state == BranchState::Done)
        };
        // The next target of the same upstream has the place of the one before.
        let mut taken = rooms.to.iter_mut();
        if let Some((index, _)) = taken.find(|(index, place)| {
            place.is_of_upstream(name) && (is_over(*index) || *index == id.index)
        }) {
            *index = id.index;
            return true;
        }
        rooms.to.retain(|(index, _)| !is_over(*index));
        let limits = self.config.b2bua.as_ref().map(|b2bua| &b2bua.limits);
        let most = limits.and_then(|limits| limits.of_upstream(name));
        let tally = &self.shared.tally;
        if let Some(place) = tally.take(Key::Upstream(name.into()), most) {
            rooms.to.push((id.index, place));
            return true;
        }
        rooms.was_full = true;
        tally.count_refusal(Limit::Upstream);
        if let Some(branch) = context.branch(id.index) {
            branch.state = BranchState::Calling;
            branch.to = Some(to);
        }
        self.fail_branch(now, id, context, FULL, out);
        false
    }
}

/// Who is asked for is "currently unavailable" (RFC 3261 21.4.18): of all that could not be tried this is the best
/// that can be said.
pub(crate) const FULL: u16 = 480;
