//! Two shards with leases at one PBX.

use super::*;
use crate::flow::{Flow, ListenerId, Transport};
use crate::lease::want::{Demand, Need, Want};
use crate::lease::{Count, Mode};
use crate::registrar::{Bindings, Record};
use crate::time::Now;

fn at(seconds: u64) -> Now {
    Now {
        instant: Instant::from_micros(seconds.saturating_mul(1_000_000)),
        unix: Duration::from_secs(seconds.saturating_add(1_800_000_000)),
    }
}

/// Binds a phone and gives what it wants.
fn bound(location: &Location, user: &str) -> Demand {
    let aor = Aor::parse_text(&format!("sip:{user}@example.org")).unwrap();
    let record = Record {
        contact: b"sip:phone@192.0.2.1",
        params: b"",
        call_id: b"1@phone",
        path: b"",
        instance: None,
        reg_id: None,
        q: 1000,
        cseq: 1,
        expires: at(3_600).unix,
        updated: at(1).unix,
        flow: Flow {
            listener: ListenerId(0),
            transport: Transport::Udp,
            remote: ([192, 0, 2, 1], 5060).into(),
            connection: None,
        },
    };
    assert_eq!(location.restore(at(1), &aor, &[record]), Some(1));
    let mut bindings = Bindings::new();
    location.lookup(at(1).instant, &aor, &mut bindings);
    let slot = Slot::Phone(bindings[0].device());
    let (need, expected) = (Need::Bind, None);
    let want = Want {
        slot,
        need,
        expected,
    };
    Demand {
        ticket: None,
        aor,
        home: 0,
        wants: SmallVec::from_iter([want]),
    }
}

#[test]
fn a_pbx_that_is_back_has_all_leases_registered_anew_once_whoever_hears_of_it() {
    let (slots, location) = (Slots::default(), Location::new(10, [1, 2, 3, 4]));
    let config = LeaseConfig {
        mode: Mode::Contact,
        shards: 2,
        ..LeaseConfig::default()
    };
    let around = |seconds| Around {
        is_down: false,
        now: at(seconds).instant,
        slots: &slots,
        location: &location,
        config: &config,
    };
    let mut shards = [Leases::new(1), Leases::new(2)];
    let mut out = Vec::new();
    for (leases, user) in shards.iter_mut().zip(["6001", "6002"]) {
        leases.demand(around(1), bound(&location, user), &mut out);
    }
    let mut answer = |leases: &mut Leases, seconds, settled: &Settled| {
        leases.due(around(seconds), &mut out);
        let flight = leases.turn(around(seconds), &mut out).unwrap();
        leases.settle(around(seconds), flight.id, settled.clone(), &mut out);
    };
    for (leases, second) in shards.iter_mut().zip([2, 3]) {
        answer(leases, second, &Settled::Silent(None));
    }
    for (leases, second) in shards.iter_mut().zip([10, 11]) {
        answer(leases, second, &Settled::Granted(600));
    }
    assert_eq!(slots.counts().totals[Count::Resyncs as usize], 1);
}

#[test]
fn phones_that_come_and_go_while_the_pbx_is_silent_fill_no_queue() {
    let (slots, location) = (Slots::default(), Location::new(10, [1, 2, 3, 4]));
    let config = LeaseConfig {
        mode: Mode::Contact,
        ..LeaseConfig::default()
    };
    let around = Around {
        is_down: true,
        now: at(1).instant,
        slots: &slots,
        location: &location,
        config: &config,
    };
    let (mut leases, mut out) = (Leases::new(1), Vec::new());
    let stays = bound(&location, "6001");
    leases.demand(around, stays.clone(), &mut out);
    // It is gone again when its lease is looked at.
    let demand = bound(&Location::new(10, [1, 2, 3, 4]), "6002");
    for _ in 0..10_000 {
        leases.demand(around, demand.clone(), &mut out);
        let device = demand.wants[0].slot.device();
        leases.step(around, device, Event::Drop, None, &mut out);
    }
    assert_eq!(leases.live.len(), 1);
    assert!(leases.queues.len() < 100, "{}", leases.queues.len());
    // What waits keeps its place.
    let up = Around {
        is_down: false,
        ..around
    };
    let flight = leases.turn(up, &mut out).unwrap();
    assert_eq!(flight.device, stays.wants[0].slot.device());
}
