//! After many transactions and enough time nothing is left.

use super::messages::{Rig, request, response, tcp, udp};
use crate::flow::Destination;
use bellhop_wire::Method;

const ROUNDS: usize = 100_000;

fn place(round: usize) -> Destination {
    if round.is_multiple_of(2) {
        udp()
    } else {
        tcp()
    }
}

fn via(round: usize) -> String {
    format!("SIP/2.0/UDP pc.example.com;branch=z9hG4bK{round}")
}

#[test]
fn a_hundred_thousand_served_requests_leave_nothing() {
    let mut rig = Rig::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        let invite = round.is_multiple_of(3);
        let method = if invite { "INVITE" } else { "REGISTER" };
        let id = rig.serve(&request(method, &via(round)), place(round));
        match round % 5 {
            // Not answered: for an INVITE its user must see to that, as it does at the end of a call.
            0 if invite => rig.table.abandon(id),
            0 => {}
            1 | 2 => assert!(rig.respond(id, 200)),
            _ => assert!(rig.respond(id, 404)),
        }
        if invite && round.is_multiple_of(2) {
            rig.request(&request("ACK", &via(round)));
        }
        rig.forget_sent();
        rig.run_to(round as u64 / 10);
    }
    rig.run_to(100_000);
    let ended = rig.events().len();
    assert!(ended > ROUNDS / 2, "{ended}");
    assert!(rig.is_empty());
    assert_eq!(rig.table.held_deadlines(), 0);
    assert_eq!(rig.table.held(), 0);
}

#[test]
fn a_hundred_thousand_sent_requests_leave_nothing() {
    let mut rig = Rig::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        let (method, name) = if round.is_multiple_of(3) {
            (Method::Invite, "INVITE")
        } else {
            (Method::Options, "OPTIONS")
        };
        let branch = format!("z9hG4bK{round}");
        let via = format!("SIP/2.0/UDP edge.example.com;branch={branch}");
        let id = rig.call(method, &branch, &request(name, &via), place(round));
        match round % 5 {
            0 => {}
            1 => rig.table.transport_failed(rig.now, id),
            2 | 3 => drop(rig.response(&response(200, name, &branch))),
            _ => drop(rig.response(&response(404, name, &branch))),
        }
        rig.forget_sent();
        rig.run_to(round as u64 / 10);
    }
    rig.run_to(100_000);
    let ended = rig.events().len();
    assert!(ended >= ROUNDS, "{ended}");
    assert!(rig.is_empty());
    assert_eq!(rig.table.held_deadlines(), 0);
    assert_eq!(rig.table.held(), 0);
}
