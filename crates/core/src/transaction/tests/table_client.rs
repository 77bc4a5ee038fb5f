//! Matching of responses and the client side of the table.

use super::messages::{Rig, crlf, parse, request, response, tcp, udp};
use crate::{
    outbox::{Outbox, Token},
    transaction::{Event, Owner, Response, TransactionId},
};
use bellhop_wire::Method;

const BRANCH: &str = "z9hG4bKours";
const OWNER: Owner = Owner(2);

/// An INVITE as a proxy sends it on: two Vias, two Routes.
const INVITE: &str = "INVITE sip:b@192.0.2.7 SIP/2.0
Via: SIP/2.0/UDP edge.example.com;branch=z9hG4bKours;rport
Via: SIP/2.0/UDP pc.example.com;branch=z9hG4bKtheirs
Route: <sip:one.example.com;lr>
Route: <sip:two.example.com;lr>
Max-Forwards: 69
From: \"A\" <sip:a@example.com>;tag=f
To: <sip:b@example.com>
Call-ID: c1
CSeq: 7 INVITE
Proxy-Authorization: Digest username=\"a\"
Content-Length: 0

";

/// Its ACK (17.1.1.3).
const ACK: &str = "ACK sip:b@192.0.2.7 SIP/2.0
Via: SIP/2.0/UDP edge.example.com;branch=z9hG4bKours;rport
Max-Forwards: 70
Route: <sip:one.example.com;lr>
Route: <sip:two.example.com;lr>
From: \"A\" <sip:a@example.com>;tag=f
To: <sip:b@example.com>;tag=theirs
Call-ID: c1
CSeq: 7 ACK
Content-Length: 0

";

fn options() -> String {
    request("OPTIONS", "SIP/2.0/UDP edge.example.com;branch=z9hG4bKours")
}

fn deliver(id: TransactionId) -> Response {
    Response::Deliver { id, owner: OWNER }
}

// 17.1.1.2, 17.1.2.2: every copy is the same bytes, to the same place, under the transaction's name.
#[test]
fn every_copy_of_a_request_is_the_same_and_goes_the_same_way() {
    let mut rig = Rig::new();
    let id = rig.call(Method::Invite, BRANCH, INVITE, udp());
    rig.run_to(31_999);
    let sent = rig.sent();
    assert_eq!(sent.len(), 7);
    for copy in sent {
        assert_eq!(copy.text, crlf(INVITE));
        assert_eq!(copy.to, udp());
        assert_eq!(copy.token, Some(Token::from(id)));
    }
    assert_eq!(TransactionId::from(Token::from(id)), id);
}

// The transaction stands before its request can be answered.
#[test]
fn a_response_that_comes_while_the_request_is_sent_is_delivered() {
    let mut rig = Rig::new();
    let id = rig.call(Method::Options, BRANCH, &options(), udp());
    assert_eq!(rig.response(&response(200, "OPTIONS", BRANCH)), deliver(id));
    assert_eq!(rig.sent().len(), 1);
}

// 17.1.3: branch and CSeq method.
#[test]
fn a_response_with_another_branch_or_method_is_a_stray() {
    let mut rig = Rig::new();
    rig.call(Method::Options, BRANCH, &options(), udp());
    for stray in [
        response(200, "OPTIONS", "z9hG4bKother"),
        response(200, "INVITE", BRANCH),
        response(200, "OPTIONS", BRANCH).replace(";branch=z9hG4bKours", ""),
    ] {
        assert_eq!(rig.response(&stray), Response::Stray, "{stray}");
    }
}

// 9.1, 17.1.3: a CANCEL has its INVITE's branch; only the method in CSeq tells their responses apart.
#[test]
fn the_200_of_a_cancel_does_not_touch_its_invite() {
    let mut rig = Rig::new();
    let invite = rig.call(Method::Invite, BRANCH, INVITE, udp());
    assert_eq!(
        rig.response(&response(180, "INVITE", BRANCH)),
        deliver(invite)
    );
    let cancel = rig.call(
        Method::Cancel,
        BRANCH,
        "CANCEL sip:b@192.0.2.7 SIP/2.0\n\n",
        udp(),
    );
    assert_eq!(
        rig.response(&response(200, "CANCEL", BRANCH)),
        deliver(cancel)
    );
    assert!(rig.table.client_request(invite).is_some());
    assert_eq!(
        rig.response(&response(487, "INVITE", BRANCH)),
        deliver(invite)
    );
}

// 17.1.1.3: the ACK of a 300-699, to where the INVITE went.
#[test]
fn a_failure_gets_the_ack_that_the_rfc_describes_and_each_copy_gets_it_again() {
    let mut rig = Rig::new();
    let id = rig.call(Method::Invite, BRANCH, INVITE, udp());
    rig.sent();
    let busy = response(486, "INVITE", BRANCH);
    assert_eq!(rig.response(&busy), deliver(id));
    let first = rig.sent();
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].text, crlf(ACK));
    assert_eq!(first[0].to, udp());
    assert_eq!(first[0].token, None);
    assert_eq!(rig.response(&busy), Response::Absorbed);
    assert_eq!(rig.sent(), first);
    rig.run_to(32_000);
    assert_eq!(rig.events(), [Event::ClientGone { id, owner: OWNER }]);
    assert_eq!(rig.response(&busy), Response::Stray);
    assert!(rig.sent().is_empty());
    assert!(rig.is_empty());
}

// 17.1.1.3: the To of an ACK is that of the very response it acknowledges.
#[test]
fn a_failure_with_another_tag_gets_an_ack_with_that_tag() {
    let mut rig = Rig::new();
    rig.call(Method::Invite, BRANCH, INVITE, udp());
    let busy = response(486, "INVITE", BRANCH);
    rig.response(&busy);
    rig.sent();
    rig.response(&busy.replace("tag=theirs", "tag=another"));
    let sent = rig.sent();
    assert_eq!(sent[0].text, crlf(ACK).replace("tag=theirs", "tag=another"));
}

#[test]
fn nothing_is_held_that_will_not_be_sent_again() {
    let cases = [
        (Method::Invite, "INVITE", 180, crlf(INVITE).len()),
        (Method::Invite, "INVITE", 200, 0),
        (Method::Invite, "INVITE", 486, crlf(ACK).len()),
        (Method::Options, "OPTIONS", 200, 0),
    ];
    for (method, name, status, held) in cases {
        let mut rig = Rig::new();
        let id = rig.call(method, BRANCH, INVITE, udp());
        rig.response(&response(status, name, BRANCH));
        assert_eq!(rig.table.held_bytes(id), Some(held), "{name} {status}");
    }
}

// 17.1.1.2: timer D is zero over TCP, the ACK goes out all the same.
#[test]
fn a_failure_over_tcp_is_acknowledged_and_leaves_nothing_behind() {
    let mut rig = Rig::new();
    let id = rig.call(Method::Invite, BRANCH, INVITE, tcp());
    rig.sent();
    assert_eq!(rig.response(&response(603, "INVITE", BRANCH)), deliver(id));
    let sent = rig.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].text, crlf(ACK));
    assert_eq!(sent[0].to, tcp());
    assert_eq!(rig.events(), [Event::ClientGone { id, owner: OWNER }]);
    assert!(rig.is_empty());
}

// RFC 6026 7.2: every 2xx of every fork is the user's, who acknowledges it.
#[test]
fn every_2xx_is_delivered_and_gets_no_ack_from_here() {
    let mut rig = Rig::new();
    let id = rig.call(Method::Invite, BRANCH, INVITE, udp());
    rig.sent();
    let answer = response(200, "INVITE", BRANCH);
    let fork = answer.replace("tag=theirs", "tag=another");
    for text in [&answer, &answer, &fork] {
        assert_eq!(rig.response(text), deliver(id));
    }
    assert_eq!(
        rig.response(&response(180, "INVITE", BRANCH)),
        Response::Absorbed
    );
    assert!(rig.sent().is_empty());
    rig.run_to(32_000);
    assert_eq!(rig.response(&answer), Response::Stray);
    assert!(rig.is_empty());
}

// 9.1: what a CANCEL is made from is at hand as long as there is something to cancel.
#[test]
fn the_request_is_at_hand_until_a_final_response_comes() {
    for (status, kept) in [(100, true), (180, true), (200, false), (404, false)] {
        let mut rig = Rig::new();
        let id = rig.call(Method::Invite, BRANCH, INVITE, udp());
        rig.response(&response(status, "INVITE", BRANCH));
        let request = rig.table.client_request(id);
        let text = crlf(INVITE);
        let expected = kept.then_some((text.as_bytes(), udp()));
        assert_eq!(request, expected, "{status}");
    }
}

// 17.1.4: timer B is told as a timeout.
#[test]
fn an_invite_that_nobody_answers_is_reported_once() {
    let mut rig = Rig::new();
    let id = rig.call(Method::Invite, BRANCH, INVITE, tcp());
    rig.run_to(100_000);
    let owner = OWNER;
    assert_eq!(
        rig.events(),
        [
            Event::ClientTimeout { id, owner },
            Event::ClientGone { id, owner }
        ]
    );
    assert!(rig.is_empty());
}

// 17.1.4: so is a failure of the transport, once, whatever is reported later.
#[test]
fn a_request_that_cannot_be_sent_is_reported_once() {
    let mut rig = Rig::new();
    let id = rig.call(Method::Options, BRANCH, &options(), tcp());
    rig.table.transport_failed(rig.now, id);
    rig.table.transport_failed(rig.now, id);
    let owner = OWNER;
    assert_eq!(
        rig.events(),
        [
            Event::ClientFailed { id, owner },
            Event::ClientGone { id, owner }
        ]
    );
    assert!(rig.is_empty());
}

#[test]
fn a_copy_of_the_final_response_is_absorbed_until_timer_k() {
    let mut rig = Rig::new();
    let id = rig.call(Method::Options, BRANCH, &options(), udp());
    let ok = response(200, "OPTIONS", BRANCH);
    assert_eq!(rig.response(&ok), deliver(id));
    rig.run_to(4999);
    assert_eq!(rig.response(&ok), Response::Absorbed);
    rig.run_to(5000);
    assert_eq!(rig.response(&ok), Response::Stray);
    assert!(rig.is_empty());
}

#[test]
fn timers_that_are_all_overdue_fire_in_one_call_and_leave_nothing() {
    let mut rig = Rig::new();
    rig.call(Method::Invite, BRANCH, INVITE, udp());
    let late = crate::time::Instant::from_micros(90_000_000);
    rig.table.handle_timeout(late, &mut Outbox::default());
    assert!(rig.is_empty());
}

#[test]
fn a_full_table_sends_nothing() {
    let mut rig = Rig::with_capacity(1);
    rig.call(Method::Options, BRANCH, &options(), udp());
    let mut out = Outbox::default();
    let second = rig.table.create_client(
        rig.now,
        Method::Options,
        b"z9hG4bK2",
        b"OPTIONS",
        udp(),
        OWNER,
        &mut out,
    );
    assert_eq!(second, None);
    assert!(out.transmits.is_empty());
}

#[test]
fn an_abandoned_call_is_gone_without_a_word() {
    let mut rig = Rig::new();
    let id = rig.call(Method::Invite, BRANCH, INVITE, udp());
    rig.table.abandon(id);
    assert!(rig.is_empty());
    assert!(rig.events().is_empty());
    assert_eq!(
        rig.response(&response(200, "INVITE", BRANCH)),
        Response::Stray
    );
}

// A server's name means nothing to the client side, though both may stand in the same slot.
#[test]
fn names_of_one_side_do_nothing_on_the_other() {
    let mut rig = Rig::new();
    let server = rig.serve(
        &request("OPTIONS", "SIP/2.0/UDP pc.example.com;branch=z9hG4bK1"),
        udp(),
    );
    let client = rig.call(Method::Options, BRANCH, &options(), udp());
    assert_ne!(server, client);
    rig.table.transport_failed(rig.now, server);
    assert!(!rig.respond(client, 200));
    assert_eq!(rig.table.last_status(client), None);
    assert_eq!(rig.table.client_request(server), None);
    assert_eq!(rig.table.live(), (1, 1));
    assert!(rig.events().is_empty());
    let status = parse(&response(200, "OPTIONS", BRANCH)).message().status();
    assert_eq!(status, Some(200));
}
