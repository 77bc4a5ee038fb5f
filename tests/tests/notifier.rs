//! State that Bellhop itself tells of, in the real program: its own bindings (RFC 3680), and what a plugin publishes.

use bellhop_tests::Transport::Udp;
use bellhop_tests::admin::Admin;
use bellhop_tests::{Bellhop, Lane, Message, Phone, bellhop, strain, until};
use std::time::Duration;

fn start(more: &str) -> (Lane, Bellhop) {
    let lane = Lane::take();
    let setup = bellhop::Setup {
        more: more.to_owned(),
        ..bellhop::Setup::new(&lane).alone()
    };
    let bellhop = setup.start();
    (lane, bellhop)
}

fn phone(lane: &Lane, user: &str, at: u8) -> Phone {
    Phone::new(user, lane.phone(at), lane.bellhop(), Udp)
}

/// The next NOTIFY with this in it; it and all before it are answered.
fn hears(phone: &mut Phone, what: &str) -> Message {
    until(what, SOON, || {
        let message = phone.receive()?;
        if !message.start_line().starts_with("NOTIFY ") {
            return None;
        }
        phone.answer(&message, "200 OK");
        message.text().contains(what).then_some(message)
    })
}

/// Its Call-IDs fall in any shard; the watcher's is another phone's.
#[test]
fn who_watches_his_bindings_hears_of_each_that_comes_and_goes() {
    let (lane, _bellhop) = start("[server]\nworkers = 4\n[subscriptions]\nreg = \"own\"\n");
    let mut watcher = phone(&lane, "6001", 1);
    let answer = watcher.subscribe("6001", "reg", 600);
    assert_eq!(answer.status(), Some(200), "{}", answer.text());
    let first = hears(&mut watcher, "state=\"init\"");
    assert_eq!(first.header("Content-Type"), "application/reginfo+xml");
    let mut desk = phone(&lane, "6001", 2);
    assert_eq!(desk.register().status(), Some(200));
    let second = hears(&mut watcher, "event=\"registered\"");
    let contact = format!("<uri>sip:6001@{}", lane.phone(2));
    assert!(second.text().contains(&contact), "{}", second.text());
    assert_eq!(desk.unregister().status(), Some(200));
    let third = hears(&mut watcher, "event=\"unregistered\"");
    assert!(third.text().contains("version=\"2\""), "{}", third.text());
    let others = watcher.subscribe("6002", "reg", 600);
    assert_eq!(others.status(), Some(403), "{}", others.text());
}

/// Dialled by one phone, seen by another whose key was lit by nobody before. There is no PBX.
#[test]
fn a_lamp_of_a_plugin_is_turned_by_dialling_and_seen_by_who_watches() {
    let lane = Lane::take();
    let lamp = format!("sip:night@{}", lane.bellhop().ip());
    let keys = format!("config = {{ lamp = {lamp:?} }}\ngrant = [\"store\", \"publish\"]");
    let setup = bellhop::Setup {
        more: strain::admin(&lane)
            + &strain::plugin("night-switch", &strain::built("night-switch"), &keys),
        ..bellhop::Setup::new(&lane).alone()
    };
    let _bellhop = setup.start();
    let mut watcher = phone(&lane, "6001", 1);
    let answer = watcher.subscribe("night", "dialog", 600);
    assert_eq!(answer.status(), Some(200), "{}", answer.text());
    hears(&mut watcher, "<state>terminated</state>");
    let mut other = phone(&lane, "6002", 2);
    for (version, state) in [(1, "confirmed"), (2, "terminated")] {
        let answer = other.invite("*28", SOON);
        assert_eq!(answer.status(), Some(480), "{}", answer.text());
        let told = hears(&mut watcher, &format!("<state>{state}</state>"));
        let version = format!("version=\"{version}\"");
        assert!(told.text().contains(&version), "{}", told.text());
    }
    let admin = Admin::of(&lane);
    assert!((admin.metrics().sum("bellhop_published") - 1.0).abs() < 0.1);
    let listed = admin.ask("GET", "/subscriptions", &[]);
    assert!(
        listed.body.contains("\"plugin\":\"night-switch\""),
        "{}",
        listed.body
    );
}

const SOON: Duration = Duration::from_secs(20);
