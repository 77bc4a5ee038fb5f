//! `profile = "path"` before a real Asterisk: it is shown the phones' own Contacts, and a Path that leads to Bellhop.

use bellhop_tests::Transport::{self, Tcp, Udp};
use bellhop_tests::asterisk::{Mode, Setup};
use bellhop_tests::{Phone, Site, until};
use std::time::Duration;

#[test]
fn asterisk_has_the_phones_contact_and_calls_it_by_our_path_by_udp() {
    is_called(Udp, "contact");
}

#[test]
fn asterisk_has_the_phones_contact_and_calls_it_by_our_path_by_tcp() {
    is_called(Tcp, "mirror");
}

#[test]
fn an_asterisk_that_ignores_the_path_is_given_our_contact_and_the_log_says_what_to_set() {
    let Some(site) = site(Udp, "contact", "no") else {
        return;
    };
    let mut phone = site.phone(2, Udp);
    phone.register();
    lamp(&mut phone);
    contact(&site, "6002/sip:bh");
    let log = site.bellhop.log();
    assert!(log.contains("ignores our Path") && log.contains("support_path = yes"));
    phone.unregister();
    contact(&site, "");
}

fn is_called(inside: Transport, mode: &str) {
    let Some(site) = site(inside, mode, "yes") else {
        return;
    };
    let local = site.lane.phone(2);
    // A NAT's inside: nobody could call it there.
    let mut phone = Phone::new("6002", local, site.lane.bellhop(), Udp);
    phone = phone.with_contact("sip:6002@192.0.2.77:5099");
    phone.register();
    // It comes by the Path, unasked.
    lamp(&mut phone);
    contact(&site, "6002/sip:6002@192.0.2.77:5099");
    let call = site
        .sipp(1, "call")
        .to("86002")
        .args(&["-d", "300"])
        .start();
    let invite = phone.expect("INVITE sip:6002@192.0.2.77:5099");
    phone.answer(&invite, "200 OK");
    phone.expect("ACK ");
    let bye = phone.expect("BYE ");
    phone.answer(&bye, "200 OK");
    call.succeed();
    phone.unregister();
    contact(&site, "");
}

fn site(inside: Transport, mode: &str, support_path: &str) -> Option<Site> {
    Site::of(
        inside,
        |mut setup| {
            setup.registrar += &format!("mode = \"{mode}\"\n");
            setup.profile = Some("path");
            setup
        },
        |pbx| Setup {
            mode: Mode::Registered,
            more: vec![("AST_SUPPORT_PATH", support_path.to_owned())],
            ..pbx
        },
    )
}

/// Waits for Asterisk's word of the phone's mailbox.
fn lamp(phone: &mut Phone) {
    let told = phone.expect("NOTIFY ");
    phone.answer(&told, "200 OK");
}

/// Waits until this is the one contact that Asterisk has of the phone; nothing: until it has none.
fn contact(site: &Site, wanted: &str) {
    until(&format!("the contact is {wanted:?}"), PATIENCE, || {
        let shown = site.asterisk.cli("pjsip show contacts");
        let count = shown.matches("6002/sip:").count();
        let is_it = match wanted {
            "" => count == 0,
            wanted => count == 1 && shown.contains(wanted),
        };
        is_it.then_some(())
    });
}

const PATIENCE: Duration = Duration::from_secs(15);
