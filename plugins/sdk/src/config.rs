//! A plugin's configuration, read with errors that say where: `rules[2].status: expected ..`.

use std::fmt;

use crate::json::Json;

/// One value of the configuration and where it stands.
#[derive(Debug, Clone)]
pub struct Config<'a> {
    json: &'a Json,
    path: String,
}

/// What is wrong with a configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    path: String,
    what: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.what),
            path => write!(f, "{path}: {}", self.what),
        }
    }
}

impl std::error::Error for ConfigError {}

/// What can be read from a configuration. Made for numbers, strings, booleans and lists; made by a
/// plugin for its own parts.
pub trait Read: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// The value is of another kind; says where.
    fn read(config: &Config<'_>) -> Result<Self, ConfigError>;
}

impl<'a> Config<'a> {
    /// A whole configuration.
    pub fn new(json: &'a Json) -> Self {
        Self {
            json,
            path: String::new(),
        }
    }

    /// The member `name`.
    ///
    /// # Errors
    /// It is not there, or of another kind.
    pub fn need<T: Read>(&self, name: &str) -> Result<T, ConfigError> {
        match self.get(name)? {
            Some(value) => Ok(value),
            None => Err(self.at(name, &Json::Null).error("is missing")),
        }
    }

    /// The member `name`, if it is there and not null.
    ///
    /// # Errors
    /// It is of another kind.
    pub fn get<T: Read>(&self, name: &str) -> Result<Option<T>, ConfigError> {
        match self.json.get(name) {
            None | Some(Json::Null) => Ok(None),
            Some(json) => T::read(&self.at(name, json)).map(Some),
        }
    }

    /// The member `name`, or `default` if it is not there.
    ///
    /// # Errors
    /// It is of another kind.
    pub fn or<T: Read>(&self, name: &str, default: T) -> Result<T, ConfigError> {
        Ok(self.get(name)?.unwrap_or(default))
    }

    /// Refuses an object with members of other names: a slip of the pen must not go unseen.
    ///
    /// # Errors
    /// Names the first that is not among `names`, or says that it is no object.
    pub fn only(&self, names: &[&str]) -> Result<(), ConfigError> {
        if !matches!(self.json, Json::Object(_)) {
            return Err(self.error("expected an object"));
        }
        let mut members = self.json.members().iter();
        match members.find(|(name, _)| !names.contains(&name.as_str())) {
            Some((name, json)) => {
                let what = format!("is unknown; known: {}", names.join(", "));
                Err(self.at(name, json).error(what))
            }
            None => Ok(()),
        }
    }

    /// The members of an object with their names.
    pub fn members(&self) -> impl Iterator<Item = (&'a str, Config<'a>)> {
        let members = self.json.members().iter();
        members.map(|(name, json)| (name.as_str(), self.at(name, json)))
    }

    /// The value itself.
    pub fn json(&self) -> &'a Json {
        self.json
    }

    /// An error about this value.
    pub fn error(&self, what: impl Into<String>) -> ConfigError {
        ConfigError {
            path: self.path.clone(),
            what: what.into(),
        }
    }

    fn at(&self, name: &str, json: &'a Json) -> Self {
        let path = match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        Self { json, path }
    }
}

impl Read for String {
    fn read(config: &Config<'_>) -> Result<Self, ConfigError> {
        let text = config.json.as_str();
        text.map(str::to_owned)
            .ok_or_else(|| config.error("expected a string"))
    }
}

impl Read for bool {
    fn read(config: &Config<'_>) -> Result<Self, ConfigError> {
        let value = config.json.as_bool();
        value.ok_or_else(|| config.error("expected true or false"))
    }
}

impl Read for f64 {
    fn read(config: &Config<'_>) -> Result<Self, ConfigError> {
        let number = config.json.as_f64();
        number.ok_or_else(|| config.error("expected a number"))
    }
}

macro_rules! whole {
    ($($kind:ty),*) => {$(
        impl Read for $kind {
            fn read(config: &Config<'_>) -> Result<Self, ConfigError> {
                let number = config.json.as_i64().and_then(|number| Self::try_from(number).ok());
                number.ok_or_else(|| {
                    config.error(concat!("expected a whole number (", stringify!($kind), ")"))
                })
            }
        }
    )*};
}

whole!(u8, u16, u32, u64, i32, i64);

impl<T: Read> Read for Vec<T> {
    fn read(config: &Config<'_>) -> Result<Self, ConfigError> {
        let Json::Array(items) = config.json else {
            return Err(config.error("expected a list"));
        };
        let read = |(index, json): (usize, &Json)| {
            let path = format!("{}[{index}]", config.path);
            T::read(&Config { json, path })
        };
        items.iter().enumerate().map(read).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Rule {
        status: u16,
    }

    impl Read for Rule {
        fn read(config: &Config<'_>) -> Result<Self, ConfigError> {
            config.only(&["status"])?;
            let status = config.or("status", 403)?;
            Ok(Self { status })
        }
    }

    fn rules(text: &str) -> Result<Vec<Rule>, String> {
        let json = Json::parse(text).unwrap();
        Config::new(&json)
            .need("rules")
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_list_of_parts_is_read() {
        let read = rules(r#"{"rules": [{"status": 404}, {}]}"#);
        assert_eq!(read, Ok(vec![Rule { status: 404 }, Rule { status: 403 }]));
    }

    #[test]
    fn an_error_says_where_it_is() {
        let said = |text: &str| rules(text).unwrap_err();
        assert_eq!(said("{}"), "rules: is missing");
        assert_eq!(said(r#"{"rules": 1}"#), "rules: expected a list");
        assert_eq!(
            said(r#"{"rules": [{}, {"status": 70000}]}"#),
            "rules[1].status: expected a whole number (u16)"
        );
        assert_eq!(
            said(r#"{"rules": [{"stauts": 1}]}"#),
            "rules[0].stauts: is unknown; known: status"
        );
    }
}
