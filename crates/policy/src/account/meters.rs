//! What a plugin measures itself: at most 64 counters and histograms.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The measures of one plugin. A place once given stays.
#[derive(Debug)]
pub(crate) struct Meters {
    places: [OnceLock<Meter>; MOST],
}

#[derive(Debug)]
struct Meter {
    name: String,
    kind: Kind,
    /// Of a counter its value, of a histogram how many values there were.
    count: AtomicU64,
    /// A float's bits.
    sum: AtomicU64,
    buckets: [AtomicU64; BOUNDS.len()],
}

/// What a measure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Histogram,
}

/// One measure of a plugin's own, to be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct MeterStatus {
    /// Its name, `[a-z][a-z0-9_]*`.
    pub name: String,
    /// Its value.
    pub value: MeterValue,
}

/// The value of a plugin's own measure.
#[derive(Clone, Debug, PartialEq)]
pub enum MeterValue {
    /// A counter's.
    Counter(u64),
    /// A histogram's.
    Histogram {
        /// Upper bounds, and how many values were no larger.
        buckets: Vec<(f64, u64)>,
        /// How many values there were.
        count: u64,
        /// Their sum.
        sum: f64,
    },
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            places: [const { OnceLock::new() }; MOST],
        }
    }
}

impl Meters {
    /// The place of a measure, which is made if it is new; [`NOWHERE`] if it has a bad name, is there as
    /// something else, or all places are taken.
    pub(crate) fn place(&self, name: &str, kind: Kind) -> u32 {
        if !is_name(name) {
            return NOWHERE;
        }
        let fresh = || Meter::new(name, kind);
        let mut places = self.places.iter().zip(0_u32..);
        let found = places.find(|(place, _)| place.get_or_init(fresh).name == name);
        match found {
            Some((place, at)) if place.get().is_some_and(|meter| meter.kind == kind) => at,
            _ => NOWHERE,
        }
    }

    /// Counts.
    pub(crate) fn add(&self, place: u32, by: u64) {
        if let Some(meter) = self.at(place) {
            meter.count.fetch_add(by, Relaxed);
        }
    }

    /// Takes one value into a histogram. What is no number is not counted.
    pub(crate) fn observe(&self, place: u32, value: f64) {
        let Some(meter) = self.at(place).filter(|_| value.is_finite()) else {
            return;
        };
        meter.count.fetch_add(1, Relaxed);
        let add = |sum| Some((f64::from_bits(sum) + value).to_bits());
        let _ = meter.sum.fetch_update(Relaxed, Relaxed, add);
        let bucket = BOUNDS.partition_point(|bound| *bound < value);
        if let Some(bucket) = meter.buckets.get(bucket) {
            bucket.fetch_add(1, Relaxed);
        }
    }

    /// All measures, in the order they were made.
    pub(crate) fn status(&self) -> Vec<MeterStatus> {
        let made = self.places.iter().map_while(OnceLock::get);
        made.map(Meter::status).collect()
    }

    fn at(&self, place: u32) -> Option<&Meter> {
        let place = usize::try_from(place).ok()?;
        self.places.get(place)?.get()
    }
}

impl Meter {
    fn new(name: &str, kind: Kind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            count: AtomicU64::new(0),
            sum: AtomicU64::new(0),
            buckets: Default::default(),
        }
    }

    fn status(&self) -> MeterStatus {
        let count = self.count.load(Relaxed);
        let value = match self.kind {
            Kind::Counter => MeterValue::Counter(count),
            Kind::Histogram => {
                let mut below = 0_u64;
                let buckets = BOUNDS.iter().zip(&self.buckets).map(|(bound, bucket)| {
                    below = below.saturating_add(bucket.load(Relaxed));
                    (*bound, below)
                });
                MeterValue::Histogram {
                    buckets: buckets.collect(),
                    count,
                    sum: f64::from_bits(self.sum.load(Relaxed)),
                }
            }
        };
        MeterStatus {
            name: self.name.clone(),
            value,
        }
    }
}

fn is_name(name: &str) -> bool {
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(letters)
}

/// The place of what is not measured.
pub(crate) const NOWHERE: u32 = u32::MAX;
const MOST: usize = 64;
const BOUNDS: [f64; 10] = [0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_has_sixty_four_names_and_what_comes_after_is_lost() {
        let meters = Meters::default();
        for n in 0..64 {
            assert_eq!(meters.place(&format!("m{n}"), Kind::Counter), n);
        }
        let lost = meters.place("one_more", Kind::Counter);
        meters.add(lost, 5);
        assert_eq!(lost, NOWHERE);
        assert_eq!(meters.place("m63", Kind::Counter), 63);
        assert_eq!(meters.status().len(), 64);
    }

    #[test]
    fn a_name_that_prometheus_would_refuse_is_not_measured() {
        let meters = Meters::default();
        for name in ["", "9", "a b", "a{x=\"y\"}", "ä", "A"] {
            assert_eq!(meters.place(name, Kind::Counter), NOWHERE, "{name}");
        }
    }

    #[test]
    fn a_histogram_counts_each_value_once_and_no_nan() {
        let meters = Meters::default();
        let place = meters.place("h", Kind::Histogram);
        for value in [0.5, 2.0, f64::NAN, 1e9] {
            meters.observe(place, value);
        }
        let status = meters.status();
        let [
            MeterStatus {
                value:
                    MeterValue::Histogram {
                        buckets,
                        count,
                        sum,
                    },
                ..
            },
        ] = &status[..]
        else {
            panic!("{status:?}");
        };
        assert_eq!((*count, *sum), (3, 1e9 + 2.5));
        assert_eq!(buckets[3..5], [(1.0, 1), (10.0, 2)]);
        assert_eq!(buckets.last(), Some(&(1e6, 2)));
    }

    #[test]
    fn one_name_is_one_kind() {
        let meters = Meters::default();
        assert_eq!(meters.place("x", Kind::Counter), 0);
        assert_eq!(meters.place("x", Kind::Histogram), NOWHERE);
    }
}
