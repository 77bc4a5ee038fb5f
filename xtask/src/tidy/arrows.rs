//! The arrows between the crates, read from their manifests.
//!
//! `deny.toml` holds the same arrows against the resolved graph; this check
//! needs no tool and names the line.

use super::{Text, Tree, Violation, numbered};

/// A crate depends on those of ours that the table allows it, and no others.
pub(super) fn only_allowed_dependencies(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for manifest in &tree.manifests {
        let Some(name) = package_name(manifest) else {
            continue;
        };
        let Some((_, allowed)) = ALLOWED.iter().find(|(from, _)| *from == name) else {
            let what = format!(
                "crate {name} has no row in the table of arrows (xtask/src/tidy/arrows.rs)"
            );
            found.push(Violation::new(&manifest.path, 1, what));
            continue;
        };
        for dependency in dependencies(manifest) {
            let ours = ALLOWED.iter().any(|(to, _)| *to == dependency);
            let for_tests = dependency == TESTKIT && !is_delivered(manifest, TESTKIT);
            if ours && !for_tests && !allowed.contains(&dependency.as_str()) {
                let what = format!("{name} must not depend on {dependency}; allowed: {allowed:?}");
                found.push(Violation::new(
                    &manifest.path,
                    line_of(manifest, &dependency),
                    what,
                ));
            }
        }
    }
    found
}

/// rsip's parsers have limits (ARCHITECTURE.md); one crate knows and guards them.
pub(super) fn only_wire_names_rsip(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for manifest in &tree.manifests {
        let Some(name) = package_name(manifest) else {
            continue;
        };
        if name != WIRE && dependencies(manifest).iter().any(|d| d == "rsip") {
            let what = format!("only {WIRE} may depend on rsip, not {name}");
            found.push(Violation::new(
                &manifest.path,
                line_of(manifest, "rsip"),
                what,
            ));
        }
    }
    found
}

/// A crate that does not inherit the workspace's lints may hold unsafe code
/// and panics without anybody being told.
pub(super) fn every_member_inherits_the_lints(tree: &Tree) -> Vec<Violation> {
    let inherits = |manifest: &Text| {
        let table: toml::Table = manifest.text.parse().unwrap_or_default();
        let lints = table.get("lints").and_then(|lints| lints.get("workspace"));
        lints.and_then(toml::Value::as_bool) == Some(true)
    };
    let members = tree.manifests.iter().filter(|m| package_name(m).is_some());
    let strays = members.filter(|m| !inherits(m) && !is_the_exception(m, tree));
    strays
        .map(|m| Violation::new(&m.path, 1, "[lints] workspace = true is missing"))
        .collect()
}

/// One crate may map machine code that wasmtime wrote, in one module with its argument: it has the
/// workspace's lints word for word, but for `unsafe_code`, which it denies instead of forbidding.
fn is_the_exception(manifest: &Text, tree: &Tree) -> bool {
    let root = tree.manifests.iter().find(|m| m.path == "Cargo.toml");
    let lints = |text: &str, of_workspace: bool| {
        let table: toml::Table = text.parse().ok()?;
        let lints = match of_workspace {
            true => table.get("workspace")?.get("lints")?.clone(),
            false => table.get("lints")?.clone(),
        };
        lints.try_into::<toml::Table>().ok()
    };
    let Some(mut wanted) = root.and_then(|root| lints(&root.text, true)) else {
        return false;
    };
    if let Some(rust) = wanted.get_mut("rust").and_then(toml::Value::as_table_mut) {
        rust.insert("unsafe_code".into(), "deny".into());
    }
    package_name(manifest).as_deref() == Some(POLICY)
        && lints(&manifest.text, false) == Some(wanted)
}

/// Whether it is among what the crate itself is built from, not only its tests.
fn is_delivered(manifest: &Text, name: &str) -> bool {
    let table: toml::Table = manifest.text.parse().unwrap_or_default();
    let sections = ["dependencies", "build-dependencies"];
    sections
        .iter()
        .any(|section| table.get(*section).is_some_and(|t| t.get(name).is_some()))
}

/// The names of everything a manifest depends on, for whatever purpose or target.
pub(super) fn dependencies(manifest: &Text) -> Vec<String> {
    let table: toml::Table = manifest.text.parse().unwrap_or_default();
    let mut found = dependencies_in(&table);
    let targets = table.get("target").and_then(toml::Value::as_table);
    for target in targets.into_iter().flat_map(toml::Table::values) {
        found.extend(target.as_table().map(dependencies_in).unwrap_or_default());
    }
    found
}

/// The package's name, or nothing for a manifest that only holds a workspace.
pub(super) fn package_name(manifest: &Text) -> Option<String> {
    let table: toml::Table = manifest.text.parse().ok()?;
    Some(table.get("package")?.get("name")?.as_str()?.to_owned())
}

/// The first line that names `word`, for pointing at; 1 if none does.
pub(super) fn line_of(manifest: &Text, word: &str) -> usize {
    numbered(&manifest.text)
        .find(|(_, line)| line.contains(word))
        .map_or(1, |(n, _)| n)
}

fn dependencies_in(table: &toml::Table) -> Vec<String> {
    let sections = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = sections.iter().filter_map(|s| table.get(*s)?.as_table());
    let entries = tables.flat_map(|t| t.iter());
    // `alias = { package = "real-name" }` depends on real-name.
    let real = |(alias, value): (&String, &toml::Value)| {
        let renamed = value.get("package").and_then(toml::Value::as_str);
        renamed.unwrap_or(alias).to_owned()
    };
    entries.map(real).collect()
}

/// What plugins are written with; it knows the contract and nothing of the host.
const SDK: &str = "bellhop-plugin";
const WIRE: &str = "bellhop-wire";
/// It runs plugins.
const POLICY: &str = "bellhop-policy";
/// It keeps what outlives the program.
const STORE: &str = "bellhop-store";
/// Any crate's tests may use it; no crate is built from it.
const TESTKIT: &str = "bellhop-testkit";

/// Who may depend on whom. The same table stands in ARCHITECTURE.md.
const ALLOWED: &[(&str, &[&str])] = &[
    ("bellhop", &["bellhop-core", POLICY, STORE, WIRE]),
    ("bellhop-core", &[WIRE]),
    (WIRE, &[]),
    (POLICY, &["bellhop-core", WIRE]),
    (STORE, &["bellhop-core"]),
    (TESTKIT, &["bellhop-core", WIRE]),
    ("bellhop-tests", &[WIRE]),
    ("bellhop-micro", &["bellhop-core", TESTKIT, WIRE]),
    (
        "bellhop-micro-plugins",
        &["bellhop-core", "bellhop-micro", POLICY],
    ),
    ("xtask", &[]),
    ("storm", &[]),
    (SDK, &[]),
    ("bellhop-bindings", &[]),
    ("policy-probe", &[SDK]),
    ("block-list", &[SDK]),
    ("header-shield", &[SDK]),
    ("probe", &[SDK]),
    ("probe-http", &[SDK]),
    ("toll", &[SDK]),
    ("wrecker", &[SDK]),
    ("http-route", &[SDK]),
    ("least-cost", &[SDK]),
    ("night-switch", &[SDK]),
    ("number-plan", &[SDK]),
    ("rate-guard", &[SDK]),
    ("time-route", &[SDK]),
    ("bellhop-fuzz", &["bellhop-core", TESTKIT, WIRE]),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(rule: fn(&Tree) -> Vec<Violation>, text: &str) -> Vec<(usize, String)> {
        let found = rule(&Tree::of_manifest("crates/x/Cargo.toml", text));
        found.into_iter().map(|v| (v.line, v.what)).collect()
    }

    #[test]
    fn an_arrow_that_points_up_is_found() {
        let text = "[package]\nname = \"bellhop-core\"\n[dependencies]\nbellhop.workspace = true\n";
        let found = broken(only_allowed_dependencies, text);
        assert_eq!(
            found,
            [(
                2,
                "bellhop-core must not depend on bellhop; allowed: [\"bellhop-wire\"]".to_owned()
            )]
        );
    }

    #[test]
    fn an_allowed_arrow_and_a_strange_crate_pass() {
        let text = "[package]\nname = \"bellhop-core\"\n[dependencies]\nbellhop-wire.workspace = true\nmd5 = \"1\"\n";
        assert_eq!(broken(only_allowed_dependencies, text), []);
    }

    #[test]
    fn the_test_kit_is_for_tests_only() {
        let with = |section: &str| {
            format!(
                "[package]\nname = \"bellhop-core\"\n[{section}]\nbellhop-testkit.workspace = true\n"
            )
        };
        assert_eq!(
            broken(only_allowed_dependencies, &with("dev-dependencies")),
            []
        );
        assert_eq!(
            broken(only_allowed_dependencies, &with("dependencies")).len(),
            1
        );
    }

    #[test]
    fn an_arrow_hidden_behind_another_name_is_found() {
        let text = "[package]\nname = \"bellhop-wire\"\n[target.'cfg(unix)'.dev-dependencies]\n\
                    c = { package = \"bellhop-core\", path = \"../core\" }\n";
        assert_eq!(broken(only_allowed_dependencies, text).len(), 1);
    }

    #[test]
    fn a_crate_without_a_row_in_the_table_is_found() {
        let found = broken(
            only_allowed_dependencies,
            "[package]\nname = \"bellhop-new\"\n",
        );
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn rsip_outside_wire_is_found() {
        let text = "[package]\nname = \"bellhop\"\n[dependencies]\nrsip = \"0.4\"\n";
        assert_eq!(
            broken(only_wire_names_rsip, text),
            [(
                4,
                "only bellhop-wire may depend on rsip, not bellhop".to_owned()
            )]
        );
        let wire = "[package]\nname = \"bellhop-wire\"\n[dependencies]\nrsip = \"0.4\"\n";
        assert_eq!(broken(only_wire_names_rsip, wire), []);
    }

    #[test]
    fn a_member_with_lints_of_its_own_is_found() {
        let text = "[package]\nname = \"bellhop\"\n";
        assert_eq!(broken(every_member_inherits_the_lints, text).len(), 1);
        let good = "[package]\nname = \"bellhop\"\n[lints]\nworkspace = true\n";
        assert_eq!(broken(every_member_inherits_the_lints, good), []);
        assert_eq!(broken(every_member_inherits_the_lints, "[workspace]\n"), []);
    }

    #[test]
    fn the_host_of_plugins_has_the_workspace_s_lints_but_one() {
        let strays = |name: &str, unsafe_code: &str, todo: &str| {
            let root = "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n\
                        [workspace.lints.clippy]\ntodo = \"warn\"\n";
            let own = format!(
                "[package]\nname = \"{name}\"\n[lints.rust]\nunsafe_code = \"{unsafe_code}\"\n\
                 [lints.clippy]\ntodo = \"{todo}\"\n"
            );
            let mut tree = Tree::of_manifest("crates/x/Cargo.toml", &own);
            let root = Tree::of_manifest("Cargo.toml", root).manifests;
            tree.manifests.extend(root);
            every_member_inherits_the_lints(&tree).len()
        };
        assert_eq!(strays("bellhop-policy", "deny", "warn"), 0);
        assert_eq!(strays("bellhop-policy", "allow", "warn"), 1);
        assert_eq!(strays("bellhop-policy", "deny", "allow"), 1);
        assert_eq!(strays("bellhop-core", "deny", "warn"), 1);
    }
}
