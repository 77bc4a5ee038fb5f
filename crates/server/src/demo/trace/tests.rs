//! Two views of one conversation, put together.

use super::*;
use bellhop_core::{
    event::{Decision, Level},
    flow::{ListenerId, Transport},
};

const ALICE: &str = "127.0.0.1:5070";

fn trace() -> Trace {
    Trace::new(vec![(ALICE.parse().unwrap(), Party::Alice)])
}

fn flow(remote: &str) -> Flow {
    Flow {
        listener: ListenerId(0),
        transport: Transport::Udp,
        remote: remote.parse().unwrap(),
        connection: None,
    }
}

fn back() -> Destination {
    Destination::Flow {
        flow: flow(ALICE),
        else_connect: None,
    }
}

fn message(start: &str, cseq: &str) -> Owned {
    let text = format!(
        "{start}\r\nVia: SIP/2.0/UDP {ALICE};branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\n\
         To: <sip:b@h>\r\nCall-ID: c\r\nCSeq: {cseq}\r\nContent-Length: 0\r\n\r\n"
    );
    Owned::parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn options() -> Owned {
    message("OPTIONS sip:h SIP/2.0", "1 OPTIONS")
}

fn bytes(message: &Owned) -> &[u8] {
    message.message().bytes()
}

fn decided(message: &Owned, remote: &str, status: u16, why: &'static str) -> Event {
    let decision = Decision::Challenged(why);
    Event::about(
        message.message(),
        flow(remote),
        Level::Info,
        status,
        decision,
    )
}

#[test]
fn a_message_seen_at_both_ends_has_crossed_and_one_seen_at_one_end_has_not() {
    let (trace, ask, ok) = (trace(), options(), message("SIP/2.0 200 OK", "1 OPTIONS"));
    trace.written(Party::Alice, &ask);
    trace.received(&flow(ALICE), bytes(&ask));
    trace.sent(&back(), bytes(&ok));
    let lost = message("BYE sip:h SIP/2.0", "2 BYE");
    trace.written(Party::Alice, &lost);
    let steps = trace.steps();
    let crossed: Vec<_> = steps
        .iter()
        .map(|s| (s.label.as_str(), s.crossed))
        .collect();
    assert_eq!(crossed, [("OPTIONS", true), ("200", false), ("BYE", false)]);
}

#[test]
fn each_copy_at_one_end_stands_for_one_at_the_other() {
    let (trace, ask) = (trace(), options());
    trace.written(Party::Alice, &ask);
    trace.received(&flow(ALICE), bytes(&ask));
    trace.received(&flow(ALICE), bytes(&ask));
    let steps = trace.steps();
    let seen: Vec<_> = steps.iter().map(|s| (s.crossed, s.again)).collect();
    assert_eq!(seen, [(true, false), (false, true)]);
}

#[test]
fn a_copy_that_never_reached_bellhop_is_told_as_a_copy() {
    let (trace, ask) = (trace(), options());
    trace.received(&flow(ALICE), bytes(&ask));
    trace.written(Party::Alice, &ask);
    trace.written(Party::Alice, &ask);
    let steps = trace.steps();
    let seen: Vec<_> = steps.iter().map(|s| (s.crossed, s.again)).collect();
    assert_eq!(seen, [(true, false), (false, true)]);
}

#[test]
fn a_decision_stands_beside_the_message_it_was_about() {
    let (trace, first) = (trace(), options());
    let second = message("OPTIONS sip:h SIP/2.0", "2 OPTIONS");
    let other = message("MESSAGE sip:h SIP/2.0", "3 MESSAGE");
    trace.received(&flow(ALICE), bytes(&first));
    trace.event(&decided(&first, ALICE, 407, "one"));
    trace.received(&flow(ALICE), bytes(&second));
    trace.received(&flow(ALICE), bytes(&other));
    trace.event(&decided(&second, ALICE, 407, "two"));
    trace.event(&decided(&second, "127.0.0.1:9", 407, "a stranger's"));
    let steps = trace.steps();
    let decisions: Vec<_> = steps.iter().map(|s| s.decisions.join(", ")).collect();
    assert_eq!(decisions, ["challenged: one", "challenged: two", ""]);
}

#[test]
fn the_decision_about_an_answer_stands_beside_the_answer_of_its_status() {
    let trace = trace();
    let ringing = message("SIP/2.0 180 Ringing", "1 INVITE");
    let ok = message("SIP/2.0 200 OK", "1 INVITE");
    trace.received(&flow(ALICE), bytes(&ok));
    trace.received(&flow(ALICE), bytes(&ringing));
    trace.event(&decided(&ok, ALICE, 200, "it"));
    let steps = trace.steps();
    let decisions: Vec<_> = steps.iter().map(|s| s.decisions.len()).collect();
    assert_eq!(decisions, [1, 0]);
}

#[test]
fn a_scene_begins_with_the_next_message_that_a_peer_writes() {
    let (trace, ask, ok) = (trace(), options(), message("SIP/2.0 200 OK", "1 OPTIONS"));
    trace.scene("asking");
    trace.read(Party::Alice, &ok);
    trace.written(Party::Alice, &ask);
    trace.sent(&back(), bytes(&ok));
    trace.received(&flow(ALICE), bytes(&ask));
    let steps = trace.steps();
    let scenes: Vec<_> = steps.iter().map(|s| s.scene.as_deref()).collect();
    assert_eq!(scenes, [None, Some("asking")]);
}

#[test]
fn a_start_line_cannot_move_the_cursor() {
    let trace = trace();
    let odd = message("SIP/2.0 200 \x1b[2J", "1 OPTIONS");
    trace.sent(&back(), bytes(&odd));
    assert_eq!(trace.steps()[0].line, "SIP/2.0 200 \\x1b[2J");
}

#[test]
fn strangers_are_no_part_of_the_ladder() {
    let trace = trace();
    trace.received(&flow("127.0.0.1:9"), bytes(&options()));
    assert_eq!(trace.steps(), []);
}
