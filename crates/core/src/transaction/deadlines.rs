//! Deadlines in the order of their times. Nearly all are one of a few times away from the moment they are set
//! (RFC 3261 table 4), and those of one length come due as they were set: each has a lane of its own, to whose
//! end it is put. What fits no lane goes to a heap.

use crate::time::Instant;
use std::{
    cmp::Ordering,
    collections::{BinaryHeap, VecDeque},
};

/// Deadlines, stale ones among them: what of them is live is known to whoever set them.
#[derive(Debug)]
pub(super) struct Deadlines<K> {
    lanes: [Lane<K>; LANES],
    others: BinaryHeap<Deadline<K>>,
    /// The earliest.
    head: Option<Head>,
    stamp: u64,
    length: usize,
}

/// One deadline; the greatest is the one that comes first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline<K> {
    pub(super) at: Instant,
    /// Tells it from all others that were ever set here.
    pub(super) stamp: u64,
    pub(super) key: K,
}

/// Deadlines that came in the order of their times.
#[derive(Debug)]
struct Lane<K> {
    queue: VecDeque<Deadline<K>>,
    /// The time of its last, the beginning of time if it has none.
    end: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    at: Instant,
    stamp: u64,
    /// [`LANES`]: it is in the heap.
    lane: usize,
}

impl<K: Copy> Deadlines<K> {
    /// None yet.
    pub(super) fn new() -> Self {
        Self {
            lanes: std::array::from_fn(|_| Lane {
                queue: VecDeque::new(),
                end: Instant::default(),
            }),
            others: BinaryHeap::new(),
            head: None,
            stamp: 0,
            length: 0,
        }
    }

    /// Takes one in; gives its stamp.
    pub(super) fn push(&mut self, key: K, at: Instant) -> u64 {
        self.stamp = self.stamp.wrapping_add(1);
        let stamp = self.stamp;
        let deadline = Deadline { at, stamp, key };
        let fits = self.lanes.iter_mut().enumerate();
        let fits = fits.filter(|(_, lane)| lane.end <= at);
        let lane = match fits.max_by_key(|(_, lane)| lane.end) {
            Some((number, lane)) => {
                lane.queue.push_back(deadline);
                lane.end = at;
                number
            }
            None => {
                self.others.push(deadline);
                LANES
            }
        };
        self.length = self.length.saturating_add(1);
        if self.head.is_none_or(|head| at < head.at) {
            self.head = Some(Head { at, stamp, lane });
        }
        stamp
    }

    /// The earliest time.
    pub(super) fn next(&self) -> Option<Instant> {
        self.head.map(|head| head.at)
    }

    /// Whether this one is the earliest.
    pub(super) fn is_head(&self, stamp: u64) -> bool {
        self.head.is_some_and(|head| head.stamp == stamp)
    }

    /// Takes the earliest out; of those of one time the one that was set first.
    pub(super) fn pop(&mut self) -> Option<Deadline<K>> {
        let head = self.head?;
        let first = match self.lanes.get_mut(head.lane) {
            Some(lane) => {
                let first = lane.queue.pop_front();
                lane.ended();
                first
            }
            None => self.others.pop(),
        };
        self.length = self.length.saturating_sub(1);
        self.find_head();
        first
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Takes stale ones out: the earliest, until it is live, and all of them where there are more than
    /// about as many as the `live` ones. Each is dropped once, so this costs constant time for each that is set.
    pub(super) fn drop_stale(&mut self, live: usize, is_live: impl Fn(&Deadline<K>) -> bool) {
        if self.is_mostly_stale(live) {
            for lane in &mut self.lanes {
                lane.queue.retain(&is_live);
                lane.ended();
            }
            self.others.retain(&is_live);
            let lanes = self.lanes.iter().map(|lane| lane.queue.len());
            self.length = lanes.fold(self.others.len(), usize::saturating_add);
            self.find_head();
        }
        while self.first().is_some_and(|first| !is_live(first)) {
            self.pop();
        }
    }

    /// Whether it is time to look for stale ones, where so many are live.
    pub(super) fn is_mostly_stale(&self, live: usize) -> bool {
        self.length > live.saturating_mul(2).saturating_add(SLACK)
    }

    fn first(&self) -> Option<&Deadline<K>> {
        let head = self.head?;
        match self.lanes.get(head.lane) {
            Some(lane) => lane.queue.front(),
            None => self.others.peek(),
        }
    }

    fn find_head(&mut self) {
        let lanes = self.lanes.iter().map(|lane| lane.queue.front());
        let firsts = lanes.chain([self.others.peek()]).enumerate();
        let heads = firsts.filter_map(|(lane, first)| {
            let Deadline { at, stamp, .. } = *first?;
            Some(Head { at, stamp, lane })
        });
        self.head = heads.min_by_key(|head| (head.at, head.stamp));
    }
}

impl<K> Lane<K> {
    /// Something has been taken out.
    fn ended(&mut self) {
        if self.queue.is_empty() {
            self.end = Instant::default();
        }
    }
}

impl<K> Ord for Deadline<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.stamp).cmp(&(self.at, self.stamp))
    }
}

impl<K> PartialOrd for Deadline<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> PartialEq for Deadline<K> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<K> Eq for Deadline<K> {}

/// Enough for the times of one configuration and the steps of timers A, E and G.
const LANES: usize = 8;
/// Stale deadlines that are not worth a sweep.
const SLACK: usize = 64;
