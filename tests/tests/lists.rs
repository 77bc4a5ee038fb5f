//! A list of lamps that one subscription of a phone watches (RFC 4662), before a real Asterisk 22 that knows single
//! lamps only.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

use bellhop_tests::Transport::{self, Tcp, Udp};
use bellhop_tests::admin::Admin;
use bellhop_tests::bellhop::Setup;
use bellhop_tests::temp::TempDir;
use bellhop_tests::{Message, Phone, Site, until};
use std::time::Duration;

#[test]
fn a_list_of_lamps_is_one_subscription_of_the_phone_and_three_at_asterisk_over_udp() {
    watch_lamps(Udp);
}

#[test]
fn a_list_of_lamps_is_one_subscription_of_the_phone_and_three_at_asterisk_over_tcp() {
    watch_lamps(Tcp);
}

#[test]
fn a_lamp_that_asterisk_does_not_have_is_terminated_in_the_list_and_the_others_are_lit() {
    let Some(site) = site(Udp) else { return };
    let mut phone = watcher(&site, Udp);
    let ok = phone.subscribe("gap", "presence", 600);
    assert_eq!(ok.status(), Some(200), "{}", ok.text());
    let mut heard = String::new();
    hear(&mut phone, |notify| {
        heard += notify.text();
        heard.contains("state=\"terminated\" reason=\"noresource\"")
            && heard.contains("<basic>open")
    });
    assert_eq!(site.asterisk.inbound(), 1);
}

#[test]
fn a_list_outlives_a_kill_of_bellhop_and_the_phone_need_not_ask() {
    let data = TempDir::new();
    let with_admin = |mut setup: Setup| {
        let ip = setup.listen[0].0.split(':').nth(1).expect("an address");
        setup.more += &format!("[admin]\nbind = \"{ip}:8060\"\n");
        setup.data_dir(data.path())
    };
    let Some(mut site) = site_with(Udp, with_admin) else {
        return;
    };
    let mut phone = watcher(&site, Udp);
    let ok = phone.subscribe("desk", "dialog", 600);
    assert_eq!(ok.status(), Some(200), "{}", ok.text());
    let mut seen = std::collections::BTreeSet::new();
    let mut last = 0;
    hear(&mut phone, |notify| {
        seen.extend(lit(notify, "terminated"));
        last = version_of(notify);
        seen.len() == 3
    });
    // No phone waits until our own dialogs at the PBX are there.
    let admin = Admin::of(&site.lane);
    until("all is on disk", Duration::from_secs(10), || {
        (admin.metrics().value("bellhop_store_waiting") == 0.0).then_some(())
    });
    site.bellhop.kill();
    site.asterisk.cli("devstate change Custom:lamp692 INUSE");
    site.bellhop.start();
    let told = hear(&mut phone, |notify| {
        notify.text().contains("fullState=\"true\"")
    });
    assert!(version_of(&told) > last, "{}", told.text());
    assert_eq!(told.header("Call-ID"), ok.header("Call-ID"));
    assert_eq!(lit(&told, "terminated").len(), 2, "{}", told.text());
    assert_eq!(lit(&told, "confirmed").len(), 1, "{}", told.text());
    assert_eq!(site.asterisk.inbound(), 3);
}

fn watch_lamps(transport: Transport) {
    let Some(site) = site(transport) else { return };
    let mut phone = watcher(&site, transport);
    let ok = phone.subscribe("desk", "dialog", 600);
    assert_eq!(ok.status(), Some(200), "{}", ok.text());
    assert_eq!(ok.header("Require"), "eventlist");
    let mut seen = std::collections::BTreeSet::new();
    let mut version = None;
    hear(&mut phone, |notify| {
        seen.extend(lit(notify, "terminated"));
        let now = version_of(notify);
        assert_eq!(now, version.map_or(0, |last: u32| last + 1));
        assert_eq!(
            notify.text().contains("fullState=\"true\""),
            version.is_none()
        );
        version = Some(now);
        seen.len() == 3
    });
    assert_eq!(site.asterisk.inbound(), 3);
    for (order, state) in [
        ("INUSE", "confirmed"),
        ("RINGING", "early"),
        ("NOT_INUSE", "terminated"),
    ] {
        let said = site
            .asterisk
            .cli(&format!("devstate change Custom:lamp691 {order}"));
        assert!(said.contains("Changing"), "{said}");
        let told = hear(&mut phone, |notify| !lit(notify, state).is_empty());
        assert_eq!(lit(&told, state).len(), 1, "{}", told.text());
        assert!(lit(&told, state)[0].contains("691"));
        assert_eq!(
            told.text().matches("<resource ").count(),
            1,
            "{}",
            told.text()
        );
    }
    assert_eq!(site.asterisk.inbound(), 3);
}

/// Resources whose part of a NOTIFY says this.
fn lit(notify: &Message, state: &str) -> Vec<String> {
    let parts = notify.text().split("Content-ID: <").skip(2);
    let lit = parts.filter(|part| part.contains(&format!("<state>{state}</state>")));
    let name = |part: &str| {
        let name = part.split("entity=\"").nth(1)?.split('"').next()?;
        Some(name.to_owned())
    };
    lit.filter_map(name).collect()
}

fn version_of(notify: &Message) -> u32 {
    let list = notify.text().split("<list ").nth(1).expect("a list");
    let version = list.split("version=\"").nth(1).expect("a version");
    let version = version.split('"').next().expect("its end");
    version.parse().expect("a number")
}

/// Answers NOTIFYs until one is as wanted.
fn hear(phone: &mut Phone, mut is_it: impl FnMut(&Message) -> bool) -> Message {
    until("a NOTIFY of the list", Duration::from_secs(20), || {
        let notify = phone.receive()?;
        assert!(
            notify.start_line().starts_with("NOTIFY "),
            "{}",
            notify.text()
        );
        phone.answer(&notify, "200 OK");
        assert_eq!(notify.header("Require"), "eventlist", "{}", notify.text());
        is_it(&notify).then_some(notify)
    })
}

fn watcher(site: &Site, transport: Transport) -> Phone {
    let mut phone = site.phone(1, transport);
    phone.say_besides(
        b"Supported: eventlist\r\nAccept: application/dialog-info+xml, application/pidf+xml, \
          application/rlmi+xml, multipart/related\r\n",
    );
    phone
}

fn site(transport: Transport) -> Option<Site> {
    site_with(transport, |setup| setup)
}

fn site_with(transport: Transport, more: impl FnOnce(Setup) -> Setup) -> Option<Site> {
    Site::with(transport, |mut setup| {
        let (_, host) = setup.listen[0].0.split_once(':').expect("a transport");
        let host = host.split(':').next().expect("a host").to_owned();
        let list = |name: &str, members: &[&str]| {
            let members: Vec<String> = members.iter().map(|m| format!("sip:{m}@{host}")).collect();
            format!("[[subscriptions.list]]\nuri = \"sip:{name}@{host}\"\nmembers = {members:?}\n")
        };
        setup.more += "[subscriptions]\nshare = [\"dialog\", \"presence\"]\n";
        setup.more += &list("desk", &["690", "691", "692"]);
        setup.more += &list("gap", &["690", "699"]);
        more(setup)
    })
}
