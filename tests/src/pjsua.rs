//! PJSIP's user agent, driven by `tests/lab/pjsua/call.py`.

use crate::lab::{Lab, skip};
use crate::lane::Transport;
use crate::netns::Place;
use crate::process::Process;
use crate::temp::TempDir;
use crate::tone::Tone;
use std::net::SocketAddr;
use std::time::Duration;

/// A run of it.
#[derive(Debug)]
pub struct Pjsua {
    process: Process,
    dir: TempDir,
}

/// What it is asked to do.
#[derive(Clone, Debug)]
pub struct Task {
    /// Where it runs.
    pub place: Place,
    /// The user; the password is `secret` and the name.
    pub user: String,
    /// Its own address.
    pub local: SocketAddr,
    /// Where it registers.
    pub registrar: SocketAddr,
    /// How.
    pub transport: Transport,
    /// Whom it calls, once registered.
    pub call: Option<String>,
    /// What it does besides, one after the other, once registered: see the script.
    pub steps: Vec<String>,
    /// The pitch of the tone that it sends, in hertz.
    pub tone: u16,
    /// Whose presence it watches, and its own mailbox, for so many seconds.
    pub watch: Option<(String, u32)>,
}

impl Pjsua {
    /// Starts it, or has the calling test counted as skipped where the module
    /// is not to be had.
    pub fn or_skip(lab: &Lab, task: &Task) -> Option<Self> {
        let Some(python) = lab.python() else {
            skip("the Python module pjsua2 could not be installed");
            return None;
        };
        let dir = TempDir::new();
        let mut command = task.place.command(python);
        command
            .arg(Lab::file("pjsua/call.py"))
            .args([
                "--user",
                &task.user,
                "--password",
                &format!("secret{}", task.user),
            ])
            .args(["--registrar", &format!("sip:{}", task.registrar)])
            .args(["--transport", &task.transport.to_string()])
            .args([
                "--bind",
                &task.local.ip().to_string(),
                "--port",
                &task.local.port().to_string(),
            ])
            .args(["--log", "5"])
            .arg("--record")
            .arg(dir.path().join(HEARD));
        if let Some(call) = &task.call {
            command.args(["--call", &format!("sip:{call}@{}", task.registrar)]);
        }
        let mut seconds = 3;
        if let Some((watched, time)) = &task.watch {
            let suffix = task.transport.uri_parameter();
            let buddy = format!("sip:{watched}@{}{suffix}", task.registrar);
            command.args(["--mwi", "--buddy", &buddy]);
            if task.transport == Transport::Tcp {
                // It watches its mailbox at its own name, which says nothing of TCP, and has no other transport.
                command.args(["--proxy", &format!("sip:{}{suffix}", task.registrar)]);
            }
            seconds = *time;
        }
        command.args(["--seconds", &seconds.to_string()]);
        command.args(["--tone", &task.tone.to_string()]);
        if !task.steps.is_empty() {
            command.arg("--steps").args(&task.steps);
        }
        Some(Self {
            process: Process::start("pjsua", command),
            dir,
        })
    }

    /// Waits until it says `needle`; it says all messages on the wire, and of each step that it is done.
    ///
    /// # Panics
    /// If it does not in time.
    pub fn wait_for(&mut self, needle: &str) {
        self.process.wait_for(needle, WITHIN);
    }

    /// Waits until it has done what it was asked to; what it said.
    ///
    /// # Panics
    /// If it failed.
    pub fn succeed(&mut self) -> String {
        let status = self.process.finish(WITHIN);
        assert!(status.success(), "pjsua: {status}");
        self.process.said()
    }

    /// The tone it heard.
    ///
    /// # Panics
    /// If it recorded nothing.
    pub fn heard(&self) -> Tone {
        Tone::of(&self.dir.path().join(HEARD))
    }

    /// The tone it heard last.
    ///
    /// # Panics
    /// If it recorded nothing.
    pub fn heard_last(&self) -> Tone {
        Tone::at_end_of(&self.dir.path().join(HEARD))
    }
}

const HEARD: &str = "heard.wav";
const WITHIN: Duration = Duration::from_secs(40);
