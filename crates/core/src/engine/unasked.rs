//! State that comes by other ways than a subscription of ours: what plugins publish, and what the PBX says of mailboxes
//! unasked (RFC 3842). Here it meets the sources, and the phones that register later.

use super::Engine;
use super::local::Received;
use crate::flow::Destination;
use crate::lease::{Mode, Slot};
use crate::loops;
use crate::outbox::{Changed, Outbox, Persist};
use crate::proxy::BranchId;
use crate::registrar::{Aor, Binding, Change, ChangeKind, Registered};
use crate::routing::{Proof, Routing, Why};
use crate::share::{
    Dialog, Heard, Key, MAILBOX, Note, Notify, State, View, Way, Word, mailbox_key,
};
use crate::subscription::event_of;
use crate::time::Now;
use bellhop_wire::{HeaderId, Method, UriRef};
use std::sync::Arc;

impl Engine {
    /// Has the homes look of what is kept and has changed.
    #[cold]
    pub(super) fn tell_changed(&self, out: &mut Outbox) {
        for key in self.shared.held.take_changed() {
            if self.is_durable() {
                out.persists.push(Persist {
                    ticket: None,
                    what: Changed::Held(Arc::clone(&key)),
                });
            }
            let shard = self.config.registrar.leases.home_of(&key.resource);
            let word = Word::Look { key };
            out.notes.push(Note { shard, word });
        }
    }

    /// Has a plugin's publication told that was made on a thread of its own.
    pub fn published(&mut self, now: Now, out: &mut Outbox) {
        let first = out.transmits.len();
        self.finish(now, first, out);
    }

    /// Something has changed of what is kept of a key.
    pub(super) fn look_at_kept(&mut self, now: Now, key: &Arc<Key>, out: &mut Outbox) {
        if let Some(number) = self.shares.source_of(key) {
            self.source_looks(now, number, out);
        }
    }

    /// Looks at what is kept of a source's key. What is published goes before what the PBX says, which need not be
    /// asked then; of what it says by a subscription and unasked the later counts.
    pub(super) fn source_looks(&mut self, now: Now, number: u64, out: &mut Outbox) {
        let Some(source) = self.shares.sources.get(&number) else {
            return;
        };
        let (key, last) = (Arc::clone(&source.key), source.heard);
        if let Some(heard) = self.mailbox(&key).filter(|heard| heard.stamp != last) {
            let Some(source) = self.shares.sources.get_mut(&number) else {
                return;
            };
            source.heard = heard.stamp;
            if !source.told_by_pbx().says_as_much_as(&heard.view) {
                self.source_tells(now, number, heard.view, out);
            }
        }
        let published = self.shared.held.published(now.instant, &key);
        self.shares
            .look_again(number, published.as_ref().and_then(|(_, until)| *until));
        match published {
            Some((view, _)) => self.source_is_covered(now, number, view, out),
            None => self.source_is_uncovered(now, number, out),
        }
    }

    /// Watchers see what is published.
    fn source_is_covered(&mut self, now: Now, number: u64, view: Arc<View>, out: &mut Outbox) {
        let Some(source) = self.shares.sources.get_mut(&number) else {
            return;
        };
        let before = Arc::clone(&source.view);
        source.beneath.get_or_insert_with(|| Arc::clone(&before));
        if source.state == State::Wanted {
            self.shares.rest_source(number);
        }
        if !before.says_as_much_as(&view) {
            self.source_shows(now, number, view, out);
        }
    }

    /// Watchers see what the PBX says, if it has said anything; else what they saw, until it does.
    fn source_is_uncovered(&mut self, now: Now, number: u64, out: &mut Outbox) {
        let Some(source) = self.shares.sources.get_mut(&number) else {
            return;
        };
        let Some(beneath) = source.beneath.take() else {
            return;
        };
        let is_unasked = source.state == State::Wanted;
        let is_news = !source.view.says_as_much_as(&beneath);
        if is_news && matches!(*beneath, View::Active(_) | View::Undecided) {
            self.source_shows(now, number, beneath, out);
        }
        match self.config.default_upstream {
            None => self.source_over(now, number, ";reason=noresource", out),
            Some(_) if is_unasked => self.source_in_turn(now, number),
            Some(_) => {}
        }
    }

    /// The PBX refuses a subscription. Whether its watchers live on all the same, from what is published or from what it
    /// says unasked; it is asked again, though not soon.
    pub(super) fn source_lives_on(&mut self, now: Now, number: u64, out: &mut Outbox) -> bool {
        let Some(source) = self.shares.sources.get(&number) else {
            return false;
        };
        let is_covered = source.beneath.is_some();
        let heard = self.mailbox(&source.key.clone());
        if !is_covered && heard.is_none() {
            return false;
        }
        self.source_anew(number, out);
        let Some(source) = self.shares.sources.get_mut(&number) else {
            return false;
        };
        if is_covered {
            source.beneath = heard.map(|h| h.view).or(Some(Arc::new(View::Pending)));
            self.shares.rest_source(number);
            return true;
        }
        let again =
            std::time::Duration::from_secs(self.config.subscriptions.upstream_expires.into());
        let view = Arc::clone(&source.view);
        self.shares.wake_source(number, now.instant.after(again));
        if let Some(heard) = heard.filter(|heard| !view.says_as_much_as(&heard.view)) {
            self.source_shows(now, number, heard.view, out);
        }
        true
    }

    /// What the PBX has said of a key unasked.
    fn mailbox(&self, key: &Key) -> Option<Heard> {
        let is_mailbox =
            *key.package == *MAILBOX && *key.accept == *mailbox_key(&key.resource).accept;
        is_mailbox
            .then(|| self.shared.held.heard(&key.resource))
            .flatten()
    }

    /// A NOTIFY that has been routed. If it is the PBX's word on a mailbox that nobody has asked for, it is remembered for
    /// the watchers of that mailbox, and for the phones that come later. Whether it was.
    pub(super) fn hear_mailbox(
        &self,
        received: &Received<'_>,
        (uri, routing): (&UriRef<'_>, &Routing),
        proof: &Proof,
    ) -> bool {
        let message = received.message;
        let is_shared = self
            .config
            .subscriptions
            .ends_here(MAILBOX.as_bytes())
            .is_some();
        let is_unasked = is_shared
            && matches!(proof, Proof::Trusted { upstream: Some(_) })
            && message.to_tag().is_none_or(<[u8]>::is_empty)
            && event_of(message)
                .is_some_and(|e| e.package.eq_ignore_ascii_case(MAILBOX.as_bytes()));
        if !is_unasked {
            return false;
        }
        let Some(aor) = self.mailbox_of(uri, routing) else {
            return false;
        };
        let state = message.first(HeaderId::SubscriptionState);
        let state = state.map_or(&[][..], |field| field.value);
        let key = Arc::new(mailbox_key(&aor));
        let (kind, body) = self.shown_body(message);
        self.shared.held.hear(&key, &kind, state, &body)
    }

    /// Whose mailbox it is: of the AoR whose phones the NOTIFY goes to.
    fn mailbox_of(&self, uri: &UriRef<'_>, routing: &Routing) -> Option<Aor> {
        if let Routing::Targets { groups, why } = routing {
            if let Why::Bindings(_, aor) = why {
                return Some(aor.clone());
            }
            let mut targets = groups.iter().flat_map(|group| &group.targets);
            let device = targets.find_map(|target| target.device)?;
            return self.shared.location.aor_of(device);
        }
        let user = uri.user?;
        let lease = Slot::of_token(user).and_then(|slot| self.shared.leases.view(slot));
        if let Some(lease) = lease {
            return Some(lease.aor);
        }
        let aor = Aor::new(uri, self.names.domain_of(uri)?)?;
        self.auth.knows(&aor).then_some(aor)
    }

    /// What the PBX said last of the mailbox of phones that have just registered, and their bindings: where it does not know
    /// that they are there.
    pub(super) fn mailbox_for(&self, aor: &Aor, registered: &Registered) -> Option<Missed> {
        self.config.subscriptions.ends_here(MAILBOX.as_bytes())?;
        let is_unknown_to_pbx = match self.config.registrar.leases.mode_for(aor) {
            Mode::Terminate => true,
            Mode::Aor => registered.bindings.len() > 1,
            Mode::Passthrough | Mode::Mirror | Mode::Contact => false,
        };
        let is_new = |change: &&Change| change.kind == ChangeKind::Added;
        let new = registered.changes.iter().filter(is_new);
        let new: Vec<Arc<Binding>> = new.map(|change| Arc::clone(&change.binding)).collect();
        if new.is_empty() || !is_unknown_to_pbx {
            return None;
        }
        Some((aor.clone(), self.shared.held.heard(aor)?, new))
    }

    /// Tells them.
    pub(super) fn tell_mailbox(&mut self, now: Now, missed: Missed, out: &mut Outbox) {
        let (aor, heard, new) = missed;
        for binding in new {
            // One that cannot be sent now is told with the next change.
            let _ = self.notify_unasked(now, &aor, &binding, &heard, out);
        }
    }

    fn notify_unasked(
        &mut self,
        now: Now,
        aor: &Aor,
        binding: &Binding,
        heard: &Heard,
        out: &mut Outbox,
    ) -> Option<()> {
        let View::Active(Some(content)) = &*heard.view else {
            return None;
        };
        let flow = self.names.flow_today(binding.flow)?;
        let uri = format!("sip:{}", aor.as_str()).into_bytes();
        let mut body = Vec::new();
        content.write(&uri, 0, now.instant, &mut body);
        let address: Box<[u8]> = [b"<", uri.as_slice(), b">"].concat().into();
        let routes = (!binding.path().is_empty()).then(|| binding.path().into());
        let (call_id, tag) = (self.own_call_id(), self.new_tag());
        let dialog = Dialog {
            call_id: call_id.into(),
            local: address.clone(),
            local_tag: tag.into(),
            remote: address,
            remote_tag: Box::default(),
            target: binding.target().into(),
            routes: routes.into_iter().collect(),
            cseq: 1,
            remote_cseq: None,
        };
        let branch = loops::branch(self.entropy.next_u64(), 0);
        let sent_by = self.names.sent_by(flow.listener)?;
        let notify = Notify {
            way: Way {
                via: (flow.transport, sent_by, &branch),
                at: (flow.transport, sent_by),
            },
            dialog: &dialog,
            record: b"",
            event: MAILBOX.as_bytes(),
            state: &heard.state,
            more: b"",
            body: Some((&content.kind, &body)),
        };
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        notify.write(&mut bytes);
        // Nobody waits for its answer.
        let owner = BranchId {
            context: 0,
            index: BranchId::WATCHER,
        }
        .owner();
        let to = Destination::Flow {
            flow,
            else_connect: None,
        };
        let (at, method) = (now.instant, Method::Notify);
        let sent = self
            .table
            .create_client(at, method, &branch, &bytes, to, owner, out);
        self.scratch = bytes;
        sent.map(drop)
    }
}

/// Whose mailbox, what the PBX said of it, and the bindings that have not heard that.
pub(super) type Missed = (Aor, Heard, Vec<Arc<Binding>>);
