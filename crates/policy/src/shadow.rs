//! Shadow plugins: what the real one decided against what another would have.

use crate::account::{Account, Difference};
use crate::error::Fault;
use crate::question::Question;
use bellhop_core::policy::{Body, Changes, Step, Verdict};
use bellhop_core::time::Now;
use std::fmt::Write;
use std::sync::atomic::Ordering::Release;

/// A verdict and the edits that came with it, as text: equal when they mean the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome(String);

impl Outcome {
    /// Of a hook that a plugin does not have.
    pub(crate) fn nothing() -> Self {
        Self("continue".into())
    }

    pub(crate) fn of(verdict: &Result<Verdict, Fault>, before: &Changes, after: &Changes) -> Self {
        let mut text = match verdict {
            Ok(verdict) => decision(verdict),
            Err(fault) => return Self(format!("failure: {fault}")),
        };
        for step in after.steps().skip(before.steps().count()) {
            let _ = write!(text, "; {}", edit(step));
        }
        if after.body() != before.body() {
            let _ = write!(text, "; body {}", body(after.body()));
        }
        Self(text)
    }
}

/// Counts one comparison, and tells of a difference.
pub(crate) fn compare(
    account: &Account,
    now: Now,
    question: &Question,
    real: &Outcome,
    shadow: &Outcome,
) {
    if real != shadow {
        tell(account, now, question, real, shadow);
    }
    // Last, so that whoever reads the count finds what it counts.
    account.compared.fetch_add(1, Release);
}

fn tell(account: &Account, now: Now, question: &Question, real: &Outcome, shadow: &Outcome) {
    let call_id = question.message().call_id();
    let call_id = call_id
        .get(..128)
        .unwrap_or(call_id)
        .escape_ascii()
        .to_string();
    let hook = question.hook.name();
    if account.lines.may_write(now.instant, DIFFERENCES_LOGGED) {
        tracing::info!(
            plugin = account.name.as_str(),
            hook,
            call_id,
            real = real.0,
            shadow = shadow.0,
            "a shadow differs"
        );
    }
    account.differs(Difference {
        at: now.unix,
        call_id,
        hook,
        real: real.0.clone(),
        shadow: shadow.0.clone(),
    });
}

fn decision(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Continue => "continue".into(),
        Verdict::Accept { expires: None } => "accept".into(),
        Verdict::Accept {
            expires: Some(seconds),
        } => format!("accept for {seconds} s"),
        Verdict::Challenge(challenge) if challenge.is_proxy => "challenge 407".into(),
        Verdict::Challenge(_) => "challenge 401".into(),
        Verdict::Drop => "drop".into(),
        Verdict::Reply(reply) => {
            let mut text = format!("reply {}", reply.status);
            if let Some(reason) = &reply.reason {
                let _ = write!(text, " {reason:?}");
            }
            for step in reply.headers.steps() {
                let _ = write!(text, ", {}", edit(step));
            }
            if reply.body.is_some() {
                let _ = write!(text, ", body {}", body(reply.body.as_ref()));
            }
            text
        }
        Verdict::Route(route) => {
            let mut text = format!("route {:?}", route.mode).to_lowercase();
            for target in &route.targets {
                let _ = write!(text, " [{} p{}", target.uri, target.priority);
                if let Some(hop) = &target.next_hop {
                    let _ = write!(text, " via {hop:?}");
                }
                if let Some(timeout) = target.timeout {
                    let _ = write!(text, " for {timeout:?}");
                }
                for step in target.headers.steps() {
                    let _ = write!(text, ", {}", edit(step));
                }
                let _ = write!(text, ", tag {:?}]", target.tag);
            }
            if !route.record_route {
                text.push_str(", no record-route");
            }
            text
        }
    }
}

fn edit(step: Step<'_>) -> String {
    let shown = |bytes: &[u8]| bytes.escape_ascii().to_string();
    match step {
        Step::Uri(uri) => format!("uri {}", shown(uri)),
        Step::Set(name, value) => format!("set {}: {}", shown(name), shown(value)),
        Step::Add(name, value) => format!("add {}: {}", shown(name), shown(value)),
        Step::Remove(name) => format!("remove {}", shown(name)),
    }
}

/// A body is told by its type, length and hash: it may be long, and secret.
fn body(body: Option<&Body>) -> String {
    let Some(body) = body else {
        return "none".into();
    };
    let hash = <sha2::Sha256 as sha2::Digest>::digest(&body.data);
    let short = crate::cache::hex(hash.get(..4).unwrap_or_default());
    format!("{} {} bytes {short}", body.content_type, body.data.len())
}

const DIFFERENCES_LOGGED: u32 = 50;
