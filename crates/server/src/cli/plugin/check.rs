//! `bellhop plugin check`: what a plugin is, has, and asks for.

use bellhop_policy::{Capability, inspect};

/// The lines to print.
///
/// # Errors
/// It is no plugin, or refuses the configuration.
pub(super) fn check(file: &str, bytes: &[u8], config: Option<&str>) -> Result<Vec<String>, String> {
    let seen =
        inspect(bytes, config.unwrap_or("{}")).map_err(|error| format!("{file}: {error}"))?;
    let about = &seen.about;
    let list = |names: Vec<&str>| match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    };
    let grants: Vec<&str> = granted(&seen).map(Capability::name).collect();
    let quoted: Vec<String> = grants.iter().map(|name| format!("\"{name}\"")).collect();
    let mut lines = vec![
        format!("plugin     {} {}", about.name, about.version),
        "contract   sip:policy@0.1.0".to_owned(),
        format!(
            "hooks      {}",
            list(about.hooks.iter().map(|hook| hook.name()).collect())
        ),
        format!(
            "interfaces {}",
            list(seen.needs.iter().map(|one| one.name()).collect())
        ),
        format!("edits by   {}", list(seen.edits.clone())),
        format!("sha256     {}", about.sha256),
    ];
    if let Some(schema) = &about.config_schema {
        lines.push(format!("schema     {schema}"));
    }
    match (&seen.config, config) {
        (Err(why), Some(_)) => return Err(format!("{file}: it refuses the configuration: {why}")),
        (Err(why), None) => lines.push(format!("config     it wants one (--config FILE): {why}")),
        (Ok(()), _) => lines.push("config     good".to_owned()),
    }
    lines.push(String::new());
    lines.push("[[plugin]]".to_owned());
    lines.push(format!("name  = {:?}", about.name));
    lines.push(format!("file  = {file:?}"));
    lines.push(format!("grant = [{}]", quoted.join(", ")));
    lines.extend(
        seen.memory
            .map(|mebibytes| format!("memory = \"{mebibytes}MiB\"")),
    );
    Ok(lines)
}

/// What to grant: the interfaces, and "edit" and its like for the edits that it imports.
pub(super) fn granted(seen: &bellhop_policy::Inspection) -> impl Iterator<Item = Capability> {
    let has = |hook: &str| seen.about.hooks.iter().any(|own| own.name() == hook);
    let on_requests = ["on-register", "on-request", "on-route", "on-failure"]
        .into_iter()
        .any(has);
    let edits = seen.edits.iter().any(|edit| !edit.contains("note"));
    let bodies = seen.edits.iter().any(|edit| edit.ends_with("set-body"));
    let wanted = [
        (edits && on_requests, Capability::Edit),
        (edits && has("on-response"), Capability::EditResponse),
        (bodies, Capability::BodyWrite),
    ];
    let wanted = wanted.into_iter().filter(|(is, _)| *is).map(|(_, one)| one);
    let all: Vec<Capability> = wanted.chain(seen.needs.iter().copied()).collect();
    all.into_iter()
}
