//! Lines in the host's log, tagged there with plugin and Call-ID. Always granted; the host limits
//! the rate.

use crate::host::log;

pub use crate::bindings::sip::policy::log::Level;

/// Writes a line.
pub fn write(level: Level, message: &str) {
    log::write(level, message);
}

/// Whether lines of this level are kept. Ask before making an expensive one.
pub fn enabled(level: Level) -> bool {
    log::enabled(level)
}

/// Writes a line of level error.
pub fn error(message: &str) {
    write(Level::Error, message);
}

/// Writes a line of level warn.
pub fn warn(message: &str) {
    write(Level::Warn, message);
}

/// Writes a line of level info.
pub fn info(message: &str) {
    write(Level::Info, message);
}

/// Writes a line of level debug.
pub fn debug(message: &str) {
    write(Level::Debug, message);
}
