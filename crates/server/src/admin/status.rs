//! What the program is at, in one object.

use super::{metrics::process, state::State};
use crate::store::Store;
use bellhop_core::flow::Transport;
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
    /// Null where nothing is kept.
    store: Option<StorePart>,
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
    /// Of those that were accepted.
    websockets: usize,
    opened: usize,
}

/// Where bindings are kept; `trouble` says why nothing can be written.
#[derive(Debug, Serialize)]
struct StorePart {
    trouble: Option<String>,
    records: u64,
    waiting: usize,
    commits: u64,
    failed: u64,
    /// Milliseconds that a commit takes, all of them together by their number.
    mean_commit: f64,
    longest_commit: f64,
    /// Bytes.
    file: Option<u64>,
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
        store: running.and_then(|r| store(&r.store)),
        connections: running.map(|r| {
            let (accepted, opened) = r.connections.counts();
            let (websockets, _) = r.connections.counts_of(Transport::Ws);
            ConnectionsPart {
                accepted,
                websockets,
                opened,
            }
        }),
        memory: process::resident(),
        received: running.map(|r| r.counters.received.value()),
        sent: running.map(|r| r.counters.sent.value()),
        reloads: ReloadsPart { done, refused },
    }
}

fn store(store: &Store) -> Option<StorePart> {
    let status = store.status()?;
    let commits = status.commits.max(1) as f64;
    Some(StorePart {
        trouble: status.trouble,
        records: status.records,
        waiting: status.waiting,
        commits: status.commits,
        failed: status.failed,
        mean_commit: status.took.as_secs_f64() * 1000.0 / commits,
        longest_commit: status.longest.as_secs_f64() * 1000.0,
        file: store.size(),
    })
}
