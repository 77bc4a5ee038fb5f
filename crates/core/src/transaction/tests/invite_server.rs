//! RFC 3261 17.2.1 and RFC 6026 7.1, sentence by sentence.

use super::sim::{Sim, reliable, unreliable};
use crate::transaction::invite_server::{Event, State};

type Invite = Sim<State>;

// 17.2.1: the most recent provisional response goes out again for a copy of the INVITE.
#[test]
fn a_copy_of_the_invite_gets_the_last_provisional_response_again() {
    let mut invite = Invite::new(unreliable());
    assert!(invite.feed(Event::Invite).is_empty());
    assert_eq!(invite.feed(Event::Provisional), ["Send"]);
    assert_eq!(invite.feed(Event::Invite), ["SendAgain"]);
}

// 17.2.1: provisional responses are not sent again by a timer.
#[test]
fn a_ringing_invite_waits_for_its_user_without_a_timer() {
    let invite = Invite::after(unreliable(), Event::Provisional);
    assert_eq!(invite.running(), 0);
}

// 17.2.1: timer G is T1, then doubles up to T2; timer H fires at 64*T1 and is reported.
#[test]
fn an_unacknowledged_failure_goes_out_again_over_udp_until_timer_h() {
    let mut invite = Invite::new(unreliable());
    assert_eq!(invite.feed(Event::Failure), ["Send"]);
    invite.run_to(200_000);
    let again = [
        500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
    ];
    assert_eq!(invite.times("SendAgain"), again);
    assert_eq!(invite.times("ReportTimeout"), [32_000]);
    assert_eq!(invite.state, State::Terminated);
    assert_eq!(invite.running(), 0);
}

// 17.2.1: timer G is for unreliable transports only, timer H for all.
#[test]
fn an_unacknowledged_failure_goes_out_once_over_tcp_until_timer_h() {
    let mut invite = Invite::after(reliable(), Event::Failure);
    invite.run_to(200_000);
    assert_eq!(invite.times("SendAgain"), [0; 0]);
    assert_eq!(invite.times("ReportTimeout"), [32_000]);
    assert_eq!(invite.running(), 0);
}

// 17.2.1: a copy of the INVITE in Completed gets the final response again.
#[test]
fn a_copy_of_the_invite_gets_the_failure_again() {
    let mut invite = Invite::after(unreliable(), Event::Failure);
    assert_eq!(invite.feed(Event::Invite), ["SendAgain"]);
}

// 17.2.1: the ACK stops timer G; timer I, T4, absorbs further ACKs.
#[test]
fn the_ack_ends_retransmission_and_its_copies_are_absorbed_for_t4_over_udp() {
    let mut invite = Invite::after(unreliable(), Event::Failure);
    invite.run_to(600);
    assert!(invite.feed(Event::Ack).is_empty());
    assert_eq!(invite.state, State::Confirmed);
    invite.run_to(5599);
    assert!(invite.feed(Event::Ack).is_empty());
    assert!(invite.feed(Event::Invite).is_empty());
    assert_eq!(invite.state, State::Confirmed);
    invite.run_to(5600);
    assert_eq!(invite.state, State::Terminated);
    assert_eq!(invite.times("SendAgain"), [500]);
    assert_eq!(invite.times("ReportTimeout"), [0; 0]);
    assert_eq!(invite.running(), 0);
}

// 17.2.1: timer I is zero over a reliable transport.
#[test]
fn the_ack_over_tcp_ends_the_transaction_at_once() {
    let mut invite = Invite::after(reliable(), Event::Failure);
    invite.feed(Event::Ack);
    assert_eq!(invite.state, State::Terminated);
    assert_eq!(invite.running(), 0);
}

// 17.2.1: any response of the TU in Completed is discarded.
#[test]
fn nothing_may_follow_a_failure() {
    let mut invite = Invite::after(unreliable(), Event::Failure);
    for response in [Event::Provisional, Event::Success, Event::Failure] {
        assert!(invite.feed(response).is_empty());
    }
    assert!(matches!(invite.state, State::Completed { .. }));
}

// RFC 6026 7.1: a 2xx moves to Accepted with timer L, 64*T1, over any transport; copies of the INVITE
// are absorbed without a response; 2xx of the TU are sent; ACKs go to the TU.
#[test]
fn an_accepted_invite_absorbs_copies_sends_2xx_and_hands_acks_over_for_32_s() {
    for env in [unreliable(), reliable()] {
        let mut invite = Invite::new(env);
        assert_eq!(invite.feed(Event::Success), ["Send"]);
        invite.run_to(31_999);
        assert!(invite.feed(Event::Invite).is_empty());
        assert_eq!(invite.feed(Event::Success), ["Send"]);
        assert_eq!(invite.feed(Event::Ack), ["DeliverAck"]);
        assert_eq!(invite.feed(Event::Ack), ["DeliverAck"]);
        assert_eq!(invite.state, State::Accepted);
        invite.run_to(32_000);
        assert_eq!(invite.state, State::Terminated);
        assert_eq!(invite.times("SendAgain"), [0; 0]);
        assert_eq!(invite.running(), 0);
    }
}

// RFC 6026 7.1: no other response may follow a 2xx.
#[test]
fn a_180_or_a_487_after_a_200_is_refused() {
    let mut invite = Invite::after(unreliable(), Event::Success);
    assert!(invite.feed(Event::Provisional).is_empty());
    assert!(invite.feed(Event::Failure).is_empty());
    assert_eq!(invite.state, State::Accepted);
}

// An ACK can only follow a final response (17.1.1.3).
#[test]
fn an_ack_before_any_final_response_changes_nothing() {
    let mut invite = Invite::after(unreliable(), Event::Provisional);
    assert!(invite.feed(Event::Ack).is_empty());
    assert_eq!(invite.state, State::Proceeding { answered: true });
}
