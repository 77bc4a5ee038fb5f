//! What the service says: one JSON object.

use bellhop_plugin::{
    ForkMode,
    config::{Config, ConfigError, Read},
    json::{Json, JsonError},
    prelude::*,
};

/// A verdict, and how long it may be remembered if the service says so.
pub(crate) struct Answer {
    pub(crate) verdict: Verdict,
    pub(crate) cache_s: Option<u32>,
}

impl Answer {
    /// Reads it from its text.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let json = Json::parse(text).map_err(|error: JsonError| error.to_string())?;
        <Self as Read>::read(&Config::new(&json)).map_err(|error| error.to_string())
    }
}

impl Read for Answer {
    fn read(config: &Config<'_>) -> Result<Self, ConfigError> {
        let action: String = config.need("action")?;
        let verdict = match action.as_str() {
            "continue" => Verdict::Continue,
            "accept" => Verdict::Accept,
            "reply" => reply(config)?.into(),
            "route" => route(config)?.into(),
            _ => return Err(config.error("action: expected continue, accept, reply or route")),
        };
        let cache_s = config.get("cache_s")?;
        Ok(Self { verdict, cache_s })
    }
}

/// `{"name": "text", ..}`
pub(crate) struct Texts(pub(crate) Vec<(String, String)>);

impl Read for Texts {
    fn read(config: &Config<'_>) -> Result<Self, ConfigError> {
        let pair = |(name, value): (&str, Config<'_>)| Ok((name.to_owned(), String::read(&value)?));
        config
            .members()
            .map(pair)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

struct OneTarget(Target);

impl Read for OneTarget {
    fn read(config: &Config<'_>) -> Result<Self, ConfigError> {
        let mut target = Target::new(config.need::<String>("uri")?);
        target.next_hop = config.get("via")?;
        target.priority = config.or("priority", target.priority)?;
        target.timeout_ms = config.get("timeout_ms")?;
        target.tag = config.or("tag", String::new())?;
        for (name, value) in config
            .get("headers")?
            .map(|Texts(list)| list)
            .unwrap_or_default()
        {
            target = target.header(name, value);
        }
        Ok(Self(target))
    }
}

fn reply(config: &Config<'_>) -> Result<Reply, ConfigError> {
    let status: u16 = config.need("status")?;
    if !(300..700).contains(&status) {
        return Err(config.error("status: expected 300 to 699"));
    }
    let mut reply = Reply::new(status);
    reply.reason = config.get("reason")?;
    Ok(reply)
}

fn route(config: &Config<'_>) -> Result<Route, ConfigError> {
    let targets = config.need::<Vec<OneTarget>>("targets")?;
    if targets.is_empty() {
        return Err(config.error("targets: expected at least one"));
    }
    let mode = match config.or("mode", "serial".to_owned())?.as_str() {
        "serial" => ForkMode::Serial,
        "parallel" => ForkMode::Parallel,
        _ => return Err(config.error("mode: expected serial or parallel")),
    };
    let mut route = Route::serial(targets.into_iter().map(|OneTarget(target)| target));
    route.mode = mode;
    Ok(route)
}
