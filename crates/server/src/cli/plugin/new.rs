//! `bellhop plugin new`: a plugin's crate that builds and whose tests pass as it stands.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::sdk;

/// Writes the crate of this name below `folder`; what to do next, in words.
///
/// # Errors
/// The name is none for a crate, there is something of this name, or it cannot be written.
pub(super) fn new(name: &str, folder: &Path, sdk: Option<&str>) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(plain) {
        return Err(format!(
            "{name}: a plugin's name begins with a letter and has a-z, 0-9, - and _ only"
        ));
    }
    let target = folder.join(name);
    if target.exists() {
        return Err(format!("{}: is there already", target.display()));
    }
    for (file, text) in files(name, sdk) {
        let path = target.join(&file);
        let parent = path.parent().unwrap_or(&target);
        let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, text));
        written.map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(format!(
        "wrote {}\nnext: cd {name} && cargo test\nREADME.md there has the rest",
        target.display(),
    ))
}

/// The crate's files: path below its folder, and text.
fn files(name: &str, sdk: Option<&str>) -> Vec<(PathBuf, String)> {
    let file = name.replace('-', "_");
    let dependency = match sdk {
        None => "{ path = \"sdk\" }".to_owned(),
        Some(git) if git.contains("://") || git.starts_with("git@") => {
            format!("{{ git = {git:?} }}")
        }
        Some(path) => format!("{{ path = {path:?} }}"),
    };
    let filled = |text: &str| {
        text.replace("@NAME@", name)
            .replace("@TYPE@", &camel(name))
            .replace("@FILE@", &file)
            .replace("@SDK@", &dependency)
    };
    let mut files: Vec<(PathBuf, String)> = sdk::TEMPLATE
        .iter()
        .map(|(file, text)| (PathBuf::from(file), filled(text)))
        .collect();
    if sdk.is_none() {
        files.push((PathBuf::from("sdk/Cargo.toml"), sdk::MANIFEST.to_owned()));
        let sources = sdk::SOURCES.iter();
        files.extend(sources.map(|(file, text)| {
            // The SDK's own tests stay in the project.
            let text = text.replace("#[cfg(test)]\nmod tests;\n", "");
            (Path::new("sdk/src").join(file), text)
        }));
    }
    files
}

/// `my-first_plugin` as `MyFirstPlugin`.
fn camel(name: &str) -> String {
    let parts = name.split(['-', '_']);
    let capital = |part: &str| {
        let mut letters = part.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    parts.map(capital).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_type() {
        assert_eq!(camel("my-first_plugin2"), "MyFirstPlugin2");
        assert_eq!(camel("a"), "A");
        assert_eq!(camel("a--b"), "AB");
    }

    #[test]
    fn a_name_that_is_none_for_a_crate_is_refused() {
        for name in ["", "1a", "A", "a b", "../a", "a/b", "-a"] {
            let error = new(name, Path::new("/nonexistent"), None).unwrap_err();
            assert!(error.contains("begins with a letter"), "{name}");
        }
    }

    #[test]
    fn no_place_of_the_template_is_left_unfilled() {
        for sdk in [None, Some("/sdk"), Some("https://git.example/bellhop")] {
            for (file, text) in files("one-two", sdk) {
                let is_ours = !file.starts_with("sdk");
                let left = ["@NAME@", "@TYPE@", "@FILE@", "@SDK@"];
                let left = left.iter().any(|place| text.contains(place));
                assert!(!(is_ours && left), "{}", file.display());
            }
        }
    }

    #[test]
    fn the_program_has_each_source_of_the_sdk() {
        fn walk(folder: &Path, below: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if path.is_dir() && name != "tests" {
                    walk(&path, &below.join(&name), found);
                } else if path.is_file() && name != "tests.rs" {
                    found.push(below.join(name).to_string_lossy().into_owned());
                }
            }
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/sdk/src");
        let mut found = Vec::new();
        walk(&root, Path::new(""), &mut found);
        found.sort();
        let mut known: Vec<_> = sdk::SOURCES
            .iter()
            .map(|(file, _)| (*file).to_owned())
            .collect();
        known.sort();
        assert_eq!(known, found);
    }
}
