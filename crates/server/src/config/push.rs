//! `[push]`: how phones that sleep are woken (RFC 8599).

use super::{
    environment::Environment,
    reader::{Field, Section},
    report::Report,
    web::{self, Trust, is_url, within},
};
use bellhop_core::push::Push;
use std::{path::Path, sync::Arc, time::Duration};

/// `[push]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PushHook {
    /// The URL that is told of a phone to wake.
    pub(crate) url: String,
    /// How we and it know each other.
    pub(crate) trust: Trust,
    /// When telling it is given up.
    pub(crate) timeout: Duration,
    /// What the core is to know.
    pub(crate) core: Arc<Push>,
}

/// Reads `[push]`; `None`: no phone is woken.
pub(super) fn read(
    top: &Section<'_>,
    report: &Report,
    file: &Path,
    environment: &dyn Environment,
) -> Option<PushHook> {
    let section = top.optional_section("push")?;
    let url = section.text("hook");
    let providers = providers(&section, report);
    let trust = web::trust(&section, report, file, environment);
    let seconds = |key, default, least, most| {
        let bounds = (Duration::from_millis(least), Duration::from_secs(most));
        within(section.duration(key), default, bounds, report)
    };
    let timeout = seconds("timeout", DEFAULT_TIMEOUT, 50, 30);
    let patience = seconds("wait", DEFAULT_WAIT, 1_000, 60);
    let awake = seconds("awake", DEFAULT_AWAKE, 0, 3_600);
    section.finish();
    let allowed = "allowed: hook = \"https://push.example.org/wake\"";
    let url = match url {
        Some(Field { value, .. }) if is_url(value) => Some(value.to_owned()),
        Some(Field { at, .. }) => {
            report.error(&at, format!("is no URL; {allowed}"));
            None
        }
        None => {
            if !section.has("hook") {
                report.error(section.at(), format!("has no hook; {allowed}"));
            }
            None
        }
    };
    Some(PushHook {
        url: url?,
        trust,
        timeout,
        core: Arc::new(Push {
            providers,
            patience,
            awake,
        }),
    })
}

/// The notification services, as phones name them (RFC 8599 14.1): a token each.
fn providers(section: &Section<'_>, report: &Report) -> Vec<String> {
    let allowed = "allowed: providers = [\"apns\", \"fcm\"]";
    let Some(list) = section.texts("providers") else {
        if !section.has("providers") {
            report.error(section.at(), format!("has no providers; {allowed}"));
        }
        return Vec::new();
    };
    if list.value.is_empty() {
        report.error(&list.at, format!("is empty; {allowed}"));
    }
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b);
    let mut providers = Vec::new();
    for Field { value, at } in list.value {
        if value.is_empty() || !value.bytes().all(is_token) {
            report.error(&at, format!("is no name of a service; {allowed}"));
        } else {
            providers.push(value.to_owned());
        }
    }
    providers
}

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);
const DEFAULT_WAIT: Duration = Duration::from_secs(20);
const DEFAULT_AWAKE: Duration = Duration::from_secs(10);
