//! Logging: lines on standard error, text or JSON, a level that a reload can change, and no control
//! character of a peer ever reaching the terminal or a second line. A thread of its own writes them, so
//! that whoever reads them slowly never holds up a worker; lines beyond its queue are counted and lost.

use crate::config::{Format, Log};
use std::{
    borrow::Cow,
    fmt::Write as _,
    io::{self, BufWriter, Write},
    sync::OnceLock,
};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    EnvFilter, Layer as _, Registry, fmt::MakeWriter, layer::SubscriberExt as _, reload,
    util::SubscriberInitExt as _,
};

/// Starts logging; the first call counts. What is queued is written when the guard is dropped.
///
/// # Errors
/// Logging has been started by somebody else, or the level cannot be read.
pub(crate) fn init(log: &Log) -> Result<WorkerGuard, String> {
    let (filter, handle) = reload::Layer::new(filter(log)?);
    let (out, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(QUEUE)
        .thread_name("bellhop-log")
        // What is queued goes out in one write, and at once: the thread flushes when its queue is empty.
        .finish(BufWriter::new(io::stderr()));
    let _ = LOST.set(out.error_counter());
    let escaping = Escaping {
        out,
        json: log.format == Format::Json,
    };
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(escaping);
    let layer = match log.format {
        Format::Text => layer.boxed(),
        Format::Json => layer.json().flatten_event(true).boxed(),
    };
    let registry = tracing_subscriber::registry().with(filter).with(layer);
    registry.try_init().map_err(|error| error.to_string())?;
    let _ = HANDLE.set(handle);
    Ok(guard)
}

/// How many lines were lost because nobody took them.
pub(crate) fn lost() -> usize {
    LOST.get().map_or(0, ErrorCounter::dropped_lines)
}

/// Changes the level of the running program.
///
/// # Errors
/// The level cannot be read.
pub(crate) fn set_level(log: &Log) -> Result<(), String> {
    let filter = filter(log)?;
    match HANDLE.get() {
        Some(handle) => handle.reload(filter).map_err(|error| error.to_string()),
        None => Ok(()),
    }
}

fn filter(log: &Log) -> Result<EnvFilter, String> {
    let directives = format!("{QUIET},{}", log.level);
    EnvFilter::try_new(directives).map_err(|error| error.to_string())
}

/// Writes each event's line with all control characters but the last line break escaped.
#[derive(Clone, Debug)]
struct Escaping {
    out: NonBlocking,
    json: bool,
}

struct Line<W> {
    out: W,
    json: bool,
}

impl<'a> MakeWriter<'a> for Escaping {
    type Writer = Line<NonBlocking>;

    fn make_writer(&'a self) -> Self::Writer {
        Line {
            out: self.out.clone(),
            json: self.json,
        }
    }
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let body = line.strip_suffix(b"\n").unwrap_or(line);
        // Nearly every line.
        if body.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            self.out.write_all(line)?;
            return Ok(line.len());
        }
        self.escaped(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W: Write> Line<W> {
    fn escaped(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let body = text.strip_suffix('\n').unwrap_or(&text);
        if body.contains(is_harmful) {
            let mut escaped = escape(body, self.json);
            escaped.push('\n');
            self.out.write_all(escaped.as_bytes())?;
        } else {
            self.out.write_all(line)?;
        }
        Ok(line.len())
    }
}

/// A line of JSON with all that could turn or colour a terminal escaped.
pub(crate) fn escaped(line: &str) -> Cow<'_, str> {
    match line.contains(is_harmful) {
        true => escape(line, true).into(),
        false => line.into(),
    }
}

fn escape(text: &str, json: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        let code = u32::from(c);
        let _ = match (is_harmful(c), json) {
            (false, _) => write!(escaped, "{c}"),
            (true, true) => write!(escaped, "\\u{code:04x}"),
            (true, false) => write!(escaped, "\\u{{{code:x}}}"),
        };
    }
    escaped
}

/// Control characters, and those that turn the direction of what follows them.
pub(crate) fn is_harmful(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || c.is_control()
}

/// The DNS client warns of what strangers' name servers send, and strangers choose the names. Whoever
/// wants to read that names it in `log.level`.
const QUIET: &str = "hickory_net=error,hickory_proto=error,hickory_resolver=error";

static LOST: OnceLock<ErrorCounter> = OnceLock::new();
/// Lines that wait to be written.
const QUEUE: usize = 8_192;
static HANDLE: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

#[cfg(test)]
mod tests {
    use super::*;

    fn written(line: &str, json: bool) -> String {
        let mut out = Vec::new();
        let mut line_writer = Line {
            out: &mut out,
            json,
        };
        line_writer.write_all(line.as_bytes()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_peer_cannot_start_a_line_or_colour_the_terminal() {
        let line = "user \"a\r\nERROR forged\u{1b}[31m\u{9b}\u{202e}\u{61c}\u{200f}\"\n";
        let expected =
            "user \"a\\u{d}\\u{a}ERROR forged\\u{1b}[31m\\u{9b}\\u{202e}\\u{61c}\\u{200f}\"\n";
        assert_eq!(written(line, false), expected);
    }

    #[test]
    fn in_json_they_are_escaped_as_json_has_it() {
        assert_eq!(
            written("{\"a\":\"\u{7f}\u{85}\"}\n", true),
            "{\"a\":\"\\u007f\\u0085\"}\n"
        );
    }

    #[test]
    fn the_dns_client_is_quiet_unless_it_is_asked_for() {
        let log = |level: &str| Log {
            level: level.to_owned(),
            format: Format::Text,
        };
        let quiet = filter(&log("debug")).unwrap().to_string();
        assert!(quiet.contains("hickory_net=error") && quiet.contains("debug"));
        let asked = filter(&log("info,hickory_net=trace")).unwrap().to_string();
        assert!(asked.contains("hickory_net=trace") && !asked.contains("hickory_net=error"));
    }

    #[test]
    fn a_harmless_line_stays_as_it_is() {
        assert_eq!(written("Grüße 6001\n", false), "Grüße 6001\n");
    }
}
