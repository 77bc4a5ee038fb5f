//! Five thousand phones of as many users that come within a second, after a power cut.

use crate::site::*;
use bellhop_core::auth::{Algorithm, AuthConfig, User, Users};
use bellhop_core::lease::Mode;
use bellhop_core::registrar::Aor;
use std::collections::BTreeSet;
use std::sync::Arc;

const PHONES: usize = 5_000;
/// REGISTERs a second towards the PBX.
const RATE: u32 = 50;
/// They come in so many heaps, one each ten milliseconds.
const HEAPS: usize = 100;
const TICK: Duration = Duration::from_millis(10);

#[test]
fn five_thousand_phones_in_a_second_are_all_bound_in_a_minute_and_the_pbx_hears_its_pace() {
    let mut site = crowded();
    let mut phones: Vec<_> = (0..PHONES)
        .map(|n| {
            let [.., high, low] = n.to_be_bytes();
            phone(&user(n), &format!("203.0.{high}.{low}:5060"))
        })
        .collect();
    for heap in phones.chunks_mut(PHONES / HEAPS) {
        let asked: Vec<_> = heap
            .iter_mut()
            .map(|phone| {
                let request = registration(phone, "Expires: 3600\r\n");
                say(&mut site.world, phone, &request);
                request
            })
            .collect();
        site.run(TICK / 2);
        for (phone, request) in heap.iter_mut().zip(asked) {
            let challenge = site.world.drain(phone.address).pop().expect("a challenge");
            let proven = phone.authorize(&request, &challenge, Algorithm::Sha256);
            say(&mut site.world, phone, &proven.expect("a challenge"));
        }
        site.run(TICK / 2);
    }
    // How many REGISTERs come to the PBX in each second of the minute.
    let mut heard = vec![site.heard()];
    for _ in 1..60 {
        site.run(SECOND);
        heard.push(site.heard());
    }
    let answers: Vec<String> = phones
        .iter()
        .flat_map(|phone| site.world.drain(phone.address))
        .collect();
    assert_eq!(answers.len(), PHONES);
    assert!(answers.iter().all(|answer| status_of(answer) == 200));
    assert_eq!(site.world.nodes[0].shared.location.len(), PHONES);
    let pace = RATE as usize;
    assert!(heard.iter().all(|heard| *heard <= pace), "{heard:?}");
    assert!(heard.iter().sum::<usize>() >= 58 * pace, "{heard:?}");
    // They come back at many different times.
    let granted = |answer: &String| {
        let contact = header_of(answer, "Contact").to_owned();
        contact.split("expires=").nth(1).map(str::to_owned)
    };
    let times: BTreeSet<_> = answers.iter().map(granted).collect();
    assert!(times.len() > 60, "{}", times.len());
}

fn crowded() -> Site {
    let users = (0..PHONES).map(|n| {
        let name = user(n);
        let aor = Aor::parse_text(&format!("sip:{name}@example.org")).unwrap();
        User::with_password(&name, "example.org", &format!("secret{name}"), vec![aor])
    });
    let auth = AuthConfig {
        users: Arc::new(Users::new(users.collect()).unwrap()),
        ..auth()
    };
    let mut config = leased(Mode::Contact);
    config.registrar.leases.rate = RATE;
    Site::start(config, auth)
}

fn user(n: usize) -> String {
    format!("u{n}")
}
