//! Why a plugin is not loaded, and how one that runs fails.

use crate::config::PluginConfig;
use crate::grants::Capability;
use std::fmt;
use std::path::PathBuf;

/// Why a plugin, or a set of them, is refused. What ran before stays.
#[derive(Debug)]
pub struct LoadError {
    /// The plugin's name in the configuration.
    pub plugin: String,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with a plugin.
#[derive(Debug)]
pub enum Reason {
    /// The file cannot be read.
    Read(PathBuf, std::io::Error),
    /// It is not the file that `sha256` names; this is its own hash, in hex.
    Hash(String),
    /// Neither a component nor a core module that can be made one.
    NotAPlugin(String),
    /// It imports an interface of a capability that is not granted.
    NotGranted(Capability),
    /// It imports what the contract does not have.
    UnknownImport(String),
    /// Its own check of its configuration says no.
    Config(String),
    /// It does not start.
    Start(String),
    /// The configuration asks for what cannot be, or for the same name twice.
    Limits(&'static str),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin {}: {}", self.plugin, self.reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Hash(is) => write!(f, "its SHA-256 is {is}, not the one that sha256 names"),
            Self::NotAPlugin(why) => write!(f, "not a plugin: {why}"),
            Self::NotGranted(what) => write!(
                f,
                "it needs the capability \"{what}\": grant = [\"{what}\"]"
            ),
            Self::UnknownImport(name) => {
                write!(f, "it imports {name}, which sip:policy@0.1 does not have")
            }
            Self::Config(why) => write!(f, "it refuses its config: {why}"),
            Self::Start(why) => write!(f, "it does not start: {why}"),
            Self::Limits(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for LoadError {}
impl std::error::Error for Reason {}

/// How one call of a plugin failed. Its edits do not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It took longer than its deadline.
    Deadline,
    /// It asked for more memory than it may have, and gave up.
    Memory(Short),
    /// Its calls are nested too deep.
    Stack,
    /// Any other trap; the text is for the log.
    Trap(String),
    /// It said what may not be said; the text says what.
    Verdict(String),
    /// There is no instance of it, for the reason given.
    NoInstance(String),
    /// As many of its hooks wait already as may wait.
    Busy,
    /// It failed too often and is left alone.
    Quarantined,
}

/// The memory that a plugin wanted and may not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short {
    /// What it would have had with it, bytes; 0: what it was denied is no memory but a table's room.
    pub wants: usize,
    /// What it may have, bytes.
    pub has: usize,
}

impl Short {
    /// A `memory` that would do for what it wanted, MiB, with as much again to grow; `None`: no plugin may have
    /// that.
    pub fn remedy(&self) -> Option<usize> {
        let may = PluginConfig::MOST_MEMORY;
        let fits = (1..=may).contains(&self.wants);
        fits.then(|| plenty(self.wants))
    }
}

/// Twice so many bytes in MiB, rounded up to a power of two, if a plugin may have that.
pub(crate) fn plenty(bytes: usize) -> usize {
    let mebibytes = bytes.saturating_mul(2).div_ceil(1 << 20);
    mebibytes
        .next_power_of_two()
        .min(PluginConfig::MOST_MEMORY >> 20)
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.wants == 0 {
            return f.write_str("wants a larger table than a plugin may have");
        }
        let (wants, has) = (self.wants.div_ceil(1 << 20), self.has.div_ceil(1 << 20));
        write!(f, "wants {wants} MiB of memory and may have {has}")?;
        match self.remedy() {
            Some(remedy) => write!(
                f,
                "; memory = \"{remedy}MiB\" in its [[plugin]] gives it more"
            ),
            None => Ok(()),
        }
    }
}

impl Fault {
    /// How many kinds there are.
    pub(crate) const KINDS: usize = 8;

    /// The kind's name, for metrics.
    pub fn kind(&self) -> &'static str {
        KIND_NAMES.get(self.number()).copied().unwrap_or_default()
    }

    /// The kinds' names, by number.
    pub(crate) const fn names() -> [&'static str; Self::KINDS] {
        KIND_NAMES
    }

    /// The kind as a number below [`Fault::KINDS`].
    pub(crate) const fn number(&self) -> usize {
        match self {
            Self::Deadline => 0,
            Self::Memory(_) => 1,
            Self::Stack => 2,
            Self::Trap(_) => 3,
            Self::Verdict(_) => 4,
            Self::NoInstance(_) => 5,
            Self::Busy => 6,
            Self::Quarantined => 7,
        }
    }

    /// Whether the instance cannot be entered again.
    pub(crate) const fn kills(&self) -> bool {
        matches!(
            self,
            Self::Deadline | Self::Memory(_) | Self::Stack | Self::Trap(_)
        )
    }
}

const KIND_NAMES: [&str; Fault::KINDS] = [
    "deadline",
    "memory",
    "stack",
    "trap",
    "verdict",
    "no-instance",
    "busy",
    "quarantined",
];

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadline => f.write_str("cut off at its deadline"),
            Self::Memory(short) => write!(f, "{short}"),
            Self::Stack => f.write_str("its calls are nested too deep"),
            Self::Trap(what) => write!(f, "trapped: {what}"),
            Self::Verdict(what) => write!(f, "breaks a rule: {what}"),
            Self::NoInstance(why) => write!(f, "no instance: {why}"),
            Self::Busy => f.write_str("too many of its hooks wait"),
            Self::Quarantined => f.write_str("left alone after failures"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_told_with_what_would_do_if_anything_does() {
        let short = |wants| Short {
            wants,
            has: 16 << 20,
        };
        assert_eq!(
            short((16 << 20) + 1).to_string(),
            "wants 17 MiB of memory and may have 16; memory = \"64MiB\" in its [[plugin]] gives it more"
        );
        assert_eq!(short(200 << 20).remedy(), Some(256));
        assert_eq!(
            short(1 << 30).to_string(),
            "wants 1024 MiB of memory and may have 16"
        );
        assert!(short(0).to_string().contains("table"));
    }
}
