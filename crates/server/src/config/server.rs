//! `[server]`: the domains we answer for and how much of the machine we use.

use super::{
    Environment, address::Host, listen::Listener, reader::Section, report::Report, secret::beside,
};
use std::path::{Path, PathBuf};

/// `[server]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// AoR domains in lower case, never empty, IPv6 in brackets.
    pub(crate) domains: Vec<String>,
    /// Where what must survive a restart is kept; `None`: nowhere.
    pub(crate) data_dir: Option<PathBuf>,
    /// Worker threads as configured; 0: one for each core we may use.
    asked: usize,
    /// Worker threads: counted once, for the shards of a running program stay as many as they are.
    workers: usize,
}

impl Server {
    /// How many workers there are: as configured, else one for each core that we might use when this was read
    /// (a container's CPU quota counts).
    pub(crate) const fn workers(&self) -> usize {
        self.workers
    }

    /// Whether another number of workers was asked for.
    pub(super) const fn asks_for_others_than(&self, running: &Self) -> bool {
        self.asked != running.asked && self.workers != running.workers
    }

    /// Takes over what is fixed while the program runs.
    pub(super) fn keep(&mut self, running: &Self) {
        (self.asked, self.workers) = (running.asked, running.workers);
        self.data_dir.clone_from(&running.data_dir);
    }
}

/// Reads `[server]`; without domains the first listener's shown host stands for one.
pub(super) fn read(
    section: &Section<'_>,
    report: &Report,
    file: &Path,
    environment: &dyn Environment,
    listeners: &[Listener],
) -> Server {
    let listed = section.texts("domains");
    let workers = section.whole("workers", 0..=256);
    let data_dir = section.text("data_dir");
    if let Some(dir) = data_dir.as_ref().filter(|dir| dir.value.is_empty()) {
        report.error(&dir.at, "is empty; allowed: the path of a directory");
    }
    section.finish();
    let mut domains: Vec<String> = Vec::new();
    let empty = listed.as_ref().is_none_or(|list| list.value.is_empty());
    for domain in listed.into_iter().flat_map(|list| list.value) {
        match Host::parse(domain.value) {
            Ok(host) if domains.contains(&host.to_string()) => {
                report.error(&domain.at, "is given twice");
            }
            Ok(host) => domains.push(host.to_string()),
            Err(why) => report.error(&domain.at, why),
        }
    }
    if empty {
        match listeners.first().and_then(named) {
            Some(domain) => domains.push(domain),
            None if listeners.is_empty() => {}
            None => report.error(
                &section.at_key("domains"),
                "no domain given, and the first listener has none to take: name the domain that \
                 phones register in, as in domains = [\"pbx.example.org\"]",
            ),
        }
    }
    let asked = workers.map_or(0, |w| usize::try_from(w.value).unwrap_or(0));
    Server {
        domains,
        data_dir: data_dir.map(|dir| beside(file, dir.value)),
        asked,
        workers: match asked {
            0 => environment.cores(),
            asked => asked,
        },
    }
}

/// The host that a listener shows, unless that is for the machine to say.
fn named(listener: &Listener) -> Option<String> {
    let ip = listener.bind.address.ip();
    match &listener.advertise {
        Some(advertise) => Some(advertise.host.to_string()),
        None => (!ip.is_unspecified()).then(|| Host::Ip(ip).to_string()),
    }
}
