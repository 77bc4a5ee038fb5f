//! A phone that sleeps, woken by the real program through a hook (RFC 8599).

use bellhop_tests::bellhop::Setup;
use bellhop_tests::service;
use bellhop_tests::{Lane, Phone, Transport};
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// A hook that takes everything; where it is, and what it is told.
fn hook() -> (SocketAddr, Receiver<serde_json::Value>) {
    let (tell, told) = channel();
    let address = service::start(move |_, body| {
        let _ = tell.send(serde_json::from_slice(body).unwrap_or_default());
        ("204 No Content", String::new())
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
