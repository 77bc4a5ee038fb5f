//! How one plugin is run: what the configuration's `[[plugin]]` says, checked and typed.

use crate::grants::Grants;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// One plugin. The order of the list that [`crate::Registry`] is given is the order of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginConfig {
    /// Its name, unlike all others'. What it has stored and counted belongs to the name and outlives a swap.
    pub name: String,
    /// A component, or a core module built for `wasm32-unknown-unknown`.
    pub file: PathBuf,
    /// What the file's SHA-256 must be.
    pub sha256: Option<[u8; 32]>,
    /// Handed to the plugin: JSON text.
    pub config: String,
    /// What it may do.
    pub grants: Grants,
    /// What a message meets when the plugin fails.
    pub on_error: OnError,
    /// How long one hook may compute. Waiting for HTTP is not counted; see [`HttpLimits::deadline`].
    pub deadline: Duration,
    /// Linear memory of one instance, bytes.
    pub memory: usize,
    /// How long an instance lives.
    pub isolation: Isolation,
    /// It only watches: its verdicts are compared with those of the plugin before it in the list that is
    /// no shadow (or with `continue` if there is none), and have no effect.
    pub shadow: bool,
    /// How often on-timer runs; `None`: never.
    pub timer: Option<Duration>,
    /// How much it may keep in the store.
    pub store: StoreLimits,
    /// Whom it may ask, with the capability `http`.
    pub http: HttpLimits,
    /// Log lines a second; more are dropped and counted.
    pub log_lines: u32,
    /// When it is left alone after failures.
    pub quarantine: Quarantine,
}

impl PluginConfig {
    /// With the defaults: no grants, `continue` on error, 5 ms, 16 MiB, kept instances.
    pub fn new(name: impl Into<String>, file: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            file: file.into(),
            sha256: None,
            config: "{}".into(),
            grants: Grants::NONE,
            on_error: OnError::Continue,
            deadline: Duration::from_millis(5),
            memory: 16 << 20,
            isolation: Isolation::Kept,
            shadow: false,
            timer: None,
            store: StoreLimits::default(),
            http: HttpLimits::default(),
            log_lines: 100,
            quarantine: Quarantine::default(),
        }
    }

    /// The largest `memory`.
    pub const MOST_MEMORY: usize = 256 << 20;
}

/// What a message meets when a plugin traps, is cut off, or gives a verdict that breaks a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The next plugin, as if this one had said `continue`, without its edits.
    #[default]
    Continue,
    /// 500; at on-failure the best response, and at on-response no edit.
    Reject,
}

/// How long an instance of a plugin lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Until it fails: one for each worker.
    #[default]
    Kept,
    /// For one call: nothing in its memory passes from message to message. Some sixty times the cost.
    Request,
}

/// How much a plugin may keep in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// Keys, those of token buckets counted by themselves.
    pub keys: usize,
    /// Bytes of keys and values together.
    pub bytes: usize,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            keys: 100_000,
            bytes: 64 << 20,
        }
    }
}

/// Whom a plugin may ask over HTTP, and how long it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// `api.example.org`, `api.example.org:8443` or `*.example.org`; without a port the scheme's own. A
    /// host with `https://` before it may not be asked in clear text.
    pub hosts: Vec<String>,
    /// One fetch, at most.
    pub timeout: Duration,
    /// One hook with all its fetches; then the message goes on by `on_error`.
    pub deadline: Duration,
    /// The body of a response, bytes.
    pub response: usize,
    /// Hooks that wait at the same time.
    pub concurrency: usize,
    /// Hooks that stand in line for that; one more fails at once.
    pub queue: usize,
}

impl HttpLimits {
    /// When a hook that begins now has to end.
    pub(crate) fn until(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.deadline).unwrap_or(now)
    }
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            timeout: Duration::from_secs(1),
            deadline: Duration::from_secs(2),
            response: 1 << 20,
            concurrency: 16,
            queue: 256,
        }
    }
}

/// When a plugin is left alone after failures: it is not called and its messages go by `on_error`. The same
/// numbers count for each source of messages by itself: its messages alone go by `on_error`, then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// After this many failures, all workers counted together, .. (0: never)
    pub failures: u32,
    /// .. within this time, ..
    pub within: Duration,
    /// .. for this long. Then it is tried again, and one failure is enough.
    pub pause: Duration,
}

impl Quarantine {
    /// Whether so many failures are enough.
    pub(crate) const fn is_reached(&self, failures: u32) -> bool {
        self.failures != 0 && failures >= self.failures
    }
}

impl Default for Quarantine {
    fn default() -> Self {
        Self {
            failures: 20,
            within: Duration::from_secs(10),
            pause: Duration::from_secs(30),
        }
    }
}
