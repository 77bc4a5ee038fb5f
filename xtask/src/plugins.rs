//! `cargo xtask plugins`: the sample plugins' WebAssembly, built and kept in `plugins/built`, and the proof
//! that what is kept is what the sources build to. `cargo xtask bindings`: the SDK's side of the contract.

use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Builds all plugins and keeps what came out; with `--check` says what is not as kept, exit status 1.
pub(crate) fn run(root: &Path, args: &[String]) -> ExitCode {
    let done = match args {
        [] => build(root),
        [check] if check == "--check" => self::check(root),
        _ => Err("usage: cargo xtask plugins [--check]".to_owned()),
    };
    match done {
        Ok(said) => {
            println!("plugins: {said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("plugins: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes `plugins/sdk/src/bindings.rs` from `wit/`, or checks it with `--check`. The generator is a
/// workspace of its own: its 40 crates are built only here.
pub(crate) fn bindings(root: &Path, args: &[String]) -> ExitCode {
    let mut run = cargo(root);
    run.args(["run", "--quiet", "--locked", "--manifest-path"]);
    run.args(["xtask/bindings/Cargo.toml", "--"]).args(args);
    match run.status().is_ok_and(|status| status.success()) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// What is kept of one plugin, beside its file: `plugins/built/kept.toml`.
#[derive(Debug, Default, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Kept {
    /// SHA-256 of what it is built from: names and texts of its sources, the SDK's, the manifests and the lock.
    sources: String,
    /// SHA-256 of the file.
    wasm: String,
    /// What `rustc --version` said.
    rustc: String,
}

fn build(root: &Path) -> Result<String, String> {
    let mut kept = BTreeMap::new();
    for (name, wasm) in compile(root)? {
        let entry = Kept {
            sources: sources(root, &name)?,
            wasm: hash(&[&wasm]),
            rustc: rustc()?,
        };
        write(&built(root, &format!("{name}.wasm")), &wasm)?;
        println!("{name:<18}{:>8} bytes", wasm.len());
        kept.insert(name, entry);
    }
    let text = toml::to_string(&kept).map_err(|error| error.to_string())?;
    let head = "# Written by `cargo xtask plugins`; `--check` holds the files to it.\n";
    write(
        &built(root, "kept.toml"),
        format!("{head}{text}").as_bytes(),
    )?;
    Ok(format!("{} kept in plugins/built", kept.len()))
}

fn check(root: &Path) -> Result<String, String> {
    let kept = built(root, "kept.toml");
    let text = std::fs::read_to_string(&kept).map_err(|e| format!("{}: {e}", kept.display()))?;
    let kept: BTreeMap<String, Kept> = toml::from_str(&text).map_err(|e| e.to_string())?;
    let names = names(root)?;
    if !kept.keys().eq(&names) {
        return Err(format!(
            "kept: {:?}, there are: {names:?}. {REMEDY}",
            kept.keys()
        ));
    }
    for (name, entry) in &kept {
        if sources(root, name)? != entry.sources {
            return Err(format!(
                "{name}: its sources are not those that it was built from. {REMEDY}"
            ));
        }
        let file = built(root, &format!("{name}.wasm"));
        let wasm = std::fs::read(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        if hash(&[&wasm]) != entry.wasm {
            return Err(format!(
                "{}: is not what was kept. {REMEDY}",
                file.display()
            ));
        }
    }
    let here = rustc()?;
    if kept.values().any(|entry| entry.rustc != here) || !has_target() {
        return Ok(format!(
            "MISSING the compiler of plugins/built/kept.toml with {TARGET}: {} held to the hashes of \
             sources and files only",
            kept.len()
        ));
    }
    for (name, wasm) in compile(root)? {
        if kept
            .get(&name)
            .is_none_or(|entry| entry.wasm != hash(&[&wasm]))
        {
            return Err(format!(
                "{name}: the sources build to other bytes. {REMEDY}"
            ));
        }
    }
    Ok(format!(
        "{} are, byte for byte, what the sources build to",
        kept.len()
    ))
}

/// All plugins, built. Paths are cut off, so that the bytes are the same in each folder.
fn compile(root: &Path) -> Result<Vec<(String, Vec<u8>)>, String> {
    if !has_target() {
        return Err(format!("no {TARGET} here: rustup target add {TARGET}"));
    }
    let folder = root.join("plugins");
    let mut build = cargo(&folder);
    build.args([
        "build",
        "--release",
        "--locked",
        "--target",
        TARGET,
        "--target-dir",
        "target",
    ]);
    build.env(
        "CARGO_ENCODED_RUSTFLAGS",
        format!("--remap-path-prefix={}=.", folder.display()),
    );
    let names = names(root)?;
    for name in &names {
        build.args(["--package", package(name)]);
    }
    if !build.status().is_ok_and(|status| status.success()) {
        return Err("the build failed".to_owned());
    }
    let out = folder.join("target").join(TARGET).join("release");
    let read = |name: String| {
        let file = out.join(format!("{}.wasm", package(&name).replace('-', "_")));
        let wasm = std::fs::read(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        Ok((name, wasm))
    };
    names.into_iter().map(read).collect()
}

/// The plugins: folders of `plugins/` and of `plugins/guests` with a manifest, but for the SDK. Sorted.
fn names(root: &Path) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for prefix in ["", GUESTS] {
        let folder = root.join("plugins").join(prefix);
        if !folder.is_dir() {
            continue;
        }
        let entries =
            std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        for entry in entries {
            let entry = entry.map_err(|error| error.to_string())?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if name != "sdk" && entry.path().join("Cargo.toml").is_file() {
                names.push(name);
            }
        }
    }
    names.sort();
    Ok(names)
}

/// The package of a plugin: its folder's own name.
fn package(name: &str) -> &str {
    name.strip_prefix(GUESTS).unwrap_or(name)
}

/// The hash of what a plugin is built from. Tests and documents are not in it; of the guests, which have
/// sources in common, each is built from all.
fn sources(root: &Path, name: &str) -> Result<String, String> {
    let folder = root.join("plugins");
    let mut files: Vec<PathBuf> = ["Cargo.toml", "Cargo.lock"]
        .map(|file| folder.join(file))
        .into();
    if name.starts_with(GUESTS) {
        collect(&folder.join(GUESTS), &mut files)?;
    }
    let whole = (!name.starts_with(GUESTS)).then_some(name);
    for part in ["sdk"].into_iter().chain(whole) {
        files.push(folder.join(part).join("Cargo.toml"));
        collect(&folder.join(part).join("src"), &mut files)?;
    }
    files.sort();
    let mut parts = Vec::new();
    for file in &files {
        let path = file.strip_prefix(&folder).unwrap_or(file);
        parts.push(path.to_string_lossy().replace('\\', "/").into_bytes());
        parts.push(std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?);
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    Ok(hash(&parts))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name == "tests.rs" || name == "tests" || name == "testing" {
            continue;
        }
        match path.is_dir() {
            true => collect(&path, files)?,
            false => files.push(path),
        }
    }
    Ok(())
}

/// Each part with its length before it, so that no two lists of parts are one.
fn hash(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let hex = |byte: &u8| format!("{byte:02x}");
    hash.finalize().iter().map(hex).collect()
}

fn has_target() -> bool {
    let sysroot = said("rustc", &["--print", "sysroot"]).unwrap_or_default();
    Path::new(&sysroot)
        .join("lib/rustlib")
        .join(TARGET)
        .is_dir()
}

fn rustc() -> Result<String, String> {
    said("rustc", &["--version"])
}

fn said(program: &str, args: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(args).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn built(root: &Path, file: &str) -> PathBuf {
    root.join("plugins/built").join(file)
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), String> {
    let folder = file.parent().unwrap_or(file);
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(file, bytes));
    written.map_err(|error| format!("{}: {error}", file.display()))
}

fn cargo(folder: &Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(folder);
    command
}

/// What tests and the bench run, no samples.
const GUESTS: &str = "guests/";
const TARGET: &str = "wasm32-unknown-unknown";
const REMEDY: &str = "Run `cargo xtask plugins` and commit plugins/built";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_of_a_source_or_of_the_sdk_changes_the_hash_and_a_test_does_not() {
        let root = std::env::temp_dir().join(format!("xtask-plugins-{}", std::process::id()));
        let put = |file: &str, text: &str| write(&root.join("plugins").join(file), text.as_bytes());
        for file in [
            "Cargo.toml",
            "Cargo.lock",
            "sdk/Cargo.toml",
            "sdk/src/lib.rs",
        ] {
            put(file, "a").unwrap();
        }
        put("one/Cargo.toml", "b").unwrap();
        put("one/src/lib.rs", "c").unwrap();
        let first = sources(&root, "one").unwrap();
        put("one/src/tests.rs", "d").unwrap();
        put("one/README.md", "d").unwrap();
        assert_eq!(sources(&root, "one").unwrap(), first);
        put("sdk/src/lib.rs", "A").unwrap();
        let second = sources(&root, "one").unwrap();
        assert_ne!(second, first);
        put("one/src/more.rs", "").unwrap();
        assert_ne!(sources(&root, "one").unwrap(), second);
        assert_eq!(names(&root).unwrap(), ["one"]);
        std::fs::remove_dir_all(&root).unwrap();
    }
}
