//! What plugins publish: night-switch, as it is built, on the host.

use crate::kit::{Kit, built, message};
use bellhop_core::policy::{Hook, Verdict};
use bellhop_policy::{Capability, Grants, PluginConfig};

fn night(grants: &[Capability]) -> PluginConfig {
    PluginConfig {
        grants: grants.iter().copied().collect::<Grants>(),
        config: r#"{"lamp": "sip:night@example.org", "day": "100", "night": "199"}"#.to_owned(),
        ..PluginConfig::new("night", built("night-switch.wasm"))
    }
}

const ALL: [Capability; 3] = [Capability::Store, Capability::Publish, Capability::Edit];

fn dials(kit: &mut Kit) -> Verdict {
    let start = "INVITE sip:*28@example.org SIP/2.0";
    kit.ask(Hook::Request, &message(start, "INVITE", ""))
        .verdict
}

#[test]
fn what_a_plugin_publishes_is_there_for_its_watchers_under_its_name() {
    let mut kit = Kit::new(vec![night(&ALL)]);
    let now = kit.world.now_instant();
    assert_eq!(kit.world.held.list(now, 9).1, 0);
    assert!(matches!(dials(&mut kit), Verdict::Reply(_)));
    let (shown, count, bytes) = kit.world.held.list(now, 9);
    assert_eq!((count, shown.len()), (1, 1));
    assert_eq!(shown[0].resource.as_str(), "night@example.org");
    assert_eq!((&*shown[0].owner, &*shown[0].package), ("night", "dialog"));
    assert!(bytes > 100 && shown[0].until.is_none());
}

#[test]
fn without_the_grant_it_is_not_loaded() {
    let kit = Kit::empty();
    let refused = kit.registry.swap(vec![night(&ALL[..1])]).unwrap_err();
    assert!(refused.to_string().contains("publish"), "{refused}");
}

#[test]
fn what_a_shadow_publishes_nobody_sees() {
    let real = PluginConfig {
        config: r#"{"lamp": "sip:other@example.org"}"#.to_owned(),
        name: "real".to_owned(),
        ..night(&ALL)
    };
    let shadow = PluginConfig {
        shadow: true,
        ..night(&ALL)
    };
    let mut kit = Kit::new(vec![real, shadow]);
    dials(&mut kit);
    let compared = || kit.status("night").compared;
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while compared() == 0 && std::time::Instant::now() < limit {
        std::thread::yield_now();
    }
    assert_eq!(compared(), 1);
    let (shown, count, _) = kit.world.held.list(kit.world.now_instant(), 9);
    assert_eq!(count, 1);
    assert_eq!(shown[0].resource.as_str(), "other@example.org");
}
