//! The core decides and touches nothing: time and chance are arguments, and
//! sockets, files, runtimes and formats are the shell's.

use super::{Tree, Violation, arrows};

/// No source of the core, its tests included, names the world.
pub(super) fn core_touches_no_world(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for source in tree
        .sources
        .iter()
        .filter(|source| source.path.starts_with(CORE))
    {
        for (word, why) in WORLD {
            for line in source.code_lines_with(word) {
                let what = format!("the core must not name {word}: {why}");
                found.push(Violation::new(&source.path, line, what));
            }
        }
    }
    found
}

/// Nor does its manifest bring a crate that does.
pub(super) fn core_depends_on_no_world(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for manifest in tree
        .manifests
        .iter()
        .filter(|manifest| manifest.path.starts_with(CORE))
    {
        for name in arrows::dependencies(manifest) {
            if WORLDLY_CRATES.contains(&name.as_str()) {
                let line = arrows::line_of(manifest, &name);
                let what = format!("the core must not depend on {name}");
                found.push(Violation::new(&manifest.path, line, what));
            }
        }
    }
    found
}

const CORE: &str = "crates/core/";

const CLOCK: &str = "the time is an argument";
const CHANCE: &str = "chance comes through the Entropy trait";
const SHELL: &str = "the server does that";

const WORLD: &[(&str, &str)] = &[
    ("Instant::now", CLOCK),
    ("SystemTime::now", CLOCK),
    ("sleep", CLOCK),
    ("getrandom", CHANCE),
    ("rand", CHANCE),
    ("thread_rng", CHANCE),
    ("tokio", SHELL),
    ("serde", SHELL),
    ("UdpSocket", SHELL),
    ("TcpStream", SHELL),
    ("TcpListener", SHELL),
    ("ToSocketAddrs", SHELL),
    ("std::fs", SHELL),
    ("std::env", SHELL),
    ("std::process", SHELL),
    ("thread::spawn", SHELL),
];

const WORLDLY_CRATES: &[&str] = &[
    "async-std",
    "getrandom",
    "mio",
    "nix",
    "rand",
    "serde",
    "serde_json",
    "smol",
    "socket2",
    "tokio",
    "toml",
    "wasmtime",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &str) -> usize {
        core_touches_no_world(&Tree::of_source("crates/core/src/a.rs", text)).len()
    }

    #[test]
    fn a_clock_in_the_core_is_found() {
        assert_eq!(broken("let now = Instant::now();"), 1);
        assert_eq!(broken("let wall = std::time::SystemTime::now();"), 1);
        assert_eq!(broken("fn handle(now: std::time::Instant) {}"), 0);
    }

    #[test]
    fn a_socket_in_the_core_is_found_and_an_address_passes() {
        assert_eq!(broken("use std::net::UdpSocket;"), 1);
        assert_eq!(broken("use std::net::{IpAddr, SocketAddr};"), 0);
    }

    #[test]
    fn a_runtime_a_format_and_chance_in_the_core_are_found() {
        assert_eq!(broken("use tokio::sync::mpsc;"), 1);
        assert_eq!(broken("#[derive(serde::Deserialize)] struct A;"), 1);
        assert_eq!(broken("getrandom::fill(&mut bytes)"), 1);
    }

    #[test]
    fn the_same_words_pass_in_the_shell_and_in_comments() {
        let shell = Tree::of_source("crates/server/src/a.rs", "let now = Instant::now();");
        assert_eq!(core_touches_no_world(&shell), []);
        assert_eq!(broken("// never Instant::now\n"), 0);
    }

    #[test]
    fn a_worldly_dependency_of_the_core_is_found() {
        let text = "[package]\nname = \"bellhop-core\"\n[dev-dependencies]\ntokio = \"1\"\n";
        let found = core_depends_on_no_world(&Tree::of_manifest("crates/core/Cargo.toml", text));
        assert_eq!(
            found,
            [Violation::new(
                "crates/core/Cargo.toml",
                4,
                "the core must not depend on tokio"
            )]
        );
    }
}
