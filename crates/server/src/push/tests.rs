//! A hook that is really told.

use super::Notifier;
use crate::config::{PushHook, Trust};
use bellhop_core::{
    push::{Push, Reason, Wake},
    registrar::Aor,
};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::{Arc, atomic::Ordering, mpsc},
    thread,
    time::{Duration, Instant},
};

/// A hook that answers this status to everything; its URL, and what it is told.
fn hook(status: &'static str) -> (String, mpsc::Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/wake", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while reader.read_line(&mut head).unwrap_or(0) > 2 {}
            let lower = head.to_ascii_lowercase();
            let length = lower
                .lines()
                .find_map(|l| l.strip_prefix("content-length: "));
            let mut body = vec![0; length.unwrap().trim().parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            let _ = tell.send((head, serde_json::from_slice(&body).unwrap()));
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
        }
    });
    (url, told)
}

fn notifier(url: &str) -> Notifier {
    let notifier = Notifier::new();
    let hook = notifier.hook(&PushHook {
        url: url.to_owned(),
        trust: Trust::default(),
        timeout: Duration::from_secs(5),
        core: Arc::new(Push {
            providers: vec!["acme".to_owned()],
            patience: Duration::from_secs(20),
            awake: Duration::from_secs(10),
        }),
    });
    notifier.tell(Some(hook.unwrap()));
    notifier
}

fn wake(reason: Reason) -> Wake {
    Wake {
        aor: Aor::parse_text("sip:6002@example.org").unwrap(),
        contact: Box::from(&b"sip:6002@192.0.2.9;pn-provider=acme;pn-prid=ZT-4"[..]),
        reason,
    }
}

/// How many were taken and refused, once one was.
fn counted(notifier: &Notifier) -> (u64, u64) {
    let began = Instant::now();
    loop {
        let counters = notifier.counters();
        let sent = counters.sent.load(Ordering::Relaxed);
        let failed = counters.failed.load(Ordering::Relaxed);
        if sent > 0 || failed > 0 || began.elapsed() > Duration::from_secs(10) {
            return (sent, failed);
        }
        thread::yield_now();
    }
}

#[test]
fn a_hook_is_told_which_phone_to_wake_and_what_for() {
    let (url, told) = hook("204 No Content");
    let notifier = notifier(&url);
    notifier.wake(wake(Reason::Request {
        method: "INVITE".to_owned(),
        call_id: "a@b".to_owned(),
    }));
    let (head, body) = told.recv().unwrap();
    assert!(head.starts_with("POST /wake HTTP/1.1\r\n"), "{head}");
    let expected = json!({
        "aor": "6002@example.org", "provider": "acme", "prid": "ZT-4",
        "reason": "request", "method": "INVITE", "call_id": "a@b",
    });
    assert_eq!(body, expected);
    assert_eq!(counted(&notifier), (1, 0));
}

#[test]
fn a_phone_whose_binding_is_about_to_end_is_woken_for_that() {
    let (url, told) = hook("200 OK");
    notifier(&url).wake(wake(Reason::Refresh));
    let (_, body) = told.recv().unwrap();
    assert_eq!(body["reason"], "refresh");
    assert!(body.get("method").is_none());
}

#[test]
fn a_hook_that_refuses_counts_as_failed() {
    let (url, _told) = hook("500 Oops");
    let notifier = notifier(&url);
    notifier.wake(wake(Reason::Refresh));
    assert_eq!(counted(&notifier), (0, 1));
}

#[test]
fn a_hook_that_is_not_there_counts_as_failed() {
    let notifier = notifier("http://127.0.0.1:9/wake");
    notifier.wake(wake(Reason::Refresh));
    assert_eq!(counted(&notifier), (0, 1));
}

#[test]
fn without_a_hook_nobody_is_told() {
    let notifier = Notifier::new();
    notifier.wake(wake(Reason::Refresh));
    assert_eq!(notifier.counters().failed.load(Ordering::Relaxed), 0);
}
