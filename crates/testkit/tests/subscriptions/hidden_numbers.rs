//! Relayed subscriptions of two dialogs whose notifier says an older CSeq number than its last: a copy, or it counts anew.

use crate::hidden::*;
use crate::hidden_lasting::{durable, number, restart, standing, there};
use crate::site::*;

/// Two were under way at the kill: the PBX says both again, each by a timer of its own, and the older one may be last.
#[test]
fn an_older_notify_that_comes_again_after_a_restart_is_answered_and_left_out() {
    let mut world = durable();
    let (mut watch, _, _) = standing(&mut world, "watch");
    let older = watch.notify("active;expires=590", "");
    say(&mut world, &pbx(), &older);
    assert!(world.expect(watch.phone.address).is_some());
    restart(&mut world);
    told(&mut world, &mut watch, "active;expires=589");
    assert_eq!(status_of(&ask(&mut world, &pbx(), &older)), 200);
    assert_eq!(world.drain(watch.phone.address), Vec::<String>::new());
    assert_eq!(there(&world), (1, 1));
}

/// An Asterisk that has crashed has its subscriptions again, and numbers that it wrote a while before.
#[test]
fn a_notifier_that_counts_anew_is_followed_when_nothing_older_can_be_under_way() {
    let mut world = durable();
    let (mut watch, _, _) = standing(&mut world, "watch");
    let stored = watch.notify("active;expires=500", "");
    let before = told(&mut world, &mut watch, "active;expires=590");
    let overtaken = stored.replacen("branch=", "branch=z9hG4bKearly", 1);
    assert_eq!(status_of(&ask(&mut world, &pbx(), &overtaken)), 200);
    assert_eq!(world.drain(watch.phone.address), Vec::<String>::new());
    world.pass(TIMER_N);
    let anew = stored.replacen("branch=", "branch=z9hG4bKanew", 1);
    say(&mut world, &pbx(), &anew);
    let after = world.expect(watch.phone.address).unwrap();
    assert!(number(&after) > number(&before), "{after}");
    let ok = watch.phone.answer(&after, 200, "OK", "");
    say(&mut world, &watch.phone, &ok);
    // What it says next is newer than that, though not than all before; a restart of ours forgets that no more.
    world.pass(SECOND);
    restart(&mut world);
    let next = stored.replace(
        &format!("CSeq: {} ", number(&stored)),
        &format!("CSeq: {} ", number(&stored) + 1),
    );
    let next = next.replacen("branch=", "branch=z9hG4bKnext", 1);
    say(&mut world, &pbx(), &next);
    let last = world.expect(watch.phone.address).unwrap();
    assert!(number(&last) > number(&after), "{last}");
}
