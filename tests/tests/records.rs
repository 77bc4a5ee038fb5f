//! Call records in the file, as whoever reads it finds them: the real program between phones and an Asterisk.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helper may fail loudly"
)]

use bellhop_tests::Transport::Udp;
use bellhop_tests::{Site, admin::Admin, bellhop, until};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[test]
fn each_call_is_one_line_however_it_ended_and_a_file_that_was_moved_away_is_made_anew() {
    let Some(mut site) = site("calls.jsonl", "") else {
        return;
    };
    let file = beside(&site, "calls.jsonl");
    let mut phone = site.phone(1, Udp);
    phone.register();

    let ok = phone.invite("600", PATIENCE);
    assert_eq!(ok.status(), Some(200), "{}", ok.text());
    phone.acknowledge(&ok);
    phone.hang_up(&ok);
    let answered = line(&file, 0);
    for (field, expected) in [
        ("/disposition", "answered"),
        ("/ended_by", "caller"),
        ("/cause", "bye"),
        ("/caller/user", "6001"),
        ("/caller/transport", "udp"),
        ("/called/upstream", "pbx"),
        ("/attempts/0/upstream", "pbx"),
    ] {
        assert_eq!(
            answered.pointer(field).and_then(Value::as_str),
            Some(expected),
            "{answered}"
        );
    }
    let own = site.lane.phone(1).to_string();
    assert_eq!(
        answered.pointer("/caller/address").and_then(Value::as_str),
        Some(&*own)
    );
    assert_eq!(number(&answered, "/status"), 200);
    assert!(
        answered.get("answer").is_some() && answered.get("end").is_some(),
        "{answered}"
    );

    phone.begin_anew();
    assert_eq!(phone.invite("603", PATIENCE).status(), Some(486));
    let busy = line(&file, 1);
    assert_eq!(word(&busy, "disposition"), "busy");
    assert_eq!(
        (word(&busy, "ended_by"), word(&busy, "cause")),
        ("called", "refusal")
    );
    assert_eq!(
        (
            number(&busy, "/status"),
            number(&busy, "/attempts/0/status")
        ),
        (486, 486)
    );

    // As logrotate does it.
    let moved = beside(&site, "calls.jsonl.1");
    fs::rename(&file, &moved).expect("the file is there");
    site.bellhop.reload();
    site.bellhop.wait_for("reloaded");
    let mut phone = site.baresip(2, Udp);
    phone.dial("606");
    phone.wait_for("180 Ringing");
    phone.give_up();
    let cancelled = line(&file, 0);
    assert_eq!(word(&cancelled, "disposition"), "cancelled");
    assert_eq!(
        (word(&cancelled, "ended_by"), number(&cancelled, "/status")),
        ("caller", 487)
    );
    assert!(
        cancelled.get("ring").is_some() && cancelled.get("answer").is_none(),
        "{cancelled}"
    );
    assert_eq!(lines(&moved).len(), 2);
    let metrics = Admin::of(&site.lane).metrics();
    let written = metrics.value("bellhop_call_records_total{result=\"written\"}");
    assert_eq!(written, 3.0);
}

#[test]
fn a_call_that_lasts_too_long_is_told_as_ended_by_us_and_the_end_of_the_program_leaves_no_line_unwritten()
 {
    let Some(mut site) = site("calls.jsonl", "max_duration = \"1m\"\n") else {
        return;
    };
    let file = beside(&site, "calls.jsonl");
    let mut phone = site.phone(1, Udp);
    phone.register();
    let ok = phone.invite("600", PATIENCE);
    phone.acknowledge(&ok);
    until("the BYE after a minute", Duration::from_secs(70), || {
        let message = phone.receive()?;
        message.start_line().starts_with("BYE ").then_some(())
    });
    site.bellhop.stop();
    let all = lines(&file);
    let [told] = &all[..] else {
        panic!("{all:?}");
    };
    assert_eq!(
        (word(told, "ended_by"), word(told, "cause")),
        ("bellhop", "max_duration")
    );
    let lasted = number(told, "/duration_ms");
    assert!((60_000..61_000).contains(&lasted), "{told}");
}

#[test]
fn a_disk_that_is_full_keeps_nobody_from_calling() {
    let Some(mut site) = site("/dev/full", "") else {
        return;
    };
    let mut phone = site.phone(1, Udp);
    phone.register();
    for _ in 0..3 {
        phone.begin_anew();
        assert_eq!(phone.invite("603", PATIENCE).status(), Some(486));
    }
    site.bellhop.wait_for("call records wait, calls do not");
    phone.begin_anew();
    assert_eq!(phone.invite("603", PATIENCE).status(), Some(486));
    site.bellhop.stop();
    let log = site.bellhop.log();
    assert!(
        log.contains("call records lost since the start: 4"),
        "{log}"
    );
}

fn site(file: &str, route: &str) -> Option<Site> {
    let with = |setup: bellhop::Setup| {
        let mut setup = setup.only("MD5");
        let host = setup.listen.first().map(|(bind, _)| bind.clone());
        let host = host.unwrap_or_default();
        let host = host.trim_start_matches("udp:").trim_end_matches(":5060");
        setup.route = format!("mode = \"b2bua\"\n{route}");
        setup.more += &format!("[admin]\nbind = \"{host}:8060\"\n[cdr]\nfile = \"{file}\"\n");
        setup
    };
    Site::with(Udp, with)
}

fn beside(site: &Site, name: &str) -> PathBuf {
    site.bellhop.config().with_file_name(name)
}

fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let parsed = text.lines().map(serde_json::from_str);
    parsed.collect::<Result<_, _>>().expect("lines of JSON")
}

/// The line of this number, once it is there.
fn line(file: &Path, number: usize) -> Value {
    until("a call record", PATIENCE, || {
        lines(file).get(number).cloned()
    })
}

fn word<'a>(line: &'a Value, field: &str) -> &'a str {
    line.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn number(line: &Value, field: &str) -> u64 {
    line.pointer(field)
        .and_then(Value::as_u64)
        .unwrap_or(u64::MAX)
}

const PATIENCE: Duration = Duration::from_secs(10);
