//! Registrations that a real Asterisk believes in: Bellhop challenges the phones and registers them there in
//! its own name, modes `mirror`, `contact` and `aor`.

use bellhop_tests::Transport::{self, Tcp, Udp};
use bellhop_tests::asterisk::Mode;
use bellhop_tests::{Phone, Site, until};
use std::time::{Duration, Instant};

#[test]
fn in_mode_contact_asterisk_knows_the_phone_by_udp() {
    knows("contact", Udp);
}

#[test]
fn in_mode_contact_asterisk_knows_the_phone_by_tcp() {
    knows("contact", Tcp);
}

#[test]
fn in_mode_aor_asterisk_knows_the_phone() {
    knows("aor", Udp);
}

#[test]
fn in_mode_mirror_asterisk_knows_the_phone() {
    knows("mirror", Udp);
}

/// Asterisk asks for each user's password; no phone hears of it, and each nonce is used as long as it is good.
#[test]
fn an_asterisk_that_challenges_is_answered_with_the_users_login() {
    let Some(site) = challenging("contact", "upstream_expires = \"20s\"\n") else {
        return;
    };
    let mut phone = site.phone(2, Udp);
    let answer = phone.register();
    assert!(!answer.text().contains("asterisk"), "{}", answer.text());
    registered(&site, 2, 1);
    hint(&site, 2, "Idle");
    // Two refreshes of ours.
    let granted = || site.bellhop.log().matches("granted for").count();
    until("two refreshes", PATIENCE.saturating_mul(3), || {
        (granted() >= 3).then_some(())
    });
    registered(&site, 2, 1);
    phone.unregister();
    registered(&site, 2, 0);
}

#[test]
fn in_modes_aor_and_mirror_an_asterisk_that_challenges_is_answered_too_and_calls_go_both_ways() {
    for mode in ["aor", "mirror"] {
        let Some(site) = challenging(mode, "") else {
            return;
        };
        let mut phone = site.phone(2, Udp);
        let answer = phone.register();
        assert!(!answer.text().contains("asterisk"), "{}", answer.text());
        registered(&site, 2, 1);
        hint(&site, 2, "Idle");
        phone.register();
        registered(&site, 2, 1);
        // A call that Asterisk challenges, and its own to the phone.
        let call = site
            .sipp(1, "call")
            .to("86002")
            .args(&["-d", "300"])
            .start();
        let invite = phone.expect("INVITE ");
        phone.answer(&invite, "200 OK");
        phone.expect("ACK ");
        let bye = phone.expect("BYE ");
        phone.answer(&bye, "200 OK");
        call.succeed();
        phone.unregister();
        registered(&site, 2, 0);
    }
}

#[test]
fn a_call_from_asterisk_reaches_the_phone_and_the_phones_own_call_reaches_asterisk() {
    for mode in ["contact", "aor", "mirror"] {
        let Some(site) = site(mode, Udp, "") else {
            return;
        };
        let mut called = site.phone(2, Udp);
        called.register();
        lamp(&mut called, "no");
        registered(&site, 2, 1);
        let call = site
            .sipp(1, "call")
            .to("86002")
            .args(&["-d", "7000"])
            .start();
        let invite = called.expect("INVITE ");
        called.answer(&invite, "200 OK");
        called.expect("ACK ");
        // The lab has `device_state_busy_at = 1`.
        hint(&site, 2, "Busy");
        let bye = called.expect("BYE ");
        called.answer(&bye, "200 OK");
        call.succeed();
        hint(&site, 2, "Idle");
        site.sipp(3, "call").to("600").args(&["-d", "300"]).run();
    }
}

#[test]
fn a_message_in_the_mailbox_lights_the_lamp_unasked() {
    for mode in ["contact", "aor", "mirror"] {
        let Some(site) = site(mode, Udp, "") else {
            return;
        };
        let mut phone = site.phone(2, Udp);
        phone.register();
        registered(&site, 2, 1);
        // Asterisk tells a new contact of its mailbox, and then of what comes in.
        let told = phone.expect("NOTIFY ");
        phone.answer(&told, "200 OK");
        assert!(
            told.text().contains("Messages-Waiting: no"),
            "{}",
            told.text()
        );
        site.asterisk
            .cli("channel originate Local/6002@vm-deposit application Milliwatt");
        let told = phone.expect("NOTIFY ");
        phone.answer(&told, "200 OK");
        assert!(
            told.text().contains("Messages-Waiting: yes"),
            "{}",
            told.text()
        );
    }
}

#[test]
fn a_phone_that_does_not_come_back_is_gone_from_asterisk_when_its_time_is_up() {
    let Some(site) = site("contact", Udp, "max_expires = \"10s\"\ngrace = \"0s\"\n") else {
        return;
    };
    let mut phone = site.phone(2, Udp);
    phone.register();
    registered(&site, 2, 1);
    let start = Instant::now();
    registered(&site, 2, 0);
    assert!(start.elapsed() > Duration::from_secs(6));
    hint(&site, 2, "Unavailable");
}

/// Nobody registers again; Asterisk, which has forgotten everything, has its contacts back.
#[test]
fn after_a_crash_of_asterisk_all_contacts_are_back_within_half_a_minute() {
    for (mode, inside) in [("contact", Udp), ("aor", Tcp)] {
        let rate = "resync_rate = 10\nupstream_expires = \"20s\"\n";
        let Some(mut site) = site(mode, inside, rate) else {
            return;
        };
        let mut phones: Vec<Phone> = (1..=10).map(|n| site.phone(n, Udp)).collect();
        for phone in &mut phones {
            phone.register();
            lamp(phone, "no");
        }
        contacts(&site, 10);
        site.asterisk.kill();
        // Phones call each other meanwhile.
        let mut called = phones.pop().expect("ten phones");
        let call = site.sipp(20, "call").user("6001").to("6010");
        let call = call.args(&["-d", "300"]).start();
        let invite = called.expect("INVITE ");
        called.answer(&invite, "200 OK");
        called.expect("ACK ");
        let bye = called.expect("BYE ");
        called.answer(&bye, "200 OK");
        call.succeed();
        site.asterisk.start();
        let start = Instant::now();
        contacts(&site, 10);
        let took = start.elapsed();
        assert!(took < Duration::from_secs(30), "{took:?}");
        for phone in &mut phones {
            assert!(phone.receive().is_none_or(|m| m.status().is_none()));
        }
    }
}

fn knows(mode: &str, inside: Transport) {
    let Some(site) = site(mode, inside, "") else {
        return;
    };
    hint(&site, 2, "Unavailable");
    let mut phone = site.phone(2, Udp);
    phone.register();
    registered(&site, 2, 1);
    hint(&site, 2, "Idle");
    let shown = site.asterisk.cli("pjsip show contacts");
    assert!(shown.contains("6002/sip:bh") && !shown.contains(&site.lane.phone(2).to_string()));
    phone.register();
    phone.register();
    phone.unregister();
    registered(&site, 2, 0);
    hint(&site, 2, "Unavailable");
    phone.register();
    registered(&site, 2, 1);
    // What Asterisk has heard: two registrations and what took the first one down, and each refresh or none.
    let wanted = if mode == "mirror" { 4 } else { 2 };
    until("the log", PATIENCE, || {
        let log = site.bellhop.log();
        (log.matches("taken down").count() == 1).then_some(())
    });
    let granted = || site.bellhop.log().matches("granted for").count();
    until("so many are granted", PATIENCE, || {
        (granted() == wanted).then_some(())
    });
}

fn site(mode: &str, inside: Transport, more: &str) -> Option<Site> {
    Site::in_mode(Mode::Registered, inside, |mut setup| {
        setup.registrar += &format!("mode = \"{mode}\"\n{more}");
        setup
    })
}

/// An Asterisk that asks each user for a password, which Bellhop knows.
fn challenging(mode: &str, more: &str) -> Option<Site> {
    Site::in_mode(Mode::Digest, Udp, |mut setup| {
        setup.registrar += &format!("mode = \"{mode}\"\n{more}");
        setup.offload = true;
        setup
    })
}

/// Waits until a phone is told whether there are messages for it.
fn lamp(phone: &mut Phone, waiting: &str) {
    let told = phone.expect("NOTIFY ");
    phone.answer(&told, "200 OK");
    let line = format!("Messages-Waiting: {waiting}");
    assert!(told.text().contains(&line), "{}", told.text());
}

/// Waits until Asterisk has so many contacts of this user.
fn registered(site: &Site, n: u8, count: usize) {
    let own = format!("60{n:02}/sip:");
    until(&format!("{count} contacts of {own}"), PATIENCE, || {
        let shown = site.asterisk.cli("pjsip show contacts");
        (shown.matches(&own).count() == count).then_some(())
    });
}

/// Waits until Asterisk has so many contacts.
fn contacts(site: &Site, count: usize) {
    until(
        &format!("{count} contacts"),
        PATIENCE.saturating_mul(3),
        || {
            let shown = site.asterisk.cli("pjsip show contacts");
            (shown.matches("/sip:bh").count() == count).then_some(())
        },
    );
}

/// Waits until this is what Asterisk's hint says of a user.
fn hint(site: &Site, n: u8, state: &str) {
    until(&format!("the hint of {n} is {state}"), PATIENCE, || {
        let shown = site.asterisk.cli(&format!("core show hint 60{n:02}"));
        shown.contains(&format!("State:{state}")).then_some(())
    });
}

const PATIENCE: Duration = Duration::from_secs(15);
