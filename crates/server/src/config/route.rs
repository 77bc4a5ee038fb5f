//! `[route]`: which PBX gets what is not for a binding, and what is done with calls.

use super::{
    Upstream,
    reader::{Field, Section, quoted},
    report::{At, Report, nearest},
};
use bellhop_core::b2bua::{B2buaConfig, CallLimits, Prack, SessionConfig};
use std::time::Duration;

/// `[route]`.
pub(super) struct Route {
    /// `default`: index into the upstreams.
    pub(super) default: Option<usize>,
    /// Calls have two legs, or may have; `most` is over all workers.
    pub(super) b2bua: Option<B2buaConfig>,
    mode_at: At,
}

/// Reads `[route]`. Where plugins may choose, calls may have two legs whatever the mode is.
pub(super) fn read(
    section: &Section<'_>,
    report: &Report,
    upstreams: &[Upstream],
    plugins_choose: bool,
) -> Route {
    let modes = [("proxy", Some(false)), ("b2bua", Some(true))];
    let is_on = section.choice("mode", &modes);
    let most = section.whole("max_calls", 1..=10_000_000);
    let per_user = section.whole("max_calls_per_user", 1..=1_000_000);
    let per_source = section.whole("max_calls_per_source", 1..=1_000_000);
    let longest = longest(section, report);
    let hide = hide_headers(section, report);
    let hosts = hide_hosts(section, report);
    let session = session(section, report);
    let keepalive = keepalive(section, report);
    let pracks = [
        ("as-needed", Some(Prack::AsNeeded)),
        ("each-leg", Some(Prack::EachLeg)),
    ];
    let prack = section.choice("prack", &pracks);
    let default = default(section, report, upstreams);
    section.finish();
    let is_usual = is_on.is_some_and(|field| field.value);
    let is_on = is_usual || plugins_choose;
    let keys = [
        most.as_ref().map(|field| field.at.clone()),
        per_user.as_ref().map(|field| field.at.clone()),
        per_source.as_ref().map(|field| field.at.clone()),
        longest.as_ref().map(|field| field.at.clone()),
        hide.as_ref().map(|field| field.at.clone()),
        hosts.as_ref().map(|field| field.at.clone()),
        session.as_ref().map(|field| field.at.clone()),
        keepalive.as_ref().map(|field| field.at.clone()),
        prack.as_ref().map(|field| field.at.clone()),
    ];
    for at in keys.into_iter().flatten().filter(|_| !is_on) {
        report.warn(&at, RELAYED);
    }
    let b2bua = B2buaConfig {
        is_usual,
        most: most.map_or(B2buaConfig::default().most, |most| {
            usize::try_from(most.value).unwrap_or(usize::MAX)
        }),
        longest: longest.map(|field| field.value),
        hide: hide.map_or_else(Vec::new, |field| field.value),
        hosts: hosts.map_or_else(Vec::new, |field| field.value),
        session: session.map(|field| field.value),
        keepalive: keepalive.map(|field| field.value),
        prack: prack.map_or_else(Prack::default, |field| field.value),
        limits: CallLimits {
            per_user: per_user.map(number),
            per_source: per_source.map(number),
            per_upstream: of_upstreams(upstreams, report, is_on),
        },
    };
    Route {
        default,
        b2bua: is_on.then_some(b2bua),
        mode_at: section.at_key("mode"),
    }
}

/// Two dialogs have two Request-URIs, which a digest is over: a PBX that challenges the phones itself would never be
/// content. Plugins choose in vain there.
pub(super) fn check(route: &mut Route, report: &Report, passes: bool) {
    if !passes {
        return;
    }
    let b2bua = route.b2bua.take();
    if b2bua.is_some_and(|b2bua| b2bua.is_usual) {
        report.error(
            &route.mode_at,
            "cannot be with registrar mode \"passthrough\": phones cannot answer a PBX's challenges across two \
             dialogs; allowed there: \"proxy\"",
        );
    }
}

fn number(field: Field<u64>) -> u32 {
    u32::try_from(field.value).unwrap_or(u32::MAX)
}

/// `max_calls` of each upstream that has it.
fn of_upstreams(upstreams: &[Upstream], report: &Report, is_on: bool) -> Vec<(String, u32)> {
    let mut limits = Vec::new();
    for upstream in upstreams {
        let Some(Field { value, at }) = &upstream.max_calls else {
            continue;
        };
        if !is_on {
            report.warn(at, RELAYED);
        }
        limits.push((upstream.name.clone(), *value));
    }
    limits
}

fn default(section: &Section<'_>, report: &Report, upstreams: &[Upstream]) -> Option<usize> {
    let Field { value, at } = section.text("default")?;
    let found = upstreams.iter().position(|upstream| upstream.name == value);
    if found.is_none() {
        let names = || upstreams.iter().map(|upstream| upstream.name.as_str());
        let hint = match nearest(value, names()) {
            Some(near) => format!("did you mean {near:?}?"),
            None if upstreams.is_empty() => "there is no [[upstream]]".to_owned(),
            None => format!("allowed: {}", quoted(names())),
        };
        report.error(&at, format!("no upstream has this name; {hint}"));
    }
    found
}

fn longest(section: &Section<'_>, report: &Report) -> Option<Field<Duration>> {
    let field = section.duration("max_duration")?;
    if (MINUTE..=WEEK).contains(&field.value) {
        return Some(field);
    }
    report.error(&field.at, "out of range; allowed: 1m to 7d");
    None
}

/// `session_expires` and `min_se`: without the first each leg has no timer of its own.
fn session(section: &Section<'_>, report: &Report) -> Option<Field<SessionConfig>> {
    let interval = section.duration("session_expires");
    let least = section.duration("min_se");
    let mut is_sound = true;
    for field in [&interval, &least].into_iter().flatten() {
        if !(SESSION..=DAY).contains(&field.value) {
            // RFC 4028 4 and 5: nobody may ask for less.
            report.error(&field.at, "out of range; allowed: 90s to 24h");
            is_sound = false;
        }
    }
    let Some(Field { value, at }) = interval else {
        if let Some(least) = least {
            report.error(&least.at, "means nothing without session_expires");
        }
        return None;
    };
    let shortest = least.as_ref().map_or(SESSION, |field| field.value);
    if let Some(least) = least.filter(|least| least.value > value && is_sound) {
        report.error(
            &least.at,
            "more than session_expires; allowed: as much at most",
        );
        is_sound = false;
    }
    let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    let config = SessionConfig {
        interval: seconds(value),
        least: seconds(shortest),
    };
    is_sound.then_some(Field { value: config, at })
}

fn keepalive(section: &Section<'_>, report: &Report) -> Option<Field<Duration>> {
    let field = section.duration("keepalive")?;
    if (SHORTEST..=DAY).contains(&field.value) {
        return Some(field);
    }
    report.error(&field.at, "out of range; allowed: 10s to 24h");
    None
}

fn hide_headers(section: &Section<'_>, report: &Report) -> Option<Field<Vec<String>>> {
    let Field { value, at } = section.texts("hide_headers")?;
    let mut names = Vec::new();
    for Field { value, at } in value {
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b);
        if value.is_empty() || !value.bytes().all(is_token) {
            report.error(
                &at,
                "is no header name; allowed: a token such as \"X-Node\"",
            );
        } else {
            names.push(value.to_owned());
        }
    }
    Some(Field { value: names, at })
}

fn hide_hosts(section: &Section<'_>, report: &Report) -> Option<Field<Vec<String>>> {
    let Field { value, at } = section.texts("hide_hosts")?;
    let mut names = Vec::new();
    for Field { value, at } in value {
        let is_label = |label: &str| {
            let is_of_one = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
            !label.is_empty() && label.bytes().all(is_of_one)
        };
        if value.split('.').all(is_label) {
            names.push(value.to_owned());
        } else {
            let allowed = "a name or an IPv4 address such as \"pbx.local\", which stands for all below it, too";
            report.error(&at, format!("is no host; allowed: {allowed}"));
        }
    }
    Some(Field { value: names, at })
}

/// What a key of calls with two legs means where there are none.
pub(super) const RELAYED: &str =
    "means nothing here: calls are relayed; it is for mode = \"b2bua\"";
const MINUTE: Duration = Duration::from_secs(60);
const SESSION: Duration = Duration::from_secs(90);
const SHORTEST: Duration = Duration::from_secs(10);
const DAY: Duration = Duration::from_secs(86_400);
const WEEK: Duration = Duration::from_secs(7 * 86_400);
