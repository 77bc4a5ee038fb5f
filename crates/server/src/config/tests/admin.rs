//! Who may give orders, and where.

use super::pretend;
use crate::config::admin_of;
use insta::assert_snapshot;
use std::path::Path;

#[test]
fn without_the_section_there_is_no_admin_port() {
    assert_eq!(pretend().accepts("").admin, None);
}

#[test]
fn an_empty_section_is_loopback_without_a_token() {
    let admin = pretend().accepts("[admin]\n").admin.unwrap();
    assert_eq!(admin.bind, "127.0.0.1:8060".parse().unwrap());
    assert_eq!(admin.token, None);
}

#[test]
fn off_loopback_without_a_token_is_refused() {
    for bind in ["0.0.0.0:8060", "[::]:8060", "192.0.2.1:8060"] {
        let problems = pretend().refuses(&format!("[admin]\nbind = \"{bind}\"\n"));
        assert!(problems.contains("is not loopback"), "{problems}");
        assert!(problems.contains("BELLHOP_ADMIN_TOKEN"), "{problems}");
    }
    let machine = pretend().variable("T", "0123456789abcdef");
    let text = "[admin]\nbind = \"0.0.0.0:8060\"\ntoken = { env = \"T\" }\n";
    let admin = machine.accepts(text).admin.unwrap();
    assert_eq!(admin.token.unwrap().reveal(), "0123456789abcdef");
}

#[test]
fn mistakes_in_admin_are_all_reported_and_no_token_is_shown() {
    let short = "[admin]\nbnid = \"x\"\nbind = \"pbx.example.org\"\ntoken = \"hunter2\"\n";
    let blank = "[admin]\ntoken = \"correct horse battery\"\n";
    let taken = "[[listen]]\nname = \"phones\"\nbind = \"tcp:127.0.0.1:8060\"\n[admin]\n";
    let unset = "[admin]\nbind = \"[::]:8060\"\ntoken = { env = \"UNSET\" }\n";
    let all = [short, blank, taken, unset].map(|text| pretend().refuses(text));
    assert_snapshot!(all.join("\n"));
}

#[test]
fn the_section_is_read_alone_from_a_file_that_is_otherwise_wrong() {
    let text = "[sever]\n[auth]\nusers = { file = \"gone\" }\n[admin]\nbind = \"127.0.0.1:1\"\n";
    let machine = pretend().file("/b.toml", text);
    let admin = admin_of(Path::new("/b.toml"), &machine).unwrap().unwrap();
    assert_eq!(admin.bind.port(), 1);
    let gone = admin_of(Path::new("/c.toml"), &machine);
    assert!(gone.unwrap_err().to_string().contains("cannot be read"));
}

/// A token for the old address must not be lost with a new one that needs none.
#[test]
fn a_reload_keeps_the_address_with_its_token_and_swaps_the_token_of_the_same_address() {
    let text = |bind, token| format!("[admin]\nbind = \"{bind}\"\ntoken = \"{token}\"\n");
    let old = pretend().accepts(&text("0.0.0.0:8060", "an-old-token-as-it-is"));
    let moved = pretend().accepts("[admin]\n");
    assert!(old.restart_needed(&moved).join("").contains("admin.bind"));
    assert_eq!(old.reloaded(moved).admin, old.admin);
    let swapped = pretend().accepts(&text("0.0.0.0:8060", "another-token-as-it-is"));
    assert!(old.restart_needed(&swapped).is_empty());
    assert_eq!(old.reloaded(swapped.clone()).admin, swapped.admin);
}
