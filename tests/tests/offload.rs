//! A real Asterisk that challenges every user, and Bellhop that answers for them: no phone sees a
//! challenge of the PBX (RFC 3261 22.2, 22.3).

use bellhop_tests::Transport::{self, Tcp, Udp};
use bellhop_tests::{Kamailio, Lab, Lane, Phone, Site, asterisk::Mode, until};
use std::time::Duration;

#[test]
fn a_call_to_a_pbx_that_challenges_stands_over_udp() {
    calls(Udp);
}

#[test]
fn a_call_to_a_pbx_that_challenges_stands_over_tcp() {
    calls(Tcp);
}

#[test]
fn a_subscription_at_a_pbx_that_challenges_lives_and_ends() {
    let Some(site) = site(Udp, "32") else { return };
    let watch = site.sipp(1, "subscribe").to("6002").event("dialog");
    unseen(&watch.run());
    assert!(
        site.bellhop.log().contains(ANSWERED),
        "nothing was challenged"
    );
}

#[test]
fn the_second_call_is_not_challenged_and_one_with_an_old_nonce_is_once_more() {
    let Some(site) = site(Udp, "4") else { return };
    let call = || unseen(&site.sipp(1, "call").to("602").run());
    call();
    let first = site.bellhop.log().matches(ANSWERED).count();
    assert!(first >= 1);
    call();
    assert_eq!(site.bellhop.log().matches(ANSWERED).count(), first);
    until("a nonce is too old", Duration::from_secs(60), || {
        call();
        site.bellhop.log().contains(STALE).then_some(())
    });
}

#[test]
fn wrong_credentials_at_the_pbx_are_told_as_our_own_502() {
    let with = |mut setup: bellhop_tests::bellhop::Setup| {
        setup.trunk = Some("6010");
        setup
    };
    let Some(site) = Site::of(Udp, with, |mut setup| {
        setup.mode = Mode::Digest;
        setup
    }) else {
        return;
    };
    // Asterisk wants 6001's, not 6010's.
    let mut phone = site.phone(1, Udp);
    let answer = phone.invite("600", Duration::from_secs(10));
    assert_eq!(answer.status(), Some(502), "{}", answer.text());
    assert!(!answer.text().contains("asterisk\""), "{}", answer.text());
}

/// A second offer and the end of the call are of the dialog, which Asterisk has asked about once.
#[test]
fn a_call_that_was_challenged_is_offered_again_and_ended_by_the_phone() {
    let Some(site) = site(Udp, "32") else { return };
    let mut phone = site.phone(1, Udp);
    let ok = phone.invite("600", Duration::from_secs(10));
    assert_eq!(ok.status(), Some(200), "{}", ok.text());
    phone.acknowledge(&ok);
    let again = phone.offer_again(&ok);
    phone.hang_up(&again);
    assert!(
        site.bellhop.log().contains(ANSWERED),
        "nothing was challenged"
    );
}

#[test]
fn a_pbx_that_asks_the_proxy_for_one_password_is_answered_with_the_upstreams_own() {
    let with = |mut setup: bellhop_tests::bellhop::Setup| {
        setup.trunk = Some("trunk");
        setup
    };
    let Some(site) = Site::in_mode(Mode::Trunk, Udp, with) else {
        return;
    };
    for user in [1, 2] {
        unseen(&site.sipp(user, "call").to("602").run());
    }
    assert!(
        site.bellhop.log().contains(ANSWERED),
        "nothing was challenged"
    );
}

/// No Asterisk asks inside a dialog: its authenticator comes after the dialogs. A Kamailio that does is answered there, too.
#[test]
fn a_pbx_that_challenges_inside_dialogs_is_answered_and_no_phone_hears_of_it() {
    let Some(lab) = Lab::or_skip() else { return };
    let lane = Lane::take();
    let Some(pbx) = Kamailio::challenging(&lab, &lane) else {
        return;
    };
    let mut setup = bellhop_tests::bellhop::Setup::new(&lane);
    setup.offload = true;
    let _bellhop = setup.start();
    let phone = |n| Phone::new("6001", lane.phone(n), lane.bellhop(), Udp);
    let mut caller = phone(1);
    let ok = caller.invite("600", Duration::from_secs(10));
    assert_eq!(ok.status(), Some(200), "{}", ok.text());
    caller.acknowledge(&ok);
    let again = caller.offer_again(&ok);
    caller.hang_up(&again);
    let mut watcher = phone(2);
    let ok = watcher.subscribe("6002", "dialog", 60);
    assert_eq!(ok.status(), Some(200), "{}", ok.text());
    for seconds in [60, 0] {
        let again = watcher.subscribe_again(&ok, "dialog", seconds);
        assert_eq!(again.status(), Some(200), "{}", again.text());
    }
    let log = pbx.log();
    for line in [
        "challenges INVITE outside",
        "challenges INVITE dialog",
        "takes INVITE dialog",
        "takes BYE dialog",
        "takes SUBSCRIBE outside",
        "takes SUBSCRIBE dialog",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
}

fn site(inside: Transport, nonce: &str) -> Option<Site> {
    let with = |mut setup: bellhop_tests::bellhop::Setup| {
        setup.offload = true;
        setup
    };
    Site::of(inside, with, |mut setup| {
        setup.mode = Mode::Digest;
        setup.more = vec![("AST_NONCE", nonce.to_owned())];
        setup
    })
}

fn calls(inside: Transport) {
    let Some(site) = site(inside, "32") else {
        return;
    };
    unseen(&site.sipp(1, "call").to("600").args(&["-d", "500"]).run());
    assert!(
        site.bellhop.log().contains(ANSWERED),
        "nothing was challenged"
    );
}

/// The phone has heard of our realm alone.
fn unseen(messages: &str) {
    assert!(messages.contains("SIP/2.0 200"), "{messages}");
    assert!(!messages.contains("realm=\"asterisk\""), "{messages}");
}

const ANSWERED: &str = "answered: challenge of an upstream";
const STALE: &str = "challenge of an upstream, whose nonce was too old";
