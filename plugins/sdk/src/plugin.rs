//! The trait that makes a struct a plugin.

use crate::{
    Config, ConfigError, DialogEvent, Failure, FailureVerdict, Hook, Message, RegisterVerdict,
    Route, Verdict,
};

/// A policy plugin. The host keeps one instance for each of its workers and may replace it at any
/// time: what must outlive a call or be shared goes into [`store`](crate::store).
///
/// Only the hooks that [`HOOKS`](Self::HOOKS) names are called; the others cost nothing.
pub trait Plugin: Sized + 'static {
    /// The hooks that this plugin has. The native harness refuses to call one that is missing here.
    const HOOKS: &'static [Hook];

    /// The JSON schema of the configuration, for tools; none if not said.
    const CONFIG_SCHEMA: Option<&'static str> = None;

    /// A plugin from its configuration (`config = {..}` in the host's file). Also called to check a
    /// configuration that is not used yet, so it must have no effect outside of the value it gives.
    ///
    /// # Errors
    /// Says what is wrong with the configuration; the version that runs goes on.
    fn new(config: &Config<'_>) -> Result<Self, ConfigError>;

    /// Once for each instance, before any hook: the place for effects.
    ///
    /// # Errors
    /// Says why the plugin cannot run; the version that runs goes on.
    fn start(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// A REGISTER that has been authenticated, before it changes a binding.
    fn on_register(&mut self, msg: &Message) -> RegisterVerdict {
        let _ = msg;
        RegisterVerdict::Continue
    }

    /// A request that is no REGISTER, ACK or CANCEL; `msg.summary().in_dialog` tells whether it
    /// belongs to a dialog.
    fn on_request(&mut self, msg: &Message) -> Verdict {
        let _ = msg;
        Verdict::Continue
    }

    /// Where a request outside of dialogs goes, if no verdict said so; none: the next plugin, then
    /// the host's own routing.
    fn on_route(&mut self, msg: &Message) -> Option<Route> {
        let _ = msg;
        None
    }

    /// All targets failed. Called again after each new route, at most 8 times.
    fn on_failure(&mut self, msg: &Message, failure: &Failure) -> FailureVerdict {
        let _ = (msg, failure);
        FailureVerdict::Continue
    }

    /// A response before it goes back. Edits only: a response cannot be refused.
    fn on_response(&mut self, response: &Message) {
        let _ = response;
    }

    /// A dialog has begun, changed or ended. After the fact, off the message path.
    fn on_dialog(&mut self, event: &DialogEvent) {
        let _ = event;
    }

    /// Every so often, as the host's configuration says, on one instance.
    fn on_timer(&mut self) {}
}
