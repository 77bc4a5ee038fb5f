//! Watchers whose subscriptions end at Bellhop, and the PBX that has one for all of them.

pub(crate) use crate::site::*;
use bellhop_core::config::Config;
use bellhop_testkit::{Disk, header};
use std::collections::{HashMap, HashSet};

/// A world in which dialog, presence and message-summary are shared.
pub(crate) struct Party {
    pub(crate) world: World,
    /// SUBSCRIBEs that came to the PBX, in order.
    pub(crate) asked: Vec<String>,
    /// What the PBX answers: status and header lines.
    pub(crate) manner: (u16, &'static str),
    /// The PBX does not answer.
    pub(crate) is_silent: bool,
    /// What the PBX tells at once.
    pub(crate) lamp: String,
    /// The Subscription-State that it tells that with.
    pub(crate) state: &'static str,
    /// NOTIFYs that each phone got and answered, by its address.
    pub(crate) heard: HashMap<std::net::SocketAddr, Vec<String>>,
    /// Other answers than 200 that the PBX got.
    pub(crate) complaints: Vec<String>,
    /// Call-IDs of dialogs that the PBX does not know any more.
    pub(crate) forgotten: HashSet<String>,
    /// It says that it knows no dialog that it is asked about.
    pub(crate) is_forgetful: bool,
    /// Users in whose name it may not be asked.
    pub(crate) unwelcome: Vec<&'static str>,
    /// It tells in parts alone.
    pub(crate) is_partial: bool,
    /// What it answers to any OPTIONS in a dialog, whether it knows that or not.
    pub(crate) says_anyway: Option<u16>,
    /// OPTIONS in dialogs that came to the PBX.
    pub(crate) questions: Vec<String>,
    cseq: u32,
    version: u32,
    /// How often the PBX was restarted.
    life: u32,
    phones: Vec<Guest>,
}

/// A phone, and what it answers to NOTIFY; 0: nothing.
struct Guest {
    phone: Peer,
    status: u16,
}

pub(crate) fn sharing() -> Config {
    let mut config = config();
    let share = ["dialog", "presence", "message-summary"];
    config.subscriptions.share = share.map(str::to_owned).into();
    config
}

impl Party {
    pub(crate) fn new() -> Self {
        Self::of(sharing())
    }

    pub(crate) fn of(config: Config) -> Self {
        Self::of_shards(1, config)
    }

    /// Before a Bellhop of so many shards.
    pub(crate) fn of_shards(shards: u16, config: Config) -> Self {
        let mut world = World::new(7);
        world.start_shards(shards, config, &auth());
        Self {
            world,
            asked: Vec::new(),
            manner: (200, "Expires: 3600\r\n"),
            is_silent: false,
            lamp: "terminated".to_owned(),
            state: "active;expires=3600",
            heard: HashMap::new(),
            complaints: Vec::new(),
            forgotten: HashSet::new(),
            is_forgetful: false,
            unwelcome: Vec::new(),
            is_partial: false,
            says_anyway: None,
            questions: Vec::new(),
            cseq: 0,
            version: 0,
            life: 0,
            phones: Vec::new(),
        }
    }

    /// With a disk that answers so.
    pub(crate) fn on(disk: impl FnOnce(Disk) -> Disk) -> Self {
        let mut party = Self::new();
        party.world.set_disk(0, disk);
        party
    }

    /// Bellhop is killed and starts again.
    pub(crate) fn restart(&mut self) {
        self.world.restart(0, sharing(), auth());
    }

    /// A phone with this number, which answers NOTIFYs so.
    pub(crate) fn guest(&mut self, n: u16, status: u16) -> Peer {
        let [high, low] = n.to_be_bytes();
        let mut phone = phone("6001", &format!("203.1.{high}.{low}:5060"));
        phone.user = format!("{}", 6001 + n % 3);
        phone.password = format!("secret{}", phone.user);
        self.phones.push(Guest {
            phone: phone.clone(),
            status,
        });
        phone
    }

    /// Sends a SUBSCRIBE with its credentials; gives the answer.
    pub(crate) fn subscribes(&mut self, phone: &mut Peer, id: &str, more: &str) -> String {
        let request = phone.request("SUBSCRIBE", "sip:6002@example.org", id, more);
        let request = authorized(&mut self.world, phone, &request);
        self.sends(phone, &request)
    }

    /// Sends a request; gives its answer.
    pub(crate) fn sends(&mut self, phone: &Peer, request: &str) -> String {
        say(&mut self.world, phone, request);
        self.world.expect(phone.address).expect("an answer")
    }

    /// A phone of this number that watches what somebody else, number 999, watches already.
    pub(crate) fn second(&mut self, n: u16) -> (Peer, String) {
        self.watcher(999);
        self.watcher(n)
    }

    /// A phone of this number that watches, and has heard how it is: the first, that nothing is known yet, too.
    pub(crate) fn watcher(&mut self, n: u16) -> (Peer, String) {
        let mut phone = self.guest(n, 200);
        let ok = self.subscribes(&mut phone, &format!("watch{n}"), DIALOG);
        assert_eq!(status_of(&ok), 200, "{ok}");
        self.run(Duration::from_millis(50));
        (phone, ok)
    }

    /// Lets time pass; the PBX and the phones answer meanwhile.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.world.now.instant.after(time);
        loop {
            let is_busy = self.serve();
            let left = end.since(self.world.now.instant);
            if !is_busy && left.is_zero() {
                return;
            }
            if !is_busy {
                self.world
                    .pass(left.min(Duration::from_millis(2).max(left / 50)));
            }
        }
    }

    /// Serves what has come; whether anything had.
    fn serve(&mut self) -> bool {
        let mut is_busy = false;
        for message in self.world.drain(addr(PBX)) {
            is_busy = true;
            self.serve_pbx(&message);
        }
        for at in 0..self.phones.len() {
            let (phone, status) = (self.phones[at].phone.clone(), self.phones[at].status);
            for message in self.world.drain(phone.address) {
                is_busy = true;
                if !message.starts_with("NOTIFY ") {
                    continue;
                }
                if status > 0 {
                    let answer = phone.answer(&message, status, "So", "");
                    say(&mut self.world, &phone, &answer);
                }
                self.heard.entry(phone.address).or_default().push(message);
            }
        }
        is_busy
    }

    fn serve_pbx(&mut self, message: &str) {
        if message.starts_with("SIP/2.0 ") {
            if status_of(message) != 200 {
                self.complaints.push(message.to_owned());
            }
            return;
        }
        if message.starts_with("REGISTER ") {
            let contact = format!("Contact: {};expires=600\r\n", header_of(message, "Contact"));
            let p = pbx();
            say(&mut self.world, &p, &p.answer(message, 200, "OK", &contact));
            return;
        }
        let is_forgotten = self.forgotten.contains(header_of(message, "Call-ID"));
        if message.starts_with("OPTIONS ") {
            return self.serve_options(message, is_forgotten);
        }
        assert!(message.starts_with("SUBSCRIBE "), "{message}");
        self.asked.push(message.to_owned());
        if self.is_silent {
            return;
        }
        let from = header_of(message, "From");
        let mut unwelcome = self.unwelcome.iter();
        let is_unwelcome = unwelcome.any(|user| from.contains(&format!("sip:{user}@")));
        let (status, more) = match (is_forgotten, is_unwelcome) {
            (true, _) => (481, ""),
            (false, true) => (403, ""),
            (false, false) => self.manner,
        };
        let p = pbx();
        say(&mut self.world, &p, &p.answer(message, status, "So", more));
        if status == 200 {
            let state = match header_of(message, "Expires") {
                "0" => "terminated;reason=timeout",
                _ => self.state,
            };
            self.tells(message, state);
        }
    }

    fn serve_options(&mut self, message: &str, is_forgotten: bool) {
        let status = match header_of(message, "To").contains(";tag=") {
            false => 200,
            true => {
                self.questions.push(message.to_owned());
                // The number was used.
                let is_unknown = is_forgotten || self.is_forgetful;
                let looked_up = if is_unknown { 481 } else { 500 };
                self.says_anyway.unwrap_or(looked_up)
            }
        };
        if !self.is_silent {
            let p = pbx();
            say(&mut self.world, &p, &p.answer(message, status, "So", ""));
        }
    }

    /// The PBX is restarted with nothing in its hands, faster than anybody sees.
    pub(crate) fn forgets(&mut self) {
        let all = self.asked.iter().map(|asked| header_of(asked, "Call-ID"));
        self.forgotten.extend(all.map(str::to_owned));
    }

    /// The PBX tells of its lamp in the dialog of this SUBSCRIBE.
    pub(crate) fn tells(&mut self, asked: &str, state: &str) {
        let text = self.text_of(asked, state);
        say(&mut self.world, &pbx(), &text);
    }

    /// The NOTIFY of [`Party::tells`].
    pub(crate) fn text_of(&mut self, asked: &str, state: &str) -> String {
        self.version += 1;
        let body = format!(
            "<?xml version=\"1.0\"?>\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" \
             version=\"{}\" state=\"{}\" entity=\"sip:6002@pbx\"><dialog id=\"6002\"><state>{}\
             </state></dialog></dialog-info>",
            self.version,
            if self.is_partial { "partial" } else { "full" },
            self.lamp
        );
        self.body_of(asked, state, "application/dialog-info+xml", &body)
    }

    /// As [`Party::tells`], of any body.
    pub(crate) fn tells_body(&mut self, asked: &str, state: &str, kind: &str, body: &str) {
        let text = self.body_of(asked, state, kind, body);
        say(&mut self.world, &pbx(), &text);
    }

    fn body_of(&mut self, asked: &str, state: &str, kind: &str, body: &str) -> String {
        self.cseq += 1;
        let mut p = pbx();
        p.user = format!("tells{}x{}", self.life, self.cseq);
        let contact = header_of(asked, "Contact");
        let uri = contact.trim_matches(['<', '>']).to_owned();
        let event = header_of(asked, "Event");
        let lines = format!(
            "Event: {event}\r\nSubscription-State: {state}\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let id = header_of(asked, "Call-ID").to_owned();
        let to = header_of(asked, "From").to_owned();
        let text = p.in_dialog("NOTIFY", &uri, &to, &id, self.cseq, &lines);
        let from = header_of(&text, "From").to_owned();
        let own = header_of(asked, "To")
            .split(";tag=")
            .next()
            .unwrap_or_default();
        text.replacen(&from, &format!("{own};tag=tpbx"), 1)
    }

    /// The PBX counts its NOTIFYs and their versions from here on, as one does that was restarted.
    pub(crate) fn recount(&mut self, number: u32) {
        (self.cseq, self.version) = (number - 1, 0);
        self.life += 1;
    }

    /// The lamp changes.
    pub(crate) fn changes(&mut self, lamp: &str) {
        self.lamp = lamp.to_owned();
        let asked = self.asked.last().expect("a SUBSCRIBE").clone();
        self.tells(&asked, "active;expires=3600");
    }

    /// What a phone has heard.
    pub(crate) fn heard_by(&self, phone: &Peer) -> &[String] {
        self.heard.get(&phone.address).map_or(&[], Vec::as_slice)
    }

    /// How many NOTIFYs all phones have heard since this was asked last.
    pub(crate) fn heard(&mut self) -> usize {
        let all = std::mem::take(&mut self.heard);
        all.values().map(Vec::len).sum()
    }
}

/// Version, and what the first dialog's state is.
pub(crate) fn lamp_of(notify: &str) -> (u32, &str) {
    let (_, body) = notify.split_once("<dialog-info").expect("a body");
    let version = body.split(" version=\"").nth(1).expect("a version");
    let version = version.split('"').next().unwrap().parse().unwrap();
    let state = body.split("<state>").nth(1).unwrap_or_default();
    (version, state.split('<').next().unwrap_or_default())
}

/// A SUBSCRIBE in a watcher's dialog.
pub(crate) fn again(phone: &mut Peer, ok: &str, cseq: u32, expires: u32) -> String {
    let request = from_caller(phone, "SUBSCRIBE", ok, cseq);
    let lines = format!("Event: dialog\r\nExpires: {expires}\r\nContent-Length: 0");
    request.replacen("Content-Length: 0", &lines, 1)
}

pub(crate) fn value<'m>(message: &'m str, name: &str) -> &'m str {
    header(message, name).unwrap_or_default()
}
