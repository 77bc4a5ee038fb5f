//! Phones and a PBX that keep books of their own of who watches what.

use crate::hidden::hiding;
use crate::relayed_books_pbx::Held;
use crate::relayed_books_phone::{Phone, Watching};
use crate::site::*;
use bellhop_core::config::Config;
use bellhop_core::flow::Transport;
use std::collections::BTreeMap;

pub(crate) const PHONES: usize = 3;
pub(crate) const LAMPS: usize = 2;
const PROBE: Duration = Duration::from_secs(10);
/// A request is sent again after so long.
pub(crate) const AGAIN: Duration = Duration::from_secs(4);

/// Everybody.
pub(crate) struct Books {
    pub(crate) world: World,
    pub(crate) phones: Vec<Phone>,
    pub(crate) lamps: [u32; LAMPS],
    /// What the PBX has, by Call-ID.
    pub(crate) held: BTreeMap<String, Held>,
    /// Nothing reaches the PBX, or leaves it.
    pub(crate) is_cut: bool,
    pub(crate) config: Config,
    pub(crate) made: u32,
    /// What nobody should have done.
    pub(crate) faults: Vec<String>,
}

impl Books {
    pub(crate) fn open(is_hidden: bool) -> Self {
        let mut config = if is_hidden { hiding() } else { config() };
        config.upstreams[0].targets.truncate(1);
        config.upstreams[0].probe = Some(PROBE);
        let mut world = World::new(11);
        world.start(config.clone(), auth());
        let phones = [
            (
                "6001",
                "203.0.113.1:5060",
                Transport::Udp,
                "203.0.113.1:5060",
            ),
            ("6002", "203.0.113.2:6000", Transport::Udp, "10.0.0.2:5060"),
            ("6003", "203.0.113.3:7000", Transport::Tcp, "10.0.0.3:5060"),
        ];
        let phones = phones.map(|(user, address, transport, contact)| {
            let mut peer = phone(user, address);
            (peer.transport, peer.contact) = (transport, contact.to_owned());
            Phone {
                peer,
                reg_id: format!("reg{user}"),
                is_away: false,
                asked: Vec::new(),
                wants: [false; LAMPS],
                watches: Vec::new(),
                later: Vec::new(),
            }
        });
        Self {
            world,
            phones: phones.into(),
            lamps: [0; LAMPS],
            held: BTreeMap::new(),
            is_cut: false,
            config,
            made: 0,
            faults: Vec::new(),
        }
    }

    /// All register, and watch all lamps.
    pub(crate) fn begin(&mut self) {
        for phone in 0..PHONES {
            self.register(phone);
            self.run(Duration::from_millis(50));
            for lamp in 0..LAMPS {
                self.toggle(phone, lamp);
            }
        }
    }

    pub(crate) fn change(&mut self, lamp: usize) {
        self.lamps[lamp] += 1;
        let ids: Vec<String> = self.held.keys().cloned().collect();
        for id in ids {
            if self.held[&id].lamp == lamp {
                self.tell(&id);
            }
        }
    }

    pub(crate) fn leaves(&mut self, at: usize) {
        let phone = &mut self.phones[at];
        phone.is_away = true;
        if phone.peer.transport == Transport::Tcp {
            self.world.cut(phone.peer.address);
        }
    }

    /// A phone is there again, from another port, and registers.
    pub(crate) fn comes(&mut self, at: usize) {
        let phone = &mut self.phones[at];
        if !phone.is_away {
            return;
        }
        phone.is_away = false;
        self.world.drain(phone.peer.address);
        // The first is where it says that it is, and stays there.
        if at > 0 {
            let port = phone.peer.address.port() + 1;
            phone.peer.address.set_port(port);
        }
        // What it has asked in a dialog it asks again.
        phone
            .asked
            .retain(|asked| header_of(&asked.text, "To").contains(";tag="));
        let now = self.world.now.instant;
        phone.asked.iter_mut().for_each(|asked| asked.began = now);
        let lost = phone.watches.iter().filter(|w| w.ok.is_none());
        let lost = lost.map(|w| w.id.clone()).collect();
        let leaving = phone.watches.iter().filter(|w| w.is_leaving);
        let leaving: Vec<usize> = leaving.map(|w| w.lamp).collect();
        self.register(at);
        self.ask_anew(at, lost);
        for lamp in leaving {
            self.leave(at, lamp);
        }
    }

    pub(crate) fn toggle(&mut self, at: usize, lamp: usize) {
        let phone = &mut self.phones[at];
        phone.wants[lamp] = !phone.wants[lamp];
        match phone.wants[lamp] {
            true => self.subscribe(at, lamp),
            false => self.leave(at, lamp),
        }
    }

    /// Ends what a phone has of a lamp and does not want.
    fn leave(&mut self, at: usize, lamp: usize) {
        if !self.phones[at].wants[lamp] {
            let own = self.phones[at]
                .watches
                .iter_mut()
                .filter(|w| w.lamp == lamp);
            own.for_each(|watching| watching.is_leaving = true);
        }
        self.in_dialog(at, lamp, 0);
    }

    pub(crate) fn refresh(&mut self, at: usize, lamp: usize) {
        if self.phones[at].wants[lamp] && !self.phones[at].is_away {
            self.in_dialog(at, lamp, 3_600);
        }
    }

    /// Not before what has begun is on disk: what had not is known from its refresh on, and no sooner.
    pub(crate) fn kill_bellhop(&mut self) {
        let mut made = None;
        while made.replace(self.made) != Some(self.made) {
            self.run(Duration::from_millis(700));
        }
        for at in 0..PHONES {
            let phone = &self.phones[at];
            if phone.peer.transport == Transport::Tcp && !phone.is_away {
                // Its connection goes with the program.
                self.leaves(at);
                self.world.restart(0, self.config.clone(), auth());
                self.run(Duration::from_millis(100));
                return self.comes(at);
            }
        }
        self.world.restart(0, self.config.clone(), auth());
    }

    pub(crate) fn kill_pbx(&mut self) {
        self.held.clear();
    }

    /// Lets time pass, in which everybody does his part.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.world.now.instant.after(time);
        loop {
            let is_busy = self.serve();
            let left = end.since(self.world.now.instant);
            if left.is_zero() {
                return;
            }
            let step = if is_busy { 2 } else { 250 };
            self.world.pass(left.min(Duration::from_millis(step)));
            self.tick();
        }
    }

    fn serve(&mut self) -> bool {
        let mut is_busy = false;
        for message in self.world.drain(addr(PBX)) {
            is_busy = true;
            if !self.is_cut {
                self.serve_pbx(&message);
            }
        }
        for at in 0..PHONES {
            for message in self.world.drain(self.phones[at].peer.address) {
                is_busy = true;
                match self.phones[at].is_away {
                    true => {}
                    false if message.starts_with("SIP/2.0 ") => self.phone_answered(at, &message),
                    false => self.phone_told(at, &message),
                }
            }
        }
        is_busy
    }

    fn tick(&mut self) {
        let now = self.world.now.instant;
        for at in 0..PHONES {
            let phone = &mut self.phones[at];
            let mut lost = Vec::new();
            if phone.is_away {
                continue;
            }
            let due: Vec<_> = phone
                .later
                .extract_if(.., |(then, _)| *then <= now)
                .collect();
            for (_, lamp) in due {
                self.subscribe_if_wanted(at, lamp);
            }
            let phone = &mut self.phones[at];
            for asked in &mut phone.asked {
                if now.since(asked.began) > TIMER_N {
                    lost.push(asked.text.clone());
                } else if now.since(asked.sent) > AGAIN {
                    asked.sent = now;
                    say(&mut self.world, &phone.peer, &asked.text);
                }
            }
            phone
                .asked
                .retain(|asked| now.since(asked.began) <= TIMER_N);
            for text in lost {
                match text.starts_with("REGISTER ") {
                    true => self.register(at),
                    // RFC 5057 5.1: 408 ends it.
                    false => self.ask_anew(at, vec![header_of(&text, "Call-ID").to_owned()]),
                }
            }
        }
        if self.is_cut {
            return;
        }
        let mut over = Vec::new();
        for (id, held) in &mut self.held {
            let Some((text, began, sent)) = &mut held.under_way else {
                continue;
            };
            if now.since(*began) > TIMER_N {
                over.push(id.clone());
            } else if now.since(*sent) > AGAIN {
                *sent = now;
                let text = text.clone();
                say(&mut self.world, &pbx(), &text);
            }
        }
        for id in over {
            self.held.remove(&id);
        }
    }

    /// Whether all is as it should be when it is quiet.
    pub(crate) fn is_right(&self) -> Result<(), String> {
        let mut all = Vec::new();
        for phone in &self.phones {
            let user = &phone.peer.user;
            for lamp in 0..LAMPS {
                let own = |w: &&Watching| w.lamp == lamp && !w.is_leaving;
                let watches: Vec<&Watching> = phone.watches.iter().filter(own).collect();
                let shown: Vec<_> = watches.iter().map(|w| w.shows).collect();
                let is = match phone.wants[lamp] {
                    true => vec![Some(self.lamps[lamp])],
                    false => Vec::new(),
                };
                if shown != is {
                    return Err(format!(
                        "{user} shows {shown:?} of lamp {lamp}, which is {is:?}"
                    ));
                }
                all.extend(watches.iter().map(|w| w.id.clone()));
            }
        }
        if let Some(fault) = self.faults.first() {
            return Err(fault.clone());
        }
        all.sort();
        let text = |id: &[u8]| String::from_utf8_lossy(id).into_owned();
        let mut known: Vec<String> = known(&self.world)
            .iter()
            .map(|one| text(&one.call_id))
            .collect();
        known.sort();
        if known != all {
            return Err(format!("known are {known:?}, and there are {all:?}"));
        }
        let held = self.held.values().filter(|held| !held.is_over).count();
        match held == all.len() {
            true => Ok(()),
            false => Err(format!("the PBX has {held}, and there are {all:?}")),
        }
    }
}
