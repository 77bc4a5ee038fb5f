//! What a plugin is lent besides the message: clock, store, locations, upstreams, dialogs, random, publish. Whether
//! an interface is granted was checked when the plugin was loaded.

use super::{Guest, Stage};
use crate::account::kv::{KvError, Terms};
use crate::contract::sip::policy::store::{Error, Host as Store};
use crate::contract::sip::policy::{clock, dialogs, locations, publish, random, upstreams};
use crate::services::{Alone, Services};
use bellhop_core::registrar::Aor;
use bellhop_core::share::{Publication, Unpublished};
use std::time::Duration;

impl clock::Host for Guest {
    fn unix_ms(&mut self) -> u64 {
        u64::try_from(self.now.unix.as_millis()).unwrap_or(u64::MAX)
    }

    fn monotonic_us(&mut self) -> u64 {
        self.now.instant.as_micros()
    }
}

impl Store for Guest {
    fn get(&mut self, key: String) -> Option<Vec<u8>> {
        let terms = self.terms().ok()?;
        self.facts.account.kv.get(terms, &key)
    }

    fn set(&mut self, key: String, value: Vec<u8>, ttl: Option<u64>) -> Result<(), Error> {
        let terms = self.terms()?;
        let kv = &self.facts.account.kv;
        Ok(kv.set(terms, &key, value, millis(ttl))?)
    }

    fn delete(&mut self, key: String) -> bool {
        let kv = &self.facts.account.kv;
        self.terms().is_ok_and(|terms| kv.delete(terms, &key))
    }

    fn increment(&mut self, key: String, by: i64, ttl: Option<u64>) -> Result<i64, Error> {
        let terms = self.terms()?;
        let kv = &self.facts.account.kv;
        Ok(kv.increment(terms, &key, by, millis(ttl))?)
    }

    fn compare_and_set(
        &mut self,
        key: String,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
        ttl: Option<u64>,
    ) -> Result<(), Error> {
        let terms = self.terms()?;
        let kv = &self.facts.account.kv;
        Ok(kv.compare_and_set(terms, &key, expected.as_deref(), value, millis(ttl))?)
    }

    fn allow(&mut self, key: String, rate: f64, burst: u32) -> bool {
        let kv = &self.facts.account.kv;
        self.terms()
            .is_ok_and(|terms| kv.allow(terms, &key, rate, burst))
    }
}

impl locations::Host for Guest {
    fn lookup(&mut self, aor: String) -> Vec<locations::Binding> {
        let found = self.facts.services.bindings(self.now, &aor);
        let binding = |binding: crate::services::Binding| locations::Binding {
            contact: binding.contact,
            received: binding.received,
            q: binding.q,
            expires_s: binding.expires,
            user_agent: binding.user_agent,
        };
        found.into_iter().map(binding).collect()
    }
}

impl upstreams::Host for Guest {
    fn members(&mut self, group: String) -> Option<Vec<upstreams::Member>> {
        let member = |member: crate::services::Member| upstreams::Member {
            name: member.name,
            uri: member.uri,
            up: member.up,
            active_calls: member.active_calls,
            latency_ms: member.latency,
            weight: member.weight,
        };
        let dialogs = &self.facts.dialogs;
        let calls = |address| dialogs.at(address);
        let found = self.facts.services.members(&group, &calls)?;
        Some(found.into_iter().map(member).collect())
    }
}

impl publish::Host for Guest {
    fn set(
        &mut self,
        resource: String,
        package: String,
        content_type: String,
        body: Vec<u8>,
        ttl: Option<u64>,
    ) -> Result<bool, publish::Error> {
        if self.stage == Stage::Pure {
            return Err(publish::Error::Unavailable);
        }
        let none = || publish::Error::Malformed("the resource is no SIP address".to_owned());
        let publication = Publication {
            owner: &self.facts.config.name,
            resource: &Aor::parse_text(&resource).ok_or_else(none)?,
            package: &package,
            kind: &content_type,
            body: &body,
            lasts: millis(ttl),
        };
        // What a shadow does is seen by nobody.
        let services: &dyn Services = match self.facts.config.shadow {
            true => &Alone::default(),
            false => &*self.facts.services,
        };
        Ok(services.publish(self.now, publication)?)
    }
}

impl dialogs::Host for Guest {
    fn count(&mut self, key: String, value: String) -> u32 {
        self.facts.dialogs.count(&key, &value)
    }

    fn end(&mut self, _: String, _: u16, _: String) -> Result<(), String> {
        Err("a proxy cannot end the calls of others; this takes B2BUA mode".into())
    }
}

impl random::Host for Guest {
    fn bytes(&mut self, length: u32) -> Vec<u8> {
        let length = usize::try_from(length.min(MOST_RANDOM)).unwrap_or(0);
        let mut bytes = vec![0; length];
        if !self.facts.services.entropy(&mut bytes) {
            bytes.clear();
        }
        bytes
    }
}

impl Guest {
    /// How the store is used now; not at all in a pure function.
    fn terms(&self) -> Result<Terms, Error> {
        if self.stage == Stage::Pure {
            return Err(Error::Unavailable);
        }
        Ok(Terms {
            now: self.now.instant,
            limits: self.facts.config.store,
        })
    }
}

impl From<KvError> for Error {
    fn from(error: KvError) -> Self {
        match error {
            KvError::Full => Self::Full,
            KvError::TooLarge => Self::TooLarge,
            KvError::Conflict => Self::Conflict,
        }
    }
}

impl From<Unpublished> for publish::Error {
    fn from(error: Unpublished) -> Self {
        match error {
            Unpublished::Full => Self::Full,
            Unpublished::TooLarge => Self::TooLarge,
            Unpublished::Malformed(why) => Self::Malformed(why.to_owned()),
        }
    }
}

fn millis(ttl: Option<u64>) -> Option<Duration> {
    ttl.map(Duration::from_millis)
}

const MOST_RANDOM: u32 = 1_024;
