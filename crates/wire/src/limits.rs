//! Bounds on what one message may cost.

/// Bounds on one message, checked while it is framed and indexed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Whole message in bytes; more is 513 (RFC 3261 21.5.14).
    pub message: usize,
    /// Header lines; more is 400.
    pub headers: usize,
    /// Bytes of one header line with its folds, or of the start line; more is 400 (start line: 414).
    pub line: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message: 65_535,
            headers: 128,
            line: 8_192,
        }
    }
}
