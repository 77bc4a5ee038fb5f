//! A phone that sleeps, woken by the real program through a hook (RFC 8599).

use bellhop_tests::bellhop::Setup;
use bellhop_tests::{Lane, Phone, Transport};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// A hook that takes everything; where it is, and what it is told.
fn hook() -> (SocketAddr, Receiver<serde_json::Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while reader.read_line(&mut head).unwrap_or(0) > 2 {}
            let lower = head.to_ascii_lowercase();
            let length = lower
                .lines()
                .find_map(|l| l.strip_prefix("content-length: "));
            let mut body = vec![0; length.unwrap().trim().parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            let _ = tell.send(serde_json::from_slice(&body).unwrap());
            let answer = "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (address, told)
}

#[test]
fn a_call_wakes_a_sleeping_phone_and_reaches_it_once_it_has_registered() {
    let (lane, (hook, told)) = (Lane::take(), hook());
    let mut setup = Setup::new(&lane).alone();
    setup.more =
        format!("[push]\nhook = \"http://{hook}/wake\"\nproviders = [\"acme\"]\nawake = \"0s\"\n");
    let _bellhop = setup.start();
    let contact = format!("sip:6002@{};pn-provider=acme;pn-prid=phone2", lane.phone(2));
    let phone = |n: u8, user: &str| Phone::new(user, lane.phone(n), lane.bellhop(), Transport::Udp);
    let mut app = phone(2, "6002").with_contact(&contact);
    let answer = app.register();
    assert_eq!(answer.header("Feature-Caps"), "*;+sip.pns=\"acme\"");

    let mut caller = phone(1, "6001");
    let call = thread::spawn(move || caller.invite("6002", Duration::from_secs(20)));
    let wake = told.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(wake["prid"], "phone2");
    assert_eq!(wake["method"], "INVITE");
    app.register();
    let invite = app.expect("INVITE");
    app.answer(&invite, "200 OK");
    assert_eq!(call.join().unwrap().status(), Some(200));
}
