//! What is acknowledged outlives the program: restarts, crashes, full disks, damaged files. No peers but
//! scripted phones.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test's helper may fail loudly"
)]

use bellhop_tests::Transport::Udp;
use bellhop_tests::bellhop::{Setup, Zone};
use bellhop_tests::kills::{self, Plan};
use bellhop_tests::process::{Process, command};
use bellhop_tests::temp::TempDir;
use bellhop_tests::{Bellhop, Lane, Message, Phone, bellhop, until};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::time::Duration;

/// A Bellhop that keeps its bindings.
struct Site {
    lane: Lane,
    data: TempDir,
    bellhop: Bellhop,
}

impl Site {
    fn new() -> Self {
        let (lane, data) = (Lane::take(), TempDir::new());
        let mut setup = Setup::new(&lane).alone().data_dir(data.path());
        // A place from which anybody may be registered.
        setup
            .listen
            .push((format!("udp:{}", lane.pbx()), Zone::Inside));
        let bellhop = setup.start();
        Self {
            lane,
            data,
            bellhop,
        }
    }

    fn phone(&self, n: u8) -> Phone {
        Phone::new(
            &format!("600{n}"),
            self.lane.phone(n),
            self.lane.bellhop(),
            Udp,
        )
    }

    fn file(&self) -> PathBuf {
        self.data.path().join("state.redb")
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.data.path()).unwrap();
        let name = |entry: std::fs::DirEntry| entry.file_name().into_string().unwrap();
        entries.map(|entry| name(entry.unwrap())).collect()
    }
}

/// One calls the other, and hears that it is busy.
fn call(from: &mut Phone, to: &mut Phone) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let invite = to.expect("INVITE ");
            to.answer(&invite, "486 Busy Here");
            to.expect("ACK ");
        });
        let answer = from.invite("6002", SOON);
        assert_eq!(answer.status(), Some(486), "{}", answer.text());
    });
}

#[test]
fn after_a_kill_the_phones_are_registered_and_called_without_registering_again() {
    let mut site = Site::new();
    let (mut caller, mut called) = (site.phone(1), site.phone(2));
    caller.register();
    called.register();
    site.bellhop.kill();
    site.bellhop.start();
    site.bellhop
        .wait_for("2 bindings of 2 addresses-of-record put back");
    call(&mut caller, &mut called);
}

#[test]
fn a_stop_keeps_them_too() {
    let mut site = Site::new();
    let (mut caller, mut called) = (site.phone(1), site.phone(2));
    called.register();
    assert_eq!(site.bellhop.stop(), Some(0));
    site.bellhop.start();
    call(&mut caller, &mut called);
}

#[test]
fn whatever_was_answered_200_is_there_after_each_of_some_kills_under_load() {
    let plan = Plan {
        kills: 4,
        rate: 500,
        users: 300,
        between: Duration::from_millis(400),
    };
    let kills = kills::run(plan, |_| {});
    assert_eq!(kills.lost, Vec::<String>::new());
    assert!(kills.acknowledged > 100, "{kills:?}");
}

/// Registers a user with a long contact from where nobody is challenged; the answer.
fn register_long(socket: &UdpSocket, n: usize) -> Message {
    let local = socket.local_addr().unwrap();
    let filler = "x".repeat(6_000);
    let text = format!(
        "REGISTER sip:bellhop.test SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{n}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:u@x>;tag=1\r\nTo: <sip:u{n}@{host}>\r\nCall-ID: long-{n}\r\n\
         CSeq: {n} REGISTER\r\nContact: <sip:u@{local}>;x={filler}\r\nExpires: 3600\r\n\
         Content-Length: 0\r\n\r\n",
        host = socket.peer_addr().unwrap().ip(),
    );
    let text = text.replacen(
        "sip:bellhop.test",
        &format!("sip:{}", socket.peer_addr().unwrap().ip()),
        1,
    );
    socket.send(text.as_bytes()).unwrap();
    let mut buffer = vec![0; 65_536];
    let length = socket.recv(&mut buffer).unwrap();
    Message::new(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

#[test]
fn a_full_disk_is_503_with_retry_after_calls_go_on_and_room_mends_it() {
    let mut site = Site::new();
    let (mut caller, mut called) = (site.phone(1), site.phone(2));
    caller.register();
    called.register();
    site.bellhop.stop();
    let size = std::fs::metadata(site.file()).unwrap().len();
    site.bellhop.set_room(size.div_ceil(1024) + 64);
    site.bellhop.start();
    let socket = UdpSocket::bind(site.lane.phone(3)).unwrap();
    socket.connect(site.lane.pbx()).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    let mut answers = (1..3_000).map(|n| register_long(&socket, n));
    let full = answers.find(|answer| answer.status() != Some(200));
    let full = full.expect("a disk that becomes full");
    assert_eq!(full.status(), Some(503), "{}", full.text());
    let after: u32 = full.header("Retry-After").parse().unwrap();
    assert!(after >= 5, "{}", full.text());
    assert_eq!(called.try_register(), 503);
    site.bellhop.wait_for("bindings cannot be written");
    call(&mut caller, &mut called);
    site.bellhop.more_room();
    until("it writes again", SOON, || {
        (called.try_register() == 200).then_some(())
    });
    // What was told to be on disk before is there, and so is what could not be written then.
    site.bellhop.kill();
    site.bellhop.start();
    call(&mut caller, &mut called);
}

#[test]
fn a_damaged_file_is_set_aside_and_said_and_a_new_one_begun() {
    let mut site = Site::new();
    site.phone(1).register();
    site.bellhop.stop();
    let junk = b"this was a disk once".repeat(5_000);
    std::fs::write(site.file(), &junk).unwrap();
    site.bellhop.start();
    site.bellhop.wait_for("was set aside as");
    let names = site.names();
    let aside = names
        .iter()
        .find(|name| name.starts_with("state.redb.damaged-"));
    let aside = site.data.path().join(aside.expect("the damaged file"));
    assert_eq!(std::fs::read(aside).unwrap(), junk);
    site.phone(1).register();
}

#[test]
fn with_a_damaged_file_and_a_full_disk_at_once_what_can_be_read_is_served_and_room_mends_it() {
    let mut site = Site::new();
    let (mut caller, mut called) = (site.phone(1), site.phone(2));
    caller.register();
    called.register();
    site.bellhop.stop();
    let mut bytes = std::fs::read(site.file()).unwrap();
    let contact = format!("sip:6001@{}", site.lane.phone(1));
    let at = bytes.windows(contact.len());
    let at = at.clone().position(|window| window == contact.as_bytes());
    bytes[at.unwrap()] ^= 1;
    std::fs::write(site.file(), &bytes).unwrap();
    site.bellhop.set_room(4);
    site.bellhop.start();
    site.bellhop.wait_for("no new one can be begun");
    site.bellhop
        .wait_for("1 bindings of 1 addresses-of-record put back");
    assert_eq!(std::fs::read(site.file()).unwrap(), bytes);
    assert_eq!(called.try_register(), 503);
    call(&mut caller, &mut called);
    site.bellhop.more_room();
    until("it writes again", SOON, || {
        (caller.try_register() == 200).then_some(())
    });
    site.bellhop.kill();
    site.bellhop.start();
    site.bellhop
        .wait_for("2 bindings of 2 addresses-of-record put back");
    call(&mut caller, &mut called);
}

#[test]
fn two_programs_do_not_share_a_directory() {
    let site = Site::new();
    let lane = Lane::take();
    let dir = Setup::new(&lane).alone().data_dir(site.data.path()).write();
    let mut second = command(bellhop::binary());
    second
        .args(["run", "--config"])
        .arg(dir.path().join("bellhop.toml"));
    let mut second = Process::start("second", second);
    assert_ne!(second.finish(SOON).code(), Some(0));
    let said = second.said();
    assert!(
        said.contains("state.redb: another process has it open"),
        "{said}"
    );
}

const SOON: Duration = Duration::from_secs(60);
