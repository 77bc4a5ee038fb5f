//! What plugins do, and what they measure themselves.

use super::text::Text;
use crate::plugins::Plugins;
use bellhop_policy::{HookStatus, MeterStatus, MeterValue, PluginStatus};
use std::collections::BTreeMap;

/// Adds the families of all plugins.
pub(super) fn write(text: &mut Text, plugins: &Plugins) {
    text.counter(
        "bellhop_plugin_swaps_total",
        "How often the set of plugins was changed.",
    );
    text.sample(&[], plugins.swaps());
    let all = plugins.status();
    if !all.is_empty() {
        each(text, &all);
        calls(text, &all);
        own(text, &all);
    }
}

fn each(text: &mut Text, all: &[PluginStatus]) {
    text.gauge("bellhop_plugin_info", "1, with what the plugin is.");
    for plugin in all {
        let labels = [
            ("plugin", plugin.name.as_str()),
            ("version", &plugin.about.version),
            ("sha256", &plugin.about.sha256),
            ("shadow", if plugin.is_shadow { "true" } else { "false" }),
        ];
        text.sample(&labels, 1);
    }
    type Family = (&'static str, &'static str, fn(&PluginStatus) -> u64);
    let gauges: [Family; 5] = [
        (
            "bellhop_plugin_quarantined",
            "1 while it is left alone after repeated failures.",
            |p| p.is_quarantined.into(),
        ),
        (
            "bellhop_plugin_suspects",
            "Sources that it is asked about beside the workers, or not at all, for their failures.",
            |p| p.suspects as u64,
        ),
        ("bellhop_plugin_instances", "Instances that live.", |p| {
            p.instances as u64
        }),
        ("bellhop_plugin_store_keys", "Keys in its store.", |p| {
            p.store_keys as u64
        }),
        ("bellhop_plugin_store_bytes", "Bytes in its store.", |p| {
            p.store_bytes as u64
        }),
    ];
    let counters: [Family; 6] = [
        (
            "bellhop_plugin_quarantines_total",
            "How often it was left alone.",
            |p| p.quarantines,
        ),
        (
            "bellhop_plugin_instances_replaced_total",
            "Instances that took the place of one that failed.",
            |p| p.replaced,
        ),
        (
            "bellhop_plugin_log_lines_dropped_total",
            "Log lines that were too many.",
            |p| p.log_dropped,
        ),
        (
            "bellhop_plugin_events_lost_total",
            "Dialog events and comparisons that found no room in the line.",
            |p| p.events_lost,
        ),
        (
            "bellhop_plugin_shadow_compared_total",
            "Comparisons of a shadow.",
            |p| p.compared,
        ),
        (
            "bellhop_plugin_shadow_differed_total",
            "Comparisons that differed.",
            |p| p.differed,
        ),
    ];
    let families = gauges.into_iter().map(|family| (family, false));
    for ((name, help, value), grows) in families.chain(counters.map(|family| (family, true))) {
        match grows {
            true => text.counter(name, help),
            false => text.gauge(name, help),
        }
        for plugin in all {
            text.sample(&[("plugin", &plugin.name)], value(plugin));
        }
    }
}

fn calls(text: &mut Text, all: &[PluginStatus]) {
    let hooks = || {
        all.iter().flat_map(|plugin| {
            plugin
                .hooks
                .iter()
                .map(move |hook| (plugin.name.as_str(), hook))
        })
    };
    text.counter(
        "bellhop_plugin_verdicts_total",
        "Calls that came to a verdict.",
    );
    counted(text, hooks(), "verdict", |hook| &hook.verdicts);
    text.counter(
        "bellhop_plugin_failures_total",
        "Calls that failed, or did not begin, by kind.",
    );
    counted(text, hooks(), "kind", |hook| &hook.faults);
    text.counter("bellhop_plugin_edits_total", "Edits that took effect.");
    for (plugin, hook) in hooks() {
        text.sample(
            &[("plugin", plugin), ("hook", hook.hook.name())],
            hook.edits,
        );
    }
    text.histogram("bellhop_plugin_call_seconds", "How long calls took.");
    for (plugin, hook) in hooks() {
        let latency = &hook.latency;
        let buckets = latency.buckets.iter();
        let buckets = buckets.map(|(micros, count)| (*micros as f64 / 1e6, *count));
        let labels = [("plugin", plugin), ("hook", hook.hook.name())];
        text.buckets(&labels, buckets, latency.sum.as_secs_f64(), latency.count);
    }
}

fn counted<'p>(
    text: &mut Text,
    hooks: impl Iterator<Item = (&'p str, &'p HookStatus)>,
    label: &str,
    counts: fn(&HookStatus) -> &[(&'static str, u64)],
) {
    for (plugin, hook) in hooks {
        for (value, count) in counts(hook).iter().filter(|(_, count)| *count > 0) {
            let labels = [
                ("plugin", plugin),
                ("hook", hook.hook.name()),
                (label, value),
            ];
            text.sample(&labels, count);
        }
    }
}

/// What plugins measure: one family for a name, whichever plugins have it. Where one counts what another
/// takes a histogram of, the first has the name.
fn own(text: &mut Text, all: &[PluginStatus]) {
    let mut families: BTreeMap<String, Vec<(&str, &MeterStatus)>> = BTreeMap::new();
    for plugin in all {
        for meter in &plugin.meters {
            families
                .entry(family(meter))
                .or_default()
                .push((&plugin.name, meter));
        }
    }
    for (name, meters) in &families {
        let is_counter = |meter: &MeterStatus| matches!(meter.value, MeterValue::Counter(_));
        let Some(counts) = meters.first().map(|(_, meter)| is_counter(meter)) else {
            continue;
        };
        match counts {
            true => text.counter(name, "A plugin's own."),
            false => text.histogram(name, "A plugin's own."),
        }
        for (plugin, meter) in meters
            .iter()
            .filter(|(_, meter)| is_counter(meter) == counts)
        {
            let labels = [("plugin", *plugin)];
            match &meter.value {
                MeterValue::Counter(value) => text.sample(&labels, value),
                MeterValue::Histogram {
                    buckets,
                    count,
                    sum,
                } => {
                    text.buckets(&labels, buckets.iter().copied(), *sum, *count);
                }
            }
        }
    }
}

fn family(meter: &MeterStatus) -> String {
    let name = format!("sip_plugin_user_{}", meter.name);
    match meter.value {
        MeterValue::Counter(_) if !name.ends_with("_total") => name + "_total",
        _ => name,
    }
}
