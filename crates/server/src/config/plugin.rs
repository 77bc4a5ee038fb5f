//! `[[plugin]]`: the policy plugins, in the order in which a message meets them.

use super::{
    reader::{Field, Section, quoted},
    report::{Report, nearest},
    secret::beside,
    units::{show_duration, show_size},
};
use bellhop_policy::{
    Capability, Grants, HttpLimits, Isolation, OnError, PluginConfig, Quarantine, StoreLimits,
};
use std::{ops::RangeInclusive, path::Path, time::Duration};

/// Reads all `[[plugin]]`.
pub(super) fn read(top: &Section<'_>, report: &Report, file: &Path) -> Vec<PluginConfig> {
    let mut plugins: Vec<(PluginConfig, usize)> = Vec::new();
    for section in top.sections("plugin") {
        let name = section.text("name");
        let path = section.text("file");
        for (key, example) in [
            ("name", "\"block-list\""),
            ("file", "\"plugins/block_list.wasm\""),
        ] {
            if !section.has(key) {
                report.error(
                    section.at(),
                    format!("has no {key}; allowed: {key} = {example}"),
                );
            }
        }
        if let Some(path) = path.as_ref().filter(|path| path.value.is_empty()) {
            report.error(&path.at, "is empty; allowed: the path of a .wasm file");
        }
        let known = name.as_ref().map_or("", |name| name.value);
        let path = beside(file, path.as_ref().map_or("", |path| path.value));
        let plugin = one(&section, report, PluginConfig::new(known, path));
        section.finish();
        let Some(name) = name else {
            continue;
        };
        check_name(&name, &plugins, report);
        plugins.push((plugin, name.at.line));
    }
    plugins.into_iter().map(|(plugin, _)| plugin).collect()
}

fn one(section: &Section<'_>, report: &Report, defaults: PluginConfig) -> PluginConfig {
    let sha256 = section.parsed("sha256", digest);
    let config = section.json("config");
    let grants = grants(section, report);
    let on_error = section.choice(
        "on_error",
        &[
            ("continue", Some(OnError::Continue)),
            ("reject", Some(OnError::Reject)),
        ],
    );
    let isolation = section.choice(
        "isolation",
        &[
            ("kept", Some(Isolation::Kept)),
            ("request", Some(Isolation::Request)),
        ],
    );
    let deadline = during(section, report, "deadline", MS..=Duration::from_secs(1));
    let memory = sized(
        section,
        report,
        "memory",
        (64 << 10)..=PluginConfig::MOST_MEMORY,
    );
    let timer = during(section, report, "timer", Duration::from_millis(100)..=DAY);
    let shadow = section.flag("shadow");
    let log_lines = section.whole("log_lines", 0..=1_000_000);
    let store = store(section, report, defaults.store);
    let quarantine = quarantine(section, report, defaults.quarantine);
    let http = http(
        section,
        report,
        defaults.http.clone(),
        grants.has(Capability::Http),
    );
    PluginConfig {
        sha256: sha256.map(|field| field.value),
        config: config.unwrap_or_else(|| defaults.config.clone()),
        grants,
        on_error: on_error.map_or(defaults.on_error, |field| field.value),
        isolation: isolation.map_or(defaults.isolation, |field| field.value),
        deadline: deadline.unwrap_or(defaults.deadline),
        memory: memory.unwrap_or(defaults.memory),
        timer,
        shadow: shadow.is_some_and(|field| field.value),
        log_lines: number(log_lines, defaults.log_lines),
        store,
        quarantine,
        http,
        ..defaults
    }
}

fn check_name(name: &Field<&str>, others: &[(PluginConfig, usize)], report: &Report) {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.value.is_empty() || name.value.len() > 64 || !name.value.chars().all(is_plain) {
        report.error(
            &name.at,
            "not a plugin's name; allowed: up to 64 letters, digits, \"-\", \"_\" and \".\"",
        );
    }
    if let Some((_, line)) = others.iter().find(|(other, _)| other.name == name.value) {
        report.error(
            &name.at,
            format!("a plugin in line {line} has this name too"),
        );
    }
}

fn grants(section: &Section<'_>, report: &Report) -> Grants {
    let listed = section.texts("grant");
    let mut grants = Grants::NONE;
    for Field { value, at } in listed.into_iter().flat_map(|list| list.value) {
        match value.parse::<Capability>() {
            Ok(capability) => grants = grants.with(capability),
            Err(_) => {
                let names = || Capability::ALL.into_iter().map(Capability::name);
                let hint = match nearest(value, names()) {
                    Some(near) => format!("did you mean {near:?}?"),
                    None => format!("allowed: {}", quoted(names())),
                };
                report.error(&at, format!("no such capability; {hint}"));
            }
        }
    }
    grants
}

fn store(section: &Section<'_>, report: &Report, defaults: StoreLimits) -> StoreLimits {
    let Some(section) = section.optional_section("store") else {
        return defaults;
    };
    let keys = section.whole("keys", 1..=10_000_000);
    let bytes = sized(&section, report, "bytes", 1024..=(1 << 30));
    section.finish();
    StoreLimits {
        keys: keys.map_or(defaults.keys, |field| {
            usize::try_from(field.value).unwrap_or(usize::MAX)
        }),
        bytes: bytes.unwrap_or(defaults.bytes),
    }
}

fn quarantine(section: &Section<'_>, report: &Report, defaults: Quarantine) -> Quarantine {
    let Some(section) = section.optional_section("quarantine") else {
        return defaults;
    };
    let failures = section.whole("failures", 0..=1_000_000);
    if failures.as_ref().is_some_and(|field| field.value == 0) {
        report.warn(
            &section.at_key("failures"),
            "the plugin is never left alone, however often it fails: for tests",
        );
    }
    let within = during(&section, report, "within", MS..=DAY);
    let pause = during(&section, report, "pause", MS..=DAY);
    section.finish();
    Quarantine {
        failures: number(failures, defaults.failures),
        within: within.unwrap_or(defaults.within),
        pause: pause.unwrap_or(defaults.pause),
    }
}

fn http(
    section: &Section<'_>,
    report: &Report,
    defaults: HttpLimits,
    is_granted: bool,
) -> HttpLimits {
    let Some(section) = section.optional_section("http") else {
        if is_granted {
            let at = section.at_key("http");
            report.error(&at, "is missing, and \"http\" is granted; allowed: http = { hosts = [\"api.example.org\"] }");
        }
        return defaults;
    };
    if !is_granted {
        report.warn(section.at(), "is of no use: \"http\" is not granted");
    }
    let hosts = section.texts("hosts");
    if hosts.as_ref().is_none_or(|hosts| hosts.value.is_empty()) {
        report.error(
            section.at(),
            "has no hosts; allowed: hosts = [\"api.example.org\"]",
        );
    }
    let second = Duration::from_secs(1);
    let timeout = during(&section, report, "timeout", MS..=second.saturating_mul(30));
    let deadline = during(&section, report, "deadline", MS..=second.saturating_mul(30));
    let response = sized(&section, report, "response", 1024..=(16 << 20));
    let concurrency = section.whole("concurrency", 1..=256);
    let queue = section.whole("queue", 0..=65_536);
    section.finish();
    let count = |field: Option<Field<u64>>, or: usize| {
        field.map_or(or, |field| usize::try_from(field.value).unwrap_or(or))
    };
    HttpLimits {
        hosts: hosts
            .into_iter()
            .flat_map(|hosts| hosts.value)
            .map(|host| host.value.to_owned())
            .collect(),
        timeout: timeout.unwrap_or(defaults.timeout),
        deadline: deadline.unwrap_or(defaults.deadline),
        response: response.unwrap_or(defaults.response),
        concurrency: count(concurrency, defaults.concurrency),
        queue: count(queue, defaults.queue),
    }
}

fn during(
    section: &Section<'_>,
    report: &Report,
    key: &'static str,
    range: RangeInclusive<Duration>,
) -> Option<Duration> {
    let field = section.duration(key)?;
    if !range.contains(&field.value) {
        let (low, high) = (show_duration(*range.start()), show_duration(*range.end()));
        report.error(
            &field.at,
            format!("out of range; allowed: {low:?} to {high:?}"),
        );
    }
    Some(field.value)
}

fn sized(
    section: &Section<'_>,
    report: &Report,
    key: &'static str,
    range: RangeInclusive<usize>,
) -> Option<usize> {
    let field = section.size(key)?;
    if !range.contains(&field.value) {
        let (low, high) = (show_size(*range.start()), show_size(*range.end()));
        report.error(
            &field.at,
            format!("out of range; allowed: {low:?} to {high:?}"),
        );
    }
    Some(field.value)
}

fn digest(text: &str) -> Result<[u8; 32], String> {
    let mut hash = [0; 32];
    let pairs = text.as_bytes().chunks_exact(2);
    let is_whole = text.len() == 64;
    let byte = |pair: &[u8]| {
        let pair = str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    };
    for (place, pair) in hash.iter_mut().zip(pairs) {
        *place = byte(pair).filter(|_| is_whole).ok_or(NO_DIGEST)?;
    }
    if is_whole {
        Ok(hash)
    } else {
        Err(NO_DIGEST.to_owned())
    }
}

fn number(field: Option<Field<u64>>, default: u32) -> u32 {
    field.map_or(default, |field| {
        u32::try_from(field.value).unwrap_or(u32::MAX)
    })
}

const MS: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(86_400);
const NO_DIGEST: &str = "not a SHA-256; allowed: 64 hexadecimal digits, as sha256sum prints them";
