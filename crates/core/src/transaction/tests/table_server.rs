//! Matching of requests and the server side of the table.

use super::messages::{Rig, parse, request, tcp, udp, via};
use crate::transaction::{Event, Owner, Request};

const VIA: &str = "SIP/2.0/UDP pc.example.com:5060;branch=z9hG4bK1";
const OLD_VIA: &str = "SIP/2.0/UDP pc.example.com:5060";

/// As `text`, with this To tag.
fn to_tag(text: &str, tag: &str) -> String {
    text.replace(
        "To: <sip:b@example.com>",
        &format!("To: <sip:b@example.com>;tag={tag}"),
    )
}

// 17.2.3: equal branch, sent-by and method.
#[test]
fn a_retransmission_is_absorbed_and_gets_the_last_response_again() {
    let mut rig = Rig::new();
    let register = request("REGISTER", VIA);
    let id = rig.serve(&register, udp());
    assert_eq!(rig.request(&register), Request::Absorbed);
    assert!(rig.sent().is_empty());
    assert!(rig.respond(id, 200));
    let first = rig.sent();
    assert_eq!(rig.request(&register), Request::Absorbed);
    assert_eq!(rig.sent(), first);
    assert_eq!(first[0].to, udp());
    assert_eq!(first[0].token, None);
    assert_eq!(rig.table.last_status(id), Some(200));
}

// 17.2.3 first rule: the sent-by counts, since clients may choose equal branches.
#[test]
fn another_host_or_port_with_the_same_branch_is_another_transaction() {
    let mut rig = Rig::new();
    rig.serve(&request("REGISTER", VIA), udp());
    for other in [
        "SIP/2.0/UDP pc2.example.com:5060;branch=z9hG4bK1",
        "SIP/2.0/UDP pc.example.com:5062;branch=z9hG4bK1",
        "SIP/2.0/UDP pc.example.com:5060;branch=z9hG4bK2",
        "SIP/2.0/UDP pc.example.com:5060;branch=z9hG4bk1x",
    ] {
        assert_eq!(
            rig.request(&request("REGISTER", other)),
            Request::New,
            "{other}"
        );
    }
}

// 18.1.1, 20.42: hosts compare without case, an absent port is the transport's.
#[test]
fn the_same_sent_by_in_another_spelling_is_the_same_transaction() {
    let mut rig = Rig::new();
    rig.serve(&request("REGISTER", VIA), udp());
    for same in [
        "SIP/2.0/UDP PC.Example.COM;branch=z9hG4bK1",
        "SIP/2.0/UDP pc.example.com:5060;rport;branch=z9hG4bK1;x=y",
    ] {
        assert_eq!(
            rig.request(&request("REGISTER", same)),
            Request::Absorbed,
            "{same}"
        );
    }
}

// 17.2.3 third rule: another method is another transaction, but for ACK.
#[test]
fn another_method_with_the_same_branch_is_another_transaction() {
    let mut rig = Rig::new();
    rig.serve(&request("INVITE", VIA), udp());
    assert_eq!(rig.request(&request("OPTIONS", VIA)), Request::New);
}

// 17.2.1: the ACK of a 300-699 belongs to the transaction.
#[test]
fn the_ack_of_a_failure_is_taken_and_ends_its_retransmission() {
    let mut rig = Rig::new();
    let id = rig.serve(&request("INVITE", VIA), udp());
    assert!(rig.respond(id, 486));
    rig.run_to(600);
    assert_eq!(rig.sent_lines(), ["SIP/2.0 486 X", "SIP/2.0 486 X"]);
    let ack = to_tag(&request("ACK", VIA), "ours");
    assert_eq!(rig.request(&ack), Request::AckAbsorbed);
    assert_eq!(rig.request(&ack), Request::AckAbsorbed);
    rig.run_to(60_000);
    assert!(rig.sent().is_empty());
    let owner = Some(Owner(1));
    assert_eq!(rig.events(), [Event::ServerGone { id, owner }]);
    assert!(rig.is_empty());
}

// RFC 6026 7.1; 13.2.2.4: the ACK of a 2xx is the user's, with the INVITE's branch or its own.
#[test]
fn the_ack_of_a_2xx_is_the_users_and_makes_no_transaction() {
    let mut rig = Rig::new();
    let id = rig.serve(&request("INVITE", VIA), udp());
    assert!(rig.respond(id, 200));
    assert_eq!(rig.request(&request("ACK", VIA)), Request::Ack);
    let own = "SIP/2.0/UDP pc.example.com:5060;branch=z9hG4bKack";
    assert_eq!(rig.request(&request("ACK", own)), Request::Ack);
    let ack = parse(&request("ACK", own));
    let made = rig
        .table
        .create_server(rig.now, ack.message(), &via(ack.message()), udp(), None);
    assert_eq!(made, None);
    assert_eq!(rig.table.live(), (1, 0));
}

#[test]
fn an_ack_before_the_final_response_is_absorbed() {
    let mut rig = Rig::new();
    rig.serve(&request("INVITE", VIA), udp());
    assert_eq!(rig.request(&request("ACK", VIA)), Request::AckAbsorbed);
}

// RFC 6026 7.1: the 2xx is its maker's to repeat, and goes out as often as it comes by.
#[test]
fn a_copy_of_an_accepted_invite_is_absorbed_in_silence() {
    let mut rig = Rig::new();
    let invite = request("INVITE", VIA);
    let id = rig.serve(&invite, udp());
    assert!(rig.respond(id, 200));
    assert!(rig.respond(id, 200));
    assert_eq!(rig.sent().len(), 2);
    rig.run_to(20_000);
    assert_eq!(rig.request(&invite), Request::Absorbed);
    assert!(rig.sent().is_empty());
}

#[test]
fn an_accepted_invite_holds_no_response() {
    let mut rig = Rig::new();
    let id = rig.serve(&request("INVITE", VIA), udp());
    assert!(rig.respond(id, 180));
    assert_ne!(rig.table.held_bytes(id), Some(0));
    assert!(rig.respond(id, 200));
    assert_eq!(rig.table.held_bytes(id), Some(0));
}

#[test]
fn a_1xx_after_a_final_response_is_not_sent() {
    for status in [200, 404] {
        let mut rig = Rig::new();
        let id = rig.serve(&request("INVITE", VIA), udp());
        assert!(rig.respond(id, status));
        rig.sent();
        assert!(!rig.respond(id, 180));
        assert!(!rig.respond(id, 487));
        assert!(rig.sent().is_empty());
        assert_eq!(rig.table.last_status(id), Some(status));
    }
}

#[test]
fn a_refused_response_is_not_what_a_retransmission_gets() {
    let mut rig = Rig::new();
    let invite = request("INVITE", VIA);
    let id = rig.serve(&invite, udp());
    assert!(rig.respond(id, 486));
    assert!(!rig.respond(id, 180));
    rig.sent();
    assert_eq!(rig.request(&invite), Request::Absorbed);
    assert_eq!(rig.sent_lines(), ["SIP/2.0 486 X"]);
}

// RFC 4320 4.1, 4.2.
#[test]
fn a_408_or_an_early_100_does_not_go_to_a_non_invite() {
    let mut rig = Rig::new();
    let id = rig.serve(&request("REGISTER", VIA), udp());
    assert!(!rig.respond(id, 408));
    assert!(!rig.respond(id, 100));
    assert!(rig.sent().is_empty());
    assert_eq!(rig.table.last_status(id), None);
    rig.run_to(3500);
    assert!(rig.respond(id, 100));
}

// 17.2.1: timer H is reported, and the transaction ends.
#[test]
fn a_failure_that_is_never_acknowledged_is_reported() {
    let mut rig = Rig::new();
    let id = rig.serve(&request("INVITE", VIA), udp());
    assert!(rig.respond(id, 486));
    rig.run_to(32_000);
    let owner = Some(Owner(1));
    assert_eq!(
        rig.events(),
        [
            Event::ServerTimeout { id, owner },
            Event::ServerGone { id, owner }
        ]
    );
    assert!(rig.is_empty());
    assert!(!rig.respond(id, 486));
}

// 17.2.2: timer J is zero over TCP.
#[test]
fn a_final_response_over_tcp_leaves_nothing_behind() {
    let mut rig = Rig::new();
    let id = rig.serve(&request("REGISTER", VIA), tcp());
    assert!(rig.respond(id, 200));
    assert_eq!(rig.sent().len(), 1);
    let owner = Some(Owner(1));
    assert_eq!(rig.events(), [Event::ServerGone { id, owner }]);
    assert!(rig.is_empty());
    assert_eq!(rig.table.last_status(id), None);
}

// 9.2: a CANCEL is a transaction of its own and names its INVITE by the same branch.
#[test]
fn a_cancel_has_its_own_transaction_and_finds_its_invite() {
    let mut rig = Rig::new();
    let invite = rig.serve(&request("INVITE", VIA), udp());
    let cancel = request("CANCEL", VIA);
    let id = rig.serve(&cancel, udp());
    assert_ne!(id, invite);
    let message = parse(&cancel);
    let found = rig
        .table
        .cancelled_by(message.message(), &via(message.message()));
    assert_eq!(found, Some((invite, Some(Owner(1)))));
    assert!(rig.respond(id, 200));
    assert!(rig.respond(invite, 487));
    rig.sent();
    assert_eq!(rig.request(&cancel), Request::Absorbed);
    assert_eq!(rig.sent_lines(), ["SIP/2.0 200 X"]);
}

#[test]
fn a_cancel_of_nothing_finds_nothing() {
    let mut rig = Rig::new();
    rig.serve(&request("OPTIONS", VIA), udp());
    let cancel = parse(&request("CANCEL", VIA));
    assert_eq!(
        rig.table
            .cancelled_by(cancel.message(), &via(cancel.message())),
        None
    );
}

// 17.2.3, RFC 2543 clients: Request-URI, To tag, From tag, Call-ID, CSeq and top Via.
#[test]
fn a_request_without_a_branch_is_matched_by_what_it_says() {
    let mut rig = Rig::new();
    let register = request("REGISTER", OLD_VIA);
    rig.serve(&register, udp());
    assert_eq!(rig.request(&register), Request::Absorbed);
    for other in [
        register.replace("sip:b@example.com SIP", "sip:c@example.com SIP"),
        register.replace("tag=f", "tag=g"),
        register.replace("c1", "c2"),
        register.replace("CSeq: 7", "CSeq: 8"),
        register.replace("pc.example.com:5060", "pc.example.com:5062"),
        to_tag(&register, "t"),
    ] {
        assert_eq!(rig.request(&other), Request::New, "{other}");
    }
}

// 17.2.3: a branch without the magic cookie is not unique.
#[test]
fn a_branch_without_the_cookie_does_not_match_by_itself() {
    let mut rig = Rig::new();
    let register = request("REGISTER", "SIP/2.0/UDP pc.example.com;branch=1");
    rig.serve(&register, udp());
    assert_eq!(rig.request(&register), Request::Absorbed);
    let next = register.replace("CSeq: 7", "CSeq: 8");
    assert_eq!(rig.request(&next), Request::New);
}

// 17.2.3: the To tag of an RFC 2543 client's ACK is that of the response; its copies of the INVITE and
// its CANCEL have the INVITE's.
#[test]
fn an_old_clients_ack_is_matched_by_the_tag_of_our_response() {
    let mut rig = Rig::new();
    let invite = request("INVITE", OLD_VIA);
    let id = rig.serve(&invite, udp());
    assert!(rig.respond(id, 486));
    assert_eq!(rig.request(&invite), Request::Absorbed);
    let ack = request("ACK", OLD_VIA);
    assert_eq!(rig.request(&to_tag(&ack, "other")), Request::Ack);
    assert_eq!(rig.request(&to_tag(&ack, "ours")), Request::AckAbsorbed);
    let cancel = parse(&request("CANCEL", OLD_VIA));
    assert!(
        rig.table
            .cancelled_by(cancel.message(), &via(cancel.message()))
            .is_some()
    );
}

#[test]
fn a_full_table_takes_nothing_more_and_takes_again_when_one_ends() {
    let mut rig = Rig::with_capacity(1);
    let id = rig.serve(&request("OPTIONS", VIA), udp());
    let other = parse(&request(
        "OPTIONS",
        "SIP/2.0/UDP pc.example.com;branch=z9hG4bK2",
    ));
    let make = |rig: &mut Rig| {
        rig.table
            .create_server(rig.now, other.message(), &via(other.message()), udp(), None)
    };
    assert_eq!(make(&mut rig), None);
    rig.table.abandon(id);
    assert!(make(&mut rig).is_some());
}

#[test]
fn a_request_has_one_transaction_however_often_it_is_taken_in() {
    let mut rig = Rig::new();
    let text = request("OPTIONS", VIA);
    rig.serve(&text, udp());
    let again = parse(&text);
    let made =
        rig.table
            .create_server(rig.now, again.message(), &via(again.message()), udp(), None);
    assert_eq!(made, None);
    assert_eq!(rig.table.live(), (1, 0));
}

#[test]
fn an_abandoned_transaction_is_gone_without_a_word_and_its_name_is_not_used_again() {
    let mut rig = Rig::new();
    let text = request("OPTIONS", VIA);
    let old = rig.serve(&text, udp());
    rig.table.abandon(old);
    assert!(rig.is_empty());
    assert!(rig.events().is_empty());
    let new = rig.serve(&text, udp());
    assert_ne!(old, new);
    assert!(!rig.respond(old, 200));
    rig.table.abandon(old);
    assert!(rig.respond(new, 200));
}

#[test]
fn a_later_owner_is_the_one_that_is_told() {
    let mut rig = Rig::new();
    let id = rig.serve(&request("OPTIONS", VIA), tcp());
    rig.table.set_owner(id, Owner(9));
    assert!(rig.respond(id, 200));
    let owner = Some(Owner(9));
    assert_eq!(rig.events(), [Event::ServerGone { id, owner }]);
}
