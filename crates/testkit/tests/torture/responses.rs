//! RFC 4475's responses, as answers to a request that a Bellhop has relayed: what is odd goes back as it
//! came, what is bad is as if it had not come.

use crate::common::*;
use crate::message::to_phone;
use crate::scene::{DOOR, INSIDE, Verdict, is, scene};
use bellhop_core::flow::Transport;
use bellhop_testkit::Peer;
use std::time::Duration;

/// What the sender of a MESSAGE gets when the phone answers with this status line and CSeq.
fn answered_with(status: &str, cseq: &str) -> Vec<String> {
    let mut world = scene();
    let (_, phone): (Peer, Peer) = pair(&mut world);
    world.drain(phone.address);
    world.send(Transport::Udp, addr(INSIDE), addr(DOOR), &to_phone(&[]));
    let relayed = world.expect(phone.address).unwrap();
    let answer = phone.answer(&relayed, 200, "OK", "");
    let answer = answer.replacen("SIP/2.0 200 OK", status, 1);
    let answer = answer.replacen("CSeq: 7 MESSAGE", cseq, 1);
    say(&mut world, &phone, &answer);
    world.pass(Duration::from_millis(100));
    world.drain(addr(INSIDE))
}

#[test]
fn s3_1_1_12_an_unusual_reason_goes_back_as_it_came() {
    let line = "SIP/2.0 200 = 2**3 * 5**2 \u{43d}\u{43e} \u{441}\u{442}\u{43e}";
    let answers = answered_with(line, "CSeq: 7 MESSAGE");
    assert_eq!(answers.len(), 1);
    assert!(
        answers[0].starts_with(&format!("{line}\r\n")),
        "{answers:?}"
    );
}

#[test]
fn s3_1_1_13_an_empty_reason_goes_back_as_it_came() {
    let answers = answered_with("SIP/2.0 486 ", "CSeq: 7 MESSAGE");
    assert!(answers[0].starts_with("SIP/2.0 486 \r\n"), "{answers:?}");
    assert!(answered_with("SIP/2.0 100 ", "CSeq: 7 MESSAGE").is_empty());
}

#[test]
fn s3_1_2_5_a_response_with_a_cseq_too_large_is_dropped() {
    let line = "SIP/2.0 503 Service Unavailable";
    let answers = answered_with(line, "CSeq: 9292394834772304023312 MESSAGE");
    assert!(answers.is_empty(), "{answers:?}");
}

#[test]
fn s3_1_2_19_a_response_with_a_status_that_is_none_is_dropped() {
    for status in [
        "SIP/2.0 4294967301 better not break the receiver",
        "SIP/2.0 700 High",
        "SIP/2.0 099 Low",
    ] {
        let answers = answered_with(status, "CSeq: 7 MESSAGE");
        assert!(answers.is_empty(), "{status}: {answers:?}");
        is(
            to_phone(&[]).replacen("MESSAGE sip:6002@example.org SIP/2.0", status, 1),
            &Verdict::Dropped,
        );
    }
}
