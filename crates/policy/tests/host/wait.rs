//! Plugins that wait for HTTP: on threads of their own, within their time, and never on a worker's.

use crate::kit::{Kit, ask, guest, invite, message, orders, probe};
use bellhop_core::outbox::Ticket;
use bellhop_core::policy::{Answer, Changes, Hook, Notes, Policy, Reply, Verdict};
use bellhop_policy::{Capability, HttpLimits, OnError, PluginConfig, Services};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// A service that gives one answer to each request, when it is told to.
struct Service {
    address: SocketAddr,
    answers: Sender<String>,
}

impl Service {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (answers, next): (_, Receiver<String>) = channel();
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let mut request = [0; 4_096];
                let _ = stream.read(&mut request);
                let Ok(answer) = next.recv() else {
                    return;
                };
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { address, answers }
    }

    fn says(&self, body: &str) {
        let length = body.len();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        self.answers.send(head + body).unwrap();
    }

    fn plugin(&self) -> PluginConfig {
        let config = probe("web");
        PluginConfig {
            file: guest("probe-http.wasm"),
            grants: config.grants.with(Capability::Http),
            http: HttpLimits {
                hosts: vec![self.address.to_string()],
                timeout: Duration::from_secs(10),
                deadline: Duration::from_secs(10),
                ..HttpLimits::default()
            },
            ..config
        }
    }

    fn fetch(&self) -> String {
        orders(&[&format!("fetch http://{}/x", self.address)])
    }
}

/// One message that waits.
struct Waiting {
    ticket: Ticket,
    notes: Notes,
    changes: Changes,
    lines: String,
}

impl Waiting {
    fn of(kit: &mut Kit, ticket: u64, lines: &str) -> Self {
        let (mut notes, mut changes) = Default::default();
        let (ticket, invite) = (Ticket(ticket), invite(lines));
        let ask = ask(
            Hook::Request,
            ticket,
            &invite,
            &mut notes,
            &mut changes,
            None,
        );
        let answer = kit.shard.consult(kit.world.now(), ask);
        assert!(matches!(answer, Answer::Later { .. }), "{answer:?}");
        Self {
            ticket,
            notes,
            changes,
            lines: lines.to_owned(),
        }
    }

    fn resumed(mut self, kit: &mut Kit) -> (Answer, String) {
        let invite = invite(&self.lines);
        let ask = ask(
            Hook::Request,
            self.ticket,
            &invite,
            &mut self.notes,
            &mut self.changes,
            None,
        );
        let answer = kit.shard.resume(kit.world.now(), ask);
        let saw = self.changes.added(b"X-Saw").map(String::from_utf8_lossy);
        (answer, saw.collect::<Vec<_>>().join("\n"))
    }
}

#[test]
fn a_verdict_that_waited_comes_with_its_edits() {
    let service = Service::start();
    let mut kit = Kit::new(vec![service.plugin()]);
    let waiting = Waiting::of(
        &mut kit,
        9,
        &format!("X-Say: accept\r\n{}", service.fetch()),
    );
    service.says("hello");
    kit.woken.wait_for(Ticket(9));
    let (answer, saw) = waiting.resumed(&mut kit);
    assert!(matches!(answer, Answer::Now(Verdict::Accept { .. })));
    assert_eq!(saw, "200 hello");
}

#[test]
fn waiting_is_not_computing() {
    let service = Service::start();
    let mut kit = Kit::new(vec![service.plugin()]);
    let waiting = Waiting::of(&mut kit, 9, &service.fetch());
    // Twenty deadlines long.
    std::thread::park_timeout(Duration::from_millis(100));
    service.says("late");
    kit.woken.wait_for(Ticket(9));
    assert_eq!(waiting.resumed(&mut kit).1, "200 late");
}

#[test]
fn a_plugin_that_may_wait_may_not_compute_for_ever() {
    let service = Service::start();
    let mut kit = Kit::new(vec![service.plugin()]);
    let began = Instant::now();
    let waiting = Waiting::of(&mut kit, 9, &orders(&["loop"]));
    kit.woken.wait_for(Ticket(9));
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(matches!(
        waiting.resumed(&mut kit).0,
        Answer::Now(Verdict::Continue)
    ));
    assert!(kit.status("web").hooks[0].faults.contains(&("deadline", 1)));
}

#[test]
fn at_the_deadline_the_message_goes_on_by_the_fallback() {
    let service = Service::start();
    let mut kit = Kit::new(vec![PluginConfig {
        on_error: OnError::Reject,
        ..service.plugin()
    }]);
    let waiting = Waiting::of(&mut kit, 9, &service.fetch());
    let (answer, saw) = waiting.resumed(&mut kit);
    assert!(
        matches!(
            answer,
            Answer::Now(Verdict::Reply(Reply { status: 500, .. }))
        ),
        "{answer:?}"
    );
    assert_eq!(saw, "");
    assert!(kit.status("web").hooks[0].faults.contains(&("deadline", 1)));
}

#[test]
fn the_chain_goes_on_behind_a_plugin_that_waited() {
    let service = Service::start();
    let mut kit = Kit::new(vec![probe("first"), service.plugin(), probe("last")]);
    let lines = format!("{}{}", orders(&["version"]), service.fetch());
    let waiting = Waiting::of(&mut kit, 9, &lines);
    service.says("x");
    kit.woken.wait_for(Ticket(9));
    let (answer, saw) = waiting.resumed(&mut kit);
    assert!(matches!(answer, Answer::Now(Verdict::Continue)));
    // First and last cannot fetch: their build does not know the order.
    assert_eq!(saw, "1\nno such order\n1\n200 x\n1\nno such order");
}

#[test]
fn a_message_that_waits_finishes_on_the_plugins_it_began_with() {
    let service = Service::start();
    let old = |name: &str| PluginConfig {
        config: r#"{"version": "old"}"#.into(),
        ..probe(name)
    };
    let web = PluginConfig {
        config: r#"{"version": "old"}"#.into(),
        ..service.plugin()
    };
    let mut kit = Kit::new(vec![web, old("last")]);
    let lines = format!("{}{}", service.fetch(), orders(&["version"]));
    let waiting = Waiting::of(&mut kit, 9, &lines);
    kit.registry.swap(vec![probe("last")]).unwrap();
    assert_eq!(kit.request(&orders(&["version"])).saw(), "1");
    service.says("x");
    kit.woken.wait_for(Ticket(9));
    assert_eq!(
        waiting.resumed(&mut kit).1,
        "200 x\nold\nno such order\nold"
    );
}

#[test]
fn what_must_not_wait_is_denied() {
    let service = Service::start();
    let mut kit = Kit::new(vec![service.plugin()]);
    let response = message("SIP/2.0 200 OK", "INVITE", &service.fetch());
    assert_eq!(kit.ask(Hook::Response, &response).saw(), "Error::Denied");
}

#[test]
fn errors_of_a_fetch_are_told_apart() {
    let service = Service::start();
    let mut config = service.plugin();
    config.http.response = 10;
    config.http.timeout = Duration::from_millis(200);
    config.http.hosts.push("127.0.0.1:1".into());
    let mut kit = Kit::new(vec![config]);
    let mut ticket = 0;
    let mut fetch = |lines: &str| {
        ticket += 1;
        let waiting = Waiting::of(&mut kit, ticket, lines);
        kit.woken.wait_for(Ticket(ticket));
        waiting.resumed(&mut kit).1
    };
    assert_eq!(
        fetch(&orders(&["fetch http://example.org/"])),
        "Error::Denied"
    );
    assert_eq!(fetch(&orders(&["fetch not a url"])), "Error::Denied");
    let refused = fetch(&orders(&["fetch http://127.0.0.1:1/"]));
    assert!(refused.starts_with("Error::Unreachable("), "{refused}");
    service.says("more than ten bytes");
    assert_eq!(fetch(&service.fetch()), "Error::TooLarge");
    assert_eq!(fetch(&service.fetch()), "Error::Timeout");
}

#[test]
fn when_all_threads_wait_and_the_line_is_full_a_message_goes_by_at_once() {
    let service = Service::start();
    let mut config = service.plugin();
    (config.http.concurrency, config.http.queue) = (1, 1);
    let mut kit = Kit::new(vec![config]);
    let mut waiting = Vec::new();
    // One is asked, one stands in line; whether the first has left the line yet is not ours to know.
    for ticket in 1..=3 {
        let (mut notes, mut changes) = Default::default();
        let message = invite(&service.fetch());
        let ask = ask(
            Hook::Request,
            Ticket(ticket),
            &message,
            &mut notes,
            &mut changes,
            None,
        );
        match kit.shard.consult(kit.world.now(), ask) {
            Answer::Later { .. } => waiting.push(Ticket(ticket)),
            Answer::Now(verdict) => assert!(matches!(verdict, Verdict::Continue)),
        }
    }
    assert!((1..=2).contains(&waiting.len()), "{waiting:?}");
    let busy = u64::try_from(3 - waiting.len()).unwrap();
    assert!(kit.status("web").hooks[0].faults.contains(&("busy", busy)));
}

#[test]
fn an_abandoned_question_is_not_asked() {
    let service = Service::start();
    let mut config = service.plugin();
    (config.http.concurrency, config.http.queue) = (1, 8);
    let mut kit = Kit::new(vec![config]);
    let first = Waiting::of(&mut kit, 1, &service.fetch());
    let second = Waiting::of(&mut kit, 2, &orders(&["count n"]));
    let third = Waiting::of(&mut kit, 3, &orders(&["kept n"]));
    kit.shard.abandon(second.ticket);
    service.says("x");
    kit.woken.wait_for(third.ticket);
    assert_eq!(third.resumed(&mut kit).1, "None");
    assert_eq!(first.resumed(&mut kit).1, "200 x");
    // Nobody waits for it: the answer is that there is nothing to say.
    assert!(matches!(
        second.resumed(&mut kit).0,
        Answer::Now(Verdict::Continue)
    ));
}
