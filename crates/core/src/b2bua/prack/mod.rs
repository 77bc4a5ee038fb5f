//! PRACK on one side only (RFC 3262): the called's responses acknowledged in the caller's place (`early`), and ours that
//! the caller acknowledges where the called knows nothing of it (`reliable`).

pub(super) mod early;
pub(super) mod reliable;
