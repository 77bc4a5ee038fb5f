//! Users added to files.

use crate::{
    config::Machine,
    users::{
        Scope,
        edit::{Entry, Stored, add, read},
    },
};
use bellhop_core::auth::Ha1;
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process,
};

/// A directory that goes with the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("bellhop-{}-{name}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn entry<'a>(name: &'a str, stored: Stored<'a>) -> Entry<'a> {
    Entry {
        name,
        realm: "example.org",
        aors: &[],
        stored,
    }
}

fn hashes(name: &str) -> Ha1 {
    Ha1::of_password(name, "example.org", "geheim")
}

fn names(file: &Path, htdigest: bool) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    let users = read(file, &text, htdigest, Scope::default(), &Machine).unwrap();
    users.into_iter().map(|user| user.name).collect()
}

#[test]
fn what_is_added_is_read_back_and_what_was_there_stays() {
    let place = Place::new("toml");
    let file = place.file("users.toml");
    let before = "# our phones\n[[user]] # the boss\nname = \"6001\"\npassword = \"x\"   # soon";
    fs::write(&file, before).unwrap();
    add(&file, &entry("6002", Stored::Ha1(hashes("6002")))).unwrap();
    add(&file, &entry("6003", Stored::Plain("a \"b\" \\ 'c'"))).unwrap();
    let after = fs::read_to_string(&file).unwrap();
    assert!(after.starts_with(before), "{after}");
    assert!(!after.contains("geheim"));
    assert_eq!(names(&file, false), ["6001", "6002", "6003"]);
    let users = read(
        &file,
        &after,
        false,
        Scope {
            realm: Some("example.org"),
            domains: None,
        },
        &Machine,
    );
    let users = users.unwrap();
    assert_eq!(users[1].ha1.sha512_256, hashes("6002").sha512_256);
    let quoted = Ha1::of_password("6003", "example.org", "a \"b\" \\ 'c'");
    assert_eq!(users[2].ha1.md5, quoted.md5);
}

#[test]
fn a_new_file_is_its_owners_alone_and_an_old_one_keeps_its_mode() {
    let place = Place::new("mode");
    let file = place.file("users.toml");
    let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    add(&file, &entry("6001", Stored::Ha1(hashes("6001")))).unwrap();
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    add(&file, &entry("6002", Stored::Ha1(hashes("6002")))).unwrap();
    assert_eq!(mode(), 0o640);
    assert_eq!(fs::read_dir(&place.0).unwrap().count(), 1);
}

#[test]
fn a_user_who_is_there_is_not_added_again() {
    let place = Place::new("twice");
    let file = place.file("users.toml");
    add(&file, &entry("6001", Stored::Ha1(hashes("6001")))).unwrap();
    let before = fs::read_to_string(&file).unwrap();
    let error = add(&file, &entry("6001", Stored::Plain("x"))).unwrap_err();
    assert!(error.contains("has this name too"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
}

#[test]
fn a_file_that_is_wrong_is_not_written() {
    let place = Place::new("wrong");
    let file = place.file("users.toml");
    fs::write(&file, "[[user]\n").unwrap();
    let error = add(&file, &entry("6001", Stored::Plain("x"))).unwrap_err();
    assert!(error.contains("users.toml:1: not TOML"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "[[user]\n");
}

#[test]
fn an_htdigest_line_is_what_htdigest_writes() {
    let place = Place::new("htdigest");
    let file = place.file("users.htdigest");
    // RFC 7616 3.9.1: Mufasa's A1.
    let realm = "http-auth@example.org";
    let mufasa = Entry {
        name: "Mufasa",
        realm,
        aors: &[],
        stored: Stored::Htdigest(Ha1::of_password("Mufasa", realm, "Circle of Life")),
    };
    add(&file, &mufasa).unwrap();
    add(&file, &entry("6001", Stored::Htdigest(hashes("6001")))).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let first = "Mufasa:http-auth@example.org:3d78807defe7de2157e2b0b6573a855f\n6001:example.org:";
    assert!(text.starts_with(first), "{text}");
    assert_eq!(names(&file, true), ["Mufasa", "6001"]);
}
