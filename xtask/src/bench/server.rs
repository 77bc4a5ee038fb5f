//! The servers side by side: how each is started, on which addresses, and with how much memory.

use super::process::Process;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    /// What we build.
    Bellhop,
    /// What it is compared with.
    Kamailio,
    /// A program that only receives datagrams and sends them back.
    Floor,
}

/// Where everything is that a run needs.
pub(super) struct Ground {
    /// The repository.
    pub(super) root: PathBuf,
    /// The lab with Kamailio in it.
    pub(super) lab: PathBuf,
    /// Files of the run.
    pub(super) dir: PathBuf,
    /// The load generator's program.
    pub(super) storm: PathBuf,
    /// Our program.
    pub(super) bellhop: PathBuf,
}

/// What a server is started for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Purpose {
    /// The configuration's name.
    pub(super) config: &'static str,
    /// What Bellhop's plugin does to each message; `None`: it has none.
    pub(super) plugin: Option<&'static str>,
    /// Users that exist, from `user00000`.
    pub(super) users: u32,
    /// Kamailio's shared memory in MiB.
    pub(super) shared_mb: u32,
    /// Whether Kamailio touches all of it at the start: no page fault then falls into a run, but its
    /// size says nothing.
    pub(super) is_prefaulted: bool,
    /// Whether both write a line for each registration, call and subscription.
    pub(super) is_logged: bool,
}

impl Server {
    /// Starts it and waits until it serves.
    ///
    /// # Errors
    /// It does not start; the end of its log is in the text.
    pub(super) fn start(self, ground: &Ground, purpose: Purpose) -> Result<Process, String> {
        let log = ground.dir.join(format!("{}.log", self.name()));
        let (command, port, children) = match self {
            Self::Bellhop => (bellhop(ground, purpose)?, PORT, 0),
            Self::Kamailio => (kamailio(ground, purpose)?, PORT, 3),
            Self::Floor => (floor(ground), FLOOR_PORT, 0),
        };
        let started = Process::start(SERVER_CORE, &command, &log);
        let ready = started.and_then(|mut process| {
            process.await_udp(port, children)?;
            Ok(process)
        });
        ready.map_err(|why| format!("{} {why}\n{}", self.name(), tail(&log)))
    }

    /// As the table and the files name it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bellhop => "bellhop",
            Self::Kamailio => "kamailio",
            Self::Floor => "floor",
        }
    }
}

fn bellhop(ground: &Ground, purpose: Purpose) -> Result<Command, String> {
    let dir = ground.dir.join("bellhop");
    let config = dir.join("bellhop.toml");
    let given = ground
        .root
        .join(format!("bench/bellhop/{}.toml", purpose.config));
    let level = if purpose.is_logged { "info" } else { "warn" };
    fs::create_dir_all(&dir)
        .and_then(|()| fs::read_to_string(given))
        .and_then(|text| {
            let plugin = purpose.plugin.map(|work| toll(ground, work));
            let plugin = plugin.unwrap_or_default();
            fs::write(
                &config,
                format!("{text}\n[log]\nlevel = \"{level}\"\n{plugin}"),
            )
        })
        .and_then(|()| fs::write(dir.join("users.toml"), users(purpose.users)))
        .map_err(|e| format!("{}: {e}", dir.display()))?;
    let mut command = Command::new(&ground.bellhop);
    command.arg("run").arg("--config").arg(config);
    Ok(command)
}

/// The plugin whose work is measured, for the end of Bellhop's configuration.
fn toll(ground: &Ground, work: &str) -> String {
    let file = ground.root.join("plugins/built/guests/toll.wasm");
    format!(
        "[[plugin]]\nname = \"toll\"\nfile = {:?}\nconfig = {{ work = {work:?} }}\n\
         grant = [\"edit\", \"edit-response\", \"store\"]\n",
        file.display().to_string()
    )
}

fn kamailio(ground: &Ground, purpose: Purpose) -> Result<Command, String> {
    let dir = ground.dir.join("kamailio");
    fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let lab = ground.lab.join("kamailio");
    let mut command = Command::new(ground.root.join("tests/lab/run.sh"));
    command.env("LAB_ROOT", &lab);
    command.env("BELLHOP_LAB_DIR", &ground.lab);
    let config = format!("bench/kamailio/{}.cfg", purpose.config);
    command.arg("usr/sbin/kamailio").arg("-f");
    command.arg(ground.root.join(config));
    command.arg("-L").arg(modules(&lab)?);
    command.arg("-Y").arg(&dir).arg("-w").arg(&dir);
    // In the foreground, saying what it says on standard error; one worker; the allocator that
    // stays fast under mixed load.
    command.args(["-DD", "-E", "-n", "1", "-x", "tlsf", "-X", "fm"]);
    command.args(["-b", "4194304", "-M", "16", "-m"]);
    command.arg(purpose.shared_mb.to_string());
    command.arg("-A").arg(format!("LISTEN={SERVER_IP}:{PORT}"));
    let answerer = format!("UAS=\"sip:{ANSWERER_IP}:{ANSWERER_PORT}\"");
    command.arg("-A").arg(answerer);
    if purpose.is_prefaulted {
        command.args(["-A", "WITH_PREFAULT"]);
    }
    if purpose.is_logged {
        command.args(["-A", "WITH_LOG"]);
    }
    Ok(command)
}

fn floor(ground: &Ground) -> Command {
    let mut command = Command::new(&ground.storm);
    command.arg("floor").arg("--listen");
    command.arg(format!("{SERVER_IP}:{FLOOR_PORT}"));
    command.args(["--batch", "64"]);
    command
}

/// Kamailio's modules, below a directory named after the machine.
fn modules(lab: &Path) -> Result<PathBuf, String> {
    let lib = lab.join("usr/lib");
    let entries = fs::read_dir(&lib).map_err(|e| format!("{}: {e}", lib.display()))?;
    let mut found = entries
        .flatten()
        .map(|entry| entry.path().join("kamailio/modules"));
    let found = found.find(|path| path.is_dir());
    // Its loader looks for `DIR/NAME.so` only with the slash.
    found
        .map(|path| path.join(""))
        .ok_or_else(|| format!("no Kamailio modules below {}", lib.display()))
}

/// The users that storm plays, all with storm's password.
fn users(count: u32) -> String {
    let mut text = String::new();
    for number in 0..count {
        let _ = writeln!(
            text,
            "[[user]]\nname = \"user{number:05}\"\npassword = \"secret\""
        );
    }
    text
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(15);
    lines.get(from..).unwrap_or_default().join("\n")
}

/// As in `bench/bellhop`.
pub(super) const SERVER_IP: &str = "127.99.0.1";
pub(super) const PORT: u16 = 5060;
pub(super) const FLOOR_PORT: u16 = 5070;
/// storm's calling side.
pub(super) const CALLER_IP: &str = "127.99.0.2";
pub(super) const CALLER_PORT: u16 = 5080;
/// storm's answering side, and where the phones register from that are called.
pub(super) const ANSWERER_IP: &str = "127.99.0.3";
pub(super) const ANSWERER_PORT: u16 = 5090;
/// The server has this core to itself, storm the next.
pub(super) const SERVER_CORE: u32 = 0;
/// See [`SERVER_CORE`].
pub(super) const STORM_CORE: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_are_storms() {
        let text = users(2);
        let table: toml::Table = text.parse().unwrap();
        let list = table.get("user").and_then(toml::Value::as_array).unwrap();
        assert_eq!(list.len(), 2);
        assert_eq!(list[1]["name"].as_str(), Some("user00001"));
        assert_eq!(list[1]["password"].as_str(), Some("secret"));
    }

    #[test]
    fn the_configurations_speak_of_the_addresses_used_here() {
        let dir = crate::root().join("bench/bellhop");
        let peers = [
            format!("sip:{ANSWERER_IP}:{ANSWERER_PORT}"),
            format!("sip:{CALLER_IP}:{CALLER_PORT}"),
        ];
        for entry in fs::read_dir(dir).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            let table: toml::Table = text.parse().unwrap();
            let bind = table["listen"][0]["bind"].as_str();
            assert_eq!(bind, Some(format!("udp:{SERVER_IP}:{PORT}").as_str()));
            let upstreams = table.get("upstream").and_then(toml::Value::as_array);
            for upstream in upstreams.into_iter().flatten() {
                let target = upstream["targets"][0].as_str().unwrap();
                assert!(peers.contains(&target.to_owned()), "{target}");
            }
        }
    }
}
