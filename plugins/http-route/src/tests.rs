//! What is asked, what comes of answers, and of none.

use std::time::Duration;

use bellhop_plugin::testing::{Harness, bye, invite, options};

use super::*;

const CONFIG: &str = r#"{"url": "http://routes.example/call?to={to}&user={user}", "cache_s": 60, "stale_s": 600,
    "headers": {"Authorization": "Bearer t0ken"}, "timeout_ms": 300, "on_error": 503}"#;

fn plugin(config: &str) -> Harness<HttpRoute> {
    Harness::new(config).unwrap_or_else(|error| unreachable!("{error}"))
}

#[test]
fn the_service_is_asked_and_its_route_taken() {
    let mut plugin = plugin(CONFIG);
    plugin.serve_text(
        200,
        r#"{"action": "route", "mode": "parallel", "targets": [
            {"uri": "sip:a@203.0.113.1", "via": "group:a", "timeout_ms": 2000, "headers": {"X-A": "1"}, "tag": "a"},
            {"uri": "sip:b@203.0.113.2", "priority": 900}]}"#,
    );
    let verdict = plugin.on_request(&invite().user("al ice"));
    let first = Target::new("sip:a@203.0.113.1")
        .via("group:a")
        .timeout_ms(2000);
    let first = first.header("X-A", "1").tag("a");
    let second = Target::new("sip:b@203.0.113.2").priority(900);
    assert_eq!(verdict, Route::parallel([first, second]).into());
    let asked =
        http::Request::to("http://routes.example/call?to=sip%3Abob%40example.com&user=al%20ice")
            .timeout_ms(300)
            .header("Authorization", "Bearer t0ken");
    assert_eq!(plugin.fetched(), [asked]);
}

#[test]
fn an_answer_is_remembered_by_all_workers_for_as_long_as_it_is_fresh() {
    let mut plugin = plugin(CONFIG);
    let mut other = plugin
        .worker()
        .unwrap_or_else(|error| unreachable!("{error}"));
    plugin.serve_text(200, r#"{"action": "reply", "status": 404}"#);
    for worker in [&mut plugin, &mut other] {
        assert_eq!(worker.on_request(&invite()).status(), Some(404));
    }
    assert_eq!(other.fetched().len(), 1);
    other.advance(Duration::from_secs(60));
    other.serve_text(200, r#"{"action": "continue", "cache_s": 0}"#);
    assert_eq!(other.on_request(&invite()), Verdict::Continue);
    assert_eq!(other.fetched().len(), 2);
}

#[test]
fn an_old_answer_is_used_while_the_service_is_down_and_then_the_fallback() {
    let mut plugin = plugin(CONFIG);
    plugin.serve_text(
        200,
        r#"{"action": "reply", "status": 480, "reason": "Closed"}"#,
    );
    plugin.on_request(&invite());
    plugin.serve_text(500, "oops");
    plugin.advance(Duration::from_secs(120));
    assert_eq!(
        plugin.on_request(&invite()),
        Reply::new(480).reason("Closed").into()
    );
    plugin.serve(|_| Err(http::Error::Timeout));
    plugin.advance(Duration::from_secs(600));
    assert_eq!(plugin.on_request(&invite()).status(), Some(503));
}

#[test]
fn an_answer_that_makes_no_sense_is_no_answer() {
    for answer in [
        "",
        "[]",
        r#"{"action": "explode"}"#,
        r#"{"action": "reply", "status": 200}"#,
        r#"{"action": "route", "targets": []}"#,
        r#"{"action": "route"}"#,
    ] {
        let mut plugin = plugin(CONFIG);
        plugin.serve_text(200, answer);
        assert_eq!(plugin.on_request(&invite()).status(), Some(503), "{answer}");
    }
    let mut open = plugin(r#"{"url": "https://routes.example/"}"#);
    open.serve_text(404, "");
    assert_eq!(open.on_request(&invite()), Verdict::Continue);
}

#[test]
fn a_post_tells_what_is_known_of_the_call() {
    let mut plugin = plugin(r#"{"url": "http://routes.example/", "post": true}"#);
    plugin.serve_text(200, r#"{"action": "accept"}"#);
    assert_eq!(plugin.on_request(&invite()), Verdict::Accept);
    let body = plugin
        .fetched()
        .into_iter()
        .find_map(|request| request.body)
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    let json = json::Json::parse(&text).unwrap();
    assert_eq!(
        json.get("method").and_then(json::Json::as_str),
        Some("INVITE")
    );
    assert_eq!(
        json.get("address").and_then(json::Json::as_str),
        Some("192.0.2.10")
    );
}

#[test]
fn other_requests_are_not_asked_about() {
    let mut plugin = plugin(CONFIG);
    assert_eq!(plugin.on_request(&options()), Verdict::Continue);
    assert_eq!(plugin.on_request(&bye()), Verdict::Continue);
    assert_eq!(plugin.fetched(), []);
}
