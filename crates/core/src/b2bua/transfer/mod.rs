//! Attended transfer (RFC 3515, RFC 3891, RFC 3911): a dialog that is named in a Replaces or a Join (`ids`), what is asked
//! of the shard that has it (`named`, `directory`), what others are told it is called (`alias`), and the request that goes
//! on with that name (`translate`).

mod alias;
mod directory;
pub(super) mod ids;
pub(super) mod named;
pub(super) mod translate;
