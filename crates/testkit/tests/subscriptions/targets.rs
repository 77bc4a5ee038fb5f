//! An upstream of two PBXs, and what is relayed: each subscription is at one of them, and only that one is asked about it;
//! when it dies whoever watches there is told to subscribe anew, and again when it is back (RFC 6665 4.1.3, `deactivated`).

use crate::held::quick;
use crate::site::{auth, gone, known};
use crate::two::*;
use bellhop_core::config::Config;
use bellhop_core::subscription::Cause;

/// Two at the first target, and two at the spare one, where a policy has sent them.
fn at_both() -> (Two, Vec<Peer>) {
    at_both_with(Two::of)
}

fn at_both_with(make: impl FnOnce(Config) -> Two) -> (Two, Vec<Peer>) {
    let mut two = make(relaying());
    two.spreads();
    let phones = two.watchers(4);
    let [first, spare] = &two.pbxs;
    assert_eq!((first.subscriptions(), spare.subscriptions()), (2, 2));
    (two, phones)
}

/// So many that have gone to the spare target, for the first is down.
fn moved(count: u16) -> (Two, Vec<Peer>) {
    let mut two = Two::of(relaying());
    two.pbxs[FIRST].is_dead = true;
    two.until_down();
    let phones = two.watchers(count);
    assert_eq!(two.pbxs[SPARE].subscriptions(), usize::from(count));
    (two, phones)
}

#[test]
fn beside_each_probe_the_target_that_has_one_is_asked_about_it_and_the_other_is_not() {
    let mut two = Two::of(relaying());
    two.watchers(3);
    two.passes(45);
    let [first, spare] = &two.pbxs;
    assert!((3..=5).contains(&first.questions.len()));
    assert!(spare.questions.is_empty());
    assert_eq!((first.subscriptions(), spare.subscriptions()), (3, 0));
}

#[test]
fn a_quick_restart_of_the_target_that_has_them_is_found_out_beside_its_next_probe() {
    let mut two = Two::of(relaying());
    let phones = two.watchers(5);
    two.pbxs[FIRST].forgets();
    two.passes(11);
    assert_eq!(two.deactivated(&phones), 5);
    assert_eq!(gone(&two.world, Cause::Deactivated), 5);
    assert!(two.pbxs[SPARE].questions.is_empty());
}

#[test]
fn a_target_that_is_back_is_asked_about_those_that_are_there_and_about_no_others() {
    let (mut two, phones) = at_both();
    for pbx in &mut two.pbxs {
        pbx.questions.clear();
    }
    two.pbxs[SPARE].is_dead = true;
    two.passes(22);
    two.pbxs[SPARE].is_dead = false;
    two.passes(12);
    let [first, spare] = &two.pbxs;
    assert_eq!(spare.asked_about(), ["r2", "r3"].into());
    // But for what it is asked beside its own probes.
    assert!(first.questions.len() <= 4, "{}", first.questions.len());
    assert_eq!(two.deactivated(&phones), 0);
}

#[test]
fn a_target_that_has_forgotten_costs_those_at_the_other_nothing() {
    let (mut two, phones) = at_both();
    two.pbxs[SPARE].forgets();
    two.passes(12);
    assert_eq!(two.deactivated(&phones[..2]), 0);
    assert_eq!(two.deactivated(&phones[2..]), 2);
    assert_eq!(known(&two.world).len(), 2);
}

/// RFC 6665 4.1.3: `deactivated` is there for the migration of subscriptions between nodes.
#[test]
fn when_a_target_is_down_its_phones_are_told_to_subscribe_anew_and_do_so_at_the_one_that_is_up() {
    let mut two = Two::of(relaying());
    let mut phones = two.watchers(4);
    two.pbxs[FIRST].is_dead = true;
    two.pbxs[SPARE].lamp = "confirmed".to_owned();
    two.until_down();
    assert_eq!(two.deactivated(&phones), 4);
    for (n, phone) in phones.iter_mut().enumerate() {
        two.subscribes(phone, &format!("anew{n}"));
        assert_eq!(two.lamp_at(phone), "confirmed");
    }
    assert_eq!(two.pbxs[SPARE].subscriptions(), 4);
    // And there they stay.
    two.passes(60);
    assert_eq!(two.pbxs[SPARE].subscriptions(), 4);
    assert_eq!(two.deactivated(&phones), 0);
}

#[test]
fn a_short_silence_ends_no_subscription() {
    let mut two = Two::of(relaying());
    let phones = two.watchers(4);
    two.pbxs[FIRST].is_dead = true;
    two.passes(22);
    two.pbxs[FIRST].is_dead = false;
    two.passes(30);
    assert_eq!(two.deactivated(&phones), 0);
    assert_eq!(two.pbxs[FIRST].subscriptions(), 4);
}

/// It is the net that is gone, and it will bring both back.
#[test]
fn when_no_target_answers_nothing_ends() {
    let (mut two, phones) = at_both();
    for pbx in &mut two.pbxs {
        pbx.is_dead = true;
    }
    two.passes(120);
    assert_eq!(two.deactivated(&phones), 0);
    for pbx in &mut two.pbxs {
        pbx.is_dead = false;
    }
    two.passes(12);
    assert_eq!(known(&two.world).len(), 4);
}

/// The other one was not known to live when the first died.
#[test]
fn they_move_as_soon_as_another_target_is_back_though_theirs_is_not() {
    let mut two = Two::of(relaying());
    let phones = two.watchers(4);
    for pbx in &mut two.pbxs {
        pbx.is_dead = true;
    }
    two.passes(60);
    assert_eq!(two.deactivated(&phones), 0);
    two.pbxs[SPARE].is_dead = false;
    two.passes(12);
    assert_eq!(two.deactivated(&phones), 4);
}

/// For there calls go, and lamps that another PBX lights say nothing of those.
#[test]
fn when_an_earlier_target_is_back_those_at_the_spare_one_are_told_to_subscribe_anew() {
    let (mut two, mut phones) = moved(3);
    two.pbxs[FIRST].forgets();
    two.pbxs[FIRST].is_dead = false;
    two.passes(11);
    assert_eq!(two.deactivated(&phones), 3);
    two.pbxs[FIRST].lamp = "early".to_owned();
    for (n, phone) in phones.iter_mut().enumerate() {
        two.subscribes(phone, &format!("back{n}"));
        assert_eq!(two.lamp_at(phone), "early");
    }
    // Whom nobody has told hears it from the phone.
    let mut spare = std::mem::take(&mut two.pbxs[SPARE].lamp);
    spare.push('x');
    let (pbxs, world) = (&mut two.pbxs, &mut two.world);
    pbxs[SPARE].changes(world, &spare);
    two.run(SECOND);
    assert_eq!(two.pbxs[SPARE].subscriptions(), 0);
    assert_eq!(two.pbxs[FIRST].subscriptions(), 3);
}

#[test]
fn they_move_at_the_pace_of_subscriptions() {
    let mut config = relaying();
    config.subscriptions.resync_rate = 5;
    let mut two = Two::of(config);
    let phones = two.watchers(30);
    two.pbxs[FIRST].is_dead = true;
    let mut steps = vec![0];
    for _ in 0..50 {
        two.run(SECOND);
        steps.push(two.deactivated(&phones));
    }
    assert_eq!(steps.last(), Some(&30));
    assert!(
        steps.windows(2).all(|pair| pair[1] - pair[0] <= 6),
        "{steps:?}"
    );
}

#[test]
fn with_several_shards_each_looks_after_its_own() {
    let mut config = relaying();
    config.registrar.leases.shards = 4;
    let mut two = Two::of_shards(4, config);
    let phones = two.watchers(24);
    two.pbxs[FIRST].forgets();
    two.passes(11);
    assert_eq!(two.deactivated(&phones), 24);
}

#[test]
fn after_a_crash_each_target_is_asked_about_those_that_it_has() {
    let (mut two, phones) = at_both_with(|config| Two::with_disk(config, quick));
    two.passes(1);
    for pbx in &mut two.pbxs {
        pbx.questions.clear();
    }
    two.pbxs[SPARE].forgets();
    // The first does not answer at once: nothing is known of it.
    two.pbxs[FIRST].is_dead = true;
    two.world.restart(0, relaying(), auth());
    two.passes(1);
    two.pbxs[FIRST].is_dead = false;
    two.passes(1);
    assert_eq!(two.pbxs[SPARE].asked_about(), ["r2", "r3"].into());
    assert_eq!(two.pbxs[FIRST].asked_about(), ["r0", "r1"].into());
    assert_eq!(two.deactivated(&phones[..2]), 0);
    assert_eq!(two.deactivated(&phones[2..]), 2);
}

/// As an earlier program wrote them: they are asked about from their next NOTIFY on.
#[test]
fn one_of_which_nobody_knows_where_it_is_is_asked_about_when_a_notify_has_shown_it() {
    let (mut two, _) = at_both_with(|config| Two::with_disk(config, quick));
    two.passes(1);
    two.world.set_disk(0, |mut disk| {
        disk.meddle(|saved| saved.place = None);
        disk
    });
    for pbx in &mut two.pbxs {
        pbx.questions.clear();
    }
    two.world.restart(0, relaying(), auth());
    two.passes(25);
    assert!(two.pbxs.iter().all(|pbx| pbx.questions.is_empty()));
    let (pbxs, world) = (&mut two.pbxs, &mut two.world);
    pbxs[SPARE].changes(world, "early");
    two.passes(11);
    let [first, spare] = &two.pbxs;
    assert_eq!((first.questions.len(), spare.questions.len()), (0, 1));
}

/// In mode `b2bua` the PBX's side is a dialog of its own.
#[test]
fn of_two_dialogs_they_move_too_and_neither_side_goes_on() {
    let mut config = relaying();
    config.b2bua = crate::hidden::hiding().b2bua;
    let mut two = Two::of(config);
    let mut phones = two.watchers(3);
    two.passes(11);
    assert!(!two.pbxs[FIRST].questions.is_empty());
    two.pbxs[FIRST].is_dead = true;
    two.until_down();
    assert_eq!(two.deactivated(&phones), 3);
    for (n, phone) in phones.iter_mut().enumerate() {
        two.subscribes(phone, &format!("anew{n}"));
    }
    two.pbxs[FIRST].is_dead = false;
    let (pbxs, world) = (&mut two.pbxs, &mut two.world);
    pbxs[FIRST].changes(world, "early");
    two.run(SECOND);
    let refused = two.pbxs[FIRST].complaints.iter();
    assert_eq!(refused.filter(|(status, _)| *status == 481).count(), 3);
}

/// RFC 3261 21.5.4: it has asked to be left alone, and forgets nothing meanwhile.
#[test]
fn a_target_that_asks_to_be_left_alone_keeps_what_it_has_and_gets_back_what_began_elsewhere() {
    let mut two = Two::of(relaying());
    let mut phones = two.watchers(2);
    two.pbxs[FIRST].rests = true;
    two.passes(12);
    phones.push(two.watcher(2));
    let [first, spare] = &two.pbxs;
    assert_eq!((first.subscriptions(), spare.subscriptions()), (2, 1));
    two.passes(30);
    assert_eq!(two.deactivated(&phones), 0);
    two.pbxs[FIRST].rests = false;
    two.passes(25);
    assert_eq!(two.deactivated(&phones[..2]), 0);
    assert_eq!(two.deactivated(&phones[2..]), 1);
}

/// Not even by a better one: the policy would send it there again.
#[test]
fn where_a_policy_has_sent_one_it_stays_until_nobody_answers_there() {
    let (mut two, phones) = at_both();
    two.pbxs[FIRST].is_dead = true;
    two.until_down();
    assert_eq!(two.deactivated(&phones[..2]), 2);
    two.pbxs[FIRST].is_dead = false;
    two.passes(12);
    assert_eq!(two.deactivated(&phones[2..]), 0);
    two.pbxs[SPARE].is_dead = true;
    two.until_down();
    assert_eq!(two.deactivated(&phones[2..]), 2);
}

/// While Bellhop was down the first came back.
#[test]
fn after_a_crash_those_at_the_spare_target_move_to_an_earlier_one_that_answers() {
    let mut two = Two::with_disk(relaying(), quick);
    two.pbxs[FIRST].is_dead = true;
    two.until_down();
    let phones = two.watchers(3);
    two.passes(1);
    two.world.restart(0, relaying(), auth());
    two.passes(5);
    assert_eq!(two.deactivated(&phones), 0);
    two.pbxs[FIRST].is_dead = false;
    two.passes(6);
    assert_eq!(two.deactivated(&phones), 3);
}
