//! In mode b2bua a phone and a PBX that say anything at any time, over a network that loses, doubles and reorders: neither
//! is ever shown anything of the other, and in the end nothing is left.

use crate::hidden::*;
use crate::site::*;
use bellhop_testkit::{Chance, Faults, header};

#[test]
fn whatever_is_said_when_nothing_is_shown_and_nothing_is_left() {
    let asked = std::env::var("BELLHOP_SCHEDULES").ok();
    let most = asked
        .and_then(|most| most.parse().ok())
        .unwrap_or(SCHEDULES);
    let mut through = 0;
    for seed in 0..most {
        through += Chaos::new(seed).run();
    }
    // Otherwise it would tell of nothing.
    assert!(
        through > usize::try_from(most).unwrap(),
        "{through} NOTIFYs"
    );
}

struct Chaos {
    world: World,
    chance: Chance,
    phone: Peer,
    /// SUBSCRIBEs and NOTIFYs that have come, to be answered and copied.
    at_pbx: Vec<String>,
    at_phone: Vec<String>,
    /// What the phone was answered with 2xx.
    oks: Vec<String>,
    /// What was sent, to be sent again.
    sent: Vec<(bool, String)>,
    cseq: u32,
    through: usize,
}

impl Chaos {
    fn new(seed: u64) -> Self {
        let mut world = hidden_world();
        let mut phone = phone("6001", "203.0.113.1:5060");
        register(&mut world, &mut phone);
        world.faults = Faults {
            loss: 10,
            duplication: 10,
            reordering: 10,
        };
        Self {
            world,
            chance: Chance::new(seed),
            phone,
            at_pbx: Vec::new(),
            at_phone: Vec::new(),
            oks: Vec::new(),
            sent: Vec::new(),
            cseq: 100,
            through: 0,
        }
    }

    /// How many NOTIFYs have come through.
    fn run(mut self) -> usize {
        for number in 0..60 {
            self.act(number);
            let pause = self.chance.below(1_500);
            self.world.pass(Duration::from_millis(pause));
            self.hear();
        }
        self.world.faults = Faults::default();
        self.world.pass(Duration::from_secs(900) + 3 * TIMER_N);
        self.hear();
        self.world.pass(2 * TIMER_N);
        self.hear();
        let engine = &self.world.nodes[0].engine;
        assert_eq!(engine.bonds(), 0);
        assert_eq!(engine.live(), (0, 0, 0));
        assert!(known(&self.world).is_empty());
        self.through
    }

    fn act(&mut self, number: u32) {
        match self.chance.below(8) {
            0 => self.subscribe(number),
            1 | 2 => self.subscribe_again(),
            3 | 4 => self.notify(),
            5 => self.answer_to(true),
            6 => self.answer_to(false),
            _ => self.copy(),
        }
    }

    fn send(&mut self, is_phone: bool, text: String) {
        let pbx = pbx();
        let peer = if is_phone { &self.phone } else { &pbx };
        self.world
            .send(peer.transport, peer.address, peer.server, &text);
        self.sent.push((is_phone, text));
    }

    fn one(&mut self, of: &[String]) -> Option<String> {
        let most = u64::try_from(of.len()).unwrap();
        let at = usize::try_from(self.chance.below(most.max(1))).unwrap();
        of.get(at).cloned()
    }

    fn subscribe(&mut self, number: u32) {
        let faults = std::mem::take(&mut self.world.faults);
        self.hear();
        let (expires, id) = (self.chance.below(600), format!("watch{number}"));
        let more = format!("Event: dialog\r\nExpires: {expires}\r\n");
        let resource = "sip:6002@example.org";
        let request = self.phone.request("SUBSCRIBE", resource, &id, &more);
        say(&mut self.world, &self.phone, &request);
        let challenge = loop {
            let message = self.world.expect(self.phone.address).expect("a challenge");
            if status_of(&message) == 407 {
                break message;
            }
        };
        let algorithm = bellhop_core::auth::Algorithm::Sha256;
        let request = self.phone.authorize(&request, &challenge, algorithm);
        self.world.faults = faults;
        self.send(true, request.unwrap());
    }

    fn subscribe_again(&mut self) {
        let Some(ok) = self.one(&self.oks.clone()) else {
            return;
        };
        self.cseq += 1;
        let request = from_caller(&mut self.phone, "SUBSCRIBE", &ok, self.cseq);
        let expires = self.chance.below(3) * 200;
        let lines = format!("Event: dialog\r\nExpires: {expires}\r\nContent-Length: 0");
        self.send(true, request.replacen("Content-Length: 0", &lines, 1));
    }

    fn notify(&mut self) {
        let subscribes: Vec<String> = self
            .at_pbx
            .iter()
            .filter(|m| m.starts_with("SUBSCRIBE "))
            .cloned()
            .collect();
        let Some(at_pbx) = self.one(&subscribes) else {
            return;
        };
        self.cseq += 1;
        let mut watch = Watch {
            phone: self.phone.clone(),
            at_pbx: at_pbx.split(";tag=tpbx").collect(),
            cseq: self.cseq,
            tag: ["tpbx", "tpbx", "tpbx", "tfork"][usize::try_from(self.chance.below(4)).unwrap()],
        };
        let state = [
            "active;expires=500",
            "pending",
            "terminated;reason=noresource",
        ][usize::try_from(self.chance.below(3)).unwrap()];
        let notify = watch.notify(state, &lamp("application/dialog-info+xml", LAMP));
        self.send(false, notify);
    }

    fn answer_to(&mut self, is_phone: bool) {
        let (known, status) = match is_phone {
            true => (self.at_phone.clone(), [200, 200, 481, 500]),
            false => (self.at_pbx.clone(), [200, 202, 404, 481]),
        };
        let Some(request) = self.one(&known) else {
            return;
        };
        let status = status[usize::try_from(self.chance.below(4)).unwrap()];
        let more = "Expires: 300\r\nServer: Asterisk\r\n";
        let (pbx, phone) = (pbx(), self.phone.clone());
        let answer = match is_phone {
            true => phone.answer(&request, status, "So", ""),
            false => pbx.answer(&request, status, "So", more),
        };
        self.send(is_phone, answer);
    }

    fn copy(&mut self) {
        let most = u64::try_from(self.sent.len().max(1)).unwrap();
        let at = usize::try_from(self.chance.below(most)).unwrap();
        if let Some((is_phone, text)) = self.sent.get(at).cloned() {
            self.send(is_phone, text);
        }
    }

    fn hear(&mut self) {
        for message in self.world.drain(addr(PBX)) {
            // The answers to the PBX's own NOTIFYs have its Via.
            let said = message.split("\r\nFrom: ").nth(1).unwrap_or_default();
            has_none(said, &PHONE);
            if !message.starts_with("SIP/2.0 ") {
                assert!(!message.contains("watch"), "{message}");
                self.at_pbx.push(message);
            }
        }
        for message in self.world.drain(self.phone.address) {
            has_none(&message, &INSIDE);
            assert_eq!(header(&message, "Server"), None);
            if message.starts_with("NOTIFY ") {
                self.through += 1;
                self.at_phone.push(message);
            } else if (200..300).contains(&status_of(&message))
                && header_of(&message, "CSeq").ends_with("SUBSCRIBE")
            {
                self.oks.push(message);
            }
        }
    }
}

/// Enough for every order to come up; `BELLHOP_SCHEDULES` asks for more.
const SCHEDULES: u64 = 60;
