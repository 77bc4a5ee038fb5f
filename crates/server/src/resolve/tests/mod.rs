//! The resolver against a name server of the test's own; nobody else is asked.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects
)]

mod load;
mod server;
mod steps;
mod upstreams;
mod weights;

use super::{
    Answer, Asker, Bounds, Configured, Place, Question, Reach, Resolver, dns::Dns, locked,
};
use crate::driver::OsEntropy;
use bellhop_core::flow::Transport;
use server::NameServer;
use std::{path::Path, time::Duration};

/// Bounds of a test. A step is long enough that a busy machine is no silent server.
fn bounds() -> Bounds {
    Bounds {
        total: Duration::from_secs(30),
        step: Duration::from_secs(8),
        at_once: 64,
        threads: 0,
    }
}

/// A resolver for listeners as they are written, `udp:0.0.0.0:5060`, that asks `server` only.
fn resolver(server: &NameServer, listeners: &[&str], bounds: Bounds) -> Resolver {
    let dns = Dns::with(server.config(), server.options(), bounds.step).unwrap();
    let resolver = left_to_the_system(listeners, bounds);
    *locked(&resolver.0.dns) = Configured { dns, text: None };
    resolver
}

/// A resolver without DNS.
fn left_to_the_system(listeners: &[&str], bounds: Bounds) -> Resolver {
    let listeners: Vec<Place> = listeners.iter().map(|text| place(text)).collect();
    let file = Path::new("/nonexistent/resolv.conf");
    Resolver::new(
        file,
        Reach::of(&listeners),
        bounds,
        Box::new(OsEntropy::new()),
    )
}

/// The question that `sip:` and this text ask: `host[:port][;transport=...]`.
fn question(text: &str) -> Question {
    let (rest, transport) = match text.split_once(";transport=") {
        Some((rest, transport)) => (rest, Transport::of(transport.as_bytes())),
        None => (text, None),
    };
    let port = rest
        .rsplit_once(':')
        .filter(|(host, _)| !host.ends_with(':'));
    let (host, port) = match port.and_then(|(h, p)| Some((h, p.parse().ok()?))) {
        Some((host, port)) => (host, Some(port)),
        None => (rest, None),
    };
    Question {
        host: host.to_owned(),
        port,
        transport,
    }
}

async fn ask(resolver: &Resolver, text: &str) -> Answer {
    let heard = resolver.ask(question(text), Asker::Upstream).unwrap();
    heard.await.unwrap()
}

/// What a name stands for, in words.
async fn places(resolver: &Resolver, text: &str) -> Vec<String> {
    shown(&ask(resolver, text).await.places)
}

fn shown(places: &[Place]) -> Vec<String> {
    let show = |(transport, at): &Place| format!("{}:{at}", transport.uri_token());
    places.iter().map(show).collect()
}

fn place(text: &str) -> Place {
    let (transport, at) = text.split_once(':').unwrap();
    (
        Transport::of(transport.as_bytes()).unwrap(),
        at.parse().unwrap(),
    )
}

const BOTH: [&str; 2] = ["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"];
