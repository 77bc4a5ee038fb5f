//! Date (RFC 3261 20.17): the time as RFC 1123 writes it, always GMT.

use std::time::Duration;

/// The header line of the current second, kept for as long as that lasts.
#[derive(Debug, Default)]
pub(crate) struct Line {
    second: u64,
    text: Vec<u8>,
}

impl Line {
    /// `Date: ` and the time that this span since 1970 is, with the line end.
    pub(crate) fn of(&mut self, unix: Duration) -> &[u8] {
        if self.second != unix.as_secs() || self.text.is_empty() {
            self.second = unix.as_secs();
            self.text.clear();
            self.text.extend_from_slice(b"Date: ");
            write(unix, &mut self.text);
            self.text.extend_from_slice(b"\r\n");
        }
        &self.text
    }
}

/// Appends the time that this span since 1970 is, such as `Sat, 13 Nov 2010 23:29:00 GMT`.
#[allow(
    clippy::arithmetic_side_effects,
    reason = "the span is bounded first, and no divisor is zero"
)]
fn write(unix: Duration, out: &mut Vec<u8>) {
    let seconds = unix.as_secs().min(LAST);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    // The first of January 1970 was a Thursday.
    let weekday = name(&WEEKDAYS, days % 7);
    out.extend_from_slice(weekday);
    out.extend_from_slice(b", ");
    digits(day, out);
    out.push(b' ');
    out.extend_from_slice(name(&MONTHS, month));
    out.push(b' ');
    digits(year / 100, out);
    digits(year % 100, out);
    for (mark, part) in [
        (b' ', second / 3600),
        (b':', second / 60 % 60),
        (b':', second % 60),
    ] {
        out.push(mark);
        digits(part, out);
    }
    out.extend_from_slice(b" GMT");
}

/// The year, month (0 is March, so that a leap day is the last of its year) and day of a day since 1970,
/// by counting in spans of 400 years, which all have the same number of days.
#[allow(
    clippy::arithmetic_side_effects,
    reason = "the caller bounds the days; each step subtracts less than there is"
)]
fn civil(days: u64) -> (u64, u64, u64) {
    // From the first of March of the year 0.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let is_next = u64::from(month >= 10);
    (era * 400 + year + is_next, month, day)
}

fn name<'n>(names: &[&'n [u8; 3]], at: u64) -> &'n [u8] {
    let at = usize::try_from(at).unwrap_or_default();
    names.get(at).map_or(b"", |name| name.as_slice())
}

/// Two digits.
fn digits(number: u64, out: &mut Vec<u8>) {
    for digit in [number / 10 % 10, number % 10] {
        out.push(b'0'.wrapping_add(u8::try_from(digit).unwrap_or_default()));
    }
}

const WEEKDAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
const MONTHS: [&[u8; 3]; 12] = [
    b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec", b"Jan", b"Feb",
];
/// The last second of the year 9999.
const LAST: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_rfc_1123_has_it() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (1_289_690_940, "Sat, 13 Nov 2010 23:29:00 GMT"),
            (1_767_225_599, "Wed, 31 Dec 2025 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            let mut out = Vec::new();
            write(Duration::from_secs(seconds), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), text);
        }
    }

    #[test]
    fn the_line_of_a_second_is_made_anew_in_the_next_one() {
        let mut line = Line::default();
        for (milliseconds, second) in [
            (0, "00"),
            (999, "00"),
            (1_000, "01"),
            (2_999, "02"),
            (0, "00"),
        ] {
            let text = line.of(Duration::from_millis(milliseconds));
            let expected = format!("Date: Thu, 01 Jan 1970 00:00:{second} GMT\r\n");
            assert_eq!(String::from_utf8_lossy(text), expected);
        }
    }
}
