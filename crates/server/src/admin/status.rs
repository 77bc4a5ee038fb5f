//! What the program is at, in one object.

use super::{metrics::process, state::State};
use serde::Serialize;
use std::{path::PathBuf, time::Duration};

/// The whole of it; what is not there while the program starts is null.
#[derive(Debug, Serialize)]
pub(super) struct Status {
    phase: &'static str,
    version: &'static str,
    process: u32,
    /// Seconds since the start.
    uptime: Option<u64>,
    file: Option<PathBuf>,
    listeners: Vec<ListenerPart>,
    workers: Vec<WorkerPart>,
    bindings: Option<usize>,
    connections: Option<ConnectionsPart>,
    /// Bytes.
    memory: Option<u64>,
    /// Messages since the start.
    received: Option<u64>,
    sent: Option<u64>,
    reloads: ReloadsPart,
}

#[derive(Debug, Serialize)]
struct ListenerPart {
    name: String,
    transport: &'static str,
    address: String,
}

/// One worker; `answers` is false if it is stuck, and then there are no numbers.
#[derive(Debug, Serialize)]
struct WorkerPart {
    answers: bool,
    server_transactions: Option<usize>,
    client_transactions: Option<usize>,
    contexts: Option<usize>,
    transaction_bytes: Option<usize>,
}

#[derive(Debug, Serialize)]
struct ConnectionsPart {
    accepted: usize,
    opened: usize,
}

#[derive(Debug, Serialize)]
struct ReloadsPart {
    done: u64,
    refused: u64,
}

/// Asks the workers, and everybody else.
pub(super) async fn of(state: &State, patience: Duration) -> Status {
    let running = state.running();
    let lives = match running {
        Some(running) => running.pulse.take(patience).await,
        None => Vec::new(),
    };
    let worker = |live: Option<crate::driver::Live>| WorkerPart {
        answers: live.is_some(),
        server_transactions: live.map(|live| live.server),
        client_transactions: live.map(|live| live.client),
        contexts: live.map(|live| live.contexts),
        transaction_bytes: live.map(|live| live.held),
    };
    let listener = |listening: &super::Listening| ListenerPart {
        name: listening.name.clone(),
        transport: listening.transport,
        address: listening.local.to_string(),
    };
    let (done, refused) = state.reloads();
    Status {
        phase: state.phase().name(),
        version: env!("CARGO_PKG_VERSION"),
        process: std::process::id(),
        uptime: running.map(|r| r.clock.now().instant.as_micros() / 1_000_000),
        file: running.and_then(|r| r.file.clone()),
        listeners: running.map_or_else(Vec::new, |r| r.listeners.iter().map(listener).collect()),
        workers: lives.into_iter().map(worker).collect(),
        bindings: running.map(|r| r.location.len()),
        connections: running.map(|r| {
            let (accepted, opened) = r.connections.counts();
            ConnectionsPart { accepted, opened }
        }),
        memory: process::resident(),
        received: running.map(|r| r.counters.received.value()),
        sent: running.map(|r| r.counters.sent.value()),
        reloads: ReloadsPart { done, refused },
    }
}
