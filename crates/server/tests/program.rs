//! The program from outside: its ready line, its signals, its exit codes.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::{SocketAddr, UdpSocket},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A running `bellhop run` with its own directory.
struct Program {
    child: Child,
    stdout: BufReader<ChildStdout>,
    log: Arc<Mutex<String>>,
    directory: PathBuf,
}

impl Program {
    fn start(test: &str, listen: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("bellhop-{test}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_bellhop"));
        program
            .args(["run", "--config"])
            .arg(directory.join("bellhop.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        write(&directory, listen, "first");
        let mut child = program.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let log = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&log);
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut log = heard.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        Self {
            child,
            stdout,
            log,
            directory,
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }

    /// The address that the system picked, from the log.
    fn address(&self) -> SocketAddr {
        let log = self.until_logged("listening on udp:");
        let at = log.split("listening on udp:").nth(1).unwrap();
        at.split(' ').next().unwrap().parse().unwrap()
    }

    fn until_logged(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.log.lock().unwrap().clone();
            if log.contains(text) {
                return log;
            }
            assert!(Instant::now() < deadline, "never logged {text:?}:\n{log}");
            thread::park_timeout(Duration::from_millis(2));
        }
    }

    fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(
            Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Its exit code.
    fn ended(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "it does not end");
            thread::park_timeout(Duration::from_millis(2));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn write(directory: &std::path::Path, listen: &str, realm: &str) {
    let text = format!(
        "[server]\ndomains = [\"example.org\"]\n[[listen]]\nbind = \"{listen}\"\n\
         [auth]\nrealm = \"{realm}\"\n"
    );
    fs::write(directory.join("bellhop.toml"), text).unwrap();
}

/// The challenge that a stranger's REGISTER gets.
fn challenge(at: SocketAddr) -> String {
    let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
    phone.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = "REGISTER sip:example.org SIP/2.0\r\n\
        Via: SIP/2.0/UDP c.example;branch=z9hG4bK1;rport\r\nFrom: <sip:6001@example.org>;tag=1\r\n\
        To: <sip:6001@example.org>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n\
        Contact: <sip:6001@c.example>\r\n\
        User-Agent: A phone whose name makes its request as large as a phone's request is as a rule\r\n\
        Content-Length: 0\r\n\r\n";
    phone.send_to(request.as_bytes(), at).unwrap();
    let mut buffer = [0; 4096];
    let length = phone.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

#[test]
fn it_says_ready_when_bound_and_ends_well_on_sigterm_and_sigint() {
    for signal in ["TERM", "INT"] {
        let mut program = Program::start(signal, "udp:127.0.0.1:0");
        assert_eq!(program.line(), "bellhop ready\n");
        assert!(challenge(program.address()).starts_with("SIP/2.0 401 "));
        program.signal(signal);
        assert_eq!(program.ended(), Some(0));
    }
}

#[test]
fn sighup_swaps_a_good_file_and_keeps_the_old_one_when_it_is_bad() {
    let listen = "udp:127.0.0.1:0";
    let mut program = Program::start("hup", listen);
    program.line();
    let at = program.address();
    assert!(challenge(at).contains("realm=\"first\""));
    write(&program.directory, listen, "second");
    program.signal("HUP");
    program.until_logged("reloaded");
    assert!(challenge(at).contains("realm=\"second\""));
    fs::write(program.directory.join("bellhop.toml"), "[servr]\n").unwrap();
    program.signal("HUP");
    let log = program.until_logged("reload refused");
    assert!(log.contains("bellhop.toml:1: servr"), "{log}");
    assert!(challenge(at).contains("realm=\"second\""));
}

#[test]
fn a_taken_port_is_told_and_nothing_is_said_to_be_ready() {
    let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = holder.local_addr().unwrap();
    let mut program = Program::start("taken", &format!("udp:{at}"));
    assert_eq!(program.ended(), Some(1));
    let log = program.until_logged("the port is taken");
    assert!(log.contains(&format!("udp:{at}")), "{log}");
    let mut out = String::new();
    program.stdout.read_to_string(&mut out).unwrap();
    assert_eq!(out, "");
}

#[test]
fn a_bad_file_ends_it_with_2_before_a_port_is_bound() {
    let mut program = Program::start("bad", "udp:localhost:5060");
    assert_eq!(program.ended(), Some(2));
    program.until_logged("bellhop.toml:4: listen");
}
