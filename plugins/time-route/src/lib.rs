//! Routes by the calendar: opening hours, holidays, nights, in the time zone of the place.

mod rule;
mod zone;

use bellhop_plugin::{clock, prelude::*, template, uri::Uri};

use rule::{Action, Rule};
use zone::Zone;

/// The rules and their time zone. README.md has the keys.
pub struct TimeRoute {
    zone: Zone,
    rules: Vec<Rule>,
}

impl Plugin for TimeRoute {
    const HOOKS: &'static [Hook] = &[Hook::OnRequest];

    fn new(config: &Config<'_>) -> Result<Self, ConfigError> {
        config.only(&["zone", "rules"])?;
        let text: String = config.need("zone")?;
        let zone = Zone::parse(&text).ok_or_else(|| {
            config.error(format!(
                "zone: {text}: expected a form like CET-1CEST,M3.5.0,M10.5.0/3"
            ))
        })?;
        let rules = config.need("rules")?;
        Ok(Self { zone, rules })
    }

    fn on_request(&mut self, msg: &Message) -> Verdict {
        let summary = msg.summary();
        if summary.in_dialog || !["INVITE", "MESSAGE"].contains(&summary.method.as_str()) {
            return Verdict::Continue;
        }
        let now = self.zone.wall(clock::unix_ms());
        let rule = self
            .rules
            .iter()
            .find(|rule| rule.holds(&now, &summary.ruri));
        match rule.map(|rule| &rule.action) {
            None | Some(Action::Pass) => Verdict::Continue,
            Some(Action::Reply(status, reason)) => match reason {
                Some(reason) => Reply::new(*status).reason(reason.as_str()).into(),
                None => Reply::new(*status).into(),
            },
            Some(Action::Route { to, via }) => {
                let uri = match to {
                    Some(to) => filled(to, &summary.ruri),
                    None => summary.ruri,
                };
                let mut target = Target::new(uri).tag("time-route");
                target.next_hop.clone_from(via);
                Route::to(target).into()
            }
        }
    }
}

/// `{user}` and `{host}` are those of the Request-URI.
fn filled(to: &str, ruri: &str) -> String {
    let uri = Uri::parse(ruri);
    template::fill(to, |name| match name {
        "user" => Some(uri.map_or("", |uri| uri.user).to_owned()),
        "host" => Some(uri.map_or("", |uri| uri.host).to_owned()),
        _ => None,
    })
}

bellhop_plugin::export!(TimeRoute);

#[cfg(test)]
mod tests;
