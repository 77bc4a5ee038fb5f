//! A Bellhop before a PBX that registers, for the scenarios.

pub(crate) use crate::common::*;
use bellhop_core::auth::upstream::Login;
use bellhop_core::auth::{Algorithm, AuthConfig, User, Users};
use bellhop_core::config::Config;
use bellhop_core::lease::{LeaseConfig, Mode};
use bellhop_core::registrar::Aor;
pub(crate) use bellhop_testkit::{Manner, Peer, Registrar, World, header_of, status_of};
use std::sync::Arc;
pub(crate) use std::time::Duration;

/// The world, and the PBX's side of it.
pub(crate) struct Site {
    pub(crate) world: World,
    pub(crate) pbx: Registrar,
    /// What else came to the PBX.
    pub(crate) others: Vec<String>,
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn leased(mode: Mode) -> Config {
    let mut config = config();
    config.registrar.leases = LeaseConfig {
        mode,
        ..LeaseConfig::default()
    };
    config
}

/// 6001 has this password at the PBX.
pub(crate) fn with_login(password: &str) -> AuthConfig {
    let aor = Aor::parse_text(AOR).unwrap();
    let user = User::with_password("6001", "example.org", "secret6001", vec![aor]);
    let user = user.with_login(Some(Login::with_password("6001", password)));
    AuthConfig {
        users: Arc::new(Users::new(vec![user]).unwrap()),
        ..auth()
    }
}

impl Site {
    pub(crate) fn new(mode: Mode) -> Self {
        Self::of(leased(mode))
    }

    /// As [`Site::new`]; 6001 has a login at the PBX.
    pub(crate) fn with_login(mode: Mode, password: &str) -> Self {
        Self::start(leased(mode), with_login(password))
    }

    pub(crate) fn of(config: Config) -> Self {
        Self::start(config, auth())
    }

    pub(crate) fn start(config: Config, auth: AuthConfig) -> Self {
        let mut world = World::new(7);
        world.start(config, auth);
        Self {
            world,
            pbx: Registrar::default(),
            others: Vec::new(),
        }
    }

    /// Lets time pass; the PBX answers meanwhile.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.world.now.instant.after(time);
        loop {
            let left = end.since(self.world.now.instant);
            let Some(message) = self.world.expect_within(addr(PBX), left) else {
                break;
            };
            self.take(&message);
        }
        self.world.pass(end.since(self.world.now.instant));
    }

    fn take(&mut self, message: &str) {
        if message.starts_with("OPTIONS ") && header_of(message, "Call-ID").starts_with("probe") {
            if self.pbx.manner != Manner::Silent {
                let answer = pbx().answer(message, 200, "OK", "");
                say(&mut self.world, &pbx(), &answer);
            }
            return;
        }
        if !message.starts_with("REGISTER ") {
            self.others.push(message.to_owned());
            return;
        }
        if let Some(answer) = self.pbx.serve(self.world.now.instant, message) {
            say(&mut self.world, &pbx(), &answer);
        }
    }

    /// The next message at a phone, half a minute at most.
    pub(crate) fn hear(&mut self, peer: &Peer) -> Option<String> {
        for _ in 0..15_000 {
            if let Some(message) = self.world.expect_within(peer.address, Duration::ZERO) {
                return Some(message);
            }
            self.run(Duration::from_millis(2));
        }
        None
    }

    /// What the PBX has heard since this was asked last.
    pub(crate) fn heard(&mut self) -> usize {
        std::mem::take(&mut self.pbx.heard).len()
    }

    /// Sends a REGISTER, answers its challenge, gives the answer.
    pub(crate) fn register(&mut self, peer: &mut Peer, more: &str) -> String {
        let request = registration(peer, more);
        self.authorized(peer, &request)
    }

    /// Sends a request, answers its challenge, gives the answer.
    pub(crate) fn authorized(&mut self, peer: &mut Peer, request: &str) -> String {
        say(&mut self.world, peer, request);
        let challenge = self.hear(peer).expect("a challenge");
        let request = peer
            .authorize(request, &challenge, Algorithm::Sha256)
            .expect("a challenge");
        say(&mut self.world, peer, &request);
        self.hear(peer).expect("an answer")
    }

    /// The Contacts that the PBX holds for a user.
    pub(crate) fn contacts(&self, user: &str) -> Vec<String> {
        self.pbx.contacts(self.world.now.instant, user)
    }

    /// The one Contact that the PBX holds for a user.
    pub(crate) fn contact(&self, user: &str) -> String {
        let contacts = self.contacts(user);
        assert_eq!(contacts.len(), 1, "{contacts:?}");
        contacts[0].clone()
    }

    /// What comes of a request of the PBX for a Contact: its answer, or what reached a phone.
    pub(crate) fn call(&mut self, contact: &str, id: &str) -> String {
        let mut p = pbx();
        // Its branches begin with it.
        p.user = id.to_owned();
        let request = p.request("MESSAGE", contact, id, "");
        say(&mut self.world, &p, &request);
        self.run(Duration::from_millis(20));
        self.others.pop().unwrap_or_default()
    }
}

/// A REGISTER of a phone for its own AoR, without credentials.
pub(crate) fn registration(peer: &mut Peer, more: &str) -> String {
    let id = format!("reg-{}-{}", peer.user, peer.address);
    let request = peer.request("REGISTER", "sip:example.org", &id, more);
    let to = format!("To: <sip:{}@example.org>", peer.user);
    request.replacen("To: <sip:example.org>", &to, 1)
}

/// A phone with this last octet in its address.
pub(crate) fn phone_at(user: &str, last: u8) -> Peer {
    phone(user, &format!("203.0.113.{last}:5060"))
}
