//! One kind of mistake a test; the snapshots are what the user reads.

use super::pretend;
use insta::assert_snapshot;

#[test]
fn unknown_keys_are_named_with_the_nearest_right_one() {
    let text = r#"
colour = "red"
[server]
domians = ["pbx.example.org"]
[sever]
[[listen]]
bnid = "udp:127.0.0.1:5060"
[auth]
nonce-lifetime = "5m"
users = { flie = "users.toml" }
[limits]
rate = { per_sourc = 1 }
"#;
    assert_snapshot!(pretend().refuses(text));
}

#[test]
fn values_of_the_wrong_kind_say_what_they_must_be() {
    let text = r#"
[server]
domains = "pbx.example.org"
workers = "two"
[[listen]]
bind = 5060
[[upstream]]
name = ["pbx"]
targets = ["sip:10.0.0.1", 5]
trusted = "yes"
[auth]
realm = true
users = "users.toml"
nonce_lifetime = 300
[registrar]
max_contacts = 1.5
[route]
default = 0
[limits]
message = 65536
rate = 100
[log]
level = 1
"#;
    assert_snapshot!(pretend().refuses(text));
}

#[test]
fn a_section_that_is_no_table_says_so() {
    let text = "listen = \"udp:127.0.0.1:5060\"\nserver = 1\n[upstream]\nname = \"pbx\"\n";
    assert_snapshot!(pretend().refuses(text));
}

#[test]
fn listeners_that_make_no_sense_are_refused() {
    let text = r#"
[[listen]]
name = "no bind"
[[listen]]
bind = "0.0.0.0:5060"
[[listen]]
bind = "udp:pbx.example.org:5060"
[[listen]]
bind = "udp:0.0.0.0"
[[listen]]
bind = "udp:10.0.0.300:5060"
[[listen]]
bind = "tcp:::1:5060"
[[listen]]
bind = "udp:127.0.0.1:5060"
zone = "insid"
advertise = "pbx example:5060"
[[listen]]
bind = "tcp:127.0.0.1:5060"
advertise = "203.0.113.5:0"
[[listen]]
bind = "tcp:[::1]:5060"
advertise = "2001:db8::1"
"#;
    assert_snapshot!(pretend().refuses(text));
}

#[test]
fn an_address_belongs_to_one_listener() {
    let text = r#"
[server]
domains = ["pbx.example.org"]
[[listen]]
name = "a"
bind = "udp:127.0.0.1:5060"
[[listen]]
name = "a"
bind = "udp:0.0.0.0:5060"
[[listen]]
name = "b"
bind = "udp:127.0.0.1:5060"
"#;
    assert_snapshot!(pretend().refuses(text));
}

#[test]
fn a_wildcard_alone_gives_no_domain() {
    let text = "[[listen]]\nbind = \"udp:0.0.0.0:5060\"\n";
    assert_snapshot!(pretend().refuses(text));
}

#[test]
fn domains_are_hosts_and_stand_once() {
    let text = r#"
[server]
domains = ["pbx.example.org", "PBX.example.org", "sip:pbx", "pbx:5060", "2001:db8::1", ""]
"#;
    assert_snapshot!(pretend().refuses(text));
}

#[test]
fn upstreams_that_make_no_sense_are_refused() {
    let text = r#"
[[listen]]
name = "phones"
bind = "udp:127.0.0.1:5060"
[[upstream]]
targets = ["sip:10.0.0.1:5060"]
[[upstream]]
name = "nowhere"
[[upstream]]
name = "pbx"
targets = []
[[upstream]]
name = "pbx"
targets = [
  "10.0.0.10",
  "sip:10.0.0.10:99999",
  "sip:6001@10.0.0.10",
  "sip:10.0.0.10;transport=sctp",
  "sip:10.0.0.10;lr",
  "sip:pbx.example.org",
  "sip:0.0.0.0:5060",
  "sip:127.0.0.1:5060",
  "sip:10.0.0.11",
  "sip:10.0.0.11:5060;transport=udp",
  "sip:[2001:db8::10]",
  "sip:10.0.0.12;transport=tcp",
]
[[upstream]]
name = "again"
targets = ["sip:10.0.0.11:5070"]
trusted = true
[route]
default = "pbc"
"#;
    assert_snapshot!(pretend().refuses(text));
}

#[test]
fn a_default_upstream_without_any_upstream_is_refused() {
    assert_snapshot!(pretend().refuses("[route]\ndefault = \"pbx\"\nmode = \"proxi\"\n"));
}

#[test]
fn an_auth_section_that_makes_no_sense_is_refused() {
    let text = r#"
[auth]
realm = "a\"b"
algorithms = ["SHA-1", "md5", "MD5"]
users = { file = "users.toml", htdigest = "users.htdigest" }
nonce_lifetime = "0s"
"#;
    assert_snapshot!(pretend().refuses(text));
    let text = "[auth]\nalgorithms = []\nusers = {}\nnonce_lifetime = \"5 min\"\n";
    assert_snapshot!("auth_empty", pretend().refuses(text));
}

#[test]
fn users_who_are_kept_elsewhere_are_described_without_mistakes() {
    let text = r#"
[auth]
users = { http = "https://example.org/users", query = "SELECT 1", timeout = "1h", cache = "0s", ca = "ca.pem" }
"#;
    assert_snapshot!("users_http", pretend().refuses(text));
    let text = r#"
[auth]
users = { sqlite = "users.db", token = "geheim", ca = "ca.pem", grace = "90d", absent = "soon", pool = 3 }
"#;
    assert_snapshot!("users_sqlite", pretend().refuses(text));
}

#[test]
fn a_push_section_that_makes_no_sense_is_refused() {
    let text = r#"
[push]
hook = "push.example.org"
providers = ["apns", "f c m"]
token = { env = "UNSET" }
wait = "5m"
hooks = 1
"#;
    assert_snapshot!("push", pretend().refuses(text));
    assert_snapshot!("push_empty", pretend().refuses("[push]\n"));
}

#[test]
fn a_file_of_users_that_is_not_there_is_named_from_the_configurations_directory() {
    assert_snapshot!(pretend().refuses("[auth]\nusers = { file = \"users.toml\" }\n"));
}

#[test]
fn mistakes_in_the_users_are_shown_with_their_own_file_and_line() {
    let users = "[[user]]\nname = \"6001\"\npasword = \"geheim\"\n";
    let pretend = pretend().file("/etc/bellhop/users.toml", users);
    let text = "[auth]\nusers = { file = \"users.toml\" }\n[log]\nformat = \"xml\"\n";
    assert_snapshot!(pretend.refuses(text));
}

#[test]
fn numbers_out_of_range_say_the_range() {
    let text = r#"
[server]
workers = -1
[registrar]
min_expires = "2h"
max_expires = "1h"
max_contacts = 0
[limits]
message = "1KiB"
transactions = "1KiB"
rate = { per_source = 0, burst = 99999999999999999999 }
"#;
    assert_snapshot!(pretend().refuses(text));
    let text = r#"
[registrar]
min_expires = "1500ms"
max_expires = "9999d"
[limits]
message = "64k"
rate = { per_source = 10, burst = 5 }
"#;
    assert_snapshot!("units_and_order", pretend().refuses(text));
}

#[test]
fn a_rate_needs_its_number() {
    assert_snapshot!(pretend().refuses("[limits]\nrate = { burst = 5 }\n"));
}

#[test]
fn a_level_that_is_none_is_refused() {
    assert_snapshot!(pretend().refuses("[log]\nlevel = \"inof\"\n"));
    pretend().accepts("[log]\nlevel = \"info,bellhop_core=debug\"\n");
}

#[test]
fn what_is_not_toml_has_all_its_syntax_errors() {
    assert_snapshot!(pretend().refuses("[server]\nworkers = \n[[listen]\nbind = \"udp\n"));
}

#[test]
fn a_key_given_twice_is_refused() {
    assert_snapshot!(pretend().refuses("[server]\nworkers = 1\nworkers = 2\n"));
}

#[test]
fn warnings_say_what_is_perhaps_not_meant() {
    let users = "[[user]]\nname = \"6001\"\npassword = \"geheim\"\n";
    let pretend = pretend()
        .file("/etc/bellhop/users.toml", users)
        .address("10.0.0.2")
        .address("192.168.1.2")
        .address("2001:db8::2");
    let text = r#"
[server]
domains = ["pbx.example.org"]
[[listen]]
bind = "udp:0.0.0.0:5060"
[[listen]]
bind = "udp:[::]:5060"
[[listen]]
bind = "tcp:0.0.0.0:5060"
advertise = "203.0.113.5"
[auth]
users = { file = "users.toml" }
"#;
    assert_snapshot!(pretend.warns(text));
}

#[test]
fn nothing_configured_is_loopback_and_nobody_with_warnings() {
    assert_snapshot!(pretend().warns(""));
}
