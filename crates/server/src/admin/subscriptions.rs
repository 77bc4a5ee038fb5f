//! Who watches what, for people: the subscriptions that are relayed.

use super::state::Running;
use bellhop_core::{share::ShownHeld, subscription::Shown, time::Instant};
use serde::Serialize;

/// A list of subscriptions.
#[derive(Debug, Serialize)]
pub(super) struct List {
    subscriptions: Vec<Part>,
    /// Those that are known.
    total: usize,
    /// There are more than are listed.
    truncated: bool,
    /// What plugins have published.
    published: Vec<Published>,
}

/// One subscription. Texts are the peers' own, what is no UTF-8 in them replaced; times are seconds.
#[derive(Debug, Serialize)]
struct Part {
    name: String,
    watcher: String,
    resource: String,
    event: String,
    id: Option<String>,
    state: &'static str,
    /// Until it is over unless it is refreshed.
    expires: u64,
    /// Since it was asked for.
    age: u64,
    call_id: String,
}

/// A state that a plugin has published.
#[derive(Debug, Serialize)]
struct Published {
    resource: String,
    event: String,
    kind: String,
    plugin: String,
    bytes: usize,
    /// Seconds until it is over; null: until it is taken back.
    expires: Option<u64>,
}

/// The subscriptions, of one event package or of all.
pub(super) fn list(running: &Running, event: Option<&str>) -> List {
    let now = running.clock.now().instant;
    let is_wanted = |shown: &Shown| {
        event.is_none_or(|event| shown.package.eq_ignore_ascii_case(event.as_bytes()))
    };
    let (mut found, truncated) = running.subscriptions.list(MOST, is_wanted);
    found.sort_by(|a, b| {
        (&a.resource, &a.package, &a.watcher).cmp(&(&b.resource, &b.package, &b.watcher))
    });
    let is_of_event = |one: &ShownHeld| event.is_none_or(|e| one.package.eq_ignore_ascii_case(e));
    let (published, ..) = running.plugins.held().list(now, MOST);
    let published = published.into_iter().filter(is_of_event);
    List {
        published: published.map(|one| Published::of(now, one)).collect(),
        subscriptions: found.iter().map(|shown| Part::of(now, shown)).collect(),
        total: running.subscriptions.len(),
        truncated,
    }
}

impl Published {
    fn of(now: Instant, one: ShownHeld) -> Self {
        Self {
            resource: format!("sip:{}", one.resource.as_str()),
            event: one.package.into(),
            kind: one.kind.into(),
            plugin: one.owner.into(),
            bytes: one.bytes,
            expires: one.until.map(|until| until.since(now).as_secs()),
        }
    }
}

impl Part {
    fn of(now: Instant, shown: &Shown) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            name: shown.name.clone(),
            watcher: text(&shown.watcher),
            resource: text(&shown.resource),
            event: text(&shown.package),
            id: shown.id.as_deref().map(text),
            state: shown.standing.word(),
            expires: shown.until.since(now).as_secs(),
            age: now.since(shown.began).as_secs(),
            call_id: text(&shown.call_id),
        }
    }
}

/// Subscriptions in a list.
const MOST: usize = 10_000;
