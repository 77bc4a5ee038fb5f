//! `[log]`: how much is logged, and in which form.

use super::reader::Section;
use tracing_subscriber::EnvFilter;

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    /// A level, or directives as `RUST_LOG` has them.
    pub(crate) level: String,
    /// The form of a line.
    pub(crate) format: Format,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For reading.
    Text,
    /// One JSON object a line.
    Json,
}

impl Format {
    /// As the configuration writes it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: Format::Text,
        }
    }
}

/// Reads `[log]`.
pub(super) fn read(section: Section<'_>) -> Log {
    let level = section.parsed("level", |text| {
        let words = text.split(',').map(str::trim);
        let known = |word: &str| word.contains('=') || LEVELS.contains(&word);
        let mut unknown = words.filter(|word| !known(word));
        let parsed = EnvFilter::try_new(text);
        match (unknown.next(), parsed) {
            (None, Ok(_)) => Ok(text.to_owned()),
            _ => Err(format!("not a level; {ALLOWED}")),
        }
    });
    let formats = [("text", Some(Format::Text)), ("json", Some(Format::Json))];
    let format = section.choice("format", &formats);
    section.finish();
    let default = Log::default();
    Log {
        level: level.map_or(default.level, |level| level.value),
        format: format.map_or(default.format, |format| format.value),
    }
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
const ALLOWED: &str = "allowed: off, error, warn, info, debug, trace, or directives as in \
                       \"info,bellhop_core=debug\"";
