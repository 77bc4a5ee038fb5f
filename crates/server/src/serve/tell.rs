//! What the core is told of the settings, and what is done beside the start.

use super::Elsewhere;
use crate::{
    config::Settings,
    resolve::{Names, Place},
};
use bellhop_core::{
    auth::{Authenticator, Secret},
    config::Config,
    engine::Shared,
};
use std::{net::SocketAddr, sync::Arc};

/// Runs what takes its time at the start on a thread of its own: meanwhile the admin port says that we are
/// starting.
pub(super) async fn beside<T: Send + 'static>(
    settings: &Settings,
    shared: &Shared,
    run: impl FnOnce(&Settings, &Shared) -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let (settings, shared) = (settings.clone(), shared.clone());
    let done = tokio::task::spawn_blocking(move || run(&settings, &shared)).await;
    done.map_err(|error| format!("the start broke off: {error}"))?
}

/// What the core is to know.
pub(super) fn tell(
    settings: &Settings,
    locals: &[SocketAddr],
    names: &Names,
    shared: &Shared,
    (nonces, elsewhere): (&Arc<Secret>, &Elsewhere),
) -> (Arc<Config>, Arc<Authenticator>) {
    let targets = settings.targets();
    let resolved: Vec<Vec<Place>> = targets.map(|target| names.of(target).to_vec()).collect();
    let (secret, replay) = (Arc::clone(nonces), Arc::clone(&shared.replay));
    let auth = Authenticator::new(elsewhere.asked(settings), secret, replay);
    (
        Arc::new(settings.core_config(locals, &resolved)),
        Arc::new(auth),
    )
}
