//! What is asked outside of calls and outlives the program: whose it is, and a REFER, whose NOTIFYs come when the other end
//! likes.

use crate::challenger::*;
use crate::common::*;
use crate::lasting::LATE;
use crate::site::{config_of, shows_nothing};
use bellhop_core::b2bua::B2buaConfig;
use bellhop_testkit::{Peer, World, header, header_of, status_of};
use std::time::Duration;

fn scene() -> (World, Peer) {
    let mut world = world_of(config_of(B2buaConfig::default()));
    world.set_disk(0, |disk| disk.late(LATE));
    let mut a = phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut a);
    (world, a)
}

fn restart(world: &mut World) {
    world.pass(Duration::from_secs(1));
    let config = config_of(B2buaConfig::default());
    world.restart(0, config, auth_with_logins());
    assert_eq!(world.nodes[0].engine.bonds(), 1);
}

/// A request that makes two dialogs, as the PBX has it; and the phone's 2xx.
fn accepted(world: &mut World, a: &mut Peer, method: &str, lines: &str) -> (String, String) {
    let request = a.request(method, "sip:600@example.org", "outside", lines);
    let (_, at_pbx) = send(world, a, &request);
    let granted = pbx().answer(&at_pbx, 202, "Accepted", "Expires: 600\r\n");
    say(world, &pbx(), &granted);
    (at_pbx, told(world, a))
}

/// The name of who subscribed is on disk, and his login where it always is.
#[test]
fn a_challenge_to_a_refresh_after_a_restart_is_answered_in_the_name_of_who_subscribed() {
    let (mut world, mut a) = scene();
    let lines = "Event: presence\r\nExpires: 600\r\n";
    let (first, ok) = accepted(&mut world, &mut a, "SUBSCRIBE", lines);
    restart(&mut world);
    let refresh = from_caller(&mut a, "SUBSCRIBE", &ok, 9);
    let refresh = refresh.replacen("Content-Length", &format!("{lines}Content-Length"), 1);
    say(&mut world, &a, &refresh);
    let once = next_at_pbx(&mut world);
    assert!(cseq(&once) > cseq(&first), "{once}");
    let twice = challenged(&mut world, &once, "n2");
    assert_eq!(credentials(&twice), proof("pbx6001", "n2", 1));
    let granted = pbx().answer(&twice, 200, "OK", "Expires: 600\r\n");
    say(&mut world, &pbx(), &granted);
    assert_eq!(header_of(&told(&mut world, &a), "CSeq"), "9 SUBSCRIBE");
    // The number that went out again is counted, too.
    restart(&mut world);
    let refresh = from_caller(&mut a, "SUBSCRIBE", &ok, 10);
    let refresh = refresh.replacen("Content-Length", &format!("{lines}Content-Length"), 1);
    say(&mut world, &a, &refresh);
    assert!(cseq(&next_at_pbx(&mut world)) > cseq(&twice));
}

/// RFC 3515 2.4.4.
#[test]
fn what_became_of_a_refer_reaches_the_phone_after_a_restart() {
    let (mut world, mut a) = scene();
    let lines = "Refer-To: <sip:6002@example.org>\r\n";
    let (at_pbx, ok) = accepted(&mut world, &mut a, "REFER", lines);
    restart(&mut world);
    let more = "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n\
        Content-Type: message/sipfrag\r\nContent-Length: 38\r\n\r\n\
        SIP/2.0 200 OK\r\nServer: Asterisk 22\r\n\r\n";
    let notify = from_callee(&mut pbx(), "NOTIFY", &at_pbx, 7, more);
    say(&mut world, &pbx(), &notify);
    let at_phone = world.expect(a.address).expect("a NOTIFY");
    shows_nothing(&at_phone);
    assert_eq!(header(&at_phone, "From"), header(&ok, "To"));
    assert_eq!(header_of(&at_phone, "Call-ID"), "outside");
    assert!(at_phone.contains("SIP/2.0 200"), "{at_phone}");
    say(&mut world, &a, &a.answer(&at_phone, 200, "OK", ""));
    assert_eq!(status_of(&next_at_pbx(&mut world)), 200);
    world.pass(Duration::from_secs(70));
    assert_eq!(world.nodes[0].engine.bonds(), 0);
    assert!(world.disk(0).unwrap().bonds().is_empty());
}
