//! The one unsafe call of the crate: machine code from a file into this process.
//!
//! **Argument.** `Component::deserialize_file` runs what the file holds, so the file must be one that
//! wasmtime itself wrote for this very engine, unchanged. The caller sees to it:
//!
//! - the folder is 0700 and the file 0600 and both belong to our own user, checked before each use
//!   and not through a symbolic link: whoever can put a file there can already run code as us;
//! - only [`super::Cache::keep`] writes there, under a fresh name that is synced before it is renamed, so
//!   a file under the final name is whole, and is never changed in place while it is mapped;
//! - the name holds the hash of wasmtime's version, its settings and our own version; wasmtime checks
//!   the version, the target and the settings that the file names once more, and refuses others.

use std::path::Path;
use wasmtime::Engine;
use wasmtime::component::Component;

/// Maps a file that [`super::Cache::keep`] wrote.
///
/// # Errors
/// It is not there, or not for this engine.
#[allow(unsafe_code, reason = "see the argument above")]
pub(super) fn component(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the file is ours alone and written by wasmtime; see the module's argument.
    unsafe { Component::deserialize_file(engine, path) }
}
