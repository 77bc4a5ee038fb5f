//! What is set up once for the whole process: how many files it may have open, and where a panic is told.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the limit of open files to what we may have; the limit then.
pub(super) fn raise_descriptors() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return 1024;
    };
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    }
}

/// A panic is a line in the log like any other, so that what a peer sent cannot forge one.
pub(super) fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let text = info.payload_as_str().unwrap_or("no text");
        tracing::error!(target: "bellhop::panic", place, "{}", text.escape_debug());
    }));
}
