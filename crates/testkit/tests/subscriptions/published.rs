//! State that a plugin publishes, and its watchers.

use crate::held::quick;
use crate::party::*;
use bellhop_core::registrar::Aor;
use bellhop_core::share::{Publication, Unpublished};

const KIND: &str = "application/dialog-info+xml";

fn lamp(state: &str) -> String {
    format!(
        "<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"0\" state=\"full\" \
         entity=\"sip:night@example.org\"><dialog id=\"night\"><state>{state}</state></dialog></dialog-info>"
    )
}

fn publishes(party: &mut Party, body: &str, lasts: Option<Duration>) -> Result<bool, Unpublished> {
    let resource = Aor::parse_text("sip:6002@example.org").unwrap();
    let publication = Publication {
        owner: "night",
        resource: &resource,
        package: "dialog",
        kind: KIND,
        body: body.as_bytes(),
        lasts,
    };
    let now = party.world.now.instant;
    let done = party.world.nodes[0].shared.held.publish(now, publication);
    party.world.published(0);
    party.run(Duration::from_millis(100));
    done
}

fn last(party: &Party, phone: &Peer) -> String {
    let last = party.heard_by(phone).last().expect("a NOTIFY");
    lamp_of(last).1.to_owned()
}

#[test]
fn it_is_told_at_once_with_each_change_and_the_pbx_is_not_asked() {
    let mut party = Party::new();
    publishes(&mut party, &lamp("confirmed"), None).unwrap();
    let (phone, _) = party.watcher(0);
    let first = party.heard_by(&phone)[0].clone();
    assert!(value(&first, "Subscription-State").starts_with("active;"));
    assert_eq!(lamp_of(&first), (0, "confirmed"));
    assert!(first.contains("entity=\"sip:6002@example.org\""), "{first}");
    publishes(&mut party, &lamp("terminated"), None).unwrap();
    let second = party.heard_by(&phone).last().unwrap().clone();
    assert_eq!(lamp_of(&second), (1, "terminated"));
    party.run(Duration::from_secs(300));
    assert!(party.asked.is_empty());
}

#[test]
fn after_a_crash_it_stands_as_it_was_until_it_is_over_or_its_publisher_is_no_more() {
    for is_over in [true, false] {
        let mut party = Party::on(quick);
        let lasts = is_over.then_some(Duration::from_secs(100));
        publishes(&mut party, &lamp("confirmed"), lasts).unwrap();
        let (phone, _) = party.watcher(0);
        party.heard();
        party.restart();
        party.run(SECOND);
        assert_eq!(last(&party, &phone), "confirmed");
        assert!(party.asked.is_empty());
        match is_over {
            true => party.run(Duration::from_secs(102)),
            false => {
                let held = &party.world.nodes[0].shared.held;
                held.keep_owners(|owner| owner == "night");
                held.keep_owners(|owner| owner == "day");
                party.world.published(0);
                party.run(Duration::from_secs(2));
            }
        }
        // The PBX's word counts.
        assert_eq!(last(&party, &phone), "terminated", "{is_over}");
        party.restart();
        party.run(SECOND);
        assert_eq!(last(&party, &phone), "terminated", "{is_over}");
    }
}

#[test]
fn the_same_once_more_is_told_to_nobody() {
    let mut party = Party::new();
    assert_eq!(publishes(&mut party, &lamp("early"), None), Ok(true));
    let (phone, _) = party.watcher(0);
    let before = party.heard_by(&phone).len();
    assert_eq!(publishes(&mut party, &lamp("early"), None), Ok(false));
    assert_eq!(party.heard_by(&phone).len(), before);
}

#[test]
fn it_goes_before_what_the_pbx_says_and_gives_way_to_that_when_it_is_taken_back() {
    let mut party = Party::new();
    let (phone, _) = party.watcher(0);
    party.changes("early");
    party.run(SECOND);
    assert_eq!(last(&party, &phone), "early");
    publishes(&mut party, &lamp("confirmed"), None).unwrap();
    assert_eq!(last(&party, &phone), "confirmed");
    // What the PBX says meanwhile is not seen, and not lost.
    party.changes("trying");
    party.run(SECOND);
    assert_eq!(last(&party, &phone), "confirmed");
    publishes(&mut party, "", None).unwrap();
    assert_eq!(last(&party, &phone), "trying");
}

#[test]
fn what_the_pbx_was_not_asked_for_it_is_asked_for_when_the_time_is_over() {
    let mut party = Party::new();
    publishes(
        &mut party,
        &lamp("confirmed"),
        Some(Duration::from_secs(60)),
    )
    .unwrap();
    let (phone, _) = party.watcher(0);
    party.run(Duration::from_secs(30));
    assert!(party.asked.is_empty());
    publishes(
        &mut party,
        &lamp("confirmed"),
        Some(Duration::from_secs(60)),
    )
    .unwrap();
    party.run(Duration::from_secs(50));
    assert!(party.asked.is_empty());
    party.run(Duration::from_secs(20));
    assert_eq!(party.asked.len(), 1);
    assert_eq!(last(&party, &phone), "terminated");
}

#[test]
fn without_a_pbx_and_unshared_it_is_watched_as_long_as_it_is_there() {
    let mut config = config();
    (config.default_upstream, config.upstreams) = (None, Vec::new());
    let mut party = Party::of(config);
    publishes(&mut party, &lamp("confirmed"), None).unwrap();
    let (phone, _) = party.watcher(0);
    assert_eq!(last(&party, &phone), "confirmed");
    publishes(&mut party, "", None).unwrap();
    let over = party.heard_by(&phone).last().unwrap().clone();
    assert_eq!(
        value(&over, "Subscription-State"),
        "terminated;reason=noresource"
    );
    let mut late = party.guest(1, 200);
    let answer = party.subscribes(&mut late, "late", DIALOG);
    assert_eq!(status_of(&answer), 480, "{answer}");
}

#[test]
fn a_pbx_that_refuses_meanwhile_ends_nobody() {
    let mut party = Party::new();
    let (phone, _) = party.watcher(0);
    publishes(&mut party, &lamp("confirmed"), None).unwrap();
    let asked = party.asked[0].clone();
    party.tells(&asked, "terminated;reason=noresource");
    party.run(Duration::from_secs(30));
    assert_eq!(last(&party, &phone), "confirmed");
    assert_eq!(known(&party.world).len(), 1);
}

#[test]
fn what_cannot_be_told_is_refused_with_a_reason() {
    let mut party = Party::new();
    let malformed = |done| matches!(done, Err(Unpublished::Malformed(_)));
    assert!(malformed(publishes(&mut party, "no document", None)));
    let part = lamp("early").replacen("\"full\"", "\"partial\"", 1);
    assert!(malformed(publishes(&mut party, &part, None)));
    let large = lamp(&"x".repeat(20_000));
    assert_eq!(
        publishes(&mut party, &large, None),
        Err(Unpublished::TooLarge)
    );
}

#[test]
fn one_publisher_has_so_much_and_no_more_and_another_does_not_change_what_is_his() {
    let party = Party::new();
    let (held, now) = (&party.world.nodes[0].shared.held, party.world.now.instant);
    let body = lamp("early");
    let publish = |owner: &str, n: u32| {
        let resource = Aor::parse_text(&format!("sip:{n}@example.org")).unwrap();
        let publication = Publication {
            owner,
            resource: &resource,
            package: "dialog",
            kind: KIND,
            body: body.as_bytes(),
            lasts: None,
        };
        held.publish(now, publication)
    };
    for n in 0..10_000 {
        assert_eq!(publish("one", n), Ok(true));
    }
    assert_eq!(publish("one", 10_000), Err(Unpublished::Full));
    assert_eq!(publish("one", 5), Ok(false));
    assert_eq!(publish("other", 10_000), Ok(true));
    assert!(matches!(
        publish("other", 5),
        Err(Unpublished::Malformed(_))
    ));
    held.forget_owner("one");
    assert_eq!(held.list(now, 10).1, 1);
    assert_eq!(publish("one", 7), Ok(true));
}
