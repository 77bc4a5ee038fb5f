//! The engine that joins transactions, digest, registrar and proxy.
