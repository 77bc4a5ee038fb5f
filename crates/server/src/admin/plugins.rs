//! The plugins, for people and tools: what each is and does, where a shadow differs, and the order to read
//! their files again.

use super::{
    answer::{Answer, error, json},
    state::State,
};
use crate::plugins::Plugins;
use bellhop_policy::{Difference, HookStatus, PluginStatus, Swapped};
use hyper::StatusCode;
use serde::Serialize;
use serde_json::json;

/// One plugin. Times are seconds.
#[derive(Debug, Serialize)]
struct Part {
    name: String,
    /// What it calls itself.
    title: String,
    version: String,
    sha256: String,
    hooks: Vec<&'static str>,
    shadow: bool,
    quarantined: bool,
    quarantines: u64,
    /// Sources that it is asked about beside the workers, or not at all.
    suspects: usize,
    instances: usize,
    replaced: u64,
    /// By hook, those that were ever called.
    calls: Vec<HookPart>,
    store_keys: usize,
    store_bytes: usize,
    log_lines_dropped: u64,
    events_lost: u64,
    /// A shadow's comparisons, and how many of them differed.
    compared: u64,
    differed: u64,
}

#[derive(Debug, Serialize)]
struct HookPart {
    hook: &'static str,
    calls: u64,
    /// All of them together.
    seconds: f64,
    edits: u64,
    verdicts: serde_json::Map<String, serde_json::Value>,
    failures: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Serialize)]
struct DifferencePart {
    /// Since the Unix epoch.
    at: f64,
    call_id: String,
    hook: &'static str,
    real: String,
    shadow: String,
}

/// `GET /plugins`.
pub(super) fn list(state: &State) -> Answer {
    with(state, |plugins| {
        let all: Vec<Part> = plugins.status().into_iter().map(Part::of).collect();
        let value = json!({ "plugins": all, "swaps": plugins.swaps() });
        json(StatusCode::OK, &value)
    })
}

/// `GET /plugins/NAME/differences`.
pub(super) fn differences(state: &State, name: &str) -> Answer {
    with(state, |plugins| {
        let mut all = plugins.status().into_iter();
        let Some(plugin) = all.find(|plugin| plugin.name == name) else {
            return unknown(name);
        };
        let kept: Vec<_> = plugin
            .differences
            .into_iter()
            .map(DifferencePart::of)
            .collect();
        let value = json!({
            "name": plugin.name,
            "shadow": plugin.is_shadow,
            "compared": plugin.compared,
            "differed": plugin.differed,
            "differences": kept,
        });
        json(StatusCode::OK, &value)
    })
}

/// `POST /plugins/reload`: reads the file of one plugin, or of all, again. It compiles, on a thread of its
/// own, for as long as that takes.
pub(super) async fn reload(state: &State, name: Option<String>) -> Answer {
    let Some(plugins) = state.running().map(|running| running.plugins.clone()) else {
        return error(StatusCode::SERVICE_UNAVAILABLE, state.phase().name());
    };
    if let Some(name) = &name
        && !plugins.status().iter().any(|plugin| plugin.name == *name)
    {
        return unknown(name);
    }
    match plugins.reload(name).await {
        Ok(swapped) => json(StatusCode::OK, &said(&swapped)),
        Err(why) => error(
            StatusCode::UNPROCESSABLE_ENTITY,
            &format!("{why}; what ran goes on"),
        ),
    }
}

fn with(state: &State, answer: impl FnOnce(&Plugins) -> Answer) -> Answer {
    match state.running() {
        Some(running) => answer(&running.plugins),
        None => error(StatusCode::SERVICE_UNAVAILABLE, state.phase().name()),
    }
}

fn unknown(name: &str) -> Answer {
    error(
        StatusCode::NOT_FOUND,
        &format!("there is no plugin {name:?}"),
    )
}

fn said(swapped: &Swapped) -> impl Serialize {
    json!({ "loaded": swapped.loaded, "kept": swapped.kept, "removed": swapped.removed })
}

impl Part {
    fn of(status: PluginStatus) -> Self {
        Self {
            name: status.name,
            title: status.about.name,
            version: status.about.version,
            sha256: status.about.sha256,
            hooks: status.about.hooks.iter().map(|hook| hook.name()).collect(),
            shadow: status.is_shadow,
            quarantined: status.is_quarantined,
            quarantines: status.quarantines,
            suspects: status.suspects,
            instances: status.instances,
            replaced: status.replaced,
            calls: status.hooks.iter().map(HookPart::of).collect(),
            store_keys: status.store_keys,
            store_bytes: status.store_bytes,
            log_lines_dropped: status.log_dropped,
            events_lost: status.events_lost,
            compared: status.compared,
            differed: status.differed,
        }
    }
}

impl HookPart {
    fn of(hook: &HookStatus) -> Self {
        let counted = |counts: &[(&'static str, u64)]| {
            let counts = counts.iter().filter(|(_, count)| *count > 0);
            counts
                .map(|(name, count)| ((*name).to_owned(), (*count).into()))
                .collect()
        };
        Self {
            hook: hook.hook.name(),
            calls: hook.latency.count,
            seconds: hook.latency.sum.as_secs_f64(),
            edits: hook.edits,
            verdicts: counted(&hook.verdicts),
            failures: counted(&hook.faults),
        }
    }
}

impl DifferencePart {
    fn of(difference: Difference) -> Self {
        Self {
            at: difference.at.as_secs_f64(),
            call_id: difference.call_id,
            hook: difference.hook,
            real: difference.real,
            shadow: difference.shadow,
        }
    }
}
