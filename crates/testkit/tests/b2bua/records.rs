//! What is told of a call when it is over.

use crate::common::*;
use crate::site::*;
use crate::timed::speak;
use bellhop_core::b2bua::{B2buaConfig, CallRecord, Cause, Ender, Outcome, SessionConfig};
use bellhop_core::flow::Transport;
use bellhop_core::policy::{Answer, Changes, Hook, Reply, Verdict};
use bellhop_testkit::{Peer, Script, World, header_of, status_of};
use std::time::Duration;

/// The one record there is.
pub(crate) fn the_record(world: &mut World) -> CallRecord {
    world.pass(Duration::from_secs(120));
    for heard in [PBX, "203.0.113.1:5060"] {
        world.drain(addr(heard));
    }
    assert_eq!(world.records.len(), 1, "{:#?}", world.records);
    world.records.remove(0)
}

/// Outcome, status, who ended it, by what.
pub(crate) fn end(record: &CallRecord) -> (Outcome, u16, Ender, Cause) {
    (record.outcome, record.status, record.ender, record.cause)
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The tag in a From or To.
fn tag(value: &str) -> &str {
    value.split(";tag=").nth(1).unwrap()
}

#[test]
fn a_call_that_was_answered_is_told_of_with_both_its_dialogs() {
    let (mut world, mut a, p) = scene();
    let start = world.now;
    let (invite, at_pbx) = dial(&mut world, &mut a, &p, "call-1", OFFER);
    world.pass(Duration::from_secs(1));
    say(&mut world, &p, &p.answer(&at_pbx, 180, "Ringing", ""));
    world.pass(Duration::from_secs(3));
    say(&mut world, &p, &p.answer(&at_pbx, 200, "OK", OFFER));
    let ok = skip(&mut world, a.address, 100);
    let ok = if status_of(&ok) == 180 {
        skip(&mut world, a.address, 180)
    } else {
        ok
    };
    acknowledge(&mut world, &mut a, &ok, "");
    world.pass(Duration::from_secs(60));
    assert_eq!(world.records.len(), 0, "it lives");
    let bye = from_caller(&mut a, "BYE", &ok, 4);
    say(&mut world, &a, &bye);
    world.pass(Duration::from_millis(100));
    let bye = skip(&mut world, p.address, 200);
    say(&mut world, &p, &p.answer(&bye, 200, "OK", ""));
    let record = the_record(&mut world);
    assert_eq!(
        end(&record),
        (Outcome::Answered, 200, Ender::Caller, Cause::Bye)
    );
    assert!(record.began >= start.unix && record.began < start.unix + Duration::from_secs(1));
    let (rang, answered) = (record.rang.unwrap(), record.answered.unwrap());
    assert_eq!(
        [rang, answered, record.ended].map(|at| at.as_secs()),
        [1, 4, 64]
    );
    assert_eq!(text(&record.request_uri), "sip:7000@example.org");
    assert_eq!(text(&record.from), "sip:6001@192.0.2.1:5060");
    assert_eq!(text(&record.to), "sip:7000@example.org");
    let caller = &record.caller;
    assert_eq!(text(&caller.call_id), "call-1");
    assert_eq!(text(&caller.remote_tag), tag(header_of(&invite, "From")));
    let ours = format!("{:016x}", caller.local_tag.unwrap());
    assert_eq!(ours, tag(header_of(&ok, "To")));
    let flow = caller.flow.unwrap();
    assert_eq!((flow.remote, flow.transport), (a.address, Transport::Udp));
    assert_eq!(
        (caller.user.as_deref(), caller.upstream.as_deref()),
        (Some("6001"), None)
    );
    let called = record.called.as_ref().unwrap();
    assert_eq!(text(&called.call_id), call_id(&at_pbx));
    let ours = format!("{:016x}", called.local_tag.unwrap());
    assert_eq!(ours, tag(header_of(&at_pbx, "From")));
    assert_eq!(text(&called.remote_tag), "tpbx");
    assert_eq!(called.flow.unwrap().remote, p.address);
    assert_eq!(
        (called.user.as_deref(), called.upstream.as_deref()),
        (None, Some("pbx"))
    );
    let [tried] = &record.attempts[..] else {
        panic!("{:?}", record.attempts);
    };
    assert_eq!(text(&tried.uri), "sip:7000@198.51.100.5:5060");
    assert_eq!(tried.to, Some((Transport::Udp, p.address)));
    assert_eq!((tried.status, tried.took.as_secs()), (200, 4));
    assert_eq!(tried.upstream.as_deref(), Some("pbx"));
}

#[test]
fn the_phone_that_answered_a_pbx_is_told_by_its_aor_and_who_hung_up_with_his_reason() {
    let (mut world, mut a, mut p) = scene();
    let invite = p.request("INVITE", "sip:6001@example.org", "inside-call", OFFER);
    say(&mut world, &p, &invite);
    let at_a = world.expect(a.address).unwrap();
    say(&mut world, &a, &a.answer(&at_a, 200, "OK", OFFER));
    let ok = skip(&mut world, p.address, 100);
    let ack = in_dialog(&mut p, "ACK", &invite, &ok, 1, "");
    say(&mut world, &p, &ack);
    let reason = "Reason: Q.850;cause=16;text=\"Normal\"\r\n";
    let bye = from_callee(&mut a, "BYE", &at_a, 1, reason);
    say(&mut world, &a, &bye);
    let record = the_record(&mut world);
    assert_eq!(
        end(&record),
        (Outcome::Answered, 200, Ender::Called, Cause::Bye)
    );
    assert_eq!(record.reason.as_deref().map(text), Some("Q.850;cause=16"));
    assert_eq!(record.caller.upstream.as_deref(), Some("pbx"));
    assert_eq!(record.caller.user, None);
    assert_eq!(
        record.called.unwrap().user.as_deref(),
        Some("6001@example.org")
    );
    assert_eq!(record.rang, None);
}

#[test]
fn a_caller_who_gives_up_is_told_of_with_the_cause_that_he_gave() {
    let (mut world, mut a, p) = scene();
    let (invite, at_pbx) = dial(&mut world, &mut a, &p, "call-1", OFFER);
    say(&mut world, &p, &p.answer(&at_pbx, 180, "Ringing", ""));
    world.pass(Duration::from_secs(2));
    let reason = "Reason: SIP;cause=200;text=\"elsewhere\"\r\nContent-Length:";
    let cancel = cancel_of(&invite).replacen("Content-Length:", reason, 1);
    say(&mut world, &a, &cancel);
    world.pass(Duration::from_millis(100));
    say(
        &mut world,
        &p,
        &p.answer(&at_pbx, 487, "Request Terminated", ""),
    );
    let record = the_record(&mut world);
    assert_eq!(
        end(&record),
        (Outcome::Cancelled, 487, Ender::Caller, Cause::Cancel)
    );
    assert_eq!(record.reason.as_deref().map(text), Some("SIP;cause=200"));
    assert_eq!(record.answered, None);
    assert!(record.rang.is_some());
    assert_eq!(record.attempts[0].status, 487);
    assert_eq!(record.called.unwrap().flow, None);
}

#[test]
fn a_refusal_is_told_with_the_status_that_the_caller_got() {
    let (mut world, mut a, p) = scene();
    let cases = [
        (486, 486, Outcome::Busy),
        (404, 404, Outcome::Refused),
        (480, 480, Outcome::NoAnswer),
        (603, 603, Outcome::Refused),
        (503, 500, Outcome::Failed),
    ];
    for (said, told, outcome) in cases {
        let id = format!("call-{said}");
        let (_, at_pbx) = dial(&mut world, &mut a, &p, &id, OFFER);
        let reason = "Reason: Q.850;cause=17;text=\"pbx.inside\"\r\n";
        say(&mut world, &p, &p.answer(&at_pbx, said, "No", reason));
        let record = the_record(&mut world);
        assert_eq!(end(&record), (outcome, told, Ender::Called, Cause::Refusal));
        assert_eq!(record.reason.as_deref().map(text), Some("Q.850;cause=17"));
        assert_eq!(record.attempts[0].status, said);
    }
}

#[test]
fn each_target_that_was_tried_is_told_of() {
    let second = "198.51.100.6:5060";
    let mut config = config_of(B2buaConfig::default());
    let mut target = config.upstreams[0].targets[0].clone();
    target.remote = addr(second);
    target.host = second.to_owned();
    config.upstreams[0].targets.push(target);
    let mut world = World::new(1);
    world.start(config, auth());
    let mut a = phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut a);
    let p = pbx();
    let (_, first) = dial(&mut world, &mut a, &p, "call-1", OFFER);
    say(&mut world, &p, &p.answer(&first, 503, "No", ""));
    let again = world.expect(addr(second)).unwrap();
    let q = Peer::new("pbx", "", addr(second), addr(SERVER), p.transport);
    say(&mut world, &q, &q.answer(&again, 486, "Busy Here", ""));
    let record = the_record(&mut world);
    assert_eq!(record.outcome, Outcome::Busy);
    let tried = record
        .attempts
        .iter()
        .map(|tried| (tried.status, tried.to.unwrap().1));
    let tried: Vec<_> = tried.collect();
    assert_eq!(tried, [(503, p.address), (486, addr(second))]);
}

#[test]
fn silence_and_what_we_end_ourselves_are_told_with_why() {
    let (mut world, mut a, p) = scene();
    dial(&mut world, &mut a, &p, "call-1", OFFER);
    let record = the_record(&mut world);
    assert_eq!(
        end(&record),
        (Outcome::NoAnswer, 408, Ender::Bellhop, Cause::NoAnswer)
    );

    let (_, at_pbx) = dial(&mut world, &mut a, &p, "call-2", OFFER);
    say(&mut world, &p, &p.answer(&at_pbx, 200, "OK", OFFER));
    let record = the_record(&mut world);
    assert_eq!(
        end(&record),
        (Outcome::Answered, 200, Ender::Bellhop, Cause::NoAck)
    );

    let (_, ok) = talk_to_pbx(&mut world, &mut a, &p, "call-3");
    let info = from_caller(&mut a, "INFO", &ok, 99);
    say(&mut world, &a, &info);
    let at_pbx = skip(&mut world, p.address, 200);
    say(&mut world, &p, &p.answer(&at_pbx, 481, "No", ""));
    let record = the_record(&mut world);
    assert_eq!(
        end(&record),
        (Outcome::Answered, 200, Ender::Bellhop, Cause::LostEnd)
    );

    let config = config_of(B2buaConfig {
        longest: Some(Duration::from_secs(90)),
        ..Default::default()
    });
    world.reconfigure(0, config, auth());
    talk_to_pbx(&mut world, &mut a, &p, "call-4");
    let record = the_record(&mut world);
    assert_eq!(
        end(&record),
        (Outcome::Answered, 200, Ender::Bellhop, Cause::MaxDuration)
    );
    let lasted = record.ended - record.answered.unwrap();
    assert_eq!(lasted.as_secs(), 90);

    let config = config_of(B2buaConfig {
        session: Some(SessionConfig {
            interval: 120,
            least: 90,
        }),
        ..Default::default()
    });
    world.reconfigure(0, config, auth());
    let wants = "Supported: timer\r\nSession-Expires: 120;refresher=uac\r\nAllow: UPDATE\r\n";
    speak(&mut world, &mut a, &p, wants, "");
    let record = the_record(&mut world);
    assert_eq!(
        end(&record),
        (Outcome::Answered, 200, Ender::Bellhop, Cause::SessionTimer)
    );
}

#[test]
fn what_we_refuse_at_once_is_told_in_our_words_and_with_nobody_called() {
    let (mut world, mut a, _) = scene();
    let cases = [
        (
            "sip:7000@example.org",
            "Require: gruu\r\n",
            420,
            "Bad Extension",
        ),
        ("sip:7000@elsewhere.example", "", 403, ""),
        ("sip:6002@example.org", "Max-Breadth: x\r\n", 400, ""),
    ];
    for (uri, more, status, words) in cases {
        let id = format!("call-{status}");
        let invite = a.request("INVITE", uri, &id, more);
        let invite = authorized(&mut world, &mut a, &invite);
        let answer = ask(&mut world, &a, &invite);
        assert_eq!(status_of(&answer), status, "{answer}");
        let record = the_record(&mut world);
        assert_eq!(
            end(&record),
            (Outcome::Refused, status, Ender::Bellhop, Cause::Rules)
        );
        let told = record.reason.as_deref().map(text).unwrap();
        assert!(
            !told.is_empty() && (words.is_empty() || told == words),
            "{told}"
        );
        assert_eq!(record.caller.user.as_deref(), Some("6001"));
        assert_eq!(text(&record.caller.call_id), id);
        assert_eq!(record.called, None);
    }
}

#[test]
fn a_call_too_many_is_told_as_a_limit() {
    let mut world = world_of(B2buaConfig {
        most: 0,
        ..Default::default()
    });
    let mut a = phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut a);
    let invite = a.request("INVITE", "sip:7000@example.org", "call-1", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let record = the_record(&mut world);
    assert_eq!(
        end(&record),
        (Outcome::Refused, 503, Ender::Bellhop, Cause::Limit)
    );
}

#[test]
fn what_a_plugin_refuses_is_told_as_its_word() {
    for hook in [Hook::Request, Hook::Failure] {
        let (mut world, mut a, p) = scene();
        let (policy, _) = Script::new(&[hook], move |ask, _| {
            let is_invite = ask.message.uri() == b"sip:7000@example.org";
            let reply = Reply {
                status: 603,
                reason: Some("Not this one".into()),
                headers: Changes::default(),
                body: None,
            };
            Answer::Now(match is_invite {
                true => Verdict::Reply(reply),
                false => Verdict::Continue,
            })
        });
        world.set_policy(0, policy);
        let invite = a.request("INVITE", "sip:7000@example.org", "call-1", OFFER);
        let invite = authorized(&mut world, &mut a, &invite);
        say(&mut world, &a, &invite);
        if hook == Hook::Failure {
            let at_pbx = world.expect(p.address).unwrap();
            say(&mut world, &p, &p.answer(&at_pbx, 486, "Busy Here", ""));
        }
        let record = the_record(&mut world);
        assert_eq!(
            end(&record),
            (Outcome::Refused, 603, Ender::Bellhop, Cause::Policy)
        );
    }
}

#[test]
fn a_request_for_credentials_is_no_call() {
    let (mut world, mut a, _) = scene();
    let invite = a.request("INVITE", "sip:7000@example.org", "call-1", "");
    say(&mut world, &a, &invite);
    world.pass(Duration::from_secs(40));
    assert_eq!(world.records, []);
}

#[test]
fn calls_that_are_relayed_are_not_told_of() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut a);
    let p = pbx();
    let (_, at_pbx) = dial(&mut world, &mut a, &p, "call-1", OFFER);
    say(&mut world, &p, &p.answer(&at_pbx, 486, "Busy Here", ""));
    world.pass(Duration::from_secs(60));
    assert_eq!(world.records, []);
}
