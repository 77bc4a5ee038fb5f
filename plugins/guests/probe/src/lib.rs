//! The guest of the host's tests: does what the header fields `X-Do` of the message tell it to, in their
//! order, and `X-Say` is its verdict. What it sees it writes into `X-Saw`.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "bad deeds are among what it is told to do"
)]

use bellhop_plugin::prelude::*;
use bellhop_plugin::{
    Body, Challenge, call, clock, dialogs, locations, log, metrics, random, store, upstreams,
};

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The plugin.
pub struct Probe {
    /// Goes into `X-Saw` at `version`.
    version: String,
    /// Calls of this very instance.
    calls: u32,
}

impl Plugin for Probe {
    const HOOKS: &'static [Hook] = &[
        Hook::OnRegister,
        Hook::OnRequest,
        Hook::OnRoute,
        Hook::OnFailure,
        Hook::OnResponse,
        Hook::OnDialog,
        Hook::OnTimer,
    ];
    const CONFIG_SCHEMA: Option<&'static str> = Some("{}");

    fn new(config: &Config<'_>) -> Result<Self, ConfigError> {
        let version: String = config.or("version", "1".to_owned())?;
        if config.or("invalid", false)? {
            return Err(config.error("invalid, as told"));
        }
        Ok(Self { version, calls: 0 })
    }

    fn start(&mut self) -> Result<(), String> {
        match self.version.as_str() {
            "unstartable" => Err("cannot start, as told".to_owned()),
            "endless" => loop {
                std::hint::black_box(0);
            },
            _ => Ok(()),
        }
    }

    fn on_register(&mut self, msg: &Message) -> RegisterVerdict {
        self.obey(msg);
        let say = msg.header("X-Say").unwrap_or_default();
        match say.split_once(' ').unwrap_or((&say, "")) {
            ("accept", seconds) => RegisterVerdict::Accept(seconds.parse().ok()),
            ("reply", status) => Reply::new(status.parse().unwrap_or(0)).into(),
            ("drop", _) => RegisterVerdict::Drop,
            _ => RegisterVerdict::Continue,
        }
    }

    fn on_request(&mut self, msg: &Message) -> Verdict {
        self.obey(msg);
        let say = msg.header("X-Say").unwrap_or_default();
        match say.split_once(' ').unwrap_or((&say, "")) {
            ("accept", _) => Verdict::Accept,
            ("reply", rest) => reply(rest).into(),
            ("challenge", _) => Verdict::Challenge(Challenge::proxy("r")),
            ("route", rest) => route(rest).into(),
            ("drop", _) => Verdict::Drop,
            _ => Verdict::Continue,
        }
    }

    fn on_route(&mut self, msg: &Message) -> Option<Route> {
        let to = msg.header("X-Route")?;
        Some(route(&to))
    }

    fn on_failure(&mut self, msg: &Message, failure: &Failure) -> FailureVerdict {
        let tags: Vec<&str> = failure.attempts.iter().map(|a| a.tag.as_str()).collect();
        saw(
            msg,
            &format!("{} {} {}", failure.status, failure.local, tags.join(",")),
        );
        match msg.header("X-Say").as_deref() {
            Some("give-up") => FailureVerdict::GiveUp,
            Some("retry") => route("sip:second@example.org").into(),
            _ => FailureVerdict::Continue,
        }
    }

    fn on_response(&mut self, response: &Message) {
        self.obey(response);
    }

    fn on_dialog(&mut self, event: &DialogEvent) {
        let notes: Vec<String> = event
            .notes
            .iter()
            .map(|n| format!("{}={}", n.key, n.value))
            .collect();
        let text = format!(
            "{:?} {} {} {:?} {}",
            event.phase,
            event.from_uri,
            event.source.address,
            event.cause,
            notes.join(",")
        );
        let _ = store::set(&format!("dialog-{}", event.call_id), text.as_bytes(), None);
    }

    fn on_timer(&mut self) {
        let _ = store::increment("turns", 1, None);
    }
}

impl Probe {
    fn obey(&mut self, msg: &Message) {
        self.calls += 1;
        for order in msg.headers("X-Do") {
            let (what, rest) = order.split_once(' ').unwrap_or((&order, ""));
            let (first, second) = rest.split_once(' ').unwrap_or((rest, ""));
            match what {
                "loop" => loop {
                    std::hint::black_box(0);
                },
                "trap" => panic!("as told"),
                "grow" => {
                    let size = first.parse().unwrap_or(usize::MAX / 2);
                    let mut hoard: Vec<u8> = Vec::with_capacity(size);
                    hoard.resize(size, 1);
                    std::hint::black_box(&hoard);
                }
                "stack" => {
                    std::hint::black_box(deep(u64::MAX));
                }
                "set" => said(msg, msg.set_header(first, second)),
                "add" => said(msg, msg.add_header(first, second)),
                "remove" => said(msg, msg.remove_header(first)),
                "uri" => said(msg, msg.set_ruri(first)),
                "raw" => {
                    let value = match first {
                        "cr" => "a\rb",
                        "lf" => "a\nb",
                        _ => "a\0b",
                    };
                    said(msg, msg.set_header("X-Raw", value));
                }
                "body" => said(
                    msg,
                    msg.set_body(
                        (!rest.is_empty())
                            .then(|| Body {
                                content_type: "text/plain".to_owned(),
                                data: rest.as_bytes().to_vec(),
                            })
                            .as_ref(),
                    ),
                ),
                "read-body" => saw(msg, &format!("{:?}", msg.body().map(|b| b.len()))),
                "bytes" => saw(msg, &msg.bytes().len().to_string()),
                "summary" => saw(msg, &format!("{:?}", msg.summary())),
                "source" => saw(msg, &format!("{:?}", msg.source())),
                "read" => saw(msg, &format!("{:?}", msg.header(first))),
                "all" => saw(msg, &msg.headers(first).join("|")),
                "names" => saw(msg, &msg.header_names().join(",")),
                "exact" => saw(msg, &format!("{:?}", msg.header_bytes(first))),
                "note" => said(msg, msg.set_note(first, second)),
                "noted" => saw(msg, &format!("{:?}", msg.note(first))),
                "mode" => {
                    let mode = match first {
                        "proxy" => call::Mode::Proxy,
                        _ => call::Mode::B2bua,
                    };
                    saw(msg, &format!("{:?}", call::set_mode(mode)));
                }
                "record" => saw(msg, &format!("{:?}", call::note(first, second))),
                "calls" => saw(msg, &self.calls.to_string()),
                "version" => saw(msg, &self.version),
                "keep" => saw(
                    msg,
                    &format!("{:?}", store::set(first, second.as_bytes(), None)),
                ),
                "kept" => saw(msg, &format!("{:?}", store::text(first))),
                "count" => saw(msg, &format!("{:?}", store::increment(first, 1, None))),
                "dialogs" => saw(msg, &dialogs::count(first, second).to_string()),
                "end" => saw(msg, &format!("{:?}", dialogs::end("c", 480, ""))),
                "lookup" => saw(
                    msg,
                    &format!("{:?}", locations::lookup(first).first().map(|b| &b.contact)),
                ),
                "members" => saw(
                    msg,
                    &format!("{:?}", upstreams::members(first).map(|m| m.len())),
                ),
                "member" => {
                    for m in upstreams::members(first).unwrap_or_default() {
                        let (calls, ms) = (m.active_calls, m.latency_ms);
                        let load = format!("{calls} calls, {ms} ms, weight {}", m.weight);
                        saw(msg, &format!("{} {} up {}, {load}", m.name, m.uri, m.up));
                    }
                }
                "random" => saw(msg, &random::bytes(4_000).len().to_string()),
                "time" => saw(
                    msg,
                    &format!("{} {}", clock::unix_ms(), clock::monotonic_us()),
                ),
                "measure" => {
                    metrics::Counter::new(first).add(2);
                    metrics::Histogram::new("seconds").observe(0.5);
                }
                "log" => log::error(rest),
                #[cfg(feature = "http")]
                "fetch" => {
                    let answer = bellhop_plugin::http::Request::to(first).fetch();
                    saw(
                        msg,
                        &match answer {
                            Ok(answer) => {
                                format!("{} {}", answer.status, answer.text().unwrap_or_default())
                            }
                            Err(error) => format!("{error:?}"),
                        },
                    );
                }
                _ => saw(msg, "no such order"),
            }
        }
    }
}

fn reply(rest: &str) -> Reply {
    let (status, headers) = rest.split_once(' ').unwrap_or((rest, ""));
    let reply = Reply::new(status.parse().unwrap_or(0));
    match headers.split_once('=') {
        Some((name, "evil")) => reply.header(name, "a\r\nX-Evil: 1"),
        Some((name, value)) => reply.header(name, value),
        None => reply,
    }
}

fn route(uris: &str) -> Route {
    let target = |uri: &str| match uri.split_once('>') {
        Some((uri, hop)) => Target::new(uri).via(hop).tag("hop"),
        None => Target::new(uri).tag("t"),
    };
    Route::serial(uris.split(' ').map(target))
}

/// Nested without end, and without memory of its own: what runs out is the machine's stack.
#[inline(never)]
#[allow(unconditional_recursion)]
fn deep(n: u64) -> u64 {
    static STEP: AtomicU64 = AtomicU64::new(3);
    let step = STEP.load(Relaxed);
    deep(n.wrapping_mul(step)).rotate_left(3).wrapping_add(step)
}

fn saw(msg: &Message, what: &str) {
    let _ = msg.add_header("X-Saw", what);
}

fn said<T: std::fmt::Debug>(msg: &Message, what: Result<T, EditError>) {
    saw(msg, &format!("{what:?}"));
}

bellhop_plugin::export!(Probe);
