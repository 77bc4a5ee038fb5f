//! Strips, renames, sets and adds header fields, of requests and of responses, but for trusted zones.

use bellhop_plugin::{config::Read, json::Json, pattern::Pattern, prelude::*, template};

/// What is done to requests and to responses. README.md has the keys.
pub struct HeaderShield {
    requests: Rules,
    responses: Rules,
    trusted_zones: Vec<String>,
}

#[derive(Default)]
struct Rules {
    strip: Vec<Pattern>,
    /// Old name, new name.
    rename: Vec<(String, String)>,
    set: Vec<(String, String)>,
    add: Vec<(String, String)>,
}

impl Plugin for HeaderShield {
    const HOOKS: &'static [Hook] = &[Hook::OnRequest, Hook::OnResponse];

    fn new(config: &Config<'_>) -> Result<Self, ConfigError> {
        config.only(&["requests", "responses", "trusted_zones"])?;
        Ok(Self {
            requests: config.get("requests")?.unwrap_or_default(),
            responses: config.get("responses")?.unwrap_or_default(),
            trusted_zones: config.or("trusted_zones", Vec::new())?,
        })
    }

    fn on_request(&mut self, msg: &Message) -> Verdict {
        self.requests.apply(msg, &self.trusted_zones);
        Verdict::Continue
    }

    fn on_response(&mut self, response: &Message) {
        self.responses.apply(response, &self.trusted_zones);
    }
}

impl Rules {
    fn apply(&self, msg: &Message, trusted_zones: &[String]) {
        if self.is_empty() {
            return;
        }
        let source = msg.source();
        let trusted = trusted_zones.contains(&source.zone);
        if !trusted && !self.strip.is_empty() {
            self.strip_from(msg);
        }
        for (old, new) in &self.rename {
            let values = msg.headers(old);
            if values.is_empty() || tell("rename", old, msg.remove_header(old).map(drop)) {
                continue;
            }
            for value in values {
                tell("rename", new, msg.add_header(new, &value));
            }
        }
        if self.set.is_empty() && self.add.is_empty() {
            return;
        }
        let summary = msg.summary();
        let filled =
            |text: &str| template::fill(text, |name| template::of_message(name, &source, &summary));
        for (name, text) in &self.set {
            tell("set", name, msg.set_header(name, &filled(text)));
        }
        for (name, text) in &self.add {
            tell("add", name, msg.add_header(name, &filled(text)));
        }
    }

    fn strip_from(&self, msg: &Message) {
        let mut names = msg.header_names();
        names.sort_unstable_by_key(|name| name.to_ascii_lowercase());
        names.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
        for name in names {
            if !self.strip.iter().any(|pattern| pattern.matches(&name)) {
                continue;
            }
            match msg.remove_header(&name) {
                // A wide pattern meets fields that the host needs: they stay.
                Err(EditError::Protected) => {}
                other => {
                    tell("strip", &name, other.map(drop));
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.strip.is_empty()
            && self.rename.is_empty()
            && self.set.is_empty()
            && self.add.is_empty()
    }
}

impl Read for Rules {
    fn read(config: &Config<'_>) -> Result<Self, ConfigError> {
        config.only(&["strip", "rename", "set", "add"])?;
        Ok(Self {
            strip: config.or("strip", Vec::new())?,
            rename: config
                .get("rename")?
                .map(|Pairs(pairs)| pairs)
                .unwrap_or_default(),
            set: config
                .get("set")?
                .map(|Pairs(pairs)| pairs)
                .unwrap_or_default(),
            add: config
                .get("add")?
                .map(|Pairs(pairs)| pairs)
                .unwrap_or_default(),
        })
    }
}

/// `{"name": "text", ..}` in its order.
struct Pairs(Vec<(String, String)>);

impl Read for Pairs {
    fn read(config: &Config<'_>) -> Result<Self, ConfigError> {
        if !matches!(config.json(), Json::Object(_)) {
            return Err(config.error("expected an object of texts"));
        }
        let pairs = config.members().map(|(name, value)| {
            let text = String::read(&value)?;
            Ok((name.to_owned(), text))
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }
}

/// Logs an edit that was refused; whether it was.
fn tell(what: &str, name: &str, done: Result<(), EditError>) -> bool {
    if let Err(error) = &done {
        bellhop_plugin::log::warn(&format!("{what} {name}: {}", reason(error)));
    }
    done.is_err()
}

fn reason(error: &EditError) -> &str {
    match error {
        EditError::Denied => "not granted",
        EditError::Protected => "the host owns this field",
        EditError::Malformed(why) => why,
    }
}

bellhop_plugin::export!(HeaderShield);

#[cfg(test)]
mod tests;
