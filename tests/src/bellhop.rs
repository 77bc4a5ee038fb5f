//! The program under test: its configuration, its life, its log.

use crate::lane::{Lane, Transport};
use crate::netns::Place;
use crate::process::Process;
use crate::temp::TempDir;
use nix::sys::signal::Signal;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A running Bellhop; ended on drop.
#[derive(Debug)]
pub struct Bellhop {
    dir: TempDir,
    place: Place,
    process: Option<Process>,
    room: Option<u64>,
    /// What earlier processes of this test said.
    before: String,
}

/// What is written into its `bellhop.toml`. The users are 6001 and on, ten unless told otherwise, their
/// passwords `secret` and the name.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where it runs.
    pub place: Place,
    /// Bind strings and zones, `udp:127.0.0.2:5060`.
    pub listen: Vec<(String, Zone)>,
    /// The PBX, a SIP URI; nothing: no upstream and no default route.
    pub upstream: Option<String>,
    /// A second target of it.
    pub spare: Option<String>,
    /// What is offered in a challenge, in this order.
    pub algorithms: Vec<&'static str>,
    /// Where its users are, as `[auth]` says it.
    pub users: String,
    /// Headers that nobody outside may send, besides the identity headers.
    pub strip: Vec<&'static str>,
    /// Below which level nothing is logged.
    pub log: &'static str,
    /// Lines of `[registrar]`.
    pub registrar: String,
    /// KiB that a file of its may have: beyond them its disk is full.
    pub room: Option<u64>,
    /// The users log in at the PBX with what they log in with here.
    pub offload: bool,
    /// What everybody logs in with at the PBX.
    pub trunk: Option<&'static str>,
    /// How often the PBX is asked whether it is there; nothing: never.
    pub probe: Option<&'static str>,
    /// How many users there are.
    pub user_count: u32,
    /// How the PBX is registered at.
    pub profile: Option<&'static str>,
    /// Lines of `[route]` besides the default; only with a PBX.
    pub route: String,
    /// Lines at the end of the file.
    pub more: String,
}

/// Which side a listener faces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// Challenged.
    Outside,
    /// Trusted.
    Inside,
}

impl Setup {
    /// UDP and TCP at the lane's address, the lane's PBX behind it by UDP.
    pub fn new(lane: &Lane) -> Self {
        let listen = |transport| (format!("{transport}:{}", lane.bellhop()), Zone::Outside);
        Self {
            place: Place::Here,
            listen: Transport::BOTH.map(listen).into(),
            upstream: Some(format!("sip:{}", lane.pbx())),
            spare: None,
            algorithms: vec!["SHA-256", "MD5"],
            users: "{ file = \"users.toml\" }".to_owned(),
            strip: Vec::new(),
            log: "debug",
            registrar: "min_expires = \"10s\"\n".to_owned(),
            room: None,
            offload: false,
            trunk: None,
            profile: None,
            probe: None,
            user_count: 10,
            route: String::new(),
            more: String::new(),
        }
    }

    /// No PBX behind it.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.upstream = None;
        self
    }

    /// Takes WebSockets, too, at [`Lane::web`]; `lines` are the listener's further keys.
    #[must_use]
    pub fn with_web(mut self, lines: &str) -> Self {
        let udp = self.listen.first().map_or("", |(bind, _)| bind);
        let bind = udp.replace("udp:", "ws:").replace(":5060", ":5066");
        let web = format!("[[listen]]\nname = \"web\"\nbind = \"{bind}\"\n{lines}\n");
        self.more = web + &self.more;
        self
    }

    /// The PBX is reached by `transport`.
    #[must_use]
    pub fn upstream_over(mut self, transport: Transport) -> Self {
        self.upstream = self.upstream.map(|uri| uri + transport.uri_parameter());
        self
    }

    /// One algorithm only is offered.
    #[must_use]
    pub fn only(mut self, algorithm: &'static str) -> Self {
        self.algorithms = vec![algorithm];
        self
    }

    /// Logs from this level on.
    #[must_use]
    pub fn log(mut self, level: &'static str) -> Self {
        self.log = level;
        self
    }

    /// Keeps what must outlive it in this directory.
    #[must_use]
    pub fn data_dir(mut self, dir: &Path) -> Self {
        let _ = writeln!(self.more, "[server]\ndata_dir = \"{}\"", dir.display());
        self
    }

    /// Takes these headers off too.
    #[must_use]
    pub fn strip(mut self, names: &[&'static str]) -> Self {
        self.strip = names.to_vec();
        self
    }

    /// Starts it and waits for its line `bellhop ready`.
    ///
    /// # Panics
    /// If it does not become ready.
    pub fn start(self) -> Bellhop {
        let dir = self.write();
        let mut bellhop = Bellhop {
            dir,
            place: self.place,
            process: None,
            room: self.room,
            before: String::new(),
        };
        bellhop.start();
        bellhop
    }

    /// Writes `bellhop.toml` and `users.toml` into a directory of their own.
    pub fn write(&self) -> TempDir {
        let dir = TempDir::new();
        dir.write(CONFIG, &self.toml());
        dir.write("users.toml", &users(self.user_count, self.offload));
        dir
    }

    fn toml(&self) -> String {
        let mut text = String::new();
        for (n, (bind, zone)) in self.listen.iter().enumerate() {
            let zone = match zone {
                Zone::Outside => "outside",
                Zone::Inside => "inside",
            };
            let _ = writeln!(
                text,
                "[[listen]]\nname = \"l{n}\"\nbind = \"{bind}\"\nzone = \"{zone}\""
            );
        }
        if let Some(target) = &self.upstream {
            let targets: Vec<&String> = std::iter::once(target).chain(&self.spare).collect();
            let _ = writeln!(text, "[[upstream]]\nname = \"pbx\"\ntargets = {targets:?}");
            if let Some(trunk) = self.trunk {
                let _ = writeln!(
                    text,
                    "credentials = {{ username = \"{trunk}\", password = \"secret{trunk}\" }}"
                );
            }
            if let Some(probe) = self.probe {
                let _ = writeln!(text, "probe = \"{probe}\"");
            }
            if let Some(profile) = self.profile {
                let _ = writeln!(text, "profile = \"{profile}\"");
            }
            let _ = writeln!(
                text,
                "trusted = true\n[route]\ndefault = \"pbx\"\n{}",
                self.route
            );
        }
        let _ = writeln!(
            text,
            "[auth]\nrealm = \"bellhop.test\"\nalgorithms = {:?}",
            self.algorithms
        );
        let _ = writeln!(text, "strip_headers = {:?}", self.strip);
        let _ = writeln!(text, "users = {}", self.users);
        // Phones of the lab register for shorter times than the default allows.
        let _ = writeln!(
            text,
            "[registrar]\n{}[log]\nlevel = \"{}\"",
            self.registrar, self.log
        );
        text + &self.more
    }
}

impl Bellhop {
    /// Starts it, if it is stopped, and waits for its line `bellhop ready`.
    ///
    /// # Panics
    /// If it does not become ready.
    pub fn start(&mut self) {
        let mut command = match self.room {
            None => self.place.command(binary()),
            Some(kib) => {
                let mut shell = self.place.command("bash");
                let script = format!("trap '' XFSZ; ulimit -S -f {kib}; exec \"$0\" \"$@\"");
                shell.arg("-c").arg(script).arg(binary());
                shell
            }
        };
        command.args(["run", "--config"]).arg(self.config());
        let mut process = Process::start("bellhop", command);
        process.wait_for("bellhop ready", READY);
        self.process = Some(process);
    }

    /// Gives it room on its disk again.
    ///
    /// # Panics
    /// If that is not to be had.
    pub fn more_room(&mut self) {
        self.room = None;
        let id = self.process.as_ref().expect("a running Bellhop").id();
        let mut command = std::process::Command::new("prlimit");
        command.arg("--pid").arg(id.to_string());
        let status = command.arg("--fsize=unlimited").status();
        assert!(status.expect("prlimit").success());
    }

    /// How large a file of its may be from its next start on, in KiB.
    pub fn set_room(&mut self, kib: u64) {
        self.room = Some(kib);
    }

    /// Sends SIGTERM and returns the exit status.
    ///
    /// # Panics
    /// If it does not end in time.
    pub fn stop(&mut self) -> Option<i32> {
        self.end(Signal::SIGTERM)
    }

    /// Kills it, as a crash would.
    ///
    /// # Panics
    /// If it does not end in time.
    pub fn kill(&mut self) {
        self.end(Signal::SIGKILL);
    }

    /// Asks it to read its configuration again.
    ///
    /// # Panics
    /// If it is not running.
    pub fn reload(&self) {
        self.process
            .as_ref()
            .expect("a running Bellhop")
            .signal(Signal::SIGHUP);
    }

    /// Its resident memory in kB.
    ///
    /// # Panics
    /// If it is not running.
    pub fn resident_kb(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most resident memory that it has held, in kB.
    ///
    /// # Panics
    /// If it is not running.
    pub fn peak_kb(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, which: &str) -> u64 {
        let id = self.process.as_ref().expect("a running Bellhop").id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix(which));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.and_then(|kb| kb.parse().ok()).expect("its memory")
    }

    /// Everything it has said, by way of its log or otherwise.
    pub fn log(&self) -> String {
        let now = self.process.as_ref().map(Process::said).unwrap_or_default();
        self.before.clone() + &now
    }

    /// Waits until it has said `needle`.
    ///
    /// # Panics
    /// If it does not in time.
    pub fn wait_for(&mut self, needle: &str) {
        self.process
            .as_mut()
            .expect("a running Bellhop")
            .wait_for(needle, READY);
    }

    /// The path of its `bellhop.toml`.
    pub fn config(&self) -> PathBuf {
        self.dir.path().join(CONFIG)
    }

    /// Adds lines to `bellhop.toml` or `users.toml`.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn append(&self, name: &str, lines: &str) {
        let path = self.dir.path().join(name);
        let before = std::fs::read_to_string(path).expect("the file");
        self.dir.write(name, &(before + lines));
    }

    fn end(&mut self, signal: Signal) -> Option<i32> {
        let mut process = self.process.take().expect("a running Bellhop");
        process.signal(signal);
        let status = process.finish(READY);
        self.before += &process.said();
        status.code()
    }
}

/// The binary: `BELLHOP_BIN`, or what cargo built beside this test.
///
/// # Panics
/// If it has not been built.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("BELLHOP_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("this test's own path");
    let built = test
        .ancestors()
        .nth(2)
        .expect("cargo's target directory")
        .join("bellhop");
    assert!(
        built.exists(),
        "{} is not there: cargo build -p bellhop",
        built.display()
    );
    built
}

fn users(count: u32, offload: bool) -> String {
    let user = |n: u32| {
        let login = match offload {
            true => format!("upstream = {{ password = \"secret{n}\" }}\n"),
            false => String::new(),
        };
        format!("[[user]]\nname = \"{n}\"\npassword = \"secret{n}\"\n{login}")
    };
    (6001..=6000 + count).map(user).collect()
}

const CONFIG: &str = "bellhop.toml";
/// A debug build compiles each plugin for seconds, and other tests want the processor too.
const READY: Duration = Duration::from_secs(60);
