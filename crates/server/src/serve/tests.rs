//! The whole program but for its command line, over loopback.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use crate::config::{Environment, parse};
use std::{
    io::{self, Read, Write},
    net::{IpAddr, TcpStream, UdpSocket},
};

const USERS: &str = "[[user]]\nname = \"6001\"\npassword = \"secret\"\n";

struct Bare;

impl Environment for Bare {
    fn read(&self, _: &Path) -> io::Result<String> {
        Ok(USERS.to_owned())
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn addresses(&self) -> Vec<IpAddr> {
        Vec::new()
    }
}

fn text(listen: &[&str], realm: &str) -> String {
    let listen = listen
        .iter()
        .map(|bind| format!("[[listen]]\nbind = \"{bind}\"\n"));
    let listen: String = listen.collect();
    format!(
        "[server]\nworkers = 2\ndomains = [\"example.org\"]\n{listen}\
         [auth]\nrealm = \"{realm}\"\nusers = {{ file = \"users.toml\" }}\n"
    )
}

fn settings(listen: &[&str]) -> Settings {
    parse(Path::new("test.toml"), &text(listen, "first"), &Bare).unwrap()
}

fn register() -> Vec<u8> {
    b"REGISTER sip:example.org SIP/2.0\r\nVia: SIP/2.0/UDP c.example;branch=z9hG4bK1;rport\r\n\
      From: <sip:6001@example.org>;tag=1\r\nTo: <sip:6001@example.org>\r\nCall-ID: c\r\n\
      CSeq: 1 REGISTER\r\nMax-Forwards: 70\r\nContact: <sip:6001@c.example>\r\n\
      User-Agent: A phone whose name makes its request as large as a phone's request is as a rule\r\n\
      Content-Length: 0\r\n\r\n"
        .to_vec()
}

fn ask_udp(at: SocketAddr) -> String {
    say_udp(at, &register())
}

fn say_udp(at: SocketAddr, request: &[u8]) -> String {
    let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
    phone
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    phone.send_to(request, at).unwrap();
    let mut buffer = [0; 4096];
    let (length, from) = phone.recv_from(&mut buffer).unwrap();
    assert_eq!(from, at);
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

#[tokio::test]
async fn a_stranger_is_challenged_over_udp_and_tcp() {
    let listen = ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"];
    let server = Server::start(settings(&listen), None, None).await.unwrap();
    let answer = ask_udp(server.locals()[0]);
    assert!(answer.starts_with("SIP/2.0 401 "), "{answer}");
    assert!(answer.contains("realm=\"first\""), "{answer}");
    let mut phone = TcpStream::connect(server.locals()[1]).unwrap();
    phone
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    phone.write_all(&register()).unwrap();
    let mut start = [0; 12];
    phone.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"SIP/2.0 401 ");
    server.stop().await;
}

#[tokio::test]
async fn an_upstream_whose_name_stands_for_nothing_stops_nobody_and_is_answered_for_at_once() {
    let text = "[server]\ndomains = [\"example.org\"]\n\
                [[listen]]\nbind = \"udp:127.0.0.1:0\"\nzone = \"inside\"\n\
                [[upstream]]\nname = \"pbx\"\ntargets = [\"sip:pbx.invalid\"]\n\
                [route]\ndefault = \"pbx\"\n";
    let settings = parse(Path::new("test.toml"), text, &Bare).unwrap();
    let server = Server::start(settings, None, None).await.unwrap();
    let request = String::from_utf8(register()).unwrap();
    let request = request
        .replace("REGISTER sip:example.org", "MESSAGE sip:600@example.org")
        .replace("1 REGISTER", "1 MESSAGE");
    let answer = say_udp(server.locals()[0], request.as_bytes());
    assert!(answer.starts_with("SIP/2.0 500 "), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn every_listener_that_cannot_be_bound_is_named() {
    let taken = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let holder = UdpSocket::bind(taken).unwrap();
    let listen = [format!("udp:{taken}"), "tcp:192.0.2.1:5060".to_owned()];
    let listen: Vec<&str> = listen.iter().map(String::as_str).collect();
    let error = Server::start(settings(&listen), None, None).await;
    let error = error.err().unwrap();
    assert!(error.contains(&taken.to_string()), "{error}");
    assert!(error.contains("192.0.2.1:5060"), "{error}");
    drop(holder);
}

#[tokio::test]
async fn a_reload_changes_what_is_served_and_a_bad_file_changes_nothing() {
    let directory = std::env::temp_dir().join(format!("bellhop-reload-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("bellhop.toml");
    std::fs::write(directory.join("users.toml"), USERS).unwrap();
    let listen = ["udp:127.0.0.1:0"];
    let mut server = Server::start(settings(&listen), Some(&file), None)
        .await
        .unwrap();
    let at = server.locals()[0];

    std::fs::write(&file, text(&listen, "second")).unwrap();
    server.reload().await.unwrap();
    assert!(ask_udp(at).contains("realm=\"second\""));

    std::fs::write(&file, "[server]\nworkerz = 3\n").unwrap();
    let refused = server.reload().await.err().unwrap();
    assert!(
        matches!(refused, Refused::Wrong(problems) if problems.to_string().contains("workerz"))
    );
    assert!(ask_udp(at).contains("realm=\"second\""));
    server.stop().await;
    std::fs::remove_dir_all(&directory).unwrap();
}

/// logrotate moves the file and sends SIGHUP, whatever somebody has written into the configuration meanwhile.
#[tokio::test]
async fn a_reload_that_is_refused_opens_the_file_of_call_records_again() {
    let directory = std::env::temp_dir().join(format!("bellhop-records-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("users.toml"), USERS).unwrap();
    let (file, records) = (
        directory.join("bellhop.toml"),
        directory.join("calls.jsonl"),
    );
    let text = text(&["udp:127.0.0.1:0"], "first");
    let text = format!("{text}[route]\nmode = \"b2bua\"\n[cdr]\nfile = {records:?}\n");
    let settings = parse(&file, &text, &Bare).unwrap();
    let mut server = Server::start(settings, Some(&file), None).await.unwrap();

    for (number, bad) in ["[server]\nworkerz = 3\n", "[["].into_iter().enumerate() {
        std::fs::write(&file, bad).unwrap();
        std::fs::rename(&records, directory.join(format!("calls.jsonl.{number}"))).unwrap();
        assert!(server.reload().await.is_err());
        assert!(records.exists(), "{bad}");
    }
    server.stop().await;
    std::fs::remove_dir_all(&directory).unwrap();
}
