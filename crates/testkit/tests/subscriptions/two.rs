//! One Bellhop before an upstream of two PBXs, each with lamps and dialogs of its own.

pub(crate) use crate::party::{DIALOG, Duration, Peer, SECOND, lamp_of, sharing, value};
use crate::site::*;
use bellhop_core::config::{Config, UpstreamTarget};
use bellhop_core::flow::Transport;
use bellhop_core::policy::{Answer, Changes, Fork, Hook, NextHop, Route, Target, Verdict};
use bellhop_testkit::{Disk, Script};
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

pub(crate) const FIRST: usize = 0;
pub(crate) const SPARE: usize = 1;
pub(crate) const PROBE: Duration = Duration::from_secs(10);
pub(crate) const AT_SPARE: &str = "198.51.100.6:5060";
pub(crate) const DEACTIVATED: &str = "terminated;reason=deactivated";

/// The whole scene.
pub(crate) struct Two {
    pub(crate) world: World,
    pub(crate) pbxs: [Pbx; 2],
    /// NOTIFYs that each phone got and answered.
    heard: HashMap<SocketAddr, Vec<String>>,
    phones: Vec<Peer>,
}

/// One of the two.
pub(crate) struct Pbx {
    peer: Peer,
    /// It answers nobody.
    pub(crate) is_dead: bool,
    /// It answers probes with 503, and wants to be left alone for twenty seconds.
    pub(crate) rests: bool,
    /// How its lamps are.
    pub(crate) lamp: String,
    /// SUBSCRIBEs that came, in order.
    pub(crate) asked: Vec<String>,
    /// OPTIONS in dialogs that came.
    pub(crate) questions: Vec<String>,
    /// Other answers than 200 to its NOTIFYs, by Call-ID.
    pub(crate) complaints: Vec<(u16, String)>,
    /// SUBSCRIBEs of the dialogs that it knows, by Call-ID.
    dialogs: HashMap<String, String>,
    /// What it refuses a new subscription with; 0: it does not.
    pub(crate) refuses: u16,
    cseq: u32,
    life: u32,
}

/// What is relayed, and both PBXs probed.
pub(crate) fn relaying() -> Config {
    let mut config = sharing_at_two();
    config.subscriptions.share.clear();
    config
}

/// Shared, and both PBXs probed.
pub(crate) fn sharing_at_two() -> Config {
    let mut config = sharing();
    config.upstreams[0].probe = Some(PROBE);
    config.upstreams[0].targets.push(UpstreamTarget {
        transport: Transport::Udp,
        remote: addr(AT_SPARE),
        host: AT_SPARE.to_owned(),
    });
    config
}

impl Two {
    pub(crate) fn of(config: Config) -> Self {
        Self::of_shards(1, config)
    }

    pub(crate) fn of_shards(shards: u16, config: Config) -> Self {
        let mut world = World::new(11);
        world.start_shards(shards, config, &auth());
        let mut two = Self {
            world,
            pbxs: [Pbx::new("one", PBX), Pbx::new("two", AT_SPARE)],
            heard: HashMap::new(),
            phones: Vec::new(),
        };
        // Both have answered a probe.
        two.run(SECOND);
        two
    }

    pub(crate) fn with_disk(config: Config, disk: impl FnOnce(Disk) -> Disk) -> Self {
        let mut two = Self::of(config);
        two.world.set_disk(0, disk);
        two
    }

    /// A policy sends those of Call-ID r2 and r3 to the spare target, and leaves others alone.
    pub(crate) fn spreads(&mut self) {
        let (policy, _) = Script::new(&[Hook::Route], |ask, _| {
            let target = Target {
                uri: String::from_utf8_lossy(ask.message.uri()).as_ref().into(),
                next_hop: Some(NextHop::Uri(format!("sip:{AT_SPARE}").into())),
                priority: 0,
                timeout: None,
                headers: Changes::default(),
                tag: "".into(),
            };
            let route = Route {
                targets: vec![target],
                mode: Fork::Serial,
                record_route: true,
            };
            let is_for_spare = matches!(ask.message.call_id(), b"r2" | b"r3");
            Answer::Now(match is_for_spare && !ask.source.is_in_dialog {
                true => Verdict::Route(route),
                false => Verdict::Continue,
            })
        });
        self.world.set_policy(0, policy);
    }

    /// A phone that watches by this Call-ID, and has heard how it is.
    pub(crate) fn watcher(&mut self, n: u16) -> Peer {
        let [high, low] = n.to_be_bytes();
        let mut phone = phone("6001", &format!("203.1.{high}.{low}:5060"));
        phone.user = format!("{}", 6001 + n % 3);
        phone.password = format!("secret{}", phone.user);
        self.phones.push(phone.clone());
        self.subscribes(&mut phone, &format!("r{n}"));
        phone
    }

    pub(crate) fn watchers(&mut self, count: u16) -> Vec<Peer> {
        (0..count).map(|n| self.watcher(n)).collect()
    }

    /// A phone sends a SUBSCRIBE with its credentials.
    pub(crate) fn subscribes(&mut self, phone: &mut Peer, id: &str) {
        let request = phone.request("SUBSCRIBE", "sip:6002@example.org", id, DIALOG);
        let request = authorized(&mut self.world, phone, &request);
        say(&mut self.world, phone, &request);
        self.run(Duration::from_millis(60));
    }

    /// Lets so many seconds pass, in steps so small that nothing is sent twice.
    pub(crate) fn passes(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.run(SECOND);
        }
    }

    /// Until three probes have had no answer.
    pub(crate) fn until_down(&mut self) {
        self.passes(41);
    }

    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.world.now.instant.after(time);
        loop {
            let is_busy = self.serve();
            let left = end.since(self.world.now.instant);
            if !is_busy && left.is_zero() {
                return;
            }
            if !is_busy {
                let step = Duration::from_millis(2).max(left / 50);
                self.world.pass(left.min(step));
            }
        }
    }

    fn serve(&mut self) -> bool {
        let mut is_busy = false;
        for pbx in &mut self.pbxs {
            for message in self.world.drain(pbx.peer.address) {
                is_busy = true;
                pbx.serve(&mut self.world, &message);
            }
        }
        for phone in &self.phones {
            for message in self.world.drain(phone.address) {
                is_busy = true;
                if message.starts_with("NOTIFY ") {
                    let heard = self.heard.entry(phone.address).or_default();
                    // One whose subscription is over knows it no more (RFC 6665 4.1.3).
                    let status = if is_over(heard, &message) { 481 } else { 200 };
                    let answer = phone.answer(&message, status, "So", "");
                    say(&mut self.world, phone, &answer);
                    heard.push(message);
                }
            }
        }
        is_busy
    }

    /// What a phone has heard.
    pub(crate) fn heard_by(&self, phone: &Peer) -> &[String] {
        self.heard.get(&phone.address).map_or(&[], Vec::as_slice)
    }

    /// The state in the last NOTIFY that each of them has heard.
    pub(crate) fn states(&self, phones: &[Peer]) -> Vec<&str> {
        let last = |phone| self.heard_by(phone).last().expect("a NOTIFY");
        let state = |phone| value(last(phone), "Subscription-State");
        phones.iter().map(state).collect()
    }

    /// How many of them were told to subscribe anew.
    pub(crate) fn deactivated(&self, phones: &[Peer]) -> usize {
        let states = self.states(phones);
        states.iter().filter(|state| **state == DEACTIVATED).count()
    }

    /// The lamp that a phone shows.
    pub(crate) fn lamp_at(&self, phone: &Peer) -> &str {
        lamp_of(self.heard_by(phone).last().expect("a NOTIFY")).1
    }
}

impl Pbx {
    fn new(user: &str, address: &str) -> Self {
        Self {
            peer: Peer::new(user, "", addr(address), addr(SERVER), Transport::Udp),
            is_dead: false,
            rests: false,
            lamp: "terminated".to_owned(),
            asked: Vec::new(),
            questions: Vec::new(),
            complaints: Vec::new(),
            dialogs: HashMap::new(),
            refuses: 0,
            cseq: 0,
            life: 0,
        }
    }

    /// It is restarted, and has forgotten all.
    pub(crate) fn forgets(&mut self) {
        self.dialogs.clear();
        self.life += 1;
    }

    /// How many subscriptions it has.
    pub(crate) fn subscriptions(&self) -> usize {
        self.dialogs.len()
    }

    /// SUBSCRIBEs that came since this was called last.
    pub(crate) fn news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.asked)
    }

    /// Call-IDs of the dialogs that it was asked about.
    pub(crate) fn asked_about(&self) -> HashSet<&str> {
        let ids = self.questions.iter().map(|one| header_of(one, "Call-ID"));
        ids.collect()
    }

    fn serve(&mut self, world: &mut World, message: &str) {
        if self.is_dead {
            return;
        }
        let id = header_of(message, "Call-ID").to_owned();
        if message.starts_with("SIP/2.0 ") {
            if status_of(message) != 200 {
                self.dialogs.remove(&id);
                self.complaints.push((status_of(message), id));
            }
            return;
        }
        let is_inside = header_of(message, "To").contains(";tag=");
        let is_known = self.dialogs.contains_key(&id);
        let status = match message.split(' ').next() {
            Some("OPTIONS") if !is_inside && self.rests => 503,
            Some("OPTIONS") if !is_inside => 200,
            Some("OPTIONS") => {
                self.questions.push(message.to_owned());
                // The number was used.
                if is_known { 500 } else { 481 }
            }
            Some("SUBSCRIBE") => {
                self.asked.push(message.to_owned());
                match (is_inside, is_known) {
                    (true, false) => 481,
                    (false, _) if self.refuses > 0 => self.refuses,
                    _ => 200,
                }
            }
            _ => panic!("{message}"),
        };
        let is_subscribe = message.starts_with("SUBSCRIBE ") && status == 200;
        let more = if is_subscribe {
            "Expires: 3600\r\n"
        } else {
            ""
        };
        let answer = self.peer.answer(message, status, "So", more);
        say(world, &self.peer, &answer);
        if is_subscribe {
            let is_end = header_of(message, "Expires") == "0";
            self.dialogs.insert(id.clone(), message.to_owned());
            let state = match is_end {
                true => "terminated;reason=timeout",
                false => "active;expires=3600",
            };
            self.tells(world, &id, state);
            if is_end {
                self.dialogs.remove(&id);
            }
        }
    }

    /// Its lamp changes: all who watch hear it.
    pub(crate) fn changes(&mut self, world: &mut World, lamp: &str) {
        lamp.clone_into(&mut self.lamp);
        let ids: Vec<String> = self.dialogs.keys().cloned().collect();
        for id in ids {
            self.tells(world, &id, "active;expires=3600");
        }
    }

    fn tells(&mut self, world: &mut World, id: &str, state: &str) {
        self.cseq += 1;
        let asked = &self.dialogs[id];
        let body = format!(
            "<?xml version=\"1.0\"?>\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" \
             version=\"{}\" state=\"full\" entity=\"sip:6002@pbx\"><dialog id=\"6002\"><state>{}\
             </state></dialog></dialog-info>",
            self.cseq, self.lamp
        );
        let lines = format!(
            "{}Event: {}\r\nSubscription-State: {state}\r\nContent-Type: application/dialog-info+xml\r\n\
             Content-Length: {}\r\n\r\n{body}",
            route_lines(asked, false),
            header_of(asked, "Event"),
            body.len()
        );
        let uri = header_of(asked, "Contact").trim_matches(['<', '>']);
        let (uri, to) = (uri.to_owned(), header_of(asked, "From").to_owned());
        let own = header_of(asked, "To").split(";tag=").next().unwrap();
        let own = format!("{own};tag=t{}", self.peer.user);
        let (cseq, peer) = (self.cseq, &mut self.peer);
        let text = peer.in_dialog("NOTIFY", &uri, &to, id, cseq, &lines);
        let from = header_of(&text, "From").to_owned();
        say(world, &self.peer, &text.replacen(&from, &own, 1));
    }
}

/// Whether a NOTIFY is of a dialog whose end was heard already.
fn is_over(heard: &[String], notify: &str) -> bool {
    let id = header_of(notify, "Call-ID");
    heard.iter().any(|before| {
        header_of(before, "Call-ID") == id
            && header_of(before, "Via") != header_of(notify, "Via")
            && value(before, "Subscription-State").starts_with("terminated")
    })
}
