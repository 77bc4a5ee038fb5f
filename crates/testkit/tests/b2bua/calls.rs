//! A call from its INVITE to its BYE.

use crate::common::*;
use crate::site::*;
use bellhop_testkit::{header, header_of, status_of};
use std::time::Duration;

#[test]
fn a_call_has_two_dialogs_and_ends_in_both() {
    let (mut world, mut a, p) = scene();
    let (invite, at_pbx) = dial(&mut world, &mut a, &p, "call-1", OFFER);
    assert!(at_pbx.starts_with("INVITE sip:7000@198.51.100.5:5060 SIP/2.0"), "{at_pbx}");
    assert_ne!(call_id(&at_pbx), call_id(&invite));
    assert!(!at_pbx.contains("f6001") && !at_pbx.contains("203.0.113.1"), "{at_pbx}");
    assert_eq!(at_pbx.matches("\r\nVia: ").count(), 1);
    assert_eq!(header(&at_pbx, "Record-Route"), None);
    assert_eq!(header(&at_pbx, "User-Agent"), None);
    assert_eq!(header_of(&at_pbx, "Max-Forwards"), "69");
    assert_eq!(header_of(&at_pbx, "CSeq"), "1 INVITE");
    assert!(header_of(&at_pbx, "Contact").ends_with("@192.0.2.1:5060>"), "{at_pbx}");
    assert!(header_of(&at_pbx, "From").starts_with("<sip:6001@192.0.2.1:5060>;tag=") || header_of(&at_pbx, "From").starts_with("<sip:6001@example.org>;tag="), "{at_pbx}");
    assert!(at_pbx.contains("o=- 17 4 IN IP4 0.0.0.0\r\ns=-\r\n"), "{at_pbx}");

    say(&mut world, &p, &p.answer(&at_pbx, 180, "Ringing on pbx.inside", "Server: Asterisk\r\n"));
    let ringing = skip(&mut world, a.address, 100);
    assert_eq!(status_of(&ringing), 180);
    shows_nothing(&ringing);
    say(&mut world, &p, &p.answer(&at_pbx, 200, "OK", OFFER));
    let ack = world.expect(p.address).unwrap();
    assert!(ack.starts_with("ACK sip:pbx@198.51.100.5:5060 SIP/2.0"), "{ack}");
    assert_eq!(header_of(&ack, "CSeq"), "1 ACK");
    assert_eq!(header_of(&ack, "To"), header_of(&p.answer(&at_pbx, 200, "OK", ""), "To"));
    let ok = world.expect(a.address).unwrap();
    assert_eq!(status_of(&ok), 200);
    shows_nothing(&ok);
    assert_eq!(header_of(&ok, "To"), header_of(&ringing, "To"));
    assert_eq!(call_id(&ok), "call-1");
    let ack = from_caller(&mut a, "ACK", &ok, 3);
    say(&mut world, &a, &ack);

    let bye = from_caller(&mut a, "BYE", &ok, 4);
    assert_eq!(status_of(&ask(&mut world, &a, &bye)), 200);
    let bye = world.expect(p.address).unwrap();
    assert!(bye.starts_with("BYE sip:pbx@198.51.100.5:5060 SIP/2.0"), "{bye}");
    assert_eq!(call_id(&bye), call_id(&at_pbx));
    assert_eq!(header_of(&bye, "CSeq"), "2 BYE");
    say(&mut world, &p, &p.answer(&bye, 200, "OK", ""));
    world.pass(Duration::from_secs(120));
    assert_eq!(world.nodes[0].engine.calls(), 0);
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
}
