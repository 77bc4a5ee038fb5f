//! A PBX that is shown the phones' own Contacts, with a Path that leads to us (RFC 3327): `profile = "path"`.

use crate::site::*;
use bellhop_core::config::Config;
use bellhop_core::lease::Mode;
use bellhop_testkit::Paths;

#[test]
fn the_pbx_is_shown_the_phones_contact_and_a_path_that_leads_to_it_by_us() {
    for mode in [Mode::Contact, Mode::Mirror] {
        let mut site = site(mode, Paths::Taken);
        let mut a = phone_at("6001", 1);
        a.contact = "192.168.1.20:5060".to_owned();
        let answer = site.register(&mut a, "Expires: 600\r\n");
        assert_eq!(status_of(&answer), 200, "{answer}");
        assert_eq!(site.contact("6001"), "sip:6001@192.168.1.20:5060");
        let ours = site.pbx.heard.last().unwrap().clone();
        let path = header_of(&ours, "Path").to_owned();
        assert!(
            path.starts_with("<sip:bh") && path.ends_with(";lr>"),
            "{path}"
        );
        assert_eq!(header_of(&ours, "Supported"), "path");
        let call = called(&mut site, "sip:6001@192.168.1.20:5060", &path);
        say(&mut site.world, &pbx(), &call);
        let call = site.hear(&a).unwrap();
        assert!(
            call.starts_with("MESSAGE sip:6001@192.168.1.20:5060 SIP/2.0"),
            "{call}"
        );
        assert!(!call.contains("Route:"), "{call}");
        site.register(&mut a, "Expires: 0\r\n");
        site.run(SECOND);
        assert_eq!(site.contacts("6001"), [""; 0], "{mode:?}");
    }
}

#[test]
fn in_mode_aor_the_contact_is_the_aor_and_all_phones_ring() {
    let mut site = site(Mode::Aor, Paths::Taken);
    let (mut a, mut b) = (phone_at("6001", 1), phone_at("6001", 2));
    site.register(&mut a, "Expires: 600\r\n");
    site.register(&mut b, "Expires: 600\r\n");
    assert_eq!(site.contact("6001"), AOR);
    let path = header_of(&site.pbx.heard[0], "Path").to_owned();
    let call = called(&mut site, AOR, &path);
    say(&mut site.world, &pbx(), &call);
    for phone in [&a, &b] {
        assert!(site.hear(phone).unwrap().starts_with("MESSAGE "));
    }
}

#[test]
fn a_contact_that_changes_goes_through_and_the_old_one_goes() {
    let mut site = site(Mode::Contact, Paths::Taken);
    let mut a = phone_at("6001", 1);
    site.register(&mut a, "Expires: 600\r\n");
    site.heard();
    site.register(&mut a, "Expires: 600\r\n");
    assert_eq!(site.heard(), 0);
    a.contact = "203.0.113.1:6060".to_owned();
    let answer = site.register(&mut a, "Expires: 600\r\n");
    assert_eq!(status_of(&answer), 200, "{answer}");
    site.run(SECOND);
    assert_eq!(site.contact("6001"), "sip:6001@203.0.113.1:6060");
}

#[test]
fn neither_websocket_nor_sips_of_a_contact_reaches_the_pbx() {
    let mut site = site(Mode::Contact, Paths::Taken);
    let mut a = phone_at("6001", 1);
    let own = "Contact: <sip:6001@203.0.113.1:5060>";
    let request = registration(&mut a, "Expires: 600\r\n");
    let request = request.replace(own, "Contact: <sips:6001@a.invalid;transport=ws;ob>;q=0.5");
    let answer = site.authorized(&mut a, &request);
    assert_eq!(status_of(&answer), 200, "{answer}");
    assert_eq!(site.contact("6001"), "sip:6001@a.invalid;ob");
}

#[test]
fn a_pbx_that_refuses_or_ignores_a_path_is_given_our_contact_at_once_and_told_of_once() {
    for paths in [Paths::Refused, Paths::Ignored] {
        let mut site = site(Mode::Contact, paths);
        for n in 1..=3 {
            let mut a = phone_at("6001", n);
            let answer = site.register(&mut a, "Expires: 600\r\n");
            assert_eq!(status_of(&answer), 200, "{answer}");
        }
        let contacts = site.contacts("6001");
        assert_eq!(contacts.len(), 3, "{contacts:?}");
        assert!(
            contacts.iter().all(|c| c.starts_with("sip:bh")),
            "{contacts:?}"
        );
        let told = site.world.nodes[0].log.iter();
        let told = told.filter(|event| format!("{event:?}").contains("support_path = yes"));
        assert_eq!(told.count(), 1);
    }
}

#[test]
fn a_path_of_ours_leads_nobody_but_the_pbx_to_a_phone() {
    let mut site = site(Mode::Contact, Paths::Taken);
    let mut a = phone_at("6001", 1);
    site.register(&mut a, "Expires: 600\r\n");
    let path = header_of(&site.pbx.heard[0], "Path").to_owned();
    let mut stranger = phone_at("6002", 66);
    let more = format!("Route: {path}\r\n");
    let call = stranger.request("MESSAGE", "sip:6001@203.0.113.1:5060", "x", &more);
    say(&mut site.world, &stranger, &call);
    assert_eq!(status_of(&site.hear(&stranger).unwrap()), 407);
    assert!(
        site.world
            .expect_within(a.address, Duration::ZERO)
            .is_none()
    );
}

#[test]
fn from_one_profile_to_the_other_no_contact_is_left_behind() {
    let mut site = site(Mode::Contact, Paths::Taken);
    let mut a = phone_at("6001", 1);
    site.register(&mut a, "Expires: 3600\r\n");
    let phones = site.contact("6001");
    for with_path in [false, true] {
        let config = config_of(Mode::Contact, with_path);
        site.world.reconfigure(0, config, auth());
        site.run(5 * SECOND);
        let contact = site.contact("6001");
        assert_eq!(contact == phones, with_path, "{contact}");
    }
}

fn site(mode: Mode, paths: Paths) -> Site {
    let mut site = Site::of(config_of(mode, true));
    site.pbx.paths = paths;
    site
}

fn config_of(mode: Mode, with_path: bool) -> Config {
    let mut config = leased(mode);
    config.registrar.leases.with_path = with_path;
    config
}

/// A request of the PBX that follows a Path.
fn called(site: &mut Site, contact: &str, path: &str) -> String {
    site.run(SECOND);
    let mut p = pbx();
    p.user = "path".to_owned();
    p.request("MESSAGE", contact, "by-path", &format!("Route: {path}\r\n"))
}
