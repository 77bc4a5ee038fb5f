//! NOTIFYs that come before the answer to their SUBSCRIBE (RFC 6665 4.1.2.4), of a real presence server behind a proxy that
//! is late, and stays in the dialog.

use bellhop_tests::Transport::Udp;
use bellhop_tests::Way::{Relayed, Shared, TwoDialogs};
use bellhop_tests::{Kamailio, Lab, Lane, Phone, bellhop, until};
use std::time::Duration;

#[test]
fn a_notify_that_overtakes_the_answer_is_of_its_subscription() {
    for way in [Relayed, TwoDialogs, Shared] {
        let Some(lab) = Lab::or_skip() else { return };
        let lane = Lane::take();
        let Some(kamailio) = Kamailio::late(&lab, &lane) else {
            return;
        };
        let mut setup = way.of(bellhop::Setup::new(&lane));
        if way == Shared {
            setup.more += "upstream_expires = \"4s\"\nlinger = \"1s\"\n";
        }
        let _bellhop = setup.start();
        let phone = |n: u8| Phone::new(&format!("600{n}"), lane.phone(n), lane.bellhop(), Udp);
        let (mut publisher, mut watcher) = (phone(1), phone(2));
        publish(&mut publisher, "at the desk");
        let ok = watcher.subscribe("6001", "presence", 60);
        assert_eq!(ok.status(), Some(200), "{way:?} {}", ok.text());
        watcher.hear(&["Subscription-State: active;", "at the desk"]);
        until("the answer", PATIENCE, || {
            kamailio.log().contains("passes 200").then_some(())
        });
        let log = kamailio.log();
        assert!(log.find("passes NOTIFY") < log.find("passes 200"), "{log}");
        if way == Shared {
            // We refresh it in the dialog that the NOTIFY has begun.
            until("a refresh of ours", PATIENCE, || {
                (kamailio.log().matches("passes 200").count() > 1).then_some(())
            });
        } else {
            let again = watcher.subscribe_again(&ok, "presence", 60);
            assert_eq!(again.status(), Some(200), "{way:?} {}", again.text());
        }
        publish(&mut publisher, "at lunch");
        watcher.hear(&["Subscription-State: active;", "at lunch"]);
        let end = watcher.subscribe_again(&ok, "presence", 0);
        assert_eq!(end.status(), Some(200), "{way:?} {}", end.text());
        watcher.hear(&["Subscription-State: terminated"]);
        assert!(!kamailio.log().contains("record not found"), "{way:?}");
    }
}

fn publish(phone: &mut Phone, note: &str) {
    let lines = "Event: presence\r\nExpires: 60\r\nContent-Type: application/pidf+xml\r\n";
    let body = format!(
        "<?xml version=\"1.0\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:6001@bellhop.test\">\
         <tuple id=\"{}\"><status><basic>open</basic></status><note>{note}</note></tuple></presence>\n",
        note.replace(' ', "")
    );
    let ok = phone.ask("PUBLISH", "6001", lines, &body);
    assert_eq!(ok.status(), Some(200), "{}", ok.text());
}

const PATIENCE: Duration = Duration::from_secs(20);
