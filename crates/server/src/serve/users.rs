//! Users who are kept elsewhere, as the configuration says where.

use crate::{
    config::Settings,
    driver::OsEntropy,
    seek::{Seeker, Source},
};
use bellhop_core::{
    auth::{AuthConfig, Users},
    entropy::Entropy,
};
use std::sync::Arc;

/// The place where these settings have users looked up, tried as far as that goes.
///
/// # Errors
/// What keeps us from looking there, for the operator.
pub(super) fn place(seeker: &Seeker, settings: &Settings) -> Result<Option<Arc<Source>>, String> {
    let (auth, domains) = (&settings.auth, &settings.server.domains);
    let Some(remote) = &auth.remote else {
        return Ok(None);
    };
    let mut entropy = OsEntropy::new();
    let seeds = std::array::from_fn(|_| entropy.next_u64());
    seeker.place(remote, &auth.realm, domains, seeds).map(Some)
}

/// What is asked of phones, with the users who have been looked up.
pub(super) fn asked(settings: &Settings, seeker: &Seeker) -> AuthConfig {
    let mut asked = settings.auth_config();
    if let Some(directory) = seeker.directory() {
        let users = Users::clone(&asked.users).with_directory(directory);
        asked.users = Arc::new(users);
    }
    asked
}
