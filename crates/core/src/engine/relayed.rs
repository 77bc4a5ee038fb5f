//! Subscriptions that are relayed, after a restart of the PBX: it is asked whether it knows each of them, and whoever
//! watches by one that it has forgotten is told to subscribe anew (RFC 6665 4.1.3, `deactivated`), for the PBX never will.
//!
//! It is asked by an OPTIONS in the dialog, in the subscriber's name and with the subscriber's last CSeq number. A PBX
//! that has no such dialog answers 481 (RFC 3261 12.2.2); one that has it answers otherwise, as a rule 500 for the number
//! was used, and nothing has changed for it.

use super::Engine;
use crate::loops;
use crate::outbox::Outbox;
use crate::proxy::BranchId;
use crate::registrar::Aor;
use crate::share::{Check, Dialog, Due, End, Keep, Key, Watcher, Way};
use crate::time::Now;
use bellhop_wire::{Method, NameAddr};
use std::sync::Arc;
use std::time::Duration;

impl Engine {
    /// The PBX may have forgotten those of this shard: it is asked about each in its turn.
    pub(super) fn relayed_back(&mut self, now: Now) {
        let interval = self.config.registrar.leases.interval();
        for number in self.shared.subscriptions.relayed(self.shard) {
            let at = self.shared.leases.reserve(now.instant, interval);
            self.shares.timers.set(Due::Relayed(number), at);
        }
    }

    /// Asks the PBX about one of them.
    pub(super) fn check_relayed(&mut self, now: Now, shown: u64, out: &mut Outbox) {
        let _ = self.try_check_relayed(now, shown, out);
    }

    fn try_check_relayed(&mut self, now: Now, shown: u64, out: &mut Outbox) -> Option<()> {
        let thread = self.shared.subscriptions.thread(self.shard, shown)?;
        let upstream = self.config.upstreams.get(self.config.default_upstream?)?;
        // Of several targets nobody knows which one has it.
        let [target] = upstream.targets.as_slice() else {
            return None;
        };
        let to = self.names.destination(target.transport, target.remote)?;
        let (phone, resource) = (
            NameAddr::parse(&thread.dialog.remote).ok()?.uri,
            NameAddr::parse(&thread.dialog.local).ok()?.uri,
        );
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let at_pbx = format!(
            "sip:{}@{}",
            text(resource.user.unwrap_or_default()),
            target.host
        );
        let remote = [b"<", resource.raw, b">;tag=", &thread.dialog.local_tag].concat();
        let dialog = Dialog {
            call_id: thread.dialog.call_id.clone(),
            local: [b"<", phone.raw, b">"].concat().into(),
            local_tag: thread.dialog.remote_tag.clone(),
            remote: remote.into(),
            remote_tag: thread.dialog.local_tag.clone(),
            target: at_pbx.into_bytes().into(),
            routes: Vec::new(),
            cseq: thread.asked,
            remote_cseq: None,
        };
        let branch = loops::branch(self.entropy.next_u64(), 0);
        let check = Check {
            way: Way {
                via: (to.transport(), self.names.sent_by(to.listener())?, &branch),
                at: self.names.call_back(&to)?,
            },
            dialog: &dialog,
        };
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        check.write(&mut bytes);
        let context = self.shares.check(shown);
        let index = BranchId::SOURCE;
        let owner = BranchId { context, index }.owner();
        let (at, method) = (now.instant, Method::Options);
        let sent = self
            .table
            .create_client(at, method, &branch, &bytes, to, owner, out);
        self.scratch = bytes;
        if sent.is_none() {
            self.shares.checks.remove(&context);
        }
        sent.map(drop)
    }

    /// The PBX's answer about one of them.
    pub(super) fn relayed_checked(&mut self, now: Now, shown: u64, status: u16, out: &mut Outbox) {
        if status == 481 {
            let _ = self.deactivate_relayed(now, shown, out);
        }
    }

    fn deactivate_relayed(&mut self, now: Now, shown: u64, out: &mut Outbox) -> Option<()> {
        let thread = self.shared.subscriptions.thread(self.shard, shown)?;
        self.shared.subscriptions.cut_thread(self.shard, shown);
        let address = NameAddr::parse(&thread.dialog.remote).ok()?;
        let domain = self.names.domain_of(&address.uri);
        let by = domain.and_then(|domain| Aor::new(&address.uri, domain));
        let location = &self.shared.location;
        let device = by
            .as_ref()
            .and_then(|by| location.device_at(now.instant, by, &thread.flow));
        let resource = NameAddr::parse(&thread.dialog.local).ok()?.uri;
        let key = Key {
            // Nobody looks for it by this.
            resource: by
                .clone()
                .or_else(|| Aor::parse_text("sip:nobody@invalid"))?,
            package: "".into(),
            accept: "".into(),
        };
        let resource = resource.raw.into();
        let watcher = Watcher {
            key: Arc::new(key),
            flow: thread.flow,
            device,
            by,
            event: thread.event,
            record: Box::default(),
            resource,
            version: 0,
            until: now.instant.after(AWAIT),
            is_flying: false,
            is_behind: false,
            misses: 0,
            end: Some(End(";reason=deactivated".into())),
            shown: Some(shown),
            keep: Keep {
                ceiling: u32::MAX,
                ..Keep::default()
            },
            dialog: thread.dialog,
        };
        let (number, _) = self.shares.add(watcher);
        self.tell_watcher(now, number, out);
        Some(())
    }
}

/// How long a phone is looked for that is not there.
const AWAIT: Duration = Duration::from_secs(600);
