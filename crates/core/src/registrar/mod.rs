//! The registrar and location service (RFC 3261 10).

/// Settings.
#[derive(Clone, Debug)]
pub struct RegistrarConfig;
