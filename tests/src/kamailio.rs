//! A real Kamailio of the lab that tells what it reads in a request's headers, or
//! challenges all requests, or is a presence server; see `tests/lab/kamailio.sh`.

use crate::deadline::until;
use crate::lab::{Lab, skip};
use crate::lane::Lane;
use crate::netns::Place;
use crate::process::Process;
use crate::temp::TempDir;
use nix::sys::signal::Signal;
use std::fs::File;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, SystemTime};

/// A running Kamailio, where the lane's PBX is; ended on drop.
#[derive(Debug)]
pub struct Kamailio {
    process: Option<Process>,
    dir: TempDir,
    lab: Lab,
    at: SocketAddr,
    does: &'static str,
    /// Its subscriptions are in its tables, too.
    keeps: bool,
    /// INFOs that it was sent.
    sent: u32,
    /// What earlier processes of this test said.
    before: String,
}

impl Kamailio {
    /// Starts it, or has the calling test counted as skipped where it could
    /// not be brought.
    pub fn or_skip(lab: &Lab, lane: &Lane) -> Option<Self> {
        Self::that(lab, lane, "reads", false)
    }

    /// As [`Kamailio::or_skip`]; it challenges each request, inside dialogs for a realm of their own, and answers 200.
    pub fn challenging(lab: &Lab, lane: &Lane) -> Option<Self> {
        Self::that(lab, lane, "challenges", false)
    }

    /// As [`Kamailio::or_skip`]; it is a presence server, which lets everybody watch.
    pub fn presence(lab: &Lab, lane: &Lane) -> Option<Self> {
        Self::that(lab, lane, "presence", false)
    }

    /// As [`Kamailio::presence`], behind a proxy that keeps its answers to SUBSCRIBE back.
    pub fn late(lab: &Lab, lane: &Lane) -> Option<Self> {
        Self::that(lab, lane, "late", false)
    }

    /// As [`Kamailio::or_skip`]; it is a presence server, which lets nobody watch before it is told to
    /// ([`Kamailio::decide`]); `keeps`: its subscriptions outlive it.
    pub fn judging(lab: &Lab, lane: &Lane, keeps: bool) -> Option<Self> {
        Self::that(lab, lane, "judges", keeps)
    }

    fn that(lab: &Lab, lane: &Lane, does: &'static str, keeps: bool) -> Option<Self> {
        if !lab.has_kamailio() {
            skip("Kamailio could not be brought");
            return None;
        }
        let mut this = Self {
            process: None,
            dir: TempDir::new(),
            lab: lab.clone(),
            at: lane.pbx(),
            does,
            keeps,
            sent: 0,
            before: String::new(),
        };
        this.run(false);
        Some(this)
    }

    fn run(&mut self, again: bool) {
        let flag = |is: bool| if is { "1" } else { "0" };
        let mut command = self.lab.script(&Place::Here, "kamailio.sh");
        command
            .arg("run")
            .env("LAB_RUN", self.dir.path())
            .env("KAM_DOES", self.does)
            .env("KAM_BIND", self.at.ip().to_string())
            .env("KAM_PORT", self.at.port().to_string())
            .env("KAM_KEEPS", flag(self.keeps))
            .env("KAM_AGAIN", flag(again));
        let mut process = Process::start("kamailio", command);
        process.wait_for("<script>: ready", START);
        self.process = Some(process);
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        let now = self.process.as_ref().map(Process::said).unwrap_or_default();
        self.before.clone() + &now
    }

    /// How many requests of this method it has taken.
    pub fn taken(&self, method: &str) -> usize {
        self.log().matches(&format!("takes {method} ")).count()
    }

    /// Kills it, as a crash would.
    ///
    /// # Panics
    /// If it does not end.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("a running Kamailio");
        process.signal(Signal::SIGKILL);
        process.finish(START);
        self.before += &process.said();
    }

    /// Starts it again, with the tables that it has written.
    pub fn start(&mut self) {
        self.run(true);
    }

    /// Has all that is in its tables written to its disk.
    ///
    /// # Panics
    /// If it does not answer.
    pub fn write_down(&mut self) {
        self.inform("disk");
    }

    /// A user says who may see him (RFC 5025 3.2.1): watchers, and `allow`, `block`, `confirm` or `polite-block`.
    ///
    /// # Panics
    /// If it cannot be told.
    pub fn decide(&mut self, user: &str, rules: &[(&str, &str)]) {
        let rule = |(watcher, handling): &(&str, &str)| {
            format!(
                "<rule id=\"r{watcher}\"><conditions><identity><one id=\"sip:{watcher}@presence.test\"/></identity>\
                 </conditions><actions><pr:sub-handling>{handling}</pr:sub-handling></actions></rule>"
            )
        };
        let rules: String = rules.iter().map(rule).collect();
        let document = format!(
            "<?xml version=\"1.0\"?><ruleset xmlns=\"urn:ietf:params:xml:ns:common-policy\" \
             xmlns:pr=\"urn:ietf:params:xml:ns:pres-rules\">{rules}</ruleset>"
        );
        let columns = "id(int,auto) username(string) domain(string) doc(string) doc_type(int) etag(string) source(int) \
                       doc_uri(string) port(int)";
        // 2 is the type of such documents.
        let row = format!(
            "1:{user}:presence.test:{}:2:e:0:u:0",
            document.replace(':', "\\:")
        );
        let file = self
            .dir
            .write("kamailio/db/xcap", &format!("{columns}\n{row}\n"));
        // It sees by the second whether a table is newer.
        let newer = SystemTime::now() + Duration::from_secs(2) * (self.sent + 1);
        let file = File::options().write(true).open(file).expect("its table");
        file.set_modified(newer).expect("a time for its table");
        self.inform(user);
    }

    /// Sends an INFO to a user of its own until it is answered.
    fn inform(&mut self, user: &str) {
        self.sent += 1;
        let socket = UdpSocket::bind((self.at.ip(), 0)).expect("a socket");
        let wait = Some(Duration::from_millis(500));
        socket.set_read_timeout(wait).expect("a time-out");
        let (local, number) = (socket.local_addr().expect("its address"), self.sent);
        let text = format!(
            "INFO sip:{user}@{at} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKinfo{number}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:lab@{local}>;tag=lab\r\nTo: <sip:{user}@{at}>\r\n\
             Call-ID: info{number}-{local}\r\nCSeq: {number} INFO\r\nContent-Length: 0\r\n\r\n",
            at = self.at
        );
        let mut buffer = [0; 2048];
        until("Kamailio answers an INFO", START, || {
            socket.send_to(text.as_bytes(), self.at).expect("an INFO");
            let length = socket.recv(&mut buffer).ok()?;
            buffer[..length].starts_with(b"SIP/2.0 200 ").then_some(())
        });
    }
}

const START: Duration = Duration::from_secs(20);
