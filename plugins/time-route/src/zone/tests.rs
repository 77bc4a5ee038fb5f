//! Wall clocks against what `date` says.

use super::*;

/// Year, month, day, weekday, "hh:mm".
fn wall(zone: &str, unix: u64) -> (i64, i64, i64, i64, String) {
    let zone = Zone::parse(zone).unwrap();
    let wall = zone.wall(unix.saturating_mul(1000));
    let clock = format!("{:02}:{:02}", wall.minute / 60, wall.minute % 60);
    (wall.year, wall.month, wall.day, wall.weekday, clock)
}

#[test]
fn berlin_changes_on_the_last_sundays_of_march_and_october_at_one_utc() {
    let berlin = "CET-1CEST,M3.5.0,M10.5.0/3";
    // 2026-03-29 00:59:59 UTC and a second later.
    assert_eq!(
        wall(berlin, 1_774_745_999),
        (2026, 3, 29, 0, "01:59".to_owned())
    );
    assert_eq!(
        wall(berlin, 1_774_746_000),
        (2026, 3, 29, 0, "03:00".to_owned())
    );
    // 2026-10-25 00:59:59 UTC and a second later.
    assert_eq!(
        wall(berlin, 1_792_889_999),
        (2026, 10, 25, 0, "02:59".to_owned())
    );
    assert_eq!(
        wall(berlin, 1_792_890_000),
        (2026, 10, 25, 0, "02:00".to_owned())
    );
}

#[test]
fn new_york_changes_at_two_of_its_own_time() {
    let york = "EST5EDT,M3.2.0,M11.1.0";
    // 2026-03-08 06:59:59 UTC and a second later.
    assert_eq!(
        wall(york, 1_772_953_199),
        (2026, 3, 8, 0, "01:59".to_owned())
    );
    assert_eq!(
        wall(york, 1_772_953_200),
        (2026, 3, 8, 0, "03:00".to_owned())
    );
}

#[test]
fn summer_spans_the_new_year_in_sydney() {
    let sydney = "AEST-10AEDT,M10.1.0,M4.1.0/3";
    assert_eq!(
        wall(sydney, 1_767_225_600),
        (2026, 1, 1, 4, "11:00".to_owned())
    );
    // 2026-07-01 00:00 UTC.
    assert_eq!(
        wall(sydney, 1_782_864_000),
        (2026, 7, 1, 3, "10:00".to_owned())
    );
}

#[test]
fn a_zone_need_have_no_summer_nor_whole_hours() {
    assert_eq!(wall("<+0545>-5:45", 0), (1970, 1, 1, 4, "05:45".to_owned()));
    // 2028-02-29 12:00 UTC.
    assert_eq!(
        wall("UTC0", 1_835_438_400),
        (2028, 2, 29, 2, "12:00".to_owned())
    );
    assert_eq!(
        wall("BRT3", 1_835_438_400),
        (2028, 2, 29, 2, "09:00".to_owned())
    );
}

#[test]
fn what_is_no_zone_is_none() {
    for text in [
        "",
        "Europe/Berlin",
        "CET",
        "CET-1CEST",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M3.5.0,M10.5.0,M1.1.1",
        "CET-1CEST,J60,J300",
        "C-1",
        "CET-1:x",
    ] {
        assert_eq!(Zone::parse(text), None, "{text}");
    }
}
