//! SIPp, running one of the scenarios of `tests/lab/sipp`.

use crate::deadline::until;
use crate::lab::Lab;
use crate::lane::Transport;
use crate::netns::Place;
use crate::process::Process;
use crate::temp::TempDir;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::time::Duration;

/// A scenario that is about to run.
#[derive(Clone, Debug)]
pub struct Sipp {
    lab: Lab,
    place: Place,
    scenario: String,
    local: SocketAddr,
    remote: SocketAddr,
    transport: Transport,
    user: String,
    service: String,
    /// Seconds that it subscribes for.
    expires: u32,
    /// How long it may take.
    patience: Duration,
    more: Vec<String>,
}

/// A scenario that is running.
#[derive(Debug)]
pub struct Running {
    process: Process,
    dir: TempDir,
    patience: Duration,
}

impl Sipp {
    /// `scenario` (a file's stem) for user 6001, between two addresses, by UDP.
    pub fn new(lab: &Lab, scenario: &str, local: SocketAddr, remote: SocketAddr) -> Self {
        Self {
            lab: lab.clone(),
            place: Place::Here,
            scenario: scenario.to_owned(),
            local,
            remote,
            transport: Transport::Udp,
            user: "6001".to_owned(),
            service: "6001".to_owned(),
            expires: 60,
            patience: WITHIN,
            more: Vec::new(),
        }
    }

    /// Who it is; its password is `secret` and the name.
    #[must_use]
    pub fn user(mut self, user: &str) -> Self {
        self.user = user.to_owned();
        if self.scenario == "register" {
            self.service = user.to_owned();
        }
        self
    }

    /// Whom it calls or watches.
    #[must_use]
    pub fn to(mut self, service: &str) -> Self {
        self.service = service.to_owned();
        self
    }

    /// By which transport.
    #[must_use]
    pub fn over(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// Where it runs.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// Which event package it subscribes to.
    ///
    /// # Panics
    /// If its body's type is not known here.
    #[must_use]
    pub fn event(self, event: &str) -> Self {
        let accept = match event {
            "dialog" => "application/dialog-info+xml",
            "presence" => "application/pidf+xml",
            "message-summary" => "application/simple-message-summary",
            other => panic!("the event package {other}"),
        };
        let watch = ["-key", "event", event, "-key", "accept", accept];
        self.args(&watch).args(&["-d", "300"])
    }

    /// For how many seconds it subscribes, and after how many it goes on with its scenario.
    #[must_use]
    pub fn lasting(mut self, expires: u32, pause: u32) -> Self {
        self.expires = expires;
        self.args(&["-d", &format!("{pause}000")])
    }

    /// How long it may take.
    #[must_use]
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// More arguments of SIPp.
    #[must_use]
    pub fn args(mut self, args: &[&str]) -> Self {
        self.more.extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(self) -> Running {
        let dir = TempDir::new();
        let process = Process::start(&format!("sipp {}", self.scenario), self.command(&dir));
        let patience = self.patience + SPARE;
        Running {
            process,
            dir,
            patience,
        }
    }

    /// Starts it as one who is called, by UDP, and waits until its port is open: a
    /// call that comes before meets "port unreachable" and is over at once.
    ///
    /// # Panics
    /// If it cannot be started or opens no port.
    pub fn listen(self) -> Running {
        let local = self.local;
        let running = self.start();
        let IpAddr::V4(ip) = local.ip() else {
            panic!("an IPv4 address");
        };
        let ip = u32::from_ne_bytes(ip.octets());
        let own = format!(": {ip:08X}:{:04X} ", local.port());
        // As its own network namespace has it (proc(5), /proc/pid/net).
        let sockets = format!("/proc/{}/net/udp", running.process.id());
        until("its port is open", Duration::from_secs(10), || {
            let sockets = std::fs::read_to_string(&sockets).ok()?;
            sockets.contains(&own).then_some(())
        });
        running
    }

    /// Runs it to its end and returns the messages that crossed the wire.
    ///
    /// # Panics
    /// If the scenario fails.
    pub fn run(self) -> String {
        self.start().succeed()
    }

    /// Runs it to its end; was it as the scenario says?
    pub fn passes(self) -> bool {
        self.start().ends_well()
    }

    fn command(&self, dir: &TempDir) -> Command {
        let mut command = self.lab.program(&self.place, "usr/bin/sipp");
        let transport = match self.transport {
            Transport::Udp => "u1",
            Transport::Tcp => "t1",
        };
        command
            .current_dir(dir.path())
            .arg(self.remote.to_string())
            .arg("-sf")
            .arg(Lab::file(&format!("sipp/{}.xml", self.scenario)))
            .args([
                "-i",
                &self.local.ip().to_string(),
                "-p",
                &self.local.port().to_string(),
            ])
            .args([
                "-t",
                transport,
                "-s",
                &self.service,
                "-key",
                "user",
                &self.user,
            ])
            .args(["-au", &self.user, "-ap", &format!("secret{}", self.user)])
            .args(["-key", "expires", &self.expires.to_string()])
            .args(["-m", "1", "-nostdin", "-timeout_error", "-timeout"])
            .arg(format!("{}s", self.patience.as_secs()))
            .args([
                "-trace_msg",
                "-message_file",
                MESSAGES,
                "-trace_err",
                "-error_file",
                ERRORS,
            ])
            .args(&self.more);
        command
    }
}

impl Running {
    /// Waits for its end and returns the messages that crossed the wire.
    ///
    /// # Panics
    /// If the scenario fails.
    pub fn succeed(mut self) -> String {
        let status = self.process.finish(self.patience);
        let (errors, messages) = (self.read(ERRORS), self.messages());
        assert!(status.success(), "sipp: {status}\n{errors}\n{messages}");
        messages
    }

    /// Waits for its end; was it as the scenario says?
    ///
    /// # Panics
    /// If it does not end in time.
    pub fn ends_well(&mut self) -> bool {
        self.process.finish(self.patience).success()
    }

    /// The messages that crossed the wire so far.
    pub fn messages(&self) -> String {
        self.read(MESSAGES)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }
}

const MESSAGES: &str = "messages";
const ERRORS: &str = "errors";
const WITHIN: Duration = Duration::from_secs(20);
/// It says itself that it took too long.
const SPARE: Duration = Duration::from_secs(5);
