//! A Bellhop whose calls have two legs, a phone outside and the PBX.

use crate::common::*;
use bellhop_core::b2bua::B2buaConfig;
use bellhop_core::config::Config;
use bellhop_testkit::{Peer, World, header_of, status_of};

/// What the outside must never see, and the inside never of a phone's dialog.
pub(crate) const INSIDE: [&str; 5] = [
    "198.51.100.5",
    "Asterisk",
    "tpbx",
    "pbx.inside",
    "inside-call",
];

pub(crate) fn config_of(b2bua: B2buaConfig) -> Config {
    Config {
        b2bua: Some(b2bua),
        ..config()
    }
}

pub(crate) fn world_of(b2bua: B2buaConfig) -> World {
    let mut world = World::new(1);
    world.start(config_of(b2bua), auth());
    world
}

/// One phone that is registered, and the PBX.
pub(crate) fn scene() -> (World, Peer, Peer) {
    scene_of(B2buaConfig::default())
}

pub(crate) fn scene_of(b2bua: B2buaConfig) -> (World, Peer, Peer) {
    let mut world = world_of(b2bua);
    let mut a = phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut a);
    (world, a, pbx())
}

pub(crate) const OFFER: &str = "Content-Type: application/sdp\r\nContent-Length: 106\r\n\r\n\
    v=0\r\no=root 17 4 IN IP4 198.51.100.5\r\ns=Asterisk PBX\r\nc=IN IP4 192.0.2.99\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 0\r\n";

/// The phone calls 7000 at the PBX; gives the INVITE as it was sent and as it came.
pub(crate) fn dial(
    world: &mut World,
    a: &mut Peer,
    p: &Peer,
    id: &str,
    more: &str,
) -> (String, String) {
    let invite = a.request("INVITE", "sip:7000@example.org", id, more);
    let invite = authorized(world, a, &invite);
    say(world, a, &invite);
    let at_pbx = world.expect(p.address).expect("an INVITE at the PBX");
    (invite, at_pbx)
}

/// As [`dial`], answered and acknowledged; gives the INVITE at the PBX and the 200 at the phone.
pub(crate) fn talk_to_pbx(world: &mut World, a: &mut Peer, p: &Peer, id: &str) -> (String, String) {
    let (_, at_pbx) = dial(world, a, p, id, OFFER);
    say(world, p, &p.answer(&at_pbx, 200, "OK", OFFER));
    let ack = world.expect(p.address).expect("an ACK");
    assert!(ack.starts_with("ACK sip:pbx@198.51.100.5:5060 "), "{ack}");
    let ok = skip(world, a.address, 100);
    assert_eq!(status_of(&ok), 200, "{ok}");
    acknowledge(world, a, &ok, "");
    (at_pbx, ok)
}

/// Nothing of the inside in what the phone has got.
pub(crate) fn shows_nothing(message: &str) {
    for word in INSIDE {
        assert!(!message.contains(word), "{word} in {message}");
    }
}

/// The Call-ID of a message.
pub(crate) fn call_id(message: &str) -> &str {
    header_of(message, "Call-ID")
}

/// A request inside the dialog that this INVITE and its 2xx made, from who sent the INVITE.
pub(crate) fn in_dialog(
    peer: &mut Peer,
    method: &str,
    invite: &str,
    ok: &str,
    cseq: u32,
    more: &str,
) -> String {
    let target = header_of(ok, "Contact").trim_matches(['<', '>']).to_owned();
    let request = peer.in_dialog(
        method,
        &target,
        header_of(ok, "To"),
        call_id(ok),
        cseq,
        more,
    );
    let own = header_of(&request, "From").to_owned();
    request.replacen(&own, header_of(invite, "From"), 1)
}

/// Nothing is left of any call, some time later.
pub(crate) fn is_over(world: &mut World) {
    world.pass(std::time::Duration::from_secs(120));
    assert_eq!(world.nodes[0].engine.calls(), 0, "calls");
    assert!(world.nodes[0].shared.tally.is_empty(), "places of calls");
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0), "transactions");
}

/// Sends the caller's ACK of this 2xx, with a body or without.
pub(crate) fn acknowledge(world: &mut World, a: &mut Peer, ok: &str, body: &str) {
    let number = header_of(ok, "CSeq")
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let mut ack = from_caller(a, "ACK", ok, number);
    if !body.is_empty() {
        ack = ack.replacen(NO_BODY, body, 1);
    }
    say(world, a, &ack);
}

/// The CANCEL of an INVITE.
pub(crate) fn cancel_of(invite: &str) -> String {
    invite
        .replacen(OFFER, NO_BODY, 1)
        .replace("INVITE", "CANCEL")
}

/// A request of the caller inside the dialog of this 2xx, with an offer.
pub(crate) fn offer_of(a: &mut Peer, method: &str, ok: &str, cseq: u32) -> String {
    from_caller(a, method, ok, cseq).replacen(NO_BODY, OFFER, 1)
}

const NO_BODY: &str = "Content-Length: 0\r\n\r\n";
