//! A time zone as a POSIX TZ string: `CET-1CEST,M3.5.0,M10.5.0/3` (POSIX 2024, 8.3). It is the last line of
//! the system's file of a zone: `tail -1 /usr/share/zoneinfo/Europe/Berlin`.

/// Offsets from UTC and when they change. Seconds; east is positive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Zone {
    standard: i64,
    summer: Option<Summer>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Summer {
    offset: i64,
    begins: Change,
    ends: Change,
}

/// "The `week`th `weekday` of `month`, `seconds` after midnight"; week 5 is the last.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    month: i64,
    week: i64,
    weekday: i64,
    seconds: i64,
}

/// A moment as a wall clock shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wall {
    pub(crate) year: i64,
    /// 1 to 12.
    pub(crate) month: i64,
    /// 1 to 31.
    pub(crate) day: i64,
    /// 0 is Sunday.
    pub(crate) weekday: i64,
    /// Minutes since midnight.
    pub(crate) minute: i64,
}

impl Zone {
    /// Reads a TZ string; the rules of its change must be of the form `Mm.w.d`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(',');
        let names = parts.next()?;
        let rest = without_name(names)?;
        let (west, rest) = time(rest)?;
        let standard = west.checked_neg()?;
        if rest.is_empty() {
            let zone = Self {
                standard,
                summer: None,
            };
            return parts.next().is_none().then_some(zone);
        }
        let rest = without_name(rest)?;
        let offset = match rest {
            "" => standard.checked_add(3600)?,
            rest => match time(rest)? {
                (west, "") => west.checked_neg()?,
                _ => return None,
            },
        };
        let begins = Change::parse(parts.next()?)?;
        let ends = Change::parse(parts.next()?)?;
        let summer = Some(Summer {
            offset,
            begins,
            ends,
        });
        parts.next().is_none().then_some(Self { standard, summer })
    }

    /// What a wall clock shows at a moment, in milliseconds since 1970 UTC.
    pub(crate) fn wall(&self, unix_ms: u64) -> Wall {
        let unix = i64::try_from(unix_ms / 1000).unwrap_or(i64::MAX / 2);
        let offset = match &self.summer {
            Some(summer) if self.is_summer(summer, unix) => summer.offset,
            _ => self.standard,
        };
        shown(unix.saturating_add(offset))
    }

    fn is_summer(&self, summer: &Summer, unix: i64) -> bool {
        let year = shown(unix.saturating_add(self.standard)).year;
        // Each change is told in the time that holds before it.
        let begins = summer.begins.at(year).saturating_sub(self.standard);
        let ends = summer.ends.at(year).saturating_sub(summer.offset);
        match begins < ends {
            true => (begins..ends).contains(&unix),
            // South of the equator summer spans the new year.
            false => !(ends..begins).contains(&unix),
        }
    }
}

impl Change {
    fn parse(text: &str) -> Option<Self> {
        let (rule, at) = text.split_once('/').unwrap_or((text, "2"));
        let mut numbers = rule
            .strip_prefix('M')?
            .split('.')
            .map(|n| n.parse::<i64>().ok());
        let (month, week, weekday) = (numbers.next()??, numbers.next()??, numbers.next()??);
        let (seconds, rest) = time(at)?;
        let sound =
            (1..=12).contains(&month) && (1..=5).contains(&week) && (0..=6).contains(&weekday);
        let whole = sound && rest.is_empty() && numbers.next().is_none();
        whole.then_some(Self {
            month,
            week,
            weekday,
            seconds,
        })
    }

    /// Seconds since 1970 on the wall clock.
    #[allow(
        clippy::arithmetic_side_effects,
        reason = "years of four digits, weeks, days: all small"
    )]
    fn at(&self, year: i64) -> i64 {
        let first = days_before(year, self.month, 1);
        let wanted = (self.weekday - weekday(first)).rem_euclid(7);
        let next_month = match self.month {
            12 => days_before(year + 1, 1, 1),
            month => days_before(year, month + 1, 1),
        };
        let mut day = first + wanted + (self.week - 1) * 7;
        while day >= next_month {
            day -= 7;
        }
        day * DAY + self.seconds
    }
}

/// What a clock shows so many seconds after 1970-01-01 00:00 of its own time.
#[allow(
    clippy::arithmetic_side_effects,
    reason = "at most 2^62 seconds, divided"
)]
fn shown(seconds: i64) -> Wall {
    let days = seconds.div_euclid(DAY);
    // The days since 0000-03-01, in eras of 400 years of 146,097 days; a leap day ends each year.
    let since = days + 719_468;
    let era = since.div_euclid(146_097);
    let of_era = since.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    Wall {
        year: year_of_era + era * 400 + i64::from(month <= 2),
        month,
        day: of_year - (153 * from_march + 2) / 5 + 1,
        weekday: weekday(days),
        minute: seconds.rem_euclid(DAY) / 60,
    }
}

/// Days from 1970-01-01 to a date.
#[allow(
    clippy::arithmetic_side_effects,
    reason = "years of the calendar: all small"
)]
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// 1970-01-01 was a Thursday.
fn weekday(days: i64) -> i64 {
    days.saturating_add(4).rem_euclid(7)
}

/// Behind the name of a time: letters, or anything in `<>`.
fn without_name(text: &str) -> Option<&str> {
    if let Some(quoted) = text.strip_prefix('<') {
        return quoted.split_once('>').map(|(_, rest)| rest);
    }
    let end = text
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    (end >= 3).then(|| text.get(end..)).flatten()
}

/// `[+-]h[h][:mm[:ss]]` in seconds, and what follows.
fn time(text: &str) -> Option<(i64, &str)> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1_i64, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != ':')
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    let mut seconds = 0_i64;
    let mut unit = 3600_i64;
    for part in digits.split(':') {
        let number: i64 = part.parse().ok().filter(|number| *number < 168)?;
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
        unit = unit.checked_div(60)?;
    }
    Some((seconds.checked_mul(sign)?, rest))
}

const DAY: i64 = 86_400;

#[cfg(test)]
mod tests;
