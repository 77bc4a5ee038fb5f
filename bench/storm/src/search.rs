//! The greatest sustained rate: doubling until it breaks, then bisection.

use crate::args::Cfg;
use crate::stats::{Stats, name};
use crate::uac::Uac;
use std::time::Duration;

/// A slice this late means that this program was kept from its core: no verdict.
const LAG_LIMIT_MS: f64 = 25.0;

fn attempt(uac: &mut Uac<'_>, rate: f64) -> (bool, Stats) {
    let cfg = uac.cfg;
    let mut disturbed = 0;
    let mut left = cfg.tries;
    loop {
        let s = uac.run(rate, (rate * cfg.step) as u64, true);
        let good = s.sustained();
        let noise = !good && s.lag_ms > LAG_LIMIT_MS && disturbed < 3;
        eprintln!(
            "{} {:>9.0}/s  ok {:.3}%  retransmits {}  p50 {:.2}  p99 {:.2} ms  lag {:.1} ms  cpu {:.0}%  {}",
            name(cfg.mode, cfg.refresh),
            rate,
            s.ok as f64 * 100.0 / s.started.max(1) as f64,
            s.retransmits,
            s.latency.quantile_ms(0.5),
            s.latency.quantile_ms(0.99),
            s.lag_ms,
            s.cpu_s() * 100.0 / s.seconds.max(1e-9),
            if good {
                "good"
            } else if noise {
                "disturbed"
            } else {
                "bad"
            },
        );
        std::thread::sleep(Duration::from_millis(if good { 300 } else { 2000 }));
        disturbed += u32::from(noise);
        left -= u32::from(!noise);
        if good || left == 0 {
            return (good, s);
        }
    }
}

/// The best passing step, or the last failing one when none passed.
pub(crate) fn run(uac: &mut Uac<'_>) -> Stats {
    let cfg = uac.cfg;
    let (mut low, mut high, mut rate) = (0.0, f64::INFINITY, cfg.from);
    let mut best = None;
    loop {
        let (good, s) = attempt(uac, rate);
        if good {
            low = rate;
            best = Some(s);
        } else {
            high = rate;
            if best.is_none() && rate < 20.0 {
                return s;
            }
        }
        if low >= cfg.to || (high.is_finite() && high - low <= high * cfg.tolerance) {
            return best.unwrap_or_default();
        }
        rate = if high.is_finite() {
            (low + high) / 2.0
        } else {
            (rate * 2.0).min(cfg.to)
        };
    }
}

pub(crate) fn print(cfg: &Cfg, s: &Stats) {
    if !cfg.json {
        println!("greatest sustained rate {:.0}/s", s.offered_rate);
    }
    s.print(cfg);
}
