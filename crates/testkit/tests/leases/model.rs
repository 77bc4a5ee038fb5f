//! Whatever phones and PBX do, in the end the PBX has a Contact exactly where a phone is bound.

use crate::site::*;
use bellhop_core::lease::Mode;
use bellhop_testkit::Chance;

#[test]
fn a_pbx_that_answers_has_a_contact_exactly_where_a_phone_is_bound() {
    for mode in [Mode::Contact, Mode::Aor, Mode::Mirror] {
        for seed in 1..=40 {
            story(mode, seed);
        }
    }
}

fn story(mode: Mode, seed: u64) {
    let mut config = leased(mode);
    config.registrar.leases.expires = Duration::from_secs(120);
    let mut site = Site::of(config);
    let mut chance = Chance::new(seed);
    let mut phones = [phone_at("6001", 1), phone_at("6001", 2)];
    let mut told = Vec::new();
    for _ in 0..25 {
        let which = usize::try_from(chance.below(2)).unwrap();
        let phone = &mut phones[which];
        let what = chance.below(10);
        match what {
            0..=3 => {
                let expires = 60 + chance.below(240);
                let answer = site.register(phone, &format!("Expires: {expires}\r\n"));
                assert!(
                    [200, 403].contains(&status_of(&answer)),
                    "{told:?}: {answer}"
                );
            }
            4 => {
                site.register(phone, "Expires: 0\r\n");
            }
            5 => {
                let request = register_of(phone, AOR, "star", "Contact: *\r\n", "Expires: 0\r\n");
                site.authorized(phone, &request);
            }
            6 => site.pbx.manner = Manner::Silent,
            7 => {
                // It comes back, perhaps without its memory.
                if site.pbx.manner == Manner::Silent && chance.happens(50) {
                    site.pbx.held.clear();
                }
                site.pbx.manner = Manner::Serves;
            }
            8 => site.pbx.manner = Manner::Answers(403, String::new()),
            _ => site.run(Duration::from_secs(chance.below(200))),
        }
        told.push((what, which));
    }
    site.pbx.manner = Manner::Serves;
    site.run(12 * MINUTE);
    // Who is here now stays for the next five minutes.
    let phone = &mut phones[0];
    if chance.happens(50) {
        site.register(phone, "Expires: 900\r\n");
    }
    site.run(5 * MINUTE);
    let all = |_: &_| true;
    let (bound, _) = site.world.nodes[0]
        .shared
        .location
        .list(site.world.now.instant, 10, all);
    let live: usize = bound.iter().map(|(_, bindings)| bindings.len()).sum();
    let wanted = if mode == Mode::Aor { live.min(1) } else { live };
    assert_eq!(
        site.contacts("6001").len(),
        wanted,
        "{mode:?} {seed} {told:?}"
    );
    let leases = site.world.nodes[0].shared.leases.counts().leases;
    assert_eq!(leases, wanted, "{mode:?} {seed} {told:?}");
}
