//! What the PBX hears of a phone's registration, and what it does not.

use crate::site::*;
use bellhop_core::lease::Mode;

#[test]
fn a_phone_is_answered_after_the_pbx_and_the_contact_there_is_ours() {
    for mode in [Mode::Contact, Mode::Aor, Mode::Mirror] {
        let mut site = Site::new(mode);
        let mut a = phone_at("6001", 1);
        let answer = site.register(&mut a, "Expires: 3600\r\n");
        assert_eq!(status_of(&answer), 200, "{answer}");
        assert!(header_of(&answer, "Contact").starts_with("<sip:6001@203.0.113.1:5060>"));
        let contact = site.contact("6001");
        let (user, host) = contact.split_once('@').unwrap();
        assert!(user.starts_with("sip:bh") && user.len() == 18, "{contact}");
        assert_eq!(host, SERVER);
        let ours = &site.pbx.heard[0];
        assert!(!ours.contains("203.0.113") && !ours.contains("Authorization"));
        assert_eq!(header_of(ours, "To"), format!("<sip:6001@{PBX}>"));
        assert!(ours.starts_with(&format!("REGISTER sip:{PBX} SIP/2.0\r\n")));
        assert_eq!(site.heard(), 1, "{mode:?}");
    }
}

#[test]
fn a_refresh_is_answered_at_once_and_the_pbx_hears_nothing() {
    for mode in [Mode::Contact, Mode::Aor] {
        let mut site = Site::new(mode);
        let mut a = phone_at("6001", 1);
        site.register(&mut a, "Expires: 600\r\n");
        site.heard();
        for _ in 0..5 {
            site.run(4 * MINUTE);
            let answer = site.register(&mut a, "Expires: 600\r\n");
            assert_eq!(status_of(&answer), 200, "{answer}");
        }
        assert_eq!(site.heard(), 0, "{mode:?}");
    }
}

#[test]
fn in_mirror_each_register_goes_on() {
    let mut site = Site::new(Mode::Mirror);
    let mut a = phone_at("6001", 1);
    for _ in 0..4 {
        site.register(&mut a, "Expires: 600\r\n");
        assert_eq!(site.heard(), 1);
        site.run(MINUTE);
    }
    assert_eq!(site.contacts("6001").len(), 1);
}

#[test]
fn the_lease_is_kept_up_though_no_phone_comes() {
    for mode in [Mode::Contact, Mode::Aor] {
        let mut config = leased(mode);
        config.registrar.leases.expires = Duration::from_secs(300);
        config.registrar.max_expires = Duration::from_secs(86_400);
        let mut site = Site::of(config);
        let mut a = phone_at("6001", 1);
        site.register(&mut a, "Expires: 86400\r\n");
        let contact = site.contact("6001");
        for _ in 0..120 {
            site.run(MINUTE);
            assert_eq!(site.contact("6001"), contact, "{mode:?}");
        }
        let refreshes = site.heard();
        // Between a half and three quarters of five minutes each.
        assert!((32..=49).contains(&refreshes), "{refreshes}");
    }
}

#[test]
fn a_lease_is_taken_down_in_its_own_call_id_with_a_higher_cseq() {
    for mode in [Mode::Contact, Mode::Aor, Mode::Mirror] {
        let mut site = Site::new(mode);
        let mut a = phone_at("6001", 1);
        site.register(&mut a, "Expires: 3600\r\n");
        site.run(65 * MINUTE / 2);
        site.register(&mut a, "Expires: 3600\r\n");
        let answer = site.register(&mut a, "Expires: 0\r\n");
        assert_eq!(status_of(&answer), 200, "{answer}");
        site.run(SECOND);
        assert_eq!(site.contacts("6001"), [""; 0], "{mode:?}");
        let heard = &site.pbx.heard;
        let ids: Vec<_> = heard.iter().map(|r| header_of(r, "Call-ID")).collect();
        assert!(ids.iter().all(|id| id == &ids[0]), "{ids:?}");
        let numbers: Vec<u32> = heard
            .iter()
            .map(|r| {
                header_of(r, "CSeq")
                    .split(' ')
                    .next()
                    .unwrap()
                    .parse()
                    .unwrap()
            })
            .collect();
        assert!(
            numbers.windows(2).all(|pair| pair[0] < pair[1]),
            "{numbers:?}"
        );
        assert_eq!(header_of(heard.last().unwrap(), "Expires"), "0");
    }
}

#[test]
fn a_phone_that_does_not_come_back_is_taken_down_when_its_binding_ends() {
    for mode in [Mode::Contact, Mode::Aor, Mode::Mirror] {
        let mut site = Site::new(mode);
        let mut a = phone_at("6001", 1);
        site.register(&mut a, "Expires: 600\r\n");
        site.run(9 * MINUTE);
        assert_eq!(site.contacts("6001").len(), 1);
        site.run(61 * SECOND);
        assert_eq!(site.contacts("6001"), [""; 0], "{mode:?}");
    }
}

#[test]
fn a_star_takes_every_phone_down() {
    for mode in [Mode::Contact, Mode::Aor, Mode::Mirror] {
        let mut site = Site::new(mode);
        let (mut a, mut b) = (phone_at("6001", 1), phone_at("6001", 2));
        site.register(&mut a, "Expires: 600\r\n");
        site.register(&mut b, "Expires: 600\r\n");
        let all = if mode == Mode::Aor { 1 } else { 2 };
        assert_eq!(site.contacts("6001").len(), all, "{mode:?}");
        let request = register_of(&mut a, AOR, "star", "Contact: *\r\n", "Expires: 0\r\n");
        let answer = site.authorized(&mut a, &request);
        assert_eq!(status_of(&answer), 200, "{answer}");
        site.run(SECOND);
        assert_eq!(site.contacts("6001"), [""; 0], "{mode:?}");
    }
}

#[test]
fn the_last_of_two_phones_takes_the_aors_lease_down() {
    let mut site = Site::new(Mode::Aor);
    let (mut a, mut b) = (phone_at("6001", 1), phone_at("6001", 2));
    site.register(&mut a, "Expires: 600\r\n");
    site.register(&mut b, "Expires: 600\r\n");
    assert_eq!(site.heard(), 1);
    site.register(&mut a, "Expires: 0\r\n");
    site.run(SECOND);
    assert_eq!((site.heard(), site.contacts("6001").len()), (0, 1));
    site.register(&mut b, "Expires: 0\r\n");
    site.run(SECOND);
    assert_eq!((site.heard(), site.contacts("6001").len()), (1, 0));
}

#[test]
fn a_call_of_the_pbx_finds_the_phone_or_the_phones() {
    for mode in [Mode::Contact, Mode::Aor] {
        let mut site = Site::new(mode);
        let (mut a, mut b) = (phone_at("6001", 1), phone_at("6001", 2));
        site.register(&mut a, "Expires: 600\r\n");
        let contact = site.contact("6001");
        site.register(&mut b, "Expires: 600\r\n");
        site.call(&contact, "one");
        let at_a = site.world.drain(a.address);
        let at_b = site.world.drain(b.address);
        assert!(
            at_a[0].starts_with("MESSAGE sip:6001@203.0.113.1:5060"),
            "{at_a:?}"
        );
        let rings = usize::from(mode == Mode::Aor);
        assert_eq!(at_b.len(), rings, "{mode:?}");
    }
}

#[test]
fn a_contact_without_a_phone_is_480_and_one_that_was_never_given_404() {
    let mut site = Site::new(Mode::Contact);
    let mut a = phone_at("6001", 1);
    site.register(&mut a, "Expires: 600\r\n");
    let contact = site.contact("6001");
    site.pbx.manner = Manner::Silent;
    site.register(&mut a, "Expires: 0\r\n");
    assert_eq!(status_of(&site.call(&contact, "away")), 480);
    assert_eq!(
        status_of(&site.call("sip:bh0123456789ab@192.0.2.1:5060", "no")),
        404
    );
}

#[test]
fn an_own_contact_is_worth_nothing_to_a_phone() {
    let mut site = Site::new(Mode::Contact);
    let (mut a, mut b) = (phone_at("6001", 1), phone_at("6002", 2));
    site.register(&mut a, "Expires: 600\r\n");
    site.register(&mut b, "Expires: 600\r\n");
    let contact = site.contact("6001");
    let request = b.request("MESSAGE", &contact, "sly", "");
    say(&mut site.world, &b, &request);
    let challenge = site.hear(&b).unwrap();
    let request = b
        .authorize(&request, &challenge, bellhop_core::auth::Algorithm::Sha256)
        .unwrap();
    say(&mut site.world, &b, &request);
    site.run(SECOND);
    assert!(site.world.drain(a.address).is_empty());
}

#[test]
fn a_call_from_phone_to_phone_goes_by_way_of_the_pbx_and_without_it_if_that_is_silent() {
    let mut site = Site::new(Mode::Contact);
    let (mut a, mut b) = (phone_at("6001", 1), phone_at("6002", 2));
    site.register(&mut a, "Expires: 600\r\n");
    site.register(&mut b, "Expires: 600\r\n");
    let message = a.request("MESSAGE", "sip:6002@example.org", "one", "");
    say(&mut site.world, &a, &message);
    let challenge = site.hear(&a).unwrap();
    let sha = bellhop_core::auth::Algorithm::Sha256;
    let first = a.authorize(&message, &challenge, sha).unwrap();
    say(&mut site.world, &a, &first);
    site.run(SECOND / 10);
    let at_pbx = site.others.pop().unwrap();
    assert!(
        at_pbx.starts_with(&format!("MESSAGE sip:6002@{PBX}")),
        "{at_pbx}"
    );
    assert!(site.world.drain(b.address).is_empty());
    // It gives no answer at all: as soon as that is known the phone itself is called.
    site.world.bounce(0, at_pbx.as_bytes());
    site.run(SECOND / 10);
    assert_eq!(site.world.drain(b.address).len(), 1);
}

/// A PBX that has forgotten its registrations would say that nobody is there.
#[test]
fn after_the_pbx_was_away_a_phone_is_called_directly_until_the_pbx_has_heard_of_it_again() {
    let mut config = leased(Mode::Contact);
    config.registrar.leases.rate = 1;
    let mut site = Site::of(config);
    let mut phones: Vec<_> = (1..=9).map(|n| phone_at("6001", n)).collect();
    let (mut a, mut b) = (phone_at("6001", 20), phone_at("6002", 21));
    for phone in phones.iter_mut().chain([&mut a, &mut b]) {
        site.register(phone, "Expires: 3600\r\n");
        site.run(2 * SECOND);
    }
    site.pbx.held.clear();
    site.pbx.manner = Manner::Silent;
    site.register(&mut phones[8], "Expires: 0\r\n");
    site.run(10 * SECOND);
    site.pbx.manner = Manner::Serves;
    while site.contacts("6001").len() + site.contacts("6002").len() == 0 {
        site.run(SECOND / 10);
    }
    let is_known = |site: &Site| !site.contacts("6002").is_empty();
    let mut ways = Vec::new();
    for nth in 0..12 {
        let message = a.request("MESSAGE", "sip:6002@example.org", &format!("m{nth}"), "");
        let before = is_known(&site);
        site.world.drain(a.address);
        say(&mut site.world, &a, &message);
        let challenge = site.hear(&a).unwrap();
        let sha = bellhop_core::auth::Algorithm::Sha256;
        let message = a.authorize(&message, &challenge, sha).unwrap();
        say(&mut site.world, &a, &message);
        site.run(SECOND / 10);
        let at_b = site.world.drain(b.address);
        let is_this = |message: &String| header_of(message, "Call-ID") == format!("m{nth}");
        let is_direct = at_b.iter().any(is_this);
        if before == is_known(&site) {
            assert_eq!(is_direct, !before, "message {nth}");
            ways.push(is_direct);
        }
        site.run(SECOND);
    }
    assert_eq!((ways.first(), ways.last()), (Some(&true), Some(&false)));
}

/// Asterisk tells a new contact of its mailbox before it answers its REGISTER.
#[test]
fn what_the_pbx_says_to_a_new_contact_before_its_answer_reaches_the_phone() {
    let mut site = Site::new(Mode::Contact);
    site.pbx.manner = Manner::Silent;
    let mut a = phone_at("6001", 1);
    let request = registration(&mut a, "Expires: 600\r\n");
    say(&mut site.world, &a, &request);
    let challenge = site.hear(&a).unwrap();
    let sha = bellhop_core::auth::Algorithm::Sha256;
    let request = a.authorize(&request, &challenge, sha).unwrap();
    say(&mut site.world, &a, &request);
    site.run(SECOND / 10);
    let ours = site.pbx.heard[0].clone();
    let contact = header_of(&ours, "Contact").trim_start_matches('<');
    let contact = contact.split('>').next().unwrap().to_owned();
    assert_eq!(site.call(&contact, "early"), "");
    let at_a = site.world.drain(a.address);
    assert!(
        at_a[0].starts_with("MESSAGE sip:6001@203.0.113.1:5060"),
        "{at_a:?}"
    );
    // Refused after all, it is nobody's.
    site.pbx.manner = Manner::Answers(403, String::new());
    site.run(2 * SECOND);
    let late = site.call(&contact, "late");
    assert_eq!(status_of(&late), 404);
}

#[test]
fn a_phones_path_stays_here_and_its_copy_of_a_register_is_one_register() {
    let mut site = Site::new(Mode::Contact);
    site.pbx.manner = Manner::Silent;
    let mut a = phone_at("6001", 1);
    let request = registration(&mut a, "Path: <sip:edge.example;lr>\r\nSupported: path\r\n");
    say(&mut site.world, &a, &request);
    let challenge = site.hear(&a).unwrap();
    let sha = bellhop_core::auth::Algorithm::Sha256;
    let request = a.authorize(&request, &challenge, sha).unwrap();
    for _ in 0..3 {
        say(&mut site.world, &a, &request);
        site.run(SECOND / 10);
    }
    site.pbx.manner = Manner::Serves;
    site.run(SECOND);
    let answers = site.world.drain(a.address);
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(header_of(&answers[0], "Path"), "<sip:edge.example;lr>");
    assert!(
        site.pbx
            .heard
            .iter()
            .all(|ours| !ours.contains("Path") && !ours.contains("edge"))
    );
    let counts = site.world.nodes[0].shared.leases.counts();
    assert_eq!((counts.totals[2], counts.leases), (1, 1));
}

#[test]
fn a_phone_behind_a_nat_comes_back_sooner() {
    let mut config = leased(Mode::Aor);
    config.registrar.udp_nat_expires = Some(Duration::from_secs(90));
    let mut site = Site::of(config);
    let granted = |answer: &str| -> u32 {
        let contact = contacts(answer)[0].to_owned();
        contact.split("expires=").nth(1).unwrap().parse().unwrap()
    };
    let mut open = phone_at("6001", 1);
    let answer = site.register(&mut open, "Expires: 3600\r\n");
    assert!((3_240..=3_600).contains(&granted(&answer)), "{answer}");
    let mut behind = phone_at("6002", 2);
    behind.contact = "192.168.1.7:5060".to_owned();
    let answer = site.register(&mut behind, "Expires: 3600\r\n");
    assert!((80..=90).contains(&granted(&answer)), "{answer}");
}
