//! A PBX that has come back is registered at, and asked about the subscriptions that are relayed: one after the other, by
//! turns.

use crate::site::*;
use bellhop_core::lease::Mode;

/// A phone's subscription that is relayed, and told of once.
fn subscribed(site: &mut Site, n: u8) -> Peer {
    let mut phone = phone_at("6002", n);
    let id = format!("sub{n}");
    let lines = "Event: dialog\r\nExpires: 600\r\n";
    let request = phone.request("SUBSCRIBE", "sip:600@example.org", &id, lines);
    let request = authorized(&mut site.world, &mut phone, &request);
    say(&mut site.world, &phone, &request);
    site.run(SECOND / 10);
    let mut others = site.others.drain(..);
    let asked = others.find(|one| one.starts_with("SUBSCRIBE "));
    let asked = asked.expect("the SUBSCRIBE");
    drop(others);
    let mut pbx = pbx();
    say(
        &mut site.world,
        &pbx,
        &pbx.answer(&asked, 200, "OK", "Expires: 600\r\n"),
    );
    let contact = header_of(&asked, "Contact").trim_matches(['<', '>']);
    let lines = format!(
        "{}Event: dialog\r\nSubscription-State: active;expires=600\r\n",
        route_lines(&asked, false)
    );
    pbx.user = id.clone();
    let to = header_of(&asked, "From");
    let call = header_of(&asked, "Call-ID");
    let notify = pbx.in_dialog("NOTIFY", contact, to, call, 1, &lines);
    let from = header_of(&notify, "From").to_owned();
    let own = format!("{};tag=tpbx", header_of(&asked, "To"));
    let notify = notify.replacen(&from, &own, 1);
    say(&mut site.world, &pbx, &notify);
    site.run(SECOND / 10);
    let heard = site.world.drain(phone.address);
    let notify = heard.iter().find(|one| one.starts_with("NOTIFY "));
    let ok = phone.answer(notify.expect("a NOTIFY"), 200, "OK", "");
    say(&mut site.world, &phone, &ok);
    site.run(SECOND / 10);
    phone
}

#[test]
fn registrations_do_not_wait_for_questions_about_all_that_is_relayed() {
    let mut config = leased(Mode::Contact);
    config.upstreams[0].probe = Some(10 * SECOND);
    config.registrar.leases.rate = 10;
    config.subscriptions.resync_rate = 5;
    config.registrar.max_contacts = 100;
    let mut site = Site::of(config);
    for n in 1..=20 {
        let mut phone = phone_at("6001", n);
        site.register(&mut phone, "Expires: 3600\r\n");
    }
    for n in 101..=160 {
        subscribed(&mut site, n);
    }
    site.pbx.held.clear();
    site.pbx.manner = Manner::Silent;
    site.run(40 * SECOND);
    site.others.clear();
    site.heard();
    site.pbx.manner = Manner::Serves;
    let began = site.world.now.instant;
    while site.contacts("6001").is_empty() {
        site.run(SECOND / 10);
        assert!(site.world.now.instant.since(began) < MINUTE);
    }
    // Twenty registrations, ten a second, and questions beside them, five a second.
    site.run(5 * SECOND);
    assert_eq!(site.contacts("6001").len(), 20);
    let questions = |site: &Site| {
        let all = site.others.iter().filter(|m| m.starts_with("OPTIONS "));
        let mut all: Vec<&str> = all.map(|m| header_of(m, "Call-ID")).collect();
        all.sort_unstable();
        all.dedup();
        all.len()
    };
    let early = questions(&site);
    assert!((15..=40).contains(&early), "{early}");
    site.run(8 * SECOND);
    assert_eq!(questions(&site), 60);
}
