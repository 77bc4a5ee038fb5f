//! Our own bindings, watched from several shards.

use crate::reg::{DESK, OWN, told, watching};
use crate::site::*;
use bellhop_core::auth::Authenticator;
use bellhop_core::config::{Config, Zone};
use bellhop_core::engine::{Engine, Shared, shard_of};
use bellhop_core::flow::{Flow, ListenerId, Transport};
use bellhop_core::outbox::Outbox;
use bellhop_core::subscription::Reg;
use bellhop_core::time::Now;
use bellhop_testkit::Chance;
use std::net::SocketAddr;
use std::sync::Arc;

/// Phones are homed by Call-ID, what they watch by AoR: a change is told across shards.
#[test]
fn a_change_reaches_watchers_whose_shard_is_another() {
    const SHARDS: u16 = 4;
    let mut config = watching(Reg::Own);
    config.registrar.leases.shards = SHARDS;
    config.listeners[0].zone = Zone::Inside;
    let mut world = World::new(9);
    world.start(config.clone(), auth());
    let (shared, now) = (world.nodes[0].shared.clone(), world.now);
    let mut house = House::new(&config, &shared);
    let mut watcher = phone("6001", "203.0.113.1:5060");
    for n in 0..8 {
        watcher.address.set_port(5060 + n);
        watcher.contact = watcher.address.to_string();
        let subscribe = watcher.request(
            "SUBSCRIBE",
            OWN,
            &format!("{n}@watchers.example.org"),
            "Event: reg\r\n",
        );
        house.takes(now, watcher.address, &subscribe);
    }
    let first = house.notifies();
    assert_eq!(first.len(), 8);
    assert!(first.iter().all(|notify| told(notify)[0] == "init"));
    for notify in &first {
        let n: u16 = header_of(notify, "Call-ID")
            .split('@')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        watcher.address.set_port(5060 + n);
        house.takes(now, watcher.address, &watcher.answer(notify, 200, "OK", ""));
    }
    let mut desk = phone("6001", "203.0.113.9:5060");
    let line = format!("Contact: {DESK}\r\n");
    let register = register_of(&mut desk, OWN, "reg", &line, "");
    house.takes(now, desk.address, &register);
    let second = house.notifies();
    assert_eq!(second.len(), 8);
    assert!(
        second
            .iter()
            .all(|n| told(n) == ["active", "active", "registered"])
    );
    assert!(house.shards_used.iter().filter(|used| **used).count() > 2);
}

/// Shards of one program.
struct House {
    engines: Vec<Engine>,
    sent: Vec<String>,
    shards_used: Vec<bool>,
}

impl House {
    fn new(config: &Config, shared: &Shared) -> Self {
        let engine = |shard: u16| {
            let auth = Authenticator::new(
                auth(),
                Arc::clone(&shared.secret),
                Arc::clone(&shared.replay),
            );
            let chance = Box::new(Chance::new(u64::from(shard) + 1));
            Engine::new(
                shard,
                Arc::new(config.clone()),
                Arc::new(auth),
                shared.clone(),
                chance,
            )
        };
        let shards = config.registrar.leases.shards;
        Self {
            engines: (0..shards).map(engine).collect(),
            sent: Vec::new(),
            shards_used: vec![false; usize::from(shards)],
        }
    }

    /// A message comes in, and all that follows from it is carried out.
    fn takes(&mut self, now: Now, remote: SocketAddr, message: &str) {
        let shard = shard_of(message.as_bytes(), self.engines.len());
        self.shards_used[shard] = true;
        let flow = Flow {
            listener: ListenerId(0),
            transport: Transport::Udp,
            remote,
            connection: None,
        };
        let mut out = Outbox::default();
        self.engines[shard].receive(now, flow, message.as_bytes(), &mut out);
        loop {
            for transmit in &out.transmits {
                let text = String::from_utf8_lossy(out.message(transmit)).into_owned();
                self.sent.push(text);
            }
            let notes = std::mem::take(&mut out.notes);
            if notes.is_empty() {
                return;
            }
            out = Outbox::default();
            for note in notes {
                self.engines[usize::from(note.shard)].note(now, note, &mut out);
            }
        }
    }

    fn notifies(&mut self) -> Vec<String> {
        let sent = std::mem::take(&mut self.sent);
        sent.into_iter()
            .filter(|m| m.starts_with("NOTIFY "))
            .collect()
    }
}
