//! Attended transfer (RFC 5589 7): what an end calls a dialog by on its own leg is, once that has gone over, what who has
//! the dialog calls it by (RFC 3891, RFC 3911).

use crate::common::*;
use crate::parties::*;
use crate::site::*;
use bellhop_testkit::{header, header_of, status_of};
use std::time::Duration;

#[test]
fn a_refer_to_the_pbx_names_the_other_call_as_the_pbx_knows_it() {
    for shards in SHARDS {
        let (mut world, [mut a, ..], mut p) = parties(shards);
        let ids = call_ids(shards);
        let first = call(&mut world, &mut a, &p, "7001", &ids[0]);
        let second = call(&mut world, &mut a, &p, "7002", &ids[1]);
        let to = "sip:7002@192.0.2.1:5060";
        let refer = refer_of(&mut a, &first, 40, to, &second.called_by_caller());
        say(&mut world, &a, &refer);
        let over = accept(&mut world, &p, 202);
        assert!(
            over.starts_with("REFER sip:pbx@198.51.100.5:5060 "),
            "{over}"
        );
        assert_eq!(call_id(&over), call_id(&first.invite));
        let expected = in_uri(&second.called_by_itself());
        let expected = format!("<sip:7002@example.org?Replaces={expected}>");
        assert_eq!(header_of(&over, "Refer-To"), expected);
        for word in [&*ids[0], &ids[1], "f6001"] {
            assert!(!over.contains(word), "{word} in {over}");
        }
        assert_eq!(status_of(&outcome(&mut world, &a)), 202);
        // The PBX joins its two ends, tells how it went, and ends what it has replaced (RFC 5589 7.1).
        let told = from_callee(&mut p, "NOTIFY", &first.invite, 80, FRAGMENT);
        say(&mut world, &p, &told);
        let told = accept(&mut world, &a, 200);
        assert!(told.ends_with("\r\n\r\nSIP/2.0 200 OK\r\n"), "{told}");
        shows_nothing(&told);
        assert_eq!(status_of(&outcome(&mut world, &p)), 200);
        called_hangs_up(&mut world, &a, &mut p, &second);
        called_hangs_up(&mut world, &a, &mut p, &first);
        all_is_over(&mut world);
    }
}

#[test]
fn phones_transfer_among_each_other_and_none_sees_a_dialog_of_another() {
    for shards in SHARDS {
        let (mut world, [mut a, mut b, mut c], _) = parties(shards);
        let ids = call_ids(shards);
        let first = call(&mut world, &mut a, &b, "6002", &ids[0]);
        let second = call(&mut world, &mut a, &c, "6003", &ids[1]);
        // As many phones do, by the Contact that the other end has shown.
        let to = header_of(&second.ok, "Contact")
            .trim_matches(['<', '>'])
            .to_owned();
        let refer = refer_of(&mut a, &first, 40, &to, &second.called_by_caller());
        say(&mut world, &a, &refer);
        let over = accept(&mut world, &b, 202);
        assert!(
            header_of(&over, "Refer-To").starts_with("<sip:6003@example.org?"),
            "{over}"
        );
        let named = replaces_of(&over);
        for theirs in [&second.ok, &second.invite] {
            for word in words_of(theirs) {
                assert!(!over.contains(&word), "{word} in {over}");
            }
        }
        assert_eq!(status_of(&outcome(&mut world, &a)), 202);
        // RFC 3515 2.4.4, and the referrer may go before the referred is done.
        let last = from_caller(&mut a, "BYE", &first.ok, 41);
        say(&mut world, &a, &last);
        assert_eq!(status_of(&outcome(&mut world, &a)), 200);
        assert!(accept(&mut world, &b, 200).starts_with("BYE "));

        let came = replace(&mut world, &mut b, &c, &named);
        assert!(
            came.starts_with("INVITE sip:6003@203.0.113.3:5060 "),
            "{came}"
        );
        assert_eq!(header_of(&came, "Replaces"), second.called_by_itself());
        let third = answer(&mut world, &mut b, &c, came);
        // C ends the dialog that it has replaced (RFC 3891 3), and so A's is ended.
        called_hangs_up(&mut world, &a, &mut c, &second);
        called_hangs_up(&mut world, &b, &mut c, &third);
        all_is_over(&mut world);
    }
}

#[test]
fn a_transfer_that_its_target_refuses_leaves_the_call_that_was_to_be_replaced() {
    let (mut world, [mut a, mut b, mut c], _) = parties(1);
    let ids = call_ids(1);
    let first = call(&mut world, &mut a, &b, "6002", &ids[0]);
    let second = call(&mut world, &mut a, &c, "6003", "consultation");
    let refer = refer_of(
        &mut a,
        &first,
        40,
        "sip:6003@192.0.2.1",
        &second.called_by_caller(),
    );
    say(&mut world, &a, &refer);
    let named = replaces_of(&accept(&mut world, &b, 202));
    outcome(&mut world, &a);
    let came = replace(&mut world, &mut b, &c, &named);
    say(&mut world, &c, &c.answer(&came, 603, "Decline", ""));
    assert!(world.expect(c.address).unwrap().starts_with("ACK "));
    let refusal = outcome(&mut world, &b);
    assert_eq!(status_of(&refusal), 603);
    say(&mut world, &b, &ack_of(&refusal, &b));
    called_hangs_up(&mut world, &a, &mut c, &second);
    called_hangs_up(&mut world, &a, &mut b, &first);
    all_is_over(&mut world);
}

#[test]
fn the_pbx_replaces_a_phones_call_by_the_ids_of_its_own_leg() {
    for shards in SHARDS {
        let (mut world, [mut a, ..], mut p) = parties(shards);
        let [id, other] = call_ids(shards);
        let talk = call(&mut world, &mut a, &p, "7001", &id);
        let named = talk.caller_by_called();
        let more = format!("Replaces: {named}\r\nRequire: replaces\r\n{OFFER}");
        let invite = p.request("INVITE", "sip:6001@example.org", &other, &more);
        say(&mut world, &p, &invite);
        let came = skip_until(&mut world, &a, "INVITE ");
        assert!(
            came.starts_with("INVITE sip:6001@203.0.113.1:5060 "),
            "{came}"
        );
        assert_eq!(header_of(&came, "Replaces"), talk.caller_by_itself());
        assert_eq!(header_of(&came, "Require"), "replaces");
        shows_nothing(&came);
        let new = answer(&mut world, &mut p, &a, came);
        let bye = from_caller(&mut a, "BYE", &talk.ok, 50);
        say(&mut world, &a, &bye);
        assert!(accept(&mut world, &p, 200).starts_with("BYE "));
        assert_eq!(status_of(&outcome(&mut world, &a)), 200);
        called_hangs_up(&mut world, &p, &mut a, &new);
        all_is_over(&mut world);
    }
}

#[test]
fn the_pbx_refers_a_phone_to_another_phones_call_and_shows_nothing_of_its_own() {
    for shards in SHARDS {
        let (mut world, [_, mut b, c], mut p) = parties(shards);
        let ids = call_ids(shards);
        let first = call(&mut world, &mut p, &b, "6002", &ids[0]);
        let second = call(&mut world, &mut p, &c, "6003", &ids[1]);
        let to = "sip:6003@198.51.100.5";
        let refer = refer_of(&mut p, &first, 40, to, &second.called_by_caller());
        say(&mut world, &p, &refer);
        let over = accept(&mut world, &b, 202);
        shows_nothing(&over);
        assert!(!over.contains(&ids[1]) && !over.contains("fpbx"), "{over}");
        outcome(&mut world, &p);
        let came = replace(&mut world, &mut b, &c, &replaces_of(&over));
        assert_eq!(header_of(&came, "Replaces"), second.called_by_itself());
    }
}

#[test]
fn a_join_goes_over_as_a_replaces_does() {
    let (mut world, [mut a, b, _], p) = parties(1);
    let talk = call(&mut world, &mut a, &p, "7001", "call-1");
    let join = format!(
        "Join: {}\r\nRequire: join\r\n{OFFER}",
        talk.called_by_caller()
    );
    // Another phone of the same user (RFC 3911 8).
    let mut other = phone("6001", "203.0.113.8:5060");
    let invite = other.request("INVITE", "sip:7001@example.org", "call-2", &join);
    let invite = authorized(&mut world, &mut other, &invite);
    say(&mut world, &other, &invite);
    let came = world.expect(p.address).unwrap();
    assert_eq!(header_of(&came, "Join"), talk.called_by_itself());
    assert_eq!(header(&came, "Replaces"), None);
    assert_eq!(world.drain(b.address).len(), 0);
}

/// RFC 5589 6: some phones refer outside of the call.
#[test]
fn a_refer_outside_of_calls_names_a_dialog_as_who_gets_it_knows_it() {
    for shards in SHARDS {
        let (mut world, [mut a, mut b, c], mut p) = parties(shards);
        let [id, other] = call_ids(shards);
        let talk = call(&mut world, &mut a, &p, "7001", &id);
        let lines = |replaces: &str| {
            let value = in_uri(replaces);
            format!("Refer-To: <sip:7001@192.0.2.1?Replaces={value}>\r\n")
        };
        // To the PBX, which has that dialog.
        let named = lines(&talk.called_by_caller());
        let refer = a.request("REFER", "sip:7002@example.org", &other, &named);
        let refer = authorized(&mut world, &mut a, &refer);
        say(&mut world, &a, &refer);
        let came = skip_until(&mut world, &p, "REFER ");
        assert_eq!(replaces_of(&came), talk.called_by_itself());
        world.drain(a.address);
        // To a phone, which has not.
        let refer = a.request("REFER", "sip:6003@example.org", "refer-2", &named);
        let refer = authorized(&mut world, &mut a, &refer);
        say(&mut world, &a, &refer);
        let came = skip_until(&mut world, &c, "REFER ");
        assert_ne!(replaces_of(&came), talk.called_by_itself());
        shows_nothing(&came);
        let came = replace(&mut world, &mut b, &p, &replaces_of(&came));
        assert_eq!(header_of(&came, "Replaces"), talk.called_by_itself());
        // Of the PBX, to a phone that has it.
        let named = lines(&talk.caller_by_called());
        let refer = p.request("REFER", "sip:6001@example.org", "refer-3", &named);
        say(&mut world, &p, &refer);
        let came = skip_until(&mut world, &a, "REFER ");
        assert_eq!(replaces_of(&came), talk.caller_by_itself());
        shows_nothing(&came);
        // Of somebody else.
        let named = lines(&talk.called_by_caller());
        world.drain(b.address);
        let refer = b.request("REFER", "sip:7002@example.org", "refer-4", &named);
        let refer = authorized(&mut world, &mut b, &refer);
        assert_eq!(status_of(&ask(&mut world, &b, &refer)).max(100), 403);
    }
}

/// What an alias stands for is found again, and what a phone names.
#[test]
fn a_transfer_that_was_begun_before_a_restart_ends_well_after_it() {
    let (mut world, [mut a, mut b, mut c], p) = parties(1);
    world.set_disk(0, |disk| disk.late(Duration::from_millis(50)));
    let first = call(&mut world, &mut a, &b, "6002", "call-1");
    let second = call(&mut world, &mut a, &c, "6003", "call-2");
    let third = call(&mut world, &mut a, &p, "7001", "call-3");
    let refer = refer_of(
        &mut a,
        &first,
        40,
        "sip:6003@192.0.2.1",
        &second.called_by_caller(),
    );
    say(&mut world, &a, &refer);
    let named = replaces_of(&accept(&mut world, &b, 202));
    outcome(&mut world, &a);
    world.pass(Duration::from_secs(2));
    world.restart(0, config_of(Default::default()), auth());
    let came = replace(&mut world, &mut b, &c, &named);
    assert_eq!(header_of(&came, "Replaces"), second.called_by_itself());
    let new = answer(&mut world, &mut b, &c, came);
    called_hangs_up(&mut world, &a, &mut c, &second);
    called_hangs_up(&mut world, &b, &mut c, &new);
    let refer = refer_of(
        &mut a,
        &first,
        60,
        "sip:7001@192.0.2.1",
        &third.called_by_caller(),
    );
    say(&mut world, &a, &refer);
    let came = accept(&mut world, &b, 202);
    let came = replace(&mut world, &mut b, &p, &replaces_of(&came));
    assert_eq!(header_of(&came, "Replaces"), third.called_by_itself());
}

/// Call-ID and tags of a message.
fn words_of(message: &str) -> Vec<String> {
    let tags = ["From", "To"].map(|name| header_of(message, name).split(";tag=").nth(1));
    let tags = tags.into_iter().flatten().map(str::to_owned);
    tags.chain([call_id(message).to_owned()]).collect()
}

const FRAGMENT: &str = "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n\
    Content-Type: message/sipfrag\r\nContent-Length: 35\r\n\r\nSIP/2.0 200 OK\r\nServer: Asterisk 22\r\n";
