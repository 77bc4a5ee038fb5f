//! The command line as it is typed: what is printed, where, and with which exit code.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use std::{
    fs,
    io::Write as _,
    net::UdpSocket,
    path::{Path, PathBuf},
    process::{Command, Stdio, id},
};

/// A directory that goes with the test.
struct Place(PathBuf);

/// What a run left behind.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("bellhop-cli-{}-{name}", id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> &Self {
        fs::write(self.0.join(name), text).unwrap();
        self
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// Runs in this directory; `input` goes to standard input.
    fn bellhop(&self, arguments: &str, input: &str) -> Ran {
        bellhop(&self.0, arguments, input)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn bellhop(directory: &Path, arguments: &str, input: &str) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bellhop"))
        .args(arguments.split_whitespace())
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that reads no input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn check_explains_a_good_file_and_exits_0() {
    let place = Place::new("good");
    place.write("bellhop.toml", GOOD).write("users.toml", USERS);
    let ran = place.bellhop("check --config bellhop.toml", "");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    for line in [
        "listen     phones: udp:127.0.0.1:5060",
        "domains    pbx.example.org",
        "users      1 from users.toml",
        "upstream   pbx: sip:10.0.0.10:5060;transport=udp; its requests are trusted",
        "route      what is not for a binding goes to pbx",
        "bellhop.toml is good (1 warning)",
    ] {
        assert!(ran.out.contains(line), "{line:?} is not in:\n{}", ran.out);
    }
    assert!(
        ran.err.starts_with("warning: users.toml:1: "),
        "{}",
        ran.err
    );
    assert!(!ran.out.contains("geheim") && !ran.err.contains("geheim"));
}

#[test]
fn check_says_all_that_is_wrong_and_exits_2() {
    let place = Place::new("bad");
    let bad = GOOD.replace("domains", "domians");
    place.write("bellhop.toml", &bad);
    let ran = place.bellhop("check --config bellhop.toml", "");
    assert_eq!(ran.code, Some(2));
    assert_eq!(ran.out, "");
    for problem in [
        "bellhop.toml:3: server.domians: unknown key; did you mean \"domains\"?",
        "users.toml cannot be read",
        "bellhop.toml is refused (2 errors)",
    ] {
        assert!(
            ran.err.contains(problem),
            "{problem:?} is not in:\n{}",
            ran.err
        );
    }
}

#[test]
fn check_warns_of_what_run_warns_of() {
    let place = Place::new("warned");
    let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    // So that `run` ends by itself after it has said what it thinks of the file.
    let text = GOOD.replace("127.0.0.1:5060", &taken);
    place
        .write("bellhop.toml", &text)
        .write("users.toml", USERS);
    let warnings = |said: &str| -> Vec<String> {
        let texts = said
            .lines()
            .filter_map(|line| line.split_once("users.toml:1: "));
        texts.map(|(_, text)| text.to_owned()).collect()
    };
    let checked = warnings(&place.bellhop("check --config bellhop.toml", "").err);
    let ran = warnings(&place.bellhop("run --config bellhop.toml", "").err);
    assert_eq!(checked.len(), 1);
    assert_eq!(checked, ran);
}

#[test]
fn check_for_tools_prints_one_object_and_nothing_else() {
    let place = Place::new("json");
    place.write("bellhop.toml", GOOD).write("users.toml", USERS);
    let ran = place.bellhop("check --json --config bellhop.toml", "");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(told["route"]["default"], "pbx");
    assert_eq!(told["auth"]["users"]["count"], 1);
    assert_eq!(told["warnings"][0]["file"], "users.toml");
    assert!(!ran.out.contains("geheim"));
}

#[test]
fn check_for_tools_says_what_is_wrong_and_exits_2() {
    let place = Place::new("bad-json");
    let bad = GOOD.replace("domains", "domians");
    place.write("bellhop.toml", &bad).write("users.toml", USERS);
    let ran = place.bellhop("check --config bellhop.toml --json", "");
    assert_eq!((ran.code, ran.err.as_str()), (Some(2), ""));
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let error = &told["errors"][0];
    assert_eq!(
        (&error["key"], &error["line"]),
        (&"server.domians".into(), &3.into())
    );
    assert!(error["message"].as_str().unwrap().contains("did you mean"));
}

#[test]
fn relative_paths_start_at_the_configuration_wherever_it_is_run() {
    let place = Place::new("relative");
    place.write("bellhop.toml", GOOD).write("users.toml", USERS);
    let arguments = format!("check --config {}", place.path("bellhop.toml"));
    let ran = bellhop(Path::new("/"), &arguments, "");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
}

#[test]
fn a_file_that_is_not_there_and_a_wrong_command_line_exit_2() {
    let place = Place::new("nothing");
    let ran = place.bellhop("check --config bellhop.toml", "");
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.err.contains("bellhop.toml: cannot be read"),
        "{}",
        ran.err
    );
    assert_eq!(place.bellhop("check", "").code, Some(2));
    assert_eq!(place.bellhop("serve", "").code, Some(2));
}

#[test]
fn a_wrong_file_keeps_run_from_binding_anything() {
    let place = Place::new("run");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    // Were it bound before it is checked, the taken port would be what it complains of.
    let taken = GOOD.replace(
        "5060\"\n\n[[up",
        &format!("{port}\"\nzone = \"insid\"\n\n[[up"),
    );
    place
        .write("bellhop.toml", &taken)
        .write("users.toml", USERS);
    let ran = place.bellhop("run --config bellhop.toml", "");
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.err.contains("listen[0].zone = \"insid\"") && ran.out.is_empty(),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains("taken"), "{}", ran.err);
}

#[test]
fn a_taken_port_is_said_with_its_holder_and_the_way_out() {
    let place = Place::new("taken");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let ran = place.bellhop(&format!("--port {port}"), "");
    assert_eq!(ran.code, Some(1));
    assert!(!ran.out.contains("ready"), "{}", ran.out);
    let us = format!("(process {})", id());
    for part in [&format!("udp:127.0.0.1:{port}"), &us, "bellhop --port 5070"] {
        assert!(ran.err.contains(part), "{part:?} is not in:\n{}", ran.err);
    }
    assert_eq!(place.bellhop("--port 0", "").code, Some(2));
    assert_eq!(
        place.bellhop("--port 5070 user list --file u", "").code,
        Some(2)
    );
}

#[test]
fn version_is_the_packages() {
    let ran = Place::new("version").bellhop("--version", "");
    assert_eq!(ran.out, format!("bellhop {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_first_user_of_a_configuration_is_added_listed_and_counted() {
    let place = Place::new("first");
    place.write("bellhop.toml", GOOD);
    let ran = place.bellhop("user add 6001 --config bellhop.toml", "");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let password = ran
        .err
        .trim()
        .strip_prefix("password of 6001: ")
        .unwrap()
        .to_owned();
    assert_eq!(password.len(), 20);
    let stored = place.read("users.toml");
    assert!(stored.contains("realm = \"pbx.example.org\"") && !stored.contains(&password));
    let ran = place.bellhop("user list --config bellhop.toml", "");
    assert_eq!(ran.out, "6001\tHA1 SHA-512-256 SHA-256 MD5\n");
    let ran = place.bellhop("user list --json --config bellhop.toml", "");
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(told[0]["name"], "6001");
    assert_eq!(
        told[0]["algorithms"],
        serde_json::json!(["SHA-512-256", "SHA-256", "MD5"])
    );
    let ran = place.bellhop("check --config bellhop.toml", "");
    assert!(
        ran.out.contains("bellhop.toml is good (no warnings)"),
        "{}{}",
        ran.out,
        ran.err
    );
}

#[test]
fn a_password_from_standard_input_is_not_shown() {
    let place = Place::new("stdin");
    let arguments =
        "user add Mufasa --file u --htdigest --realm http-auth@example.org --password-stdin";
    let ran = place.bellhop(arguments, "Circle of Life\n");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(
        !ran.out.contains("Circle") && ran.err.is_empty(),
        "{}{}",
        ran.out,
        ran.err
    );
    // RFC 7616 3.9.1: Mufasa's A1.
    let line = "Mufasa:http-auth@example.org:3d78807defe7de2157e2b0b6573a855f\n";
    assert_eq!(place.read("u"), line);
    let ran = place.bellhop(
        "user hash Mufasa --htdigest --realm http-auth@example.org --password-stdin",
        "Circle of Life",
    );
    assert_eq!(ran.out, line);
}

#[test]
fn users_that_cannot_be_are_refused_and_nothing_is_written() {
    let place = Place::new("refused");
    place.write("bellhop.toml", GOOD);
    for (arguments, why) in [
        ("user add a:b --config bellhop.toml", "user name: allowed:"),
        (
            "user add a --config bellhop.toml --aor sip:a@elsewhere.org",
            "is not a domain of ours",
        ),
        ("user add a --file users.toml", "which realm?"),
        (
            "user add a --config bellhop.toml --password-stdin",
            "no password in its first line",
        ),
        (
            "user add a --config nothing.toml",
            "nothing.toml is not there",
        ),
        (
            "user add a --file u --htdigest --realm r --aor sip:a@b",
            "holds no AoRs",
        ),
    ] {
        let ran = place.bellhop(arguments, "");
        assert_eq!(ran.code, Some(1), "{arguments}");
        assert!(ran.err.contains(why), "{arguments}: {}", ran.err);
    }
    assert_eq!(fs::read_dir(&place.0).unwrap().count(), 1);
}

const GOOD: &str = r#"
[server]
domains = ["pbx.example.org"]

[[listen]]
name = "phones"
bind = "udp:127.0.0.1:5060"

[[upstream]]
name = "pbx"
targets = ["sip:10.0.0.10:5060"]
trusted = true

[auth]
users = { file = "users.toml" }

[route]
default = "pbx"

[[listen]]
bind = "tcp:127.0.0.1:5060"
"#;
const USERS: &str = "[[user]]\nname = \"6001\"\npassword = \"geheim\"\n";
