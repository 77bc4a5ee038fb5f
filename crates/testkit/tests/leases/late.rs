//! Refreshes that are late, and phones behind a NAT.

use crate::site::*;
use bellhop_core::lease::Mode;
use bellhop_core::registrar::{Aor, Bindings};

#[test]
fn a_phone_that_is_late_is_still_rung_and_its_lease_still_there_until_the_grace_is_over() {
    for mode in [Mode::Contact, Mode::Aor, Mode::Mirror] {
        let mut site = graceful(mode);
        let mut a = phone_at("6001", 1);
        let answer = site.register(&mut a, "Expires: 600\r\n");
        let promised = expires_of(&answer);
        assert!(promised <= 600, "{answer}");
        let contact = site.contact("6001");
        site.run(Duration::from_secs(promised + 20));
        assert_eq!(site.contact("6001"), contact, "{mode:?}");
        let mut p = pbx();
        let call = p.request("MESSAGE", &contact, "late", "");
        say(&mut site.world, &p, &call);
        let call = site.hear(&a).unwrap();
        assert!(call.starts_with("MESSAGE sip:6001@203.0.113.1"), "{call}");
        say(&mut site.world, &a, &a.answer(&call, 200, "OK", ""));
        // Late, but not too late.
        let answer = site.register(&mut a, "Expires: 600\r\n");
        assert_eq!(status_of(&answer), 200, "{answer}");
        assert_eq!(site.contact("6001"), contact, "{mode:?}");
        site.run(Duration::from_secs(expires_of(&answer) + 32));
        assert_eq!(site.contacts("6001"), [""; 0], "{mode:?}");
        assert!(site.call(&contact, "gone").starts_with("SIP/2.0 4"));
    }
}

#[test]
fn nobody_is_told_of_the_grace() {
    let mut site = graceful(Mode::Terminate);
    let (mut a, mut b) = (phone_at("6001", 1), phone_at("6001", 2));
    let answer = site.register(&mut a, "Expires: 600\r\n");
    assert_eq!(expires_of(&answer), 600);
    site.run(MINUTE);
    site.register(&mut b, "Expires: 600\r\n");
    site.run(9 * MINUTE + 10 * SECOND);
    // The other phone is late: it is rung, and stands in no answer.
    let answer = site.register(&mut b, "Expires: 600\r\n");
    assert_eq!(contacts(&answer).len(), 1, "{answer}");
    assert_eq!(bound(&site), 2);
    site.run(20 * SECOND);
    assert_eq!(bound(&site), 1);
}

#[test]
fn a_phone_that_goes_by_itself_has_no_grace_and_one_that_is_late_makes_room() {
    let mut config = leased(Mode::Terminate);
    config.registrar.grace = 30;
    config.registrar.max_contacts = 1;
    let mut site = Site::of(config);
    let (mut a, mut b) = (phone_at("6001", 1), phone_at("6001", 2));
    site.register(&mut a, "Expires: 60\r\n");
    let answer = site.register(&mut b, "Expires: 60\r\n");
    assert_eq!(status_of(&answer), 403, "{answer}");
    site.run(61 * SECOND);
    assert_eq!(bound(&site), 1);
    let answer = site.register(&mut b, "Expires: 60\r\n");
    assert_eq!(status_of(&answer), 200, "{answer}");
    assert_eq!(bound(&site), 1);
    site.register(&mut b, "Expires: 0\r\n");
    assert_eq!(bound(&site), 0);
}

#[test]
fn a_phone_behind_a_nat_is_sent_an_empty_line_at_each_interval_and_no_other_phone_is() {
    let mut config = leased(Mode::Terminate);
    config.registrar.nat_keepalive = Some(25 * SECOND);
    let mut site = Site::of(config);
    let (mut a, mut b) = (phone_at("6001", 1), phone_at("6002", 2));
    a.contact = "192.168.1.20:5060".to_owned();
    let mut c = tcp_phone("6003", "203.0.113.3:40000");
    c.contact = "192.168.1.21:5060".to_owned();
    for phone in [&mut a, &mut b, &mut c] {
        assert_eq!(status_of(&site.register(phone, "Expires: 600\r\n")), 200);
    }
    site.world.drain(a.address);
    site.run(100 * SECOND);
    let lines = site.world.drain(a.address);
    assert!((3..=5).contains(&lines.len()), "{}", lines.len());
    assert!(lines.iter().all(|line| line == "\r\n\r\n"));
    assert_eq!(site.world.drain(b.address), [""; 0]);
    assert_eq!(site.world.drain(c.address), [""; 0]);
    site.register(&mut a, "Expires: 0\r\n");
    site.run(100 * SECOND);
    assert_eq!(site.world.drain(a.address), [""; 0]);
}

#[test]
fn a_contact_that_is_not_where_the_register_came_from_is_behind_a_nat_too() {
    let mut config = leased(Mode::Terminate);
    config.registrar.udp_nat_expires = Some(90 * SECOND);
    let mut site = Site::of(config);
    let mut a = phone_at("6001", 1);
    let request = registration(&mut a, "Expires: 600\r\n");
    let own = "Contact: <sip:6001@203.0.113.1:5060>";
    assert!(request.contains(own));
    let request = request.replace(own, "Contact: <sip:6001@192.168.1.20:5060>");
    let answer = site.authorized(&mut a, &request);
    assert_eq!(expires_of(&answer), 90, "{answer}");
    let mut b = phone_at("6002", 2);
    assert_eq!(expires_of(&site.register(&mut b, "Expires: 600\r\n")), 600);
}

fn graceful(mode: Mode) -> Site {
    let mut config = leased(mode);
    config.registrar.grace = 30;
    Site::of(config)
}

/// What the only Contact of an answer is granted.
fn expires_of(answer: &str) -> u64 {
    let all = contacts(answer);
    assert_eq!(all.len(), 1, "{answer}");
    all[0].split("expires=").nth(1).unwrap().parse().unwrap()
}

/// How many phones of 6001 are rung.
fn bound(site: &Site) -> usize {
    let mut bindings = Bindings::new();
    let location = &site.world.nodes[0].shared.location;
    let aor = Aor::parse_text(AOR).unwrap();
    location.lookup(site.world.now.instant, &aor, &mut bindings);
    bindings.len()
}
