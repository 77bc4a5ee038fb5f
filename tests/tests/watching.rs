//! Soft phones as they are, who watch somebody's presence, and pjsua its own mailbox, at a real Asterisk, until they leave:
//! in each way that Bellhop has a subscription, by UDP and TCP at once, here and behind a NAT. What is shared they are granted
//! for so short a time that they refresh while the test looks.

use bellhop_tests::Transport::{self, Tcp, Udp};
use bellhop_tests::Way::{self, Relayed, Shared, TwoDialogs};
use bellhop_tests::netns::{Nat, Net, Place};
use bellhop_tests::pjsua::Task;
use bellhop_tests::{Asterisk, Baresip, Edge, Lab, Phone, Pjsua, Site, bellhop, until};
use std::net::SocketAddr;
use std::time::Duration;

#[test]
fn baresips_watch_presence_relayed() {
    baresips(Scene::here(Relayed, Tcp), Relayed);
}

#[test]
fn baresips_watch_presence_by_two_dialogs() {
    baresips(Scene::here(TwoDialogs, Udp), TwoDialogs);
}

#[test]
fn baresips_watch_and_refresh_what_is_shared() {
    baresips(Scene::here(Shared, Tcp), Shared);
}

#[test]
fn baresips_watch_presence_relayed_behind_a_nat() {
    baresips(Scene::behind_a_nat(Relayed), Relayed);
}

#[test]
fn baresips_watch_presence_by_two_dialogs_behind_a_nat() {
    baresips(Scene::behind_a_nat(TwoDialogs), TwoDialogs);
}

#[test]
fn baresips_watch_and_refresh_what_is_shared_behind_a_nat() {
    baresips(Scene::behind_a_nat(Shared), Shared);
}

#[test]
fn pjsuas_watch_presence_and_mailbox_relayed() {
    pjsuas(Scene::here(Relayed, Tcp), Relayed);
}

#[test]
fn pjsuas_watch_presence_and_mailbox_by_two_dialogs() {
    pjsuas(Scene::here(TwoDialogs, Udp), TwoDialogs);
}

#[test]
fn pjsuas_watch_and_refresh_what_is_shared() {
    pjsuas(Scene::here(Shared, Tcp), Shared);
}

#[test]
fn pjsuas_watch_presence_and_mailbox_relayed_behind_a_nat() {
    pjsuas(Scene::behind_a_nat(Relayed), Relayed);
}

#[test]
fn pjsuas_watch_presence_and_mailbox_by_two_dialogs_behind_a_nat() {
    pjsuas(Scene::behind_a_nat(TwoDialogs), TwoDialogs);
}

#[test]
fn pjsuas_watch_and_refresh_what_is_shared_behind_a_nat() {
    pjsuas(Scene::behind_a_nat(Shared), Shared);
}

#[test]
fn a_phone_of_a_browser_watches_over_its_connection_alone() {
    browser(Relayed);
}

#[test]
fn a_phone_of_a_browser_watches_by_two_dialogs_over_its_connection_alone() {
    browser(TwoDialogs);
}

#[test]
fn a_phone_of_a_browser_watches_what_is_shared_over_its_connection_alone() {
    browser(Shared);
}

/// As JsSIP and SIP.js go about it.
fn browser(way: Way) {
    let Some(site) = Site::with(Udp, |setup| way.of(setup).with_web("")) else {
        return;
    };
    let mut phone = Phone::in_browser("6001", site.lane.web());
    phone.register();
    for (resource, event, busy) in [
        ("690", "dialog", "<state>confirmed</state>"),
        ("690", "presence", "On the phone"),
        ("6001", "message-summary", "Messages-Waiting: yes"),
    ] {
        phone.begin_anew();
        let ok = phone.subscribe(resource, event, 60);
        assert_eq!(ok.status(), Some(200), "{}", ok.text());
        phone.hear(&[&format!("Event: {event}"), "Subscription-State: active"]);
        site.asterisk.cli(match resource {
            "690" => LIGHT,
            _ => "channel originate Local/6001@vm-deposit application Milliwatt",
        });
        phone.hear(&[busy]);
        let again = phone.subscribe_again(&ok, event, 60);
        assert_eq!(again.status(), Some(200), "{}", again.text());
        phone.hear(&[busy]);
        let end = phone.subscribe_again(&ok, event, 0);
        assert_eq!(end.status(), Some(200), "{}", end.text());
        phone.hear(&["Subscription-State: terminated"]);
        if resource == "690" {
            site.asterisk
                .cli("devstate change Custom:lamp690 NOT_INUSE");
        }
    }
}

fn baresips(scene: Option<Scene>, way: Way) {
    let Some(scene) = scene else { return };
    let mut phones: Vec<Baresip> = Transport::BOTH
        .into_iter()
        .zip(1..)
        .map(|(transport, n)| {
            let (user, local) = (format!("600{n}"), scene.phone(n));
            let at = (scene.registrar, transport);
            Baresip::watching(&scene.lab, &scene.place, &user, local, at, "690")
        })
        .collect();
    for phone in &mut phones {
        phone.registered();
        hears(phone, "<note>Ready</note>", 1);
        if way == Shared {
            until("it has refreshed twice", PATIENCE, || {
                (phone.granted("SUBSCRIBE") >= 3).then_some(())
            });
            hears(phone, "<note>Ready</note>", 3);
        }
    }
    scene.asterisk().cli(LIGHT);
    for phone in phones {
        hears(&phone, "On the phone", 1);
        let said = phone.quit();
        assert!(!said.contains("SIP/2.0 481"), "{said}");
        let ends = said.split("SUBSCRIBE sip:").skip(1);
        let is_end = |one: &str| {
            one.split("\r\n\r\n")
                .next()
                .is_some_and(|h| h.contains("Expires: 0"))
        };
        assert!(ends.into_iter().any(is_end), "{said}");
    }
}

/// It hears so many active NOTIFYs with this in it.
fn hears(phone: &Baresip, what: &str, count: usize) {
    until(what, PATIENCE, || {
        let said = phone.said();
        let notifies = said.split("NOTIFY sip:").skip(1);
        let is_it = |one: &&str| {
            let is_active = one.contains("Subscription-State: active");
            is_active && one.contains("Event: presence") && one.contains(what)
        };
        (notifies.filter(is_it).count() >= count).then_some(())
    });
}

fn pjsuas(scene: Option<Scene>, way: Way) {
    let Some(scene) = scene else { return };
    let mut phones = Vec::new();
    for (transport, n) in Transport::BOTH.into_iter().zip(1..) {
        let task = Task {
            place: scene.place.clone(),
            user: format!("600{n}"),
            local: scene.phone(n),
            registrar: scene.registrar,
            transport,
            call: None,
            watch: Some(("690".to_owned(), 14)),
            steps: Vec::new(),
            tone: 440,
        };
        let Some(phone) = Pjsua::or_skip(&scene.lab, &task) else {
            return;
        };
        phones.push(phone);
    }
    for phone in &mut phones {
        phone.wait_for("buddy: ACTIVE Ready");
        phone.wait_for("mwi: Messages-Waiting: no");
    }
    scene.asterisk().cli(LIGHT);
    for n in 1..=phones.len() {
        let leave = format!("channel originate Local/600{n}@vm-deposit application Milliwatt");
        scene.asterisk().cli(&leave);
    }
    for phone in &mut phones {
        let said = phone.succeed();
        for what in ["buddy: ACTIVE On the phone", "mwi: Messages-Waiting: yes"] {
            assert!(said.contains(what), "{what}: {said}");
        }
        let answers = said.matches("Response msg 200/SUBSCRIBE").count();
        // It refreshes five seconds before its time is up, ten seconds: its mailbox twice in fourteen seconds, presence only
        // where it is granted less than the ten minutes that it asks for. The end of both is two more.
        let least = if way == Shared { 8 } else { 6 };
        assert!(answers >= least, "{answers}: {said}");
        // It ends each of them twice at once, and the second is 481.
        let before = said.split("Expires: 0").next().unwrap_or_default();
        for status in ["423/SUBSCRIBE", "481/SUBSCRIBE"] {
            assert!(
                !before.contains(&format!("Response msg {status}")),
                "{said}"
            );
        }
        let ends = said.matches("Subscription-State: terminated").count();
        assert!(ends >= 2, "{ends}: {said}");
    }
}

/// Where phones, Bellhop and Asterisk are.
struct Scene {
    net: Where,
    lab: Lab,
    place: Place,
    registrar: SocketAddr,
}

enum Where {
    Here(Site),
    Nat(Edge),
}

impl Scene {
    fn here(way: Way, inside: Transport) -> Option<Self> {
        let site = Site::with(inside, |setup| with(way, setup))?;
        Some(Self {
            lab: site.lab.clone(),
            place: Place::Here,
            registrar: site.lane.bellhop(),
            net: Where::Here(site),
        })
    }

    fn behind_a_nat(way: Way) -> Option<Self> {
        let edge = Edge::or_skip(Nat::Random, |setup| with(way, setup))?;
        Some(Self {
            lab: edge.lab.clone(),
            place: edge.phones(),
            registrar: Net::EDGE_PUBLIC,
            net: Where::Nat(edge),
        })
    }

    fn phone(&self, n: u8) -> SocketAddr {
        match &self.net {
            Where::Here(site) => site.lane.phone(n),
            Where::Nat(_) => Edge::phone(5060 + u16::from(n)),
        }
    }

    fn asterisk(&self) -> &Asterisk {
        match &self.net {
            Where::Here(site) => &site.asterisk,
            Where::Nat(edge) => &edge.asterisk,
        }
    }
}

/// baresip 1.1 knows MD5 only; who watches what is shared is granted ten seconds.
fn with(way: Way, setup: bellhop::Setup) -> bellhop::Setup {
    let mut setup = way.of(setup.only("MD5"));
    if way == Shared {
        setup.more += "max_expires = \"10s\"\n";
    }
    setup
}

const LIGHT: &str = "devstate change Custom:lamp690 INUSE";
const PATIENCE: Duration = Duration::from_secs(30);
