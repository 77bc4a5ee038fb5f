//! The plugin's own figures: `bellhop_plugin_user_NAME{plugin=".."}` in the host's `/metrics`.
//! Always granted; at most 64 names, each `[a-z][a-z0-9_]*` of at most 64 bytes.

use crate::host::metrics;

/// A count that only grows. Make it once, in [`Plugin::start`](crate::Plugin::start) or at first use.
pub struct Counter(metrics::Counter);

impl Counter {
    /// The counter of this name.
    pub fn new(name: &str) -> Self {
        Self(metrics::Counter::new(name))
    }

    /// Adds to it.
    pub fn add(&self, by: u64) {
        self.0.add(by);
    }
}

/// A distribution of values.
pub struct Histogram(metrics::Histogram);

impl Histogram {
    /// The histogram of this name.
    pub fn new(name: &str) -> Self {
        Self(metrics::Histogram::new(name))
    }

    /// Takes a value in.
    pub fn observe(&self, value: f64) {
        self.0.observe(value);
    }
}
