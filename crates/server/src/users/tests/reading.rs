//! `users.toml` and htdigest files as they are read.

use crate::{
    config::{Machine, Problems},
    users::{Scope, User, htdigest, toml},
};
use bellhop_core::auth::Ha1;
use insta::assert_snapshot;
use std::path::Path;

fn toml(text: &str) -> (Vec<User>, String) {
    let domains = ["pbx.example.org".to_owned()];
    let scope = Scope {
        realm: Some("example.org"),
        domains: Some(&domains),
    };
    let (users, problems) = toml::read(Path::new("users.toml"), text, scope, &Machine);
    (users, Problems(problems).to_string())
}

fn htdigest(text: &str) -> (Vec<User>, String) {
    let scope = Scope {
        realm: Some("example.org"),
        domains: None,
    };
    let (users, problems) = htdigest::read(Path::new("users.htdigest"), text, scope);
    (users, Problems(problems).to_string())
}

#[test]
fn a_password_and_its_ha1s_are_the_same_user() {
    let text = r#"
[[user]]
name = "6001"
password = "geheim"
realm = "example.org"
[[user]]
name = "6002"
ha1 = { md5 = "A30E75B31BCD9AC8E6CBAF8A0D2C2F4C", sha256 = "SHA256" }
aors = ["sip:sales@PBX.example.org", "sip:6002@pbx.example.org"]
"#;
    let ha1 = Ha1::of_password("6001", "example.org", "geheim");
    let sha256 = crate::users::hash::to_hex(&ha1.sha256.unwrap());
    let (users, problems) = toml(&text.replace("SHA256", &sha256));
    assert_snapshot!(problems, @"warning: users.toml:2: user: passwords in plain text (1); `bellhop user add` stores HA1s");
    let [first, second] = users.as_slice() else {
        panic!("{users:?}");
    };
    assert_eq!(first.ha1.sha256, ha1.sha256);
    assert_eq!(first.ha1.sha256, second.ha1.sha256);
    assert_eq!(second.ha1.md5.unwrap()[..2], [0xa3, 0x0e]);
    assert_eq!(second.ha1.sha512_256, None);
    assert_eq!(
        format!("{:?}", second.aors),
        "[Aor(sales@pbx.example.org), Aor(6002@pbx.example.org)]"
    );
}

#[test]
fn mistakes_in_users_toml_are_all_reported_with_their_lines() {
    let text = r#"
[[user]]
password = "geheim"
[[user]]
name = "60:01"
password = "geheim"
[[user]]
name = "6002"
[[user]]
name = "6003"
password = "geheim"
ha1 = { md5 = "a30e75b31bcd9ac8e6cbaf8a0d2c2f4c" }
[[user]]
name = "6003"
ha1 = { md5 = "a30e", sha1 = "00" }
realm = "other.org"
[[user]]
name = "6004"
ha1 = {}
aors = []
[[user]]
name = "6005"
ha1 = { md5 = "g30e75b31bcd9ac8e6cbaf8a0d2c2f4c" }
aors = ["6005", "sip:6005@elsewhere.org", "sip:@pbx.example.org", "sip:a b@pbx.example.org"]
[[user]]
name = "6006"
pasword = "geheim"
upstream = { username = "6006", password = "geheim" }
"#;
    assert_snapshot!(toml(text).1);
}

#[test]
fn a_user_may_have_a_login_at_a_pbx() {
    let text = r#"
[[user]]
name = "6001"
ha1 = { md5 = "a30e75b31bcd9ac8e6cbaf8a0d2c2f4c" }
upstream = { password = "geheim" }
[[user]]
name = "6002"
ha1 = { md5 = "a30e75b31bcd9ac8e6cbaf8a0d2c2f4c" }
upstream = { name = "pbx", username = "6002@pbx", realm = "asterisk", ha1 = { md5 = "a30e75b31bcd9ac8e6cbaf8a0d2c2f4c" } }
"#;
    let (users, problems) = toml(text);
    assert_eq!(problems, "");
    let logins: Vec<_> = users
        .iter()
        .map(|user| user.login.clone().unwrap())
        .collect();
    assert_eq!(logins[0].username, "6001");
    assert_eq!(logins[0].upstream, None);
    assert_eq!(logins[1].username, "6002@pbx");
    assert_eq!(logins[1].upstream.as_deref(), Some("pbx"));
    let shown = format!("{users:?}");
    assert!(!shown.contains("geheim"), "{shown}");
}

#[test]
fn mistakes_in_a_login_at_a_pbx_are_all_reported_with_their_lines() {
    let of = |login: &str| {
        format!(
            "[[user]]\nname = \"6001\"\nha1 = {{ md5 = \"{}\" }}\nupstream = {login}\n",
            "a30e75b31bcd9ac8e6cbaf8a0d2c2f4c"
        )
    };
    let hash = "ha1 = { md5 = \"a30e75b31bcd9ac8e6cbaf8a0d2c2f4c\" }";
    let text = [
        "\"6001\"".to_owned(),
        "{}".to_owned(),
        "{ username = \"60:01\", password = \"geheim\" }".to_owned(),
        format!("{{ {hash} }}"),
        format!("{{ realm = \"a\", password = \"geheim\", {hash} }}"),
        "{ password = \"geheim\", realm = \"asterisk\" }".to_owned(),
        "{ password = { env = \"NOT_THERE_AT_ALL\" } }".to_owned(),
        "{ pasword = \"geheim\" }".to_owned(),
    ];
    let numbered = text
        .iter()
        .zip(6001..)
        .map(|(login, number)| of(login).replace("6001\"\nha1", &format!("{number}\"\nha1")));
    let text: String = numbered.collect();
    assert_snapshot!(toml(&text).1);
}

#[test]
fn an_htdigest_file_is_read_line_by_line() {
    let text = "# phones\n\n6001:example.org:939e7578ed9e3c518a452acee763bce9\r\n\
                6002:example.org:939E7578ED9E3C518A452ACEE763BCE9\n\
                6001:other.org:939e7578ed9e3c518a452acee763bce9\n";
    let (users, problems) = htdigest(text);
    let names: Vec<&str> = users.iter().map(|user| user.name.as_str()).collect();
    assert_eq!(names, ["6001", "6002"]);
    assert!(
        users
            .iter()
            .all(|user| user.ha1.md5.unwrap()[..2] == [0x93, 0x9e])
    );
    assert_snapshot!(problems, @r#"warning: users.htdigest: lines of another realm than "example.org" are passed over (1)"#);
}

#[test]
fn mistakes_in_an_htdigest_file_are_all_reported_with_their_lines() {
    let text = "6001:example.org\n6002:example.org:short\n:example.org:\
                939e7578ed9e3c518a452acee763bce9\n6003:example.org:a:b\n\
                6004:example.org:939e7578ed9e3c518a452acee763bce9\n\
                6004:example.org:939e7578ed9e3c518a452acee763bce9\n";
    assert_snapshot!(htdigest(text).1);
}

#[test]
fn a_name_that_is_no_user_part_is_escaped_in_its_aor() {
    // RFC 3261 19.1.2: what the user part may not hold is escaped.
    let (users, _) = toml("[[user]]\nname = \"zoë b@c\"\npassword = \"x\"\n");
    let aors = users[0].aors_within(&["pbx.example.org".to_owned()]);
    assert_eq!(
        format!("{aors:?}"),
        "[Aor(zo%C3%AB%20b%40c@pbx.example.org)]"
    );
}

/// So many users that they are read in parts.
fn many() -> String {
    let users = (0..2_000).map(|n| format!("[[user]]\nname = \"{n}\"\npassword = \"p{n}\"\n"));
    users.collect()
}

#[test]
fn a_long_file_has_all_its_users_in_their_order() {
    let (users, problems) = toml(&many());
    let names = users.iter().map(|user| user.name.clone());
    assert!(names.eq((0..2_000).map(|n| n.to_string())));
    assert_snapshot!(problems, @"warning: users.toml:1: user: passwords in plain text (2000); `bellhop user add` stores HA1s");
}

#[test]
fn mistakes_in_a_long_file_are_all_reported_with_their_lines() {
    let text = many()
        .replace("name = \"1800\"", "name = \"17\"")
        .replace("password = \"p1999\"", "pasword = \"p\"");
    assert_snapshot!(toml(&text).1, @r#"
    warning: users.toml:1: user: passwords in plain text (1999); `bellhop user add` stores HA1s
    error: users.toml:5402: user[1800].name = "17": the user in line 53 has this name too
    error: users.toml:5998: user[1999]: has no proof; allowed: password = "..." or ha1 = { md5 = "hex", sha256 = "hex" }
    error: users.toml:6000: user[1999].pasword: unknown key; did you mean "password"?
    "#);
}

#[test]
fn a_line_of_a_string_in_a_long_file_begins_no_user() {
    let text = format!(
        "{}\naors = [\n\"\"\"{}[[user]]\n\"\"\"]\n",
        many(),
        "x\n".repeat(70_000)
    );
    let problems = toml(&text).1;
    assert!(problems.contains("aors"), "{problems}");
    assert!(!problems.contains("TOML"), "{problems}");
}
