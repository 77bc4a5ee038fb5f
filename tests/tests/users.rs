//! Users who are kept elsewhere: the real program asks a service for them.

use bellhop_tests::bellhop::Setup;
use bellhop_tests::service;
use bellhop_tests::{Bellhop, Lane, Phone, Transport};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A service that knows the users of the other tests, and how often it was asked.
fn service() -> (SocketAddr, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let address = service::start(move |head, _| {
        counter.fetch_add(1, Ordering::SeqCst);
        let path = head.split(' ').nth(1);
        match path.and_then(|path| path.strip_prefix("/sip/")) {
            Some(name @ ("6001" | "6002")) => {
                ("200 OK", format!("{{\"password\": \"secret{name}\"}}"))
            }
            _ => ("404 Not Found", String::new()),
        }
    });
    (address, asked)
}

fn started(lane: &Lane, service: SocketAddr) -> Bellhop {
    let mut setup = Setup::new(lane).alone();
    setup.users = format!("{{ http = \"http://{service}/sip/{{user}}\" }}");
    setup.start()
}

fn phone(lane: &Lane, number: u8, user: &str) -> Phone {
    Phone::new(user, lane.phone(number), lane.bellhop(), Transport::Udp)
}

#[test]
fn a_user_of_a_service_registers_and_is_asked_for_once() {
    let (lane, (address, asked)) = (Lane::take(), service());
    let _bellhop = started(&lane, address);
    let mut first = phone(&lane, 1, "6001");
    first.register();
    first.register();
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn who_is_not_in_the_service_is_refused() {
    let (lane, (address, asked)) = (Lane::take(), service());
    let _bellhop = started(&lane, address);
    let status = phone(&lane, 1, "6009").try_register();
    assert_eq!((status, asked.load(Ordering::SeqCst)), (401, 1));
}

#[test]
fn while_the_service_cannot_be_reached_nobody_new_gets_in_and_is_told_503() {
    let lane = Lane::take();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let _bellhop = started(&lane, address);
    assert_eq!(phone(&lane, 1, "6001").try_register(), 503);
}
