//! Who may replace or join a dialog, and when (RFC 3891 3, RFC 3911 4).

use crate::common::*;
use crate::parties::*;
use crate::site::*;
use bellhop_testkit::{header_of, status_of};
use std::time::Duration;

#[test]
fn only_a_party_of_the_dialog_its_user_or_the_pbx_may_name_it() {
    for shards in SHARDS {
        let (mut world, [mut a, mut b, mut c], p) = parties(shards);
        let [id, other] = call_ids(shards);
        let talk = call(&mut world, &mut a, &c, "6003", &id);
        // RFC 3891 3: he knows the tags, and is somebody else.
        for named in [talk.called_by_caller(), talk.called_by_itself()] {
            let refusal = refused_replace(&mut world, &mut b, &named);
            assert_eq!(status_of(&refusal), 403, "{refusal}");
        }
        let his = call(&mut world, &mut b, &p, "7001", &other);
        let refer = refer_of(
            &mut b,
            &his,
            40,
            "sip:6003@192.0.2.1",
            &talk.called_by_caller(),
        );
        assert_eq!(status_of(&ask(&mut world, &b, &refer)).max(100), 403);
        assert_eq!(world.drain(p.address).len(), 0);
        // The caller himself from another phone of his, and the called for the caller's side.
        let mut second = phone("6001", "203.0.113.8:5060");
        let came = replace(&mut world, &mut second, &c, &talk.called_by_caller());
        assert_eq!(header_of(&came, "Replaces"), talk.called_by_itself());
        let came = replace(&mut world, &mut c, &a, &talk.caller_by_called());
        assert_eq!(header_of(&came, "Replaces"), talk.caller_by_itself());
    }
}

#[test]
fn a_dialog_that_is_not_there_is_481_for_an_invite_and_603_for_a_refer() {
    for shards in SHARDS {
        let (mut world, [mut a, mut b, _], p) = parties(shards);
        let [id, other] = call_ids(shards);
        let talk = call(&mut world, &mut a, &p, "7001", &id);
        let named = talk.called_by_caller();
        let (theirs, own) = (other.as_str(), &*id);
        for spoiled in [
            named.replacen(own, theirs, 1),
            named.replacen("from-tag=f", "from-tag=g", 1),
            named.replacen("to-tag=", "to-tag=0", 1),
            "x;to-tag=1;from-tag=2".to_owned(),
        ] {
            let refusal = refused_replace(&mut world, &mut a, &spoiled);
            assert_eq!(status_of(&refusal), 481, "{spoiled}: {refusal}");
        }
        let refer = refer_of(
            &mut a,
            &talk,
            40,
            "sip:7002@192.0.2.1",
            "x;to-tag=1;from-tag=2",
        );
        let refusal = ask(&mut world, &a, &refer);
        // 481 would be the end of the call that it came in (RFC 5057 5.1).
        assert_eq!(status_of(&refusal), 603, "{refusal}");
        // Of a call that has ended.
        let bye = from_caller(&mut a, "BYE", &talk.ok, 50);
        say(&mut world, &a, &bye);
        world.pass(Duration::from_secs(40));
        world.drain(a.address);
        let refusal = refused_replace(&mut world, &mut a, &named);
        assert_eq!(status_of(&refusal), 481, "{refusal}");
        let refusal = refused_replace(&mut world, &mut b, &named);
        assert_eq!(status_of(&refusal), 481, "{refusal}");
    }
}

#[test]
fn a_call_that_rings_is_replaced_only_towards_who_began_it() {
    let (mut world, [mut a, mut b, c], mut p) = parties(1);
    let at_c = ring_at(&mut world, &mut a, &c, "6003", "call-1");
    say(&mut world, &c, &c.answer(&at_c, 180, "Ringing", ""));
    let ringing = outcome_of(&mut world, &a, 180);
    let to = header_of(&ringing, "To")
        .split(";tag=")
        .nth(1)
        .unwrap()
        .to_owned();
    let of_caller = format!("call-1;to-tag={to};from-tag=f6001");
    // RFC 3891 3: towards C it is an early dialog that C has not begun.
    let refusal = refused_replace(&mut world, &mut a, &of_caller);
    assert_eq!(status_of(&refusal), 481, "{refusal}");
    // Who rings there has another phone take it: the caller gets that.
    let ours = header_of(&at_c, "From").split(";tag=").nth(1).unwrap();
    let of_called = format!("{};to-tag={ours};from-tag=t6003;early-only", call_id(&at_c));
    let refusal = refused_replace(&mut world, &mut b, &of_called);
    assert_eq!(status_of(&refusal), 403, "{refusal}");
    let more = format!("Replaces: {of_called}\r\n{OFFER}");
    let invite = p.request("INVITE", "sip:6001@example.org", "pickup", &more);
    say(&mut world, &p, &invite);
    let came = skip_until(&mut world, &a, "INVITE ");
    let expected = format!("call-1;to-tag=f6001;from-tag={to};early-only");
    assert_eq!(header_of(&came, "Replaces"), expected);
    let new = answer(&mut world, &mut p, &a, came);
    let cancel = cancel_of(&invite_of(&world, "call-1"));
    say(&mut world, &a, &cancel);
    assert!(skip_until(&mut world, &c, "CANCEL ").contains(call_id(&at_c)));
    drop(new);
}

#[test]
fn early_only_of_an_answered_call_is_486_and_a_call_that_is_ending_is_603() {
    let (mut world, [mut a, ..], mut p) = parties(1);
    let talk = call(&mut world, &mut a, &p, "7001", "call-1");
    let named = format!("{};early-only", talk.called_by_caller());
    let refusal = refused_replace(&mut world, &mut a, &named);
    assert_eq!(status_of(&refusal), 486, "{refusal}");
    // The PBX hangs up before the caller's ACK: his leg waits for that (RFC 3261 15).
    let at_pbx = ring_at(&mut world, &mut a, &p, "7001", "call-2");
    say(&mut world, &p, &p.answer(&at_pbx, 200, "OK", OFFER));
    world.expect(p.address).unwrap();
    let ok = outcome(&mut world, &a);
    let bye = from_callee(&mut p, "BYE", &at_pbx, 2, "");
    say(&mut world, &p, &bye);
    let to = header_of(&ok, "To").split(";tag=").nth(1).unwrap();
    let named = format!("call-2;to-tag={to};from-tag=f6001");
    world.drain(a.address);
    let refusal = refused_replace(&mut world, &mut a, &named);
    assert_eq!(status_of(&refusal), 603, "{refusal}");
}

#[test]
fn what_is_misused_is_400() {
    let (mut world, [mut a, ..], p) = parties(1);
    let talk = call(&mut world, &mut a, &p, "7001", "call-1");
    let good = format!("Replaces: {}\r\n", talk.called_by_caller());
    let join = good.replacen("Replaces", "Join", 1);
    for (n, lines) in [
        format!("{good}{good}"),
        format!("{good}{join}"),
        "Replaces: call-1\r\n".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        let invite = a.request(
            "INVITE",
            "sip:7001@example.org",
            &format!("bad-{n}"),
            &lines,
        );
        let invite = authorized(&mut world, &mut a, &invite);
        assert_eq!(status_of(&ask(&mut world, &a, &invite)), 400, "{lines}");
    }
    // RFC 3891 3: it is for INVITE alone.
    let info = from_caller(&mut a, "INFO", &talk.ok, 40);
    let info = info.replacen("Content-Length", &format!("{good}Content-Length"), 1);
    assert_eq!(status_of(&ask(&mut world, &a, &info)), 400);
    let refer = refer_of(&mut a, &talk, 41, "sip:7002@192.0.2.1", "x");
    assert_eq!(status_of(&ask(&mut world, &a, &refer)), 400);
}

#[test]
fn a_call_may_be_given_up_while_its_replaces_is_looked_up() {
    let (mut world, [mut a, ..], p) = parties(4);
    let [id, other] = call_ids(4);
    let talk = call(&mut world, &mut a, &p, "7001", &id);
    let more = format!("Replaces: {}\r\n", talk.called_by_caller());
    let invite = a.request("INVITE", "sip:7001@example.org", &other, &more);
    let invite = authorized(&mut world, &mut a, &invite);
    world.send(a.transport, a.address, a.server, &invite);
    world.send(a.transport, a.address, a.server, &cancel_of(&invite));
    world.pass(Duration::from_secs(40));
    let mut finals: Vec<_> = statuses(&mut world, &a);
    finals.retain(|status| *status >= 200);
    finals.sort_unstable();
    finals.dedup();
    assert_eq!(finals, [200, 487]);
    assert!(
        !world
            .drain(p.address)
            .iter()
            .any(|m| m.contains("Replaces"))
    );
}

/// Its home shard is not well: the INVITE is answered all the same.
#[test]
fn a_dialog_that_nobody_can_look_up_is_500_after_two_seconds() {
    let (mut world, [mut a, ..], _) = parties(2);
    let [own, other] = call_ids(2);
    let more = format!("Replaces: {other};to-tag=1;from-tag=2\r\n");
    let invite = a.request("INVITE", "sip:7001@example.org", &own, &more);
    let invite = authorized(&mut world, &mut a, &invite);
    world.nodes.pop();
    say(&mut world, &a, &invite);
    world.pass(Duration::from_millis(1_900));
    assert_eq!(statuses(&mut world, &a), [100]);
    world.pass(Duration::from_millis(200));
    assert_eq!(statuses(&mut world, &a), [500]);
}
