//! Durations ("30s") and sizes ("64KiB") as the configuration writes them.

use std::time::Duration;

/// Reads a duration: a whole number and `ms`, `s`, `m`, `h` or `d`.
///
/// # Errors
/// What is wrong and what is allowed.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let millis = UNITS_OF_TIME.iter().find(|(name, _)| *name == unit);
    millis
        .zip(number)
        .and_then(|((_, millis), number)| number.checked_mul(*millis))
        .map(Duration::from_millis)
        .ok_or_else(|| {
            "not a duration; allowed: a whole number and ms, s, m, h or d, as in \"30s\"".to_owned()
        })
}

/// Reads a size in bytes: a whole number and `B`, `KiB`, `MiB` or `GiB`.
///
/// # Errors
/// What is wrong and what is allowed.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let (number, unit) = split(text);
    let bytes = UNITS_OF_SIZE.iter().find(|(name, _)| *name == unit);
    bytes
        .zip(number)
        .and_then(|((_, bytes), number)| number.checked_mul(*bytes))
        .and_then(|bytes| usize::try_from(bytes).ok())
        .ok_or_else(|| {
            "not a size; allowed: a whole number and B, KiB, MiB or GiB, as in \"64KiB\"".to_owned()
        })
}

/// A duration in the largest unit that leaves nothing over.
pub(crate) fn show_duration(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    show(millis, &UNITS_OF_TIME)
}

/// A size in the largest unit that leaves nothing over.
pub(crate) fn show_size(bytes: usize) -> String {
    show(u64::try_from(bytes).unwrap_or(u64::MAX), &UNITS_OF_SIZE)
}

fn show(number: u64, units: &[(&str, u64)]) -> String {
    let whole = units.iter().rev().find_map(|(name, factor)| {
        let rest = number.checked_rem(*factor)?;
        let count = number.checked_div(*factor)?;
        (rest == 0 && count > 0).then(|| format!("{count}{name}"))
    });
    whole.unwrap_or_else(|| "0".to_owned())
}

fn split(text: &str) -> (Option<u64>, &str) {
    let digits = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    (number.parse().ok(), unit.trim_start())
}

const UNITS_OF_TIME: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];
const UNITS_OF_SIZE: [(&str, u64); 4] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for bad in [
            "",
            "30",
            "s",
            "-1s",
            "1.5s",
            "5 min",
            "99999999999999999999s",
            "1h30m",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_are_a_number_and_a_binary_unit() {
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("1MiB"), Ok(1_048_576));
        assert_eq!(size("512B"), Ok(512));
        for bad in ["64", "64k", "64KB", "KiB", "99999999999GiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        for text in ["30s", "90s", "1h", "1d", "1500ms"] {
            assert_eq!(show_duration(duration(text).unwrap()), text);
        }
        assert_eq!(show_size(65_536), "64KiB");
        assert_eq!(show_size(1_000), "1000B");
    }
}
