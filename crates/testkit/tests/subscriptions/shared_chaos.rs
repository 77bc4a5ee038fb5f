//! Watchers, a PBX and a Bellhop to which anything happens at any time, over a network that loses, doubles and reorders:
//! watchers come, go, refresh, fall silent and forget; the PBX changes, refuses, ends, tells in parts, dies, and forgets or
//! counts anew; Bellhop is killed. In the end each watcher shows what the PBX says, all numbers have risen, and the PBX has
//! one subscription for each resource that is watched.

use crate::chaos_pbx::{Mood, Pbx, RESOURCES};
use crate::chaos_phone::{Fate, Phone};
use crate::party::{addr, auth, sharing};
use crate::site::*;
use bellhop_core::config::Config;
use bellhop_testkit::{Chance, Faults};
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, RngSeed};

/// Something happens, to this one, and so many milliseconds pass.
type Act = (u8, u8, u16);

/// What [`Act`]s there are.
const KINDS: u8 = 20;

proptest! {
    #![proptest_config(Cases {
        cases: schedules(),
        rng_seed: RngSeed::Fixed(20_261_130),
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Cases::default()
    })]

    #[test]
    fn whatever_happens_each_watcher_shows_in_the_end_what_the_pbx_says(
        seed in any::<u64>(),
        shards in prop_oneof![Just(1_u16), Just(1), Just(4)],
        acts in prop::collection::vec((0..KINDS, any::<u8>(), 0..2_500_u16), 20..70),
    ) {
        Chaos::new(seed, shards).run(&acts);
    }
}

/// Enough for every order to come up; `BELLHOP_SCHEDULES` asks for more.
fn schedules() -> u32 {
    let asked = std::env::var("BELLHOP_SCHEDULES").ok();
    asked.and_then(|most| most.parse().ok()).unwrap_or(24)
}

fn settings() -> Config {
    let mut config = sharing();
    config.upstreams[0].probe = Some(Duration::from_secs(5));
    config.subscriptions.upstream_expires = 100;
    config.subscriptions.linger = Duration::from_secs(10);
    config
}

struct Chaos {
    world: World,
    chance: Chance,
    pbx: Pbx,
    phones: Vec<Phone>,
    shards: u16,
}

impl Chaos {
    fn new(seed: u64, shards: u16) -> Self {
        let mut world = World::new(seed);
        world.start_shards(shards, settings(), &auth());
        if shards == 1 {
            world.set_disk(0, crate::held::quick);
        }
        Self {
            world,
            chance: Chance::new(seed),
            pbx: Pbx::new(seed),
            phones: (0..PHONES).map(Phone::new).collect(),
            shards,
        }
    }

    fn run(mut self, acts: &[Act]) {
        self.world.faults = Faults {
            loss: 8,
            duplication: 8,
            reordering: 8,
        };
        for (kind, who, pause) in acts {
            self.act(*kind, usize::from(*who));
            self.pass(Duration::from_millis((*pause).into()), SLICE);
        }
        self.world.faults = Faults::default();
        self.pbx.calms();
        for phone in &mut self.phones {
            phone.calms();
        }
        self.pass(SOON, SLICE);
        // What it has forgotten without a word is found out at the next refresh at the latest.
        if !self.pbx.has_forgotten {
            self.lamps_are_right();
        }
        self.pass(Duration::from_secs(420), 10 * SLICE);
        self.all_is_right();
        self.pbx.changes_all(&mut self.world);
        self.pass(Duration::from_secs(4), SLICE);
        self.all_is_right();
        for phone in &mut self.phones {
            phone.leaves_all(&mut self.world);
        }
        self.pass(Duration::from_secs(180), 10 * SLICE);
        assert!(known(&self.world).is_empty());
        assert_eq!(self.world.nodes[0].shared.subscriptions.tally().shared, 0);
        assert_eq!(self.pbx.live(None), 0);
    }

    fn act(&mut self, kind: u8, who: usize) {
        let (world, at) = (&mut self.world, who % self.phones.len());
        let resource = (who / 8) % RESOURCES.len();
        match kind {
            0..=3 => self.phones[at].subscribes(world, resource, who.is_multiple_of(3)),
            4 => self.phones[at].leaves(world, resource),
            5 => self.phones[at].refreshes(world, resource),
            6 => self.phones[at].turns(Fate::Silent, world.now.instant.after(seconds(who % 90))),
            7 => self.phones[at].turns(Fate::Busy, world.now.instant.after(seconds(who % 20))),
            8 => self.phones[at].turns(Fate::Forgetful, world.now.instant.after(seconds(1))),
            9..=12 => self.pbx.changes(world, resource),
            13 => self
                .pbx
                .turns(Mood::Busy, world.now.instant.after(seconds(who % 15))),
            14 => self
                .pbx
                .turns(Mood::Brief, world.now.instant.after(seconds(who % 15))),
            15 => self
                .pbx
                .turns(Mood::Partial, world.now.instant.after(seconds(who % 15))),
            16 => self.pbx.ends(world, resource, who),
            17 => self
                .pbx
                .dies(world.now.instant.after(seconds(who % 50)), who % 3),
            18 => self.pbx.dies(world.now.instant, who % 3),
            _ if self.shards == 1 => {
                world.restart(0, settings(), auth());
            }
            _ => {}
        }
    }

    fn pass(&mut self, time: Duration, slice: Duration) {
        let end = self.world.now.instant.after(time);
        loop {
            for message in self.world.drain(addr(PBX)) {
                self.pbx.hears(&mut self.world, &message, &mut self.chance);
            }
            self.pbx.tick(&mut self.world);
            for phone in &mut self.phones {
                for message in self.world.drain(phone.peer.address) {
                    phone.hears(&mut self.world, &message);
                }
                phone.tick(&mut self.world);
            }
            let left = end.since(self.world.now.instant);
            if left.is_zero() {
                return;
            }
            self.world.pass(left.min(slice));
        }
    }

    /// Each phone shows of what it watches what the PBX says. How many watch each resource.
    fn lamps_are_right(&self) -> Vec<usize> {
        let mut watched = vec![0; RESOURCES.len()];
        for (at, resource) in RESOURCES.iter().enumerate() {
            for phone in &self.phones {
                if let Some(shown) = phone.shows(at) {
                    watched[at] += 1;
                    let lamp = self.pbx.lamp(at);
                    assert_eq!(shown, lamp, "{resource} at {}", phone.peer.address);
                }
            }
        }
        watched
    }

    fn all_is_right(&self) {
        let watched = self.lamps_are_right();
        for (at, watched) in watched.iter().enumerate() {
            assert_eq!(
                self.pbx.live(Some(at)),
                *watched.min(&1),
                "{}",
                RESOURCES[at]
            );
        }
        assert_eq!(known(&self.world).len(), watched.iter().sum::<usize>());
    }
}

fn seconds(number: usize) -> Duration {
    Duration::from_secs(u64::try_from(number).unwrap_or(0))
}

const PHONES: u8 = 6;
/// When all is well again each lamp is right within this time: a rest of ours, after a PBX that was busy, is over by then.
const SOON: Duration = Duration::from_secs(40);
const SLICE: Duration = Duration::from_millis(20);
