//! A scene: phones, Bellhop, and a Kamailio behind it that lets nobody watch a user before he has said so. User 6001 is
//! the one who is watched.

use crate::admin::Admin;
use crate::bellhop::{self, Bellhop};
use crate::deadline::holds_within;
use crate::kamailio::Kamailio;
use crate::lab::Lab;
use crate::lane::{Lane, Transport};
use crate::message::Message;
use crate::phone::Phone;
use crate::way::Way;
use std::time::Duration;

/// The scene. Phone `n` is user 600`n`.
#[derive(Debug)]
pub struct Judged {
    /// Bellhop; its admin port is open.
    pub bellhop: Bellhop,
    /// The presence server.
    pub kamailio: Kamailio,
    /// The lab.
    pub lab: Lab,
    /// Its addresses.
    pub lane: Lane,
    publisher: Phone,
    /// What his publication is known by.
    tag: String,
}

impl Judged {
    /// Watched in this way. Without a lab the calling test is counted as skipped.
    pub fn or_skip(way: Way) -> Option<Self> {
        Self::with(way, false, |setup| setup)
    }

    /// As [`Judged::or_skip`]; `keeps`: Kamailio's subscriptions outlive it. `setup` may change Bellhop's configuration,
    /// whose last section is `[subscriptions]` if they are shared.
    pub fn with(
        way: Way,
        keeps: bool,
        setup: impl FnOnce(bellhop::Setup) -> bellhop::Setup,
    ) -> Option<Self> {
        let lab = Lab::or_skip()?;
        let lane = Lane::take();
        let kamailio = Kamailio::judging(&lab, &lane, keeps)?;
        let mut own = bellhop::Setup::new(&lane).only("MD5");
        own.more += &format!("[admin]\nbind = \"{}\"\n", Admin::of(&lane).address());
        let bellhop = setup(way.of(own)).start();
        let publisher = Phone::new("6001", lane.phone(1), lane.bellhop(), Transport::Udp);
        Some(Self {
            bellhop,
            kamailio,
            lab,
            lane,
            publisher,
            tag: String::new(),
        })
    }

    /// A scripted phone.
    pub fn phone(&self, n: u8, transport: Transport) -> Phone {
        let user = format!("600{n}");
        Phone::new(&user, self.lane.phone(n), self.lane.bellhop(), transport)
    }

    /// The phone of the one who is watched.
    pub fn watched(&mut self) -> &mut Phone {
        &mut self.publisher
    }

    /// He publishes this note, in place of what he has published before.
    ///
    /// # Panics
    /// If that is not answered 200.
    pub fn publish(&mut self, note: &str) {
        let known = match &*self.tag {
            "" => String::new(),
            tag => format!("SIP-If-Match: {tag}\r\n"),
        };
        let lines = format!(
            "Event: presence\r\nExpires: 600\r\n{known}Content-Type: application/pidf+xml\r\n"
        );
        let ok = self
            .publisher
            .ask("PUBLISH", "6001", &lines, &presence(note));
        assert_eq!(ok.status(), Some(200), "{}", ok.text());
        ok.header("SIP-ETag").clone_into(&mut self.tag);
    }

    /// The presence server has lost what was published: the next is the first.
    pub fn is_published_no_more(&mut self) {
        self.tag.clear();
    }

    /// He says who may see him: watchers and what is done with them.
    pub fn decide(&mut self, rules: &[(&str, &str)]) {
        self.kamailio.decide("6001", rules);
    }

    /// Waits until `bellhop ctl subscriptions presence` says that they stand so.
    ///
    /// # Panics
    /// If they do not in time.
    pub fn stand(&self, expected: &[&str]) {
        let admin = Admin::of(&self.lane);
        let mut said = String::new();
        let stands = holds_within(PATIENCE, || {
            said = admin.ctl(&["subscriptions", "presence"]);
            let state = |line: &str| line.split('\t').nth(3).unwrap_or_default().to_owned();
            let states: Vec<String> = said.lines().map(state).collect();
            match expected {
                [] => said.starts_with("no subscriptions"),
                all => states == all,
            }
        });
        assert!(stands, "{expected:?}: {said}");
    }
}

/// Waits until a phone is told that it is over for this reason.
///
/// # Panics
/// If it is not.
pub fn is_over(phone: &mut Phone, reason: &str) {
    phone.hear(&[&format!(
        "Subscription-State: terminated;reason={reason}\r\n"
    )]);
}

/// Waits until a phone is told that nothing is decided.
///
/// # Panics
/// If it is not, or is told more than that.
pub fn is_pending(phone: &mut Phone) -> Message {
    let told = phone.hear(&["Subscription-State: pending;expires="]);
    assert_eq!(told.header("Content-Length"), "0", "{}", told.text());
    told
}

/// What user 6001 publishes of himself (RFC 3863).
pub fn presence(note: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         entity=\"sip:6001@bellhop.test\"><tuple id=\"a\"><status><basic>open</basic></status>\
         <note>{note}</note></tuple></presence>\n"
    )
}

const PATIENCE: Duration = Duration::from_secs(20);
