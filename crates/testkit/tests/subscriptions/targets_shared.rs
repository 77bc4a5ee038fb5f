//! An upstream of two PBXs, and what is shared: our subscription moves to the target that is up, and watchers hear what is
//! different there. No phone has to do anything.

use crate::held::quick;
use crate::two::*;

/// Shared by three phones, at the first.
fn shared() -> (Two, Vec<Peer>) {
    let mut two = Two::of(sharing_at_two());
    let phones = two.watchers(3);
    two.run(SECOND);
    assert_eq!(two.pbxs[FIRST].news().len(), 1);
    (two, phones)
}

fn lamps(two: &Two, phones: &[Peer]) -> Vec<String> {
    phones
        .iter()
        .map(|phone| two.lamp_at(phone).to_owned())
        .collect()
}

#[test]
fn when_its_target_is_down_it_is_asked_for_at_the_other_and_watchers_hear_how_it_is_there() {
    let (mut two, phones) = shared();
    two.pbxs[FIRST].is_dead = true;
    two.pbxs[SPARE].lamp = "confirmed".to_owned();
    two.until_down();
    assert_eq!(lamps(&two, &phones), ["confirmed"; 3]);
    assert_eq!(two.pbxs[SPARE].news().len(), 1);
    assert_eq!(two.deactivated(&phones), 0);
    // It is the spare one's from now on.
    let (pbxs, world) = (&mut two.pbxs, &mut two.world);
    pbxs[SPARE].changes(world, "early");
    two.run(SECOND);
    assert_eq!(lamps(&two, &phones), ["early"; 3]);
}

#[test]
fn a_target_that_was_away_for_a_moment_keeps_it() {
    let (mut two, phones) = shared();
    two.pbxs[FIRST].is_dead = true;
    two.passes(22);
    two.pbxs[FIRST].is_dead = false;
    two.pbxs[FIRST].lamp = "early".to_owned();
    two.passes(12);
    assert_eq!(lamps(&two, &phones), ["early"; 3]);
    assert!(two.pbxs[SPARE].asked.is_empty());
    assert_eq!(two.pbxs[FIRST].subscriptions(), 1);
}

#[test]
fn when_an_earlier_target_is_back_it_moves_there_and_is_ended_at_the_spare_one() {
    let (mut two, phones) = shared();
    two.pbxs[FIRST].is_dead = true;
    two.until_down();
    assert_eq!(two.pbxs[SPARE].subscriptions(), 1);
    two.pbxs[FIRST].forgets();
    two.pbxs[FIRST].is_dead = false;
    two.pbxs[FIRST].lamp = "early".to_owned();
    two.passes(11);
    assert_eq!(lamps(&two, &phones), ["early"; 3]);
    let [first, spare] = &two.pbxs;
    assert_eq!((first.subscriptions(), spare.subscriptions()), (1, 0));
    assert!(spare.complaints.is_empty());
    assert_eq!(two.world.nodes[0].shared.subscriptions.tally().shared, 1);
}

/// It has come back by itself, and its subscription there was never ended.
#[test]
fn a_target_that_was_cut_off_hears_that_its_old_subscription_is_over() {
    let (mut two, phones) = shared();
    two.pbxs[FIRST].is_dead = true;
    two.until_down();
    two.pbxs[FIRST].is_dead = false;
    let (pbxs, world) = (&mut two.pbxs, &mut two.world);
    pbxs[FIRST].changes(world, "early");
    two.passes(12);
    assert_eq!(two.pbxs[FIRST].complaints[0].0, 481);
    assert_eq!(two.pbxs[FIRST].subscriptions(), 1);
    assert_eq!(lamps(&two, &phones), ["early"; 3]);
}

/// What is asked for now, and waits for an answer, waits no longer than others.
#[test]
fn one_that_is_being_asked_for_when_its_target_is_found_to_be_down_is_asked_for_at_the_other() {
    let mut two = Two::of(sharing_at_two());
    two.pbxs[FIRST].is_dead = true;
    two.pbxs[SPARE].lamp = "confirmed".to_owned();
    two.passes(28);
    let phones = two.watchers(2);
    assert!(two.pbxs[SPARE].asked.is_empty());
    two.passes(14);
    assert_eq!(lamps(&two, &phones), ["confirmed"; 2]);
    // The answer that did not come ends nothing later.
    two.passes(60);
    assert_eq!(two.pbxs[SPARE].news().len(), 1);
}

#[test]
fn a_new_one_is_asked_for_where_any_request_would_go() {
    let mut two = Two::of(sharing_at_two());
    two.pbxs[FIRST].is_dead = true;
    two.until_down();
    two.watchers(1);
    assert_eq!(two.pbxs[SPARE].subscriptions(), 1);
}

#[test]
fn when_no_target_answers_watchers_keep_what_they_know() {
    let (mut two, phones) = shared();
    for pbx in &mut two.pbxs {
        pbx.is_dead = true;
    }
    two.passes(120);
    assert_eq!(two.deactivated(&phones), 0);
    two.pbxs[SPARE].is_dead = false;
    two.pbxs[SPARE].lamp = "early".to_owned();
    two.passes(12);
    assert_eq!(lamps(&two, &phones), ["early"; 3]);
}

/// A refresh is asked for in the dialog, whatever has failed before (RFC 3261 12.2.1.1).
#[test]
fn a_refresh_goes_to_the_target_that_has_the_dialog() {
    let (mut two, _) = shared();
    two.pbxs[FIRST].is_dead = true;
    two.until_down();
    two.pbxs[SPARE].news();
    two.passes(2_800);
    let asked = two.pbxs[SPARE].news();
    assert!(!asked.is_empty());
    assert!(
        asked
            .iter()
            .all(|one| value(one, "To").contains(";tag=ttwo"))
    );
}

#[test]
fn beside_each_probe_the_target_that_has_it_is_asked_about_it() {
    let (mut two, _) = shared();
    two.passes(45);
    let counts = |two: &Two| two.pbxs.each_ref().map(|pbx| pbx.questions.len());
    let [first, spare] = counts(&two);
    assert!((4..=5).contains(&first) && spare == 0, "{first} {spare}");
    two.pbxs[FIRST].is_dead = true;
    two.until_down();
    let before = counts(&two);
    two.passes(30);
    let after = counts(&two);
    assert_eq!(after[0], before[0]);
    assert!(after[1] >= before[1] + 2);
}

#[test]
fn a_quick_restart_of_a_target_is_found_out_beside_its_next_probe() {
    let (mut two, phones) = shared();
    two.pbxs[FIRST].forgets();
    two.pbxs[FIRST].lamp = "early".to_owned();
    two.passes(11);
    assert_eq!(lamps(&two, &phones), ["early"; 3]);
    assert!(two.pbxs[SPARE].asked.is_empty());
}

#[test]
fn after_a_crash_it_is_asked_for_in_the_dialog_that_the_target_has() {
    let mut two = Two::with_disk(sharing_at_two(), quick);
    two.pbxs[FIRST].is_dead = true;
    two.until_down();
    let phones = two.watchers(3);
    two.passes(1);
    two.pbxs[SPARE].news();
    two.world.restart(0, sharing_at_two(), crate::site::auth());
    two.pbxs[SPARE].lamp = "early".to_owned();
    two.passes(2);
    assert_eq!(lamps(&two, &phones), ["early"; 3]);
    let asked = two.pbxs[SPARE].news();
    assert_eq!(asked.len(), 1);
    assert!(value(&asked[0], "To").contains(";tag=ttwo"), "{}", asked[0]);
}

/// The first may know lamps that the other does not; that costs no watcher what it knows.
#[test]
fn a_target_that_refuses_it_leaves_it_to_the_next() {
    let (mut two, phones) = shared();
    two.pbxs[FIRST].is_dead = true;
    two.until_down();
    two.pbxs[FIRST].forgets();
    two.pbxs[FIRST].refuses = 404;
    two.pbxs[FIRST].is_dead = false;
    two.passes(20);
    let (pbxs, world) = (&mut two.pbxs, &mut two.world);
    pbxs[SPARE].changes(world, "early");
    two.run(SECOND);
    assert_eq!(lamps(&two, &phones), ["early"; 3]);
}
