//! A real Asterisk 22 of the lab, one for each test that wants one.

use crate::deadline::until;
use crate::lab::Lab;
use crate::lane::{Lane, Transport};
use crate::netns::Place;
use crate::process::{Process, run};
use crate::temp::TempDir;
use nix::sys::signal::Signal;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::time::Duration;

/// A running Asterisk; ended on drop.
#[derive(Debug)]
pub struct Asterisk {
    setup: Setup,
    dir: TempDir,
    process: Option<Process>,
}

/// How it is set up; see `tests/lab/asterisk.sh`.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The lab it comes from.
    pub lab: Lab,
    /// Where it runs.
    pub place: Place,
    /// Who asks the users for a proof.
    pub mode: Mode,
    /// Its SIP address.
    pub bind: SocketAddr,
    /// The proxy's address, which mode trusted believes.
    pub proxy: IpAddr,
    /// Where mode trusted finds its users, `host:port` and URI parameters.
    pub contact: String,
    /// The first of 60 RTP ports.
    pub rtp_start: u16,
    /// Variables of `asterisk.sh` besides those.
    pub more: Vec<(&'static str, String)>,
}

/// Who asks the users for a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The proxy did; its address is believed.
    Trusted,
    /// As [`Mode::Trusted`], but the proxy registers the users here.
    Registered,
    /// Asterisk does.
    Digest,
    /// Asterisk asks the proxy, whoever calls.
    Trunk,
}

impl Setup {
    /// The lane's PBX, which finds its users at the lane's Bellhop by `transport`.
    pub fn new(lab: &Lab, lane: &Lane, transport: Transport) -> Self {
        Self {
            lab: lab.clone(),
            place: Place::Here,
            mode: Mode::Trusted,
            bind: lane.pbx(),
            proxy: lane.bellhop().ip(),
            contact: format!("{}{}", lane.bellhop(), transport.uri_parameter()),
            rtp_start: lane.rtp_start(),
            more: Vec::new(),
        }
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(self) -> Asterisk {
        let mut asterisk = Asterisk {
            setup: self,
            dir: TempDir::new(),
            process: None,
        };
        asterisk.start();
        asterisk
    }
}

impl Asterisk {
    /// Starts it, if it is stopped, and waits until it is ready.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(&mut self) {
        let mut command = self.script();
        command.arg("run").arg(match self.setup.mode {
            Mode::Trusted => "trusted",
            Mode::Registered => "registered",
            Mode::Digest => "digest",
            Mode::Trunk => "trunk",
        });
        self.process = Some(Process::start("asterisk", command));
        until("Asterisk is ready", START, || {
            let (up, said) = self.try_cli("core waitfullybooted");
            (up && said.contains("fully booted")).then_some(())
        });
    }

    /// Stops it as a service manager would.
    ///
    /// # Panics
    /// If it does not stop.
    pub fn stop(&mut self) {
        let mut process = self.process.take().expect("a running Asterisk");
        process.signal(Signal::SIGTERM);
        process.finish(START);
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("a running Asterisk");
        process.signal(Signal::SIGKILL);
        process.finish(START);
    }

    /// One command on its console, and what it said.
    ///
    /// # Panics
    /// If the console cannot be reached.
    pub fn cli(&self, line: &str) -> String {
        let (done, said) = self.try_cli(line);
        assert!(done, "asterisk -rx {line:?}: {said}");
        said
    }

    /// How many subscriptions it has.
    ///
    /// # Panics
    /// If the console does not say.
    pub fn inbound(&self) -> usize {
        let shown = self.cli("pjsip show subscriptions inbound");
        let number = shown.split(" active subscriptions").next();
        let number = number.and_then(|text| text.lines().last());
        let number = number.and_then(|text| text.trim().parse().ok());
        number.unwrap_or_else(|| panic!("{shown}"))
    }

    /// What its dial plan and modules have logged so far.
    ///
    /// # Panics
    /// If there is no log.
    pub fn log(&self) -> String {
        let path = self.dir.path().join("asterisk/log/messages");
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The URI of an extension of its dial plan, as a phone behind Bellhop dials it.
    pub fn bind(&self) -> SocketAddr {
        self.setup.bind
    }

    fn try_cli(&self, line: &str) -> (bool, String) {
        let mut command = self.script();
        command.arg("cli").arg(line);
        run("asterisk -rx", command, START)
    }

    fn script(&self) -> Command {
        let setup = &self.setup;
        let mut command = setup.lab.script(&setup.place, "asterisk.sh");
        command
            .env("LAB_RUN", self.dir.path())
            .env("AST_BIND", setup.bind.ip().to_string())
            .env("AST_PORT", setup.bind.port().to_string())
            .env("AST_PROXY", setup.proxy.to_string())
            .env("AST_CONTACT", &setup.contact)
            .env("AST_RTP_START", setup.rtp_start.to_string())
            .env("AST_RTP_END", (setup.rtp_start + 59).to_string())
            .envs(setup.more.iter().map(|(name, value)| (name, value)));
        command
    }
}

const START: Duration = Duration::from_secs(30);
