//! A program pinned to one core, with a weight of its own, ended when it is let go of.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server.
pub(super) struct Process {
    child: Child,
}

impl Process {
    /// Starts a program on a core; what it prints goes to `log`.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) fn start(core: u32, program: &Command, log: &Path) -> Result<Self, String> {
        let open = || File::create(log).map_err(|e| format!("{}: {e}", log.display()));
        let out = open()?;
        let err = out
            .try_clone()
            .map_err(|e| format!("{}: {e}", log.display()))?;
        let mut command = pinned(core, program);
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let child = command.spawn().map_err(|e| format!("{program:?}: {e}"))?;
        Ok(Self { child })
    }

    /// Its process id; the wrappers around the program have become it.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it listens on a UDP port and has as many children, and lets it settle.
    ///
    /// # Errors
    /// It ended, or did not get there in time.
    pub(super) fn await_udp(&mut self, port: u16, children: usize) -> Result<(), String> {
        let end = Instant::now().checked_add(PATIENCE);
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("ended at once: {status}"));
            }
            if listens(&read("/proc/net/udp"), port) && self.children() >= children {
                std::thread::sleep(SETTLE);
                return Ok(());
            }
            if end.is_none_or(|end| Instant::now() > end) {
                return Err(format!("does not listen on port {port}"));
            }
            std::thread::sleep(STEP);
        }
    }

    fn children(&self) -> usize {
        let id = self.id();
        let children = read(&format!("/proc/{id}/task/{id}/children"));
        children.split_whitespace().count()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let id = self.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let end = Instant::now().checked_add(PATIENCE);
        while let Ok(None) = self.child.try_wait() {
            if end.is_none_or(|end| Instant::now() > end) {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            std::thread::sleep(STEP);
        }
    }
}

/// The program as it runs on one core: a session of its own, since with the scheduler's autogroups a
/// nice value counts only within one, and ended with us should we be killed.
pub(super) fn pinned(core: u32, program: &Command) -> Command {
    let nice = if is_root() { NICE } else { "0" };
    let mut command = Command::new("setsid");
    command.args(["sh", "-c", WRAPPER, "bench", nice, &core.to_string()]);
    command.arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        command.env(name, value.unwrap_or(OsStr::new("")));
    }
    if let Some(dir) = program.get_current_dir() {
        command.current_dir(dir);
    }
    command
}

/// Whether a UDP socket is bound to the port, in the words of `/proc/net/udp`.
fn listens(table: &str, port: u16) -> bool {
    let suffix = format!(":{port:04X}");
    let local = |line: &str| {
        let address = line.split_whitespace().nth(1);
        address.is_some_and(|address| address.ends_with(&suffix))
    };
    table.lines().skip(1).any(local)
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

const WRAPPER: &str = "n=$1 c=$2; shift 2; { echo \"$n\" >/proc/self/autogroup; } 2>/dev/null; \
                       exec setpriv --pdeathsig TERM nice -n \"$n\" taskset -c \"$c\" \"$@\"";
/// Above what else runs, for the servers and for storm alike.
const NICE: &str = "-10";
const PATIENCE: Duration = Duration::from_secs(20);
const STEP: Duration = Duration::from_millis(20);
const SETTLE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_port_is_found_among_the_local_addresses_only() {
        let table = "  sl  local_address rem_address   st\n\
             1: 0100637F:13C4 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 1 2 0\n\
             2: 0100007F:0035 0100637F:13C5 07 00000000:00000000 00:00000000 00000000 0 0 1 2 0\n";
        assert!(listens(table, 5060));
        assert!(!listens(table, 5061));
        assert!(!listens("", 5060));
    }

    #[test]
    fn a_pinned_program_keeps_its_arguments_and_its_environment() {
        let mut program = Command::new("echo");
        program.args(["a b", "$c"]).env("BENCH", "1");
        let pinned = pinned(1, &program);
        let args: Vec<_> = pinned.get_args().collect();
        assert!(args.ends_with(&["1".as_ref(), "echo".as_ref(), "a b".as_ref(), "$c".as_ref()]));
        assert!(pinned.get_envs().any(|(name, _)| name == "BENCH"));
    }
}
