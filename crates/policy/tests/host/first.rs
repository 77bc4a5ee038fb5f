//! Plugins that were built from the first day's contract, before `publish` and `call` came to it: a plugin that is built
//! runs in every host that serves `sip:policy@0.1`. The two files are kept as they were, and never built anew.

use crate::kit::{Kit, message};
use bellhop_core::policy::{Hook, Verdict};
use bellhop_policy::{Capability, Grants, PluginConfig};
use std::path::Path;

fn first(name: &str, grant: &[Capability], config: &str) -> PluginConfig {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/host/first");
    PluginConfig {
        grants: grant.iter().copied().collect::<Grants>(),
        config: config.to_owned(),
        ..PluginConfig::new(name, folder.join(format!("{name}.wasm")))
    }
}

#[test]
fn a_plugin_of_the_first_day_still_edits() {
    let config = r#"{"country": "49", "area": "30", "national": "0", "international": ["00"]}"#;
    let mut kit = Kit::new(vec![first("number-plan", &[Capability::Edit], config)]);
    let dialled = message("INVITE sip:03012345@example.org SIP/2.0", "INVITE", "");
    let outcome = kit.ask(Hook::Request, &dialled);
    assert!(matches!(outcome.verdict, Verdict::Continue));
    let uri = outcome.changes.uri().map(String::from_utf8_lossy);
    assert!(
        uri.as_deref()
            .is_some_and(|uri| uri.starts_with("sip:+493012345@")),
        "{uri:?}"
    );
}

#[test]
fn a_plugin_of_the_first_day_still_counts_in_the_store() {
    let config = r#"{"per_user": {"rate": 1, "burst": 2}}"#;
    let grant = [Capability::Store, Capability::Dialogs];
    let mut kit = Kit::new(vec![first("rate-guard", &grant, config)]);
    let verdicts: Vec<Verdict> = (0..3).map(|_| kit.request("").verdict).collect();
    let [Verdict::Continue, Verdict::Continue, Verdict::Reply(reply)] = &verdicts[..] else {
        panic!("{verdicts:?}");
    };
    assert_eq!(reply.status, 503);
}
