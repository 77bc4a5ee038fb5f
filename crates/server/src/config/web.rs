//! What the sections have in common that name a service of the web.

use super::{
    environment::Environment,
    reader::{Field, Section},
    report::Report,
    secret::{self, Given, Secret, beside},
    units::show_duration,
};
use std::{path::Path, time::Duration};

/// How we and a service know each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trust {
    /// Shown to it as a bearer token (RFC 6750).
    pub(crate) token: Option<Secret>,
    /// Certificates (PEM) of those who may vouch for it; `None`: those whom browsers believe.
    pub(crate) ca: Option<String>,
}

/// Reads `token` and `ca`.
pub(super) fn trust(
    section: &Section<'_>,
    report: &Report,
    file: &Path,
    environment: &dyn Environment,
) -> Trust {
    let token = secret::read(section, "token", report, file, environment);
    if matches!(token, Some((_, Given::Plain))) {
        report.warn(
            &section.at_key("token").hidden(),
            "in plain text; better { env = \"NAME\" } or { file = \"path\" }",
        );
    }
    let ca = section.text("ca").and_then(|ca| {
        let text = environment.read(&beside(file, ca.value));
        let unread = |error| report.error(&ca.at, format!("cannot be read: {error}"));
        text.map_err(unread).ok()
    });
    Trust {
        token: token.map(|(token, _)| token),
        ca,
    }
}

/// Whether a text is an http or https URL with a host in it.
pub(super) fn is_url(text: &str) -> bool {
    let has_host = ["http://", "https://"].iter().any(|scheme| {
        let rest = text.strip_prefix(scheme);
        rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '{', '?']))
    });
    has_host && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A duration within bounds, or the default for none.
pub(super) fn within(
    field: Option<Field<Duration>>,
    default: Duration,
    (least, most): (Duration, Duration),
    report: &Report,
) -> Duration {
    let Some(Field { value, at }) = field else {
        return default;
    };
    if !(least..=most).contains(&value) {
        let (least, most) = (show_duration(least), show_duration(most));
        report.error(&at, format!("out of range; allowed: {least:?} to {most:?}"));
    }
    value
}
