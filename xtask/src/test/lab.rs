//! Brings what the real-peer tests need: Debian packages unpacked into a
//! directory of the repository, a Python module, a container engine. What
//! cannot be had is said; the tests that need it count as skipped.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the lab is, and what is missing from it.
pub(super) struct Lab {
    pub(super) dir: PathBuf,
    pub(super) missing: Vec<String>,
}

/// Brings what is not there yet; a second run finds all of it and is quick.
pub(super) fn prepare(root: &Path) -> Lab {
    let dir = std::env::var_os("BELLHOP_LAB_DIR").map_or_else(|| root.join(".lab"), PathBuf::from);
    let mut missing = Vec::new();
    let steps: [(&str, Step); 6] = [
        ("Asterisk, SIPp and baresip", packages),
        ("Kamailio", kamailio),
        ("PJSIP (the Python module pjsua2)", pjsua),
        ("phones of browsers (JsSIP, SIP.js)", js),
        ("a browser (Chromium)", chromium),
        ("a container engine (podman)", podman),
    ];
    for (what, step) in steps {
        if let Err(why) = step(root, &dir) {
            let line = format!("MISSING {what}: {why}; the tests that need it are skipped");
            println!("{line}");
            missing.push(line);
        }
    }
    Lab { dir, missing }
}

type Step = fn(&Path, &Path) -> Result<(), String>;

fn packages(root: &Path, dir: &Path) -> Result<(), String> {
    provision(root, dir, "peers")
}

fn kamailio(root: &Path, dir: &Path) -> Result<(), String> {
    provision(root, dir, "kamailio")
}

fn provision(root: &Path, dir: &Path, set: &str) -> Result<(), String> {
    std::fs::create_dir_all(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let mut script = Command::new(root.join("tests/lab/provision.sh"));
    script.arg(set).env("BELLHOP_LAB_DIR", dir);
    // Once more: the first index of a mirror that is being renewed may not fit.
    run(&mut script).or_else(|_| run(&mut script))
}

fn pjsua(_root: &Path, dir: &Path) -> Result<(), String> {
    let venv = dir.join("venv");
    let stamp = venv.join(PJSUA);
    if stamp.exists() {
        return Ok(());
    }
    let made = || {
        run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&venv))
    };
    if made().is_err() {
        apt_install(&["python3", "python3-venv"])?;
        made()?;
    }
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--only-binary",
        ":all:",
        PJSUA,
    ];
    run(Command::new(venv.join("bin/python")).args(pip))?;
    std::fs::write(&stamp, "").map_err(|e| format!("{}: {e}", stamp.display()))
}

fn js(root: &Path, dir: &Path) -> Result<(), String> {
    if !on_path("node") || !on_path("npm") {
        apt_install(&["nodejs", "npm"])?;
    }
    run(Command::new(root.join("tests/lab/js.sh")).env("BELLHOP_LAB_DIR", dir))
}

fn chromium(_root: &Path, _dir: &Path) -> Result<(), String> {
    if on_path("chromium") {
        return Ok(());
    }
    apt_install(&["chromium"])
}

fn podman(_root: &Path, _dir: &Path) -> Result<(), String> {
    if on_path("podman") {
        return Ok(());
    }
    apt_install(&["podman", "crun"])
}

fn apt_install(packages: &[&str]) -> Result<(), String> {
    if !on_path("apt-get") {
        return Err("not on a Debian system, so nothing can be installed".to_owned());
    }
    if !is_root() {
        return Err(format!("not root, so {packages:?} cannot be installed"));
    }
    run(Command::new("apt-get").args(["-qq", "update"]))?;
    let mut install = Command::new("apt-get");
    install
        .args(["-qq", "-y", "--no-install-recommends", "install"])
        .args(packages);
    run(install.env("DEBIAN_FRONTEND", "noninteractive"))
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    let line = format!("{program} {}", arguments.join(" "));
    println!("$ {line}");
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|e| format!("{program}: {e}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{line}: {status}"))
    }
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).exists())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout == b"0\n")
}

/// The module and its version: a wheel, so that nothing is compiled.
const PJSUA: &str = "pjsua2-python==2.15.1.post1";
