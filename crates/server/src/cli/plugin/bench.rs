//! `bellhop plugin bench`: what one call of a plugin costs, and what an instance weighs.

use super::trial::{Asked, Spent, Trial};
use std::{fs, time::Duration};

/// The lines to print.
///
/// # Errors
/// The plugin is not asked about such a message, or a call failed: its time would be of failing.
pub(super) fn bench(trial: &mut Trial, asked: &Asked<'_>) -> Result<Vec<String>, String> {
    let first = trial.repeat(asked, 1)?;
    // What waits for a web service is not asked by the thousand.
    let batch = match first.elapsed < SLOW {
        true => BATCH,
        false => 10,
    };
    trial.repeat(asked, batch)?;
    let mut batches = Vec::new();
    let began = std::time::Instant::now();
    while batches.len() < MOST_BATCHES && (batches.len() < 5 || began.elapsed() < PATIENCE) {
        batches.push(trial.repeat(asked, batch)?);
    }
    let each = |of: fn(&Spent) -> Duration| {
        let mut all: Vec<u128> = batches
            .iter()
            .map(|spent| of(spent).div_f64(batch.into()).as_nanos())
            .collect();
        all.sort_unstable();
        let middle = all.len().div_euclid(2);
        (
            all.first().copied().unwrap_or(0),
            all.get(middle).copied().unwrap_or(0),
        )
    };
    let (least, middle) = each(|spent| spent.own);
    let (_, elapsed) = each(|spent| spent.elapsed);
    let mut lines = vec![
        format!(
            "{least} ns of processor time a call at best, {middle} ns in the middle of {} times {batch} calls: the \
             worker's, host and plugin together",
            batches.len()
        ),
        format!("{elapsed} ns a call by the clock"),
    ];
    if cfg!(debug_assertions) {
        lines.push("this bellhop is not optimized: so much more than it should be".to_owned());
    }
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

const BATCH: u32 = 5_000;
/// Of the first call, in which the instance is made too.
const SLOW: Duration = Duration::from_millis(50);
const MOST_BATCHES: usize = 41;
const PATIENCE: Duration = Duration::from_secs(5);
const INSTANCES: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::plugin::trial;
    use std::path::Path;

    #[test]
    fn a_plugin_that_fails_is_not_measured() {
        let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/built/guests");
        let config = trial::config(&built.join("wrecker.wasm"), "{}", [].into_iter().collect());
        let mut trial = Trial::new(config).unwrap();
        let bytes = b"OPTIONS sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1\r\n\
            From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\
            Max-Forwards: 70\r\nX-Wreck: trap\r\nContent-Length: 0\r\n\r\n";
        let asked = Asked {
            bytes,
            from: "192.0.2.10:5060".parse().unwrap(),
            is_tcp: false,
            zone: "outside",
            user: None,
        };
        let error = bench(&mut trial, &asked).unwrap_err();
        assert!(error.starts_with("on-request failed: trapped: "), "{error}");
    }
}
