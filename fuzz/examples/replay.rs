//! Runs each target over all its seeds and its corpus once, for `cargo xtask coverage`.

use bellhop_fuzz::{digest, edits, engine, framer, index, settings};
use std::path::Path;

fn main() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (target, run) in TARGETS {
        let mut count = 0_usize;
        for kind in ["seeds", "corpus"] {
            let files = std::fs::read_dir(here.join(kind).join(target));
            for file in files.into_iter().flatten().flatten() {
                if let Ok(bytes) = std::fs::read(file.path()) {
                    run(&bytes);
                    count += 1;
                }
            }
        }
        println!("replay {target}: {count} inputs");
    }
}

type Run = fn(&[u8]);

const TARGETS: [(&str, Run); 6] = [
    ("framer", framer::run),
    ("index", index::run),
    ("edits", edits::run),
    ("config", settings::run),
    ("digest", digest::run),
    ("engine", engine::run),
];
