//! The bridge to `rsip`: our views become its owned vocabulary, guarded against what its parsers
//! lose. Slow path: tools, tests, messages we make ourselves.
