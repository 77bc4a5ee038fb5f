//! What the end of a connection means for the bindings that were reached over it (RFC 5626 4.2.1, 5.2).

use super::{Aor, Binding, Bindings, Location, binding, index::lock};
use crate::{
    flow::{ConnectionId, Flow},
    time::Instant,
};
use std::sync::Arc;

impl Location {
    /// Removes the bindings that were reached over this very connection, now that it is closed; a
    /// device that has registered over another one since keeps that binding, and one that can be woken
    /// keeps its own without the connection (RFC 8599). Gives the live ones among those removed.
    pub fn connection_closed(
        &self,
        now: Instant,
        connection: ConnectionId,
        can_be_woken: impl Fn(&Binding) -> bool,
    ) -> Vec<(Aor, Arc<Binding>)> {
        let mut removed = Vec::new();
        for aor in self.connections.take(connection) {
            let Some(stripe) = self.stripe(&aor) else {
                continue;
            };
            let mut stripe = lock(stripe);
            let held = stripe.bindings.get(&aor).cloned().unwrap_or_default();
            let (dead, mut kept): (Bindings, Bindings) = held
                .into_iter()
                .partition(|binding| binding.flow.connection == Some(connection));
            let (asleep, dead): (Bindings, Bindings) =
                dead.into_iter().partition(|binding| can_be_woken(binding));
            kept.extend(asleep.iter().map(|binding| Arc::new(binding.cut())));
            binding::sort(&mut kept);
            self.replace(&mut stripe, &aor, kept);
            let live = dead.into_iter().filter(|binding| binding.is_live(now));
            removed.extend(live.map(|binding| (aor.clone(), binding)));
        }
        removed
    }
}

impl Binding {
    /// The same binding without its connection, which is gone.
    fn cut(&self) -> Self {
        Self {
            flow: Flow {
                connection: None,
                ..self.flow
            },
            ..self.clone()
        }
    }
}
