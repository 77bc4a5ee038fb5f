//! The configuration against its contract. Nothing here touches the machine: files, variables and
//! addresses are pretended.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used
)]

mod admin;
mod bearer;
mod cdr;
mod contract;
mod core;
mod embedded;
mod hold;
mod hostile;
mod lists;
mod mistakes;
mod modes;
mod plugin;
mod readme;
mod reload;
mod route;
mod secrets;
mod subscriptions;
mod websocket;

use super::{Environment, Settings, parse};
use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    path::{Path, PathBuf},
};

/// A machine made up for a test.
#[derive(Default)]
struct Pretend {
    files: HashMap<PathBuf, String>,
    variables: HashMap<String, String>,
    addresses: Vec<IpAddr>,
    cores: Option<usize>,
}

impl Pretend {
    fn file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.into(), text.to_owned());
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    fn address(mut self, address: &str) -> Self {
        self.addresses.push(address.parse().unwrap());
        self
    }

    fn with_cores(mut self, cores: usize) -> Self {
        self.cores = Some(cores);
        self
    }

    fn accepts(&self, text: &str) -> Settings {
        match parse(Path::new(FILE), text, self) {
            Ok(settings) => settings,
            Err(problems) => panic!("refused:\n{problems}"),
        }
    }

    fn refuses(&self, text: &str) -> String {
        match parse(Path::new(FILE), text, self) {
            Ok(settings) => panic!("accepted: {settings:#?}"),
            Err(problems) => problems.to_string(),
        }
    }

    fn warns(&self, text: &str) -> String {
        let warnings = self.accepts(text).warnings;
        let lines: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        lines.join("\n")
    }
}

impl Environment for Pretend {
    fn read(&self, path: &Path) -> io::Result<String> {
        let text = self.files.get(path).cloned();
        text.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file"))
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn addresses(&self) -> Vec<IpAddr> {
        self.addresses.clone()
    }

    fn cores(&self) -> usize {
        self.cores.unwrap_or(2)
    }
}

fn pretend() -> Pretend {
    Pretend::default()
}

const FILE: &str = "/etc/bellhop/bellhop.toml";
