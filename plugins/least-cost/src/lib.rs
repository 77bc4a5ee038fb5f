//! Sends a call over the cheapest trunk that has its prefix, and over the next one when that fails.

use std::collections::BTreeMap;

use bellhop_plugin::{config::Read, json::Json, prelude::*, upstreams, uri::Uri};

/// Trunks and what they cost. README.md has the keys.
pub struct LeastCost {
    trunks: Vec<Trunk>,
    /// By prefix (digits behind the "+"): the trunks that have it, and their price.
    rates: BTreeMap<String, Vec<(usize, f64)>>,
    /// The statuses after which the next trunk is tried.
    failover: Vec<u16>,
    /// The longest prefix.
    longest: usize,
}

struct Trunk {
    name: String,
    via: String,
    /// "{e164}", "{number}": the user part that this trunk wants.
    user: String,
    host: Option<String>,
    timeout_ms: Option<u32>,
    headers: Vec<(String, String)>,
}

impl Plugin for LeastCost {
    const HOOKS: &'static [Hook] = &[Hook::OnRoute, Hook::OnFailure];

    fn new(config: &Config<'_>) -> Result<Self, ConfigError> {
        config.only(&["trunks", "rates", "failover"])?;
        let Trunks(trunks) = config.need("trunks")?;
        let mut rates: BTreeMap<String, Vec<(usize, f64)>> = BTreeMap::new();
        for Rate {
            prefix,
            trunk,
            cost,
        } in config.need::<Vec<Rate>>("rates")?
        {
            let index = trunks.iter().position(|one| one.name == trunk);
            let index = index.ok_or_else(|| config.error(format!("rates: no trunk {trunk}")))?;
            rates.entry(prefix).or_default().push((index, cost));
        }
        let longest = rates.keys().map(String::len).max().unwrap_or(0);
        let failover = config.or("failover", FAILOVER.to_vec())?;
        Ok(Self {
            trunks,
            rates,
            failover,
            longest,
        })
    }

    fn on_route(&mut self, msg: &Message) -> Option<Route> {
        self.next(&msg.ruri(), |_| false)
    }

    fn on_failure(&mut self, msg: &Message, failure: &Failure) -> FailureVerdict {
        if !self.failover.contains(&failure.status) {
            return FailureVerdict::Continue;
        }
        let tried = |tag: &str| failure.attempts.iter().any(|attempt| attempt.tag == tag);
        match self.next(&msg.ruri(), tried) {
            Some(route) => {
                let status = failure.status;
                bellhop_plugin::log::info(&format!("{status}: trying the next trunk"));
                route.into()
            }
            None => FailureVerdict::Continue,
        }
    }
}

impl LeastCost {
    /// The cheapest trunk that was not tried and is not known to be down.
    fn next(&self, ruri: &str, tried: impl Fn(&str) -> bool) -> Option<Route> {
        let uri = Uri::parse(ruri)?;
        let number = uri.number()?;
        let digits = number.strip_prefix('+')?;
        let trunks = self.trunks_for(digits);
        let mut trunks = trunks
            .into_iter()
            .filter_map(|index| self.trunks.get(index));
        // One that is down is passed over here: Bellhop answers at once for it, and nobody is asked what next.
        let trunk = trunks.find(|trunk| !tried(&tag(trunk)) && trunk.is_there())?;
        Some(Route::to(trunk.target(&uri, digits)))
    }

    /// The trunks for a number, the cheapest first; each at the price of its longest prefix. Of two at
    /// one price the one that stands first in the configuration is first.
    fn trunks_for(&self, digits: &str) -> Vec<usize> {
        let mut found: Vec<(usize, f64)> = Vec::new();
        for length in (0..=self.longest.min(digits.len())).rev() {
            let rates = digits
                .get(..length)
                .and_then(|prefix| self.rates.get(prefix));
            for (trunk, cost) in rates.into_iter().flatten() {
                if !found.iter().any(|(known, _)| known == trunk) {
                    found.push((*trunk, *cost));
                }
            }
        }
        found.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        found.into_iter().map(|(trunk, _)| trunk).collect()
    }
}

impl Trunk {
    /// Whether one target of its group is up; of what is no group nothing is known.
    fn is_there(&self) -> bool {
        let members = self.via.strip_prefix("group:").and_then(upstreams::members);
        members.is_none_or(|members| members.iter().any(|member| member.up))
    }

    fn target(&self, uri: &Uri<'_>, digits: &str) -> Target {
        let user = self
            .user
            .replace("{e164}", &format!("+{digits}"))
            .replace("{number}", digits);
        let host = self.host.as_deref().unwrap_or(uri.host);
        // A tel URI has no host: it becomes a sip URI when the trunk names one (RFC 3261, 19.1.6).
        let ruri = match (host, self.host.is_some()) {
            ("", _) => format!("tel:{user}"),
            (host, true) => format!("sip:{user}@{host};user=phone"),
            (_, false) => uri.with_user(&user),
        };
        let mut target = Target::new(ruri).via(self.via.as_str()).tag(tag(self));
        target.timeout_ms = self.timeout_ms;
        for (name, value) in &self.headers {
            target = target.header(name.as_str(), value.as_str());
        }
        target
    }
}

struct Trunks(Vec<Trunk>);

impl Read for Trunks {
    fn read(config: &Config<'_>) -> Result<Self, ConfigError> {
        if !matches!(config.json(), Json::Object(_)) {
            return Err(config.error("expected an object: trunk names and trunks"));
        }
        let read = |(name, config): (&str, Config<'_>)| {
            config.only(&["via", "user", "host", "timeout_ms", "headers"])?;
            Ok(Trunk {
                name: name.to_owned(),
                via: config.need("via")?,
                user: config.or("user", "{e164}".to_owned())?,
                host: config.get("host")?,
                timeout_ms: config.get("timeout_ms")?,
                headers: config
                    .get("headers")?
                    .map(|Headers(list)| list)
                    .unwrap_or_default(),
            })
        };
        config
            .members()
            .map(read)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

struct Headers(Vec<(String, String)>);

impl Read for Headers {
    fn read(config: &Config<'_>) -> Result<Self, ConfigError> {
        let pair = |(name, value): (&str, Config<'_>)| Ok((name.to_owned(), String::read(&value)?));
        config
            .members()
            .map(pair)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

struct Rate {
    prefix: String,
    trunk: String,
    cost: f64,
}

impl Read for Rate {
    fn read(config: &Config<'_>) -> Result<Self, ConfigError> {
        config.only(&["prefix", "trunk", "cost"])?;
        let prefix: String = config.need("prefix")?;
        let digits = prefix.strip_prefix('+').unwrap_or(&prefix);
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(config.error("prefix: expected digits"));
        }
        Ok(Self {
            prefix: digits.to_owned(),
            trunk: config.need("trunk")?,
            cost: config.need("cost")?,
        })
    }
}

fn tag(trunk: &Trunk) -> String {
    format!("least-cost:{}", trunk.name)
}

/// No answer, and faults of the trunk: not what the called party said.
const FAILOVER: [u16; 6] = [408, 500, 502, 503, 504, 580];

bellhop_plugin::export!(LeastCost);

#[cfg(test)]
mod tests;
