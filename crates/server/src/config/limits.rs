//! `[limits]`: what one message, one source and all that is under way may cost.

use super::{
    Environment,
    reader::{Field, Section},
    report::Report,
    units::show_size,
};
use std::{ops::RangeInclusive, path::Path};

/// `[limits]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes of one message; more is answered 513, or 413 if it is the body that is too long.
    pub(crate) message: usize,
    /// Bytes of memory for transactions, over all workers; requests beyond are answered 503.
    pub(crate) transactions: usize,
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

/// Reads `[limits]` for so many workers.
pub(super) fn read(
    section: Section<'_>,
    report: &Report,
    environment: &dyn Environment,
    workers: usize,
) -> Limits {
    let message = within(section.size("message"), SMALLEST..=LARGEST, report);
    let transactions = within(section.size("transactions"), LEAST..=MOST, report);
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
        transactions: transactions.unwrap_or_else(|| {
            let wanted = workers.saturating_mul(FOR_A_WORKER);
            let half = |memory: usize| memory.div_ceil(2).max(LEAST) >> 20 << 20;
            memory(environment).map_or(wanted, |memory| wanted.min(half(memory)))
        }),
        rate,
    }
}

fn within(
    field: Option<Field<usize>>,
    range: RangeInclusive<usize>,
    report: &Report,
) -> Option<usize> {
    let field = field?;
    if !range.contains(&field.value) {
        let (low, high) = (show_size(*range.start()), show_size(*range.end()));
        report.error(
            &field.at,
            format!("out of range; allowed: {low:?} to {high:?}"),
        );
    }
    Some(field.value)
}

/// The bytes of memory that we may use: the machine's, or what our control group is held to.
fn memory(environment: &dyn Environment) -> Option<usize> {
    let machine = environment.read(Path::new("/proc/meminfo")).ok();
    let machine = machine.as_deref().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let kib: usize = line?.trim().strip_suffix(" kB")?.parse().ok()?;
        kib.checked_mul(1 << 10)
    });
    let group = environment.read(Path::new("/sys/fs/cgroup/memory.max"));
    let group = group.ok().and_then(|text| text.trim().parse().ok());
    machine.into_iter().chain(group).min()
}

const DEFAULT_MESSAGE: usize = 64 << 10;
const SMALLEST: usize = 2 << 10;
const LARGEST: usize = 1 << 20;
/// A core serves some 10,000 calls a second, each of which takes 2 KiB for 32 s.
const FOR_A_WORKER: usize = 1 << 30;
const LEAST: usize = 1 << 20;
const MOST: usize = 1 << 40;
