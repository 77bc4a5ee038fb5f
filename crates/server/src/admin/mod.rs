//! The admin port: health checks, metrics, what is registered, and orders, over HTTP. It runs on the first
//! runtime, beside the workers and never on them; `docs/admin.md` lists the paths and the metrics.
//!
//! **Invariant**: whoever cannot show the token reaches nothing but `/live` and `/ready`; where no token is
//! set only programs of this machine reach anything, and no web page makes a browser one of them.

mod answer;
mod bindings;
mod door;
mod guard;
mod metrics;
mod plugins;
mod query;
mod routes;
mod state;
mod status;
mod subscriptions;
#[cfg(test)]
mod tests;
mod upstreams;

pub(crate) use self::query::encode;
pub(crate) use self::state::{Listening, Order, Refused, Reloaded, Running};

use self::{door::Door, state::State};
use crate::config;
use std::{net::SocketAddr, sync::Arc};
use tokio::sync::mpsc;

/// The program's end of the admin port.
#[derive(Debug)]
pub(crate) struct Panel {
    state: Arc<State>,
    orders: mpsc::Receiver<Order>,
    door: Option<Door>,
}

impl Panel {
    /// Binds the port, if there is to be one. Nobody is answered before [`Panel::open`].
    ///
    /// # Errors
    /// Why the port cannot be had, for the operator.
    pub(crate) fn bind(admin: Option<&config::Admin>) -> Result<Self, String> {
        let door = admin.map(|admin| Door::bind(admin.bind)).transpose()?;
        let (sender, orders) = mpsc::channel(ORDERS);
        let state = Arc::new(State::new(sender));
        let panel = Self {
            state,
            orders,
            door,
        };
        panel.reconfigured(admin);
        Ok(panel)
    }

    /// Answers from now on, on this runtime; the program is starting.
    ///
    /// # Errors
    /// The runtime does not take the socket.
    pub(crate) fn open(&self) -> Result<(), String> {
        match &self.door {
            Some(door) => door.open(&self.state),
            None => Ok(()),
        }
    }

    /// Where it listens.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        self.door.as_ref().map(Door::local)
    }

    /// The program serves from now on.
    pub(crate) fn serving(&self, running: Running) {
        self.state.serve(running);
    }

    /// The program ends.
    pub(crate) fn draining(&self) {
        self.state.drain();
    }

    /// Takes over the token.
    pub(crate) fn reconfigured(&self, admin: Option<&config::Admin>) {
        self.state
            .set_token(admin.and_then(|admin| admin.token.clone()));
    }

    /// The configuration was read again, with this result.
    pub(crate) fn reloaded(&self, result: &Result<Reloaded, Refused>) {
        self.state.reloaded(result.is_ok());
    }

    /// Waits for the next order.
    pub(crate) async fn order(&mut self) -> Order {
        match self.orders.recv().await {
            Some(order) => order,
            // Cannot be: the state that we hold has a sender.
            None => std::future::pending().await,
        }
    }
}

/// Orders that may wait; beyond them a client waits.
const ORDERS: usize = 8;
