//! Secrets come by environment variable, file or text, and are never shown.

use super::{Pretend, pretend};
use bellhop_core::auth::Ha1;

fn with_password(machine: Pretend, password: &str) -> Pretend {
    let users = format!("[[user]]\nname = \"6001\"\npassword = {password}\n");
    machine.file("/etc/bellhop/users.toml", &users)
}

#[test]
fn a_secret_may_stand_in_a_variable_a_file_or_the_text() {
    let machine = || {
        pretend()
            .variable("PW", "geheim")
            .file("/etc/bellhop/pw", "geheim\n")
    };
    let expected = Ha1::of_password("6001", "127.0.0.1", "geheim").sha256;
    for (password, warned) in [
        ("{ env = \"PW\" }", false),
        ("{ file = \"pw\" }", false),
        ("\"geheim\"", true),
    ] {
        let settings = with_password(machine(), password).accepts(TEXT);
        let user = settings.auth.users.find("6001").unwrap();
        assert_eq!(user.ha1().sha256, expected, "{password}");
        let text = format!("{:?}", settings.warnings);
        assert_eq!(text.contains("plain text"), warned, "{text}");
    }
}

#[test]
fn a_secret_that_is_not_there_is_refused() {
    for (password, why) in [
        ("{ env = \"PW\" }", "this environment variable is not set"),
        ("{ file = \"pw\" }", "cannot be read"),
        ("{ env = \"PW\", file = \"pw\" }", "allowed: { env"),
        ("{}", "allowed: { env"),
        ("\"\"", "is empty"),
    ] {
        let problems = with_password(pretend(), password).refuses(TEXT);
        assert!(problems.contains(why), "{password}: {problems}");
    }
}

#[test]
fn debug_shows_no_password_and_no_hash() {
    let settings = with_password(pretend(), "\"geheim\"").accepts(TEXT);
    let shown = format!("{settings:?} {}", settings.explain().join("\n"));
    let md5 = settings.auth.users.find("6001").unwrap().ha1().md5.unwrap();
    assert!(!shown.contains("geheim"));
    assert!(!shown.contains(&format!("{md5:?}")), "{shown}");
}

#[test]
fn a_message_about_a_secret_does_not_show_it() {
    let users = "[[user]]\nname = \"6001\"\npassword = 31337\n\
                 [[user]]\nname = \"6002\"\nha1 = { md5 = \"31337\" }\n\
                 [[user]]\nname = \"6003\"\nha1 = \"31337\"\n\
                 [[user]]\nname = \"6004\"\npassword = [\"31337\"]\n\
                 [[user]]\nname = \"6005\"\npasswort = \"31337\"\n\
                 [[user]]\nname = \"6006\"\npassword = \"x\"\nupstream = { password = 31337 }\n\
                 [[user]]\nname = \"6007\"\npassword = \"x\"\nupstream = \"31337\"\n";
    let problems = pretend()
        .file("/etc/bellhop/users.toml", users)
        .refuses(TEXT);
    assert!(!problems.contains("31337"), "{problems}");
    assert_eq!(problems.matches("error:").count(), 8, "{problems}");
}

#[test]
fn mistakes_in_the_credentials_of_an_upstream_are_told_without_them() {
    let of = |credentials: &str| {
        format!(
            "[[upstream]]\nname = \"pbx\"\ntargets = [\"sip:192.0.2.9:5060\"]\n\
             credentials = {credentials}\n"
        )
    };
    for (credentials, why) in [
        ("\"31337\"", "credentials: is a string, must be a table"),
        (
            "{ password = \"31337\" }",
            "has no username; allowed: { username",
        ),
        (
            "{ username = \"bellhop\" }",
            "has no proof; allowed: { username",
        ),
        (
            "{ username = \"bellhop\", pasword = \"31337\" }",
            "did you mean \"password\"?",
        ),
    ] {
        let problems = pretend().refuses(&of(credentials));
        assert!(problems.contains(why), "{problems}");
        assert!(!problems.contains("31337"), "{problems}");
    }
    let settings = pretend().accepts(&of("{ username = \"bellhop\", password = \"31337\" }"));
    let login = settings.upstreams[0].login.as_ref().unwrap();
    assert_eq!(login.username, "bellhop");
    assert!(!format!("{settings:?}").contains("31337"));
}

#[test]
fn a_login_at_an_upstream_that_is_not_there_is_a_mistake() {
    let users = "[[user]]\nname = \"6001\"\npassword = \"x\"\n\
                 upstream = { name = \"pxb\", password = \"31337\" }\n";
    let text = format!("[[upstream]]\nname = \"pbx\"\ntargets = [\"sip:192.0.2.9:5060\"]\n{TEXT}");
    let world = pretend().file("/etc/bellhop/users.toml", users);
    let problems = world.refuses(&text);
    assert!(
        problems.contains("user \"6001\" logs in at upstream \"pxb\"; allowed: \"pbx\""),
        "{problems}"
    );
}

const TEXT: &str = "[auth]\nusers = { file = \"users.toml\" }\n";
