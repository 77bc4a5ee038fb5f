//! The store: times, bounds, and that nothing is counted twice.

use super::*;

const SMALL: StoreLimits = StoreLimits {
    keys: 4,
    bytes: 100,
};

fn at(millis: u64) -> Terms {
    let now = Instant::from_micros(1).after(Duration::from_millis(millis));
    Terms { now, limits: SMALL }
}

fn ttl(millis: u64) -> Option<Duration> {
    Some(Duration::from_millis(millis))
}

#[test]
fn a_value_is_there_until_its_time_is_over() {
    let kv = Kv::default();
    kv.set(at(0), "k", b"v".into(), ttl(10)).unwrap();
    assert_eq!(kv.get(at(9), "k"), Some(b"v".into()));
    assert_eq!(kv.get(at(10), "k"), None);
    assert!(!kv.delete(at(10), "k"));
    assert_eq!(kv.size(), (0, 0));
}

#[test]
fn an_increment_begins_at_nothing_and_keeps_the_first_ttl() {
    let kv = Kv::default();
    assert_eq!(kv.increment(at(0), "n", 2, ttl(10)), Ok(2));
    assert_eq!(kv.increment(at(5), "n", 3, ttl(100)), Ok(5));
    assert_eq!(kv.increment(at(10), "n", -1, None), Ok(-1));
    assert_eq!(kv.get(at(11), "n"), Some(b"-1".into()));
}

#[test]
fn what_is_no_number_cannot_be_incremented_nor_can_a_number_overflow() {
    let kv = Kv::default();
    kv.set(at(0), "n", b"x".into(), None).unwrap();
    assert_eq!(kv.increment(at(0), "n", 1, None), Err(KvError::Conflict));
    kv.set(at(0), "n", i64::MAX.to_string().into(), None)
        .unwrap();
    assert_eq!(kv.increment(at(0), "n", 1, None), Err(KvError::Conflict));
}

#[test]
fn a_value_is_swapped_only_for_the_expected_one() {
    let kv = Kv::default();
    assert_eq!(
        kv.compare_and_set(at(0), "k", Some(b"a"), b"b".into(), None),
        Err(KvError::Conflict)
    );
    assert_eq!(
        kv.compare_and_set(at(0), "k", None, b"a".into(), None),
        Ok(())
    );
    assert_eq!(
        kv.compare_and_set(at(0), "k", None, b"b".into(), None),
        Err(KvError::Conflict)
    );
    assert_eq!(
        kv.compare_and_set(at(0), "k", Some(b"a"), b"b".into(), None),
        Ok(())
    );
    assert_eq!(kv.get(at(0), "k"), Some(b"b".into()));
}

#[test]
fn keys_and_bytes_have_a_bound_and_what_is_over_makes_room() {
    let kv = Kv::default();
    let set = |millis, key: &str, size| kv.set(at(millis), key, vec![0; size], ttl(10));
    for n in 0..4 {
        set(0, &n.to_string(), 10).unwrap();
    }
    assert_eq!(set(5, "more", 1), Err(KvError::Full));
    assert_eq!(set(5, "0", 90), Err(KvError::Full));
    assert_eq!(kv.size(), (4, 44));
    // Each shard sweeps itself: only a key of a shard that holds something old finds room for sure.
    assert_eq!(set(2_000, "0", 20), Ok(()));
    assert_eq!(set(2_000, &"k".repeat(257), 1), Err(KvError::TooLarge));
    assert_eq!(set(2_000, "0", 65 << 10), Err(KvError::TooLarge));
}

#[test]
fn a_bucket_gives_its_burst_at_once_and_then_its_rate() {
    let kv = Kv::default();
    let taken = |millis| {
        (0..10)
            .filter(|_| kv.allow(at(millis), "b", 2.0, 3))
            .count()
    };
    assert_eq!(taken(0), 3);
    assert_eq!(taken(499), 0);
    assert_eq!(taken(500), 1);
    assert_eq!(taken(60_000), 3);
}

#[test]
fn buckets_are_bounded_and_a_full_one_makes_room() {
    let kv = Kv::default();
    for n in 0..1_000 {
        kv.allow(at(n), &n.to_string(), 1.0, 1);
    }
    assert!(kv.buckets.load(Relaxed) <= SMALL.keys);
    assert!(!kv.allow(at(0), "x", f64::NAN, 1));
}

#[test]
fn increments_of_many_threads_are_all_counted() {
    let kv = Kv::default();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                (0..1_000).for_each(|_| assert!(kv.increment(at(0), "n", 1, None).is_ok()))
            });
        }
    });
    assert_eq!(kv.get(at(0), "n"), Some(b"4000".into()));
}
