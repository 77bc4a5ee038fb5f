//! One rule of the calendar: when it holds, for whom, and what it does.

use bellhop_plugin::{
    config::{Config, ConfigError, Read},
    pattern::Pattern,
};

use crate::zone::Wall;

/// The first rule that holds decides.
pub(crate) struct Rule {
    callees: Vec<Pattern>,
    /// Empty: any day.
    dates: Vec<Date>,
    /// By weekday, Sunday first.
    days: [bool; 7],
    /// Minutes since midnight: from, until. Empty: all day.
    hours: Vec<(i64, i64)>,
    pub(crate) action: Action,
}

/// What a rule does.
pub(crate) enum Action {
    /// The next plugin decides.
    Pass,
    /// Status and phrase.
    Reply(u16, Option<String>),
    /// To another address, or over another next hop.
    Route {
        to: Option<String>,
        via: Option<String>,
    },
}

/// A day of each year, or of one.
struct Date {
    year: Option<i64>,
    month: i64,
    day: i64,
}

impl Rule {
    /// Whether it holds at this time for this Request-URI.
    pub(crate) fn holds(&self, now: &Wall, ruri: &str) -> bool {
        let today = usize::try_from(now.weekday)
            .ok()
            .and_then(|day| self.days.get(day));
        let in_hours = |(from, until): &(i64, i64)| match from <= until {
            true => (*from..*until).contains(&now.minute),
            // A span over midnight: 22:00-06:00.
            false => now.minute >= *from || now.minute < *until,
        };
        today == Some(&true)
            && (self.dates.is_empty() || self.dates.iter().any(|date| date.is(now)))
            && (self.hours.is_empty() || self.hours.iter().any(in_hours))
            && (self.callees.is_empty() || self.callees.iter().any(|one| one.matches_uri(ruri)))
    }
}

impl Read for Rule {
    fn read(config: &Config<'_>) -> Result<Self, ConfigError> {
        let keys = [
            "callees", "dates", "days", "hours", "pass", "reply", "reason", "to", "via",
        ];
        config.only(&keys)?;
        let to: Option<String> = config.get("to")?;
        let via: Option<String> = config.get("via")?;
        let reply: Option<u16> = config.get("reply")?;
        let action = match (
            config.or("pass", false)?,
            reply,
            to.is_some() || via.is_some(),
        ) {
            (true, None, false) => Action::Pass,
            (false, Some(status @ 300..700), false) => Action::Reply(status, config.get("reason")?),
            (false, None, true) => Action::Route { to, via },
            _ => return Err(config.error("expected one of: pass, reply (300 to 699), to and via")),
        };
        let texts = |key: &str| config.or::<Vec<String>>(key, Vec::new());
        let hours = texts("hours")?.into_iter().map(|text| {
            hours(&text).ok_or_else(|| config.error(format!("hours: {text}: expected 08:00-17:30")))
        });
        let dates = texts("dates")?.into_iter().map(|text| {
            Date::parse(&text)
                .ok_or_else(|| config.error(format!("dates: {text}: expected 12-25 or 2026-04-03")))
        });
        Ok(Self {
            callees: config.or("callees", Vec::new())?,
            hours: hours.collect::<Result<_, _>>()?,
            dates: dates.collect::<Result<_, _>>()?,
            days: days(&texts("days")?)
                .ok_or_else(|| config.error("days: expected mon, tue, .. or mon-fri"))?,
            action,
        })
    }
}

impl Date {
    fn parse(text: &str) -> Option<Self> {
        let numbers: Option<Vec<i64>> = text.split('-').map(|n| n.parse().ok()).collect();
        let (year, month, day) = match numbers?.as_slice() {
            [month, day] => (None, *month, *day),
            [year, month, day] => (Some(*year), *month, *day),
            _ => return None,
        };
        let sound = (1..=12).contains(&month) && (1..=31).contains(&day);
        sound.then_some(Self { year, month, day })
    }

    fn is(&self, now: &Wall) -> bool {
        self.year.is_none_or(|year| year == now.year)
            && (self.month, self.day) == (now.month, now.day)
    }
}

fn hours(text: &str) -> Option<(i64, i64)> {
    let (from, until) = text.split_once('-')?;
    let minute = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
        let minutes = hour.checked_mul(60)?.checked_add(minute)?;
        (minute < 60 && (0..=24 * 60).contains(&minutes)).then_some(minutes)
    };
    Some((minute(from)?, minute(until)?))
}

/// The weekdays of a list of days and spans; all if it is empty.
fn days(texts: &[String]) -> Option<[bool; 7]> {
    let number = |name: &str| DAYS.iter().position(|day| day.eq_ignore_ascii_case(name));
    let mut days = [texts.is_empty(); 7];
    for text in texts {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (mut at, last) = (number(first)?, number(last)?);
        loop {
            *days.get_mut(at)? = true;
            if at == last {
                break;
            }
            // A span over the week's end: fri-mon.
            at = at.checked_add(1)?.checked_rem(7)?;
        }
    }
    Some(days)
}

const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
