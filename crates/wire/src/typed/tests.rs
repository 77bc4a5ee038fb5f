//! The bridge to rsip, with rsip as oracle.
