//! A SUBSCRIBE is answered 200 when its watcher is on disk, and not before.

use crate::party::*;
use bellhop_core::engine::PATIENCE;
use bellhop_testkit::Disk;

pub(crate) const LATE: Duration = Duration::from_millis(300);

pub(crate) fn quick(disk: Disk) -> Disk {
    disk.late(Duration::from_millis(2))
}

/// The watchers that the disk has.
pub(crate) fn on_disk(party: &Party) -> usize {
    party.world.disk(0).unwrap().watchers().len()
}

/// Sends a SUBSCRIBE; nobody waits for its answer.
fn begins(party: &mut Party, phone: &mut Peer, id: &str) {
    let request = phone.request("SUBSCRIBE", "sip:6002@example.org", id, DIALOG);
    let request = authorized(&mut party.world, phone, &request);
    say(&mut party.world, phone, &request);
}

#[test]
fn a_subscribe_is_answered_200_when_its_watcher_is_on_disk_and_told_after_that() {
    let mut party = Party::on(|disk| disk.late(LATE));
    let mut phone = party.guest(0, 200);
    begins(&mut party, &mut phone, "late");
    party.world.pass(Duration::from_millis(290));
    assert!(party.world.drain(phone.address).is_empty());
    assert_eq!(on_disk(&party), 0);
    let ok = party.world.expect(phone.address).unwrap();
    assert_eq!(status_of(&ok), 200, "{ok}");
    assert_eq!(on_disk(&party), 1);
    let notify = party.world.expect(phone.address).unwrap();
    assert!(notify.starts_with("NOTIFY "), "{notify}");
}

#[test]
fn a_copy_of_a_subscribe_waits_for_the_disk_too_and_makes_no_second_watcher() {
    let mut party = Party::on(|disk| disk.late(LATE));
    let mut phone = party.guest(0, 200);
    let request = phone.request("SUBSCRIBE", "sip:6002@example.org", "copy", DIALOG);
    let request = authorized(&mut party.world, &mut phone, &request);
    say(&mut party.world, &phone, &request);
    party.world.pass(Duration::from_millis(200));
    say(&mut party.world, &phone, &request);
    party.world.pass(Duration::from_millis(90));
    assert!(party.world.drain(phone.address).is_empty());
    party.run(SECOND);
    assert_eq!((on_disk(&party), known(&party.world).len()), (1, 1));
}

#[test]
fn a_refresh_and_an_end_are_on_disk_before_they_are_answered() {
    let mut party = Party::on(quick);
    let (mut phone, ok) = party.watcher(0);
    let until = |party: &Party| party.world.disk(0).unwrap().watchers()[0].until;
    let first = until(&party);
    party.world.set_disk(0, |disk| disk.late(LATE));
    party.run(Duration::from_secs(100));
    let refresh = again(&mut phone, &ok, 50, 600);
    assert_eq!(status_of(&party.sends(&phone, &refresh)), 200);
    assert!(until(&party) > first + Duration::from_secs(90));
    party.run(SECOND);
    let end = again(&mut phone, &ok, 51, 0);
    assert_eq!(status_of(&party.sends(&phone, &end)), 200);
    assert_eq!(on_disk(&party), 0);
    party.run(SECOND);
    let last = party.heard_by(&phone).last().unwrap();
    assert!(value(last, "Subscription-State").starts_with("terminated"));
    party.restart();
    assert!(known(&party.world).is_empty());
}

#[test]
fn a_disk_that_cannot_write_makes_it_503_with_retry_after_and_there_is_no_watcher() {
    let mut party = Party::on(|disk| disk.failing(20));
    let mut phone = party.guest(0, 200);
    let answer = party.subscribes(&mut phone, "full", DIALOG);
    assert_eq!(status_of(&answer), 503, "{answer}");
    let after: u32 = value(&answer, "Retry-After").parse().unwrap();
    assert!((20..40).contains(&after), "{after}");
    party.run(SECOND);
    assert!(party.heard_by(&phone).is_empty());
    assert!(known(&party.world).is_empty());
    party.world.set_disk(0, quick);
    let answer = party.subscribes(&mut phone, "again", DIALOG);
    assert_eq!(status_of(&answer), 200);
}

#[test]
fn a_disk_that_never_answers_makes_it_503_when_patience_ends() {
    let mut party = Party::on(Disk::silent);
    let mut phone = party.guest(0, 200);
    begins(&mut party, &mut phone, "silent");
    party.world.pass(PATIENCE - Duration::from_millis(10));
    assert!(party.world.drain(phone.address).is_empty());
    party.world.pass(Duration::from_millis(20));
    assert_eq!(statuses(&mut party.world, &phone), [503]);
}

/// What was granted stays granted, and an end that was refused is none.
#[test]
fn what_a_failing_disk_refuses_changes_nothing_for_those_who_watch() {
    let mut party = Party::on(quick);
    let (mut phone, ok) = party.watcher(0);
    party.world.set_disk(0, |disk| disk.failing(9));
    for (cseq, expires) in [(50, 600), (51, 0)] {
        let request = again(&mut phone, &ok, cseq, expires);
        assert_eq!(status_of(&party.sends(&phone, &request)), 503);
    }
    party.heard();
    party.changes("early");
    party.run(SECOND);
    assert_eq!(lamp_of(party.heard_by(&phone).last().unwrap()).1, "early");
    // A new one of a phone that has one leaves it the old one.
    let answer = party.subscribes(&mut phone, "anew", DIALOG);
    assert_eq!((status_of(&answer), known(&party.world).len()), (503, 1));
    party.world.set_disk(0, quick);
    party.restart();
    assert_eq!(known(&party.world).len(), 1);
}
