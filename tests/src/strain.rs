//! Plugins under strain, in the program as it is shipped, while calls go through it: swapped a hundred times
//! (`cargo xtask swaps`), and misbehaving for the messages of one peer (`cargo xtask abuse`).

pub mod abuse;
pub mod swaps;

use crate::admin::Admin;
use crate::lane::Lane;
use std::path::{Path, PathBuf};

/// A plugin of `plugins/built`.
pub fn built(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/built");
    root.join(format!("{name}.wasm"))
}

/// A `[[plugin]]` of this file; `more` are further keys.
pub fn plugin(name: &str, file: &Path, more: &str) -> String {
    format!(
        "[[plugin]]\nname = {name:?}\nfile = {:?}\n{more}\n",
        file.display().to_string()
    )
}

/// An `[admin]` for this lane.
pub fn admin(lane: &Lane) -> String {
    format!("[admin]\nbind = \"{}\"\n", Admin::of(lane).address())
}

/// Another version of a plugin that does the same: one custom section more, so that it is another file and
/// compiled anew.
pub fn another(wasm: &[u8], version: u32) -> Vec<u8> {
    let text = format!("version {version:010}");
    let mut file = wasm.to_vec();
    // WebAssembly core, 5.5.3: id 0, its size, a name with its length, and whatever one likes.
    let name = b"v";
    let size = 1 + name.len() + text.len();
    file.extend([0, u8::try_from(size).expect("a short section"), 1]);
    file.extend(name);
    file.extend(text.as_bytes());
    file
}
