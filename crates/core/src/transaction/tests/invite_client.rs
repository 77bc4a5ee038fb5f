//! RFC 3261 17.1.1.2 and RFC 6026 7.2, sentence by sentence.

use super::sim::{Sim, reliable, unreliable};
use crate::transaction::{
    invite_client::{Event, State},
    machine::Env,
    timer::TimerConfig,
};
use std::time::Duration;

type Invite = Sim<State>;

// 17.1.1.2: timer A starts at T1 and doubles each time it fires; timer B fires at 64*T1.
#[test]
fn an_unanswered_invite_goes_out_seven_times_over_udp_and_then_times_out() {
    let mut invite = Invite::new(unreliable());
    invite.run_to(200_000);
    let sent = [0, 500, 1500, 3500, 7500, 15_500, 31_500];
    assert_eq!(invite.times("Send"), sent);
    assert_eq!(invite.times("ReportTimeout"), [32_000]);
    assert_eq!(invite.state, State::Terminated);
    assert_eq!(invite.running(), 0);
}

// 17.1.1.2: over a reliable transport timer A is not started; timer B runs over any.
#[test]
fn an_unanswered_invite_goes_out_once_over_tcp_and_then_times_out() {
    let mut invite = Invite::new(reliable());
    invite.run_to(200_000);
    assert_eq!(invite.times("Send"), [0]);
    assert_eq!(invite.times("ReportTimeout"), [32_000]);
    assert_eq!(invite.running(), 0);
}

// 17.1.1.2: in Proceeding the request is not sent again, and timer B acts in Calling only.
#[test]
fn a_100_stops_retransmission_and_timer_b() {
    let mut invite = Invite::new(unreliable());
    invite.run_to(600);
    assert_eq!(invite.feed(Event::Provisional), ["Deliver"]);
    assert_eq!(invite.running(), 0);
    invite.run_to(200_000);
    assert_eq!(invite.times("Send"), [0, 500]);
    assert_eq!(invite.state, State::Proceeding);
}

// 17.1.1.2: further provisional responses go to the TU.
#[test]
fn every_provisional_response_is_delivered() {
    let mut invite = Invite::after(unreliable(), Event::Provisional);
    assert_eq!(invite.feed(Event::Provisional), ["Deliver"]);
    assert_eq!(invite.feed(Event::Provisional), ["Deliver"]);
}

// 17.1.1.2: a 300-699 in Calling or Proceeding goes to the TU, and the ACK is made here.
#[test]
fn a_failure_is_acknowledged_and_delivered_from_calling_and_proceeding() {
    let mut invite = Invite::new(unreliable());
    assert_eq!(invite.feed(Event::Failure), ["Acknowledge", "Deliver"]);
    let mut invite = Invite::after(unreliable(), Event::Provisional);
    assert_eq!(invite.feed(Event::Failure), ["Acknowledge", "Deliver"]);
}

// 17.1.1.2: a copy of the final response in Completed gets the ACK again and does not go to the TU.
#[test]
fn each_copy_of_a_failure_is_acknowledged_and_none_delivered_for_32_s() {
    let mut invite = Invite::after(unreliable(), Event::Failure);
    invite.run_to(31_999);
    assert_eq!(invite.feed(Event::Failure), ["Acknowledge"]);
    invite.run_to(32_000);
    assert_eq!(invite.state, State::Terminated);
    assert!(invite.feed(Event::Failure).is_empty());
    assert_eq!(invite.running(), 0);
}

// 17.1.1.2: timer D is zero over a reliable transport.
#[test]
fn a_failure_over_tcp_ends_the_transaction_at_once() {
    let invite = Invite::after(reliable(), Event::Failure);
    assert_eq!(invite.state, State::Terminated);
    assert_eq!(invite.running(), 0);
}

// 17.1.1.2: timer D is at least 32 s, since the server's timer H need not be ours.
#[test]
fn timer_d_is_not_shortened_by_a_short_t1() {
    let t1 = Duration::from_millis(50);
    let env = Env {
        timers: TimerConfig {
            t1,
            ..TimerConfig::default()
        },
        ..unreliable()
    };
    let mut invite = Invite::after(env, Event::Failure);
    invite.run_to(31_999);
    assert_eq!(invite.state, State::Completed);
    invite.run_to(32_000);
    assert_eq!(invite.state, State::Terminated);
}

// 17.1.1.2: timer D follows timer H, 64*T1, when that is longer.
#[test]
fn timer_d_grows_with_a_long_t1() {
    let t1 = Duration::from_secs(1);
    let env = Env {
        timers: TimerConfig {
            t1,
            ..TimerConfig::default()
        },
        ..unreliable()
    };
    let mut invite = Invite::after(env, Event::Failure);
    invite.run_to(63_999);
    assert_eq!(invite.state, State::Completed);
    invite.run_to(64_000);
    assert_eq!(invite.state, State::Terminated);
}

// RFC 6026 7.2: a 2xx moves to Accepted and starts timer M, 64*T1; each 2xx in Accepted goes to the TU,
// for it may be another branch's; no ACK is made.
#[test]
fn every_2xx_is_delivered_and_none_acknowledged_for_32_s_over_any_transport() {
    for env in [unreliable(), reliable()] {
        let mut invite = Invite::new(env);
        assert_eq!(invite.feed(Event::Success), ["Deliver"]);
        invite.run_to(31_999);
        assert_eq!(invite.feed(Event::Success), ["Deliver"]);
        invite.run_to(32_000);
        assert_eq!(invite.state, State::Terminated);
        assert_eq!(invite.times("Acknowledge"), [0; 0]);
        assert_eq!(invite.times("Send"), [0]);
        assert_eq!(invite.running(), 0);
    }
}

// RFC 6026 7.2: in Accepted only 2xx count.
#[test]
fn a_180_or_a_486_after_a_200_is_absorbed() {
    let mut invite = Invite::after(unreliable(), Event::Success);
    assert!(invite.feed(Event::Provisional).is_empty());
    assert!(invite.feed(Event::Failure).is_empty());
    assert_eq!(invite.state, State::Accepted);
}

// 17.1.4: a transport error is reported, and the transaction ends.
#[test]
fn an_invite_that_cannot_be_sent_is_reported_at_once() {
    let mut invite = Invite::new(unreliable());
    assert_eq!(invite.feed(Event::TransportError), ["ReportFailure"]);
    assert_eq!(invite.state, State::Terminated);
    assert_eq!(invite.running(), 0);
}

// 17.1.1.2: so it is when the ACK cannot be sent.
#[test]
fn an_ack_that_cannot_be_sent_is_reported() {
    let mut invite = Invite::after(unreliable(), Event::Failure);
    assert_eq!(invite.feed(Event::TransportError), ["ReportFailure"]);
    assert_eq!(invite.running(), 0);
}

// Once a provisional response is here the INVITE did arrive.
#[test]
fn a_late_transport_error_does_not_end_a_ringing_invite() {
    let mut invite = Invite::after(unreliable(), Event::Provisional);
    assert!(invite.feed(Event::TransportError).is_empty());
    assert_eq!(invite.state, State::Proceeding);
}
