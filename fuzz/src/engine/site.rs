//! Where the engine stands: two configurations, three users, and the peers around it.

use super::Peer;
use bellhop_core::auth::{
    Algorithm, AuthConfig, Authenticator, ReplayGuard, Secret, User, Users, upstream::UpstreamAuth,
};
use bellhop_core::config::{Config, Listener, Rate, Upstream, UpstreamTarget, Zone};
use bellhop_core::engine::{Engine, Shared};
use bellhop_core::flow::Transport;
use bellhop_core::registrar::{Aor, Location, RegistrarConfig};
use bellhop_core::subscription::SubscriptionConfig;
use bellhop_core::transaction::TimerConfig;
use bellhop_testkit::Chance;
use bellhop_wire::Limits;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// An engine and what it was made with.
pub(super) struct Site {
    pub(super) engine: Engine,
    pub(super) shared: Shared,
    /// The table keeps the size that it was made with.
    pub(super) most_transactions: usize,
    config: Arc<Config>,
}

impl Site {
    pub(super) fn new(choice: u8) -> Self {
        let shared = Shared {
            location: Arc::new(Location::new(MOST_BINDINGS, [1, 2, 3, 4])),
            replay: Arc::new(ReplayGuard::new(16)),
            secret: Arc::new(Secret::new([7; 32])),
            leases: Arc::default(),
            subscriptions: Arc::default(),
            held: Arc::default(),
            tally: Arc::default(),
            health: Arc::default(),
            upstream_auth: Arc::new(UpstreamAuth::new(16)),
        };
        let config = Arc::new(config(choice));
        let entropy = Box::new(Chance::new(1));
        let auth = authenticator(&shared);
        let engine = Engine::new(3, Arc::clone(&config), auth, shared.clone(), entropy);
        Self {
            engine,
            shared,
            most_transactions: config.max_transactions,
            config,
        }
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn reload(&mut self, choice: u8) {
        self.config = Arc::new(config(choice));
        let auth = authenticator(&self.shared);
        self.engine.reconfigure(Arc::clone(&self.config), auth);
    }
}

pub(super) fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// The password of all users.
pub(super) const PASSWORD: &str = "geheim";
pub(super) const REALM: &str = "example.org";
pub(super) const MOST_BINDINGS: usize = 8;

/// Phones, strangers, a PBX that is trusted, one that is not, a peer on the inside.
pub(super) const PEERS: &[Peer] = &[
    peer("6001", "203.0.113.1:5060", Transport::Udp, 0, None),
    peer("6002", "203.0.113.2:5060", Transport::Udp, 0, None),
    peer("6003", "203.0.113.3:40000", Transport::Tcp, 1, Some(3)),
    peer("6001", "[2001:db8::5]:5060", Transport::Udp, 2, None),
    peer("stranger", "203.0.113.66:6666", Transport::Udp, 0, None),
    peer("6002", "127.0.0.1:7000", Transport::Tcp, 1, Some(7)),
    Peer {
        trusted: true,
        ..peer("pbx", "198.51.100.5:5060", Transport::Udp, 0, None)
    },
    peer("other", "198.51.100.6:5060", Transport::Tcp, 1, Some(6)),
    Peer {
        trusted: true,
        ..peer("inside", "10.0.0.7:5060", Transport::Udp, 3, None)
    },
];

const fn peer(
    user: &'static str,
    address: &'static str,
    transport: Transport,
    listener: u16,
    connection: Option<u64>,
) -> Peer {
    Peer {
        user,
        address,
        transport,
        listener,
        connection,
        trusted: false,
    }
}

/// The bits of the choice: no rate limit, no default upstream, small datagrams, few transactions.
fn config(choice: u8) -> Config {
    let has = |bit: u8| choice >> bit & 1 == 1;
    let listener = |name: &str, transport, bind: &str, zone| {
        let local = address(bind);
        let host = match local {
            SocketAddr::V4(v4) => v4.ip().to_string(),
            SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
        };
        Listener {
            name: name.to_owned(),
            transport,
            local,
            aliases: Vec::new(),
            host,
            port: local.port(),
            zone,
        }
    };
    let upstream = |name: &str, transport, remote: &str, trusted| Upstream {
        name: name.to_owned(),
        targets: vec![UpstreamTarget {
            transport,
            remote: address(remote),
            host: remote.to_owned(),
        }],
        trusted,
        login: None,
        probe: None,
    };
    let mut pbx = upstream("pbx", Transport::Udp, UPSTREAMS[0], true);
    pbx.targets.push(UpstreamTarget {
        transport: Transport::Tcp,
        remote: address(UPSTREAMS[2]),
        host: "spare.example.net".to_owned(),
    });
    Config {
        domains: vec!["example.org".to_owned(), "192.0.2.1".to_owned()],
        listeners: vec![
            listener("udp", Transport::Udp, "192.0.2.1:5060", Zone::Outside),
            listener("tcp", Transport::Tcp, "192.0.2.1:5060", Zone::Outside),
            listener("six", Transport::Udp, "[2001:db8::1]:5060", Zone::Outside),
            listener("in", Transport::Udp, "10.0.0.1:5070", Zone::Inside),
        ],
        upstreams: vec![pbx, upstream("other", Transport::Tcp, UPSTREAMS[1], false)],
        default_upstream: (!has(1)).then_some(0),
        registrar: RegistrarConfig {
            max_contacts: 3,
            ..RegistrarConfig::default()
        },
        timers: TimerConfig::default(),
        strip: vec!["X-Secret".to_owned(), "Subject".to_owned()],
        udp_limit: if has(2) { 500 } else { 1_300 },
        limits: Limits::default(),
        rate: has(0).then_some(Rate {
            per_source: 5,
            burst: 8,
        }),
        max_transactions: if has(3) { 3 } else { 40 },
        max_held: usize::MAX,
        b2bua: None,
        subscriptions: SubscriptionConfig::default(),
    }
}

/// Addresses of PBXs.
pub(super) const UPSTREAMS: [&str; 3] = [
    "198.51.100.5:5060",
    "198.51.100.6:5060",
    "198.51.100.7:5062",
];

fn authenticator(shared: &Shared) -> Arc<Authenticator> {
    let auth = AuthConfig {
        realm: REALM.to_owned(),
        algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
        nonce_lifetime: Duration::from_secs(300),
        users: Arc::clone(&USERS),
    };
    let (secret, replay) = (Arc::clone(&shared.secret), Arc::clone(&shared.replay));
    Arc::new(Authenticator::new(auth, secret, replay))
}

static USERS: LazyLock<Arc<Users>> = LazyLock::new(|| {
    let user = |name: &str| {
        let aor = Aor::parse_text(&format!("sip:{name}@{REALM}")).expect("an AoR");
        User::with_password(name, REALM, PASSWORD, vec![aor])
    };
    let users = ["6001", "6002", "6003"].map(user).into();
    Arc::new(Users::new(users).expect("three users"))
});
