//! PUBLISH (RFC 3903) by way of Bellhop: to a real Asterisk 22, which takes states of devices from its users, and to a
//! Kamailio that is a presence server; who watches sees what was published.

use bellhop_tests::Transport::{self, Tcp, Udp};
use bellhop_tests::Way::{self, Relayed, Shared, TwoDialogs};
use bellhop_tests::asterisk::Mode;
use bellhop_tests::judged::presence;
use bellhop_tests::netns::Place;
use bellhop_tests::pjsua::Task;
use bellhop_tests::{Baresip, Kamailio, Lab, Lane, Message, Phone, Pjsua, Site, bellhop, until};
use std::time::Duration;

#[test]
fn a_lamp_of_asterisk_is_lit_and_put_out_by_what_a_phone_publishes() {
    for way in [Relayed, TwoDialogs, Shared] {
        for transport in Transport::BOTH {
            let Some(site) = Site::with(Udp, |setup| way.of(setup)) else {
                return;
            };
            lights_a_lamp(&site, transport, "407");
        }
    }
}

/// Mode `passthrough`: Asterisk asks the phone itself.
#[test]
fn what_a_phone_publishes_is_challenged_by_asterisk_itself() {
    let with = |mut setup: bellhop::Setup| {
        setup.registrar = "mode = \"passthrough\"\n".to_owned();
        setup
    };
    let Some(site) = Site::in_mode(Mode::Digest, Udp, with) else {
        return;
    };
    // Over UDP Bellhop gives no long answer to a short question of somebody who has proved nothing.
    lights_a_lamp(&site, Tcp, "401");
}

/// Asterisk's challenge is answered for the phone, which has answered ours.
#[test]
fn what_a_phone_publishes_is_proved_to_an_asterisk_that_challenges() {
    let with = |setup| bellhop::Setup {
        offload: true,
        ..setup
    };
    let Some(site) = Site::in_mode(Mode::Digest, Udp, with) else {
        return;
    };
    lights_a_lamp(&site, Udp, "407");
}

#[test]
fn asterisk_takes_no_presence_and_nothing_in_the_name_of_another() {
    let Some(site) = Site::or_skip() else { return };
    let mut phone = site.phone(1, Udp);
    let pidf = "Event: presence\r\nExpires: 60\r\nContent-Type: application/pidf+xml\r\n";
    let answer = phone.ask("PUBLISH", "6001", pidf, &presence("here"));
    assert_eq!(answer.status(), Some(489), "{}", answer.text());
    let answer = publish(&mut phone, "6002", "INUSE");
    assert_eq!(answer.status(), Some(403), "{}", answer.text());
}

#[test]
fn presence_that_a_phone_publishes_is_told_by_kamailio_to_who_watches() {
    for way in [Relayed, TwoDialogs, Shared] {
        for transport in Transport::BOTH {
            let Some(scene) = Served::or_skip(way) else {
                return;
            };
            scene.is_told(transport);
        }
    }
}

#[test]
fn a_pjsua_publishes_and_a_pjsua_and_a_baresip_watch_relayed() {
    soft_phones(Relayed);
}

#[test]
fn a_pjsua_publishes_and_a_pjsua_and_a_baresip_watch_by_two_dialogs() {
    soft_phones(TwoDialogs);
}

#[test]
fn a_pjsua_publishes_and_a_pjsua_and_a_baresip_watch_what_is_shared() {
    soft_phones(Shared);
}

/// RFC 3903 4: published, refreshed, modified, removed, and then unknown.
fn lights_a_lamp(site: &Site, transport: Transport, challenge: &str) {
    let mut watcher = site.phone(2, transport);
    let ok = watcher.subscribe("690", "dialog", 60);
    assert_eq!(ok.status(), Some(200), "{}", ok.text());
    watcher.hear(&["Subscription-State: active", "<state>terminated</state>"]);
    let mut phone = site.phone(1, transport);
    let first = phone.ask_once("PUBLISH", "6001", &said("", 60), "");
    assert_eq!(first.status(), challenge.parse().ok(), "{}", first.text());
    let ok = publish(&mut phone, "6001", "INUSE");
    assert_eq!(ok.status(), Some(200), "{}", ok.text());
    watcher.hear(&["<state>confirmed</state>"]);
    let ok = phone.ask("PUBLISH", "6001", &said(tag(&ok), 60), "");
    assert_eq!(ok.status(), Some(200), "{}", ok.text());
    let json = "Content-Type: application/json\r\n";
    let lines = said(tag(&ok), 60) + json;
    let ok = phone.ask("PUBLISH", "6001", &lines, &device("NOT_INUSE"));
    assert_eq!(ok.status(), Some(200), "{}", ok.text());
    watcher.hear(&["<state>terminated</state>"]);
    let last = said(tag(&ok), 0);
    let end = phone.ask("PUBLISH", "6001", &last, "");
    assert_eq!(end.status(), Some(200), "{}", end.text());
    let late = phone.ask("PUBLISH", "6001", &last, "");
    assert_eq!(late.status(), Some(412), "{}", late.text());
}

fn publish(phone: &mut Phone, user: &str, state: &str) -> Message {
    let lines = said("", 60) + "Content-Type: application/json\r\n";
    phone.ask("PUBLISH", user, &lines, &device(state))
}

/// The event, and what a publication is known by, if it is.
fn said(tag: &str, seconds: u32) -> String {
    let known = match tag {
        "" => String::new(),
        tag => format!("SIP-If-Match: {tag}\r\n"),
    };
    format!("Event: asterisk-devicestate\r\nExpires: {seconds}\r\n{known}")
}

fn tag(ok: &Message) -> &str {
    ok.header("SIP-ETag")
}

/// As another Asterisk would say it.
fn device(state: &str) -> String {
    format!(
        "{{\"type\":\"devicestate\",\"device\":\"Custom:lamp690\",\"state\":\"{state}\",\"cachable\":1,\
         \"eid\":\"02:00:00:00:00:01\"}}"
    )
}

/// Phones, Bellhop, a Kamailio that is a presence server and grants ten seconds.
struct Served {
    lab: Lab,
    lane: Lane,
    kamailio: Kamailio,
    _bellhop: bellhop_tests::Bellhop,
}

impl Served {
    fn or_skip(way: Way) -> Option<Self> {
        let lab = Lab::or_skip()?;
        let lane = Lane::take();
        let kamailio = Kamailio::presence(&lab, &lane)?;
        let bellhop = way.of(bellhop::Setup::new(&lane).only("MD5")).start();
        Some(Self {
            lab,
            lane,
            kamailio,
            _bellhop: bellhop,
        })
    }

    fn is_told(&self, transport: Transport) {
        let phone = |n: u8| {
            let user = format!("600{n}");
            Phone::new(&user, self.lane.phone(n), self.lane.bellhop(), transport)
        };
        let mut watcher = phone(2);
        let ok = watcher.subscribe("6001", "presence", 60);
        assert_eq!(ok.status(), Some(200), "{}", ok.text());
        watcher.hear(&["Subscription-State: active"]);
        let mut publisher = phone(1);
        let head = |tag: &str, seconds: u32| {
            said(tag, seconds).replace("asterisk-devicestate", "presence")
        };
        let pidf = "Content-Type: application/pidf+xml\r\n";
        let mut ok = Message::new(String::new());
        for note in ["at the desk", "at lunch"] {
            let lines = head(tag(&ok), 60) + pidf;
            ok = publisher.ask("PUBLISH", "6001", &lines, &presence(note));
            assert_eq!(ok.status(), Some(200), "{}", ok.text());
            watcher.hear(&["Event: presence", note]);
        }
        ok = publisher.ask("PUBLISH", "6001", &head(tag(&ok), 60), "");
        assert_eq!(ok.status(), Some(200), "{}", ok.text());
        let last = head(tag(&ok), 0);
        let end = publisher.ask("PUBLISH", "6001", &last, "");
        assert_eq!(end.status(), Some(200), "{}", end.text());
        let gone = watcher.hear(&["NOTIFY "]);
        assert!(!gone.text().contains("at lunch"), "{}", gone.text());
        let late = publisher.ask("PUBLISH", "6001", &last, "");
        assert_eq!(late.status(), Some(412), "{}", late.text());
    }
}

/// What pjsua publishes it refreshes, for it is granted ten seconds, and so do the watchers.
fn soft_phones(way: Way) {
    let Some(scene) = Served::or_skip(way) else {
        return;
    };
    let task = |n: u8, transport: Transport| Task {
        place: Place::Here,
        user: format!("600{n}"),
        local: scene.lane.phone(n),
        registrar: scene.lane.bellhop(),
        transport,
        call: None,
        watch: None,
        steps: Vec::new(),
        tone: 440,
    };
    // Not at a multiple of the five seconds after which it refreshes: it would do that and end at once, and hear 481.
    let watch = Task {
        watch: Some(("6001".to_owned(), 22)),
        ..task(3, Tcp)
    };
    let Some(mut second) = Pjsua::or_skip(&scene.lab, &watch) else {
        return;
    };
    let (local, at) = (scene.lane.phone(2), (scene.lane.bellhop(), Udp));
    let mut third = Baresip::watching(&scene.lab, &Place::Here, "6002", local, at, "6001");
    third.registered();
    second.wait_for("buddy: ACTIVE");
    let steps = [
        "publish:at the desk",
        "talk:6",
        "publish:at lunch",
        "talk:4",
        "unpublish",
        "talk:1",
    ];
    let publish = Task {
        steps: steps.map(str::to_owned).into(),
        ..task(1, Udp)
    };
    let Some(mut first) = Pjsua::or_skip(&scene.lab, &publish) else {
        return;
    };
    let published = first.succeed();
    assert!(published.contains("SIP-If-Match: "), "{published}");
    for note in ["at the desk", "at lunch"] {
        second.wait_for(&format!("buddy: ACTIVE {note}"));
        until(note, PATIENCE, || third.said().contains(note).then_some(()));
    }
    let watched = second.succeed();
    third.quit();
    for said in [&published, &watched] {
        assert!(!said.contains("Response msg 481"), "{said}");
    }
    let log = scene.kamailio.log();
    assert!(log.matches("takes PUBLISH").count() >= 4, "{log}");
}

const PATIENCE: Duration = Duration::from_secs(20);
