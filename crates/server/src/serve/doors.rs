//! All ports are bound before anything runs, and all that cannot be are told of at once.

use super::Server;
use crate::{
    admin::Panel,
    config::Settings,
    transport::bind::{Bound, Listen},
};

/// Binds every listener and the admin port.
///
/// # Errors
/// A line for each that cannot be bound.
pub(super) fn bind(settings: &Settings, workers: usize) -> Result<(Vec<Bound>, Panel), String> {
    let (mut bound, mut refused) = (Vec::new(), Vec::new());
    for listener in &settings.listeners {
        let listen = Listen {
            name: listener.name.clone(),
            transport: listener.bind.transport,
            address: listener.bind.address,
        };
        match listen.bind(workers) {
            Ok(listener) => bound.push(listener),
            Err(error) => refused.push(error.to_string()),
        }
    }
    match Panel::bind(settings.admin.as_ref()) {
        Ok(panel) if refused.is_empty() => return Ok((bound, panel)),
        Ok(_) => {}
        Err(error) => refused.push(error),
    }
    Err(refused.join("\n"))
}

/// Tells the log where it listens.
pub(super) fn announce(server: &Server) {
    for (listener, local) in server.settings.listeners.iter().zip(server.locals()) {
        let transport = listener.bind.transport.uri_token();
        tracing::info!("listening on {transport}:{local} ({})", listener.name);
    }
    if let Some(local) = server.panel.local() {
        tracing::info!("listening on http://{local} (admin)");
    }
}
