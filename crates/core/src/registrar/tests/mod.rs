//! What the registrar's tests share: a site with one AoR, and REGISTERs as text.
#![allow(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects)]

mod answers;
mod aors;
mod bindings;
mod equivalence;
mod flows;
mod model;
mod order;
mod place;
mod records;
mod refusals;

use super::*;
use crate::{
    flow::{ConnectionId, Flow, ListenerId, Transport},
    time::Instant,
};
use bellhop_wire::{Index, Limits, Message, Reply, ViaMark};
use std::{sync::Arc, time::Duration};

/// A registrar with simulated time.
struct Site {
    location: Location,
    config: RegistrarConfig,
    now: Instant,
    flow: Flow,
}

/// A request with its CSeq number.
fn numbered(request: Message<'_>) -> (Message<'_>, u32) {
    (request, request.cseq().unwrap().0)
}

impl Site {
    fn new() -> Self {
        Self::sized(1000)
    }

    fn sized(capacity: usize) -> Self {
        Self {
            location: Location::new(capacity, [1, 2, 3, 4]),
            config: RegistrarConfig::default(),
            now: Instant::from_micros(7_000_000),
            flow: udp(5060),
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now.after(Duration::from_secs(seconds));
    }

    fn apply(&self, register: &Register<'_>) -> Result<Registered, Refusal> {
        self.apply_to(&bob(), register)
    }

    fn apply_to(&self, aor: &Aor, register: &Register<'_>) -> Result<Registered, Refusal> {
        parsed(&register.text(), |request| {
            apply(
                self.now,
                &self.location,
                &self.config,
                aor,
                numbered(request),
                self.flow,
                |_| false,
            )
        })
    }

    /// Applies what must be accepted and gives the contacts of the answer.
    fn bind(&self, register: &Register<'_>) -> Vec<String> {
        let registered = self.apply(register).unwrap();
        registered
            .bindings
            .iter()
            .map(|b| text(b.contact()))
            .collect()
    }

    /// The status and reason of what must be refused.
    fn refused(&self, register: &Register<'_>) -> (u16, String) {
        let before = self.held();
        let refusal = self.apply(register).unwrap_err();
        assert_eq!(self.held(), before, "RFC 3261 10.3: all or nothing");
        (refusal.status, refusal.reason.into_owned())
    }

    /// The whole 200.
    fn answer(&self, register: &Register<'_>) -> String {
        let registered = self.apply(register).unwrap();
        let mut out = Vec::new();
        parsed(&register.text(), |request| {
            let mark = ViaMark::default();
            let mut reply = Reply::new(&mut out, request, mark, 200, "OK", b"t");
            registered.write(self.now, request, &mut reply);
            reply.end();
        });
        text(&out)
    }

    fn held(&self) -> Bindings {
        let mut bindings = Bindings::new();
        self.location.lookup(self.now, &bob(), &mut bindings);
        bindings
    }

    fn contacts(&self) -> Vec<String> {
        self.held().iter().map(|b| text(b.contact())).collect()
    }
}

/// A REGISTER.
#[derive(Clone)]
struct Register<'a> {
    call_id: &'a str,
    cseq: u32,
    lines: Vec<&'a str>,
}

impl<'a> Register<'a> {
    fn new(cseq: u32, lines: &[&'a str]) -> Self {
        Self {
            call_id: "1@phone",
            cseq,
            lines: lines.to_vec(),
        }
    }

    fn by(call_id: &'a str, cseq: u32, lines: &[&'a str]) -> Self {
        Self {
            call_id,
            ..Self::new(cseq, lines)
        }
    }

    fn text(&self) -> String {
        let Self { call_id, cseq, .. } = self;
        let mut text = format!(
            "REGISTER sip:example.org SIP/2.0\r\n\
             Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{cseq}\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:bob@example.org>;tag=a\r\n\
             To: <sip:bob@example.org>\r\n\
             Call-ID: {call_id}\r\n\
             CSeq: {cseq} REGISTER\r\n"
        );
        for line in &self.lines {
            text.push_str(line);
            text.push_str("\r\n");
        }
        text.push_str("Content-Length: 0\r\n\r\n");
        text
    }
}

fn bob() -> Aor {
    Aor::parse_text("sip:bob@example.org").unwrap()
}

fn udp(port: u16) -> Flow {
    Flow {
        listener: ListenerId(0),
        transport: Transport::Udp,
        remote: ([192, 0, 2, 1], port).into(),
        connection: None,
    }
}

fn tcp(connection: u64) -> Flow {
    Flow {
        listener: ListenerId(1),
        transport: Transport::Tcp,
        remote: ([192, 0, 2, 1], 40_000).into(),
        connection: Some(ConnectionId(connection)),
    }
}

fn parsed<T>(text: &str, read: impl FnOnce(Message<'_>) -> T) -> T {
    let mut index = Index::new();
    match index.parse(text.as_bytes(), &Limits::default()) {
        Ok(message) => read(message),
        Err(rejected) => panic!("{}: {text}", rejected.error),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn lines<'a>(message: &'a str, name: &'a str) -> Vec<&'a str> {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(": ");
    message.lines().filter_map(value).collect()
}
