//! Our SUBSCRIBEs at the PBX as they go out, and its challenges to them (RFC 6665 4.1.2, RFC 3261 22.2).

use super::health::places::place_of;
use super::{Engine, shard_of};
use crate::auth::upstream::{Asking, At};
use crate::flow::Flow;
use crate::loops;
use crate::outbox::Outbox;
use crate::proxy::BranchId;
use crate::registrar::Aor;
use crate::share::{Dialog, Subscribe, Way};
use crate::time::Now;
use bellhop_wire::{HeaderId, Message, Method};

impl Engine {
    /// The PBX wants a longer time (423): whether it is asked for one. Asterisk does not say for which, though it must (RFC
    /// 6665 4.2.1.1): it is asked for twice as much each time.
    pub(super) fn source_least(&mut self, number: u64, response: Message<'_>) -> bool {
        let least = response.number(HeaderId::MinExpires).ok().flatten();
        let Some(source) = self.shares.sources.get_mut(&number) else {
            return false;
        };
        let least = least.unwrap_or(source.asked.saturating_mul(2));
        let is_more = source.asked > 0 && least > source.asked && least <= MOST_LEAST;
        if is_more {
            source.least = least;
            source.asked = least;
        }
        is_more
    }

    pub(super) fn source_challenged(
        &mut self,
        number: u64,
        by: &Aor,
        response: Message<'_>,
        flow: &Flow,
    ) -> bool {
        let Some(is_stale) = self.challenged_us(by, response, flow) else {
            return false;
        };
        let Some(source) = self.shares.sources.get_mut(&number) else {
            return false;
        };
        let is_again = source.tries.again(is_stale);
        if !is_again {
            self.forget_challenges(by);
        }
        is_again
    }

    /// Sends a SUBSCRIBE of ours. Where that cannot be, it is as if nobody had answered.
    pub(super) fn ask_source(&mut self, now: Now, number: u64, out: &mut Outbox) {
        if self.try_ask_source(now, number, out).is_none() {
            self.source_failed(now, number, out);
        }
    }

    fn try_ask_source(&mut self, now: Now, number: u64, out: &mut Outbox) -> Option<()> {
        let source = self.shares.sources.get(&number)?;
        let (to, target) = self.target_for(now, source)?;
        let is_new = source.dialog.is_none();
        if is_new {
            let (resource, by) = (source.key.resource.clone(), source.by.clone());
            let dialog = self.new_source_dialog(&resource, &by, &target.host);
            let source = self.shares.sources.get_mut(&number)?;
            source.dialog = Some(dialog);
            source.trouble.begins(now.instant);
        }
        let source = self.shares.sources.get_mut(&number)?;
        let before = source.place.replace(place_of(&target));
        if is_new || before != source.place {
            self.shares.name_source(number);
        }
        let login = self.lease_login(&self.shares.sources.get(&number)?.by);
        let branch = loops::branch(self.entropy.next_u64(), 0);
        let source = self.shares.sources.get_mut(&number)?;
        let dialog = source.dialog.as_mut()?;
        dialog.cseq = dialog.cseq.saturating_add(1);
        let mut more = Vec::new();
        more.extend_from_slice(b"P-Asserted-Identity: <sip:");
        more.extend_from_slice(source.by.as_str().as_bytes());
        more.extend_from_slice(b">\r\n");
        if let Some((login, upstream)) = &login {
            let asking = Asking {
                method: "SUBSCRIBE",
                uri: &dialog.target,
                body: b"",
            };
            let at = At { login, upstream };
            let auth = &self.shared.upstream_auth;
            auth.put(at, asking, self.entropy.as_mut(), &mut more);
        }
        let subscribe = Subscribe {
            way: Way {
                via: (to.transport(), self.names.sent_by(to.listener())?, &branch),
                at: self.names.call_back(&to)?,
            },
            dialog,
            package: &source.key.package,
            accept: &source.key.accept,
            expires: source.asked,
            more: &more,
        };
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        subscribe.write(&mut bytes);
        let owner = BranchId {
            context: number,
            index: BranchId::SOURCE,
        }
        .owner();
        let (at, method) = (now.instant, Method::Subscribe);
        let sent = self
            .table
            .create_client(at, method, &branch, &bytes, to, owner, out);
        self.scratch = bytes;
        self.shares.sources.get_mut(&number)?.flying = sent;
        sent.map(drop)
    }

    /// A Call-ID that belongs to this shard, so that what comes in its dialog comes here.
    pub(crate) fn own_call_id(&mut self) -> Vec<u8> {
        let shards = usize::from(self.config.registrar.leases.shards);
        let mut call_id = Vec::new();
        for _ in 0..MOST_TRIES {
            call_id.clear();
            call_id.extend_from_slice(&crate::hex::of_u64(self.entropy.next_u64()));
            call_id.extend_from_slice(b"@bellhop");
            let line = [b"x\r\nCall-ID: ", call_id.as_slice(), b"\r\n\r\n"].concat();
            if shard_of(&line, shards) == usize::from(self.shard) {
                break;
            }
        }
        call_id
    }

    /// A dialog whose NOTIFYs come here.
    fn new_source_dialog(&mut self, resource: &Aor, by: &Aor, host: &str) -> Dialog {
        let call_id = self.own_call_id();
        let tag = self.new_tag();
        let uri = |aor: &Aor| {
            let user = aor.user().unwrap_or_default();
            let at = if user.is_empty() { "" } else { "@" };
            format!("sip:{user}{at}{host}")
        };
        let target = uri(resource);
        Dialog {
            call_id: call_id.into(),
            local: format!("<{}>", uri(by)).into_bytes().into(),
            local_tag: tag.into(),
            remote: format!("<{target}>").into_bytes().into(),
            remote_tag: Box::default(),
            target: target.into_bytes().into(),
            routes: Vec::new(),
            cseq: 0,
            remote_cseq: None,
        }
    }
}

/// A PBX that wants more than a day is not believed.
const MOST_LEAST: u32 = 86_400;
/// Call-IDs that are tried: more than enough for any number of shards.
const MOST_TRIES: u32 = 100_000;
