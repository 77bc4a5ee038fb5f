//! The cases with a plugin that is asked about each message: it takes the summary and sets one header field, as in the
//! bench's rows with a plugin. A program of its own, for the host of plugins takes minutes to compile and link.

#![allow(
    clippy::expect_used,
    reason = "a case that cannot be set up may fail loudly"
)]

use bellhop_core::outbox::Ticket;
use bellhop_core::policy::Policy;
use bellhop_micro::engine::{call_asked, register_asked};
use bellhop_micro::{Case, Entry};
use bellhop_policy::{Alone, Capability, PluginConfig, Registry, Wake};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

const CASES: &[Entry] = &[
    ("plugin/call", || asked(call_asked)),
    ("plugin/register", || asked(register_asked)),
];

fn main() -> ExitCode {
    bellhop_micro::main_of(&[CASES])
}

struct Asked {
    case: Box<dyn Case>,
    /// Plugins run as long as it lives.
    _registry: Registry,
}

impl Case for Asked {
    fn steps(&self) -> usize {
        self.case.steps()
    }

    fn prepare(&mut self) {
        self.case.prepare();
    }

    fn run(&mut self) {
        self.case.run();
    }
}

/// No plugin waits, so nobody is woken.
#[derive(Debug)]
struct Nobody;

impl Wake for Nobody {
    fn wake(&self, _: Ticket) {}
}

fn asked(case: fn(Box<dyn Policy>) -> Box<dyn Case>) -> Box<dyn Case> {
    let registry = Registry::new(None, Arc::new(Alone::default())).expect("wasmtime starts");
    let case = case(Box::new(registry.shard(Arc::new(Nobody))));
    // It knows how to count in the store, too, and is not asked to.
    let grants = [
        Capability::Edit,
        Capability::EditResponse,
        Capability::Store,
    ];
    let config = PluginConfig {
        config: r#"{"work": "edit"}"#.to_owned(),
        grants: grants.into_iter().collect(),
        // Callgrind takes fifty times as long as the processor.
        deadline: Duration::from_secs(60),
        ..PluginConfig::new("toll", TOLL)
    };
    registry.swap(vec![config]).expect("the plugin loads");
    Box::new(Asked {
        case,
        _registry: registry,
    })
}

/// From `target/release`, where the cases run.
const TOLL: &str = "../../plugins/built/guests/toll.wasm";
