//! A relayed NOTIFY that its phone does not take may have ended the subscription where the phone does not know of it: the PBX is
//! asked, and the phone is told as soon as it is there, so that no lamp stays dark until the next refresh.

use crate::held::quick;
use crate::hidden::hiding;
use crate::party::*;
use bellhop_core::config::Config;
use bellhop_core::subscription::Cause;

pub(crate) const DEACTIVATED: &str = "terminated;reason=deactivated";

/// The phone does not take a NOTIFY, and the PBX says that it knows of no such subscription any more: what the PBX was asked,
/// and what the phone is told then.
pub(crate) fn ended(world: &mut World, watch: &mut Watch) -> (String, String) {
    watch.notified(world, "active;expires=600", 500);
    let asked = world.expect(addr(PBX)).expect("a question");
    assert!(asked.starts_with("OPTIONS "), "{asked}");
    say(world, &pbx(), &pbx().answer(&asked, 481, "Gone", ""));
    let end = world.expect(watch.phone.address).expect("its end");
    assert_eq!(header_of(&end, "Subscription-State"), DEACTIVATED);
    (asked, end)
}

pub(crate) fn number(message: &str) -> u32 {
    let cseq = header_of(message, "CSeq").split(' ').next().unwrap();
    cseq.parse().unwrap()
}

/// A phone that is registered and watches, and what it was told.
fn registered(world: &mut World, mut phone: Peer) -> (Watch, String) {
    phone.contact = "10.0.0.7:5060".to_owned();
    register(world, &mut phone);
    let at_pbx = subscribes(world, &mut phone, "watch", DIALOG);
    let mut watch = Watch::of(phone, at_pbx);
    watch.answered(world, 200, "Expires: 600\r\n");
    let before = next_notify(world, &mut watch);
    let answer = watch.phone.answer(&before, 200, "OK", "");
    say(world, &watch.phone, &answer);
    world.expect(addr(PBX)).expect("an answer");
    (watch, before)
}

/// The lamp changes; the NOTIFY as the phone has it.
fn next_notify(world: &mut World, watch: &mut Watch) -> String {
    let notify = watch.notify("active;expires=600", "");
    say(world, &pbx(), &notify);
    world.expect(watch.phone.address).expect("a NOTIFY")
}

/// The phone is at another address from now on, and registers there: the same one, for its REGISTERs have one Call-ID.
fn moves(world: &mut World, phone: &mut Peer, to: &str) {
    let former = phone.address;
    phone.address = addr(to);
    let param = match phone.transport.is_reliable() {
        true => ";transport=tcp",
        false => "",
    };
    let contact = format!("Contact: <sip:6001@{}{param}>\r\n", phone.contact);
    let id = format!("reg-6001-{former}");
    let request = register_of(phone, AOR, &id, &contact, "");
    assert_eq!(status_of(&answered(world, phone, &request)), 200);
}

fn started(config: Config) -> World {
    let mut world = World::new(1);
    world.start(config, auth());
    world
}

fn hidden() -> Config {
    let mut config = hiding();
    config.upstreams[0].targets.pop();
    config
}

fn on_tcp() -> Peer {
    tcp_phone("6001", "203.0.113.7:40000")
}

/// The phone's connection is gone when the lamp changes; the PBX answers so when it is asked about it.
fn misses_a_change(world: &mut World, watch: &mut Watch, status: u16) {
    world.cut(watch.phone.address);
    let notify = watch.notify("active;expires=600", "");
    say(world, &pbx(), &notify);
    let refused = world.expect(addr(PBX)).expect("an answer");
    assert_eq!(status_of(&refused), 500);
    let asked = world.expect(addr(PBX)).expect("a question");
    assert!(asked.starts_with("OPTIONS "), "{asked}");
    say(world, &pbx(), &pbx().answer(&asked, status, "So", ""));
    world.pass(SECOND);
}

/// Asterisk ends a subscription for a 500 to its NOTIFY, and its phone, whose connection was gone, does not know.
#[test]
fn a_phone_whose_connection_was_gone_when_the_lamp_changed_is_told_where_it_registers_again() {
    for config in [config(), hidden()] {
        let mut world = started(config);
        let (mut watch, before) = registered(&mut world, on_tcp());
        misses_a_change(&mut world, &mut watch, 481);
        moves(&mut world, &mut watch.phone, "203.0.113.7:40001");
        let end = world.expect(watch.phone.address).expect("its end");
        assert_eq!(header_of(&end, "Subscription-State"), DEACTIVATED);
        assert!(number(&end) > number(&before), "{end}");
        for name in ["Call-ID", "From", "To", "Event"] {
            assert_eq!(header_of(&end, name), header_of(&before, name));
        }
    }
}

#[test]
fn a_phone_whose_connection_was_gone_is_left_alone_where_the_pbx_keeps_its_subscription() {
    for config in [config(), hidden()] {
        let mut world = started(config);
        let (mut watch, _) = registered(&mut world, on_tcp());
        misses_a_change(&mut world, &mut watch, 500);
        moves(&mut world, &mut watch.phone, "203.0.113.7:40001");
        world.pass(Duration::from_secs(10));
        assert!(world.drain(watch.phone.address).is_empty());
        assert_eq!(states(&world), ["active"]);
        assert!(next_notify(&mut world, &mut watch).starts_with("NOTIFY "));
    }
}

/// RFC 6665 4.2.2: the notifier ends it when nobody answers. Its phone was away, for minutes, and comes back at another address,
/// or at the same.
#[test]
fn a_phone_that_was_away_when_the_lamp_changed_is_told_when_it_is_back() {
    for config in [config(), hidden()] {
        for back in ["203.0.113.7:61000", "203.0.113.7:5060"] {
            let mut world = started(config.clone());
            let phone = phone("6001", "203.0.113.7:5060");
            let (mut watch, first) = registered(&mut world, phone);
            next_notify(&mut world, &mut watch);
            // It is told of its end in vain.
            world.pass(Duration::from_secs(200));
            world.drain(watch.phone.address);
            assert_eq!(known(&world).len(), 1);
            moves(&mut world, &mut watch.phone, back);
            let end = world.expect(watch.phone.address).expect("its end");
            assert_eq!(header_of(&end, "Subscription-State"), DEACTIVATED);
            assert!(number(&end) > number(&first) + 1, "{end}");
            let answer = watch.phone.answer(&end, 200, "OK", "");
            say(&mut world, &watch.phone, &answer);
            world.pass(Duration::from_secs(200));
            assert!(world.drain(watch.phone.address).is_empty());
            assert!(known(&world).is_empty());
            assert_eq!(gone(&world, Cause::Deactivated), 1);
            assert_eq!(world.nodes[0].engine.bonds(), 0);
        }
    }
}

#[test]
fn a_phone_that_never_comes_back_is_forgotten() {
    let mut world = started(config());
    let phone = phone("6001", "203.0.113.7:5060");
    let (mut watch, _) = registered(&mut world, phone);
    next_notify(&mut world, &mut watch);
    world.pass(Duration::from_secs(660));
    assert!(known(&world).is_empty());
    world.drain(watch.phone.address);
    world.pass(Duration::from_secs(600));
    assert!(world.drain(watch.phone.address).is_empty());
}

/// The PBX was found out before its last NOTIFY was given up: what is under way is not forgotten for that.
#[test]
fn one_that_is_being_ended_is_known_though_an_earlier_notify_is_not_answered() {
    let mut world = started(config());
    let phone = phone("6001", "203.0.113.7:5060");
    let (mut watch, _) = registered(&mut world, phone);
    next_notify(&mut world, &mut watch);
    world.pass(10 * SECOND);
    watch.notified(&mut world, "active;expires=600", 500);
    let asked = world.expect(addr(PBX)).expect("a question");
    say(&mut world, &pbx(), &pbx().answer(&asked, 481, "Gone", ""));
    world.pass(25 * SECOND);
    assert_eq!(states(&world), ["active"]);
}

/// Nobody would know it again: it is not kept waiting for.
#[test]
fn a_phone_that_is_not_registered_and_whose_connection_is_gone_is_forgotten_at_once() {
    let mut world = started(config());
    let mut phone = on_tcp();
    let at_pbx = subscribes(&mut world, &mut phone, "watch", DIALOG);
    let mut watch = Watch::of(phone, at_pbx);
    watch.answered(&mut world, 200, "Expires: 600\r\n");
    watch.notified(&mut world, "active;expires=600", 200);
    misses_a_change(&mut world, &mut watch, 481);
    assert!(known(&world).is_empty());
    assert_eq!(gone(&world, Cause::Unwanted), 1);
}

/// What was not told before is after a restart, too.
#[test]
fn a_phone_that_was_away_is_told_after_a_restart_of_bellhop() {
    let mut world = started(config());
    world.set_disk(0, quick);
    let phone = phone("6001", "203.0.113.7:5060");
    let (mut watch, _) = registered(&mut world, phone);
    next_notify(&mut world, &mut watch);
    world.pass(Duration::from_secs(100));
    world.drain(addr(PBX));
    world.restart(0, config(), auth());
    let asked = world.expect(addr(PBX)).expect("a question");
    say(&mut world, &pbx(), &pbx().answer(&asked, 481, "Gone", ""));
    world.pass(Duration::from_secs(100));
    world.drain(watch.phone.address);
    moves(&mut world, &mut watch.phone, "203.0.113.7:61000");
    let end = world.expect(watch.phone.address).expect("its end");
    assert_eq!(header_of(&end, "Subscription-State"), DEACTIVATED);
}

#[test]
fn a_notify_that_is_refused_otherwise_has_the_pbx_asked_once() {
    let mut world = world();
    let mut watch = Watch::standing(&mut world);
    watch.notified(&mut world, "active;expires=600", 500);
    watch.notified(&mut world, "active;expires=600", 503);
    world.pass(3 * SECOND);
    let asked = world.drain(addr(PBX));
    let questions = asked.iter().filter(|m| m.starts_with("OPTIONS ")).count();
    // Sent again by its transaction until it is answered.
    let ids: std::collections::HashSet<&str> = asked.iter().map(|m| header_of(m, "Via")).collect();
    assert!(questions > 0);
    assert_eq!(ids.len(), 1);
    assert_eq!(states(&world), ["active"]);
}

/// A challenge is for the PBX to answer, and what the phone says it does not know it knows itself.
#[test]
fn a_phone_that_challenges_a_notify_or_wants_none_has_nobody_asked() {
    for status in [401, 407, 481, 489] {
        let mut world = world();
        let mut watch = Watch::standing(&mut world);
        watch.notified(&mut world, "active;expires=600", status);
        world.pass(5 * SECOND);
        assert!(world.drain(addr(PBX)).is_empty(), "{status}");
        assert!(world.drain(watch.phone.address).is_empty(), "{status}");
    }
}

/// RFC 3261 12.2.1.1: they share the numbers of their dialog.
#[test]
fn the_ends_of_two_subscriptions_of_one_dialog_have_numbers_that_rise() {
    let mut world = world();
    let mut one = Watch::standing(&mut world);
    let mut other = beside(&mut world, &mut one, "message-summary");
    // The older one has been told less.
    other.cseq = 900;
    other.notified(&mut world, "active;expires=600", 200);
    let before = other.cseq;
    let (_, first) = ended(&mut world, &mut one);
    assert!(number(&first) > before, "{first}");
    let answer = one.phone.answer(&first, 200, "OK", "");
    say(&mut world, &one.phone, &answer);
    world.pass(SECOND);
    let (_, second) = ended(&mut world, &mut other);
    assert!(number(&second) > number(&first), "{second}");
}

/// Another event in the dialog of a subscription (RFC 6665 4.5.2), with its first NOTIFY.
fn beside(world: &mut World, one: &mut Watch, event: &str) -> Watch {
    let ok = pbx().answer(&one.at_pbx, 200, "OK", "");
    let request = again(&mut one.phone, &ok, 90, 600);
    let request = request.replacen("Event: dialog", &format!("Event: {event}"), 1);
    say(world, &one.phone, &request);
    let at_pbx = world.expect(addr(PBX)).expect("a SUBSCRIBE");
    let mut other = Watch {
        phone: one.phone.clone(),
        at_pbx: one
            .at_pbx
            .replacen("Event: dialog", &format!("Event: {event}"), 1),
        cseq: 500,
        tag: one.tag,
    };
    say(
        world,
        &pbx(),
        &pbx().answer(&at_pbx, 200, "OK", "Expires: 600\r\n"),
    );
    world.expect(one.phone.address).expect("an answer");
    other.notified(world, "active;expires=600", 200);
    other
}

/// It may have ended another usage of the dialog that nobody here has counted for: a call's.
#[test]
fn the_end_of_one_that_was_begun_inside_a_dialog_leaves_room_for_what_that_has_said() {
    let mut world = world();
    let mut one = Watch::standing(&mut world);
    let mut other = beside(&mut world, &mut one, "refer;id=7");
    let last = other.cseq;
    let (_, end) = ended(&mut world, &mut other);
    assert!(number(&end) > last + 2_000, "{end}");
}

/// A second PBX, which nobody asks about what is relayed.
const OTHER: &str = "198.51.100.9:5060";

fn two_pbxs() -> Config {
    let mut config = config();
    let mut other = config.upstreams[0].clone();
    other.name = "other".to_owned();
    other.targets[0].remote = addr(OTHER);
    other.targets[0].host = OTHER.to_owned();
    config.upstreams.push(other);
    config
}

/// It would say that it knows no such dialog, and a phone would subscribe anew without end.
#[test]
fn the_pbx_is_not_asked_about_what_another_pbx_has() {
    let mut world = World::new(1);
    world.start(two_pbxs(), auth());
    world.set_disk(0, quick);
    let mut phone = phone("6001", "203.0.113.1:5060");
    let resource = format!("sip:6002@{OTHER}");
    let request = phone.request("SUBSCRIBE", &resource, "other", DIALOG);
    let request = authorized(&mut world, &mut phone, &request);
    say(&mut world, &phone, &request);
    let at_pbx = world.expect(addr(OTHER)).expect("a SUBSCRIBE there");
    let mut there = pbx();
    there.address = addr(OTHER);
    say(
        &mut world,
        &there,
        &there.answer(&at_pbx, 200, "OK", "Expires: 600\r\n"),
    );
    world.expect(phone.address).expect("an answer");
    let mut watch = Watch::of(phone, at_pbx);
    let notify = watch.notify("active;expires=600", "");
    say(&mut world, &there, &notify);
    let at_phone = world.expect(watch.phone.address).expect("a NOTIFY");
    let answer = watch.phone.answer(&at_phone, 200, "OK", "");
    say(&mut world, &watch.phone, &answer);
    world.pass(SECOND);
    assert_eq!(states(&world), ["active"]);
    is_asked_by_nobody(&mut world, two_pbxs());
    assert!(world.drain(watch.phone.address).is_empty());
}

/// Bellhop is killed, and the PBX is asked about nothing.
fn is_asked_by_nobody(world: &mut World, config: Config) {
    world.drain(addr(PBX));
    world.restart(0, config, auth());
    world.pass(5 * SECOND);
    assert!(world.drain(addr(PBX)).is_empty());
    assert!(world.disk(0).unwrap().relayed().is_empty());
}

#[test]
fn the_pbx_is_not_asked_about_what_a_phone_tells_another() {
    let mut world = world();
    world.set_disk(0, quick);
    let (mut a, b) = pair(&mut world);
    let request = a.request("SUBSCRIBE", "sip:6002@203.0.113.2:5060", "phones", DIALOG);
    let request = authorized(&mut world, &mut a, &request);
    say(&mut world, &a, &request);
    let at_b = world
        .expect(b.address)
        .expect("a SUBSCRIBE at the other phone");
    say(
        &mut world,
        &b,
        &b.answer(&at_b, 200, "OK", "Expires: 600\r\n"),
    );
    world.expect(a.address).expect("an answer");
    let mut b = b;
    let lines = "Event: dialog\r\nSubscription-State: active;expires=600\r\n";
    let notify = from_callee(&mut b, "NOTIFY", &at_b, 1, lines);
    say(&mut world, &b, &notify);
    let at_a = world.expect(a.address).expect("a NOTIFY");
    say(&mut world, &a, &a.answer(&at_a, 200, "OK", ""));
    world.pass(SECOND);
    assert_eq!(states(&world), ["active"]);
    is_asked_by_nobody(&mut world, config());
}
