//! What the simulated user agents write, read again with the wire's own views.

use super::*;
use bellhop_wire::{Limits, Owned};

fn alice() -> Ua {
    let local = "127.0.0.1:5070".parse().unwrap();
    Ua::new("alice", "bellhop.test", "secret", local, 0xa)
}

fn bob() -> Ua {
    let local = "127.0.0.1:5071".parse().unwrap();
    Ua::new("bob", "bellhop.test", "secret", local, 0xb)
}

fn read(bytes: &[u8]) -> Owned {
    let owned = Owned::parse(bytes, &Limits::default()).unwrap();
    owned.message().check().unwrap();
    owned
}

fn values(message: Message<'_>, id: HeaderId) -> Vec<String> {
    let text = |raw: &[u8]| String::from_utf8(raw.to_vec()).unwrap();
    message.values(id).map(|value| text(value.raw)).collect()
}

/// An INVITE as a proxy passes it on: with a Via and a Record-Route of its own.
fn relayed(invite: &[u8], record: &str) -> Owned {
    let text = String::from_utf8(invite.to_vec()).unwrap();
    let more = format!("Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKp\r\n{record}Via: ");
    read(text.replacen("Via: ", &more, 1).as_bytes())
}

fn invited(alice: &mut Ua) -> (Dialog, Vec<u8>) {
    let to = address("bob", "bellhop.test");
    let mut dialog = alice.begin(to.clone(), to);
    let invite = alice
        .request(&mut dialog, &Ask::of(rsip::Method::Invite))
        .unwrap();
    (dialog, invite)
}

#[test]
fn a_request_stands_as_it_is_written() {
    let (mut alice, to) = (alice(), address("700", "bellhop.test"));
    let mut dialog = alice.begin(to.clone(), to);
    let ask = Ask::of(rsip::Method::Subscribe)
        .line("Event", "dialog")
        .line("Expires", "600");
    let bytes = alice.request(&mut dialog, &ask).unwrap();
    insta::assert_snapshot!(String::from_utf8(bytes).unwrap().replace('\r', ""), @r"
    SUBSCRIBE sip:700@bellhop.test SIP/2.0
    Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKba.3;rport
    Max-Forwards: 70
    From: <sip:alice@bellhop.test>;tag=taga.2
    To: <sip:700@bellhop.test>
    Call-ID: calla.1@127.0.0.1
    CSeq: 1 SUBSCRIBE
    Contact: <sip:alice@127.0.0.1:5070>
    Event: dialog
    Expires: 600
    Content-Length: 0
    ");
}

#[test]
fn a_challenge_is_answered_with_its_first_known_algorithm_and_a_new_transaction() {
    // RFC 3261 22.2, RFC 8760 2.4.
    let mut alice = alice();
    let (mut dialog, first) = invited(&mut alice);
    let first = read(&first);
    let challenge = |algorithm: &str| {
        format!("Digest realm=\"r\", nonce=\"n\", algorithm={algorithm}, qop=\"auth\"")
    };
    let more = Ask::of(rsip::Method::Invite)
        .line("Proxy-Authenticate", challenge("NEW-1"))
        .line("Proxy-Authenticate", challenge("SHA-256"))
        .line("Proxy-Authenticate", challenge("MD5"));
    let refused = bob().answer(first.message(), 407, None, &more).unwrap();
    let ask = Ask::of(rsip::Method::Invite);
    let second = alice
        .authorized(&mut dialog, &ask, read(&refused).message())
        .unwrap();
    let second = read(&second);
    let (first, second) = (first.message(), second.message());
    let credentials = second.first(HeaderId::ProxyAuthorization).unwrap().value;
    let credentials = bellhop_wire::Credentials::parse(credentials).unwrap();
    assert_eq!(credentials.algorithm, Some(&b"SHA-256"[..]));
    assert_eq!(credentials.uri, Some(&b"sip:bob@bellhop.test"[..]));
    assert_eq!(second.call_id(), first.call_id());
    assert_eq!(second.from_tag(), first.from_tag());
    assert_eq!(second.cseq().unwrap().0, 2);
    assert_ne!(
        second.top_via().unwrap().branch(),
        first.top_via().unwrap().branch()
    );
}

#[test]
fn without_a_challenge_there_are_no_credentials() {
    let mut alice = alice();
    let (mut dialog, invite) = invited(&mut alice);
    let ask = Ask::of(rsip::Method::Invite);
    let refused = bob()
        .answer(read(&invite).message(), 407, None, &ask)
        .unwrap();
    assert_eq!(
        alice.authorized(&mut dialog, &ask, read(&refused).message()),
        Err(Fault::Missing("challenge of a known algorithm"))
    );
}

#[test]
fn an_answer_goes_back_by_all_vias_with_the_tag_and_contact_of_its_dialog() {
    // RFC 3261 8.2.6.2.
    let (mut alice, mut bob) = (alice(), bob());
    let (_, invite) = invited(&mut alice);
    let invite = relayed(&invite, "Record-Route: <sip:k@127.0.0.1:5060;lr>\r\n");
    let invite = invite.message();
    let dialog = bob.accept(invite).unwrap();
    let ask = Ask::of(rsip::Method::Invite);
    let ringing = read(&bob.answer(invite, 180, Some(&dialog), &ask).unwrap());
    let ringing = ringing.message();
    for id in [HeaderId::Via, HeaderId::RecordRoute, HeaderId::From] {
        assert_eq!(values(ringing, id), values(invite, id));
    }
    assert_eq!(ringing.to_tag(), Some(dialog.tag().as_bytes()));
    assert_eq!(
        values(ringing, HeaderId::Contact),
        ["<sip:bob@127.0.0.1:5071>"]
    );
}

#[test]
fn both_ends_of_a_dialog_take_the_recorded_route_each_from_its_side() {
    // RFC 3261 12.1.1, 12.1.2: in order for the end that accepts, reversed for the one that asked.
    let (mut alice, mut bob) = (alice(), bob());
    let (mut asked, invite) = invited(&mut alice);
    let record = "Record-Route: <sip:far;lr>, <sip:near;lr>\r\n";
    let invite = relayed(&invite, record);
    let mut accepted = bob.accept(invite.message()).unwrap();
    let ask = Ask::of(rsip::Method::Invite);
    let ok = bob.answer(invite.message(), 200, Some(&accepted), &ask);
    asked.confirm(read(&ok.unwrap()).message()).unwrap();

    let ack = read(&alice.ack(&asked).unwrap());
    let ack = ack.message();
    assert_eq!(ack.uri(), b"sip:bob@127.0.0.1:5071");
    assert_eq!(
        values(ack, HeaderId::Route),
        ["<sip:near;lr>", "<sip:far;lr>"]
    );
    assert_eq!(ack.cseq().unwrap(), (1, bellhop_wire::Method::Ack));
    assert_eq!(ack.to_tag(), Some(accepted.tag().as_bytes()));

    let bye = bob
        .request(&mut accepted, &Ask::of(rsip::Method::Bye))
        .unwrap();
    let bye = read(&bye);
    let bye = bye.message();
    assert_eq!(bye.uri(), b"sip:alice@127.0.0.1:5070");
    assert_eq!(
        values(bye, HeaderId::Route),
        ["<sip:far;lr>", "<sip:near;lr>"]
    );
    assert_eq!(bye.to_tag(), Some(asked.tag().as_bytes()));
}

#[test]
fn an_answer_without_a_tag_or_contact_confirms_nothing() {
    let mut alice = alice();
    let (mut dialog, invite) = invited(&mut alice);
    let ask = Ask::of(rsip::Method::Invite);
    let bare = bob()
        .answer(read(&invite).message(), 200, None, &ask)
        .unwrap();
    let confirmed = dialog.confirm(read(&bare).message());
    assert_eq!(confirmed, Err(Fault::Missing("To tag")));
    let bare = String::from_utf8(bare).unwrap();
    let tagged = bare.replacen("\r\nCall-ID", ";tag=t\r\nCall-ID", 1);
    let confirmed = dialog.confirm(read(tagged.as_bytes()).message());
    assert_eq!(confirmed, Err(Fault::Missing("Contact")));
}

#[test]
fn a_refusal_is_acknowledged_in_the_invites_own_transaction() {
    // RFC 3261 17.1.1.3.
    let (mut alice, mut bob) = (alice(), bob());
    let (_, invite) = invited(&mut alice);
    let invite = read(&invite);
    let invite = invite.message();
    let dialog = bob.accept(invite).unwrap();
    let busy = bob.answer(invite, 486, Some(&dialog), &Ask::of(rsip::Method::Invite));
    let busy = read(&busy.unwrap());
    let ack = read(&alice.ack_refusal(invite, busy.message()).unwrap());
    let ack = ack.message();
    assert_eq!(ack.uri(), invite.uri());
    assert_eq!(values(ack, HeaderId::Via), values(invite, HeaderId::Via));
    assert_eq!(ack.to_tag(), busy.message().to_tag());
    assert_eq!(ack.cseq().unwrap(), (1, bellhop_wire::Method::Ack));
}
