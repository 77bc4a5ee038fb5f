//! What the system says of this process.

use super::text::Text;
use nix::sys::resource::{UsageWho, getrusage};
use std::fs;

/// Bytes of memory that it takes.
pub(in crate::admin) fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kib.checked_mul(1024)
}

/// Adds its families.
pub(super) fn write(text: &mut Text) {
    if let Some(bytes) = resident() {
        text.gauge(
            "bellhop_memory_resident_bytes",
            "Memory that the process takes.",
        );
        text.sample(&[], bytes);
    }
    if let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) {
        text.counter(
            "bellhop_cpu_seconds_total",
            "CPU time that the process took.",
        );
        for (mode, time) in [("user", usage.user_time()), ("system", usage.system_time())] {
            let seconds = time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
            text.sample(&[("mode", mode)], seconds);
        }
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        text.gauge(
            "bellhop_open_descriptors",
            "Files and sockets that are open.",
        );
        text.sample(&[], open.count());
    }
}
