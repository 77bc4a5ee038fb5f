//! What is asked and told elsewhere, as the configuration says where: users who are looked up, phones that are
//! woken, and calls that are written down.

use crate::{
    cdr::{Ledger, Opened},
    config::Settings,
    driver::{Answers, Clock, OsEntropy},
    push::{Hook, Notifier},
    seek::{Seeker, Source, Verifier},
};
use bellhop_core::{
    auth::{AuthConfig, Users},
    entropy::Entropy,
    registrar::Location,
};
use std::sync::Arc;

/// The threads that ask, tell and write.
#[derive(Clone, Debug)]
pub(crate) struct Elsewhere {
    pub(crate) seeker: Seeker,
    pub(crate) notifier: Notifier,
    pub(crate) ledger: Ledger,
}

/// Where settings have users looked up, phones woken and calls written down, tried as far as that goes.
pub(super) struct Places {
    users: Option<Arc<Source>>,
    tokens: Option<Arc<Verifier>>,
    hook: Option<Arc<Hook>>,
    records: Option<Opened>,
}

impl Elsewhere {
    /// Nowhere yet; `answers` are told of users who were found.
    pub(crate) fn new(answers: Answers) -> Self {
        Self {
            seeker: Seeker::new(answers),
            notifier: Notifier::new(),
            ledger: Ledger::default(),
        }
    }

    /// Nowhere yet; phones whose bindings are about to end are woken from now on.
    pub(super) fn start(answers: Answers, location: &Arc<Location>, clock: Clock) -> Self {
        let elsewhere = Self::new(answers);
        let notifier = elsewhere.notifier.clone();
        tokio::spawn(notifier.keep(Arc::clone(location), clock));
        elsewhere
    }

    /// The places of these settings.
    ///
    /// # Errors
    /// What keeps us from one of them, for the operator.
    pub(super) fn places(&self, settings: &Settings) -> Result<Places, String> {
        let (auth, domains) = (&settings.auth, &settings.server.domains);
        let mut entropy = OsEntropy::new();
        let seeds = std::array::from_fn(|_| entropy.next_u64());
        let users = auth.remote.as_ref();
        let users = users.map(|remote| self.seeker.place(remote, &auth.realm, domains, seeds));
        let seeds = std::array::from_fn(|_| entropy.next_u64());
        let tokens = auth.bearer.as_ref();
        let tokens = tokens.map(|t| self.seeker.verifier(t, &auth.realm, domains, seeds));
        let hook = settings.push.as_ref();
        let hook = hook.map(|hook| self.notifier.hook(hook));
        let records = settings.cdr.as_ref();
        // Opened even if it is the one in use: that may have been moved away.
        let records = records.map(|file| self.ledger.open(file));
        Ok(Places {
            records: records.transpose()?,
            users: users.transpose()?,
            tokens: tokens.transpose()?,
            hook: hook.transpose()?,
        })
    }

    /// Asks and tells there from now on.
    pub(super) fn turn_to(&self, places: Places) {
        self.seeker.look_in(places.users, places.tokens);
        self.notifier.tell(places.hook);
        self.ledger.turn_to(places.records);
    }

    /// The file for calls is opened again, and nothing else: it may have been moved away, whatever else is wrong with what
    /// was to be taken over.
    pub(super) fn reopen(&self, settings: &Settings) {
        match settings.cdr.as_ref().map(|file| self.ledger.open(file)) {
            Some(Ok(file)) => self.ledger.turn_to(Some(file)),
            Some(Err(why)) => tracing::error!("{why}; calls are written where they were"),
            None => {}
        }
    }

    /// What is asked of phones, with the users who have been looked up.
    pub(super) fn asked(&self, settings: &Settings) -> AuthConfig {
        let mut asked = settings.auth_config();
        if let Some(directory) = self.seeker.directory() {
            let users = Users::clone(&asked.users).with_directory(directory);
            asked.users = Arc::new(users);
        }
        if let Some(bearer) = self.seeker.bearer() {
            let users = Users::clone(&asked.users).with_bearer(bearer);
            asked.users = Arc::new(users);
        }
        asked
    }
}
