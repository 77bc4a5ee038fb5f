//! The pool of live transactions by itself.

use crate::transaction::{TransactionId, id::Role, pool::Pool};
use ahash::RandomState;

fn pool() -> Pool<u32> {
    Pool::new(Role::Server, 10, RandomState::with_seeds(1, 2, 3, 4))
}

#[test]
fn of_two_with_one_key_the_accepted_one_is_found_and_the_right_one_removed() {
    let mut pool = pool();
    let first = pool.insert(b"key", 1).unwrap();
    let second = pool.insert(b"key", 2).unwrap();
    assert_eq!(pool.find(b"key", |value| *value == 2), Some(second));
    assert_eq!(pool.remove(second), Some(2));
    assert_eq!(pool.find(b"key", |value| *value == 2), None);
    assert_eq!(pool.find(b"key", |_| true), Some(first));
    assert_eq!(pool.len(), 1);
}

#[test]
fn a_slot_that_is_worn_out_is_not_used_again() {
    let mut pool = pool();
    pool.wear_out();
    let last = pool.insert(b"a", 1).unwrap();
    assert_eq!(last.generation(), TransactionId::LAST_GENERATION);
    pool.remove(last);
    let next = pool.insert(b"b", 2).unwrap();
    assert_ne!(next.slot(), last.slot());
    assert_eq!(pool.get(last), None);
}
