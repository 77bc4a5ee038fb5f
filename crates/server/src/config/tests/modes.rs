//! `[registrar] mode` and `[[registrar.domain]]`.

use super::pretend;
use bellhop_core::lease::Mode;
use std::time::Duration;

#[test]
fn a_mode_with_registrations_at_the_pbx_reaches_the_core() {
    for (word, mode) in [
        ("terminate", Mode::Terminate),
        ("mirror", Mode::Mirror),
        ("contact", Mode::Contact),
        ("aor", Mode::Aor),
    ] {
        let text = format!("{BASE}[registrar]\nmode = \"{word}\"\n");
        let settings = pretend().accepts(&text);
        let config = settings.core_config(&[], &[Vec::new()]);
        assert_eq!(config.registrar.leases.mode, mode);
    }
}

#[test]
fn expiry_rate_and_the_modes_of_domains_reach_the_core() {
    let text = format!(
        "{BASE}[registrar]\nmode = \"aor\"\nupstream_expires = \"30m\"\nresync_rate = 7\n\
         [[registrar.domain]]\nname = \"B.example.org\"\nmode = \"terminate\"\n"
    );
    let settings = pretend().accepts(&text);
    let leases = settings.core_config(&[], &[Vec::new()]).registrar.leases;
    assert_eq!(
        (leases.expires, leases.rate),
        (Duration::from_secs(1_800), 7)
    );
    assert_eq!(leases.mode_of("a.example.org"), Mode::Aor);
    assert_eq!(leases.mode_of("b.example.org"), Mode::Terminate);
    assert_eq!(usize::from(leases.shards), settings.server.workers());
}

#[test]
fn the_profile_of_the_default_upstream_says_what_contact_is_registered() {
    for (profile, with_path) in [("asterisk", false), ("path", true)] {
        let base = BASE.replace("[route]", &format!("profile = \"{profile}\"\n[route]"));
        let settings = pretend().accepts(&format!("{base}[registrar]\nmode = \"contact\"\n"));
        let config = settings.core_config(&[], &[Vec::new()]);
        assert_eq!(config.registrar.leases.with_path, with_path);
    }
}

#[test]
fn grace_and_keepalive_reach_the_core_and_are_bounded() {
    let of = |text: &str| {
        let settings = pretend().accepts(&format!("{BASE}[registrar]\n{text}"));
        let registrar = settings.core_config(&[], &[Vec::new()]).registrar;
        (registrar.grace, registrar.nat_keepalive)
    };
    let seconds = Duration::from_secs;
    assert_eq!(of(""), (5, None));
    assert_eq!(
        of("grace = \"0s\"\nnat_keepalive = \"25s\"\n"),
        (0, Some(seconds(25)))
    );
    assert_eq!(
        of("grace = \"1h\"\nnat_keepalive = \"1h\"\n"),
        (3_600, Some(seconds(3_600)))
    );
    let wrong = "grace = \"2h\"\nnat_keepalive = \"4s\"\n";
    insta::assert_snapshot!(
        "late",
        pretend().refuses(&format!("{BASE}[registrar]\n{wrong}"))
    );
}

#[test]
fn how_long_a_late_phone_is_rung_is_said_in_words() {
    for (keys, line) in [
        ("", "a phone whose refresh is late is rung for 5s more"),
        (
            "grace = \"2m\"\n",
            "a phone whose refresh is late is rung for 2m more",
        ),
        (
            "grace = \"0s\"\n",
            "a late refresh finds no binding any more",
        ),
    ] {
        let said = pretend().accepts(&format!("{BASE}[registrar]\n{keys}"));
        let line = format!("registrar  {line}");
        assert!(
            said.explain().contains(&line),
            "{line}: {:#?}",
            said.explain()
        );
    }
}

#[test]
fn what_is_done_for_phones_behind_a_nat_is_said_in_words() {
    let keys = "udp_nat_expires = \"90s\"\nnat_keepalive = \"25s\"\n";
    let said = pretend().accepts(&format!("{BASE}[registrar]\n{keys}"));
    let said = said.explain();
    for line in [
        "bound over UDP for 90s at most",
        "sent empty lines every 25s",
    ] {
        let line = format!("registrar  a phone behind a NAT is {line}");
        assert!(said.contains(&line), "{line}: {said:#?}");
    }
}

#[test]
fn a_mode_needs_a_pbx_and_a_domain_of_ours() {
    let text = "[[listen]]\nbind = \"udp:127.0.0.1:5060\"\n\
        [server]\ndomains = [\"a.example.org\"]\n\
        [registrar]\nmode = \"contact\"\nresync_rate = 0\n\
        [[registrar.domain]]\nname = \"c.example.org\"\n\
        [[registrar.domain]]\nmode = \"aor\"\n\
        [[registrar.domain]]\nname = \"a.example.org\"\n\
        [[registrar.domain]]\nname = \"a.example.org\"\n";
    insta::assert_snapshot!(pretend().refuses(text));
}

#[test]
fn what_is_for_the_pbx_alone_is_told_to_mean_nothing_without_it() {
    let text = format!("{BASE}[registrar]\nresync_rate = 5\nupstream_expires = \"5m\"\n");
    let settings = pretend().accepts(&text);
    let said = settings
        .warnings
        .iter()
        .filter(|problem| problem.to_string().contains("register nothing at the PBX"));
    assert_eq!(said.count(), 2);
}

#[test]
fn a_pbx_that_challenges_the_phones_is_trusted_and_needs_nothing_of_ours() {
    let trusted = BASE.replace("[route]", "trusted = true\n[route]");
    let text = format!("{trusted}[registrar]\nmode = \"passthrough\"\n");
    let settings = pretend().accepts(&text);
    let config = settings.core_config(&[], &[Vec::new()]);
    assert!(config.registrar.leases.passes());
    assert!(
        !settings
            .warnings
            .iter()
            .any(|w| w.to_string().contains("users"))
    );
    let text = format!(
        "{trusted}[registrar]\nmode = \"passthrough\"\nmin_expires = \"60s\"\nmax_expires = \"1h\"\n\
         resync_rate = 5\n[auth]\nusers = {{ file = \"users.toml\" }}\n"
    );
    let user = "[[user]]\nname = \"6001\"\npassword = \"x\"\n";
    let with_users = pretend().file("/etc/bellhop/users.toml", user);
    insta::assert_snapshot!("passthrough_idle", with_users.warns(&text));
    let login = "[upstream.credentials]\nusername = \"trunk\"\npassword = \"x\"\n[route]";
    let wrong = BASE.replace("[route]", login);
    let text = format!("{wrong}[registrar]\nmode = \"passthrough\"\n");
    insta::assert_snapshot!("passthrough_wrong", pretend().refuses(&text));
}

const BASE: &str = r#"
[server]
domains = ["a.example.org", "b.example.org"]
[[listen]]
bind = "udp:127.0.0.1:5060"
[[upstream]]
name = "pbx"
targets = ["sip:10.0.0.10:5060"]
[route]
default = "pbx"
"#;
