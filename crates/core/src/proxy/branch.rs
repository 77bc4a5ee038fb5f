//! Starting branches: group after group, each to its next hop (RFC 3261 16.6).

use super::context::{Branch, BranchId, BranchState, Cancel, Context, MAX_BRANCHES};
use super::forward::{Leg, Maker};
use crate::auth::upstream::Tries;
use crate::engine::Engine;
use crate::flow::{Destination, Transport};
use crate::loops;
use crate::outbox::{Outbox, Resolve, Ticket};
use crate::routing::{Group, Hop, Target};
use crate::time::{Instant, Now};
use bellhop_wire::{Error, HeaderId, Kind, Method};
use smallvec::SmallVec;
use std::time::Duration;

impl Engine {
    /// Starts a new context's first group.
    pub(crate) fn begin(&mut self, now: Now, id: u64, mut context: Box<Context>, out: &mut Outbox) {
        self.start_groups(now, id, &mut context, out);
        self.advance(now, id, context, out);
    }

    /// Whether the request of a branch that waits for the resolver came from the outside; `None`: it
    /// does not wait.
    pub(crate) fn resolving(&mut self, id: BranchId) -> Option<bool> {
        let context = self.contexts.find(id.context)?;
        let is_outside = context.back.is_outside;
        let branch = context.branch(id.index)?;
        (branch.state == BranchState::Resolving).then_some(is_outside)
    }

    /// Goes on with a branch whose next hop is known now, or turned out to be nowhere. What else it
    /// may be is tried if the first gives no answer (RFC 3263 4.3).
    pub(crate) fn resume(&mut self, now: Now, id: BranchId, to: &[Destination], out: &mut Outbox) {
        let Some(mut context) = self.contexts.take(id.context) else {
            return;
        };
        if let Some(branch) = context.branch(id.index) {
            self.clear_deadline(id, branch);
        }
        match to {
            [first, others @ ..] => {
                context.keep_in_reserve(id.index, others);
                self.send_branch(now, id, &mut context, *first, out);
            }
            [] => self.fail_branch(now, id, &mut context, 503, out),
        }
        self.advance(now, id.context, context, out);
    }

    /// Starts groups until one has a branch in flight, or none is left.
    pub(super) fn start_groups(
        &mut self,
        now: Now,
        id: u64,
        context: &mut Context,
        out: &mut Outbox,
    ) {
        while !context.is_over
            && context.is_settled()
            && let Some(group) = context.groups.pop_front()
        {
            if group.is_spare && !context.has_failed_to_answer() {
                continue;
            }
            let breadth = context.incoming.as_ref().map_or(0, |i| i.rewrite.breadth);
            let width = u32::try_from(group.targets.len()).unwrap_or(u32::MAX);
            let Some(share) = breadth.checked_div(width).filter(|share| *share > 0) else {
                // RFC 5393 5.3.3: fewer branches than targets are allowed: none is tried.
                context.finals.add(440, None, true);
                continue;
            };
            self.start_group(now, id, context, group, share, out);
        }
    }

    fn start_group(
        &mut self,
        now: Now,
        id: u64,
        context: &mut Context,
        group: Group,
        breadth: u32,
        out: &mut Outbox,
    ) {
        let first = context.branches.len();
        for target in group.targets {
            if context.branches.len() < MAX_BRANCHES {
                context
                    .branches
                    .push(Branch::new(target, breadth, now.instant));
            }
        }
        for index in first..context.branches.len() {
            self.start_branch(now, BranchId { context: id, index }, context, out);
        }
    }

    fn start_branch(&mut self, now: Now, id: BranchId, context: &mut Context, out: &mut Outbox) {
        if self.wake(now, id, context, out) {
            return;
        }
        if context.bridge.is_some() && !self.has_room(now, id, context, out) {
            return;
        }
        let Some(branch) = context.branch(id.index) else {
            return;
        };
        match branch.target.hop.clone() {
            Hop::To(to) => self.send_branch(now, id, context, to, out),
            Hop::Name {
                host,
                port,
                transport,
            } => {
                branch.state = BranchState::Resolving;
                self.set_deadline(id, context, now.instant.after(RESOLVE_WAIT));
                out.resolves.push(Resolve {
                    ticket: Ticket(self.in_shard(id.pack())),
                    host,
                    port,
                    transport,
                });
            }
        }
    }

    /// Sends a branch's request. A datagram that would be too large goes by TCP, with UDP in reserve
    /// (18.1.1).
    pub(crate) fn send_branch(
        &mut self,
        now: Now,
        id: BranchId,
        context: &mut Context,
        to: Destination,
        out: &mut Outbox,
    ) {
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        self.table.count_besides(self.contexts.held());
        let sent = self
            .write_branch(context, id.index, to, &mut bytes)
            .and_then(|(to, branch)| {
                let method = context.incoming.as_ref()?.request.message().method()?;
                if method == Method::Ack {
                    out.transmit(to, None, &bytes);
                    return Some(None);
                }
                let client = self.table.create_client(
                    now.instant,
                    method,
                    &branch,
                    &bytes,
                    to,
                    id.owner(),
                    out,
                )?;
                Some(Some(client))
            });
        self.scratch = bytes;
        let is_invite = context.is_invite;
        let Some(branch) = context.branch(id.index) else {
            return;
        };
        match sent {
            Some(Some(client)) => {
                branch.state = BranchState::Calling;
                branch.client = Some(client);
                let limit = branch.limit();
                if is_invite {
                    // 16.6 step 11.
                    let timer_c = now.instant.after(TIMER_C);
                    self.set_deadline(
                        id,
                        context,
                        limit.map_or(timer_c, |limit| limit.min(timer_c)),
                    );
                } else if let Some(limit) = limit {
                    self.set_deadline(id, context, limit);
                }
            }
            Some(None) => branch.state = BranchState::Done,
            None => {
                branch.end(now.instant, 503);
                context.finals.add(503, None, true);
            }
        }
    }

    /// Writes a branch's request; gives where it really goes and its branch parameter.
    fn write_branch(
        &mut self,
        context: &mut Context,
        index: usize,
        to: Destination,
        bytes: &mut Vec<u8>,
    ) -> Option<(Destination, SmallVec<[u8; 32]>)> {
        let hash = context.incoming.as_deref()?.rewrite.loop_hash;
        let text = loops::branch(self.entropy.next_u64(), hash);
        self.write_to(context, index, to, &text, bytes)?;
        let branch = context.branch(index)?;
        let Destination::Address {
            transport: Transport::Udp,
            remote,
            ..
        } = to
        else {
            return Some((to, text));
        };
        if bytes.len() <= self.config.udp_limit
            || branch.by_udp.is_some()
            || !self.names.has_transport(Transport::Tcp)
        {
            return Some((to, text));
        }
        let by_tcp = self.names.destination(Transport::Tcp, remote)?;
        branch.by_udp = Some(Box::new(to));
        bytes.clear();
        self.write_to(context, index, by_tcp, &text, bytes)?;
        Some((by_tcp, text))
    }

    /// Writes a branch's request as it goes to this place.
    fn write_to(
        &mut self,
        context: &mut Context,
        index: usize,
        to: Destination,
        text: &[u8],
        bytes: &mut Vec<u8>,
    ) -> Option<()> {
        context.branch(index)?.to = Some(to);
        let login = self.login(context, index);
        let incoming = context.incoming.as_deref()?;
        let maker = Maker {
            config: &self.config,
            names: &self.names,
            auth: &self.auth,
            secret: &self.shared.secret,
        };
        let branch = context.branches.get(index)?;
        let leg = Leg {
            target: &branch.target,
            to: &to,
            branch: text,
            breadth: branch.breadth,
            changes: context.story.as_ref().map(|story| &story.changes),
            user: self.mark(&incoming.rewrite, &branch.target),
            signs: login.is_some(),
        };
        maker.write(incoming, &leg, bytes)?;
        if let Some((login, upstream)) = login {
            let lines = self.sign(context, index, (&login, upstream), bytes);
            let is_invite = context.is_invite;
            context.branch(index)?.signed = lines.map(|lines| match is_invite {
                true => lines.into(),
                false => Box::default(),
            });
        }
        Some(())
    }
}

impl Branch {
    fn new(target: Target, breadth: u32, now: Instant) -> Self {
        Self {
            target,
            state: BranchState::Done,
            to: None,
            client: None,
            breadth,
            deadline: None,
            by_udp: None,
            cancel: Cancel::No,
            tries: Tries::default(),
            signed: None,
            began: now,
            ended: None,
        }
    }
}

impl Branch {
    /// When a policy wants to have given it up.
    pub(super) fn limit(&self) -> Option<Instant> {
        let timeout = self.target.wish.as_ref()?.timeout?;
        Some(self.began.after(timeout))
    }

    /// Notes how it ended.
    pub(super) fn end(&mut self, now: Instant, status: u16) {
        self.state = BranchState::Done;
        self.ended = Some((status, now));
    }
}

impl Context {
    /// Queues other next hops of a branch before all else.
    fn keep_in_reserve(&mut self, index: usize, others: &[Destination]) {
        let target = self.branch(index).map(|branch| branch.target.clone());
        let Some(target) = target else {
            return;
        };
        for other in others.iter().rev() {
            let target = Target {
                hop: Hop::To(*other),
                ..target.clone()
            };
            self.groups.push_front(Group {
                targets: SmallVec::from_iter([target]),
                is_spare: true,
            });
        }
    }

    /// Whether what was tried so far gave no answer of its own: unreachable, timed out, or 503.
    fn has_failed_to_answer(&self) -> bool {
        self.finals.best().is_none_or(|best| {
            // 502: it did answer, and said no to our credentials.
            (best.response.is_none() && best.status != 502) || best.status == 503
        })
    }
}

/// Max-Breadth of a request (RFC 5393 5.3.3): 60 where it has none or more.
///
/// # Errors
/// `Number`.
pub(crate) fn max_breadth(request: bellhop_wire::Message<'_>) -> Result<u32, Error> {
    match request.number(HeaderId::MaxBreadth) {
        Ok(value) => Ok(value.map_or(MOST_BREADTH, |value| value.min(MOST_BREADTH))),
        Err(_) => Err(Error::of(Kind::Number, HeaderId::MaxBreadth)),
    }
}

/// What RFC 5393 5.3.3 recommends, for none and at most.
const MOST_BREADTH: u32 = 60;
/// Timer C (RFC 3261 16.6 step 11): more than 3 minutes.
pub(super) const TIMER_C: Duration = Duration::from_secs(181);
/// How long a branch waits for the resolver.
const RESOLVE_WAIT: Duration = Duration::from_secs(5);
