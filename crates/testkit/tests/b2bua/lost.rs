//! Ends that are lost: a session that nobody refreshes (RFC 4028 10), an end that does not answer (RFC 5057 5.1).

use crate::common::*;
use crate::site::*;
use crate::timed::*;
use bellhop_testkit::{header_of, status_of};
use std::time::Duration;

#[test]
fn a_session_that_the_other_end_does_not_refresh_in_time_ends_both_legs() {
    let (mut world, mut a, p) = timed();
    let wants = "Supported: timer\r\nSession-Expires: 300;refresher=uac\r\nAllow: UPDATE\r\n";
    let (_, ok) = speak(&mut world, &mut a, &p, wants, "Allow: UPDATE\r\n");
    world.pass(secs(200));
    let refresh = from_caller(&mut a, "UPDATE", &ok, 9).replacen(
        "Content-Length",
        "Supported: timer\r\nSession-Expires: 300;refresher=uac\r\nContent-Length",
        1,
    );
    let answer = ask(&mut world, &a, &refresh);
    assert_eq!(status_of(&answer), 200, "{answer}");
    assert_eq!(header_of(&answer, "Session-Expires"), "300;refresher=uac");
    assert!(header_of(&answer, "Contact").starts_with("<sip:"));
    // The same to a copy of it.
    assert_eq!(ask(&mut world, &a, &refresh), answer);
    // 10: 32 s before the end of the session.
    world.pass(secs(266));
    assert_eq!(world.drain(a.address), [""; 0]);
    assert_eq!(
        world.drain(p.address),
        [""; 0],
        "a refresh stays on its leg"
    );
    world.pass(secs(3));
    both_hang_up(&mut world, &a, &p, "Session expired");
}

#[test]
fn an_end_that_does_not_answer_a_refresh_is_lost_and_both_are_released() {
    for answer in [None, Some(481), Some(408)] {
        let (mut world, mut a, p) = timed();
        let agreed = "Require: timer\r\nSession-Expires: 90;refresher=uac\r\nAllow: UPDATE\r\n";
        speak(&mut world, &mut a, &p, "Allow: UPDATE\r\n", agreed);
        world.pass(secs(46));
        let update = world.drain(p.address).remove(0);
        if let Some(status) = answer {
            say(&mut world, &p, &p.answer(&update, status, "Gone", ""));
            world.pass(secs(1));
        } else {
            world.pass(secs(33));
            world
                .drain(p.address)
                .retain(|message| !message.starts_with("BYE"));
            assert!(world.drain(a.address).iter().any(|m| m.starts_with("BYE ")));
            is_over(&mut world);
            continue;
        }
        both_hang_up(&mut world, &a, &p, "No answer inside the call");
    }
}

#[test]
fn an_end_that_refuses_every_refresh_is_asked_again_until_its_session_is_over() {
    let (mut world, mut a, p) = timed();
    let agreed = "Require: timer\r\nSession-Expires: 90;refresher=uac\r\nAllow: UPDATE\r\n";
    speak(&mut world, &mut a, &p, "Allow: UPDATE\r\n", agreed);
    world.pass(secs(44));
    let mut asked = 0;
    while let Some(message) = world.expect_within(p.address, secs(30)) {
        if message.starts_with("BYE ") {
            break;
        }
        assert!(message.starts_with("UPDATE "), "{message}");
        asked += 1;
        say(&mut world, &p, &p.answer(&message, 500, "No", ""));
    }
    assert!((4..7).contains(&asked), "{asked}");
    let bye = world.drain(a.address).remove(0);
    assert!(bye.starts_with("BYE "), "{bye}");
    assert!(
        header_of(&bye, "Reason").contains("Session expired"),
        "{bye}"
    );
}

#[test]
fn both_ends_are_asked_whether_they_are_there_and_any_answer_is_good_but_two() {
    let (mut world, mut a, p) = kept_alive();
    speak(&mut world, &mut a, &p, "", "");
    for status in [200, 405, 501, 403] {
        world.pass(Duration::from_millis(60_100));
        for peer in [&a, &p] {
            let all = world.drain(peer.address);
            let [question] = &all[..] else {
                panic!("{all:?}")
            };
            assert!(question.starts_with("OPTIONS sip:"), "{question}");
            say(&mut world, peer, &peer.answer(question, status, "Here", ""));
        }
    }
    world.pass(secs(60));
    let question = world.drain(a.address).remove(0);
    say(
        &mut world,
        &a,
        &a.answer(&question, 481, "No such call", ""),
    );
    world.pass(secs(1));
    world.drain(p.address).retain(|m| !m.starts_with("OPTIONS"));
    assert!(world.drain(a.address)[0].starts_with("BYE "));
    is_over(&mut world);
}

#[test]
fn an_end_that_has_vanished_is_found_and_the_other_one_hears_a_bye() {
    let (mut world, mut a, p) = kept_alive();
    speak(&mut world, &mut a, &p, "", "");
    world.pass(secs(60));
    let question = world.drain(p.address).remove(0);
    say(&mut world, &p, &p.answer(&question, 200, "OK", ""));
    world.drain(a.address);
    world.pass(secs(33));
    let bye = world.drain(p.address).remove(0);
    assert!(bye.starts_with("BYE "), "{bye}");
    assert_eq!(
        header_of(&bye, "Reason"),
        "SIP;cause=408;text=\"No answer inside the call\""
    );
    is_over(&mut world);
}
