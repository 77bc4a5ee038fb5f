//! A switch for the night: a code that is dialled turns it, a lamp shows it, and calls go elsewhere while it is on.

use bellhop_plugin::{log, prelude::*, publish, store, uri::Uri};

/// The switch. README.md has the keys.
pub struct NightSwitch {
    /// What is dialled to turn it.
    code: String,
    /// Whose lamp shows it.
    lamp: String,
    /// Who is called by day, and by night.
    day: Option<String>,
    night: Option<String>,
}

impl Plugin for NightSwitch {
    const HOOKS: &'static [Hook] = &[Hook::OnRequest];

    fn new(config: &Config<'_>) -> Result<Self, ConfigError> {
        config.only(&["code", "lamp", "day", "night"])?;
        let lamp: String = config.need("lamp")?;
        if Uri::parse(&lamp).is_none() {
            return Err(config.error(format!("lamp: {lamp} is no SIP URI")));
        }
        let (day, night): (Option<String>, Option<String>) =
            (config.get("day")?, config.get("night")?);
        if day.is_some() != night.is_some() {
            return Err(config.error("day and night: one needs the other"));
        }
        Ok(Self {
            code: config.or("code", "*28".to_owned())?,
            lamp,
            day,
            night,
        })
    }

    fn on_request(&mut self, msg: &Message) -> Verdict {
        let summary = msg.summary();
        let Some(uri) = Uri::parse(&summary.ruri).filter(|_| !summary.in_dialog) else {
            return Verdict::Continue;
        };
        match summary.method.as_str() {
            "INVITE" if uri.user == self.code => self.turn(),
            "INVITE" if Some(uri.user) == self.day.as_deref() && is_night() => self.divert(msg),
            // Whoever looks at the lamp finds it as it is, after a restart, too.
            "SUBSCRIBE" => {
                self.show(is_night());
                Verdict::Continue
            }
            _ => Verdict::Continue,
        }
    }
}

impl NightSwitch {
    fn turn(&self) -> Verdict {
        let is_night = !is_night();
        let value: &[u8] = if is_night { b"1" } else { b"0" };
        if store::set(KEY, value, None).is_err() {
            return Reply::new(503).reason("Night mode cannot be kept").into();
        }
        self.show(is_night);
        let said = if is_night { "Night" } else { "Day" };
        // An INVITE is not answered 2xx by a plugin: the caller sees this, and hears the tone of one who is not there.
        Reply::new(480).reason(said).into()
    }

    fn show(&self, is_night: bool) {
        if let Err(error) = publish::lamp(&self.lamp, is_night, None) {
            log::warn(&format!("the lamp cannot be shown: {error:?}"));
        }
    }

    fn divert(&self, msg: &Message) -> Verdict {
        let ruri = msg.ruri();
        let (Some(day), Some(night)) = (&self.day, &self.night) else {
            return Verdict::Continue;
        };
        let to = ruri.replacen(&format!(":{day}@"), &format!(":{night}@"), 1);
        if let Err(error) = msg.set_ruri(&to) {
            log::warn(&format!("the call cannot go to {night}: {error:?}"));
        }
        Verdict::Continue
    }
}

/// Whether it is on.
fn is_night() -> bool {
    store::get(KEY).as_deref() == Some(b"1")
}

const KEY: &str = "night";

bellhop_plugin::export!(NightSwitch);

#[cfg(test)]
mod tests;
