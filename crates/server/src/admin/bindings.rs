//! Who is registered, for people: the bindings of one AoR, or the first of all.

use super::state::Running;
use bellhop_core::{
    registrar::{Aor, Binding, Bindings},
    time::Instant,
};
use serde::Serialize;

/// A list of bindings.
#[derive(Debug, Serialize)]
pub(super) struct List {
    bindings: Vec<Part>,
    /// Bindings of all AoRs, those among them that have ended and are not swept yet.
    total: usize,
    /// There are more than are listed.
    truncated: bool,
}

/// One binding. Texts are the phone's own, what is no UTF-8 in them replaced; times are seconds.
#[derive(Debug, Serialize)]
struct Part {
    aor: String,
    contact: String,
    q: f32,
    expires: u64,
    /// Since it was made or refreshed.
    age: u64,
    transport: &'static str,
    /// Where the REGISTER came from, and requests go.
    remote: String,
    path: Option<String>,
    instance: Option<String>,
    reg_id: Option<u32>,
    call_id: String,
    /// Where our registration at the PBX is that a call finds it by; null: it has none.
    upstream: Option<&'static str>,
}

/// The bindings of an AoR, `sip:user@domain` or `user@domain`, or of a user at each domain; `None`: it is
/// neither.
pub(super) fn of(running: &Running, text: &str) -> Option<List> {
    if is_user(text) {
        return Some(list(running, |aor| aor.user() == Some(text)));
    }
    let has_scheme = ["sip:", "sips:"].iter().any(|scheme| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    let aor = match has_scheme {
        true => Aor::parse_text(text)?,
        false => Aor::parse_text(&format!("sip:{text}"))?,
    };
    let now = running.clock.now().instant;
    let mut bindings = Bindings::new();
    running.location.lookup(now, &aor, &mut bindings);
    Some(List {
        bindings: bindings
            .iter()
            .map(|b| Part::of(running, now, &aor, b))
            .collect(),
        total: running.location.len(),
        truncated: false,
    })
}

/// The bindings of all AoRs.
pub(super) fn all(running: &Running) -> List {
    list(running, |_| true)
}

fn list(running: &Running, wanted: impl Fn(&Aor) -> bool) -> List {
    let now = running.clock.now().instant;
    let (mut found, truncated) = running.location.list(now, MOST, wanted);
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Part::list(running, now, &found, truncated)
}

impl Part {
    fn list(running: &Running, now: Instant, found: &[(Aor, Bindings)], truncated: bool) -> List {
        let parts = found.iter().flat_map(|(aor, bindings)| {
            bindings
                .iter()
                .map(move |binding| Self::of(running, now, aor, binding))
        });
        List {
            bindings: parts.collect(),
            total: running.location.len(),
            truncated,
        }
    }

    fn of(running: &Running, now: Instant, aor: &Aor, binding: &Binding) -> Self {
        let lease = running.leases.of(&running.location, aor, binding);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let path = Some(binding.path()).filter(|path| !path.is_empty());
        Self {
            aor: aor.as_str().to_owned(),
            contact: text(binding.contact()),
            q: f32::from(binding.q) / 1000.0,
            expires: binding.remaining(now).as_secs(),
            age: now.since(binding.updated).as_secs(),
            transport: binding.flow.transport.uri_token(),
            remote: binding.flow.remote.to_string(),
            path: path.map(text),
            instance: binding.instance().map(text),
            reg_id: binding.reg_id,
            call_id: text(binding.call_id()),
            upstream: lease.map(|lease| lease.state),
        }
    }
}

/// Whether it can only be a user: a host has a dot or is in brackets, an AoR has an at.
fn is_user(text: &str) -> bool {
    !text.is_empty() && !text.contains(['@', ':', '.', '['])
}

/// AoRs in a list.
const MOST: usize = 10_000;
