//! Memory that peers can make us hold: bytes queued for those who do not read, and halves of messages.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What all connections together hold. When it is spent, each may hold only [`Budget::LITTLE`], so that
/// those who hold much are shed and the others go on.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    held: AtomicUsize,
}

impl Budget {
    /// Bytes that a connection may hold when the budget is spent: some messages of the usual size.
    pub(crate) const LITTLE: usize = 16 * 1024;

    /// A budget of so many bytes.
    pub(crate) const fn new(limit: usize) -> Self {
        Self {
            limit,
            held: AtomicUsize::new(0),
        }
    }

    /// Whether more is held than should be.
    pub(crate) fn is_spent(&self) -> bool {
        self.held.load(Ordering::Relaxed) > self.limit
    }

    /// So much more is held.
    pub(crate) fn take(&self, bytes: usize) {
        self.held.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So much less is held.
    pub(crate) fn give(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// What is held.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}
