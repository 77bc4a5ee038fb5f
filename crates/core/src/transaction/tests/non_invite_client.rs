//! RFC 3261 17.1.2.2, sentence by sentence.

use super::sim::{Sim, reliable, unreliable};
use crate::transaction::non_invite_client::{Event, State};

type Request = Sim<State>;

// 17.1.2.2: timer E is T1, then doubles up to T2; timer F fires at 64*T1.
#[test]
fn an_unanswered_request_goes_out_eleven_times_over_udp_and_then_times_out() {
    let mut request = Request::new(unreliable());
    request.run_to(200_000);
    let sent = [
        0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
    ];
    assert_eq!(request.times("Send"), sent);
    assert_eq!(request.times("ReportTimeout"), [32_000]);
    assert_eq!(request.state, State::Terminated);
    assert_eq!(request.running(), 0);
}

// 17.1.2.2: timer E is for unreliable transports only, timer F for all.
#[test]
fn an_unanswered_request_goes_out_once_over_tcp_and_then_times_out() {
    let mut request = Request::new(reliable());
    request.run_to(200_000);
    assert_eq!(request.times("Send"), [0]);
    assert_eq!(request.times("ReportTimeout"), [32_000]);
    assert_eq!(request.running(), 0);
}

// 17.1.2.2: when timer E fires in Proceeding the request goes out again and timer E is T2.
#[test]
fn after_a_provisional_response_the_request_goes_out_every_t2() {
    let mut request = Request::new(unreliable());
    request.run_to(600);
    assert_eq!(request.feed(Event::Provisional), ["Deliver"]);
    request.run_to(14_000);
    assert_eq!(request.times("Send"), [0, 500, 1500, 5500, 9500, 13_500]);
}

// 17.1.2.2: timer F is not stopped by a provisional response.
#[test]
fn a_provisional_response_does_not_put_off_the_timeout() {
    for env in [unreliable(), reliable()] {
        let mut request = Request::after(env, Event::Provisional);
        request.run_to(200_000);
        assert_eq!(request.times("ReportTimeout"), [32_000]);
        assert_eq!(request.running(), 0);
    }
}

// 17.1.2.2: a final response goes to the TU; timer K, T4, absorbs its copies.
#[test]
fn copies_of_the_final_response_are_absorbed_for_t4_over_udp() {
    let mut request = Request::new(unreliable());
    assert_eq!(request.feed(Event::Final), ["Deliver"]);
    assert_eq!(request.running(), 1);
    request.run_to(4999);
    assert!(request.feed(Event::Final).is_empty());
    assert_eq!(request.state, State::Completed);
    request.run_to(5000);
    assert_eq!(request.state, State::Terminated);
    assert_eq!(request.times("Send"), [0]);
    assert_eq!(request.running(), 0);
}

// 17.1.2.2: timer K is zero over a reliable transport.
#[test]
fn a_final_response_over_tcp_ends_the_transaction_at_once() {
    let mut request = Request::after(reliable(), Event::Provisional);
    assert_eq!(request.feed(Event::Final), ["Deliver"]);
    assert_eq!(request.state, State::Terminated);
    assert_eq!(request.running(), 0);
}

// 17.1.2.2, 17.1.4: a transport error is reported, and the transaction ends.
#[test]
fn a_request_that_cannot_be_sent_is_reported_before_and_after_a_provisional_response() {
    let mut request = Request::new(unreliable());
    assert_eq!(request.feed(Event::TransportError), ["ReportFailure"]);
    assert_eq!(request.running(), 0);
    let mut request = Request::after(reliable(), Event::Provisional);
    assert_eq!(request.feed(Event::TransportError), ["ReportFailure"]);
    assert_eq!(request.running(), 0);
}
