//! Log-linear latency histogram: 128 sub-buckets per power of two (error below 1 %).

const SUB_BITS: u32 = 7;
const SUB: usize = 1 << SUB_BITS;
const BUCKETS: usize = SUB * 40;

pub(crate) struct Hist {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Default for Hist {
    fn default() -> Self {
        Hist {
            counts: vec![0; BUCKETS],
            total: 0,
            max: 0,
        }
    }
}

fn index(v: u64) -> usize {
    if v < SUB as u64 {
        return v as usize;
    }
    let shift = 63 - v.leading_zeros() - SUB_BITS + 1;
    let i = (shift as usize) * (SUB / 2) + (v >> shift) as usize;
    i.min(BUCKETS - 1)
}

fn value(i: usize) -> u64 {
    if i < SUB {
        return i as u64;
    }
    let shift = (i - SUB / 2) / (SUB / 2);
    let mantissa = i - shift * (SUB / 2);
    ((mantissa as u64) << shift) + (1 << shift) / 2
}

impl Hist {
    /// Adds one value, in microseconds.
    pub(crate) fn add(&mut self, us: u64) {
        self.counts[index(us)] += 1;
        self.total += 1;
        self.max = self.max.max(us);
    }

    pub(crate) fn max_ms(&self) -> f64 {
        self.max as f64 / 1000.0
    }

    /// The quantile `q` (0..1) in milliseconds; 0 for an empty histogram.
    pub(crate) fn quantile_ms(&self, q: f64) -> f64 {
        let want = ((self.total as f64 * q).ceil() as u64).max(1);
        let mut seen = 0;
        for (i, c) in self.counts.iter().enumerate() {
            seen += c;
            if seen >= want {
                return value(i).min(self.max) as f64 / 1000.0;
            }
        }
        self.max_ms()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_error_is_small() {
        for v in [
            0u64, 1, 127, 128, 129, 255, 256, 1000, 4095, 123_456, 9_999_999,
        ] {
            let back = value(index(v)) as f64;
            assert!(
                (back - v as f64).abs() <= v as f64 * 0.01 + 0.5,
                "{v} -> {back}"
            );
        }
    }

    #[test]
    fn index_is_monotonic() {
        let mut last = 0;
        for v in 0..200_000u64 {
            let i = index(v);
            assert!(i >= last);
            last = i;
        }
    }

    #[test]
    fn quantiles() {
        let mut h = Hist::default();
        for v in 1..=1000 {
            h.add(v * 1000);
        }
        assert!((h.quantile_ms(0.5) - 500.0).abs() < 6.0);
        assert!((h.quantile_ms(0.99) - 990.0).abs() < 11.0);
        assert_eq!(h.max_ms(), 1000.0);
        assert_eq!(Hist::default().quantile_ms(0.99), 0.0);
    }
}
