//! Harness for the scenario tests: runs the real binary and real peers.
