//! Calls with session timers and keep-alives of our own.

use crate::common::*;
use crate::site::*;
use bellhop_core::b2bua::{B2buaConfig, SessionConfig};
use bellhop_testkit::{Peer, World, header_of, status_of};
use std::time::Duration;

pub(crate) fn timed() -> (World, Peer, Peer) {
    timed_by(SessionConfig {
        interval: 1800,
        least: 90,
    })
}

pub(crate) fn timed_by(session: SessionConfig) -> (World, Peer, Peer) {
    scene_of(B2buaConfig {
        session: Some(session),
        ..B2buaConfig::default()
    })
}

pub(crate) fn kept_alive() -> (World, Peer, Peer) {
    scene_of(B2buaConfig {
        keepalive: Some(secs(60)),
        ..B2buaConfig::default()
    })
}

/// A call whose INVITE and whose 200 have these lines; gives the INVITE at the PBX and the 200 at the phone.
pub(crate) fn speak(
    world: &mut World,
    a: &mut Peer,
    p: &Peer,
    asks: &str,
    says: &str,
) -> (String, String) {
    let (_, at_pbx) = dial(world, a, p, "call-1", &format!("{asks}{OFFER}"));
    let ok = accepted(world, a, p, &at_pbx, says);
    acknowledge(world, a, &ok, "");
    (at_pbx, ok)
}

/// The PBX accepts with these lines; gives the 200 at the phone.
pub(crate) fn accepted(world: &mut World, a: &Peer, p: &Peer, at_pbx: &str, says: &str) -> String {
    let more = format!("{says}{OFFER}");
    say(world, p, &p.answer(at_pbx, 200, "OK", &more));
    assert!(world.expect(p.address).unwrap().starts_with("ACK "));
    let ok = skip(world, a.address, 100);
    assert_eq!(status_of(&ok), 200, "{ok}");
    ok
}

pub(crate) fn skip_to_final(world: &mut World, a: &Peer, request: &str) -> String {
    say(world, a, request);
    let answer = outcome(world, a);
    say(world, a, &ack_of(&answer, a));
    answer
}

pub(crate) fn both_hang_up(world: &mut World, a: &Peer, p: &Peer, why: &str) {
    for peer in [a, p] {
        let byes = world.drain(peer.address);
        let bye = byes.iter().find(|message| message.starts_with("BYE "));
        let bye = bye.unwrap_or_else(|| panic!("no BYE: {byes:?}"));
        // RFC 3326.
        let reason = format!("SIP;cause=408;text=\"{why}\"");
        assert_eq!(header_of(bye, "Reason"), reason);
        say(world, peer, &peer.answer(bye, 200, "OK", ""));
    }
    is_over(world);
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
