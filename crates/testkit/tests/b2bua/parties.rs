//! Calls that are named to others, in a Bellhop of one shard or of several.

use crate::common::*;
use crate::site::*;
use bellhop_core::engine::shard_of;
use bellhop_testkit::{Peer, World, header_of, status_of};
use std::time::Duration;

/// Through one shard, and through four with the two calls in two of them.
pub(crate) const SHARDS: [u16; 2] = [1, 4];

/// A call that was answered: the INVITE as the called got it, the 200 as the caller did.
pub(crate) struct Talk {
    pub(crate) invite: String,
    pub(crate) ok: String,
    called: String,
}

impl Talk {
    /// The called's side, as the caller names it to others: he calls it by its tags on his own leg.
    pub(crate) fn called_by_caller(&self) -> String {
        let (theirs, own) = (tag_of(&self.ok, "To"), tag_of(&self.ok, "From"));
        format!("{};to-tag={theirs};from-tag={own}", call_id(&self.ok))
    }

    /// The called's side, as the called knows it.
    pub(crate) fn called_by_itself(&self) -> String {
        let (id, theirs) = (call_id(&self.invite), tag_of(&self.invite, "From"));
        format!("{id};to-tag={};from-tag={theirs}", self.called)
    }

    /// The caller's side, as the called names it to others.
    pub(crate) fn caller_by_called(&self) -> String {
        let (id, theirs) = (call_id(&self.invite), tag_of(&self.invite, "From"));
        format!("{id};to-tag={theirs};from-tag={}", self.called)
    }

    /// The caller's side, as the caller knows it.
    pub(crate) fn caller_by_itself(&self) -> String {
        let (theirs, own) = (tag_of(&self.ok, "To"), tag_of(&self.ok, "From"));
        format!("{};to-tag={own};from-tag={theirs}", call_id(&self.ok))
    }
}

/// A Bellhop of so many shards, the phones of 6001, 6002 and 6003, and the PBX.
pub(crate) fn parties(shards: u16) -> (World, [Peer; 3], Peer) {
    let mut world = World::new(1);
    world.start_shards(shards, config_of(Default::default()), &auth());
    let phones = [1, 2, 3].map(|n| {
        let mut phone = phone(&format!("600{n}"), &format!("203.0.113.{n}:5060"));
        register(&mut world, &mut phone);
        phone
    });
    (world, phones, pbx())
}

/// Two Call-IDs, of two shards if there are several.
pub(crate) fn call_ids(shards: u16) -> [String; 2] {
    let shards = usize::from(shards);
    let of = |number: usize| {
        let shard = number % shards;
        let ids = (0..).map(|n| format!("{number}-call-{n}"));
        let mut ids = ids.filter(|id| {
            shard_of(format!("x\r\nCall-ID: {id}\r\n\r\n").as_bytes(), shards) == shard
        });
        ids.next().unwrap()
    };
    [of(0), of(1)]
}

/// A call from one to another, by this Request-URI's user, answered and acknowledged.
pub(crate) fn call(world: &mut World, from: &mut Peer, to: &Peer, user: &str, id: &str) -> Talk {
    let invite = ring_at(world, from, to, user, id);
    answer(world, from, to, invite)
}

/// As [`call`], not answered yet: the INVITE as it came.
pub(crate) fn ring_at(
    world: &mut World,
    from: &mut Peer,
    to: &Peer,
    user: &str,
    id: &str,
) -> String {
    let invite = from.request("INVITE", &format!("sip:{user}@example.org"), id, OFFER);
    let invite = if from.user == "pbx" {
        invite
    } else {
        authorized(world, from, &invite)
    };
    say(world, from, &invite);
    let came = world.expect(to.address).expect("an INVITE");
    assert!(came.starts_with("INVITE "), "{came}");
    came
}

/// Answers a call, and acknowledges it.
pub(crate) fn answer(world: &mut World, from: &mut Peer, to: &Peer, invite: String) -> Talk {
    say(world, to, &to.answer(&invite, 200, "OK", OFFER));
    let ack = world.expect(to.address).expect("an ACK");
    assert!(ack.starts_with("ACK "), "{ack}");
    let mut ok = outcome(world, from);
    while status_of(&ok) == 0 {
        ok = outcome(world, from);
    }
    assert_eq!(status_of(&ok), 200, "{ok}");
    acknowledge(world, from, &ok, "");
    Talk {
        invite,
        ok,
        called: format!("t{}", to.user),
    }
}

/// A REFER of the caller inside his call, to a place in a dialog.
pub(crate) fn refer_of(a: &mut Peer, call: &Talk, cseq: u32, to: &str, replaces: &str) -> String {
    let value = in_uri(replaces);
    let lines =
        format!("Refer-To: <{to}?Replaces={value}>\r\nReferred-By: <sip:6001@example.org>\r\n");
    from_caller(a, "REFER", &call.ok, cseq).replacen(
        "Content-Length",
        &format!("{lines}Content-Length"),
        1,
    )
}

/// With the escapes that a URI wants.
pub(crate) fn in_uri(replaces: &str) -> String {
    replaces
        .replace('@', "%40")
        .replace(';', "%3B")
        .replace('=', "%3D")
}

/// The Replaces of a Refer-To, its escapes resolved.
pub(crate) fn replaces_of(refer: &str) -> String {
    let value = header_of(refer, "Refer-To");
    let value = value.split("?Replaces=").nth(1).unwrap();
    let end = value.find(['&', '>']).unwrap();
    value[..end]
        .replace("%40", "@")
        .replace("%3B", ";")
        .replace("%3D", "=")
}

/// Accepts what has come, and what comes of it at the other end; gives what had come.
pub(crate) fn accept(world: &mut World, peer: &Peer, status: u16) -> String {
    let came = world.expect(peer.address).expect("a request");
    say(world, peer, &peer.answer(&came, status, "Fine", ""));
    came
}

/// Ends a call from the called's side; the caller answers.
pub(crate) fn called_hangs_up(world: &mut World, from: &Peer, to: &mut Peer, call: &Talk) {
    let bye = from_callee(to, "BYE", &call.invite, 90, "");
    say(world, to, &bye);
    let came = accept(world, from, 200);
    assert!(came.starts_with("BYE "), "{came}");
    assert_eq!(call_id(&came), call_id(&call.ok));
    assert_eq!(status_of(&outcome(world, to)), 200);
}

/// Nothing is left of any call in any shard, some time later.
pub(crate) fn all_is_over(world: &mut World) {
    world.pass(Duration::from_secs(120));
    for node in &world.nodes {
        assert_eq!(node.engine.calls(), 0, "calls");
        assert_eq!(node.engine.live(), (0, 0, 0), "transactions");
    }
}

/// An INVITE of this phone that replaces a dialog, as it comes to who has that.
pub(crate) fn replace(world: &mut World, from: &mut Peer, to: &Peer, named: &str) -> String {
    let id = format!("replaces-{}", from.address);
    let more = format!("Replaces: {named}\r\nRequire: replaces\r\n{OFFER}");
    let invite = from.request("INVITE", "sip:6003@example.org", &id, &more);
    let invite = authorized(world, from, &invite);
    say(world, from, &invite);
    skip_until(world, to, "INVITE ")
}

/// As [`replace`]: the refusal.
pub(crate) fn refused_replace(world: &mut World, from: &mut Peer, named: &str) -> String {
    let id = format!("refused-{}-{named}", from.user).replace([';', '='], "-");
    let more = format!("Replaces: {named}\r\n{OFFER}");
    let invite = from.request("INVITE", "sip:7001@example.org", &id, &more);
    let invite = authorized(world, from, &invite);
    say(world, from, &invite);
    let refusal = outcome(world, from);
    say(world, from, &ack_of(&refusal, from));
    refusal
}

/// The next message of this start at an address.
pub(crate) fn skip_until(world: &mut World, peer: &Peer, start: &str) -> String {
    loop {
        let message = world.expect(peer.address).expect(start);
        if message.starts_with(start) {
            return message;
        }
    }
}

/// The next response of this status.
pub(crate) fn outcome_of(world: &mut World, peer: &Peer, status: u16) -> String {
    loop {
        let message = world.expect(peer.address).expect("a response");
        if status_of(&message) == status {
            return message;
        }
    }
}

/// The INVITE with credentials that was sent by this Call-ID.
pub(crate) fn invite_of(world: &World, id: &str) -> String {
    let texts = world
        .trace
        .iter()
        .map(|packet| String::from_utf8_lossy(&packet.bytes));
    let mut invites = texts.filter(|text| {
        text.starts_with("INVITE ") && call_id(text) == id && text.contains("Authorization")
    });
    invites.next().unwrap().into_owned()
}

fn tag_of<'m>(message: &'m str, name: &str) -> &'m str {
    let value = header_of(message, name);
    value.split(";tag=").nth(1).unwrap()
}
