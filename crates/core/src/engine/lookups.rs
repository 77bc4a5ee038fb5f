//! Requests whose sender must be looked up before anything else can be said: they are kept as they came,
//! and taken up anew when the name has been found out.

use super::Engine;
use super::local::Received;
use crate::auth::User;
use crate::flow::{ConnectionId, Flow};
use crate::outbox::{LookUp, Outbox, Sought, Ticket};
use crate::time::{Instant, Now};
use crate::transaction::Timers;
use ahash::RandomState;
use bellhop_wire::{Frame, Index, frame};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::time::Duration;

/// What became of a look-up.
#[derive(Clone, Debug)]
pub enum LookedUp {
    /// The name is this user's.
    User(User),
    /// The token is this user's, for so long.
    UserFor(User, Duration),
    /// The name, or the token, is nobody's.
    Nobody,
    /// It could not be found out.
    Failed,
}

/// The requests that wait, by the name that their sender claims.
#[derive(Debug)]
pub(crate) struct Lookups {
    names: HashMap<Key, Requests, RandomState>,
    asked: HashMap<u64, Key, RandomState>,
    patience: Timers<u64>,
    last: u64,
    /// Requests that wait.
    held: usize,
    /// Their bytes.
    bytes: usize,
}

/// By what a sender is sought.
type Key = (Sought, Box<[u8]>);

/// Requests as they came, with the flows that they came over.
type Requests = SmallVec<[(Flow, Box<[u8]>); 1]>;

impl Lookups {
    /// Nobody waits. The hasher keeps anybody from choosing names that collide.
    pub(crate) fn new(hasher: RandomState) -> Self {
        Self {
            names: HashMap::with_hasher(hasher.clone()),
            asked: HashMap::with_hasher(hasher),
            patience: Timers::new(),
            last: 0,
            held: 0,
            bytes: 0,
        }
    }

    /// When somebody's patience ends.
    pub(super) fn next(&self) -> Option<Instant> {
        self.patience.next()
    }

    /// Keeps a request. Gives the number of the question, if that is a new one.
    fn keep(
        &mut self,
        now: Instant,
        name: &Key,
        flow: Flow,
        bytes: &[u8],
    ) -> Result<Option<u64>, Full> {
        let is_full = self.held >= MOST || self.bytes.saturating_add(bytes.len()) > MOST_BYTES;
        if let Some(requests) = self.names.get_mut(name) {
            let is_copy = |kept: &(Flow, Box<[u8]>)| kept.0 == flow && *kept.1 == *bytes;
            if requests.iter().any(is_copy) {
                return Ok(None);
            }
            if requests.len() >= MOST_OF_A_NAME || is_full {
                return Err(Full);
            }
            requests.push((flow, bytes.into()));
            self.held = self.held.saturating_add(1);
            self.bytes = self.bytes.saturating_add(bytes.len());
            return Ok(None);
        }
        if is_full {
            return Err(Full);
        }
        self.last = self.last.wrapping_add(1) & NUMBERS;
        let id = self.last;
        let requests = SmallVec::from_iter([(flow, Box::from(bytes))]);
        self.names.insert(name.clone(), requests);
        self.asked.insert(id, name.clone());
        self.held = self.held.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes.len());
        self.patience.set(id, now.after(PATIENCE));
        Ok(Some(id))
    }

    /// A connection has gone: nobody waits at its other end.
    pub(super) fn cut(&mut self, connection: ConnectionId) {
        for requests in self.names.values_mut() {
            requests.retain(|(flow, bytes)| {
                let stays = flow.connection != Some(connection);
                if !stays {
                    self.held = self.held.saturating_sub(1);
                    self.bytes = self.bytes.saturating_sub(bytes.len());
                }
                stays
            });
        }
    }

    /// Gives up the requests that wait for the answer to a question, with the name it was about.
    fn take(&mut self, id: u64) -> Option<(Key, Requests)> {
        let name = self.asked.remove(&id)?;
        self.patience.cancel(&id);
        let requests = self.names.remove(&name)?;
        self.held = self.held.saturating_sub(requests.len());
        let bytes = requests.iter().map(|(_, bytes)| bytes.len()).sum();
        self.bytes = self.bytes.saturating_sub(bytes);
        Some((name, requests))
    }
}

struct Full;

impl Engine {
    /// Has the name looked up that a request's sender claims, or the token read that he carries, and keeps the
    /// request until then. Only who has a nonce of ours or a connection comes here, so a forged address has nobody
    /// looked up.
    pub(super) fn look_up(
        &mut self,
        now: Now,
        received: &Received<'_>,
        sought: (Sought, Box<[u8]>),
        out: &mut Outbox,
    ) {
        let bytes = received.message.bytes();
        match self
            .lookups
            .keep(now.instant, &sought, received.flow, bytes)
        {
            Ok(None) => {}
            Ok(Some(id)) => out.lookups.push(LookUp {
                ticket: Ticket(self.in_shard(id)),
                kind: sought.0,
                name: sought.1,
            }),
            Err(Full) => self.refuse_unknown(received, "Too many users to look up", out),
        }
    }

    /// A name has been looked up ([`Outbox::lookups`]), or could not be: the requests that waited for it go
    /// on, or get 503 with Retry-After.
    pub fn looked_up(&mut self, now: Now, ticket: Ticket, found: LookedUp, out: &mut Outbox) {
        self.settle_lookup(now, ticket.0 & NUMBERS, found, out);
    }

    /// Gives up those that have waited long enough.
    pub(super) fn lookup_deadlines(&mut self, now: Now, out: &mut Outbox) {
        while let Some(id) = self.lookups.patience.pop_due(now.instant) {
            self.settle_lookup(now, id, LookedUp::Failed, out);
        }
    }

    fn settle_lookup(&mut self, now: Now, id: u64, found: LookedUp, out: &mut Outbox) {
        let Some(((kind, name), requests)) = self.lookups.take(id) else {
            return;
        };
        let (auth, at) = (&self.auth, now.instant);
        let goes_on = match (kind, found) {
            (Sought::Name, LookedUp::User(user)) => {
                auth.learn(at, &name, Some(user));
                true
            }
            (Sought::Name, LookedUp::Nobody) => {
                auth.learn(at, &name, None);
                true
            }
            (Sought::Name, LookedUp::Failed | LookedUp::UserFor(..)) => auth.make_do(at, &name),
            (Sought::Token, LookedUp::UserFor(user, time)) => {
                auth.learn_token(at, &name, Some((user, time)));
                true
            }
            (Sought::Token, LookedUp::Nobody) => {
                auth.learn_token(at, &name, None);
                true
            }
            (Sought::Token, LookedUp::Failed | LookedUp::User(_)) => false,
        };
        for (flow, bytes) in requests {
            if goes_on {
                self.receive(now, flow, &bytes, out);
            } else {
                self.refuse_kept(now, flow, &bytes, out);
            }
        }
    }

    fn refuse_kept(&mut self, now: Now, flow: Flow, bytes: &[u8], out: &mut Outbox) {
        let mut index = Index::new();
        let Frame::Message(bytes) = frame::datagram(bytes) else {
            return;
        };
        // It could be read before it waited.
        let Ok(message) = index.parse(bytes, &self.config.limits) else {
            return;
        };
        let ends = message.ends().ok();
        let mut received = self.received(now, message, flow);
        received.ends = ends.as_ref();
        self.refuse_unknown(&received, "Users cannot be looked up", out);
    }

    fn refuse_unknown(&mut self, received: &Received<'_>, why: &str, out: &mut Outbox) {
        self.refuse_with(received, 503, why, out, |_, reply| {
            reply.header("Retry-After", RETRY_AFTER);
        });
    }
}

/// Requests that wait in one shard.
const MOST: usize = 4_096;
/// Bytes of them.
const MOST_BYTES: usize = 16 << 20;
/// Requests that wait for one name: a user's phones that come at once.
const MOST_OF_A_NAME: usize = 16;
/// The shell answers before; this is for the case that it does not.
const PATIENCE: Duration = Duration::from_secs(15);
/// Seconds after which a client may ask again (RFC 3261 20.33).
const RETRY_AFTER: &[u8] = b"10";
/// Numbers of questions: the shard stands above them.
const NUMBERS: u64 = (1 << 48) - 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{ListenerId, Transport};

    #[test]
    fn there_is_an_end_to_the_bytes_of_requests_that_wait_and_then_room_again() {
        let mut lookups = Lookups::new(RandomState::with_seeds(1, 2, 3, 4));
        let flow = Flow {
            listener: ListenerId(0),
            transport: Transport::Tcp,
            remote: ([192, 0, 2, 1], 5060).into(),
            connection: None,
        };
        let request = vec![b'x'; 60_000];
        let keep = |lookups: &mut Lookups, name: u32| {
            let name = (Sought::Name, Box::from(name.to_be_bytes()));
            lookups.keep(Instant::default(), &name, flow, &request)
        };
        let first = keep(&mut lookups, 0).ok().flatten().unwrap();
        let kept = (1..).take_while(|n| keep(&mut lookups, *n).is_ok()).count();
        assert!((kept + 1) * 60_000 <= MOST_BYTES && (kept + 2) * 60_000 > MOST_BYTES);
        assert!(lookups.take(first).is_some());
        assert!(keep(&mut lookups, 0).is_ok());
        assert!(keep(&mut lookups, u32::MAX).is_err());
    }
}
