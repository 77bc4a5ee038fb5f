//! Two real Asterisks behind one Bellhop, the second a spare one. The first is killed under lamps: they move to the spare one,
//! and back when it lives again. What each Asterisk believes of the lamp is another thing, so a phone shows which one it hears.

use bellhop_tests::Transport::Udp;
use bellhop_tests::asterisk::{self, Asterisk};
use bellhop_tests::{Phone, Site, bellhop, until};
use std::time::Duration;

/// What is shared: no phone has to do anything.
#[test]
fn shared_lamps_move_to_the_asterisk_that_is_up_and_back_without_a_phone_asking() {
    let Some((mut site, spare, mut phones)) =
        scene("[subscriptions]\nshare = [\"dialog\"]\n", "1s")
    else {
        return;
    };
    for phone in &mut phones {
        subscribe(phone);
    }
    all_hear(&mut phones, DARK);
    assert_eq!((site.asterisk.inbound(), spare.inbound()), (1, 0));
    let asked: u32 = phones.iter().map(Phone::requests).sum();
    site.asterisk.kill();
    all_hear(&mut phones, LIT);
    assert_eq!(spare.inbound(), 1);
    spare.cli("devstate change Custom:lamp690 NOT_INUSE");
    all_hear(&mut phones, DARK);
    spare.cli("devstate change Custom:lamp690 INUSE");
    all_hear(&mut phones, LIT);
    site.asterisk.start();
    all_hear(&mut phones, DARK);
    until("the spare one has none", PATIENCE, || {
        (spare.inbound() == 0).then_some(())
    });
    assert_eq!(site.asterisk.inbound(), 1);
    let now: u32 = phones.iter().map(Phone::requests).sum();
    assert_eq!(now, asked, "a phone has asked");
}

/// A relayed dialog is between the phone and one Asterisk: the phone is told to subscribe anew, each time.
#[test]
fn the_phones_of_relayed_lamps_are_told_to_subscribe_anew_when_their_asterisk_dies_and_when_it_is_back()
 {
    let Some((mut site, spare, mut phones)) = scene("", "1s") else {
        return;
    };
    for phone in &mut phones {
        subscribe(phone);
    }
    all_hear(&mut phones, DARK);
    assert_eq!(site.asterisk.inbound(), phones.len());
    site.asterisk.kill();
    all_hear(&mut phones, DEACTIVATED);
    for phone in &mut phones {
        subscribe(phone);
    }
    all_hear(&mut phones, LIT);
    assert_eq!(spare.inbound(), phones.len());
    site.asterisk.start();
    all_hear(&mut phones, DEACTIVATED);
    for phone in &mut phones {
        subscribe(phone);
    }
    all_hear(&mut phones, DARK);
    assert_eq!(site.asterisk.inbound(), phones.len());
}

/// It is back before its next probe: what it has forgotten is found out beside that, and the other one is not asked.
#[test]
fn an_asterisk_of_two_that_was_quickly_restarted_is_asked_about_the_lamps_that_it_had() {
    let Some((mut site, spare, mut phones)) = scene("", "8s") else {
        return;
    };
    for phone in &mut phones {
        subscribe(phone);
    }
    all_hear(&mut phones, DARK);
    site.asterisk.kill();
    site.asterisk.start();
    all_hear(&mut phones, DEACTIVATED);
    for phone in &mut phones {
        subscribe(phone);
    }
    all_hear(&mut phones, DARK);
    assert_eq!(
        (site.asterisk.inbound(), spare.inbound()),
        (phones.len(), 0)
    );
}

/// Bellhop before two Asterisks, and three phones. The lamp is dark at the first and lit at the spare one.
fn scene(more: &str, probe: &'static str) -> Option<(Site, Asterisk, Vec<Phone>)> {
    let with = |mut setup: bellhop::Setup| {
        let pbx = setup.upstream.clone().unwrap_or_default();
        setup.spare = Some(pbx.replace(".1:5060", ".3:5060"));
        setup.probe = Some(probe);
        setup.more += more;
        setup
    };
    let site = Site::with(Udp, with)?;
    let spare = asterisk::Setup {
        bind: site.lane.spare(0),
        ..asterisk::Setup::new(&site.lab, &site.lane, Udp)
    };
    let spare = spare.start();
    spare.cli("devstate change Custom:lamp690 INUSE");
    let phones = (1..=3).map(|n| site.phone(n, Udp)).collect();
    Some((site, spare, phones))
}

fn subscribe(phone: &mut Phone) {
    phone.begin_anew();
    let ok = phone.subscribe("690", "dialog", 600);
    assert_eq!(ok.status(), Some(200), "{}", ok.text());
}

fn all_hear(phones: &mut [Phone], what: &str) {
    for phone in phones {
        phone.hear(&[what]);
    }
}

const DARK: &str = "<state>terminated</state>";
const LIT: &str = "<state>confirmed</state>";
const DEACTIVATED: &str = "Subscription-State: terminated;reason=deactivated";
const PATIENCE: Duration = Duration::from_secs(30);
