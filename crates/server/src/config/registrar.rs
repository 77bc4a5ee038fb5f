//! `[registrar]`: how long and how many bindings (RFC 3261 10.3), and what the PBX hears of them.

use super::{
    reader::{Field, Section},
    report::{At, Report},
    units::show_duration,
    upstream::Upstream,
};
use bellhop_core::lease::Mode;
use std::{ops::RangeInclusive, time::Duration};

/// `[registrar]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registrar {
    /// What the PBX hears, for domains that are not in `domains`.
    pub(crate) mode: Mode,
    /// `[[registrar.domain]]`: domains with a mode of their own.
    pub(crate) domains: Vec<(String, Mode)>,
    /// Less is refused with 423 (RFC 3261 10.3 step 7).
    pub(crate) min_expires: Duration,
    /// More is shortened to this.
    pub(crate) max_expires: Duration,
    /// Contacts of one AoR.
    pub(crate) max_contacts: usize,
    /// What the PBX is asked for.
    pub(crate) upstream_expires: Duration,
    /// REGISTERs a second towards the PBX.
    pub(crate) resync_rate: u32,
    /// The most that a phone behind a NAT gets over UDP.
    pub(crate) udp_nat_expires: Option<Duration>,
    /// How long a binding is kept when its refresh is late.
    pub(crate) grace: Duration,
    /// How often a phone behind a NAT is sent an empty line.
    pub(crate) nat_keepalive: Option<Duration>,
}

impl Registrar {
    /// What a REGISTER without an expiry gets: an hour (RFC 3261 10.2), within the bounds.
    pub(crate) fn default_expires(&self) -> Duration {
        HOUR.clamp(self.min_expires, self.max_expires)
    }

    /// Whether the PBX challenges the phones of all domains itself.
    pub(crate) fn is_the_pbxs(&self) -> bool {
        let passes = |mode: Mode| mode == Mode::Passthrough;
        passes(self.mode) && self.domains.iter().all(|(_, mode)| passes(*mode))
    }

    /// Whether the PBX challenges the phones of any domain itself.
    pub(crate) fn passes(&self) -> bool {
        let passes = |mode: Mode| mode == Mode::Passthrough;
        passes(self.mode) || self.domains.iter().any(|(_, mode)| passes(*mode))
    }

    /// Whether any domain has registrations of ours at the PBX.
    pub(crate) fn has_leases(&self) -> bool {
        let mut own = self.domains.iter();
        self.mode.has_leases() || own.any(|(_, mode)| mode.has_leases())
    }
}

/// The word for a mode.
pub(crate) const fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Terminate => "terminate",
        Mode::Passthrough => "passthrough",
        Mode::Mirror => "mirror",
        Mode::Contact => "contact",
        Mode::Aor => "aor",
    }
}

/// Reads `[registrar]`. `domains` are those that we answer for.
pub(super) fn read(
    section: Section<'_>,
    report: &Report,
    domains: &[String],
    pbx: Option<&Upstream>,
) -> Registrar {
    let mode = mode(&section, report, pbx);
    let own = own_modes(&section, report, domains, pbx);
    let min = expires(&section, report, "min_expires");
    let max = expires(&section, report, "max_expires");
    let contacts = section.whole("max_contacts", 1..=1000);
    let upstream = expires(&section, report, "upstream_expires");
    let nat = expires(&section, report, "udp_nat_expires");
    let grace = within(&section, report, "grace", Duration::ZERO..=HOUR);
    let keepalive = within(&section, report, "nat_keepalive", FIVE..=HOUR);
    let rate = section.whole("resync_rate", 1..=10_000);
    section.finish();
    let [min_at, max_at] = [&min, &max].map(|field| field.as_ref().map(|field| field.at.clone()));
    let value = |field: &Option<Field<Duration>>, default| {
        field.as_ref().map_or(default, |field| field.value)
    };
    let max_expires = value(&max, HOUR.max(value(&min, MINUTE)));
    let min_expires = value(&min, MINUTE.min(max_expires));
    if let Some(min) = min.filter(|min| min.value > max_expires) {
        let max = show_duration(max_expires);
        report.error(&min.at, format!("is more than max_expires, which is {max}"));
    }
    let registrar = Registrar {
        mode,
        domains: own,
        min_expires,
        max_expires,
        max_contacts: contacts.map_or(10, |c| usize::try_from(c.value).unwrap_or(10)),
        upstream_expires: value(&upstream, HOUR),
        udp_nat_expires: nat.map(|field| field.value),
        grace: value(&grace, FIVE),
        nat_keepalive: keepalive.map(|field| field.value),
        resync_rate: rate
            .as_ref()
            .map_or(RATE, |rate| u32::try_from(rate.value).unwrap_or(RATE)),
    };
    let bounds = [min_at, max_at];
    for at in bounds
        .into_iter()
        .flatten()
        .filter(|_| registrar.is_the_pbxs())
    {
        report.warn(
            &at,
            "means nothing here: in mode \"passthrough\" the PBX says how long",
        );
    }
    let idle = "means nothing here: we register nothing at the PBX in this mode";
    let set = [upstream.map(|f| f.at), rate.map(|f| f.at)];
    for at in set.into_iter().flatten() {
        if !registrar.has_leases() {
            report.warn(&at, idle);
        }
    }
    registrar
}

fn mode(section: &Section<'_>, report: &Report, pbx: Option<&Upstream>) -> Mode {
    let Some(Field { value, at }) = section.choice("mode", &MODES) else {
        return Mode::Terminate;
    };
    match pbx {
        None if value != Mode::Terminate => report.error(
            &at,
            "needs a PBX to register at; name one of [[upstream]] in [route] default",
        ),
        Some(pbx) if value == Mode::Passthrough => check_pbx(pbx, &at, report),
        _ => {}
    }
    value
}

/// A PBX that challenges the phones itself: its calls to them must be known from strangers', and a stranger's request
/// must not be answered for with what we know.
fn check_pbx(pbx: &Upstream, at: &At, report: &Report) {
    let name = &pbx.name;
    if !pbx.trusted {
        report.error(
            at,
            format!("needs a PBX whose calls reach the phones unasked; set trusted = true in [[upstream]] {name:?}"),
        );
    }
    if pbx.login.is_some() {
        report.error(
            at,
            format!(
                "the PBX challenges the phones here, and credentials of [[upstream]] {name:?} would answer \
                 for whoever calls; take them out"
            ),
        );
    }
}

fn own_modes(
    section: &Section<'_>,
    report: &Report,
    domains: &[String],
    pbx: Option<&Upstream>,
) -> Vec<(String, Mode)> {
    let mut own: Vec<(String, Mode)> = Vec::new();
    for part in section.sections("domain") {
        let name = part.text("name");
        let mode = mode(&part, report, pbx);
        part.finish();
        let Some(Field { value, at }) = name else {
            if !part.has("name") {
                report.error(part.at(), "has no name; allowed: one of server.domains");
            }
            continue;
        };
        let value = value.to_ascii_lowercase();
        if !domains.contains(&value) {
            let all = super::reader::quoted(domains.iter().map(String::as_str));
            report.error(&at, format!("is not in server.domains; allowed: {all}"));
        } else if own.iter().any(|(other, _)| *other == value) {
            report.error(&at, "is given twice");
        } else {
            own.push((value, mode));
        }
    }
    own
}

fn expires(section: &Section<'_>, report: &Report, key: &'static str) -> Option<Field<Duration>> {
    within(section, report, key, SECOND..=YEAR)
}

fn within(
    section: &Section<'_>,
    report: &Report,
    key: &'static str,
    allowed: RangeInclusive<Duration>,
) -> Option<Field<Duration>> {
    let field = section.duration(key)?;
    if field.value.subsec_nanos() == 0 && allowed.contains(&field.value) {
        return Some(field);
    }
    let (least, most) = (
        show_duration(*allowed.start()),
        show_duration(*allowed.end()),
    );
    report.error(
        &field.at,
        format!("allowed: whole seconds from {least} to {most}"),
    );
    None
}

const MODES: [(&str, Option<Mode>); 5] = [
    ("terminate", Some(Mode::Terminate)),
    ("passthrough", Some(Mode::Passthrough)),
    ("mirror", Some(Mode::Mirror)),
    ("contact", Some(Mode::Contact)),
    ("aor", Some(Mode::Aor)),
];
/// REGISTERs a second towards the PBX.
const RATE: u32 = 50;
const FIVE: Duration = Duration::from_secs(5);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const YEAR: Duration = Duration::from_secs(365 * 86_400);
