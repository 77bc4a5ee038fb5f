//! `[registrar]`: how long and how many bindings (RFC 3261 10.3).

use super::{
    reader::{Field, Section},
    report::Report,
    units::show_duration,
};
use std::time::Duration;

/// `[registrar]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registrar {
    /// Less is refused with 423 (RFC 3261 10.3 step 7).
    pub(crate) min_expires: Duration,
    /// More is shortened to this.
    pub(crate) max_expires: Duration,
    /// Contacts of one AoR.
    pub(crate) max_contacts: usize,
}

impl Registrar {
    /// What a REGISTER without an expiry gets: an hour (RFC 3261 10.2), within the bounds.
    pub(crate) fn default_expires(&self) -> Duration {
        HOUR.clamp(self.min_expires, self.max_expires)
    }
}

/// Reads `[registrar]`.
pub(super) fn read(section: Section<'_>, report: &Report) -> Registrar {
    section.choice(
        "mode",
        &[
            ("terminate", Some(())),
            ("passthrough", None),
            ("mirror", None),
            ("contact", None),
            ("aor", None),
        ],
    );
    let min = expires(&section, report, "min_expires");
    let max = expires(&section, report, "max_expires");
    let contacts = section.whole("max_contacts", 1..=1000);
    section.later(
        "upstream_expires",
        "remove it: mode \"terminate\" registers nothing at the PBX",
    );
    section.finish();
    let value = |field: &Option<Field<Duration>>, default| {
        field.as_ref().map_or(default, |field| field.value)
    };
    let max_expires = value(&max, HOUR.max(value(&min, MINUTE)));
    let min_expires = value(&min, MINUTE.min(max_expires));
    if let Some(min) = min.filter(|min| min.value > max_expires) {
        let max = show_duration(max_expires);
        report.error(&min.at, format!("is more than max_expires, which is {max}"));
    }
    Registrar {
        min_expires,
        max_expires,
        max_contacts: contacts.map_or(10, |c| usize::try_from(c.value).unwrap_or(10)),
    }
}

fn expires(section: &Section<'_>, report: &Report, key: &'static str) -> Option<Field<Duration>> {
    let field = section.duration(key)?;
    if field.value.subsec_nanos() == 0 && (SECOND..=YEAR).contains(&field.value) {
        return Some(field);
    }
    report.error(&field.at, "allowed: whole seconds from 1s to 365d");
    None
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const YEAR: Duration = Duration::from_secs(365 * 86_400);
