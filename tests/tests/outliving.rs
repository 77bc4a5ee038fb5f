//! Calls of two legs, and lamps that are relayed as two dialogs, that outlive the program: killed in the midst of them, with
//! a real Asterisk behind it and with scripted ends, and full disks.

#![allow(clippy::unwrap_used, reason = "a test's helper may fail loudly")]

use bellhop_tests::Transport::{self, Tcp, Udp};
use bellhop_tests::outlive::{self, Plan};
use bellhop_tests::temp::TempDir;
use bellhop_tests::two_legs::two_legs;
use bellhop_tests::{Message, Phone, TwoLegs, bellhop, until};
use std::time::Duration;

#[test]
fn byes_of_either_side_reach_the_other_end_after_each_of_some_kills() {
    let plan = Plan {
        calls: 24,
        kills: 2,
        rate: 50,
        standing: Duration::from_secs(1),
    };
    let outlived = outlive::run(plan, |_| {});
    assert_eq!(outlived.failed, Vec::<String>::new());
    assert_eq!((outlived.calls, outlived.ended), (48, 48));
}

#[test]
fn a_phone_in_a_call_with_asterisk_offers_again_and_hangs_up_after_a_kill() {
    let Some(mut site) = Durable::or_skip(1) else {
        return;
    };
    let mut phone = site.phone(1, Udp);
    let ok = begin(&mut phone);
    site.killed_with(&[ok.header("Call-ID")]);
    phone.offer_again(&ok);
    phone.hang_up(&ok);
    site.legs.is_over();
}

#[test]
fn asterisk_hangs_up_after_a_kill_and_the_phone_hears_it_over_udp_and_tcp() {
    let Some(mut site) = Durable::or_skip(1) else {
        return;
    };
    for transport in Transport::BOTH {
        let mut phone = site.phone(2, transport);
        phone.register();
        let asterisk = &site.legs.site.asterisk;
        asterisk.cli("channel originate PJSIP/6002 application Milliwatt");
        let invite = phone.expect("INVITE ");
        phone.answer(&invite, "200 OK");
        phone.expect("ACK ");
        site.killed_with(&[invite.header("Call-ID")]);
        let mut again = match transport {
            Udp => phone,
            // Its stream has gone with the program.
            Tcp => {
                let mut again = site.phone(2, Tcp);
                again.register();
                again
            }
        };
        let asterisk = &site.legs.site.asterisk;
        asterisk.cli("channel request hangup all");
        let bye = again.expect("BYE ");
        assert_eq!(bye.header("Call-ID"), invite.header("Call-ID"));
        assert_eq!(bye.header("From"), invite.header("From"));
        again.answer(&bye, "200 OK");
        site.legs.is_over();
    }
}

/// Both legs of a call still come to one of them.
#[test]
fn calls_go_on_though_the_number_of_workers_has_changed() {
    let Some(mut site) = Durable::or_skip(4) else {
        return;
    };
    let mut phones: Vec<Phone> = (1..=6).map(|n| site.phone(n, Udp)).collect();
    let calls: Vec<Message> = phones.iter_mut().map(begin).collect();
    let ids: Vec<&str> = calls.iter().map(|ok| ok.header("Call-ID")).collect();
    let file = site.legs.site.bellhop.config();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("workers = 4", "workers = 3")).unwrap();
    site.killed_with(&ids);
    for (phone, ok) in phones.iter_mut().zip(&calls) {
        phone.hang_up(ok);
    }
    site.legs.is_over();
}

#[test]
fn a_full_disk_takes_no_call_down_and_those_that_live_are_written_when_there_is_room() {
    let Some(mut site) = Durable::or_skip(1) else {
        return;
    };
    let bellhop = &mut site.legs.site.bellhop;
    bellhop.stop();
    bellhop.set_room(4);
    bellhop.start();
    let (mut first, mut second) = (site.phone(1, Udp), site.phone(2, Udp));
    let (ended, ok) = (begin(&mut first), begin(&mut second));
    let bellhop = &mut site.legs.site.bellhop;
    bellhop.wait_for("calls cannot be written");
    first.hang_up(&ended);
    bellhop.more_room();
    site.killed_with(&[ok.header("Call-ID")]);
    second.hang_up(&ok);
    site.legs.is_over();
}

/// Asterisk says again what it said while nobody was there, and both sides go on in the dialogs that they have.
#[test]
fn a_phone_hears_of_a_lamp_of_asterisks_in_its_own_dialog_after_kills_refreshes_and_ends_it() {
    for transport in Transport::BOTH {
        let Some(mut site) = Durable::or_skip(2) else {
            return;
        };
        let mut phone = site.phone(1, transport);
        let (ok, mut last) = watch(&mut phone);
        for (lamp, shows) in [("INUSE", "confirmed"), ("NOT_INUSE", "terminated")] {
            let changes = format!("devstate change Custom:lamp690 {lamp}");
            site.written("calls.redb", &[ok.header("Call-ID")]);
            site.legs.site.bellhop.kill();
            site.legs.site.asterisk.cli(&changes);
            site.legs.site.bellhop.start();
            site.legs.site.bellhop.wait_for(WATCHED);
            phone.connect_again();
            if transport == Tcp {
                phone.register();
            }
            let heard = phone.hear(&[&format!("<state>{shows}</state>")]);
            follows(&heard, &last);
            last = heard;
        }
        for (seconds, state) in [(60, "active"), (0, "terminated")] {
            let answer = phone.subscribe_again(&ok, "dialog", seconds);
            assert_eq!(answer.status(), Some(200), "{}", answer.text());
            phone.hear(&[&format!("Subscription-State: {state}")]);
        }
        let asterisk = &site.legs.site.asterisk;
        until(
            "Asterisk has no subscription",
            Duration::from_secs(10),
            || (asterisk.inbound() == 0).then_some(()),
        );
        site.legs.is_over();
        let phones = match transport {
            Udp => site.legs.site.lane.phone(1).ip(),
            // One that connects does so from wherever the system likes.
            Tcp => [127, 0, 0, 1].into(),
        };
        let look = site.legs.wire.look_other_way(&[phones]);
        assert!(look.leaks.is_empty() && look.words > 2, "{look}");
    }
}

/// Bellhop asks in the dialog that Asterisk had, and says it to the phone in the phone's own.
#[test]
fn a_phone_hears_at_once_that_asterisk_has_forgotten_its_lamp_though_both_were_killed() {
    let Some(mut site) = Durable::or_skip(1) else {
        return;
    };
    let mut phone = site.phone(1, Udp);
    let (ok, last) = watch(&mut phone);
    for file in ["calls.redb", "state.redb"] {
        site.written(file, &[ok.header("Call-ID")]);
    }
    site.legs.site.bellhop.kill();
    site.legs.site.asterisk.kill();
    site.legs.site.asterisk.start();
    assert_eq!(site.legs.site.asterisk.inbound(), 0);
    site.legs.site.bellhop.start();
    site.legs.site.bellhop.wait_for(WATCHED);
    let end = phone.hear(&["Subscription-State: terminated;reason=deactivated"]);
    follows(&end, &last);
    site.legs.is_over();
    let look = site
        .legs
        .wire
        .look_other_way(&[site.legs.site.lane.phone(1).ip()]);
    assert!(look.leaks.is_empty() && look.words > 2, "{look}");
}

/// A phone watches a lamp; the 200, and the first NOTIFY.
fn watch(phone: &mut Phone) -> (Message, Message) {
    phone.register();
    phone.begin_anew();
    let ok = phone.subscribe("690", "dialog", 60);
    assert_eq!(ok.status(), Some(200), "{}", ok.text());
    let first = phone.hear(&["Subscription-State: active"]);
    (ok, first)
}

/// It is in the same dialog, and later.
fn follows(notify: &Message, before: &Message) {
    for name in ["Call-ID", "From", "To", "Event"] {
        assert_eq!(notify.header(name), before.header(name));
    }
    assert!(number(notify) > number(before), "{}", notify.text());
}

/// A Bellhop whose calls have two legs and are kept, an Asterisk behind it.
struct Durable {
    legs: TwoLegs,
    data: TempDir,
}

impl Durable {
    fn or_skip(workers: u8) -> Option<Self> {
        let data = TempDir::new();
        let setup = |setup| {
            let mut setup: bellhop::Setup = two_legs(setup).data_dir(data.path());
            setup.more += &format!("workers = {workers}\n");
            setup
        };
        let legs = TwoLegs::of(Udp, setup, |pbx| pbx)?;
        Some(Self { legs, data })
    }

    /// A phone that says that it is at its port, by TCP, too: so it is the same one when it comes again.
    fn phone(&self, n: u8, transport: Transport) -> Phone {
        let phone = self.legs.site.phone(n, transport);
        let place = self.legs.site.lane.phone(n);
        phone.with_contact(&format!("sip:600{n}@{place}{}", transport.uri_parameter()))
    }

    /// Kills it when the calls with these Call-IDs are on disk, and starts it again.
    fn killed_with(&mut self, ids: &[&str]) {
        self.written("calls.redb", ids);
        self.legs.site.bellhop.kill();
        self.legs.site.bellhop.start();
        let restored = format!("{} calls of two legs put back", ids.len());
        self.legs.site.bellhop.wait_for(&restored);
    }

    /// Waits until what has these Call-IDs is in this file.
    fn written(&self, file: &str, ids: &[&str]) {
        let file = self.data.path().join(file);
        until("they are on disk", Duration::from_secs(60), || {
            let bytes = std::fs::read(&file).ok()?;
            let has = |id: &&str| bytes.windows(id.len()).any(|part| part == id.as_bytes());
            ids.iter().all(has).then_some(())
        });
    }
}

/// The number of a message's CSeq.
fn number(message: &Message) -> u32 {
    let cseq = message.header("CSeq").split(' ').next();
    cseq.unwrap().parse().unwrap()
}

/// In the log after a start.
const WATCHED: &str = "1 relayed subscriptions of two dialogs put back, 0 had run out";

/// A phone calls the echo, which answers.
fn begin(phone: &mut Phone) -> Message {
    let ok = phone.invite("600", Duration::from_secs(10));
    assert_eq!(ok.status(), Some(200), "{}", ok.text());
    phone.acknowledge(&ok);
    ok
}
