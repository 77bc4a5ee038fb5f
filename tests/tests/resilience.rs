//! What a user sees when a part goes away and comes back: Bellhop restarted,
//! Asterisk stopped and started, a phone's connection cut.

use bellhop_tests::Transport::{Tcp, Udp};
use bellhop_tests::{Phone, Site, until};
use std::time::{Duration, Instant};

/// Without a data directory registrations live in memory: the phones come again
/// by themselves, and the log has said so.
#[test]
fn after_a_restart_of_bellhop_the_phones_come_again_and_calls_work() {
    let Some(mut site) = Site::with(Udp, |setup| setup.only("MD5")) else {
        return;
    };
    let (mut udp, mut tcp) = (site.baresip(2, Udp), site.baresip(3, Tcp));
    assert!(
        site.bellhop.log().contains("kept in memory"),
        "{}",
        site.bellhop.log()
    );
    assert_eq!(site.bellhop.stop(), Some(0));
    site.bellhop.start();
    for phone in [&mut udp, &mut tcp] {
        phone.registered_again();
    }
    let mut caller = site.baresip(1, Udp);
    for (extension, called) in [("6002", &mut udp), ("6003", &mut tcp)] {
        caller.dial(extension);
        called.in_call();
        caller.in_call();
        caller.hang_up();
    }
}

/// A phone's call to a PBX that is gone is refused as soon as the network says
/// so (RFC 3261 18.4), long before timer B; calls between phones go on, and the
/// PBX is used again as soon as it is back.
#[test]
fn while_asterisk_is_down_calls_to_it_are_answered_and_phones_call_each_other() {
    let Some(mut site) = Site::or_skip() else {
        return;
    };
    site.asterisk.kill();

    let mut caller = site.phone(1, Udp);
    let start = Instant::now();
    let response = caller.invite("600", Duration::from_secs(10));
    assert_eq!(response.status(), Some(500), "{}", response.text());
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    drop(caller);
    site.bellhop.wait_for("branch failed: upstream ");

    let mut called = site.phone(2, Udp);
    called.register();
    let call = site.sipp(1, "call").to("6002").args(&["-d", "300"]).start();
    answers(&mut called);
    call.succeed();

    site.asterisk.start();
    site.sipp(1, "call").to("600").args(&["-d", "300"]).run();
}

/// The same with TCP to the PBX: that it is gone is known at once, and after its
/// return a new connection is made.
#[test]
fn a_restart_of_asterisk_behind_tcp_is_noticed_at_once() {
    let Some(mut site) = Site::with(Tcp, |setup| setup) else {
        return;
    };
    site.sipp(1, "call").to("600").args(&["-d", "300"]).run();
    site.asterisk.stop();
    let response = site.phone(3, Udp).invite("600", Duration::from_secs(5));
    assert!(
        response.status().is_some_and(|status| status >= 500),
        "{}",
        response.text()
    );
    site.asterisk.start();
    site.sipp(1, "call").to("600").args(&["-d", "300"]).run();
}

/// RFC 5626 and common sense: the binding goes with the connection it came on,
/// and the next REGISTER puts the new one in its place.
#[test]
fn a_phone_whose_connection_was_cut_is_called_on_its_new_one() {
    let Some(site) = Site::or_skip() else { return };
    let contact = format!("sip:6002@{};transport=tcp", site.lane.phone(2));
    let connect =
        || Phone::new("6002", site.lane.phone(2), site.lane.bellhop(), Tcp).with_contact(&contact);
    let mut phone = connect();
    phone.register();
    drop(phone);
    let mut phone = connect();
    phone.register();
    let call = site.sipp(1, "call").to("6002").args(&["-d", "300"]).start();
    answers(&mut phone);
    call.succeed();
}

/// A call for a phone that is gone with its connection is not left ringing.
#[test]
fn a_call_to_a_phone_whose_connection_was_cut_is_refused_soon() {
    let Some(site) = Site::or_skip() else { return };
    let mut phone = site.phone(2, Tcp);
    phone.register();
    drop(phone);
    let mut caller = site.phone(1, Udp);
    let status = until(
        "the connection's end is noticed",
        Duration::from_secs(10),
        || {
            let response = caller.invite("6002", Duration::from_secs(10));
            response.status()
        },
    );
    assert!([404, 408, 410, 430, 480].contains(&status), "{status}");
}

fn answers(phone: &mut Phone) {
    let invite = phone.expect("INVITE ");
    phone.answer(&invite, "200 OK");
    phone.expect("ACK ");
    let bye = phone.expect("BYE ");
    phone.answer(&bye, "200 OK");
}
