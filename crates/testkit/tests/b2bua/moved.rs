//! An end that answers a refresh of ours with media elsewhere: the other end is told (RFC 4028 7.4, RFC 3264 8).

use crate::common::*;
use crate::site::*;
use crate::timed::*;
use bellhop_testkit::{Peer, World, header_of, status_of};

/// Agrees to be refreshed by re-INVITE every minute.
const BY_INVITE: &str =
    "Require: timer\r\nSession-Expires: 120;refresher=uac\r\nAllow: INVITE, ACK, BYE\r\n";

/// A call whose called is refreshed by re-INVITE; gives its 200 at the caller, whose INVITE had these lines.
fn talks(asks: &str) -> (World, Peer, Peer, String) {
    let (mut world, mut a, p) = timed();
    let (_, ok) = speak(&mut world, &mut a, &p, asks, BY_INVITE);
    (world, a, p, ok)
}

/// The called has moved its media; gives what the caller, who takes requests of this method, is told of it by.
fn called_moves(method: &str) -> (World, Peer, Peer, String) {
    let (mut world, a, p, _) = talks(&format!("Allow: INVITE, {method}\r\n"));
    refreshed(&mut world, &p, &moved(5, 4444));
    let told = next(&mut world, &a, &format!("{method} "));
    (world, a, p, told)
}

/// The refresh that comes to the called, answered with this description and acknowledged.
fn refreshed(world: &mut World, p: &Peer, sdp: &str) {
    let refresh = next(world, p, "INVITE ");
    let more = format!("{BY_INVITE}{sdp}");
    say(world, p, &p.answer(&refresh, 200, "OK", &more));
    assert!(world.expect(p.address).unwrap().starts_with("ACK "));
}

fn next(world: &mut World, peer: &Peer, start: &str) -> String {
    let message = world.expect_within(peer.address, secs(62)).expect(start);
    assert!(message.starts_with(start), "{message}");
    message
}

/// [`OFFER`], by its next version and with media at another port.
fn moved(version: u8, port: u16) -> String {
    OFFER
        .replace("17 4 IN", &format!("17 {version} IN"))
        .replace("audio 4000", &format!("audio {port}"))
}

fn body(message: &str) -> &str {
    message.split("\r\n\r\n").nth(1).unwrap()
}

/// As [`moved`], another with each number.
pub(crate) fn elsewhere(number: u32) -> String {
    let version = u8::try_from(number % 10).unwrap();
    moved(version, 4_000 + u16::from(version))
}

/// What the other end is told of it.
fn offered(message: &str, version: u8, port: u16) {
    assert_eq!(header_of(message, "Content-Type"), "application/sdp");
    assert!(
        body(message).contains(&format!("o=- 17 {version} ")),
        "{message}"
    );
    assert!(
        body(message).contains(&format!("m=audio {port} ")),
        "{message}"
    );
    shows_nothing(message);
}

#[test]
fn the_caller_is_told_by_update_where_the_media_of_the_called_are_now() {
    let (mut world, a, p, update) = called_moves("UPDATE");
    offered(&update, 5, 4444);
    assert_eq!(call_id(&update), "call-1");
    // A refresh, too: without a word of it the session would have no timer any more (RFC 4028 7.4).
    assert_eq!(header_of(&update, "Session-Expires"), "1800;refresher=uac");
    say(&mut world, &a, &a.answer(&update, 200, "OK", OFFER));
    // His answer is what the called knows: nothing more is said.
    assert_eq!(world.drain(p.address), [""; 0]);
    // Nor is it the next time.
    refreshed(&mut world, &p, &moved(6, 4444));
    assert_eq!(world.drain(a.address), [""; 0]);
}

#[test]
fn a_caller_who_takes_no_update_is_told_by_re_invite() {
    let (mut world, a, p, invite) = called_moves("INVITE");
    offered(&invite, 5, 4444);
    say(&mut world, &a, &a.answer(&invite, 200, "OK", OFFER));
    let ack = next(&mut world, &a, "ACK ");
    assert_eq!(header_of(&ack, "Content-Length"), "0");
    assert_eq!(world.drain(p.address), [""; 0]);
}

#[test]
fn a_caller_who_moves_his_media_in_turn_has_that_told_too() {
    let (mut world, a, p, update) = called_moves("UPDATE");
    say(
        &mut world,
        &a,
        &a.answer(&update, 200, "OK", &moved(7, 5555)),
    );
    let invite = next(&mut world, &p, "INVITE ");
    assert!(
        invite.contains("o=- 17 7 ") && invite.contains("audio 5555 "),
        "{invite}"
    );
    say(
        &mut world,
        &p,
        &p.answer(&invite, 200, "OK", &moved(5, 4444)),
    );
    next(&mut world, &p, "ACK ");
    assert_eq!(world.drain(a.address), [""; 0]);
}

#[test]
fn two_ends_that_move_with_each_answer_are_not_told_of_it_for_ever() {
    let (mut world, a, p, _) = talks("Allow: INVITE, UPDATE\r\n");
    refreshed(&mut world, &p, &moved(5, 4444));
    for number in 0..10 {
        let Some(asked) = world.expect_within(
            if number % 2 == 0 {
                a.address
            } else {
                p.address
            },
            secs(1),
        ) else {
            assert_eq!(number, 3);
            return;
        };
        let peer = if number % 2 == 0 { &a } else { &p };
        let sdp = moved(6 + number, 4500 + u16::from(number));
        say(&mut world, peer, &peer.answer(&asked, 200, "OK", &sdp));
        if asked.starts_with("INVITE ") {
            next(&mut world, peer, "ACK ");
        }
    }
    panic!("it does not end");
}

#[test]
fn glare_and_an_end_that_knows_no_update_after_all_only_put_it_off() {
    let (mut world, a, _, update) = called_moves("UPDATE");
    say(
        &mut world,
        &a,
        &a.answer(&update, 491, "Request Pending", ""),
    );
    let update = world.expect_within(a.address, secs(3)).unwrap();
    offered(&update, 5, 4444);
    say(
        &mut world,
        &a,
        &a.answer(&update, 501, "Not Implemented", ""),
    );
    let invite = world.expect_within(a.address, secs(1)).unwrap();
    assert!(invite.starts_with("INVITE "), "{invite}");
    offered(&invite, 5, 4444);
}

#[test]
fn what_is_refused_is_not_said_again_until_the_next_refresh_and_the_call_goes_on() {
    let (mut world, a, p, update) = called_moves("UPDATE");
    say(
        &mut world,
        &a,
        &a.answer(&update, 488, "Not Acceptable Here", ""),
    );
    world.pass(secs(40));
    assert_eq!(world.drain(a.address), [""; 0]);
    assert_eq!(world.nodes[0].engine.calls(), 1);
    refreshed(&mut world, &p, &moved(5, 4444));
    offered(&next(&mut world, &a, "UPDATE "), 5, 4444);
}

#[test]
fn an_offer_of_the_called_that_goes_over_meanwhile_is_what_the_caller_knows() {
    let (mut world, mut a, p, ok) = talks("Allow: INVITE, UPDATE\r\n");
    // The caller's own offer is on its way while the refresh is answered: it is refused there, and made again.
    world.pass(secs(59));
    let refresh = next(&mut world, &p, "INVITE ");
    let hold = offer_of(&mut a, "INVITE", &ok, 9);
    assert_eq!(status_of(&skip_to_final(&mut world, &a, &hold)), 491);
    let more = format!("{BY_INVITE}{}", moved(5, 4444));
    say(&mut world, &p, &p.answer(&refresh, 200, "OK", &more));
    next(&mut world, &p, "ACK ");
    let update = next(&mut world, &a, "UPDATE ");
    offered(&update, 5, 4444);
    // RFC 3311 5.2: until he has answered, nobody's offer goes to him.
    say(
        &mut world,
        &a,
        &a.answer(&update, 491, "Request Pending", ""),
    );
    let again = offer_of(&mut a, "INVITE", &ok, 10);
    say(&mut world, &a, &again);
    let over = next(&mut world, &p, "INVITE ");
    let more = format!("{BY_INVITE}{}", moved(6, 4444));
    say(&mut world, &p, &p.answer(&over, 200, "OK", &more));
    next(&mut world, &p, "ACK ");
    let answer = skip(&mut world, a.address, 100);
    offered(&answer, 6, 4444);
    acknowledge(&mut world, &mut a, &answer, "");
    // What he was to be told he knows by now.
    world.pass(secs(20));
    assert_eq!(world.drain(a.address), [""; 0]);
}

#[test]
fn a_caller_who_has_moved_his_media_has_that_told_to_the_called() {
    let (mut world, mut a, p) = timed();
    let asks = "Supported: timer\r\nSession-Expires: 120;refresher=uas\r\nAllow: INVITE\r\n";
    let (at_pbx, _) = speak(&mut world, &mut a, &p, asks, "Allow: INVITE, UPDATE\r\n");
    let refresh = next(&mut world, &a, "INVITE ");
    let more = format!("{BY_INVITE}{}", moved(5, 4444));
    say(&mut world, &a, &a.answer(&refresh, 200, "OK", &more));
    next(&mut world, &a, "ACK ");
    let update = next(&mut world, &p, "UPDATE ");
    assert_eq!(call_id(&update), call_id(&at_pbx));
    assert!(update.contains("o=- 17 5 ") && update.contains("audio 4444 "));
}
