//! What is relayed is on disk a moment later, nobody waits for that, and a NOTIFY is not written each.

use crate::held::quick;
use crate::hidden::{PHONE, has_none, hiding, told};
use crate::party::again;
use crate::site::*;
use bellhop_core::share::Tag;
use bellhop_core::subscription::SavedRelayed;
use bellhop_testkit::Disk;

fn world_on(disk: impl FnOnce(Disk) -> Disk) -> World {
    let mut world = world();
    world.set_disk(0, disk);
    world
}

fn on_disk(world: &World) -> Vec<&SavedRelayed> {
    world.disk(0).unwrap().relayed()
}

/// The one that the disk has.
fn the_one(world: &World) -> SavedRelayed {
    let all = on_disk(world);
    assert_eq!(all.len(), 1);
    all[0].clone()
}

fn written(world: &World) -> usize {
    world.disk(0).unwrap().writes()
}

#[test]
fn it_is_on_disk_half_a_second_after_its_notifier_has_told_something() {
    let mut world = world_on(quick);
    let mut watch = Watch::begun(&mut world, "watch", DIALOG);
    watch.answered(&mut world, 200, "Expires: 600\r\n");
    world.pass(SECOND);
    assert!(on_disk(&world).is_empty());
    watch.notified(&mut world, "active;expires=600", 200);
    world.pass(Duration::from_millis(400));
    assert!(on_disk(&world).is_empty());
    // A program that ends in order says it before.
    let name = known(&world)[0].name.clone();
    let unsaid = world.nodes[0].shared.subscriptions.unsaid();
    assert_eq!(unsaid.iter().map(Tag::as_str).collect::<Vec<_>>(), [name]);
    watch.notified(&mut world, "pending;expires=600", 200);
    world.pass(Duration::from_millis(400));
    assert!(on_disk(&world).is_empty());
    world.pass(Duration::from_millis(200));
    let saved = the_one(&world);
    assert_eq!(saved.tag.as_str(), known(&world)[0].name);
    assert_eq!(&*saved.dialog.local_tag, b"tpbx");
    assert_eq!(saved.flow.remote, watch.phone.address);
    assert_eq!(saved.until.abs_diff(world.now.unix).as_secs(), 599);
}

/// RFC 3261 8.1.1.5 lets it; Asterisk draws its first number.
#[test]
fn a_notifier_that_counts_from_nought_has_told_something_too() {
    let mut world = world_on(quick);
    let mut watch = Watch::begun(&mut world, "watch", DIALOG);
    watch.answered(&mut world, 200, "Expires: 600\r\n");
    let notify = watch.notify("active;expires=600", "");
    let notify = notify.replacen("CSeq: 1 ", "CSeq: 0 ", 1);
    say(&mut world, &pbx(), &notify);
    let at_phone = world.expect(watch.phone.address).expect("a NOTIFY");
    assert!(at_phone.contains("CSeq: 0 NOTIFY"), "{at_phone}");
    world.pass(SECOND);
    assert_eq!(the_one(&world).dialog.cseq, 0);
}

#[test]
fn ten_thousand_notifies_are_a_handful_of_writes() {
    let mut world = world_on(quick);
    let mut watch = Watch::standing(&mut world);
    world.pass(SECOND);
    let before = written(&world);
    for _ in 0..10_000 {
        let left = 600 - (world.now.instant.as_micros() / 1_000_000);
        watch.notified(&mut world, &format!("active;expires={left}"), 200);
    }
    world.pass(SECOND);
    // Its number is ahead of what is written by 2,048 at the most.
    assert_eq!(written(&world), before + 4);
    assert!(the_one(&world).dialog.cseq > watch.cseq - 2_048);
}

#[test]
fn a_refresh_that_is_granted_is_one_write() {
    let mut world = world_on(quick);
    let mut watch = Watch::standing(&mut world);
    world.pass(SECOND);
    let (before, first) = (written(&world), the_one(&world));
    world.pass(Duration::from_secs(30));
    watch.refreshed(&mut world, 600, 200, "Expires: 600\r\n");
    watch.notified(&mut world, "active;expires=600", 200);
    world.pass(SECOND);
    assert_eq!(written(&world), before + 1);
    let later = the_one(&world).until - first.until;
    assert!(later > Duration::from_secs(29), "{later:?}");
    assert!(the_one(&world).dialog.remote_cseq > first.dialog.remote_cseq);
}

#[test]
fn whatever_ends_it_takes_it_off_the_disk() {
    type End = fn(&mut World, &mut Watch);
    let ends: [(&str, End); 6] = [
        ("terminated", |world, watch| {
            watch.notified(world, "terminated;reason=noresource", 200);
        }),
        ("unwanted", |world, watch| {
            watch.notified(world, "active;expires=600", 481);
        }),
        ("refused", |world, watch| {
            watch.refreshed(world, 600, 481, "");
        }),
        // Before its last NOTIFY, which may never come.
        ("ending", |world, watch| {
            watch.refreshed(world, 0, 200, "Expires: 0\r\n");
        }),
        ("ended", |world, watch| {
            watch.refreshed(world, 0, 200, "Expires: 0\r\n");
            watch.notified(world, "terminated;reason=timeout", 200);
        }),
        ("expired", |world, _| world.pass(Duration::from_secs(600))),
    ];
    for (what, end) in ends {
        let mut world = world_on(quick);
        let mut watch = Watch::standing(&mut world);
        world.pass(SECOND);
        assert_eq!(on_disk(&world).len(), 1, "{what}");
        end(&mut world, &mut watch);
        world.pass(SECOND);
        assert!(on_disk(&world).is_empty(), "{what}");
    }
}

/// RFC 6665 4.1.4: each is a subscription of its own.
#[test]
fn forks_are_kept_and_go_one_by_one() {
    let mut world = world_on(quick);
    let mut watch = Watch::standing(&mut world);
    watch.tag = "fork";
    watch.notified(&mut world, "active;expires=600", 200);
    world.pass(SECOND);
    assert_eq!(on_disk(&world).len(), 2);
    watch.notified(&mut world, "terminated", 200);
    world.pass(SECOND);
    assert_eq!(&*the_one(&world).dialog.local_tag, b"tpbx");
}

#[test]
fn a_phone_that_refreshes_from_elsewhere_is_kept_there() {
    let mut world = world_on(quick);
    let mut watch = Watch::standing(&mut world);
    world.pass(SECOND);
    // Its NAT has forgotten it.
    watch.phone.address = addr("203.0.113.77:61000");
    let ok = pbx().answer(&watch.at_pbx, 200, "OK", "");
    let request = again(&mut watch.phone, &ok, 150, 600);
    let request = authorized(&mut world, &mut watch.phone, &request);
    say(&mut world, &watch.phone, &request);
    let at_pbx = world.expect(addr(PBX)).expect("a refresh");
    let granted = pbx().answer(&at_pbx, 200, "OK", "Expires: 600\r\n");
    say(&mut world, &pbx(), &granted);
    world.pass(SECOND);
    assert_eq!(the_one(&world).flow.remote, watch.phone.address);
}

#[test]
fn a_disk_that_is_late_or_full_or_hangs_holds_nothing_back() {
    let manners: [fn(Disk) -> Disk; 3] = [
        |disk| disk.late(Duration::from_secs(100)),
        |disk| disk.failing(9),
        |disk| disk.silent(),
    ];
    for manner in manners {
        let mut world = world_on(manner);
        let before = world.now.instant;
        let mut watch = Watch::standing(&mut world);
        assert_eq!(watch.notified(&mut world, "active;expires=600", 200), 200);
        watch.refreshed(&mut world, 600, 200, "Expires: 600\r\n");
        assert!(world.now.instant.since(before) < SECOND);
        world.pass(SECOND);
        assert_eq!(states(&world), ["active"]);
        assert!(on_disk(&world).is_empty());
    }
}

/// In mode b2bua the PBX's side is a dialog of its own, in another file. Without it nothing can go over any more, and there is
/// nothing to ask the PBX, who does not know the phone's.
#[test]
fn one_of_two_dialogs_whose_other_one_is_lost_is_ended_and_the_pbx_sees_nothing_of_it() {
    for is_lost in [true, false] {
        let mut config = hiding();
        config.upstreams[0].targets.pop();
        let mut world = World::new(1);
        world.start(config.clone(), auth());
        world.set_disk(0, quick);
        let mut watch = Watch::begun(&mut world, "watch", DIALOG);
        watch.answered(&mut world, 200, "Expires: 600\r\n");
        let last = told(&mut world, &mut watch, "active;expires=600");
        world.pass(SECOND);
        assert_eq!(on_disk(&world).len(), 1);
        if is_lost {
            world.set_disk(0, Disk::without_bonds);
        }
        world.restart(0, config, auth());
        world.pass(SECOND);
        let asked = world.drain(addr(PBX));
        assert_eq!(asked.is_empty(), is_lost, "{asked:?}");
        for asked in &asked {
            has_none(asked, &PHONE);
            let gone = pbx().answer(asked, 481, "Gone", "");
            say(&mut world, &pbx(), &gone);
        }
        let end = world.expect(watch.phone.address).expect("its end");
        let state = header_of(&end, "Subscription-State");
        assert_eq!(state, "terminated;reason=deactivated");
        for name in ["Call-ID", "From", "To", "Event"] {
            assert_eq!(header_of(&end, name), header_of(&last, name));
        }
        let number = |text: &str| -> u32 {
            let cseq = header_of(text, "CSeq").split(' ').next().unwrap().parse();
            cseq.unwrap()
        };
        assert!(number(&end) > number(&last), "{end}");
    }
}
