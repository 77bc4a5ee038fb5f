//! What happens while a REGISTER is under way: to the PBX, or of a phone that waits for it.

use crate::site::*;
use bellhop_core::auth::Algorithm;
use bellhop_core::lease::Mode;

/// A REGISTER of a phone with credentials that the PBX has got and not answered.
fn parked(site: &mut Site, phone: &mut Peer) {
    site.pbx.manner = Manner::Silent;
    let request = registration(phone, "Expires: 3600\r\n");
    say(&mut site.world, phone, &request);
    let challenge = site.hear(phone).unwrap();
    let request = phone
        .authorize(&request, &challenge, Algorithm::Sha256)
        .unwrap();
    say(&mut site.world, phone, &request);
    site.run(SECOND / 10);
    assert_eq!(site.heard(), 1);
}

/// RFC 3261 10.3 step 7.
#[test]
fn a_phone_that_leaves_while_its_register_waits_for_the_pbx_is_not_bound_after_all() {
    for (mode, star) in [(Mode::Contact, false), (Mode::Aor, true)] {
        let mut site = Site::new(mode);
        let mut a = phone_at("6001", 1);
        parked(&mut site, &mut a);
        let leave = if star {
            let id = format!("reg-{}-{}", a.user, a.address);
            register_of(&mut a, AOR, &id, "Contact: *\r\n", "Expires: 0\r\n")
        } else {
            registration(&mut a, "Expires: 0\r\n")
        };
        let answer = site.authorized(&mut a, &leave);
        assert_eq!(status_of(&answer), 200, "{answer}");
        site.pbx.manner = Manner::Serves;
        let late = site.hear(&a).unwrap();
        assert_eq!(status_of(&late), 500, "{late}");
        site.run(MINUTE);
        assert_eq!(site.world.nodes[0].shared.location.len(), 0, "{mode:?}");
        assert_eq!(site.contacts("6001"), [""; 0], "{mode:?}");
    }
}

#[test]
fn another_contact_that_leaves_meanwhile_takes_nothing_from_the_one_that_waits() {
    let mut site = Site::new(Mode::Contact);
    let mut a = phone_at("6001", 1);
    parked(&mut site, &mut a);
    let id = format!("reg-{}-{}", a.user, a.address);
    let other = "Contact: <sip:6001@203.0.113.99:5060>\r\n";
    let leave = register_of(&mut a, AOR, &id, other, "Expires: 0\r\n");
    assert_eq!(status_of(&site.authorized(&mut a, &leave)), 200);
    site.pbx.manner = Manner::Serves;
    let late = site.hear(&a).unwrap();
    assert_eq!(status_of(&late), 200, "{late}");
}

#[test]
fn a_register_under_way_to_the_former_pbx_is_made_at_the_new_one_too() {
    let mut site = Site::new(Mode::Contact);
    let mut a = phone_at("6001", 1);
    site.register(&mut a, "Expires: 3600\r\n");
    site.heard();
    // Its refresh is under way.
    site.pbx.manner = Manner::Silent;
    while site.pbx.heard.is_empty() {
        site.run(SECOND);
    }
    let refresh = site.pbx.heard[0].clone();
    let mut other = leased(Mode::Contact);
    other.upstreams[0].targets[0].host = "pbx.example".to_owned();
    let mut second = other.upstreams[0].targets[0].clone();
    second.remote.set_port(5_999);
    other.upstreams[0].targets.push(second);
    site.world.reconfigure(0, other, auth());
    site.run(SECOND / 100);
    site.pbx.manner = Manner::Serves;
    // The former one answers.
    let answer = site.pbx.serve(site.world.now.instant, &refresh).unwrap();
    site.heard();
    say(&mut site.world, &pbx(), &answer);
    site.run(2 * SECOND);
    let again = site.pbx.heard.last().cloned().unwrap_or_default();
    assert!(
        again.starts_with("REGISTER sip:pbx.example SIP/2.0\r\n"),
        "{again}"
    );
}
