//! The lab: what `tests/lab/provision.sh` fetched, and what is told when a
//! part of it is missing.

use crate::netns::Place;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The lab on this machine.
#[derive(Clone, Debug)]
pub struct Lab {
    dir: PathBuf,
}

impl Lab {
    /// The lab, or nothing: then the calling test is counted as skipped and
    /// must return.
    pub fn or_skip() -> Option<Self> {
        let lab = Self { dir: lab_dir() };
        if lab.dir.join("provisioned").exists() {
            return Some(lab);
        }
        skip(&format!(
            "no lab in {}: run cargo xtask test",
            lab.dir.display()
        ));
        None
    }

    /// Whether Kamailio is there too.
    pub fn has_kamailio(&self) -> bool {
        self.dir.join("kamailio.provisioned").exists()
    }

    /// The interpreter that has the PJSIP module, if it could be installed.
    pub fn python(&self) -> Option<PathBuf> {
        let python = self.dir.join("venv/bin/python");
        python.exists().then_some(python)
    }

    /// Where the phones of browsers are, if they could be fetched.
    pub fn js(&self) -> Option<PathBuf> {
        let dir = self.dir.join("js");
        dir.join("provisioned").exists().then_some(dir)
    }

    /// A file of `tests/lab`.
    pub fn file(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("lab").join(name)
    }

    /// The unpacked Debian tree.
    pub fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// A script of `tests/lab`, run in `place`.
    pub fn script(&self, place: &Place, name: &str) -> Command {
        let mut command = place.command(Self::file(name));
        command.env("BELLHOP_LAB_DIR", &self.dir);
        command
    }

    /// A program of the unpacked tree, e.g. `usr/bin/sipp`, run in `place`.
    pub fn program(&self, place: &Place, path: &str) -> Command {
        let mut command = self.script(place, "run.sh");
        command.arg(path);
        command
    }
}

/// Says loudly that the running test is skipped and why, and has it counted.
/// `cargo xtask test` gives the file to count in.
///
/// # Panics
/// If the file cannot be written: an uncounted skip would look like a pass.
pub fn skip(why: &str) {
    let thread = std::thread::current();
    let line = format!("SKIPPED {}: {why}\n", thread.name().unwrap_or("a test"));
    // Not eprint!: what it prints is hidden when the test passes.
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(file) = std::env::var_os("BELLHOP_SKIPS") {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .append(true)
            .create(true)
            .open(file)
            .expect("the file of skips");
        file.write_all(line.as_bytes()).expect("the file of skips");
    }
}

/// The repository's root.
pub fn repository() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

fn lab_dir() -> PathBuf {
    std::env::var_os("BELLHOP_LAB_DIR").map_or_else(|| repository().join(".lab"), PathBuf::from)
}
