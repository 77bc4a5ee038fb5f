//! What must hold for any text; the fuzz target `config` is compiled with this file too.

use crate::config::{Environment, Problem, Settings, parse};
use bellhop_core::flow::Transport;
use std::{net::SocketAddr, path::Path};

/// Reads a configuration and its users, and asks what was read everything that can be asked.
pub(crate) fn hold(text: &str, users: &str, machine: &dyn Environment) {
    match parse(Path::new(FILE), text, machine) {
        Ok(settings) => {
            are_placed(&settings.warnings, text, users);
            use_it(&settings);
        }
        Err(problems) => {
            assert!(!problems.0.is_empty(), "refused without a reason");
            are_placed(&problems.0, text, users);
            assert!(!problems.to_string().is_empty());
        }
    }
}

/// Each problem names a file that was read, and a line that it has.
fn are_placed(problems: &[Problem], text: &str, users: &str) {
    for problem in problems {
        let source = if problem.file == FILE { text } else { users };
        let lines = source.split('\n').count();
        assert!(
            problem.line <= lines,
            "line {} of {lines}: {problem}",
            problem.line
        );
        assert!(!problem.text.contains('\n'), "{:?}", problem.text);
    }
}

/// What the program does with settings before it opens a socket.
fn use_it(settings: &Settings) {
    assert!(!settings.listeners.is_empty());
    assert!(!settings.explain().is_empty());
    assert!(settings.restart_needed(settings).is_empty());
    let bound: Vec<_> = settings.listeners.iter().map(|l| l.bind.address).collect();
    let at = (Transport::Udp, SocketAddr::from(([10, 0, 0, 10], 5060)));
    let resolved = vec![vec![at]; settings.upstreams.len().saturating_mul(4)];
    let config = settings.core_config(&bound, &resolved);
    assert_eq!(config.listeners.len(), settings.listeners.len());
    assert!(!config.domains.is_empty());
    assert!(
        config
            .default_upstream
            .is_none_or(|at| at < config.upstreams.len())
    );
    let auth = settings.auth_config();
    assert!(!auth.realm.is_empty() && !auth.algorithms.is_empty());
}

const FILE: &str = "/etc/bellhop/bellhop.toml";
