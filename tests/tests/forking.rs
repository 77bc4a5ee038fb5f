//! Two phones on one AoR both ring; the one that does not get the call is told
//! so by CANCEL and answers 487 (RFC 3261 16.7 step 10, 9.2).

use bellhop_tests::Transport::{self, Tcp, Udp};
use bellhop_tests::{Phone, Site};

#[test]
fn a_call_from_a_phone_rings_two_udp_phones_and_the_loser_is_cancelled() {
    a_phone_calls(Udp);
}

#[test]
fn a_call_from_a_phone_rings_two_tcp_phones_and_the_loser_is_cancelled() {
    a_phone_calls(Tcp);
}

#[test]
fn a_call_from_asterisk_rings_both_phones_and_the_loser_is_cancelled() {
    let Some(site) = Site::or_skip() else { return };
    let (mut winner, mut loser) = two_phones_of_one_user(&site, Udp);
    site.asterisk
        .cli("channel originate PJSIP/6002 application Milliwatt");
    one_answers(&mut winner, &mut loser);
    site.asterisk.cli("channel request hangup all");
    let bye = winner.expect("BYE ");
    winner.answer(&bye, "200 OK");
}

/// RFC 3261 16.10: a CANCEL from the caller reaches every branch.
#[test]
fn a_caller_who_gives_up_cancels_both_phones() {
    let Some(site) = Site::or_skip() else { return };
    let (mut one, mut other) = two_phones_of_one_user(&site, Udp);
    site.asterisk
        .cli("channel originate PJSIP/6002 application Milliwatt");
    let invites = [one.expect("INVITE "), other.expect("INVITE ")];
    one.answer(&invites[0], "180 Ringing");
    other.answer(&invites[1], "180 Ringing");
    site.asterisk.cli("channel request hangup all");
    is_cancelled(&mut one, &invites[0]);
    is_cancelled(&mut other, &invites[1]);
}

fn a_phone_calls(transport: Transport) {
    let Some(site) = Site::or_skip() else { return };
    let (mut winner, mut loser) = two_phones_of_one_user(&site, transport);
    let caller = site
        .sipp(1, "call")
        .to("6002")
        .over(transport)
        .args(&["-d", "300"])
        .start();
    one_answers(&mut winner, &mut loser);
    let bye = winner.expect("BYE ");
    winner.answer(&bye, "200 OK");
    caller.succeed();
}

fn two_phones_of_one_user(site: &Site, transport: Transport) -> (Phone, Phone) {
    let desk = site.lane.phone(2);
    let kitchen = site.lane.phone(3);
    let phones = [desk, kitchen].map(|local| {
        let mut phone = Phone::new("6002", local, site.lane.bellhop(), transport);
        phone.register();
        phone
    });
    phones.into()
}

fn one_answers(winner: &mut Phone, loser: &mut Phone) {
    let lost = loser.expect("INVITE ");
    loser.answer(&lost, "180 Ringing");
    let won = winner.expect("INVITE ");
    winner.answer(&won, "180 Ringing");
    winner.answer(&won, "200 OK");
    winner.expect("ACK ");
    is_cancelled(loser, &lost);
}

fn is_cancelled(phone: &mut Phone, invite: &bellhop_tests::Message) {
    let cancel = phone.expect("CANCEL ");
    assert_eq!(
        cancel.header("CSeq").split(' ').next(),
        invite.header("CSeq").split(' ').next()
    );
    phone.answer(&cancel, "200 OK");
    phone.answer(invite, "487 Request Terminated");
    phone.expect("ACK ");
}
