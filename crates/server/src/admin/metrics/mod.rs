//! `/metrics`: everything that is counted, in the text format of Prometheus 0.0.4.

mod calls;
mod leases;
mod plugins;
pub(in crate::admin) mod process;
mod store;
mod subscriptions;
mod text;
mod upstreams;

use self::text::{Label, Text};
use super::state::{Phase, Running, State};
use crate::{
    driver::{Live, Sum},
    log,
    transport::{Counter, Counters},
};
use bellhop_core::flow::Transport;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Name, meaning, label, and each value of the label with its counter; an empty label: there is none.
type Family<'a> = (
    &'static str,
    &'static str,
    &'static str,
    &'a [(&'static str, &'a Counter)],
);

/// The type of the text.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The whole text. Workers that do not answer in time are shown as down.
pub(super) async fn render(state: &State, patience: Duration) -> String {
    let mut text = Text::default();
    text.gauge("bellhop_build_info", "1, with what was built.");
    text.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    text.gauge(
        "bellhop_phase",
        "1 for what the program is at: starting, serving or draining.",
    );
    for phase in [Phase::Starting, Phase::Serving, Phase::Draining] {
        let is_it = u8::from(state.phase() == phase);
        text.sample(&[("phase", phase.name())], is_it);
    }
    let (done, refused) = state.reloads();
    text.counter(
        "bellhop_reloads_total",
        "Configurations read again, by what came of it.",
    );
    text.sample(&[("result", "done")], done);
    text.sample(&[("result", "refused")], refused);
    text.counter(
        "bellhop_log_lines_lost_total",
        "Log lines that nobody took in time.",
    );
    text.sample(&[], log::lost());
    process::write(&mut text);
    if let Some(running) = state.running() {
        let lives = running.pulse.take(patience).await;
        workers(&mut text, &lives);
        tables(&mut text, running);
        let traffic = running.traffic.iter().map(AsRef::as_ref);
        messages(&mut text, &Sum::of(traffic));
        losses(&mut text, &running.counters);
        aside(&mut text, running);
        calls::write(&mut text, &running.tally);
        calls::write_records(&mut text, &running.elsewhere.ledger);
        store::write(&mut text, &running.store);
        leases::write(&mut text, &running.leases);
        subscriptions::write(&mut text, &running.subscriptions);
        let now = running.clock.now().instant;
        subscriptions::write_held(&mut text, running.plugins.held(), now);
        let seen = running.upstreams.seen(running.clock.now());
        upstreams::write(&mut text, &seen);
        plugins::write(&mut text, &running.plugins);
    }
    text.into_text()
}

/// What other threads do for the workers.
fn aside(text: &mut Text, running: &Running) {
    let lookups = running.elsewhere.seeker.counters();
    text.counter(
        "bellhop_user_lookups_total",
        "Users looked up elsewhere, by what came of it.",
    );
    results(
        text,
        &[
            ("found", &lookups.found),
            ("nobody", &lookups.nobody),
            ("failed", &lookups.failed),
        ],
    );
    let pushes = running.elsewhere.notifier.counters();
    text.counter(
        "bellhop_pushes_total",
        "Notifications of phones that sleep, by what came of it.",
    );
    results(
        text,
        &[
            ("sent", &pushes.sent),
            ("failed", &pushes.failed),
            ("dropped", &pushes.dropped),
        ],
    );
}

fn results(text: &mut Text, counters: &[(&str, &AtomicU64)]) {
    for (result, counter) in counters {
        text.sample(&[("result", result)], counter.load(Ordering::Relaxed));
    }
}

fn workers(text: &mut Text, lives: &[Option<Live>]) {
    text.gauge(
        "bellhop_worker_up",
        "1 if the worker answers, 0 if it is stuck.",
    );
    for (live, worker) in lives.iter().zip(0_usize..) {
        let worker = worker.to_string();
        text.sample(&[("worker", &worker)], u8::from(live.is_some()));
    }
    let sum = |part: fn(&Live) -> usize| {
        let parts = lives.iter().flatten().map(part);
        parts.fold(0, usize::saturating_add)
    };
    text.gauge(
        "bellhop_transactions",
        "Transactions that live (RFC 3261 17).",
    );
    text.sample(&[("kind", "server")], sum(|live| live.server));
    text.sample(&[("kind", "client")], sum(|live| live.client));
    text.gauge(
        "bellhop_response_contexts",
        "Requests under way to their targets (RFC 3261 16.7).",
    );
    text.sample(&[], sum(|live| live.contexts));
    text.gauge(
        "bellhop_transaction_memory_bytes",
        "What transactions and contexts hold, about.",
    );
    text.sample(&[], sum(|live| live.held));
}

fn tables(text: &mut Text, running: &Running) {
    let now = running.clock.now();
    let uptime = Duration::from_micros(now.instant.as_micros());
    text.gauge(
        "bellhop_start_time_seconds",
        "When the program started, since the Unix epoch.",
    );
    text.sample(&[], now.unix.saturating_sub(uptime).as_secs());
    text.gauge("bellhop_bindings", "Bindings of all AoRs.");
    text.sample(&[], running.location.len());
    text.gauge(
        "bellhop_nonces_remembered",
        "Nonces whose counts are remembered.",
    );
    text.sample(&[], running.replay.len());
    text.gauge(
        "bellhop_connections",
        "Connections that are open, by transport and by who opened them.",
    );
    let (accepted, opened) = running.connections.counts_of(Transport::Tcp);
    text.sample(&[("by", "peer"), ("transport", "tcp")], accepted);
    text.sample(&[("by", "bellhop"), ("transport", "tcp")], opened);
    let (accepted, _) = running.connections.counts_of(Transport::Ws);
    text.sample(&[("by", "peer"), ("transport", "ws")], accepted);
}

fn messages(text: &mut Text, sum: &Sum) {
    text.counter(
        "bellhop_requests_total",
        "Requests received and sent, copies too.",
    );
    for ((way, transport, method), count) in &sum.requests {
        let labels: [Label<'_>; 3] = [
            ("direction", way),
            ("transport", transport),
            ("method", method),
        ];
        text.sample(&labels, count);
    }
    text.counter(
        "bellhop_responses_total",
        "Responses received and sent, copies too.",
    );
    for ((way, transport, status), count) in &sum.responses {
        let status = status.to_string();
        let labels: [Label<'_>; 3] = [
            ("direction", way),
            ("transport", transport),
            ("status", &status),
        ];
        text.sample(&labels, count);
    }
    text.counter(
        "bellhop_challenges_total",
        "Requests whose sender was asked for credentials.",
    );
    text.sample(&[], sum.challenges);
    text.counter(
        "bellhop_dropped_total",
        "Messages that were neither answered nor relayed, by reason.",
    );
    for (why, count) in &sum.drops {
        text.sample(&[("reason", why)], count);
    }
    text.histogram(
        "bellhop_receive_batch_datagrams",
        "Datagrams that one system call brought.",
    );
    let all = sum.batches.last().map_or(0, |(_, count)| *count);
    let buckets = sum
        .batches
        .iter()
        .map(|(most, count)| (*most as f64, *count));
    text.buckets(&[], buckets, sum.datagrams as f64, all);
}

fn losses(text: &mut Text, counters: &Counters) {
    let families: [Family<'_>; 6] = [
        (
            "bellhop_messages_lost_total",
            "Messages that could not be sent.",
            "reason",
            &[
                ("send buffer full", &counters.dropped_busy),
                ("unsendable", &counters.dropped_unsendable),
            ],
        ),
        (
            "bellhop_receive_errors_total",
            "Errors that the system gave in place of a datagram.",
            "",
            &[("", &counters.receive_errors)],
        ),
        (
            "bellhop_connections_opened_total",
            "Connections accepted and opened.",
            "transport",
            &[("tcp", &counters.opened), ("ws", &counters.opened_web)],
        ),
        (
            "bellhop_connections_refused_total",
            "Connections not accepted and not opened, for too many are.",
            "by",
            &[
                ("peer", &counters.refused),
                ("bellhop", &counters.refused_dials),
            ],
        ),
        (
            "bellhop_connections_ended_total",
            "Connections that ended otherwise than by their peer's wish.",
            "reason",
            &[
                ("unread", &counters.closed_unread),
                ("deadline", &counters.closed_late),
                ("unframed", &counters.closed_unframed),
                ("unopened", &counters.closed_unopened),
                ("evicted", &counters.closed_evicted),
                ("failed", &counters.failed),
            ],
        ),
        (
            "bellhop_faults_total",
            "What should not be: look-ups refused for too many wait, panics of the core.",
            "kind",
            &[
                ("look-up refused", &counters.refused_lookups),
                ("panic", &counters.panics),
            ],
        ),
    ];
    for (name, help, label, samples) in families {
        text.counter(name, help);
        for (value, counter) in samples {
            let labels = [(label, *value)];
            let labels = if label.is_empty() {
                &[]
            } else {
                labels.as_slice()
            };
            text.sample(labels, counter.value());
        }
    }
}
