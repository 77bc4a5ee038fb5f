//! A PBX that is restarted between two probes, so that each of them is answered: what it has forgotten is found out by what
//! is asked beside them.

use crate::party::*;
use bellhop_core::config::Config;
use bellhop_core::subscription::Cause;

const PROBE: Duration = Duration::from_secs(10);

fn probing() -> Config {
    let mut config = sharing();
    config.upstreams[0].probe = Some(PROBE);
    config
}

#[test]
fn a_pbx_that_was_restarted_between_two_probes_is_asked_for_all_at_the_next() {
    let mut party = Party::of(probing());
    let (phone, _) = party.watcher(0);
    let mut other = party.guest(1, 200);
    party.subscribes(
        &mut other,
        "presence",
        "Event: presence\r\nExpires: 600\r\n",
    );
    // Nothing happens to who knows what it should.
    party.run(5 * PROBE);
    assert_eq!(party.asked.len(), 2);
    assert!((4..=5).contains(&party.questions.len()));
    party.forgets();
    party.lamp = "confirmed".to_owned();
    party.heard();
    party.run(PROBE + SECOND);
    // Each in the dialog that it had, and then anew.
    assert_eq!(party.asked.len(), 6);
    for phone in [&phone, &other] {
        let last = party.heard_by(phone).last().expect("a NOTIFY");
        assert_eq!(lamp_of(last).1, "confirmed");
    }
    party.run(5 * PROBE);
    assert_eq!(party.asked.len(), 6);
}

/// RFC 3261 12.2.2: a number that was used changes nothing in the dialog, whatever its PBX makes of it.
#[test]
fn the_question_is_asked_in_the_youngest_dialog_and_takes_no_number_of_it() {
    let mut party = Party::of(probing());
    party.watcher(0);
    let mut other = party.guest(1, 200);
    party.subscribes(
        &mut other,
        "presence",
        "Event: presence\r\nExpires: 600\r\n",
    );
    party.run(2 * PROBE);
    let (question, asked) = (&party.questions[1], &party.asked[1]);
    assert_eq!(value(question, "Call-ID"), value(asked, "Call-ID"));
    assert_eq!(value(question, "From"), value(asked, "From"));
    assert_eq!(value(question, "CSeq"), "1 OPTIONS");
    assert!(value(question, "To").ends_with(";tag=tpbx"), "{question}");
    // What is asked next in it has the next one.
    party.run(Duration::from_secs(3_000));
    assert_eq!(value(&party.asked[2], "CSeq"), "2 SUBSCRIBE");
}

#[test]
fn a_pbx_that_says_of_each_dialog_that_it_knows_none_is_asked_more_and_more_seldom() {
    let mut party = Party::of(probing());
    party.is_forgetful = true;
    let mut phone = party.guest(0, 200);
    party.subscribes(&mut phone, "long", "Event: dialog\r\nExpires: 3600\r\n");
    party.run(SECOND);
    party.heard();
    slowly(&mut party, 500);
    // Of fifty probes.
    assert!(party.questions.len() <= 6, "{}", party.questions.len());
    assert!(party.asked.len() <= 7, "{}", party.asked.len());
    // Its lamp has not flickered.
    let heard = party.heard_by(&phone);
    assert!(
        heard
            .iter()
            .all(|one| value(one, "Subscription-State").starts_with("active"))
    );
    party.is_forgetful = false;
    slowly(&mut party, 800);
    let before = party.questions.len();
    slowly(&mut party, 100);
    assert_eq!(party.questions.len(), before + 10);
}

#[test]
fn nobody_asks_about_dialogs_without_probes() {
    let mut party = Party::of(sharing());
    party.watcher(0);
    party.run(5 * PROBE);
    assert!(party.questions.is_empty());
}

/// Each asks about its own, and one that learns that the PBX has forgotten tells the others.
#[test]
fn with_several_shards_one_that_has_no_subscription_of_ours_asks_nothing() {
    let mut config = probing();
    config.registrar.leases.shards = 4;
    let mut party = Party::of_shards(4, config);
    let (phone, _) = party.watcher(0);
    party.run(2 * PROBE);
    assert_eq!(party.questions.len(), 2);
    party.forgets();
    party.lamp = "confirmed".to_owned();
    party.run(PROBE + SECOND);
    let last = party.heard_by(&phone).last().expect("a NOTIFY");
    assert_eq!(lamp_of(last).1, "confirmed");
}

#[test]
fn the_phone_of_a_relayed_subscription_that_a_quick_restart_has_cost_is_told_to_subscribe_anew() {
    let mut party = Party::of({
        let mut config = probing();
        config.subscriptions.share = Vec::new();
        config
    });
    let phones: Vec<Peer> = (0..3)
        .map(|n| {
            let mut phone = party.guest(n, 200);
            let request = phone.request(
                "SUBSCRIBE",
                "sip:6002@example.org",
                &format!("r{n}"),
                DIALOG,
            );
            let request = authorized(&mut party.world, &mut phone, &request);
            say(&mut party.world, &phone, &request);
            party.run(SECOND);
            phone
        })
        .collect();
    assert_eq!(states(&party.world), ["active", "active", "active"]);
    party.run(3 * PROBE);
    assert!(
        (2..=3).contains(&party.questions.len()),
        "{}",
        party.questions.len()
    );
    party.heard();
    party.forgets();
    party.run(PROBE + SECOND);
    for phone in &phones {
        let last = party.heard_by(phone).last().expect("a NOTIFY");
        let state = value(last, "Subscription-State");
        assert_eq!(state, "terminated;reason=deactivated");
    }
    assert_eq!(gone(&party.world, Cause::Deactivated), 3);
}

/// So many seconds, in steps so small that nothing is sent twice.
fn slowly(party: &mut Party, seconds: u32) {
    for _ in 0..seconds {
        party.run(SECOND);
    }
}
