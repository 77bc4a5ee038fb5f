//! Compiled plugins on disk, so that a start need not compile: a folder that nobody but we can write.

mod map;

use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use wasmtime::Engine;
use wasmtime::component::Component;

/// The folder. Files in it are named by what they were compiled from and for.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    /// Of what the code was compiled for: wasmtime's version, its settings, the processor; and of us.
    engine: String,
}

impl Cache {
    /// Makes the folder if it is not there.
    ///
    /// # Errors
    /// It cannot be made, or others may write to it, or it is not ours.
    pub(crate) fn open(folder: &Path, engine: &Engine) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let found = fs::symlink_metadata(folder)?;
        if !found.is_dir() || !is_ours_alone(&found) {
            let why =
                "the plugin cache must be a folder of our own that others cannot write (0700)";
            return Err(io::Error::other(why));
        }
        let mut hasher = Hashing(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        FORMAT.hash(&mut hasher);
        env!("CARGO_PKG_VERSION").hash(&mut hasher);
        Ok(Self {
            folder: folder.to_owned(),
            engine: hex(hasher.0.finalize().get(..8).unwrap_or_default()),
        })
    }

    /// The component compiled from the file of this hash, if it is here.
    pub(crate) fn find(&self, engine: &Engine, source: &[u8; 32]) -> Option<Component> {
        let path = self.path(source);
        let found = fs::symlink_metadata(&path).ok()?;
        if !found.is_file() || !is_ours_alone(&found) {
            tracing::warn!(path = %path.display(), "not a file of ours alone: compiling again");
            return None;
        }
        match map::component(engine, &path) {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "cannot be used: compiling again");
                None
            }
        }
    }

    /// Keeps a component. A file appears whole or not at all.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn keep(&self, source: &[u8; 32], component: &Component) -> io::Result<()> {
        let code = component.serialize().map_err(io::Error::other)?;
        let path = self.path(source);
        let fresh = path.with_extension(format!("{}.new", std::process::id()));
        let written = self.write(&fresh, &code);
        let placed = written.and_then(|()| fs::rename(&fresh, &path));
        if placed.is_err() {
            let _ = fs::remove_file(&fresh);
        }
        self.forget_the_oldest();
        placed
    }

    /// Versions come and go: what has not been made for long may be made again if it is asked for.
    fn forget_the_oldest(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return;
        };
        let made = |path: &PathBuf| fs::symlink_metadata(path).and_then(|found| found.modified());
        let paths = entries.flatten().map(|entry| entry.path());
        let compiled = paths.filter(|path| path.extension().is_some_and(|kind| kind == "cwasm"));
        let mut dated: Vec<_> = compiled
            .filter_map(|path| Some((made(&path).ok()?, path)))
            .collect();
        dated.sort_unstable();
        let surplus = dated.len().saturating_sub(MOST_FILES);
        for (_, path) in dated.iter().take(surplus) {
            let _ = fs::remove_file(path);
        }
    }

    fn write(&self, path: &Path, code: &[u8]) -> io::Result<()> {
        let _ = fs::remove_file(path);
        let mut file: File = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(code)?;
        file.sync_all()
    }

    fn path(&self, source: &[u8; 32]) -> PathBuf {
        self.folder
            .join(format!("{}-{}.cwasm", hex(source), self.engine))
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Whether it belongs to the user that we are, and no other may write it.
fn is_ours_alone(found: &fs::Metadata) -> bool {
    found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o077 == 0
}

/// Compiled files that are kept, 150 kB each for a plugin in Rust.
const MOST_FILES: usize = 128;
/// Changes when what is made of a core module before it is compiled does.
const FORMAT: u32 = 1;

/// SHA-256 as a `Hasher`.
struct Hashing(Sha256);

impl Hasher for Hashing {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}
