//! RFC 3261 17.2.2 and RFC 4320 4, sentence by sentence.

use super::sim::{Sim, reliable, unreliable};
use crate::transaction::non_invite_server::{Event, State};
use std::time::Duration;

type Request = Sim<State>;

const fn trying_after(millis: u64) -> Event {
    Event::Trying {
        age: Duration::from_millis(millis),
    }
}

// 17.2.2: copies of the request are discarded in Trying.
#[test]
fn a_copy_before_any_response_gets_nothing() {
    let mut request = Request::new(unreliable());
    assert!(request.feed(Event::Request).is_empty());
    assert_eq!(request.state, State::Trying);
}

// 17.2.2: the final response goes out for each copy of the request until timer J, 64*T1.
#[test]
fn a_copy_gets_the_final_response_again_for_32_s_over_udp() {
    let mut request = Request::new(unreliable());
    request.run_to(100);
    assert_eq!(request.feed(Event::Final), ["Send"]);
    assert_eq!(request.feed(Event::Request), ["SendAgain"]);
    request.run_to(32_099);
    assert_eq!(request.feed(Event::Request), ["SendAgain"]);
    request.run_to(32_100);
    assert_eq!(request.state, State::Terminated);
    assert_eq!(request.running(), 0);
}

// 17.2.2: timer J is zero over a reliable transport.
#[test]
fn the_final_response_over_tcp_ends_the_transaction_at_once() {
    let mut request = Request::new(reliable());
    assert_eq!(request.feed(Event::Final), ["Send"]);
    assert_eq!(request.state, State::Terminated);
    assert_eq!(request.running(), 0);
}

// 17.2.2: other final responses of the TU in Completed are discarded.
#[test]
fn nothing_may_follow_the_final_response() {
    let mut request = Request::after(unreliable(), Event::Final);
    assert!(request.feed(Event::Final).is_empty());
    assert!(request.feed(trying_after(4000)).is_empty());
    assert_eq!(request.state, State::Completed);
}

// RFC 4320 4.1: no 100 over UDP before a client's timer E has grown to T2, 3.5 s with the usual times.
#[test]
fn a_100_over_udp_is_refused_until_it_is_late() {
    let mut request = Request::new(unreliable());
    assert!(request.feed(trying_after(3499)).is_empty());
    assert_eq!(request.state, State::Trying);
    assert_eq!(request.feed(trying_after(3500)), ["Send"]);
    assert_eq!(request.state, State::Proceeding);
    assert_eq!(request.feed(Event::Request), ["SendAgain"]);
    assert_eq!(request.feed(Event::Final), ["Send"]);
}

// RFC 4320 4.1: over a reliable transport a 100 may go at any time.
#[test]
fn a_100_over_tcp_is_sent_at_any_time() {
    let mut request = Request::new(reliable());
    assert_eq!(request.feed(trying_after(0)), ["Send"]);
}

// RFC 4320 4.1, 4.2: no other provisional response, and no 408.
#[test]
fn a_183_or_a_408_is_refused() {
    for status in [101, 183, 199, 408] {
        let event = Event::of_status(status, Duration::from_secs(10)).unwrap();
        let mut request = Request::new(reliable());
        assert!(request.feed(event).is_empty(), "{status}");
        assert_eq!(request.state, State::Trying);
    }
}

// RFC 4320 4.2: when the client has timed out nothing is sent any more.
#[test]
fn a_request_that_its_user_forgets_ends_in_silence_after_32_s() {
    for env in [unreliable(), reliable()] {
        let mut request = Request::new(env);
        request.run_to(31_999);
        assert_eq!(request.state, State::Trying);
        request.run_to(32_000);
        assert_eq!(request.state, State::Terminated);
        assert!(request.feed(Event::Final).is_empty());
        assert_eq!(request.running(), 0);
    }
}

// The same with a 100 in between: the client's timer F runs on in Proceeding (17.1.2.2).
#[test]
fn a_100_does_not_put_off_the_silent_end() {
    let mut request = Request::new(unreliable());
    request.run_to(4000);
    request.feed(trying_after(4000));
    request.run_to(32_000);
    assert_eq!(request.state, State::Terminated);
    assert_eq!(request.times("Send"), [4000]);
}
