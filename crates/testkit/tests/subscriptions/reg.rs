//! Our own bindings, watched: RFC 3680, in its order.

use crate::site::*;
use bellhop_core::config::Config;
use bellhop_core::subscription::Reg;
use bellhop_testkit::header;

pub(crate) const OWN: &str = "sip:6001@example.org";
/// Where the binding is that most tests make.
pub(crate) const DESK: &str = "<sip:6001@203.0.113.9:5060>";

pub(crate) fn watching(reg: Reg) -> Config {
    let mut config = config();
    config.subscriptions.reg = reg;
    config
}

struct Room {
    world: World,
    watcher: Peer,
    /// Whose bindings come and go.
    desk: Peer,
    /// The answer to the watcher's SUBSCRIBE.
    ok: String,
}

impl Room {
    fn new() -> Self {
        Self::of(watching(Reg::Own))
    }

    fn of(config: Config) -> Self {
        let mut world = World::new(5);
        world.start(config, auth());
        Self {
            world,
            watcher: phone("6001", "203.0.113.1:5060"),
            desk: phone("6001", "203.0.113.9:5060"),
            ok: String::new(),
        }
    }

    /// Registers, or takes back, a contact of 6001.
    fn binds(&mut self, contact: &str, expires: u32) {
        let line = format!("Contact: {contact};expires={expires}\r\n");
        let request = register_of(&mut self.desk, OWN, "desk", &line, "");
        let answer = answered(&mut self.world, &mut self.desk, &request);
        assert_eq!(status_of(&answer), 200, "{answer}");
    }

    /// Subscribes to an AoR; the answer.
    fn asks(&mut self, aor: &str, id: &str, more: &str) -> String {
        let lines = format!("Event: reg\r\n{more}");
        let request = self.watcher.request("SUBSCRIBE", aor, id, &lines);
        let request = authorized(&mut self.world, &mut self.watcher, &request);
        say(&mut self.world, &self.watcher, &request);
        self.world.expect(self.watcher.address).expect("an answer")
    }

    /// Subscribes to its own; what it hears first.
    fn watches(&mut self) -> String {
        self.ok = self.asks(OWN, "watch", "Expires: 600\r\n");
        assert_eq!(status_of(&self.ok), 200, "{}", self.ok);
        self.hears()
    }

    /// The next NOTIFY, which it answers.
    fn hears(&mut self) -> String {
        self.hears_within(Duration::from_secs(8)).expect("a NOTIFY")
    }

    fn hears_within(&mut self, time: Duration) -> Option<String> {
        let notify = self.world.expect_within(self.watcher.address, time)?;
        assert!(notify.starts_with("NOTIFY "), "{notify}");
        let answer = self.watcher.answer(&notify, 200, "OK", "");
        say(&mut self.world, &self.watcher, &answer);
        Some(notify)
    }

    fn rests(&mut self) {
        self.world.pass(Duration::from_secs(6));
    }
}

/// Attribute `name` of the first element of this name.
fn attribute<'m>(message: &'m str, element: &str, name: &str) -> &'m str {
    let tag = message.split(&format!("<{element} ")).nth(1);
    let tag = tag.and_then(|rest| rest.split('>').next()).unwrap_or("");
    let value = tag.split(&format!("{name}=\"")).nth(1);
    value.and_then(|rest| rest.split('"').next()).unwrap_or("")
}

/// State of the registration, and state and event of its first contact.
pub(crate) fn told(notify: &str) -> [&str; 3] {
    [
        attribute(notify, "registration", "state"),
        attribute(notify, "contact", "state"),
        attribute(notify, "contact", "event"),
    ]
}

/// 4.5, 5.1: full state, in the one kind of body there is.
#[test]
fn a_user_hears_at_once_of_his_own_bindings() {
    let mut room = Room::new();
    room.binds(
        "<sip:6001@203.0.113.9:5060;x=a&b>;q=0.5;+sip.instance=\"<urn:uuid:1>\"",
        600,
    );
    let notify = room.watches();
    assert_eq!(
        header_of(&notify, "Content-Type"),
        "application/reginfo+xml"
    );
    assert_eq!(
        header_of(&notify, "Subscription-State"),
        "active;expires=600"
    );
    assert_eq!(header_of(&notify, "Event"), "reg");
    let (_, body) = notify.split_once("\r\n\r\n").unwrap();
    let id = attribute(body, "registration", "id");
    let contact = attribute(body, "contact", "id");
    assert!(!id.is_empty() && !contact.is_empty() && id != contact);
    let expected = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
         <reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"0\" state=\"full\">\r\n\
         <registration aor=\"sip:6001@example.org\" id=\"{id}\" state=\"active\">\r\n\
         <contact id=\"{contact}\" state=\"active\" event=\"registered\" expires=\"599\" q=\"0.500\">\r\n\
         <uri>sip:6001@203.0.113.9:5060;x=a&amp;b</uri>\r\n\
         <unknown-param name=\"+sip.instance\">&quot;&lt;urn:uuid:1&gt;&quot;</unknown-param>\r\n\
         </contact>\r\n</registration>\r\n</reginfo>\r\n"
    );
    assert_eq!(body, expected);
    // The PBX hears nothing of it.
    assert!(room.world.drain(addr(PBX)).is_empty());
}

/// 4.7.1: init, active, terminated, and init again.
#[test]
fn a_registration_goes_from_init_to_active_to_terminated() {
    let mut room = Room::new();
    assert_eq!(told(&room.watches()), ["init", "", ""]);
    room.binds(DESK, 600);
    let notify = room.hears();
    assert_eq!(told(&notify), ["active", "active", "registered"]);
    let id = attribute(&notify, "contact", "id").to_owned();
    room.rests();
    room.binds(DESK, 0);
    let notify = room.hears();
    assert_eq!(told(&notify), ["terminated", "terminated", "unregistered"]);
    assert_eq!(attribute(&notify, "contact", "id"), id);
    // Who comes now hears of nothing.
    let mut other = Room::new();
    std::mem::swap(&mut other.world, &mut room.world);
    other.watcher = phone("6001", "203.0.113.2:5060");
    assert_eq!(told(&other.watches()), ["init", "", ""]);
}

/// 5.1: the version is one higher each time, for each watcher by itself.
#[test]
fn versions_rise_by_one_and_what_is_gone_is_told_once() {
    let mut room = Room::new();
    let mut versions = vec![attribute(&room.watches(), "reginfo", "version").to_owned()];
    for (contact, expires) in [(DESK, 600), (DESK, 0), ("<sip:6001@203.0.113.7>", 600)] {
        room.rests();
        room.binds(contact, expires);
        let notify = room.hears();
        versions.push(attribute(&notify, "reginfo", "version").to_owned());
        assert_eq!(notify.matches("<contact ").count(), 1, "{notify}");
    }
    assert_eq!(versions, ["0", "1", "2", "3"]);
}

/// 4.7.2: nobody need be told of a refresh.
#[test]
fn a_refresh_is_not_told_and_who_comes_later_hears_what_is_left() {
    let mut room = Room::new();
    room.binds(DESK, 600);
    room.watches();
    room.world.pass(Duration::from_secs(300));
    room.binds(DESK, 600);
    room.world.pass(Duration::from_secs(60));
    assert!(room.world.drain(room.watcher.address).is_empty());
    let mut second = phone("6001", "203.0.113.3:5060");
    std::mem::swap(&mut second, &mut room.watcher);
    let ok = room.asks(OWN, "second", "Expires: 600\r\n");
    assert_eq!(status_of(&ok), 200, "{ok}");
    let notify = room.hears();
    assert_eq!(told(&notify), ["active", "active", "refreshed"]);
    let left: u32 = attribute(&notify, "contact", "expires").parse().unwrap();
    assert!((538..=540).contains(&left), "{left}");
}

#[test]
fn a_binding_that_is_cut_short_or_changed_is_told() {
    let mut room = Room::new();
    room.binds(DESK, 600);
    room.watches();
    room.binds(DESK, 90);
    let notify = room.hears();
    assert_eq!(told(&notify), ["active", "active", "shortened"]);
    assert_eq!(attribute(&notify, "contact", "expires"), "90");
    room.rests();
    room.binds(&format!("{DESK};q=0.2"), 600);
    let notify = room.hears();
    assert_eq!(told(&notify), ["active", "active", "refreshed"]);
    assert_eq!(attribute(&notify, "contact", "q"), "0.200");
}

#[test]
fn a_binding_whose_time_is_up_has_expired() {
    let mut room = Room::new();
    room.binds(DESK, 60);
    room.watches();
    let notify = room
        .hears_within(Duration::from_secs(61))
        .expect("a NOTIFY");
    assert_eq!(told(&notify), ["terminated", "terminated", "expired"]);
}

#[test]
fn a_binding_whose_connection_is_gone_is_deactivated() {
    let mut room = Room::new();
    room.desk = tcp_phone("6001", "203.0.113.9:40000");
    room.binds("<sip:6001@203.0.113.9:40000;transport=tcp>", 600);
    room.watches();
    room.world.cut(room.desk.address);
    let notify = room.hears();
    assert_eq!(told(&notify), ["terminated", "terminated", "deactivated"]);
}

/// 4.10: not more than one in five seconds, and then with all that there was.
#[test]
fn changes_that_follow_each_other_are_told_together() {
    let mut room = Room::new();
    room.watches();
    room.binds(DESK, 600);
    let first = room.hears();
    assert_eq!(told(&first), ["active", "active", "registered"]);
    let began = room.world.now.instant;
    room.binds("<sip:6001@203.0.113.7>", 600);
    room.binds(DESK, 0);
    room.binds("<sip:6001@203.0.113.8>", 600);
    let second = room.hears();
    let waited = room.world.now.instant.since(began);
    assert!(waited > Duration::from_millis(4_900), "{waited:?}");
    let events: Vec<&str> = second
        .split("event=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert_eq!(events, ["unregistered", "registered", "registered"]);
    assert!(room.hears_within(Duration::from_secs(20)).is_none());
}

/// 4.6: who may watch whom.
#[test]
fn others_bindings_are_watched_only_where_that_is_allowed() {
    for (reg, status) in [(Reg::Own, 403), (Reg::Any, 200)] {
        let mut room = Room::of(watching(reg));
        let answer = room.asks("sip:6002@example.org", "other", "");
        assert_eq!(status_of(&answer), status, "{answer}");
    }
}

/// An application server, or the PBX itself.
#[test]
fn a_trusted_peer_may_watch_anybody() {
    let mut room = Room::new();
    room.binds(DESK, 600);
    room.watcher = pbx();
    let request = room
        .watcher
        .request("SUBSCRIBE", OWN, "as", "Event: reg\r\n");
    say(&mut room.world, &room.watcher, &request);
    let ok = room.world.expect(room.watcher.address).expect("an answer");
    assert_eq!(status_of(&ok), 200, "{ok}");
    assert_eq!(told(&room.hears()), ["active", "active", "registered"]);
}

#[test]
fn without_a_pbx_it_works_as_well_and_switched_off_it_is_relayed() {
    let mut config = watching(Reg::Own);
    (config.default_upstream, config.upstreams) = (None, Vec::new());
    assert_eq!(told(&Room::of(config).watches()), ["init", "", ""]);
    let mut room = Room::of(watching(Reg::Off));
    let lines = "Event: reg\r\n";
    let at_pbx = subscribes(&mut room.world, &mut room.watcher, "relayed", lines);
    assert!(at_pbx.starts_with("SUBSCRIBE "), "{at_pbx}");
}

/// RFC 6665 4.4.3: to be told once.
#[test]
fn who_asks_for_no_time_is_told_once() {
    let mut room = Room::new();
    room.binds(DESK, 600);
    let ok = room.asks(OWN, "once", "Expires: 0\r\n");
    assert_eq!((status_of(&ok), header(&ok, "Expires")), (200, Some("0")));
    let notify = room.hears();
    assert_eq!(
        header_of(&notify, "Subscription-State"),
        "terminated;reason=timeout"
    );
    assert_eq!(told(&notify), ["active", "active", "registered"]);
    assert!(room.hears_within(Duration::from_secs(60)).is_none());
    assert!(known(&room.world).is_empty());
}

/// 4.5; RFC 6665 4.2.1.1; RFC 3261 8.2.2.3.
#[test]
fn other_bodies_short_times_and_extensions_are_refused() {
    let mut room = Room::new();
    for (more, status) in [
        ("Accept: application/pidf+xml\r\n", 406),
        ("Accept: text/plain, application/reginfo+xml\r\n", 200),
        ("Accept: */*\r\n", 200),
        ("Expires: 5\r\n", 423),
        ("Require: eventlist\r\n", 420),
    ] {
        let answer = room.asks(OWN, &format!("id{status}{}", more.len()), more);
        assert_eq!(status_of(&answer), status, "{more}{answer}");
        room.world.pass(SECOND);
        room.world.drain(room.watcher.address);
    }
}

/// While nobody watches there is nothing that a REGISTER would tell.
#[test]
fn when_the_last_watcher_is_gone_nothing_is_looked_at_any_more() {
    let mut room = Room::new();
    room.binds(DESK, 600);
    room.watches();
    let ok = room.ok.clone();
    let bye = from_caller(&mut room.watcher, "SUBSCRIBE", &ok, 50);
    let bye = bye.replacen(
        "Content-Length: 0",
        "Event: reg\r\nExpires: 0\r\nContent-Length: 0",
        1,
    );
    say(&mut room.world, &room.watcher, &bye);
    let answer = room.world.expect(room.watcher.address).expect("an answer");
    assert_eq!(status_of(&answer), 200, "{answer}");
    let last = room.hears();
    assert_eq!(
        header_of(&last, "Subscription-State"),
        "terminated;reason=timeout"
    );
    room.binds(DESK, 0);
    let more = room.hears_within(Duration::from_secs(60));
    assert_eq!(more, None);
    assert!(known(&room.world).is_empty());
}
