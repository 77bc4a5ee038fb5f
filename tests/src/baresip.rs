//! baresip: a soft phone without a sound device, told what to do through its
//! control connection; it sends a tone of 440 Hz and records what it hears.

use crate::deadline::until;
use crate::lab::Lab;
use crate::lane::Transport;
use crate::netns::Place;
use crate::process::Process;
use crate::temp::TempDir;
use crate::tone::Tone;
use nix::sys::signal::Signal;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

/// A running baresip; ended on drop.
#[derive(Debug)]
pub struct Baresip {
    process: Process,
    /// Nothing where the test cannot reach it.
    control: Option<TcpStream>,
    dir: TempDir,
    registrar: SocketAddr,
    /// Calls that this test has seen established.
    calls: usize,
}

impl Baresip {
    /// Starts it at `local`; it registers `user` (password `secret` and the
    /// name) at `registrar` and answers calls at once.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(
        lab: &Lab,
        user: &str,
        local: SocketAddr,
        registrar: SocketAddr,
        transport: Transport,
    ) -> Self {
        Self::start_as(lab, &Place::Here, user, local, (registrar, transport), None)
    }

    /// As [`Baresip::start`], in this place; it watches the presence of this extension. Not its mailbox: the module of baresip 1.1 for
    /// that sends, once in a while, SUBSCRIBEs without end and hears no answer.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn watching(
        lab: &Lab,
        place: &Place,
        user: &str,
        local: SocketAddr,
        at: (SocketAddr, Transport),
        watched: &str,
    ) -> Self {
        Self::start_as(lab, place, user, local, at, Some(watched))
    }

    fn start_as(
        lab: &Lab,
        place: &Place,
        user: &str,
        local: SocketAddr,
        (registrar, transport): (SocketAddr, Transport),
        watched: Option<&str>,
    ) -> Self {
        let dir = TempDir::new();
        let mut modules = "";
        if let Some(watched) = watched {
            let contact = format!("<sip:{watched}@{registrar};transport={transport}>;presence=p2p");
            dir.write("contacts", &format!("\"Watched\" {contact}\n"));
            modules = "module_app contact.so\nmodule_app presence.so\n";
        }
        let control = SocketAddr::from((local.ip(), local.port() - 616));
        let template =
            std::fs::read_to_string(Lab::file("baresip/config.in")).expect("its template");
        let config = template
            .replace("@LOCAL@", &local.to_string())
            .replace("@LOCAL_IP@", &local.ip().to_string())
            .replace("@DIR@", &dir.path().to_string_lossy())
            .replace(
                "@MODULES@",
                &lab.root().join("usr/lib/baresip/modules").to_string_lossy(),
            )
            .replace("@CTRL@", &control.to_string());
        dir.write("config", &(config + modules));
        let account = format!(
            "<sip:{user}@{registrar};transport={transport}>;auth_pass=secret{user};regint=10;answermode=auto\n"
        );
        dir.write("accounts", &account);
        let mut command = lab.program(place, "usr/bin/baresip");
        command
            .args(["-s", "-f"])
            .arg(dir.path())
            .current_dir(dir.path());
        let mut process = Process::start(&format!("baresip {user}"), command);
        process.wait_for("baresip is ready", START);
        let control = matches!(place, Place::Here).then(|| {
            let connect = || TcpStream::connect(control).ok();
            until("baresip's control connection", START, connect)
        });
        Self {
            process,
            control,
            dir,
            registrar,
            calls: 0,
        }
    }

    /// Waits until the registrar has answered 200.
    ///
    /// # Panics
    /// If it does not in time.
    pub fn registered(&mut self) {
        self.process.wait_for("[1 binding]", START);
    }

    /// Waits until the registrar answers 200 again, as it does about every 10 s;
    /// a failed attempt is repeated after a while.
    ///
    /// # Panics
    /// If it does not within two minutes.
    pub fn registered_again(&mut self) {
        let before = self.granted("REGISTER");
        until("baresip registers again", Duration::from_secs(120), || {
            (self.granted("REGISTER") > before).then_some(())
        });
    }

    /// How many of its requests of this method were answered 200.
    pub fn granted(&self, method: &str) -> usize {
        self.answered(method, "SIP/2.0 200")
    }

    /// How many of its requests of this method were answered 202.
    fn accepted(&self, method: &str) -> usize {
        self.answered(method, "SIP/2.0 202")
    }

    fn answered(&self, method: &str, line: &str) -> usize {
        let said = self.said();
        let responses = said.split(line).skip(1);
        let heads = responses.filter_map(|rest| rest.split("\r\n\r\n").next());
        let wanted = |head: &&str| {
            head.lines()
                .any(|l| l.starts_with("CSeq:") && l.ends_with(method))
        };
        heads.filter(wanted).count()
    }

    /// Calls an extension at the registrar.
    ///
    /// # Panics
    /// If the control connection is gone.
    pub fn dial(&mut self, extension: &str) {
        let target = format!("sip:{extension}@{}", self.registrar);
        self.tell("dial", &target);
    }

    /// Ends the call and waits for its end.
    ///
    /// # Panics
    /// If the control connection is gone or the call does not end.
    pub fn hang_up(&mut self) {
        let before = self.granted("BYE");
        self.tell("hangup", "");
        until("the end of baresip's call", START, || {
            (self.granted("BYE") > before).then_some(())
        });
    }

    /// Gives up a call that has not been answered.
    ///
    /// # Panics
    /// If the control connection is gone.
    pub fn give_up(&mut self) {
        self.tell("hangup", "");
    }

    /// Puts its call on hold, or takes it off hold again: a re-INVITE each.
    ///
    /// # Panics
    /// If that is not answered 200.
    pub fn hold(&mut self, holds: bool) {
        let before = self.granted("INVITE");
        self.tell(if holds { "hold" } else { "resume" }, "");
        until("the answer to baresip's re-INVITE", START, || {
            (self.granted("INVITE") > before).then_some(())
        });
    }

    /// Refers the other end of its call to an extension at the registrar (RFC 3515).
    ///
    /// # Panics
    /// If that is not accepted.
    pub fn transfer(&mut self, extension: &str) {
        let before = self.accepted("REFER");
        let target = format!("sip:{extension}@{}", self.registrar);
        self.tell("transfer", &target);
        until("the answer to baresip's REFER", START, || {
            (self.accepted("REFER") > before).then_some(())
        });
    }

    /// Ends it as its user would, which ends what it watches; all that it has said.
    ///
    /// # Panics
    /// If it does not end in time.
    pub fn quit(mut self) -> String {
        self.process.signal(Signal::SIGTERM);
        self.process.finish(START);
        self.said()
    }

    /// Waits until one more call, of its own or one that came in, is established.
    ///
    /// # Panics
    /// If none is in time.
    pub fn in_call(&mut self) {
        self.calls += 1;
        until("baresip's call is established", START, || {
            (self.said().matches("Call established").count() >= self.calls).then_some(())
        });
    }

    /// Waits until it says `needle`; it says all messages on the wire.
    ///
    /// # Panics
    /// If it does not in time.
    pub fn wait_for(&mut self, needle: &str) {
        self.process.wait_for(needle, START);
    }

    /// Everything it has said, all messages on the wire among it.
    pub fn said(&self) -> String {
        self.process.said()
    }

    /// Waits until it has recorded `seconds` of what it hears.
    ///
    /// # Panics
    /// If no sound comes.
    pub fn listen(&self, seconds: u64) {
        let enough = seconds * SECOND;
        until("a recording of what baresip hears", START, || {
            (self.recorded() > enough).then_some(())
        });
    }

    /// Waits until it has recorded `seconds` more than it has.
    ///
    /// # Panics
    /// If no sound comes.
    pub fn listen_on(&self, seconds: u64) {
        self.listen(self.recorded() / SECOND + seconds);
    }

    fn recorded(&self) -> u64 {
        let size = || Some(self.recording()?.metadata().ok()?.len());
        size().unwrap_or_default()
    }

    /// The tone it heard in its call, after that has ended.
    ///
    /// # Panics
    /// If it recorded nothing.
    pub fn heard(&self) -> Tone {
        Tone::of(&self.recording().expect("a recording"))
    }

    /// The tone it heard last, after its call has ended.
    ///
    /// # Panics
    /// If it recorded nothing.
    pub fn heard_last(&self) -> Tone {
        Tone::at_end_of(&self.recording().expect("a recording"))
    }

    /// The sound it received: sndfile calls it "dec" for decoded.
    fn recording(&self) -> Option<PathBuf> {
        let entries = std::fs::read_dir(self.dir.path()).ok()?;
        let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        paths.find(|path| path.to_string_lossy().ends_with("-dec.wav"))
    }

    /// A command as a netstring of JSON.
    fn tell(&mut self, command: &str, params: &str) {
        let json = format!(r#"{{"command":"{command}","params":"{params}"}}"#);
        let control = self.control.as_mut().expect("a baresip that is here");
        write!(control, "{}:{json},", json.len()).expect("baresip's control connection");
    }
}

const START: Duration = Duration::from_secs(15);
/// Bytes of 16-bit samples at 8 kHz; it takes that rate or a higher one.
const SECOND: u64 = 2 * 8000;
