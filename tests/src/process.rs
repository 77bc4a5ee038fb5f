//! A child process whose output is kept and whose end is certain: it is ended
//! on drop, and by the kernel if the test program itself dies.

use crate::deadline::{holds_within, until};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A running child and all it has said so far.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    said: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts `command` in a process group of its own, with no input.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(name: &str, mut command: Command) -> Self {
        use std::os::unix::process::CommandExt;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.process_group(0);
        let mut child = command
            .spawn()
            .unwrap_or_else(|e| panic!("{name}: {command:?}: {e}"));
        let said = Arc::new(Mutex::new(String::new()));
        let out = child.stdout.take().map(|out| collect(out, &said));
        let err = child.stderr.take().map(|err| collect(err, &said));
        let readers = out.into_iter().chain(err).collect();
        Self {
            name: name.to_owned(),
            child,
            said,
            readers,
        }
    }

    /// Everything it has written to its standard output and error.
    ///
    /// # Panics
    /// If a reader of its output panicked.
    pub fn said(&self) -> String {
        self.said.lock().expect("the output").clone()
    }

    /// Waits until it has written `needle`.
    ///
    /// # Panics
    /// If it ends first, or does not write it in time.
    pub fn wait_for(&mut self, needle: &str, within: Duration) {
        let what = format!("{} says {needle:?}", self.name);
        until(&what, within, || {
            if self.said().contains(needle) {
                return Some(());
            }
            let ended = self.child.try_wait().expect("its state");
            assert!(
                ended.is_none() || self.said().contains(needle),
                "{} ended: {ended:?}",
                self.name
            );
            None
        });
    }

    /// Is it still there?
    ///
    /// # Panics
    /// If its state cannot be read.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its state").is_none()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it, and what it started, a signal.
    ///
    /// # Panics
    /// If it is gone already.
    pub fn signal(&self, signal: Signal) {
        killpg(self.group(), signal).unwrap_or_else(|e| panic!("{}: {signal}: {e}", self.name));
    }

    /// Waits until it ends by itself; all its output has been read then.
    ///
    /// # Panics
    /// If it does not end in time.
    pub fn finish(&mut self, within: Duration) -> ExitStatus {
        let what = format!("{} ends", self.name);
        let status = until(&what, within, || self.child.try_wait().expect("its state"));
        for reader in self.readers.drain(..) {
            reader.join().expect("a reader of its output");
        }
        status
    }

    fn group(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = killpg(self.group(), Signal::SIGTERM);
            if !holds_within(GRACE, || !matches!(self.child.try_wait(), Ok(None))) {
                let _ = killpg(self.group(), Signal::SIGKILL);
                let _ = self.child.wait();
            }
        }
        if std::thread::panicking() {
            eprintln!("---- {} said ----\n{}", self.name, self.said());
        }
    }
}

/// A command that dies with the test program, where the host can do that.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    if !Path::new(SETPRIV).exists() {
        return Command::new(program);
    }
    let mut command = Command::new(SETPRIV);
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// Runs a short command to its end and returns what it wrote, and whether it succeeded.
///
/// # Panics
/// If it cannot be started or does not end in time.
pub fn run(name: &str, command: Command, within: Duration) -> (bool, String) {
    let mut process = Process::start(name, command);
    let status = process.finish(within);
    (status.success(), process.said())
}

fn collect(from: impl Read + Send + 'static, into: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let into = Arc::clone(into);
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
            let Ok(mut into) = into.lock() else { return };
            into.push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}

const SETPRIV: &str = "/usr/bin/setpriv";
const GRACE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_says_is_kept_and_its_status_told() {
        let mut shell = command("sh");
        shell.args(["-c", "echo out; echo err >&2; exit 3"]);
        let mut process = Process::start("sh", shell);
        assert_eq!(process.finish(GRACE).code(), Some(3));
        let said = process.said();
        assert!(said.contains("out\n") && said.contains("err\n"), "{said:?}");
    }

    #[test]
    fn a_dropped_process_is_gone() {
        let mut shell = command("sh");
        shell.args(["-c", "echo up; exec tail -f /dev/null"]);
        let mut process = Process::start("sh", shell);
        process.wait_for("up", GRACE);
        let proc_entry = format!("/proc/{}", process.id());
        assert!(Path::new(&proc_entry).exists());
        drop(process);
        assert!(!Path::new(&proc_entry).exists());
    }
}
