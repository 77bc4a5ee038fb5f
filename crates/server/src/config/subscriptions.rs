//! `[subscriptions]`: what is kept of who watches what (RFC 6665), and what is shared among watchers.

use super::{
    lists,
    reader::{Field, Section},
    report::Report,
    units::show_duration,
};
use bellhop_core::subscription::{Reg, SubscriptionConfig};
use std::time::Duration;

/// Reads `[subscriptions]`.
pub(super) fn read(
    section: Section<'_>,
    report: &Report,
    domains: &[String],
    has_default_upstream: bool,
) -> SubscriptionConfig {
    let default = SubscriptionConfig::default();
    let most = section.whole("most", 0..=10_000_000);
    let share = share(&section, report, has_default_upstream);
    let reg = section.choice("reg", &REG_WORDS);
    let least = time(&section, report, "min_expires");
    let longest = time(&section, report, "max_expires");
    let upstream = time(&section, report, "upstream_expires");
    let rate = section.whole("resync_rate", 1..=10_000);
    let linger = time(&section, report, "linger");
    let listed = section.sections("list");
    let lists = lists::read(listed, report, domains, !share.is_empty());
    section.finish();
    let seconds = |field: &Option<Field<Duration>>, default: u32| {
        let value = field.as_ref().map(|field| field.value.as_secs());
        value.map_or(default, |secs| u32::try_from(secs).unwrap_or(default))
    };
    let max_expires = seconds(&longest, default.max_expires);
    let min_expires = seconds(&least, default.min_expires.min(max_expires));
    if let Some(least) = least.as_ref().filter(|_| min_expires > max_expires) {
        let max = show_duration(Duration::from_secs(max_expires.into()));
        report.error(
            &least.at,
            format!("is more than max_expires, which is {max}"),
        );
    }
    let config = SubscriptionConfig {
        most: most.map_or(default.most, |most| {
            usize::try_from(most.value).unwrap_or(default.most)
        }),
        share,
        reg: reg.map_or(default.reg, |reg| reg.value),
        lists,
        min_expires,
        max_expires,
        upstream_expires: seconds(&upstream, default.upstream_expires),
        resync_rate: rate
            .and_then(|rate| u32::try_from(rate.value).ok())
            .unwrap_or(default.resync_rate),
        linger: linger.as_ref().map_or(default.linger, |field| field.value),
    };
    let idle = "means nothing here: nothing is shared";
    let is_served = config.reg != Reg::Off;
    let of_watchers = [least, longest].into_iter().filter(|_| !is_served);
    for field in of_watchers.chain([upstream, linger]).flatten() {
        if config.share.is_empty() {
            report.warn(&field.at, idle);
        }
    }
    config
}

/// Whose bindings may be watched, in the configuration's word.
pub(super) fn reg_word(reg: Reg) -> &'static str {
    let mut words = REG_WORDS.into_iter();
    let found = words.find(|(_, value)| *value == Some(reg));
    found.map_or("off", |(word, _)| word)
}

fn share(section: &Section<'_>, report: &Report, has_default_upstream: bool) -> Vec<String> {
    let Some(list) = section.texts("share") else {
        return Vec::new();
    };
    if !list.value.is_empty() && !has_default_upstream {
        report.error(
            &list.at,
            "needs a PBX to subscribe at; name one of [[upstream]] in [route] default",
        );
    }
    let mut names: Vec<String> = Vec::new();
    for Field { value, at } in list.value {
        if !PACKAGES.contains(&value) {
            let all = super::reader::quoted(PACKAGES.into_iter());
            report.error(&at, format!("cannot be shared; allowed: {all}"));
        } else if names.iter().any(|name| name == value) {
            report.error(&at, "is given twice");
        } else {
            names.push(value.to_owned());
        }
    }
    names
}

fn time(section: &Section<'_>, report: &Report, key: &'static str) -> Option<Field<Duration>> {
    let field = section.duration(key)?;
    if field.value.subsec_nanos() == 0 && (SECOND..=DAY).contains(&field.value) {
        return Some(field);
    }
    report.error(&field.at, "allowed: whole seconds from 1s to 1d");
    None
}

/// Those whose bodies are known well enough to be written anew for each watcher.
const PACKAGES: [&str; 3] = ["dialog", "presence", "message-summary"];
const REG_WORDS: [(&str, Option<Reg>); 3] = [
    ("off", Some(Reg::Off)),
    ("own", Some(Reg::Own)),
    ("any", Some(Reg::Any)),
];
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
