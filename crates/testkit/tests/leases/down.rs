//! A PBX that is probed: what is known of it decides who waits, where calls go, and when all is registered anew.

use crate::site::*;
use bellhop_core::auth::Algorithm;
use bellhop_core::lease::{Count, Mode};

/// A PBX that is probed every ten seconds.
fn probed(mode: Mode) -> Site {
    let mut config = leased(mode);
    config.upstreams[0].probe = Some(10 * SECOND);
    config.registrar.leases.rate = 10;
    config.registrar.max_contacts = 100;
    Site::of(config)
}

/// It is killed with all that it knew, and is seen to be down.
fn kill(site: &mut Site) {
    site.pbx.held.clear();
    site.pbx.manner = Manner::Silent;
    site.run(40 * SECOND);
    site.heard();
    site.others.clear();
}

fn resyncs(site: &Site) -> u64 {
    let counts = site.world.nodes[0].shared.leases.counts();
    counts.totals[Count::Resyncs as usize]
}

#[test]
fn a_pbx_whose_probes_say_that_it_is_back_gets_every_lease_at_our_pace_though_nobody_asked_it() {
    for mode in [Mode::Contact, Mode::Mirror] {
        let mut site = probed(mode);
        let mut phones: Vec<_> = (1..=40).map(|n| phone_at("6001", n)).collect();
        for phone in &mut phones {
            let answer = site.register(phone, "Expires: 3600\r\n");
            assert_eq!(status_of(&answer), 200);
        }
        kill(&mut site);
        assert_eq!((site.heard(), resyncs(&site)), (0, 0));
        site.pbx.manner = Manner::Serves;
        for second in 0..15 {
            site.run(SECOND);
            let heard = site.heard();
            assert!(heard <= 10, "{heard} in second {second}");
        }
        assert_eq!(site.contacts("6001").len(), 40, "{mode:?}");
        assert_eq!(resyncs(&site), 1);
    }
}

#[test]
fn one_missed_probe_is_enough_to_have_all_registered_anew_though_the_pbx_was_never_down() {
    let mut site = probed(Mode::Contact);
    let mut a = phone_at("6001", 1);
    site.register(&mut a, "Expires: 3600\r\n");
    site.pbx.held.clear();
    site.pbx.manner = Manner::Silent;
    site.run(22 * SECOND);
    site.pbx.manner = Manner::Serves;
    site.run(15 * SECOND);
    assert_eq!((site.contacts("6001").len(), resyncs(&site)), (1, 1));
    site.run(5 * MINUTE);
    assert_eq!(resyncs(&site), 1);
}

#[test]
fn whoever_says_that_the_pbx_has_forgotten_has_every_lease_registered_anew_at_our_pace() {
    for mode in [Mode::Contact, Mode::Mirror] {
        let mut config = leased(mode);
        config.registrar.leases.rate = 10;
        config.registrar.max_contacts = 100;
        let mut site = Site::of(config);
        let mut phones: Vec<_> = (1..=40).map(|n| phone_at("6001", n)).collect();
        for phone in &mut phones {
            site.register(phone, "Expires: 3600\r\n");
        }
        site.run(MINUTE);
        site.pbx.held.clear();
        site.heard();
        site.world.nodes[0].shared.leases.next_epoch();
        for second in 0..8 {
            site.run(SECOND);
            let heard = site.heard();
            assert!(heard <= 11, "{heard} in second {second}");
        }
        assert_eq!(site.contacts("6001").len(), 40, "{mode:?}");
    }
}

#[test]
fn no_phone_waits_for_a_pbx_that_is_known_to_be_down_and_that_is_left_alone() {
    for mode in [Mode::Contact, Mode::Aor, Mode::Mirror] {
        let mut site = probed(mode);
        kill(&mut site);
        let mut granted = Vec::new();
        for n in 1..=5 {
            let began = site.world.now.instant;
            let mut phone = phone_at("6001", n);
            let answer = site.register(&mut phone, "Expires: 3600\r\n");
            assert_eq!(status_of(&answer), 200, "{answer}");
            assert!(site.world.now.instant.since(began) < SECOND / 10);
            let own = phone.address.to_string();
            let all = contacts(&answer);
            let contact = all.iter().find(|contact| contact.contains(&own)).unwrap();
            let expires = contact.split("expires=").nth(1).unwrap();
            granted.push(expires.parse::<u32>().unwrap());
        }
        assert!(granted.iter().all(|g| (60..=120).contains(g)));
        granted.dedup();
        assert!(granted.len() > 1, "{granted:?}");
        assert_eq!(site.heard(), 0, "{mode:?}");
        site.pbx.manner = Manner::Serves;
        site.run(12 * SECOND);
        let expected = if mode == Mode::Aor { 1 } else { 5 };
        assert_eq!(site.contacts("6001").len(), expected, "{mode:?}");
    }
}

#[test]
fn a_call_from_phone_to_phone_does_not_ask_a_pbx_that_is_known_to_be_down() {
    for mode in [Mode::Contact, Mode::Aor, Mode::Mirror] {
        let mut site = probed(mode);
        let (mut a, mut b) = (phone_at("6001", 1), phone_at("6002", 2));
        site.register(&mut a, "Expires: 600\r\n");
        site.register(&mut b, "Expires: 600\r\n");
        kill(&mut site);
        let message = a.request("MESSAGE", "sip:6002@example.org", "one", "");
        say(&mut site.world, &a, &message);
        let challenge = site.hear(&a).unwrap();
        let message = a.authorize(&message, &challenge, Algorithm::Sha256);
        say(&mut site.world, &a, &message.unwrap());
        site.run(SECOND / 10);
        let at_b = site.world.drain(b.address);
        assert_eq!(at_b.len(), 1, "{mode:?} {at_b:?}");
        say(&mut site.world, &b, &b.answer(&at_b[0], 200, "OK", ""));
        assert_eq!(status_of(&site.hear(&a).unwrap()), 200);
        assert!(site.others.is_empty(), "{:?}", site.others);
        // Back again, it has the calls again.
        site.pbx.manner = Manner::Serves;
        site.run(12 * SECOND);
        let message = a.request("MESSAGE", "sip:6002@example.org", "two", "");
        say(&mut site.world, &a, &message);
        let challenge = site.hear(&a).unwrap();
        let message = a.authorize(&message, &challenge, Algorithm::Sha256);
        say(&mut site.world, &a, &message.unwrap());
        site.run(SECOND / 10);
        let at_pbx = site.others.pop().expect("the MESSAGE");
        assert_eq!(header_of(&at_pbx, "Call-ID"), "two");
    }
}

#[test]
fn a_pbx_that_finds_nobody_where_it_has_a_lease_gets_that_lease_again() {
    for status in [404, 480] {
        let mut site = Site::new(Mode::Contact);
        let (mut a, mut b) = (phone_at("6001", 1), phone_at("6002", 2));
        site.register(&mut a, "Expires: 600\r\n");
        site.register(&mut b, "Expires: 600\r\n");
        site.pbx.held.clear();
        site.heard();
        let message = a.request("MESSAGE", "sip:6002@example.org", "one", "");
        say(&mut site.world, &a, &message);
        let challenge = site.hear(&a).unwrap();
        let message = a.authorize(&message, &challenge, Algorithm::Sha256);
        say(&mut site.world, &a, &message.unwrap());
        site.run(SECOND / 10);
        let at_pbx = site.others.pop().expect("the MESSAGE");
        say(
            &mut site.world,
            &pbx(),
            &pbx().answer(&at_pbx, status, "Nobody", ""),
        );
        site.run(SECOND);
        assert_eq!(site.contacts("6002").len(), 1, "{status}");
        assert_eq!(site.heard(), 1);
    }
}

/// RFC 3261 18.4. A restart between two probes, or without any, which nobody but a phone's request has met.
#[test]
fn a_pbx_whose_port_was_shut_is_registered_at_anew_with_its_next_answer() {
    let mut site = Site::new(Mode::Contact);
    let mut a = phone_at("6001", 1);
    site.register(&mut a, "Expires: 600\r\n");
    site.run(SECOND);
    site.heard();
    let sent = |site: &mut Site, a: &mut Peer, id: &str| {
        let request = a.request("MESSAGE", "sip:600@example.org", id, "");
        let request = authorized(&mut site.world, a, &request);
        say(&mut site.world, a, &request);
        site.world.expect(addr(PBX)).expect("the MESSAGE")
    };
    let lost = sent(&mut site, &mut a, "lost");
    assert!(site.world.bounce(0, lost.as_bytes()));
    site.run(SECOND);
    assert_eq!(site.heard(), 0);
    site.world.drain(a.address);
    for registers in [1, 0] {
        let asked = sent(&mut site, &mut a, &format!("asked{registers}"));
        let answer = pbx().answer(&asked, 200, "OK", "");
        say(&mut site.world, &pbx(), &answer);
        site.run(SECOND);
        assert_eq!(site.heard(), registers);
        site.world.drain(a.address);
    }
}
