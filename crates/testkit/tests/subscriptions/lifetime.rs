//! What a subscription goes through, statement by statement of RFC 6665 4.1 and 4.2, as it looks from between
//! the two.

use crate::site::*;
use bellhop_core::subscription::Cause;

#[test]
fn a_subscription_is_asked_for_granted_told_of_and_ended() {
    let mut world = world();
    let mut watch = Watch::begun(&mut world, "watch", DIALOG);
    assert_eq!(states(&world), ["waiting"]);
    watch.answered(&mut world, 200, "Expires: 600\r\n");
    // 4.1.2.4: the NOTIFY makes it, not the 200.
    assert_eq!(states(&world), ["waiting"]);
    watch.notified(&mut world, "active;expires=600", 200);
    assert_eq!(states(&world), ["active"]);
    watch.refreshed(&mut world, 0, 200, "Expires: 0\r\n");
    assert_eq!(states(&world), ["active"]);
    watch.notified(&mut world, "terminated;reason=timeout", 200);
    assert!(known(&world).is_empty());
    assert_eq!(gone(&world, Cause::Terminated), 1);
}

#[test]
fn what_is_known_says_who_watches_what_and_until_when() {
    let mut world = world();
    let mut watch = Watch::begun(&mut world, "w", "Event: dialog;id=7\r\nExpires: 600\r\n");
    watch.answered(&mut world, 200, "Expires: 300\r\n");
    watch.notified(&mut world, "active;expires=300", 200);
    let one = known(&world).remove(0);
    assert_eq!(&*one.resource, b"sip:6002@example.org");
    assert_eq!(&*one.watcher, b"sip:6001@192.0.2.1:5060");
    assert_eq!(
        (&*one.package, one.id.as_deref()),
        (&b"dialog"[..], Some(&b"7"[..]))
    );
    let left = one.until.since(world.now.instant);
    assert!(
        left <= Duration::from_secs(300) && left > Duration::from_secs(290),
        "{left:?}"
    );
}

/// 4.1.2.4, 4.4.1: a NOTIFY may come before the 200, and makes the subscription.
#[test]
fn a_notify_that_comes_before_the_200_is_of_its_subscription() {
    let mut world = world();
    let mut watch = Watch::begun(&mut world, "early", DIALOG);
    watch.notified(&mut world, "pending;expires=600", 200);
    assert_eq!(states(&world), ["pending"]);
    watch.answered(&mut world, 200, "Expires: 600\r\n");
    watch.notified(&mut world, "active;expires=600", 200);
    assert_eq!(states(&world), ["active"]);
}

/// 8.3.1: 202 is as good as 200.
#[test]
fn a_202_is_a_200() {
    let mut world = world();
    let mut watch = Watch::begun(&mut world, "accepted", DIALOG);
    let answer = watch.answered(&mut world, 202, "Expires: 600\r\n");
    assert_eq!(status_of(&answer), 202);
    watch.notified(&mut world, "pending", 200);
    assert_eq!(states(&world), ["pending"]);
}

/// 4.1.4: each NOTIFY with another tag is a subscription of its own.
#[test]
fn each_fork_is_a_subscription_of_its_own_and_ends_by_itself() {
    let mut world = world();
    let mut one = Watch::begun(&mut world, "forked", DIALOG);
    one.answered(&mut world, 200, "Expires: 600\r\n");
    one.notified(&mut world, "active;expires=600", 200);
    let mut other = Watch {
        phone: one.phone.clone(),
        at_pbx: one.at_pbx.clone(),
        cseq: 0,
        tag: "other",
    };
    other.notified(&mut world, "pending;expires=600", 200);
    let mut both = states(&world);
    both.sort_unstable();
    assert_eq!(both, ["active", "pending"]);
    one.notified(&mut world, "terminated;reason=noresource", 200);
    assert_eq!(states(&world), ["pending"]);
}

/// 4.1.2.4: without a NOTIFY until timer N ends there is no subscription.
#[test]
fn one_that_is_granted_and_never_told_of_is_given_up_after_timer_n() {
    let mut world = world();
    let mut watch = Watch::begun(&mut world, "silent", DIALOG);
    watch.answered(&mut world, 200, "Expires: 600\r\n");
    world.pass(TIMER_N - 2 * SECOND);
    assert_eq!(states(&world), ["waiting"]);
    world.pass(3 * SECOND);
    assert!(known(&world).is_empty());
    assert_eq!(gone(&world, Cause::Silent), 1);
}

#[test]
fn one_that_is_refused_was_none() {
    for (status, more) in [
        (423, "Min-Expires: 900\r\n"),
        (489, "Allow-Events: presence\r\n"),
        (404, ""),
        (403, ""),
        (603, ""),
    ] {
        let mut world = world();
        let mut watch = Watch::begun(&mut world, "refused", DIALOG);
        let answer = watch.answered(&mut world, status, more);
        assert_eq!(status_of(&answer), status);
        assert!(answer.contains(more), "{answer}");
        assert!(known(&world).is_empty());
        assert_eq!(gone(&world, Cause::Refused), 1);
    }
}

/// 4.1.2.2: a refresh that gets one of these ends what there was.
#[test]
fn a_refresh_that_is_refused_for_good_ends_it() {
    for status in [
        404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604,
    ] {
        let mut world = world();
        let mut watch = Watch::standing(&mut world);
        watch.refreshed(&mut world, 600, status, "");
        assert!(known(&world).is_empty(), "{status}");
    }
}

/// 4.1.2.2: any other leaves it as it was, for as long as it was granted.
#[test]
fn a_refresh_that_is_refused_otherwise_leaves_it_until_it_expires() {
    for status in [423, 500, 403] {
        let mut world = world();
        let mut watch = Watch::standing(&mut world);
        watch.refreshed(&mut world, 600, status, "");
        assert_eq!(states(&world), ["active"], "{status}");
        world.pass(Duration::from_secs(601));
        assert!(known(&world).is_empty());
        assert_eq!(gone(&world, Cause::Expired), 1);
    }
}

#[test]
fn a_refresh_lengthens_it_and_leaves_one() {
    let mut world = world();
    let mut watch = Watch::standing(&mut world);
    for _ in 0..20 {
        world.pass(Duration::from_secs(500));
        watch.cseq += 1;
        watch.refreshed(&mut world, 600, 200, "Expires: 600\r\n");
        assert_eq!(states(&world), ["active"]);
    }
    world.pass(Duration::from_secs(601));
    assert!(known(&world).is_empty());
}

/// 4.1.3: a NOTIFY's expires may shorten it.
#[test]
fn the_expires_of_a_notify_counts() {
    let mut world = world();
    let mut watch = Watch::standing(&mut world);
    watch.notified(&mut world, "active;expires=30", 200);
    world.pass(Duration::from_secs(31));
    assert!(known(&world).is_empty());
}

/// 4.1.2.3: after an Expires of 0 the last NOTIFY is awaited for timer N.
#[test]
fn an_end_that_nobody_confirms_is_one_after_timer_n() {
    let mut world = world();
    let mut watch = Watch::standing(&mut world);
    watch.refreshed(&mut world, 0, 200, "Expires: 0\r\n");
    world.pass(TIMER_N + SECOND);
    assert!(known(&world).is_empty());
    assert_eq!(gone(&world, Cause::Silent), 1);
}

/// 4.2.2: a NOTIFY that gets 481 ends its subscription, and no other.
#[test]
fn a_phone_that_does_not_want_a_notify_ends_that_one_subscription() {
    let mut world = world();
    let mut one = Watch::standing(&mut world);
    let mut other = Watch::begun(&mut world, "other", DIALOG);
    other.answered(&mut world, 200, "Expires: 600\r\n");
    other.notified(&mut world, "active;expires=600", 200);
    assert_eq!(one.notified(&mut world, "active;expires=600", 481), 481);
    assert_eq!(states(&world), ["active"]);
    assert_eq!(&*known(&world)[0].call_id, b"other");
    assert_eq!(gone(&world, Cause::Unwanted), 1);
}

/// 4.2.2: so does one that is not answered; RFC 4320 4.2: and no 408 is sent.
#[test]
fn a_phone_that_does_not_answer_a_notify_ends_it_and_the_pbx_hears_no_408() {
    let mut world = world();
    let mut watch = Watch::standing(&mut world);
    watch.notified(&mut world, "active;expires=600", 0);
    world.drain(addr(PBX));
    world.pass(TIMER_N + 2 * SECOND);
    let heard = world.drain(addr(PBX));
    assert!(
        heard.iter().all(|message| status_of(message) < 200),
        "{heard:?}"
    );
    assert!(known(&world).is_empty());
    assert_eq!(gone(&world, Cause::Unwanted), 1);
}

#[test]
fn a_notify_that_gets_a_500_or_a_challenge_leaves_it() {
    for status in [500, 503, 401] {
        let mut world = world();
        let mut watch = Watch::standing(&mut world);
        watch.notified(&mut world, "active;expires=600", status);
        assert_eq!(states(&world), ["active"], "{status}");
    }
}

/// RFC 3261 12.2.2: what is older than the last changes nothing.
#[test]
fn an_old_notify_changes_nothing() {
    let mut world = world();
    let mut watch = Watch::standing(&mut world);
    watch.cseq = 10;
    watch.notified(&mut world, "active;expires=600", 200);
    watch.cseq = 5;
    watch.notified(&mut world, "terminated;reason=timeout", 200);
    assert_eq!(states(&world), ["active"]);
}

#[test]
fn the_end_of_one_says_why_in_the_log() {
    let mut world = world();
    let mut watch = Watch::standing(&mut world);
    watch.notified(
        &mut world,
        "terminated;reason=probation;retry-after=90",
        200,
    );
    let said: Vec<String> = world.nodes[0]
        .log
        .iter()
        .map(|e| e.decision.to_string())
        .collect();
    let line =
        "subscription: terminated by the notifier, reason probation, to be tried again after 90 s";
    assert!(said.iter().any(|text| text == line), "{said:?}");
}
