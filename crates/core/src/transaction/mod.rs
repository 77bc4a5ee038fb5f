//! The four transaction machines and their table (RFC 3261 17, RFC 6026, RFC 4320).

/// Settings.
#[derive(Clone, Debug)]
pub struct TimerConfig;
