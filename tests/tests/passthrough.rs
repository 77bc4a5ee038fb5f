//! Mode `passthrough` before a real Asterisk that knows the users' passwords: it challenges the phones itself, by way of
//! Bellhop.

use bellhop_tests::Transport::{self, Tcp, Udp};
use bellhop_tests::asterisk::Mode;
use bellhop_tests::temp::TempDir;
use bellhop_tests::{Phone, Site, until};
use std::time::Duration;

#[test]
fn asterisk_challenges_and_knows_a_phone_by_udp() {
    knows(Udp, Udp);
}

#[test]
fn asterisk_challenges_and_knows_a_phone_by_tcp() {
    knows(Tcp, Tcp);
}

#[test]
fn calls_go_both_ways_and_what_a_caller_must_prove_asterisk_asks_him() {
    let Some(site) = site(Udp, |setup| setup) else {
        return;
    };
    let mut called = site.phone(2, Udp);
    called.register();
    hint(&site, "Idle");
    // The caller is asked by Asterisk, and so is whoever hangs up.
    let call = site.sipp(1, "call").to("6002").args(&["-d", "300"]).start();
    let invite = called.expect("INVITE ");
    called.answer(&invite, "200 OK");
    called.expect("ACK ");
    let bye = called.expect("BYE ");
    called.answer(&bye, "200 OK");
    call.succeed();
    hint(&site, "Idle");
    site.sipp(3, "call").to("600").args(&["-d", "300"]).run();
    site.sipp(3, "call")
        .over(Tcp)
        .to("600")
        .args(&["-d", "300"])
        .run();
    let refused = site.phone(4, Udp).invite("600", PATIENCE);
    assert_eq!(refused.status(), Some(401), "{}", refused.text());
    assert!(refused.header("WWW-Authenticate").contains("asterisk"));
}

#[test]
fn a_password_that_asterisk_does_not_take_binds_nobody() {
    let Some(site) = site(Udp, |setup| setup) else {
        return;
    };
    // It signs as another user than it says it is.
    let mut phone = Phone::new("6002x", site.lane.phone(2), site.lane.bellhop(), Udp);
    assert_eq!(phone.try_register(), 401);
    registered(&site, 0);
    let refused = site.phone(3, Udp).invite("6002", PATIENCE);
    assert_eq!(refused.status(), Some(401));
}

#[test]
fn what_asterisk_granted_outlives_bellhop() {
    let dir = TempDir::new();
    let Some(mut site) = site(Udp, |setup| setup.data_dir(dir.path())) else {
        return;
    };
    let mut called = site.phone(2, Udp);
    called.register();
    site.bellhop.kill();
    site.bellhop.start();
    let call = site.sipp(1, "call").to("6002").args(&["-d", "300"]).start();
    let invite = called.expect("INVITE ");
    called.answer(&invite, "200 OK");
    called.expect("ACK ");
    let bye = called.expect("BYE ");
    called.answer(&bye, "200 OK");
    call.succeed();
    called.unregister();
    registered(&site, 0);
}

fn knows(outside: Transport, inside: Transport) {
    let Some(site) = site(inside, |setup| setup) else {
        return;
    };
    hint(&site, "Unavailable");
    let mut phone = site.phone(2, outside);
    let answer = phone.register();
    assert!(
        answer.header("Contact").contains("sip:6002@"),
        "{}",
        answer.text()
    );
    registered(&site, 1);
    hint(&site, "Idle");
    let shown = site.asterisk.cli("pjsip show contacts");
    assert!(shown.contains("6002/sip:bh"), "{shown}");
    // A refresh is challenged and goes on as the first did; Asterisk still has one contact.
    phone.register();
    registered(&site, 1);
    phone.unregister();
    registered(&site, 0);
    hint(&site, "Unavailable");
}

fn site(
    inside: Transport,
    more: impl FnOnce(bellhop_tests::bellhop::Setup) -> bellhop_tests::bellhop::Setup,
) -> Option<Site> {
    Site::in_mode(Mode::Digest, inside, |mut setup| {
        setup.registrar = "mode = \"passthrough\"\n".to_owned();
        more(setup)
    })
}

/// Waits until Asterisk has so many contacts of user 6002.
fn registered(site: &Site, count: usize) {
    until(&format!("{count} contacts"), PATIENCE, || {
        let shown = site.asterisk.cli("pjsip show contacts");
        (shown.matches("6002/sip:").count() == count).then_some(())
    });
}

/// Waits until this is what Asterisk's hint says of user 6002.
fn hint(site: &Site, state: &str) {
    until(&format!("the hint is {state}"), PATIENCE, || {
        let shown = site.asterisk.cli("core show hint 6002");
        shown.contains(&format!("State:{state}")).then_some(())
    });
}

const PATIENCE: Duration = Duration::from_secs(15);
