//! Relayed subscriptions of two dialogs outlive the program: killed and started again in the midst of them.

use crate::hidden::*;
use crate::site::*;
use bellhop_core::config::Config;
use bellhop_testkit::Disk;

/// What the real disk takes at most.
const LATE: Duration = Duration::from_millis(600);

pub(crate) fn durable() -> World {
    let mut world = hidden_world();
    world.set_disk(0, |disk| disk.late(LATE));
    world
}

pub(crate) fn restart(world: &mut World) {
    world.restart(0, hiding(), auth());
}

/// The program ends, and begins anew after this time.
fn away(world: &mut World, time: Duration) {
    world.now.instant = world.now.instant.after(time);
    world.now.unix += time;
    restart(world);
}

fn disk(world: &World) -> &Disk {
    world.disk(0).unwrap()
}

/// How many there are: on disk, and in the program.
pub(crate) fn there(world: &World) -> (usize, usize) {
    (disk(world).bonds().len(), world.nodes[0].engine.bonds())
}

/// The number of a message's CSeq.
pub(crate) fn number(message: &str) -> u32 {
    let cseq = header_of(message, "CSeq").split(' ').next();
    cseq.unwrap().parse().unwrap()
}

/// One that stands and has been written; with the phone's 200 and its first NOTIFY.
pub(crate) fn standing(world: &mut World, id: &str) -> (Watch, String, String) {
    let mut watch = Watch::begun(world, id, DIALOG);
    let more = "Expires: 600\r\nRecord-Route: <sip:198.51.100.5;lr>\r\n";
    let ok = watch.answered(world, 200, more);
    let notify = told(world, &mut watch, "active;expires=600");
    world.pass(SECOND);
    (watch, ok, notify)
}

/// The phone asks again, for so long; the PBX grants it. The request as the PBX has it.
pub(crate) fn again(
    world: &mut World,
    watch: &mut Watch,
    ok: &str,
    cseq: u32,
    expires: u32,
) -> String {
    let at_pbx = refresh(world, watch, ok, cseq, expires);
    assert_eq!(world.drain(watch.phone.address), Vec::<String>::new());
    at_pbx
}

#[test]
fn a_notify_after_a_restart_reaches_the_phone_in_its_own_dialog_with_a_higher_number() {
    let mut world = durable();
    let (mut watch, _, before) = standing(&mut world, "watch");
    restart(&mut world);
    let after = told(&mut world, &mut watch, "active;expires=590");
    has_none(&after, &INSIDE);
    for name in ["Call-ID", "From", "To", "Event"] {
        assert_eq!(header_of(&after, name), header_of(&before, name));
    }
    assert!(after.starts_with("NOTIFY sip:6001@203.0.113."), "{after}");
    // RFC 3261 12.2.1.1.
    assert!(number(&after) > number(&before), "{after}");
}

#[test]
fn a_refresh_after_a_restart_goes_over_in_the_pbxs_own_dialog_and_is_answered() {
    let mut world = durable();
    let (mut watch, ok, _) = standing(&mut world, "watch");
    let first = watch.at_pbx.clone();
    restart(&mut world);
    let refresh = again(&mut world, &mut watch, &ok, 70, 900);
    for name in ["Call-ID", "From"] {
        assert_eq!(header_of(&refresh, name), header_of(&first, name));
    }
    assert!(header_of(&refresh, "To").ends_with(";tag=tpbx"));
    assert_eq!(header_of(&refresh, "Route"), "<sip:198.51.100.5;lr>");
    assert!(number(&refresh) > number(&first), "{refresh}");
    has_none(&refresh, &PHONE);
    // It lasts by the refresh.
    world.pass(Duration::from_secs(800));
    assert_eq!(there(&world), (1, 1));
    told(&mut world, &mut watch, "active;expires=100");
}

#[test]
fn an_end_that_the_phone_asks_for_ends_it_on_disk_with_a_restart_before_it_and_one_within() {
    for restarts in [1, 2] {
        let mut world = durable();
        let (mut watch, ok, _) = standing(&mut world, "watch");
        restart(&mut world);
        assert_eq!(there(&world), (1, 1));
        again(&mut world, &mut watch, &ok, 70, 0);
        if restarts > 1 {
            world.pass(SECOND);
            restart(&mut world);
        }
        let last = told(&mut world, &mut watch, "terminated;reason=timeout");
        has_none(&last, &INSIDE);
        world.pass(2 * TIMER_N + SECOND);
        assert_eq!(there(&world), (0, 0));
        restart(&mut world);
        assert_eq!(there(&world), (0, 0));
        let late = watch.notify("active", "");
        assert_eq!(status_of(&ask(&mut world, &pbx(), &late)), 481);
    }
}

#[test]
fn one_whose_time_ended_while_nobody_was_there_is_not_taken_back() {
    let mut world = durable();
    let (mut watch, _, _) = standing(&mut world, "watch");
    assert_eq!(there(&world), (1, 1));
    away(&mut world, Duration::from_secs(700));
    assert_eq!(there(&world), (0, 0));
    let late = watch.notify("active", "");
    assert_eq!(status_of(&ask(&mut world, &pbx(), &late)), 481);
}

#[test]
fn what_is_left_of_its_time_is_what_was_left_of_it() {
    let mut world = durable();
    standing(&mut world, "watch");
    away(&mut world, Duration::from_secs(300));
    assert_eq!(there(&world), (1, 1));
    world.pass(Duration::from_secs(290));
    assert_eq!(there(&world), (1, 1));
    world.pass(2 * TIMER_N);
    assert_eq!(there(&world), (0, 0));
}

/// RFC 6665 4.1.4, 4.4.1.
#[test]
fn each_dialog_of_a_fork_goes_on_in_its_own() {
    let mut world = durable();
    let (mut watch, ok, one) = standing(&mut world, "watch");
    watch.tag = "tfork";
    let other = told(&mut world, &mut watch, "active;expires=600");
    assert_ne!(header_of(&one, "From"), header_of(&other, "From"));
    world.pass(SECOND);
    assert_eq!(there(&world), (1, 1));
    assert_eq!(disk(&world).bonds()[0].pairs.len(), 2);
    restart(&mut world);
    for (tag, before) in [("tpbx", &one), ("tfork", &other)] {
        watch.tag = tag;
        let after = told(&mut world, &mut watch, "active;expires=600");
        assert_eq!(header_of(&after, "From"), header_of(before, "From"));
        assert!(number(&after) > number(before), "{after}");
    }
    let refresh = again(&mut world, &mut watch, &ok, 70, 600);
    assert!(header_of(&refresh, "To").ends_with(";tag=tpbx"));
    // A further one may still come.
    watch.tag = "tlate";
    let late = told(&mut world, &mut watch, "active;expires=600");
    assert_ne!(header_of(&late, "From"), header_of(&one, "From"));
}

#[test]
fn a_notify_that_came_before_the_answer_makes_one_that_is_kept() {
    let mut world = durable();
    let mut watch = Watch::begun(&mut world, "watch", DIALOG);
    world.pass(SECOND);
    assert_eq!(there(&world), (0, 1));
    // The SUBSCRIBE again.
    world.drain(addr(PBX));
    let before = told(&mut world, &mut watch, "pending;expires=600");
    world.pass(SECOND);
    assert_eq!(there(&world), (1, 1));
    world.drain(addr(PBX));
    restart(&mut world);
    let after = told(&mut world, &mut watch, "active;expires=600");
    assert_eq!(header_of(&after, "From"), header_of(&before, "From"));
}

#[test]
fn what_is_refused_is_not_on_disk() {
    let mut world = durable();
    for status in [403, 404, 489, 603] {
        let mut watch = Watch::begun(&mut world, &format!("watch-{status}"), DIALOG);
        watch.answered(&mut world, status, "");
        world.pass(SECOND);
        assert_eq!(there(&world), (0, 0), "{status}");
    }
    // One that has told something, and is refused all the same.
    let mut watch = Watch::begun(&mut world, "watch", DIALOG);
    told(&mut world, &mut watch, "pending;expires=600");
    world.pass(SECOND);
    assert_eq!(there(&world), (1, 1));
    watch.answered(&mut world, 403, "");
    world.pass(SECOND);
    assert_eq!(there(&world), (0, 0));
}

#[test]
fn one_that_the_phone_refuses_ends_on_disk() {
    let mut world = durable();
    let (mut watch, _, _) = standing(&mut world, "watch");
    restart(&mut world);
    assert_eq!(watch.notified(&mut world, "active;expires=600", 481), 481);
    world.pass(TIMER_N + SECOND);
    assert_eq!(there(&world), (0, 0));
}

#[test]
fn numbers_rise_over_restart_after_restart_though_nothing_is_written_between() {
    let mut world = durable();
    let (mut watch, ok, notify) = standing(&mut world, "watch");
    let mut last = (number(&notify), number(&watch.at_pbx));
    for round in 0..10 {
        restart(&mut world);
        world.pass(Duration::from_millis(200));
        for cseq in [70 + 2 * round, 71 + 2 * round] {
            let notify = told(&mut world, &mut watch, "active");
            let refresh = again(&mut world, &mut watch, &ok, cseq, 600);
            let now = (number(&notify), number(&refresh));
            assert!(now.0 > last.0 && now.1 > last.1, "{last:?} {now:?}");
            last = now;
        }
    }
}

/// A lamp that blinks costs the disk nothing.
#[test]
fn a_notify_that_says_nothing_new_of_the_dialog_is_not_written() {
    let mut world = durable();
    let (mut watch, ok, _) = standing(&mut world, "watch");
    let written = |world: &World| disk(world).bonds()[0].at;
    let before = written(&world);
    for left in (300..=599_u64).rev() {
        // Rounded this way and that.
        told(&mut world, &mut watch, &format!("active;expires={left}"));
        world.pass(SECOND - Duration::from_millis(left % 3));
    }
    assert_eq!(written(&world), before);
    again(&mut world, &mut watch, &ok, 70, 600);
    world.pass(SECOND);
    assert!(written(&world) > before);
}

/// RFC 3261 12.2.2: where the phone is now is written, too.
#[test]
fn a_phone_that_has_moved_is_told_where_it_is() {
    let mut world = durable();
    let (mut watch, ok, _) = standing(&mut world, "watch");
    let ip = watch.phone.address.ip();
    watch.phone.address = (ip, 5070).into();
    watch.phone.contact = watch.phone.address.to_string();
    again(&mut world, &mut watch, &ok, 70, 600);
    world.pass(SECOND);
    restart(&mut world);
    let after = told(&mut world, &mut watch, "active;expires=600");
    assert!(
        after.starts_with(&format!("NOTIFY sip:6001@{ip}:5070 ")),
        "{after}"
    );
}

/// A stream ends with the program: the phone is reached over a new one, its own or, without a NAT, one of ours.
#[test]
fn a_phone_whose_stream_is_gone_is_told_over_another() {
    for comes_again in [true, false] {
        let mut world = durable();
        let mut phone = tcp_phone("6001", "203.0.113.1:5062");
        register(&mut world, &mut phone);
        let at_pbx = subscribes(&mut world, &mut phone, "watch", DIALOG);
        let mut watch = Watch::of(phone, at_pbx);
        watch.answered(&mut world, 200, "Expires: 600\r\n");
        let before = told(&mut world, &mut watch, "active;expires=600");
        world.pass(SECOND);
        world.cut(watch.phone.address);
        restart(&mut world);
        if comes_again {
            watch.phone.address = addr("203.0.113.1:40404");
            register(&mut world, &mut watch.phone);
        }
        let after = told(&mut world, &mut watch, "active;expires=600");
        assert_eq!(header_of(&after, "From"), header_of(&before, "From"));
        assert!(number(&after) > number(&before), "{after}");
    }
}

/// Both dialogs come to one shard, however many there were before and are now.
#[test]
fn they_go_on_with_more_shards_and_with_fewer() {
    for (before, after) in [(4, 3), (3, 8), (2, 1), (1, 5)] {
        let mut world = World::new(7);
        world.start_shards(before, hiding(), &auth());
        for node in 0..usize::from(before) {
            world.set_disk(node, |disk| disk.late(LATE));
        }
        let mut all: Vec<_> = (0..12)
            .map(|n| standing(&mut world, &format!("watch-{n}")))
            .collect();
        world.restart_as(after, hiding(), &auth());
        let count = |world: &World| -> usize {
            let bonds = world.nodes.iter().map(|node| node.engine.bonds());
            bonds.sum()
        };
        assert_eq!(count(&world), all.len());
        for (watch, ok, first) in &mut all {
            let notify = told(&mut world, watch, "active;expires=600");
            assert_eq!(header_of(&notify, "From"), header_of(first, "From"));
            again(&mut world, watch, ok, 70, 0);
        }
        world.pass(2 * TIMER_N + SECOND);
        assert_eq!(count(&world), 0);
        let on_disk = (0..usize::from(after)).map(|n| world.disk(n).unwrap().bonds().len());
        assert_eq!(on_disk.sum::<usize>(), 0);
    }
}

#[test]
fn no_more_are_taken_back_than_there_is_room_for_and_the_others_leave_the_disk() {
    let mut world = durable();
    for n in 0..3 {
        standing(&mut world, &format!("watch-{n}"));
    }
    let mut config: Config = hiding();
    config.subscriptions.most = 2;
    world.restart(0, config, auth());
    assert_eq!(there(&world), (2, 2));
}

/// A disk that cannot be written costs no subscription anything but that it would outlive the program.
#[test]
fn they_go_on_while_the_disk_fails() {
    let mut world = durable();
    world.set_disk(0, |disk| disk.failing(5));
    let (mut watch, ok, _) = standing(&mut world, "watch");
    again(&mut world, &mut watch, &ok, 70, 600);
    told(&mut world, &mut watch, "active;expires=600");
    assert_eq!(there(&world), (0, 1));
}

/// In whose name a PBX's challenge is answered, and whose address is as good as credentials, is as before.
#[test]
fn who_knows_the_dialog_but_is_elsewhere_is_challenged_after_a_restart_as_before() {
    let mut world = durable();
    let (mut watch, ok, _) = standing(&mut world, "watch");
    restart(&mut world);
    let thief = phone("6001", "203.0.113.66:5060");
    let stolen = from_caller(&mut watch.phone, "SUBSCRIBE", &ok, 81);
    assert_eq!(status_of(&ask(&mut world, &thief, &stolen)), 407);
    let notify = watch.notify("terminated", "");
    assert_eq!(status_of(&ask(&mut world, &thief, &notify)), 407);
    assert_eq!(world.drain(addr(PBX)).len(), 0);
}
