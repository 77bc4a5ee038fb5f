//! Other plugins come while messages go on.

use crate::kit::{Kit, guest, invite, orders, probe};
use bellhop_core::policy::{Hook, Policy};
use bellhop_policy::{PluginConfig, Swapped};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

fn version(version: &str) -> PluginConfig {
    PluginConfig {
        config: format!(r#"{{"version": "{version}"}}"#),
        ..probe("p")
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_new_version_answers_the_next_message_and_keeps_what_was_stored() {
    let mut kit = Kit::new(vec![version("1")]);
    kit.request(&orders(&["count n"]));
    let swapped = kit.registry.swap(vec![version("2")]).unwrap();
    assert_eq!(
        swapped,
        Swapped {
            loaded: names(&["p"]),
            ..Swapped::default()
        }
    );
    assert_eq!(
        kit.request(&orders(&["version", "kept n", "calls"])).saw(),
        "2\nSome(\"1\")\n1"
    );
}

#[test]
fn what_did_not_change_keeps_its_instance() {
    let mut kit = Kit::new(vec![version("1"), probe("q")]);
    kit.request("");
    let swapped = kit.registry.swap(vec![probe("q"), version("2")]).unwrap();
    assert_eq!(
        swapped,
        Swapped {
            loaded: names(&["p"]),
            kept: names(&["q"]),
            ..Swapped::default()
        }
    );
    assert_eq!(kit.request(&orders(&["calls"])).saw(), "2\n1");
}

#[test]
fn a_bad_version_is_refused_and_the_old_one_stays() {
    let mut kit = Kit::new(vec![version("1"), probe("q")]);
    kit.request("");
    for bad in ["unstartable", "endless"] {
        kit.registry
            .swap(vec![probe("new"), version(bad)])
            .unwrap_err();
    }
    assert_eq!(kit.registry.status().len(), 2);
    assert_eq!(
        kit.request(&orders(&["version", "calls"])).saw(),
        "1\n2\n1\n2"
    );
}

#[test]
fn a_removed_plugin_is_gone_with_its_hooks_instances_and_store() {
    let mut kit = Kit::new(vec![probe("p")]);
    kit.request(&orders(&["count n"]));
    assert!(kit.shard.hooks().has(Hook::Request));
    let swapped = kit.registry.swap(Vec::new()).unwrap();
    assert_eq!(swapped.removed, ["p"]);
    assert_eq!(kit.shard.hooks(), bellhop_core::policy::Hooks::NONE);
    assert_eq!(kit.request(&orders(&["calls"])).saw(), "");
    kit.registry.swap(vec![probe("p")]).unwrap();
    assert_eq!(kit.request(&orders(&["kept n"])).saw(), "None");
}

#[test]
fn a_changed_file_is_taken_up_by_reload_and_only_that_of_the_plugin_named() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let file = |name: &str| folder.join(format!("reload-{name}-{}.wasm", std::process::id()));
    let write = |name: &str, from: &str| std::fs::copy(guest(from), file(name)).unwrap();
    let config = |name: &str| PluginConfig {
        file: file(name),
        ..probe(name)
    };
    let _ = ["p", "q"].map(|name| write(name, "probe.wasm"));
    let kit = Kit::new(vec![config("p"), config("q")]);
    assert_eq!(kit.registry.reload(None).unwrap().kept, ["p", "q"]);
    // The other build needs a capability that is not granted: only reading it can tell.
    let _ = ["p", "q"].map(|name| write(name, "probe-http.wasm"));
    assert!(
        kit.registry
            .reload(Some("p"))
            .unwrap_err()
            .to_string()
            .starts_with("plugin p:")
    );
    write("p", "probe.wasm");
    assert_eq!(kit.registry.reload(Some("p")).unwrap().kept, ["p"]);
    assert!(kit.registry.reload(Some("q")).is_err());
    assert!(
        kit.registry
            .reload(Some("r"))
            .unwrap_err()
            .to_string()
            .contains("no plugin of this name")
    );
    for name in ["p", "q"] {
        std::fs::remove_file(file(name)).unwrap();
    }
}

#[test]
fn a_hundred_swaps_under_load_fail_no_message_and_leave_no_instance() {
    let kit = Kit::new(vec![version("0")]);
    let over = AtomicBool::new(false);
    let (registry, woken, world) = (&kit.registry, &kit.woken, &kit.world);
    std::thread::scope(|scope| {
        let workers = [0, 1].map(|_| {
            let over = &over;
            scope.spawn(move || {
                let shard = registry.shard(woken.clone());
                let mut kit = Kit {
                    registry: registry.clone(),
                    shard,
                    world: world.clone(),
                    woken: woken.clone(),
                };
                let (mut messages, mut last) = (0, 0);
                while !over.load(Ordering::Relaxed) {
                    let saw = kit.ask(Hook::Request, &invite(&orders(&["version"]))).saw();
                    let version = saw.parse::<u32>().expect("an answer to each message");
                    assert!(version >= last, "an old version after a new one");
                    (messages, last) = (messages + 1, version);
                }
                messages
            })
        });
        for n in 1..=100 {
            registry.swap(vec![version(&n.to_string())]).unwrap();
        }
        over.store(true, Ordering::Relaxed);
        let messages: Vec<u32> = workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .collect();
        assert!(messages.iter().all(|n| *n > 0), "{messages:?}");
    });
    let status = kit.status("p");
    assert_eq!(
        status.hooks[0].faults.iter().map(|(_, n)| n).sum::<u64>(),
        0
    );
    // Those made ready for workers of this set, none of the hundred before.
    assert!(status.instances <= 4, "{}", status.instances);
    assert_eq!(kit.registry.swaps(), 101);
}
