//! What is relayed goes on when Bellhop is killed: it is known again, and the PBX is asked about each, so that a phone whose
//! subscription the PBX has forgotten meanwhile need not wait for its refresh to hear of that.

use crate::held::quick;
use crate::party::*;
use bellhop_core::config::Config;
use bellhop_core::subscription::{Cause, Shown};
use bellhop_testkit::Disk;

const DEACTIVATED: &str = "terminated;reason=deactivated";

/// So many phones that watch a PBX which notifies, relayed, with a disk.
fn relaying(phones: u16, disk: impl FnOnce(Disk) -> Disk) -> (Party, Vec<Peer>) {
    let mut party = Party::of(config());
    party.world.set_disk(0, disk);
    let phones = (0..phones).map(|n| watches(&mut party, n)).collect();
    party.run(SECOND);
    (party, phones)
}

fn watches(party: &mut Party, n: u16) -> Peer {
    let mut phone = party.guest(n, 200);
    subscribes(party, &mut phone, &format!("r{n}"));
    phone
}

/// Has a phone subscribe; gives the PBX's answer.
fn subscribes(party: &mut Party, phone: &mut Peer, id: &str) -> String {
    let request = phone.request("SUBSCRIBE", "sip:6002@example.org", id, DIALOG);
    let request = authorized(&mut party.world, phone, &request);
    say(&mut party.world, phone, &request);
    party.run(Duration::from_millis(50));
    let asked = party.asked.last().expect("a SUBSCRIBE");
    assert_eq!(value(asked, "Call-ID"), id);
    pbx().answer(asked, 200, "OK", "Expires: 3600\r\n")
}

fn restart(party: &mut Party) {
    restart_with(party, config());
}

fn restart_with(party: &mut Party, config: Config) {
    party.heard();
    party.questions.clear();
    party.world.restart(0, config, auth());
}

fn cseq_of(message: &str) -> u32 {
    value(message, "CSeq")
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

/// What each phone was told last.
fn told(party: &Party, phones: &[Peer]) -> Vec<String> {
    let last = |phone| party.heard_by(phone).last().cloned().unwrap_or_default();
    phones.iter().map(last).collect()
}

fn state(notify: &str) -> &str {
    value(notify, "Subscription-State")
}

#[test]
fn after_a_crash_each_is_known_as_it_was() {
    let (mut party, _) = relaying(20, quick);
    let before = known(&party.world);
    restart(&mut party);
    let after = known(&party.world);
    assert_eq!(after.len(), 20);
    let seen = |one: &Shown| {
        let texts = [&one.watcher, &one.resource, &one.package, &one.call_id];
        let texts = texts.map(|text| text.escape_ascii().to_string());
        (
            one.name.clone(),
            texts,
            one.id.clone(),
            one.standing,
            one.until.as_micros() / 1_000,
        )
    };
    assert!(before.iter().map(seen).eq(after.iter().map(seen)));
    let tally = party.world.nodes[0].shared.subscriptions.tally();
    assert_eq!(tally.live[0], [0, 0, 20]);
    assert_eq!(party.world.nodes[0].shared.subscriptions.len(), 20);
}

#[test]
fn after_a_crash_it_goes_on_as_the_one_that_it_was() {
    let (mut party, _) = relaying(0, quick);
    let mut phone = party.guest(0, 200);
    let ok = subscribes(&mut party, &mut phone, "r0");
    party.run(SECOND);
    restart(&mut party);
    party.run(SECOND);
    party.changes("early");
    party.run(SECOND);
    assert_eq!(lamp_of(party.heard_by(&phone).last().unwrap()).1, "early");
    let refresh = again(&mut phone, &ok, 50, 600);
    say(&mut party.world, &phone, &refresh);
    party.run(SECOND);
    assert_eq!((party.asked.len(), known(&party.world).len()), (2, 1));
    let end = again(&mut phone, &ok, 51, 0);
    say(&mut party.world, &phone, &end);
    party.run(SECOND);
    assert!(known(&party.world).is_empty());
    assert!(party.world.disk(0).unwrap().relayed().is_empty());
}

/// Whoever took Bellhop's place asks about each, and leaves alone what the PBX knows.
#[test]
fn after_a_crash_the_pbx_is_asked_about_each_once_and_at_its_pace() {
    let (mut party, _) = relaying(20, quick);
    let mut config = config();
    config.subscriptions.resync_rate = 10;
    restart_with(&mut party, config);
    party.run(SECOND);
    assert!(
        (8..=11).contains(&party.questions.len()),
        "{}",
        party.questions.len()
    );
    // The youngest is what a PBX that has forgotten some has forgotten.
    assert_eq!(value(&party.questions[0], "Call-ID"), "r19");
    // In steps so small that nothing is sent twice.
    for _ in 0..10 {
        party.run(SECOND);
    }
    assert_eq!(party.questions.len(), 20);
    assert_eq!((known(&party.world).len(), party.heard()), (20, 0));
}

#[test]
fn what_the_pbx_has_forgotten_meanwhile_is_ended_in_its_dialog_so_that_its_phone_subscribes_anew() {
    let (mut party, phones) = relaying(12, quick);
    let before = told(&party, &phones);
    party.forgets();
    restart(&mut party);
    party.run(SECOND);
    for (last, before) in told(&party, &phones).iter().zip(&before) {
        assert_eq!(state(last), DEACTIVATED);
        assert!(cseq_of(last) > cseq_of(before), "{last}");
        for name in ["Call-ID", "From", "To", "Event"] {
            assert_eq!(value(last, name), value(before, name));
        }
    }
    assert_eq!(party.heard(), 12);
    assert!(known(&party.world).is_empty());
    assert_eq!(gone(&party.world, Cause::Deactivated), 12);
    party.run(SECOND);
    assert!(party.world.disk(0).unwrap().relayed().is_empty());
}

/// As one does that takes back what was on its disk, a moment old; or whose NOTIFY nobody answered while Bellhop was down.
#[test]
fn a_pbx_that_has_forgotten_some_costs_the_others_nothing() {
    let (mut party, phones) = relaying(9, quick);
    party.forgotten.extend(["r3", "r8"].map(str::to_owned));
    restart(&mut party);
    party.run(SECOND);
    for (n, last) in told(&party, &phones).iter().enumerate() {
        let expected = if n == 3 || n == 8 { DEACTIVATED } else { "" };
        assert_eq!(state(last), expected, "{n}");
    }
    assert_eq!(known(&party.world).len(), 7);
}

/// It answers when it is there, for the question is sent again until then.
#[test]
fn a_pbx_that_starts_later_than_bellhop_is_asked_all_the_same() {
    let (mut party, phones) = relaying(5, quick);
    party.forgets();
    restart(&mut party);
    party.is_silent = true;
    party.run(Duration::from_secs(8));
    assert_eq!(party.heard(), 0);
    party.is_silent = false;
    party.run(Duration::from_secs(5));
    assert!(
        told(&party, &phones)
            .iter()
            .all(|last| state(last) == DEACTIVATED)
    );
}

/// RFC 3261 12.2.1.1: above all that there were, whenever it was killed.
#[test]
fn the_number_of_an_end_is_above_all_that_a_phone_was_told_with() {
    for notifies in [1, 7, 2_047, 2_049, 5_000] {
        let (mut party, phones) = relaying(1, quick);
        for _ in 0..notifies {
            party.changes("early");
            party.run(Duration::from_micros(50));
        }
        party.run(Duration::from_millis(100));
        let mut highest = cseq_of(&told(&party, &phones)[0]);
        assert!(highest > notifies, "{highest}");
        party.forgets();
        // Killed after it was told, and before it has answered, several times.
        for _ in 0..4 {
            restart(&mut party);
            party.world.pass(Duration::from_millis(150));
            let asked = party.world.drain(addr(PBX)).pop().expect("a question");
            say(
                &mut party.world,
                &pbx(),
                &pbx().answer(&asked, 481, "Gone", ""),
            );
            party.world.pass(Duration::from_millis(100));
            let end = party.world.drain(phones[0].address).remove(0);
            assert_eq!(state(&end), DEACTIVATED);
            assert!(cseq_of(&end) > highest, "{highest} {end}");
            highest = cseq_of(&end);
        }
    }
}

#[test]
fn one_whose_time_ended_meanwhile_is_not_taken_back() {
    let (mut party, _) = relaying(3, quick);
    party.world.now.unix += Duration::from_secs(3_601);
    restart(&mut party);
    assert!(known(&party.world).is_empty());
    party.run(SECOND);
    assert!(party.questions.is_empty());
    assert!(party.world.disk(0).unwrap().relayed().is_empty());
}

#[test]
fn one_that_is_taken_back_ends_when_it_would_have() {
    let (mut party, _) = relaying(3, quick);
    party.world.now.unix += Duration::from_secs(3_500);
    restart(&mut party);
    party.run(Duration::from_secs(90));
    assert_eq!(known(&party.world).len(), 3);
    party.run(Duration::from_secs(15));
    assert!(known(&party.world).is_empty());
    assert_eq!(gone(&party.world, Cause::Expired), 3);
}

/// Each is where its messages come, also after the next crash, and on disk once.
#[test]
fn more_shards_or_fewer_take_back_each_in_one_of_them() {
    let mut party = Party::of_shards(3, config());
    for shard in 0..3 {
        party.world.set_disk(shard, quick);
    }
    let phones: Vec<Peer> = (0..40).map(|n| watches(&mut party, n)).collect();
    party.run(SECOND);
    for shards in [1, 4, 2, 4] {
        party.questions.clear();
        party.world.restart_as(shards, config(), &auth());
        assert_eq!(known(&party.world).len(), 40, "{shards}");
        party.run(Duration::from_secs(2));
        assert_eq!(party.questions.len(), 40, "{shards}");
        let disks = (0..shards.into()).map(|shard| party.world.disk(shard).unwrap());
        assert_eq!(
            disks.map(|disk| disk.relayed().len()).sum::<usize>(),
            40,
            "{shards}"
        );
        let mut names: Vec<String> = known(&party.world)
            .into_iter()
            .map(|one| one.name)
            .collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 40);
    }
    party.forgets();
    party.heard();
    party.world.restart_as(3, config(), &auth());
    party.run(Duration::from_secs(2));
    assert!(
        told(&party, &phones)
            .iter()
            .all(|last| state(last) == DEACTIVATED)
    );
}

/// They go on by our signature, as without a disk, and are known from their refresh on.
#[test]
fn what_a_full_disk_does_not_have_goes_on_unknown() {
    let (mut party, phones) = relaying(2, |disk| disk.failing(9));
    restart(&mut party);
    assert!(known(&party.world).is_empty());
    party.changes("early");
    party.run(SECOND);
    assert_eq!(lamp_of(&told(&party, &phones)[1]).1, "early");
}

#[test]
fn a_phone_whose_connection_went_with_the_program_is_told_where_it_registers_again() {
    let (mut party, _) = relaying(0, quick);
    let mut phone = tcp_phone("6001", "203.0.113.7:40000");
    phone.contact = "10.0.0.7:5060".to_owned();
    register(&mut party.world, &mut phone);
    subscribes(&mut party, &mut phone, "tcp");
    let notify = party.world.drain(phone.address).pop().expect("a NOTIFY");
    say(
        &mut party.world,
        &phone,
        &phone.answer(&notify, 200, "OK", ""),
    );
    party.run(SECOND);
    party.forgets();
    party.world.cut(phone.address);
    restart(&mut party);
    party.run(Duration::from_secs(100));
    assert_eq!(known(&party.world).len(), 1);
    // The same phone: its REGISTERs have one Call-ID.
    let former = phone.address;
    phone.address = addr("203.0.113.7:40001");
    let contact = "Contact: <sip:6001@10.0.0.7:5060;transport=tcp>\r\n";
    let request = register_of(&mut phone, AOR, &format!("reg-6001-{former}"), contact, "");
    let answer = answered(&mut party.world, &mut phone, &request);
    assert_eq!(status_of(&answer), 200);
    party.run(Duration::from_secs(6));
    let end = party.world.expect(phone.address).expect("a NOTIFY");
    assert_eq!(state(&end), DEACTIVATED);
}

#[test]
fn beyond_the_bound_none_is_taken_back() {
    let (mut party, _) = relaying(9, quick);
    let mut small = config();
    small.subscriptions.most = 4;
    restart_with(&mut party, small);
    assert_eq!(known(&party.world).len(), 4);
    party.run(SECOND);
    assert_eq!(party.world.disk(0).unwrap().relayed().len(), 4);
}

/// Though its checksum is right.
#[test]
fn an_entry_that_is_none_of_ours_harms_nobody() {
    let odd = |bytes: &[u8]| -> Box<[u8]> { bytes.into() };
    for spoil in 0..8 {
        let (mut party, _) = relaying(6, quick);
        party.world.set_disk(0, |mut disk| {
            disk.meddle(|saved| {
                if &*saved.dialog.call_id != b"r2" {
                    return;
                }
                match spoil {
                    0 => saved.event = odd(b""),
                    1 => saved.event = odd(b";;;=\"\xff"),
                    2 => saved.dialog.remote = odd(b"\xff<<<"),
                    3 => saved.dialog.local = odd(b"nobody"),
                    4 => saved.dialog.target = odd(b"\x01"),
                    5 => (saved.dialog.cseq, saved.dialog.remote_cseq) = (u32::MAX, None),
                    6 => (saved.until, saved.began) = (Duration::MAX, Duration::MAX),
                    _ => (saved.at, saved.granted) = (Duration::MAX, Some(u32::MAX)),
                }
            });
            disk
        });
        restart(&mut party);
        party.run(SECOND);
        assert!(known(&party.world).len() >= 5, "{spoil}");
        party.forgets();
        restart(&mut party);
        party.run(SECOND);
        assert!(gone(&party.world, Cause::Deactivated) >= 5, "{spoil}");
    }
}
