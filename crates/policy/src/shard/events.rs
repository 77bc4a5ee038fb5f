//! On-dialog: what happened is counted here and told elsewhere.

use super::ShardPolicy;
use crate::account::counters::HookName;
use crate::aside::Job;
use crate::contract::sip::policy::types::{self, DialogPhase, Note};
use crate::dialogs::{About, Caller};
use crate::question::Origin;
use crate::read;
use bellhop_core::policy::{DialogEvent, Phase};
use bellhop_core::time::Now;

impl ShardPolicy {
    pub(super) fn tell(&self, now: Now, event: &DialogEvent<'_>) {
        let about = match self.set.counts_dialogs {
            true => self.dialogs.observe(now.instant, event),
            false => About::default(),
        };
        let Some(phase) = phase(event.phase) else {
            return;
        };
        let mut told = None;
        for plugin in self.set.all().filter(|plugin| plugin.has(HookName::Dialog)) {
            let event = told.get_or_insert_with(|| translated(phase, event, &about));
            let job = Job::Dialog(Box::new(event.clone()));
            let taken = plugin
                .background
                .as_ref()
                .is_some_and(|aside| aside.submit(job));
            if !taken {
                plugin.account().lost();
            }
        }
    }
}

fn translated(phase: DialogPhase, event: &DialogEvent<'_>, about: &About) -> types::DialogEvent {
    let mut origin = Origin::default();
    origin.copy_from(&event.source);
    let caller = about.caller.as_deref();
    let note = |(key, value): (&str, &str)| Note {
        key: key.to_owned(),
        value: value.to_owned(),
    };
    types::DialogEvent {
        phase,
        call_id: read::text(event.call_id),
        from_uri: read::text(caller.map_or(event.from_uri, |caller| &caller.from_uri)),
        to_uri: read::text(caller.map_or(event.to_uri, |caller| &caller.to_uri)),
        source: read::source(caller.map_or(&origin, |caller| &caller.origin)),
        duration_ms: u64::try_from(about.lasted.as_millis()).unwrap_or(u64::MAX),
        cause: (phase == DialogPhase::Ended).then(|| cause(event, about).to_owned()),
        notes: about.notes.iter().map(note).collect(),
    }
}

/// Who ended it: by BYE who sent it, by a final failure the caller who gave up (487), nobody who answered
/// (408), what is broken (5xx), or else the callee.
fn cause(event: &DialogEvent<'_>, about: &About) -> &'static str {
    let is_callers = |caller: &Caller| *caller.tag == *event.from_tag;
    match event.status {
        0..300 if about.caller.as_deref().is_some_and(is_callers) => "caller",
        0..300 => "callee",
        408 => "timeout",
        487 => "caller",
        500..600 => "error",
        _ => "callee",
    }
}

/// A call that is merely tried has no dialog yet: it is counted, not told of.
const fn phase(phase: Phase) -> Option<DialogPhase> {
    Some(match phase {
        Phase::Tried => return None,
        Phase::Early => DialogPhase::Early,
        Phase::Confirmed => DialogPhase::Confirmed,
        Phase::Refreshed => DialogPhase::Refreshed,
        Phase::Ended => DialogPhase::Ended,
    })
}
