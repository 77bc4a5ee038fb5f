//! The settings as the core is told them.

use super::{FILE, Pretend, pretend};
use crate::config::{Settings, parse};
use bellhop_core::{config::Config, flow::Transport};
use insta::{assert_debug_snapshot, assert_snapshot};
use std::{net::SocketAddr, path::Path};

fn machine() -> Pretend {
    let users = "[[user]]\nname = \"6001\"\npassword = \"geheim\"\n\
                 [[user]]\nname = \"a b\"\npassword = \"x\"\naors = [\"sip:Sales@[::1]\"]\n";
    pretend()
        .file("/etc/bellhop/users.toml", users)
        .address("10.0.0.2")
        .address("192.168.1.2")
}

fn told(settings: &Settings, bound: &[&str], resolved: &[&[&str]]) -> Config {
    let address = |text: &&str| text.parse::<SocketAddr>().unwrap();
    let bound: Vec<_> = bound.iter().map(address).collect();
    let resolved: Vec<Vec<_>> = resolved
        .iter()
        .map(|r| r.iter().map(|a| (Transport::Tcp, address(a))).collect())
        .collect();
    settings.core_config(&bound, &resolved)
}

#[test]
fn all_of_it_reaches_the_core() {
    let settings = machine().accepts(FULL);
    let bound = ["0.0.0.0:5060", "127.0.0.1:40000"];
    let resolved: [&[&str]; 3] = [
        &["10.0.0.10:5060"],
        &["10.0.0.11:5070", "10.0.0.12:5070"],
        &[],
    ];
    assert_debug_snapshot!(told(&settings, &bound, &resolved));
    let auth = settings.auth_config();
    let shown = (&auth.realm, &auth.algorithms, auth.nonce_lifetime);
    assert_debug_snapshot!("auth", shown);
    let aors = |name: &str| auth.users.find(name).unwrap().aors.clone();
    assert_snapshot!(format!("{:?} {:?}", aors("6001"), aors("a b")),
        @"[Aor(6001@pbx.example.org), Aor(6001@[::1])] [Aor(Sales@[::1])]");
}

#[test]
fn what_it_means_is_said_in_words() {
    assert_snapshot!(machine().accepts(FULL).explain().join("\n"));
}

#[test]
fn what_it_means_is_said_to_tools_without_a_secret() {
    let settings = machine().accepts(FULL);
    let json = serde_json::to_string_pretty(&settings.describe()).unwrap();
    assert!(!json.contains("geheim"));
    assert_snapshot!(json);
}

#[test]
fn what_is_wrong_is_said_to_tools_with_its_place() {
    let text = "[server]\ndomians = []\n[registrar]\nmin_expires = \"x\"\n\
                [auth]\nusers = { file = \"users.toml\" }\n";
    let users = "[[user]]\nname = \"6001\"\npassword = \"geheim\"\nha1 = { md5 = \"nohash\" }\n";
    let machine = machine().file("/etc/bellhop/users.toml", users);
    let problems = parse(Path::new(FILE), text, &machine).unwrap_err();
    let json = serde_json::to_string_pretty(&problems.describe()).unwrap();
    assert!(!json.contains("geheim") && !json.contains("nohash"));
    assert_snapshot!(json);
}

#[test]
fn a_wildcard_shows_the_machines_first_address_of_its_family() {
    let text = "[server]\ndomains = [\"a.example\"]\n\
                [[listen]]\nbind = \"udp:0.0.0.0:5060\"\n[[listen]]\nbind = \"udp:[::]:5060\"\n";
    let bound = ["0.0.0.0:5060", "[::]:5060"];
    let config = told(&machine().accepts(text), &bound, &[]);
    let shown = |index: usize| {
        let listener = &config.listeners[index];
        format!("{}:{} {:?}", listener.host, listener.port, listener.aliases)
    };
    assert_eq!(shown(0), "10.0.0.2:5060 [10.0.0.2, 192.168.1.2, 127.0.0.1]");
    // No IPv6 address but loopback: nothing else can be told.
    assert_eq!(shown(1), "[::1]:5060 [::1]");
}

#[test]
fn a_port_that_the_system_picked_is_shown() {
    let settings = pretend().accepts("[[listen]]\nbind = \"udp:127.0.0.1:0\"\n");
    let config = told(&settings, &["127.0.0.1:40000"], &[]);
    assert_eq!(config.listeners[0].port, 40_000);
    assert_eq!(config.domains, ["127.0.0.1"]);
}

#[test]
fn without_a_domain_the_first_listener_gives_it() {
    let text = "[[listen]]\nbind = \"udp:0.0.0.0:5060\"\nadvertise = \"PBX.example.org\"\n";
    let settings = pretend().accepts(text);
    assert_eq!(settings.server.domains, ["pbx.example.org"]);
    assert_eq!(settings.auth.realm, "pbx.example.org");
}

#[test]
fn a_default_expiry_lies_within_the_bounds() {
    let expires = |text: &str| {
        let registrar = pretend().accepts(text).registrar;
        let seconds = [
            registrar.min_expires,
            registrar.default_expires(),
            registrar.max_expires,
        ];
        seconds.map(|duration| duration.as_secs())
    };
    assert_eq!(expires(""), [60, 3600, 3600]);
    assert_eq!(
        expires("[registrar]\nmax_expires = \"30s\"\n"),
        [30, 30, 30]
    );
    assert_eq!(
        expires("[registrar]\nmin_expires = \"2h\"\n"),
        [7200, 7200, 7200]
    );
    assert_eq!(
        expires("[registrar]\nmax_expires = \"1d\"\n"),
        [60, 3600, 86_400]
    );
}

#[test]
fn an_htdigest_file_offers_md5_alone() {
    let line = "6001:pbx.example.org:939e7578ed9e3c518a452acee763bce9\n";
    let machine = pretend().file("/etc/bellhop/u", line);
    let text = "[server]\ndomains = [\"pbx.example.org\"]\n[auth]\nusers = { htdigest = \"u\" }\n";
    let settings = machine.accepts(text);
    assert_eq!(
        settings.auth.algorithms,
        [bellhop_core::auth::Algorithm::Md5]
    );
    assert!(settings.auth.users.find("6001").is_some());
    let asked = text.replace("[auth]", "[auth]\nalgorithms = [\"SHA-256\", \"MD5\"]");
    assert!(
        machine
            .warns(&asked)
            .contains("SHA-256 is offered but 1 of the users")
    );
}

#[test]
fn transactions_may_take_a_gibibyte_for_each_worker_and_half_the_memory_at_most() {
    let text = "[server]\ndomains = [\"a.example\"]\nworkers = 4\n[[listen]]\nbind = \"udp:127.0.0.1:5060\"\n";
    let share = |machine: Pretend| {
        let config = told(&machine.accepts(text), &["127.0.0.1:5060"], &[]);
        config.max_held >> 20
    };
    let machine = |kib: u64| {
        let text = format!("MemTotal: {kib:>15} kB\nMemFree:        100 kB\n");
        pretend().file("/proc/meminfo", &text)
    };
    let group = |text| machine(32 << 20).file("/sys/fs/cgroup/memory.max", text);
    assert_eq!(share(pretend()), 1024);
    assert_eq!(share(machine(32 << 20)), 1024);
    assert_eq!(share(machine(2 << 20)), 256);
    assert_eq!(share(group("max\n")), 1024);
    assert_eq!(share(group("536870912\n")), 64);
}

const FULL: &str = r#"
[server]
domains = ["PBX.example.org", "[::1]"]
workers = 2

[[listen]]
name = "phones"
bind = "udp:0.0.0.0:5060"
advertise = "203.0.113.5"

[[listen]]
name = "lan"
bind = "tcp:127.0.0.1:0"
zone = "inside"

[[upstream]]
name = "pbx"
targets = ["sip:10.0.0.10", "sip:pbx.example.org:5070;transport=tcp"]
trusted = true

[[upstream]]
name = "other"
targets = ["sip:gone.example.org:5060"]

[auth]
realm = "example.org"
algorithms = ["SHA-512-256", "MD5"]
users = { file = "users.toml" }
nonce_lifetime = "90s"

[registrar]
min_expires = "30s"
max_expires = "2h"
max_contacts = 3

[route]
default = "other"

[limits]
message = "32KiB"
rate = { per_source = 50 }

[log]
level = "debug"
format = "json"
"#;
