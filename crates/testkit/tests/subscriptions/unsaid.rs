//! A PBX that answers a question in a dialog without a look at the dialog, and was restarted between two probes.

use crate::party::*;

const PROBE: Duration = Duration::from_secs(10);

#[test]
fn where_a_question_says_nothing_of_its_dialog_the_subscription_is_refreshed_and_all_are_if_it_is_gone()
 {
    for status in [200, 401, 404, 405, 407] {
        let mut party = probed(status);
        let (phone, _) = party.watcher(0);
        let mut other = party.guest(1, 200);
        let presence = "Event: presence\r\nExpires: 600\r\n";
        party.subscribes(&mut other, "presence", presence);
        party.run(SECOND);
        party.heard();
        passes(&mut party, 5);
        // The youngest, beside each probe; the watchers hear nothing of it.
        let asked = party.asked.len();
        assert!((6..=7).contains(&asked), "{status}: {asked}");
        assert_eq!(party.heard(), 0);
        let first = value(&party.asked[1], "Call-ID").to_owned();
        assert!(
            party.asked[2..]
                .iter()
                .all(|a| value(a, "Call-ID") == first)
        );
        party.forgets();
        party.lamp = "confirmed".to_owned();
        passes(&mut party, 2);
        for phone in [&phone, &other] {
            let last = party.heard_by(phone).last().expect("a NOTIFY");
            assert_eq!(lamp_of(last).1, "confirmed", "{status}");
        }
    }
}

/// It is let go as it would be without a question.
#[test]
fn one_that_nobody_watches_any_more_is_not_refreshed_for_a_question() {
    let mut party = probed(200);
    let (mut phone, ok) = party.watcher(0);
    let end = again(&mut phone, &ok, 50, 0);
    assert_eq!(status_of(&party.sends(&phone, &end)), 200);
    passes(&mut party, 2);
    assert_eq!(party.asked.len(), 1);
    passes(&mut party, 2);
    assert_eq!(value(&party.asked[1], "Expires"), "0");
}

#[test]
fn a_pbx_in_trouble_is_not_asked_for_more() {
    for status in [500, 503] {
        let mut party = probed(status);
        party.watcher(0);
        passes(&mut party, 3);
        assert_eq!(party.asked.len(), 1, "{status}");
    }
}

/// A PBX that is probed, and says this to each question.
fn probed(status: u16) -> Party {
    let mut config = sharing();
    config.upstreams[0].probe = Some(PROBE);
    let mut party = Party::of(config);
    party.says_anyway = Some(status);
    party
}

/// So many probes go by, so finely that the PBX answers in time.
fn passes(party: &mut Party, probes: u32) {
    for _ in 0..10 * probes {
        party.run(SECOND);
    }
}
