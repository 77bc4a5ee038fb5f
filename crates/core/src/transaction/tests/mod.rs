//! The machines by their whole transition tables and by the RFC's sentences, the table by scenarios.
