//! `[limits]`: what one message and one source may cost.

use super::{
    reader::{Field, Section},
    report::Report,
    units::show_size,
};

/// `[limits]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes of one message; more is answered 513, or 413 if it is the body that is too long.
    pub(crate) message: usize,
    /// Requests from one outside address; `None`: no limit.
    pub(crate) rate: Option<Rate>,
}

/// A token bucket for each outside address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Requests a second in the long run.
    pub(crate) per_source: u32,
    /// Requests at once.
    pub(crate) burst: u32,
}

/// Reads `[limits]`.
pub(super) fn read(section: Section<'_>, report: &Report) -> Limits {
    let message = section.size("message").map(|field| message(field, report));
    let rate = section.optional_section("rate").and_then(|rate| {
        let whole = |key| rate.whole(key, 1..=1_000_000);
        let per_source = whole("per_source");
        let burst = whole("burst");
        rate.finish();
        let number = |field: Field<u64>| u32::try_from(field.value).unwrap_or(u32::MAX);
        let burst_at = burst.as_ref().map(|b| b.at.clone());
        let (per_source, burst) = (per_source.map(number), burst.map(number));
        if per_source.is_none() && !rate.has("per_source") {
            report.error(
                rate.at(),
                "has no per_source; allowed: { per_source = 100, burst = 200 }",
            );
        }
        let per_source = per_source?;
        let burst = burst.unwrap_or_else(|| per_source.saturating_mul(2));
        if let Some(at) = burst_at.filter(|_| burst < per_source) {
            report.error(
                &at,
                format!("is less than per_source, which is {per_source}"),
            );
        }
        Some(Rate { per_source, burst })
    });
    section.finish();
    Limits {
        message: message.unwrap_or(DEFAULT_MESSAGE),
        rate,
    }
}

fn message(field: Field<usize>, report: &Report) -> usize {
    if !(SMALLEST..=LARGEST).contains(&field.value) {
        let (low, high) = (show_size(SMALLEST), show_size(LARGEST));
        report.error(
            &field.at,
            format!("out of range; allowed: {low:?} to {high:?}"),
        );
    }
    field.value
}

const DEFAULT_MESSAGE: usize = 64 << 10;
const SMALLEST: usize = 2 << 10;
const LARGEST: usize = 1 << 20;
