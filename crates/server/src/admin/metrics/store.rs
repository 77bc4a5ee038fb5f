//! What the store has done.

use super::text::Text;
use crate::store::Store;

/// Nothing where there is none.
pub(super) fn write(text: &mut Text, store: &Store) {
    let Some(status) = store.status() else {
        return;
    };
    text.gauge(
        "bellhop_store_up",
        "1 if bindings can be written, 0 if REGISTER is answered 503 for they cannot.",
    );
    text.sample(&[], u8::from(status.trouble.is_none()));
    text.counter(
        "bellhop_store_commits_total",
        "Groups of changes, by whether they are on disk.",
    );
    text.sample(&[("result", "stored")], status.commits);
    text.sample(&[("result", "failed")], status.failed);
    text.counter(
        "bellhop_store_commit_seconds_total",
        "Time that the groups took which are on disk, fsync included.",
    );
    text.sample(&[], status.took.as_secs_f64());
    text.gauge(
        "bellhop_store_longest_commit_seconds",
        "How long the longest of them took.",
    );
    text.sample(&[], status.longest.as_secs_f64());
    text.counter(
        "bellhop_store_written_total",
        "Addresses-of-record written, each once in a group.",
    );
    text.sample(&[], status.written);
    text.counter(
        "bellhop_store_refused_total",
        "REGISTERs that were answered 503 for their bindings could not be written.",
    );
    text.sample(&[], status.refused);
    text.gauge("bellhop_store_waiting", "Changes that are not on disk yet.");
    text.sample(&[], status.waiting);
    text.gauge(
        "bellhop_store_records",
        "Addresses-of-record on disk, since the last write.",
    );
    text.sample(&[], status.records);
    if let Some(size) = store.size() {
        text.gauge("bellhop_store_file_bytes", "Size of the file.");
        text.sample(&[], size);
    }
    calls(text, store);
}

fn calls(text: &mut Text, store: &Store) {
    let Some((status, size)) = store.calls() else {
        return;
    };
    text.gauge(
        "bellhop_call_store_up",
        "1 if calls and subscriptions of two legs can be written, 0 if those that are not written end with the program.",
    );
    text.sample(&[], u8::from(status.trouble.is_none()));
    text.counter(
        "bellhop_call_store_commits_total",
        "Groups of calls and subscriptions, by whether they are on disk.",
    );
    text.sample(&[("result", "stored")], status.commits);
    text.sample(&[("result", "failed")], status.failed);
    text.gauge(
        "bellhop_call_store_longest_commit_seconds",
        "How long the longest of them took.",
    );
    text.sample(&[], status.longest.as_secs_f64());
    text.gauge(
        "bellhop_call_store_waiting",
        "Changes of calls and subscriptions that are not on disk yet.",
    );
    text.sample(&[], status.waiting);
    text.gauge(
        "bellhop_call_store_records",
        "Calls on disk, since the last write.",
    );
    text.sample(&[], status.records);
    text.gauge(
        "bellhop_call_store_subscriptions",
        "Relayed subscriptions of two dialogs on disk, since the last write.",
    );
    text.sample(&[], status.beside);
    if let Some(size) = size {
        text.gauge("bellhop_call_store_file_bytes", "Size of their file.");
        text.sample(&[], size);
    }
}
