//! A PBX that is silent, refuses, comes back, or is asked by all at once.

use crate::site::*;
use bellhop_core::lease::{Count, Mode};

#[test]
fn what_the_pbx_refuses_is_refused_and_nothing_is_stored() {
    for mode in [Mode::Contact, Mode::Aor, Mode::Mirror] {
        for status in [403, 404, 500, 606] {
            let mut site = Site::new(mode);
            site.pbx.manner = Manner::Answers(status, String::new());
            let mut a = phone_at("6001", 1);
            let answer = site.register(&mut a, "Expires: 600\r\n");
            assert_eq!(status_of(&answer), status, "{mode:?} {answer}");
            assert_eq!(site.world.nodes[0].shared.location.len(), 0);
            site.run(20 * MINUTE);
            // Nobody is bound, so nothing is tried again.
            assert_eq!(site.heard(), 1, "{mode:?}");
            assert_eq!(site.world.nodes[0].shared.leases.counts().leases, 0);
        }
    }
}

#[test]
fn a_phone_that_is_bound_stays_so_when_a_second_one_is_refused() {
    let mut site = Site::new(Mode::Contact);
    let (mut a, mut b) = (phone_at("6001", 1), phone_at("6001", 2));
    site.register(&mut a, "Expires: 600\r\n");
    site.pbx.manner = Manner::Answers(403, String::new());
    assert_eq!(status_of(&site.register(&mut b, "Expires: 600\r\n")), 403);
    let query = register_of(&mut a, AOR, "query", "", "");
    let answer = site.authorized(&mut a, &query);
    assert_eq!(contacts(&answer).len(), 1, "{answer}");
}

#[test]
fn the_pbxs_challenge_never_reaches_a_phone() {
    for status in [401, 407] {
        let mut site = Site::new(Mode::Contact);
        let challenge = "WWW-Authenticate: Digest realm=\"asterisk\", nonce=\"1\"\r\n".to_owned();
        site.pbx.manner = Manner::Answers(status, challenge);
        let mut a = phone_at("6001", 1);
        let answer = site.register(&mut a, "Expires: 600\r\n");
        assert_eq!(status_of(&answer), 500);
        assert!(!answer.contains("asterisk"), "{answer}");
        assert_eq!(site.heard(), 1);
    }
}

#[test]
fn a_phone_is_bound_here_while_the_pbx_is_silent_and_there_when_it_is_back() {
    for mode in [Mode::Contact, Mode::Aor, Mode::Mirror] {
        let mut site = Site::new(mode);
        site.pbx.manner = Manner::Silent;
        let mut a = phone_at("6001", 1);
        let began = site.world.now.instant;
        let answer = site.register(&mut a, "Expires: 3600\r\n");
        assert_eq!(status_of(&answer), 200, "{answer}");
        assert!(site.world.now.instant.since(began) < 3 * SECOND);
        let contact = header_of(&answer, "Contact");
        let granted: u32 = contact.split("expires=").nth(1).unwrap().parse().unwrap();
        assert!((60..=120).contains(&granted), "{granted}");
        // The second one need not wait.
        site.run(3 * SECOND);
        let mut b = phone_at("6002", 2);
        let began = site.world.now.instant;
        site.register(&mut b, "Expires: 3600\r\n");
        assert!(site.world.now.instant.since(began) < SECOND / 10);
        site.run(20 * SECOND);
        site.pbx.manner = Manner::Serves;
        site.run(6 * SECOND);
        assert_eq!(site.contacts("6001").len(), 1, "{mode:?}");
        assert_eq!(site.contacts("6002").len(), 1, "{mode:?}");
    }
}

#[test]
fn a_pbx_that_forgot_everything_while_it_was_away_has_it_all_again_soon() {
    let mut config = leased(Mode::Contact);
    config.registrar.leases.rate = 10;
    config.registrar.leases.expires = Duration::from_secs(600);
    let mut site = Site::of(config);
    let mut phones: Vec<_> = (1..=40).map(|n| phone_at("6001", n)).collect();
    site.world.nodes[0].log.clear();
    for phone in phones.iter_mut().take(10) {
        assert_eq!(status_of(&site.register(phone, "Expires: 3600\r\n")), 200);
    }
    site.heard();
    // It is killed, and asked while it is away.
    site.pbx.held.clear();
    site.pbx.manner = Manner::Silent;
    site.register(&mut phones[0], "Expires: 0\r\n");
    site.run(10 * SECOND);
    site.pbx.manner = Manner::Serves;
    site.heard();
    site.run(10 * SECOND);
    assert_eq!(site.contacts("6001").len(), 9);
    let counts = site.world.nodes[0].shared.leases.counts();
    assert_eq!(counts.totals[Count::Resyncs as usize], 1);
}

#[test]
fn all_phones_at_once_are_served_and_the_pbx_hears_them_at_its_pace() {
    let mut config = leased(Mode::Contact);
    config.registrar.leases.rate = 20;
    config.registrar.max_contacts = 500;
    let mut site = Site::of(config);
    let mut phones: Vec<_> = (1..=200).map(|n| phone_at("6001", n)).collect();
    let requests: Vec<_> = phones
        .iter_mut()
        .map(|phone| registration(phone, "Expires: 3600\r\n"))
        .collect();
    for (phone, request) in phones.iter().zip(&requests) {
        say(&mut site.world, phone, request);
    }
    site.run(Duration::from_millis(10));
    for (phone, request) in phones.iter_mut().zip(&requests) {
        let challenge = site.hear(phone).unwrap();
        let sha = bellhop_core::auth::Algorithm::Sha256;
        let request = phone.authorize(request, &challenge, sha).unwrap();
        say(&mut site.world, phone, &request);
    }
    let mut last = site.pbx.heard.len();
    let mut granted = Vec::new();
    for second in 0..14 {
        site.run(SECOND);
        let heard = site.pbx.heard.len();
        assert!(heard - last <= 20, "{} in second {second}", heard - last);
        last = heard;
    }
    for phone in &phones {
        let answers = site.world.drain(phone.address);
        assert_eq!(answers.len(), 1);
        assert_eq!(status_of(&answers[0]), 200);
        let own = phone.address.to_string();
        let all = contacts(&answers[0]);
        let contact = all.iter().find(|contact| contact.contains(&own)).unwrap();
        let expires = contact.split("expires=").nth(1).unwrap();
        granted.push(expires.parse::<u32>().unwrap());
    }
    assert_eq!(site.contacts("6001").len(), 200);
    // The next wave is spread: those who were not waited for come at different times.
    granted.sort_unstable();
    granted.dedup();
    assert!(granted.len() > 20, "{granted:?}");
}

#[test]
fn a_pbx_that_wants_longer_registrations_gets_them() {
    let mut config = leased(Mode::Aor);
    config.registrar.leases.expires = Duration::from_secs(60);
    let mut site = Site::of(config);
    site.pbx.manner = Manner::Answers(423, "Min-Expires: 900\r\n".to_owned());
    let mut a = phone_at("6001", 1);
    let request = registration(&mut a, "Expires: 600\r\n");
    say(&mut site.world, &a, &request);
    let challenge = site.hear(&a).unwrap();
    let sha = bellhop_core::auth::Algorithm::Sha256;
    let request = a.authorize(&request, &challenge, sha).unwrap();
    say(&mut site.world, &a, &request);
    site.run(Duration::from_millis(3));
    site.pbx.manner = Manner::Serves;
    assert_eq!(status_of(&site.hear(&a).unwrap()), 200);
    assert_eq!(header_of(site.pbx.heard.last().unwrap(), "Expires"), "900");
}

#[test]
fn what_the_pbx_grants_is_what_counts() {
    for mode in [Mode::Contact, Mode::Aor] {
        let mut site = Site::new(mode);
        site.pbx.most = 50;
        site.pbx.strangers = vec!["<sip:6001@203.0.113.77>;expires=9000".to_owned()];
        let mut a = phone_at("6001", 1);
        let answer = site.register(&mut a, "Expires: 3600\r\n");
        assert!(!answer.contains("203.0.113.77"), "{answer}");
        for _ in 0..600 {
            site.run(SECOND);
            assert_eq!(site.contacts("6001").len(), 1);
        }
    }
    // The phone alone refreshes it: it is promised no more.
    let mut site = Site::new(Mode::Mirror);
    site.pbx.most = 50;
    let mut a = phone_at("6001", 1);
    let answer = site.register(&mut a, "Expires: 3600\r\n");
    assert!(
        header_of(&answer, "Contact").ends_with(";expires=50"),
        "{answer}"
    );
}

#[test]
fn a_phone_whose_connection_closes_is_taken_down_at_once() {
    let mut site = Site::new(Mode::Contact);
    let mut a = tcp_phone("6001", "203.0.113.1:40000");
    site.register(&mut a, "Expires: 3600\r\n");
    assert_eq!(site.contacts("6001").len(), 1);
    site.world.cut(a.address);
    site.run(SECOND);
    assert_eq!(site.contacts("6001"), [""; 0]);
}

#[test]
fn a_phone_that_comes_back_at_once_is_at_the_pbx_again() {
    for mode in [Mode::Contact, Mode::Aor, Mode::Mirror] {
        let mut site = Site::new(mode);
        let mut a = phone_at("6001", 1);
        for _ in 0..5 {
            site.register(&mut a, "Expires: 600\r\n");
            site.register(&mut a, "Expires: 0\r\n");
        }
        site.register(&mut a, "Expires: 600\r\n");
        site.run(SECOND);
        assert_eq!(site.contacts("6001").len(), 1, "{mode:?}");
    }
}

#[test]
fn after_a_restart_the_leases_go_on_with_the_same_contact_call_id_and_a_higher_cseq() {
    for mode in [Mode::Contact, Mode::Aor] {
        let mut site = Site::new(mode);
        site.world
            .set_disk(0, |disk| disk.late(Duration::from_millis(3)));
        let mut a = phone_at("6001", 1);
        site.register(&mut a, "Expires: 3600\r\n");
        let contact = site.contact("6001");
        site.run(5 * MINUTE);
        site.world.restart(0, leased(mode), auth());
        // A call that comes at once finds the phone already.
        site.run(SECOND / 2);
        site.call(&contact, "after");
        assert_eq!(site.world.drain(a.address).len(), 1, "{mode:?}");
        assert_eq!(site.contact("6001"), contact);
        let [before, after] = [0, 1].map(|nth| site.pbx.heard[nth].clone());
        assert_eq!(header_of(&before, "Call-ID"), header_of(&after, "Call-ID"));
        assert!(header_of(&before, "CSeq") < header_of(&after, "CSeq"));
        // And it is kept up and taken down.
        site.run(48 * MINUTE);
        assert_eq!(site.contact("6001"), contact);
        site.run(8 * MINUTE);
        assert_eq!(site.contacts("6001"), [""; 0]);
    }
}

#[test]
fn a_reload_that_changes_the_mode_changes_what_the_pbx_has() {
    let mut site = Site::new(Mode::Terminate);
    let (mut a, mut b) = (phone_at("6001", 1), phone_at("6001", 2));
    site.register(&mut a, "Expires: 3600\r\n");
    site.register(&mut b, "Expires: 3600\r\n");
    for (mode, contacts) in [
        (Mode::Aor, 1),
        (Mode::Contact, 2),
        (Mode::Terminate, 0),
        (Mode::Mirror, 2),
    ] {
        site.world.reconfigure(0, leased(mode), auth());
        site.run(2 * SECOND);
        assert_eq!(site.contacts("6001").len(), contacts, "{mode:?}");
    }
}

#[test]
fn a_pbx_that_challenges_is_answered_with_the_users_login_and_its_nonce_used_again() {
    for mode in [Mode::Contact, Mode::Aor] {
        let mut site = Site::with_login(mode, "geheim");
        site.pbx.challenge = Some(("asterisk".to_owned(), "geheim".to_owned()));
        let mut a = phone_at("6001", 1);
        let answer = site.register(&mut a, "Expires: 600\r\n");
        assert_eq!(status_of(&answer), 200, "{answer}");
        assert_eq!((site.heard(), site.contacts("6001").len()), (2, 1));
        // What takes it down carries its proof at once.
        site.register(&mut a, "Expires: 0\r\n");
        site.run(SECOND);
        assert_eq!(
            (site.heard(), site.contacts("6001").len()),
            (1, 0),
            "{mode:?}"
        );
    }
    let mut site = Site::with_login(Mode::Contact, "wrong");
    site.pbx.challenge = Some(("asterisk".to_owned(), "geheim".to_owned()));
    let mut a = phone_at("6001", 1);
    assert_eq!(status_of(&site.register(&mut a, "Expires: 600\r\n")), 500);
    assert_eq!(site.heard(), 2);
}

#[test]
fn a_phone_that_left_and_came_back_while_the_pbx_was_busy_keeps_its_lease() {
    let mut config = leased(Mode::Contact);
    config.registrar.leases.expires = Duration::from_secs(600);
    let mut site = Site::of(config);
    let mut a = phone_at("6001", 1);
    site.register(&mut a, "Expires: 3600\r\n");
    site.pbx.manner = Manner::Answers(503, "Retry-After: 120\r\n".to_owned());
    while site.pbx.heard.len() < 2 {
        site.run(SECOND);
    }
    // By now it wants to be refreshed again, and waits.
    site.run(10 * SECOND);
    site.register(&mut a, "Expires: 0\r\n");
    site.register(&mut a, "Expires: 3600\r\n");
    site.pbx.manner = Manner::Serves;
    site.run(20 * MINUTE);
    assert_eq!(site.contacts("6001").len(), 1);
}

#[test]
fn a_pbx_that_wants_longer_leases_than_anybody_is_not_asked_again_and_again() {
    let mut site = Site::new(Mode::Contact);
    site.pbx.manner = Manner::Answers(423, "Min-Expires: 4000000\r\n".to_owned());
    let mut a = phone_at("6001", 1);
    let answer = site.register(&mut a, "Expires: 600\r\n");
    assert_eq!(status_of(&answer), 423, "{answer}");
    assert_eq!(site.heard(), 2);
}

#[test]
fn a_reload_that_names_another_pbx_has_the_leases_there_at_once_and_no_other_reload_does() {
    let mut site = Site::new(Mode::Contact);
    let mut a = phone_at("6001", 1);
    site.register(&mut a, "Expires: 3600\r\n");
    site.heard();
    let mut other = leased(Mode::Contact);
    let mut second = other.upstreams[0].targets[0].clone();
    second.remote.set_port(5_999);
    other.upstreams[0].targets.push(second);
    site.world.reconfigure(0, other.clone(), auth());
    site.run(2 * SECOND);
    assert_eq!(site.heard(), 1);
    for config in [other, leased(Mode::Contact)] {
        site.world.reconfigure(0, config, auth());
        site.run(2 * SECOND);
        assert_eq!(site.heard(), 0);
    }
}

#[test]
fn a_phone_whose_connection_goes_while_the_pbx_is_asked_is_not_bound_over_it() {
    let mut site = Site::new(Mode::Contact);
    site.pbx.manner = Manner::Silent;
    let mut a = tcp_phone("6001", "203.0.113.1:40000");
    let request = registration(&mut a, "Expires: 3600\r\n");
    say(&mut site.world, &a, &request);
    let challenge = site.hear(&a).unwrap();
    let sha = bellhop_core::auth::Algorithm::Sha256;
    let request = a.authorize(&request, &challenge, sha).unwrap();
    say(&mut site.world, &a, &request);
    site.run(SECOND);
    assert_eq!(
        site.pbx.heard.first().map(|r| r.starts_with("REGISTER ")),
        Some(true)
    );
    site.world.cut(a.address);
    site.run(10 * SECOND);
    assert_eq!(site.world.nodes[0].shared.location.len(), 0);
}
