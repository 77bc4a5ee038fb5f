//! The signals that are heeded, from the first moment on: process 1 of a container has no defaults.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals we heed.
pub(super) struct Signals {
    /// Read the configuration again.
    pub(super) hangup: Signal,
    /// End.
    pub(super) terminate: Signal,
    /// End, at the terminal.
    pub(super) interrupt: Signal,
}

impl Signals {
    /// Heeds them.
    ///
    /// # Errors
    /// The system does not give them.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the word to end.
    pub(super) async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
