//! Limits what one user or one address can do: requests a second, calls at once, premium calls an hour.

use std::time::Duration;

use bellhop_plugin::{
    Source, config::Read, dialogs, log, pattern::Pattern, prelude::*, store, uri::Uri,
};

/// The limits. README.md has the keys.
pub struct RateGuard {
    per_source: Option<Rate>,
    per_user: Option<Rate>,
    registrations: Option<Rate>,
    calls_per_user: Option<u32>,
    calls_per_source: Option<u32>,
    premium: Option<Premium>,
    exempt: Vec<Pattern>,
}

struct Rate {
    rate: f64,
    burst: u32,
}

struct Premium {
    prefixes: Vec<String>,
    per_hour: i64,
    /// How long a user who went beyond it makes no calls at all; 0: not.
    lock: Duration,
}

impl Plugin for RateGuard {
    const HOOKS: &'static [Hook] = &[Hook::OnRegister, Hook::OnRequest];

    fn new(config: &Config<'_>) -> Result<Self, ConfigError> {
        config.only(&[
            "per_source",
            "per_user",
            "registrations",
            "calls_per_user",
            "calls_per_source",
            "premium",
            "exempt",
        ])?;
        Ok(Self {
            per_source: config.get("per_source")?,
            per_user: config.get("per_user")?,
            registrations: config.get("registrations")?,
            calls_per_user: config.get("calls_per_user")?,
            calls_per_source: config.get("calls_per_source")?,
            premium: config.get("premium")?,
            exempt: config.or("exempt", Vec::new())?,
        })
    }

    fn on_register(&mut self, msg: &Message) -> RegisterVerdict {
        let source = msg.source();
        match &self.registrations {
            Some(rate) if !self.is_exempt(&source) && !rate.allows("r", &source.address) => {
                slow_down().into()
            }
            _ => RegisterVerdict::Continue,
        }
    }

    fn on_request(&mut self, msg: &Message) -> Verdict {
        let summary = msg.summary();
        let source = msg.source();
        if summary.in_dialog || self.is_exempt(&source) {
            return Verdict::Continue;
        }
        let refused = self
            .too_fast(&source)
            .or_else(|| match summary.method.as_str() {
                "INVITE" => self
                    .too_many(&source)
                    .or_else(|| self.too_dear(&source, &summary)),
                _ => None,
            });
        refused.map_or(Verdict::Continue, Verdict::from)
    }
}

impl RateGuard {
    fn too_fast(&self, source: &Source) -> Option<Reply> {
        let beyond = |rate: &Option<Rate>, kind: &str, who: &str| {
            rate.as_ref().is_some_and(|rate| !rate.allows(kind, who))
        };
        if beyond(&self.per_source, "s", &source.address) {
            return Some(slow_down());
        }
        let user = source.authenticated_user.as_deref()?;
        beyond(&self.per_user, "u", user).then(slow_down)
    }

    fn too_many(&self, source: &Source) -> Option<Reply> {
        let full = |limit: Option<u32>, key: &str, value: &str| {
            limit.is_some_and(|limit| dialogs::count(key, value) >= limit)
        };
        let user = source.authenticated_user.as_deref();
        let hit = user.is_some_and(|user| full(self.calls_per_user, "user", user))
            || full(self.calls_per_source, "source", &source.address);
        hit.then(|| Reply::new(403).reason("Too many calls at once"))
    }

    fn too_dear(&self, source: &Source, summary: &Summary) -> Option<Reply> {
        let premium = self.premium.as_ref()?;
        let who = source
            .authenticated_user
            .as_deref()
            .unwrap_or(&source.address);
        let lock = key("locked", who);
        if store::get(&lock).is_some() {
            return Some(Reply::new(403).reason("Locked: too many premium calls"));
        }
        let number = Uri::parse(&summary.ruri)?.number()?;
        if !premium
            .prefixes
            .iter()
            .any(|prefix| number.starts_with(prefix.as_str()))
        {
            return None;
        }
        let hour = Some(Duration::from_secs(3600));
        match store::increment(&key("premium", who), 1, hour) {
            Ok(count) if count <= premium.per_hour => None,
            Ok(count) => {
                log::warn(&format!(
                    "{who}: {count} premium calls within an hour, refused {number}"
                ));
                if !premium.lock.is_zero() {
                    if let Err(error) = store::set(&lock, b"1", Some(premium.lock)) {
                        log::error(&format!("{who} is not locked: {error:?}"));
                    }
                }
                Some(Reply::new(403).reason("Too many premium calls"))
            }
            // It costs money: what cannot be counted is not let through.
            Err(error) => {
                log::error(&format!("{who}: not counted: {error:?}"));
                Some(Reply::new(503))
            }
        }
    }

    fn is_exempt(&self, source: &Source) -> bool {
        self.exempt
            .iter()
            .any(|pattern| pattern.matches(&source.address))
    }
}

impl Rate {
    fn allows(&self, kind: &str, who: &str) -> bool {
        store::allow(&key(kind, who), self.rate, self.burst)
    }
}

impl Read for Rate {
    fn read(config: &Config<'_>) -> Result<Self, ConfigError> {
        config.only(&["rate", "burst"])?;
        let rate: f64 = config.need("rate")?;
        let burst = config.or("burst", 1)?;
        match rate > 0.0 && burst > 0 {
            true => Ok(Self { rate, burst }),
            false => Err(config.error("rate and burst: expected more than 0")),
        }
    }
}

impl Read for Premium {
    fn read(config: &Config<'_>) -> Result<Self, ConfigError> {
        config.only(&["prefixes", "per_hour", "lock_minutes"])?;
        let minutes: u32 = config.or("lock_minutes", 0)?;
        Ok(Self {
            prefixes: config.need("prefixes")?,
            per_hour: config.need("per_hour")?,
            lock: Duration::from_secs(u64::from(minutes).saturating_mul(60)),
        })
    }
}

/// A key of the store; what is too long for one shares it with others that begin alike.
fn key(kind: &str, who: &str) -> String {
    let end = who.char_indices().map(|(at, _)| at).find(|at| *at >= 200);
    let who = who.get(..end.unwrap_or(who.len())).unwrap_or_default();
    format!("{kind}:{who}")
}

/// RFC 3261, 21.5.4.
fn slow_down() -> Reply {
    Reply::new(503)
        .reason("Too many requests")
        .header("Retry-After", "10")
}

bellhop_plugin::export!(RateGuard);

#[cfg(test)]
mod tests;
