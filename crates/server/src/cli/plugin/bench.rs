//! `bellhop plugin bench`: what one call of a plugin costs, and what an instance weighs.

use super::trial::{Asked, Trial};
use std::{fs, time::Duration};

/// The lines to print.
///
/// # Errors
/// The plugin is not asked about such a message.
pub(super) fn bench(trial: &mut Trial, asked: &Asked<'_>) -> Result<Vec<String>, String> {
    trial.repeat(asked, WARM_UP)?;
    let mut batches = Vec::new();
    let began = std::time::Instant::now();
    while batches.len() < MOST_BATCHES && (batches.len() < 5 || began.elapsed() < PATIENCE) {
        batches.push(trial.repeat(asked, BATCH)?.div_f64(BATCH.into()).as_nanos());
    }
    batches.sort_unstable();
    let least = batches.first().copied().unwrap_or(0);
    let middle = batches
        .get(batches.len().div_euclid(2))
        .copied()
        .unwrap_or(0);
    let mut lines = vec![format!(
        "{least} ns a call at best, {middle} ns in the middle ({} times {BATCH} calls, host and plugin together)",
        batches.len()
    )];
    let before = resident();
    let mut others = Vec::new();
    for _ in 0..INSTANCES {
        others.push(trial.another());
        trial.repeat(asked, 1)?;
    }
    if let (Some(before), Some(after)) = (before, resident()) {
        let each = after
            .saturating_sub(before)
            .div_euclid(u64::from(INSTANCES));
        lines.push(format!(
            "{each} KiB of memory for an instance; each worker has one"
        ));
    }
    Ok(lines)
}

/// The memory of this process, KiB; Linux tells.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

const WARM_UP: u32 = 2_000;
const BATCH: u32 = 5_000;
const MOST_BATCHES: usize = 41;
const PATIENCE: Duration = Duration::from_secs(5);
const INSTANCES: u32 = 16;
