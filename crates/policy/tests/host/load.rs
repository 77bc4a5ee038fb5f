//! What is loaded, and what is refused before it runs.

use crate::kit::{Kit, World, cache, guest, probe};
use bellhop_policy::{Capability, Grants, PluginConfig, Reason, Registry, inspect};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

fn refusal(config: PluginConfig) -> Reason {
    Kit::empty().registry.swap(vec![config]).unwrap_err().reason
}

fn scratch(name: &str) -> PathBuf {
    let path =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

#[test]
fn an_interface_that_is_not_granted_is_refused_by_name() {
    let mut config = probe("p");
    config.grants = config
        .grants
        .iter()
        .filter(|c| *c != Capability::Store)
        .collect::<Grants>();
    assert!(matches!(
        refusal(config),
        Reason::NotGranted(Capability::Store)
    ));
    let mut config = probe("p");
    config.file = guest("probe-http.wasm");
    let reason = refusal(config);
    assert!(matches!(reason, Reason::NotGranted(Capability::Http)));
    assert!(
        reason.to_string().contains("grant = [\"http\"]"),
        "{reason}"
    );
}

#[test]
fn a_file_is_the_one_that_its_hash_names_or_is_refused() {
    let mut config = probe("p");
    config.sha256 = Some([0; 32]);
    let Reason::Hash(is) = refusal(config) else {
        panic!("another reason");
    };
    assert_eq!(is.len(), 64);
    let about = Kit::new(vec![probe("p")]).status("p").about;
    assert_eq!(about.sha256, is);
    assert_eq!(
        (about.name.as_str(), about.version.as_str()),
        ("probe", "0.1.0")
    );
    assert_eq!(
        (about.hooks.len(), about.config_schema.as_deref()),
        (7, Some("{}"))
    );
}

#[test]
fn what_is_no_plugin_is_refused() {
    let file = scratch("no-plugin.wasm");
    for bytes in [
        b"".as_slice(),
        b"hello",
        b"\0asm\x01\0\0\0",
        b"\0asm\x0d\0\x01\0",
    ] {
        std::fs::write(&file, bytes).unwrap();
        let reason = refusal(PluginConfig {
            file: file.clone(),
            ..probe("p")
        });
        assert!(matches!(reason, Reason::NotAPlugin(_)), "{reason}");
    }
    let gone = PluginConfig {
        file: "/nowhere.wasm".into(),
        ..probe("p")
    };
    assert!(matches!(refusal(gone), Reason::Read(..)));
}

#[test]
fn a_configuration_that_the_plugin_refuses_is_refused_with_its_words() {
    let refused = |config: &str| {
        refusal(PluginConfig {
            config: config.into(),
            ..probe("p")
        })
    };
    let Reason::Config(why) = refused(r#"{"invalid": true}"#) else {
        panic!("another reason");
    };
    assert!(why.contains("as told"), "{why}");
    assert!(matches!(refused("not json"), Reason::Config(_)));
    assert!(matches!(
        refused(r#"{"version": "unstartable"}"#),
        Reason::Start(_)
    ));
}

#[test]
fn a_start_that_does_not_end_is_cut_off() {
    let began = Instant::now();
    let config = PluginConfig {
        config: r#"{"version": "endless"}"#.into(),
        ..probe("p")
    };
    assert!(matches!(refusal(config), Reason::Start(_)));
    assert!(began.elapsed().as_secs() < 20);
}

#[test]
fn one_name_is_one_plugin() {
    let error = Kit::empty()
        .registry
        .swap(vec![probe("p"), probe("p")])
        .unwrap_err();
    assert!(error.to_string().contains("two plugins have this name"));
}

#[test]
fn an_inspection_says_what_a_file_needs() {
    let bytes = std::fs::read(guest("probe-http.wasm")).unwrap();
    let found = inspect(&bytes, "{}").unwrap();
    for needed in [
        Capability::Store,
        Capability::Locations,
        Capability::Random,
        Capability::Http,
    ] {
        assert!(found.needs.contains(&needed), "{needed}");
    }
    assert!(found.edits.contains(&"[method]message.set-header"));
    assert_eq!(found.config, Ok(()));
    let refused = inspect(&bytes, r#"{"invalid": true}"#).unwrap().config;
    assert!(refused.unwrap_err().contains("as told"));
}

#[test]
fn compiled_code_is_kept_where_nobody_else_can_write_and_used_again() {
    let folder = scratch("cache");
    let start = || Registry::new(Some(&folder), Arc::new(World::default())).unwrap();
    start().swap(vec![probe("p")]).unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    assert_eq!(files.len(), 1);
    assert_eq!(mode(&files[0]), 0o600);
    let made = files[0].metadata().unwrap().modified().unwrap();

    let registry = start();
    let plugins = (0..10).map(|n| probe(&format!("p{n}"))).collect();
    registry.swap(plugins).unwrap();
    assert_eq!(files[0].metadata().unwrap().modified().unwrap(), made);
    // Ten times from the cache: what is compiled anew is written anew.
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn of_many_versions_the_latest_are_kept() {
    let folder = scratch("many-versions");
    let start = || Registry::new(Some(&folder), Arc::new(World::default())).unwrap();
    start().swap(vec![probe("p")]).unwrap();
    let compiled = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "cwasm");
    let files = || -> Vec<PathBuf> {
        let all = std::fs::read_dir(&folder).unwrap();
        all.map(|f| f.unwrap().path()).filter(compiled).collect()
    };
    let first = files().remove(0);
    for n in 0..200 {
        std::fs::write(folder.join(format!("{n}.cwasm")), "older").unwrap();
    }
    // All were made later than the first, which goes with the next that is compiled.
    let grants = [Capability::Store].into_iter().collect();
    let config = r#"{"work": "nothing"}"#.into();
    start()
        .swap(vec![PluginConfig {
            grants,
            config,
            ..PluginConfig::new("toll", guest("toll.wasm"))
        }])
        .unwrap();
    assert_eq!(files().len(), 128);
    assert!(!first.exists());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_cache_that_others_can_write_is_not_used() {
    let folder = scratch("open-cache");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o777)).unwrap();
    let refused = Registry::new(Some(&folder), Arc::new(World::default())).unwrap_err();
    assert!(refused.contains("0700"), "{refused}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_kept_file_that_others_can_write_or_that_is_broken_is_made_again() {
    let folder = scratch("broken-cache");
    let start = || Registry::new(Some(&folder), Arc::new(World::default())).unwrap();
    start().swap(vec![probe("p")]).unwrap();
    let file = std::fs::read_dir(&folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let whole = std::fs::read(&file).unwrap();

    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o666)).unwrap();
    start().swap(vec![probe("p")]).unwrap();
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    std::fs::write(&file, b"not ours").unwrap();
    start().swap(vec![probe("p")]).unwrap();
    assert_eq!(std::fs::read(&file).unwrap().len(), whole.len());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_sample_plugins_load_as_they_were_built() {
    let built = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../plugins/built");
    let registry = Registry::new(Some(&cache()), Arc::new(World::default())).unwrap();
    let config = PluginConfig::new("block-list", built.join("block-list.wasm"));
    let config = PluginConfig {
        config: r#"{"callers": ["+1900*"]}"#.into(),
        ..config
    };
    registry.swap(vec![config]).unwrap();
    assert_eq!(registry.status()[0].about.name, "block-list");
}

#[test]
fn a_plugin_without_room_to_start_says_how_much_it_wants_and_what_gives_it_that() {
    let kit = Kit::empty();
    let cramped = PluginConfig {
        memory: 1 << 20,
        ..probe("p")
    };
    let error = kit.registry.swap(vec![cramped]).unwrap_err().to_string();
    assert!(
        error.contains("wants 2 MiB of memory and may have 1; memory = \"4MiB\" in its [[plugin]]"),
        "{error}"
    );
    let seen = inspect(&std::fs::read(guest("probe.wasm")).unwrap(), "{}").unwrap();
    assert_eq!(seen.memory, None);
}
