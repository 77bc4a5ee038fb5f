//! The SDK as this program has it: `bellhop plugin new` writes it beside the plugin, so that a plugin
//! builds without network and for the very contract that this program serves.

macro_rules! texts {
    ($folder:literal: $($file:literal => $name:literal),* $(,)?) => {
        &[$((
            $name,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins/sdk/", $folder, "/", $file)),
        )),*]
    };
}

macro_rules! sources {
    ($($file:literal),* $(,)?) => { texts!("src": $($file => $file),*) };
}

/// The crate that `new` writes: its paths, and texts with places to fill in.
pub(super) const TEMPLATE: &[(&str, &str)] = texts!("template":
    "Cargo.toml.in" => "Cargo.toml",
    "lib.rs.in" => "src/lib.rs",
    "README.md.in" => "README.md",
    "gitignore.in" => ".gitignore",
    "config.json" => "config.json",
    "invite.sip" => "invite.sip",
);

/// The manifest of the SDK beside it.
pub(super) const MANIFEST: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../plugins/sdk/template/sdk.toml.in"
));

/// The SDK's sources, below `src`.
pub(super) const SOURCES: &[(&str, &str)] = sources![
    "bindings.rs",
    "call.rs",
    "clock.rs",
    "config.rs",
    "dialogs.rs",
    "guest.rs",
    "helpers.rs",
    "host.rs",
    "http.rs",
    "json.rs",
    "lib.rs",
    "locations.rs",
    "log.rs",
    "metrics.rs",
    "pattern.rs",
    "plugin.rs",
    "prelude.rs",
    "publish.rs",
    "random.rs",
    "rt.rs",
    "store.rs",
    "template.rs",
    "testing/harness.rs",
    "testing/message.rs",
    "testing/message/made.rs",
    "testing/message/parse.rs",
    "testing/mod.rs",
    "testing/rules.rs",
    "testing/script.rs",
    "testing/store.rs",
    "testing/world.rs",
    "upstreams.rs",
    "uri.rs",
];
