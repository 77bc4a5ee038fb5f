//! Makes one E.164 number of what people dial, knows short codes, and keeps calls within countries.

use bellhop_plugin::{config::Read, json::Json, pattern::Pattern, prelude::*, uri::Uri};

mod country;

/// How numbers are dialled here. README.md has the keys.
pub struct NumberPlan {
    /// Country code and area code for numbers that lack them.
    country: String,
    area: Option<String>,
    international: Vec<String>,
    national: Option<String>,
    /// Passed as they are dialled.
    keep: Vec<Pattern>,
    /// Dialled, and where it goes.
    short: Vec<(String, String)>,
    allow: Vec<String>,
    deny: Vec<String>,
    status: u16,
}

/// What a dialled number is.
#[derive(Debug, PartialEq, Eq)]
enum Dialled {
    /// It stays as it is.
    Kept,
    /// A whole URI.
    Short(String),
    /// "+" and at most 15 digits.
    Global(String),
    /// No number of this world.
    Wrong,
}

impl Plugin for NumberPlan {
    const HOOKS: &'static [Hook] = &[Hook::OnRequest];

    fn new(config: &Config<'_>) -> Result<Self, ConfigError> {
        config.only(&[
            "country",
            "area",
            "international",
            "national",
            "keep",
            "short",
            "allow",
            "deny",
            "status",
        ])?;
        let country: String = config.need("country")?;
        if country::of(&country) != Some(country.as_str()) {
            return Err(config.error(format!("country: {country} is no country code (E.164)")));
        }
        Ok(Self {
            country,
            area: config.get("area")?,
            international: config.or("international", vec!["00".to_owned()])?,
            national: config.get("national")?,
            keep: config.or("keep", Vec::new())?,
            short: config
                .get("short")?
                .map(|Short(list)| list)
                .unwrap_or_default(),
            allow: config.or("allow", Vec::new())?,
            deny: config.or("deny", Vec::new())?,
            status: config.or("status", 403)?,
        })
    }

    fn on_request(&mut self, msg: &Message) -> Verdict {
        let summary = msg.summary();
        let Some(uri) = Uri::parse(&summary.ruri).filter(|_| !summary.in_dialog) else {
            return Verdict::Continue;
        };
        match self.dialled(uri.user) {
            Dialled::Kept => Verdict::Continue,
            Dialled::Wrong => Reply::new(404).reason("No such number").into(),
            Dialled::Short(to) => changed(msg, &summary.ruri, &to),
            Dialled::Global(number) => {
                if !self.is_allowed(&number) {
                    return Reply::new(self.status)
                        .reason("Destination not allowed")
                        .into();
                }
                let code = country::of(number.trim_start_matches('+')).unwrap_or_default();
                note(msg, "number-plan.number", &number);
                note(msg, "number-plan.country", code);
                changed(msg, &summary.ruri, &uri.with_user(&number))
            }
        }
    }
}

impl NumberPlan {
    fn dialled(&self, user: &str) -> Dialled {
        if let Some((_, to)) = self.short.iter().find(|(code, _)| code == user) {
            return Dialled::Short(to.clone());
        }
        // "+49 (0)30": the national prefix is shown, and not part of the number.
        let plain = user.replace("(0)", "");
        let part = Uri {
            scheme: "tel",
            user: &plain,
            host: "",
            port: None,
            rest: "",
        };
        let Some(number) = part.number() else {
            return Dialled::Kept;
        };
        if self.keep.iter().any(|pattern| pattern.matches(&number)) {
            return Dialled::Kept;
        }
        match self.global(&number) {
            None => Dialled::Kept,
            Some(digits) if is_global(&digits) => Dialled::Global(format!("+{digits}")),
            Some(_) => Dialled::Wrong,
        }
    }

    /// The digits behind the "+"; none for a local number where no area is known.
    fn global(&self, number: &str) -> Option<String> {
        if let Some(digits) = number.strip_prefix('+') {
            return Some(digits.to_owned());
        }
        let mut prefixes = self.international.iter();
        if let Some(digits) = prefixes.find_map(|prefix| number.strip_prefix(prefix.as_str())) {
            return Some(digits.to_owned());
        }
        let country = &self.country;
        match self.national.as_deref() {
            // No national prefix in this country: all numbers are whole ones.
            None => Some(format!("{country}{number}")),
            Some(prefix) => match number.strip_prefix(prefix) {
                Some(rest) => Some(format!("{country}{rest}")),
                None => Some(format!("{country}{}{number}", self.area.as_deref()?)),
            },
        }
    }

    /// The longest prefix on either list decides; without an `allow` all are allowed.
    fn is_allowed(&self, number: &str) -> bool {
        let digits = number.trim_start_matches('+');
        let longest = |list: &[String]| {
            let hits = list
                .iter()
                .filter(|prefix| digits.starts_with(prefix.trim_start_matches('+')));
            hits.map(String::len).max()
        };
        match (longest(&self.allow), longest(&self.deny)) {
            (None, None) => self.allow.is_empty(),
            (allowed, denied) => allowed > denied || (denied.is_none() && self.allow.is_empty()),
        }
    }
}

/// `{"110": "sip:..", ..}`
struct Short(Vec<(String, String)>);

impl Read for Short {
    fn read(config: &Config<'_>) -> Result<Self, ConfigError> {
        if !matches!(config.json(), Json::Object(_)) {
            return Err(config.error("expected an object of URIs"));
        }
        let pairs = config.members().map(|(code, value)| {
            let to = String::read(&value)?;
            match Uri::parse(&to) {
                Some(_) => Ok((code.to_owned(), to)),
                None => Err(value.error("expected a sip, sips or tel URI")),
            }
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }
}

/// E.164, 6.2: at most 15 digits, the country code first; shorter than 7 none is.
fn is_global(digits: &str) -> bool {
    (7..=15).contains(&digits.len()) && country::of(digits).is_some()
}

fn changed(msg: &Message, old: &str, new: &str) -> Verdict {
    if old != new {
        if let Err(error) = msg.set_ruri(new) {
            bellhop_plugin::log::warn(&format!("{new}: {error:?}"));
        }
    }
    Verdict::Continue
}

fn note(msg: &Message, key: &str, value: &str) {
    if let Err(error) = msg.set_note(key, value) {
        bellhop_plugin::log::warn(&format!("{key}: {error:?}"));
    }
}

bellhop_plugin::export!(NumberPlan);

#[cfg(test)]
mod tests;
