//! A PBX that loses registrations though it answers every probe: what is asked beside them finds that out.

use crate::site::*;
use bellhop_core::config::Config;
use bellhop_core::lease::{Count, Mode};

const PROBE: Duration = Duration::from_secs(10);

fn probing(mode: Mode) -> Config {
    let mut config = leased(mode);
    config.upstreams[0].probe = Some(PROBE);
    config.registrar.leases.rate = 10;
    config.registrar.max_contacts = 100;
    config
}

fn resyncs(site: &Site) -> u64 {
    let counts = site.world.nodes[0].shared.leases.counts();
    counts.totals[Count::Resyncs as usize]
}

/// REGISTERs that ask, and those that bind, since this was asked last.
fn heard(site: &mut Site) -> (usize, usize) {
    let all = std::mem::take(&mut site.pbx.heard);
    let asks = |register: &&String| header_of(register, "Contact").is_empty();
    let asking = all.iter().filter(asks).count();
    (asking, all.len() - asking)
}

#[test]
fn a_pbx_that_has_lost_all_registrations_between_two_probes_gets_them_again_at_our_pace() {
    for mode in [Mode::Contact, Mode::Mirror] {
        let mut site = Site::of(probing(mode));
        for n in 1..=40 {
            let mut phone = phone_at("6001", n);
            assert_eq!(
                status_of(&site.register(&mut phone, "Expires: 3600\r\n")),
                200
            );
        }
        site.run(MINUTE);
        heard(&mut site);
        site.run(3 * PROBE);
        assert_eq!(heard(&mut site), (3, 0), "{mode:?}");
        site.pbx.held.clear();
        for second in 0..20 {
            site.run(SECOND);
            let (asking, binding) = heard(&mut site);
            assert!(
                asking + binding <= 11,
                "{asking} and {binding} in second {second}"
            );
        }
        assert_eq!(site.contacts("6001").len(), 40, "{mode:?}");
        assert_eq!(resyncs(&site), 1);
        // It is right again, and asked as before.
        site.run(2 * PROBE);
        heard(&mut site);
        site.run(3 * PROBE);
        assert_eq!(heard(&mut site), (3, 0), "{mode:?}");
    }
}

#[test]
fn one_registration_that_is_missing_is_made_anew_and_the_others_are_not() {
    let mut site = Site::of(probing(Mode::Contact));
    for n in 1..=3 {
        site.register(&mut phone_at("6001", n), "Expires: 3600\r\n");
    }
    site.run(MINUTE);
    heard(&mut site);
    // That of the last phone is asked about first.
    let newest = site.pbx.held.iter().max_by_key(|(_, held)| held.until);
    let newest = newest.map(|(key, _)| key.clone()).unwrap();
    site.pbx.held.remove(&newest);
    site.run(PROBE + SECOND);
    assert_eq!(heard(&mut site), (2, 1));
    assert_eq!((site.contacts("6001").len(), resyncs(&site)), (3, 0));
}

/// RFC 3261 10.2.3, 22.2.
#[test]
fn the_question_is_a_register_without_contact_and_answers_the_pbxs_challenge() {
    let mut site = Site::start(probing(Mode::Contact), with_login("at-the-pbx"));
    site.pbx.challenge = Some(("asterisk".to_owned(), "at-the-pbx".to_owned()));
    let mut a = phone_at("6001", 1);
    assert_eq!(status_of(&site.register(&mut a, "Expires: 3600\r\n")), 200);
    site.run(SECOND);
    site.pbx.heard.clear();
    site.pbx.held.clear();
    site.run(PROBE + SECOND);
    let (first, last) = (
        site.pbx.heard[0].clone(),
        site.pbx.heard.last().unwrap().clone(),
    );
    assert!(header_of(&first, "Contact").is_empty(), "{first}");
    assert!(
        header_of(&first, "Authorization").contains("username=\"6001\""),
        "{first}"
    );
    assert!(!header_of(&last, "Contact").is_empty(), "{last}");
    assert_eq!(site.contacts("6001").len(), 1);
}

#[test]
fn a_pbx_whose_answers_list_nothing_is_not_asked() {
    let mut site = Site::of(probing(Mode::Contact));
    site.pbx.manner = Manner::Answers(200, "Expires: 3600\r\n".to_owned());
    let mut a = phone_at("6001", 1);
    assert_eq!(status_of(&site.register(&mut a, "Expires: 3600\r\n")), 200);
    site.run(5 * PROBE);
    assert_eq!(heard(&mut site), (0, 1));
}

/// RFC 3261 10.3 step 8: a 200 lists all that is bound.
#[test]
fn a_200_without_any_contact_of_a_pbx_that_lists_them_has_bound_nothing() {
    let mut site = Site::of(probing(Mode::Contact));
    let (mut a, mut b) = (phone_at("6001", 1), phone_at("6002", 2));
    assert_eq!(status_of(&site.register(&mut a, "Expires: 3600\r\n")), 200);
    site.pbx.manner = Manner::Answers(200, "Expires: 3600\r\n".to_owned());
    assert_eq!(status_of(&site.register(&mut b, "Expires: 3600\r\n")), 500);
    site.pbx.manner = Manner::Serves;
    assert_eq!(status_of(&site.register(&mut b, "Expires: 3600\r\n")), 200);
}

#[test]
fn nobody_asks_about_registrations_without_probes() {
    let mut site = Site::new(Mode::Contact);
    site.register(&mut phone_at("6001", 1), "Expires: 3600\r\n");
    site.run(5 * PROBE);
    assert_eq!(heard(&mut site), (0, 1));
}
