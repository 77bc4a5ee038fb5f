//! What a reload changes, and what it says it cannot.

use super::pretend;
use insta::assert_snapshot;

#[test]
fn the_same_file_again_needs_nothing() {
    let settings = pretend().accepts(OLD);
    assert!(settings.restart_needed(&settings).is_empty());
}

#[test]
fn sockets_workers_and_the_logs_form_need_a_restart() {
    let new = OLD
        .replace("workers = 1", "workers = 2")
        .replace("tcp:127.0.0.1:5060", "tcp:127.0.0.1:5070")
        .replace("[log]", "[log]\nformat = \"json\"");
    let needed = pretend()
        .accepts(OLD)
        .restart_needed(&pretend().accepts(&new));
    assert_snapshot!(needed.join("\n"));
}

#[test]
fn all_else_is_swapped() {
    let new = OLD
        .replace(
            "name = \"a\"",
            "name = \"a\"\nzone = \"inside\"\nadvertise = \"pbx.example.org\"",
        )
        .replace("level = \"info\"", "level = \"debug\"")
        .replace("realm = \"old\"", "realm = \"new\"");
    let (old, new) = (pretend().accepts(OLD), pretend().accepts(&new));
    assert!(old.restart_needed(&new).is_empty());
    let expected = format!("{new:?}");
    assert_eq!(format!("{:?}", old.reloaded(new)), expected);
}

#[test]
fn what_needs_a_restart_stays_and_the_rest_is_taken_over() {
    let new = "[server]\nworkers = 4\n[[listen]]\nname = \"a\"\nbind = \"udp:127.0.0.1:5070\"\n\
               [[listen]]\nname = \"c\"\nbind = \"tcp:127.0.0.1:5060\"\nzone = \"inside\"\n\
               [auth]\nrealm = \"new\"\n[log]\nformat = \"json\"\n";
    let (old, new) = (pretend().accepts(OLD), pretend().accepts(new));
    let running = old.reloaded(new);
    assert_eq!(running.server.workers(), 1);
    assert_eq!(running.log.format, old.log.format);
    assert_eq!(running.auth.realm, "new");
    assert_eq!(running.listeners[0], old.listeners[0]);
    assert_eq!(running.listeners[1].name, "c");
    assert_eq!(running.listeners[1].bind, old.listeners[1].bind);
}

#[test]
fn the_shards_stay_as_many_as_they_are_though_the_machine_has_more_cores_at_a_reload() {
    for asked in ["", "workers = 0"] {
        let text = OLD.replace("workers = 1", asked);
        let old = pretend().with_cores(2).accepts(&text);
        let new = pretend().with_cores(8).accepts(&text);
        assert!(old.restart_needed(&new).is_empty());
        let running = old.reloaded(new);
        assert_eq!(running.server.workers(), 2);
        let leases = running.core_config(&[], &[]).registrar.leases;
        assert_eq!(leases.shards, 2);
    }
}

const OLD: &str = r#"
[server]
workers = 1
[[listen]]
name = "a"
bind = "udp:127.0.0.1:5060"
[[listen]]
name = "b"
bind = "tcp:127.0.0.1:5060"
[auth]
realm = "old"
[log]
level = "info"
"#;
