//! What a plugin says about itself: `log` and `metrics`.

use super::{Guest, Stage};
use crate::account::meters::{Kind, NOWHERE};
use crate::contract::sip::policy::log::{Host as Log, Level};
use crate::contract::sip::policy::metrics::{Counter, Histogram};
use crate::contract::sip::policy::metrics::{Host as Metrics, HostCounter, HostHistogram};
use wasmtime::component::Resource;

impl Log for Guest {
    fn enabled(&mut self, level: Level) -> bool {
        is_enabled(level)
    }

    fn write(&mut self, level: Level, message: String) {
        let account = &self.facts.account;
        let most = self.facts.config.log_lines;
        if !is_enabled(level) || !account.lines.may_write(self.now.instant, most) {
            return;
        }
        // A plugin repeats what a peer has sent: nothing of it may end our line.
        let end = message.floor_char_boundary(LONGEST_LINE);
        let line = message.get(..end).unwrap_or_default().escape_debug();
        let call_id = self.question.message().call_id();
        let call_id = call_id.get(..128).unwrap_or(call_id).escape_ascii();
        let plugin = account.name.as_str();
        match level {
            Level::Error => tracing::error!(plugin, %call_id, "{line}"),
            Level::Warn => tracing::warn!(plugin, %call_id, "{line}"),
            Level::Info => tracing::info!(plugin, %call_id, "{line}"),
            Level::Debug => tracing::debug!(plugin, %call_id, "{line}"),
            Level::Trace => tracing::trace!(plugin, %call_id, "{line}"),
        }
    }
}

impl Metrics for Guest {}

impl HostCounter for Guest {
    fn new(&mut self, name: String) -> Resource<Counter> {
        Resource::new_own(self.place(&name, Kind::Counter))
    }

    fn add(&mut self, counter: Resource<Counter>, by: u64) {
        self.facts.account.meters.add(counter.rep(), by);
    }

    fn drop(&mut self, _: Resource<Counter>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl HostHistogram for Guest {
    fn new(&mut self, name: String) -> Resource<Histogram> {
        Resource::new_own(self.place(&name, Kind::Histogram))
    }

    fn observe(&mut self, histogram: Resource<Histogram>, value: f64) {
        self.facts.account.meters.observe(histogram.rep(), value);
    }

    fn drop(&mut self, _: Resource<Histogram>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl Guest {
    fn place(&self, name: &str, kind: Kind) -> u32 {
        match self.stage {
            Stage::Pure => NOWHERE,
            _ => self.facts.account.meters.place(name, kind),
        }
    }
}

fn is_enabled(level: Level) -> bool {
    match level {
        Level::Error => tracing::enabled!(tracing::Level::ERROR),
        Level::Warn => tracing::enabled!(tracing::Level::WARN),
        Level::Info => tracing::enabled!(tracing::Level::INFO),
        Level::Debug => tracing::enabled!(tracing::Level::DEBUG),
        Level::Trace => tracing::enabled!(tracing::Level::TRACE),
    }
}

const LONGEST_LINE: usize = 1_024;
