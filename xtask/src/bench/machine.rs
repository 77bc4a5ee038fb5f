//! What the figures were taken on and with.

use super::server::Ground;
use serde::{Deserialize, Serialize};
use std::fs;
use std::process::Command;

/// Facts that belong beside every figure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Machine {
    /// When the run began, UTC.
    pub(super) date: String,
    /// The processor's model.
    pub(super) cpu: String,
    /// Its cores.
    pub(super) cores: usize,
    /// Whether a hypervisor is below.
    pub(super) is_virtual: bool,
    /// The frequency governor, if one can be read.
    pub(super) governor: Option<String>,
    /// Memory, MiB.
    pub(super) memory_mb: u64,
    /// The kernel's release.
    pub(super) kernel: String,
    /// Load averages when the run began.
    pub(super) load: String,
    /// Our version.
    pub(super) bellhop: String,
    /// Our commit; with `+` if files differ from it.
    pub(super) commit: String,
    /// Kamailio's version.
    pub(super) kamailio: String,
    /// The compiler's version.
    pub(super) rustc: String,
}

impl Machine {
    /// Asks the machine and the programs.
    pub(super) fn read(ground: &Ground) -> Self {
        let processors = file("/proc/cpuinfo");
        let git = |args: &[&str]| said(Command::new("git").current_dir(&ground.root).args(args));
        let mark = if git(&["status", "--porcelain"]).is_empty() {
            ""
        } else {
            "+"
        };
        let kamailio = Command::new(ground.root.join("tests/lab/run.sh"))
            .env("LAB_ROOT", ground.lab.join("kamailio"))
            .args(["usr/sbin/kamailio", "-v"])
            .output();
        let kamailio = kamailio.map(|out| String::from_utf8_lossy(&out.stdout).into_owned());
        Self {
            date: said(Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"])),
            cpu: value(&processors, "model name"),
            cores: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            is_virtual: value(&processors, "flags")
                .split(' ')
                .any(|flag| flag == "hypervisor"),
            governor: governor(),
            memory_mb: kib(&value(&file("/proc/meminfo"), "MemTotal")).div_euclid(1024),
            kernel: file("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: load(),
            bellhop: said(Command::new(&ground.bellhop).arg("--version")),
            commit: format!("{}{mark}", git(&["rev-parse", "--short=12", "HEAD"])),
            kamailio: version(&kamailio.unwrap_or_default()),
            rustc: said(Command::new("rustc").arg("--version")),
        }
    }

    /// The day of [`Self::date`].
    pub(super) fn day(&self) -> &str {
        self.date.split('T').next().unwrap_or_default()
    }
}

/// The three load averages now.
pub(super) fn load() -> String {
    let text = file("/proc/loadavg");
    let averages: Vec<&str> = text.split(' ').take(3).collect();
    averages.join(" ")
}

fn governor() -> Option<String> {
    let path = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned())
}

/// The value of the first `name : value` line.
fn value(text: &str, name: &str) -> String {
    let pair = |line: &str| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    };
    text.lines().find_map(pair).unwrap_or_default()
}

fn kib(value: &str) -> u64 {
    let number = value.split(' ').next();
    number.and_then(|n| n.parse().ok()).unwrap_or_default()
}

/// `version: kamailio 5.6.3 (x86_64/linux)` without its label and platform.
fn version(printed: &str) -> String {
    let line = printed.lines().next().unwrap_or_default();
    let line = line.strip_prefix("version: ").unwrap_or(line);
    line.split(" (").next().unwrap_or(line).trim().to_owned()
}

fn said(command: &mut Command) -> String {
    let output = command.output();
    let text = output.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned());
    text.unwrap_or_default()
}

fn file(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_from_what_the_system_prints() {
        let processors = "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu hypervisor sse\n";
        assert_eq!(value(processors, "model name"), "AMD EPYC");
        assert_eq!(value(processors, "model"), "");
        assert_eq!(
            kib(&value("MemTotal:       24682000 kB\n", "MemTotal")),
            24_682_000
        );
        let printed = "version: kamailio 5.6.3 (x86_64/linux) \nflags: USE_TCP\n";
        assert_eq!(version(printed), "kamailio 5.6.3");
        assert_eq!(version(""), "");
    }

    #[test]
    fn the_day_is_the_dates_first_part() {
        let machine = Machine {
            date: "2026-11-23T11:02:03Z".to_owned(),
            ..Machine::default()
        };
        assert_eq!(machine.day(), "2026-11-23");
    }
}
