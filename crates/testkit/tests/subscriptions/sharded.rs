//! Watchers in different shards, the source's home in one of them, and notes between them that overtake each other.

use crate::party::*;
use bellhop_testkit::Chance;
use std::collections::HashSet;

const SHARDS: u16 = 4;

fn party() -> Party {
    Party::of_shards(SHARDS, sharing())
}

/// How many subscriptions of ours the PBX has been asked to end.
fn ended(party: &Party) -> usize {
    let ends = party
        .asked
        .iter()
        .filter(|one| value(one, "Expires") == "0");
    ends.count()
}

/// How many dialogs the PBX has had with us.
fn dialogs(party: &Party) -> usize {
    let ids: HashSet<&str> = party
        .asked
        .iter()
        .map(|one| value(one, "Call-ID"))
        .collect();
    ids.len()
}

fn sources(party: &Party) -> usize {
    party.world.nodes[0].shared.subscriptions.tally().shared
}

#[test]
fn watchers_in_all_shards_are_one_subscription_and_each_hears_of_each_change_once() {
    let mut party = party();
    let phones: Vec<Peer> = (0..100).map(|n| party.watcher(n).0).collect();
    assert_eq!(party.asked.len(), 1);
    assert_eq!(known(&party.world).len(), 100);
    party.heard();
    for lamp in ["early", "confirmed", "terminated"] {
        party.changes(lamp);
        party.run(Duration::from_millis(200));
        for phone in &phones {
            assert_eq!(lamp_of(party.heard_by(phone).last().unwrap()).1, lamp);
        }
        assert_eq!(party.heard(), 100);
    }
    assert!(party.complaints.is_empty(), "{:?}", party.complaints);
}

/// The versions of a watcher's bodies rise by one, and the last one is right, whatever overtook what between the shards.
#[test]
fn changes_that_overtake_each_other_between_shards_leave_every_lamp_as_the_last_one_says() {
    let mut party = party();
    let phones: Vec<Peer> = (0..40).map(|n| party.watcher(n).0).collect();
    for round in 0..60 {
        let lamp = ["trying", "early", "confirmed"][round % 3];
        party.changes(lamp);
        party.run(Duration::from_millis(1));
    }
    party.changes("terminated");
    party.run(SECOND);
    for phone in &phones {
        let heard = party.heard_by(phone);
        let told: Vec<(u32, &str)> = heard
            .iter()
            .filter(|notify| notify.contains("<dialog-info"))
            .map(|notify| lamp_of(notify))
            .collect();
        let versions: Vec<u32> = told.iter().map(|(version, _)| *version).collect();
        let expected: Vec<u32> = (0..told.len()).map(|n| n as u32).collect();
        assert_eq!(versions, expected);
        assert_eq!(told.last().unwrap().1, "terminated");
    }
}

/// Last ones go while first ones come, in all shards: nobody is left without a lamp, and no subscription is left over.
#[test]
fn watchers_who_come_and_go_leave_neither_a_dark_lamp_nor_a_subscription_behind() {
    for seed in 0..5 {
        let mut party = party();
        let mut chance = Chance::new(seed);
        let mut here: Vec<(Peer, String)> = Vec::new();
        let mut cseq = 100;
        for n in 0..150_u16 {
            if here.is_empty() || chance.happens(55) {
                let mut phone = party.guest(n, 200);
                let ok = party.subscribes(&mut phone, &format!("come{n}"), DIALOG);
                assert_eq!(status_of(&ok), 200, "{ok}");
                here.push((phone, ok));
            } else {
                let at = chance.below(here.len() as u64) as usize;
                let (mut phone, ok) = here.swap_remove(at);
                cseq += 1;
                let end = again(&mut phone, &ok, cseq, 0);
                say(&mut party.world, &phone, &end);
            }
            // Often sooner than a note takes from shard to shard.
            party.run(Duration::from_millis(chance.below(8)));
            if chance.happens(3) {
                // Longer than the PBX is kept asked for nobody.
                party.run(Duration::from_secs(31));
            }
        }
        if here.is_empty() {
            here.push(party.watcher(999));
        }
        party.run(SECOND);
        assert_eq!(known(&party.world).len(), here.len());
        assert_eq!(sources(&party), 1);
        party.heard();
        // The one that stands is the one that was asked for last.
        party.changes("confirmed");
        party.run(SECOND);
        for (phone, _) in &here {
            let heard = party.heard_by(phone);
            assert_eq!(lamp_of(heard.last().expect("a NOTIFY")).1, "confirmed");
        }
        for (mut phone, ok) in here {
            cseq += 1;
            let end = again(&mut phone, &ok, cseq, 0);
            say(&mut party.world, &phone, &end);
        }
        party.run(Duration::from_secs(80));
        assert_eq!((known(&party.world).len(), sources(&party)), (0, 0));
        assert_eq!(ended(&party), dialogs(&party));
    }
}

/// A refusal reaches those of every shard, and who comes after it has the PBX asked anew.
#[test]
fn a_refusal_ends_the_watchers_of_all_shards_and_holds_for_nobody_after_them() {
    let mut party = party();
    party.is_silent = true;
    let phones: Vec<Peer> = (0..20).map(|n| party.watcher(n).0).collect();
    let asked = party.asked[0].clone();
    party.is_silent = false;
    let refusal = pbx().answer(&asked, 404, "Not Found", "");
    say(&mut party.world, &pbx(), &refusal);
    party.run(SECOND);
    for phone in &phones {
        let last = party.heard_by(phone).last().unwrap();
        let state = value(last, "Subscription-State");
        assert_eq!(state, "terminated;reason=noresource");
    }
    assert_eq!((known(&party.world).len(), sources(&party)), (0, 0));
    let (phone, _) = party.watcher(100);
    let last = party.heard_by(&phone).last().unwrap();
    assert!(
        value(last, "Subscription-State").starts_with("active"),
        "{last}"
    );
}
