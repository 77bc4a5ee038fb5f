//! The writer against real files.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use bellhop_core::b2bua::{Cause, Ender, Outcome, Party, Tried};
use bellhop_core::flow::{Flow, ListenerId, Transport};
use std::fs;
use std::path::PathBuf;

fn record(number: usize) -> CallRecord {
    CallRecord {
        began: Duration::from_millis(1_796_034_030_007),
        rang: Some(Duration::from_millis(400)),
        answered: Some(Duration::from_millis(5_250)),
        ended: Duration::from_millis(65_250),
        outcome: Outcome::Answered,
        status: 200,
        ender: Ender::Caller,
        cause: Cause::Bye,
        reason: Some(b"Q.850;cause=16"[..].into()),
        request_uri: b"sip:7000@example.org"[..].into(),
        from: b"sip:6001@example.org"[..].into(),
        to: b"sip:7000@example.org"[..].into(),
        caller: Party {
            call_id: format!("call-{number}").into_bytes().into(),
            local_tag: Some(0xa1),
            remote_tag: b"f\x1b\xff\xe2\x80\xae"[..].into(),
            flow: Some(Flow {
                listener: ListenerId(0),
                transport: Transport::Tcp,
                remote: "203.0.113.1:5060".parse().unwrap(),
                connection: None,
            }),
            upstream: None,
            user: Some("6001".into()),
        },
        called: Some(Party {
            call_id: b"ours"[..].into(),
            upstream: Some("pbx".into()),
            ..Party::default()
        }),
        attempts: vec![Tried {
            uri: b"sip:7000@10.0.0.10"[..].into(),
            to: Some((Transport::Udp, "10.0.0.10:5060".parse().unwrap())),
            upstream: Some("pbx".into()),
            status: 200,
            took: Duration::from_millis(5_200),
            tag: "cheap".into(),
        }],
        attempts_left_out: 0,
        notes: vec![("account".into(), "4711".into())],
    }
}

fn place(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("bellhop-cdr-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir(&dir).unwrap();
    dir
}

fn on(path: &Path) -> Ledger {
    let ledger = Ledger::default();
    let opened = ledger.open(path).unwrap();
    ledger.turn_to(Some(opened));
    ledger
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).unwrap().lines().count()
}

#[test]
fn a_record_is_one_line_of_json_and_no_peer_can_start_another() {
    let mut line = Vec::new();
    line::write(&record(1), &mut line).unwrap();
    insta::assert_snapshot!(String::from_utf8(line).unwrap());
}

#[test]
fn what_was_handed_in_is_there_when_it_has_stopped() {
    let dir = place("stop");
    let path = dir.join("calls.jsonl");
    let ledger = on(&path);
    ledger.submit((0..100).map(record));
    ledger.stop();
    assert_eq!(lines(&path), 100);
    let counters = ledger.counters();
    assert_eq!(counters.written.load(Ordering::Relaxed), 100);
    assert_eq!(counters.lost.load(Ordering::Relaxed), 0);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_file_that_was_moved_away_is_left_for_a_new_one_when_it_is_opened_again() {
    let dir = place("turn");
    let (path, moved) = (dir.join("calls.jsonl"), dir.join("calls.jsonl.1"));
    let ledger = on(&path);
    ledger.submit((0..3).map(record));
    fs::rename(&path, &moved).unwrap();
    let opened = ledger.open(&path).unwrap();
    ledger.turn_to(Some(opened));
    ledger.submit((0..2).map(record));
    ledger.stop();
    assert_eq!((lines(&moved), lines(&path)), (3, 2));
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_full_disk_holds_nobody_up_and_what_was_lost_is_counted() {
    let ledger = on(Path::new("/dev/full"));
    let many = 40_000;
    let began = Instant::now();
    for batch in 0..many / 100 {
        ledger.submit((0..100).map(|n| record(batch * 100 + n)));
    }
    assert!(began.elapsed() < Duration::from_secs(10));
    ledger.stop();
    let counters = ledger.counters();
    assert_eq!(counters.written.load(Ordering::Relaxed), 0);
    assert_eq!(counters.lost.load(Ordering::Relaxed), many as u64);
}

#[test]
fn what_could_not_be_written_is_written_to_the_next_file() {
    let dir = place("next");
    let path = dir.join("calls.jsonl");
    let ledger = on(Path::new("/dev/full"));
    ledger.submit((0..5).map(record));
    let opened = ledger.open(&path).unwrap();
    ledger.turn_to(Some(opened));
    ledger.stop();
    assert_eq!(lines(&path), 5);
    assert_eq!(ledger.counters().lost.load(Ordering::Relaxed), 0);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn without_a_file_nothing_is_kept_and_nothing_is_lost() {
    let ledger = Ledger::default();
    ledger.submit((0..5).map(record));
    assert_eq!(ledger.counters().lost.load(Ordering::Relaxed), 0);
    ledger.stop();
}
