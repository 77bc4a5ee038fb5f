//! What a watcher may ask, and for how long it may go on asking.

use crate::party::*;
use bellhop_core::auth::Users;
use bellhop_core::policy::{Answer, Changes, Hook, Reply, Verdict};
use bellhop_core::subscription::Reg;
use bellhop_testkit::Script;
use std::sync::Arc;

/// Sends a SUBSCRIBE; gives it as the PBX has it, if it gets there.
fn relayed(party: &mut Party, id: &str, more: &str) -> Option<String> {
    let mut phone = party.guest(0, 200);
    let request = phone.request("SUBSCRIBE", "sip:6002@example.org", id, more);
    let request = authorized(&mut party.world, &mut phone, &request);
    say(&mut party.world, &phone, &request);
    party.world.expect_within(addr(PBX), SECOND)
}

/// RFC 4235 3.2: one dialog of the resource; RFC 4660: a filter. What is shared is all of it.
#[test]
fn who_asks_for_a_part_of_a_resource_is_relayed() {
    let filter = "Event: dialog\r\nContent-Type: application/simple-filter+xml\r\n\
                  Content-Length: 13\r\n\r\n<filter-set/>";
    for more in [
        "Event: dialog;call-id=\"a@b\";from-tag=1;to-tag=2\r\n",
        "Event: dialog;include-session-description\r\n",
        "Event: dialog;sla\r\n",
        filter,
    ] {
        let mut party = Party::new();
        let at_pbx = relayed(&mut party, "part", more).expect("a SUBSCRIBE at the PBX");
        assert_eq!(value(&at_pbx, "Call-ID"), "part", "{more}");
    }
    let mut party = Party::new();
    let (mut phone, id) = (party.guest(1, 200), "Event: dialog;id=7\r\n");
    assert_eq!(status_of(&party.subscribes(&mut phone, "id", id)), 200);
    party.run(SECOND);
    let last = party.heard_by(&phone).last().unwrap();
    assert_eq!(value(last, "Event"), "dialog;id=7");
}

/// RFC 3261 16.6, 12.1.1: a route that is cut leads nowhere.
#[test]
fn who_comes_by_more_hops_than_are_kept_is_relayed() {
    let mut party = Party::new();
    let hops = "Record-Route: <sip:192.0.2.9;lr>\r\n".repeat(17);
    let more = format!("Event: dialog\r\n{hops}");
    let at_pbx = relayed(&mut party, "far", &more).expect("a SUBSCRIBE at the PBX");
    assert_eq!(value(&at_pbx, "Call-ID"), "far");
}

/// RFC 6665 4.5: a second subscription in a dialog is refused, and is not taken for the first.
#[test]
fn another_id_in_the_dialog_of_a_watcher_neither_refreshes_nor_ends_it() {
    let mut party = Party::new();
    let (mut phone, ok) = party.watcher(0);
    for (cseq, expires) in [(50, 300), (51, 0)] {
        let other = again(&mut phone, &ok, cseq, expires);
        let other = other.replace("Event: dialog", "Event: dialog;id=9");
        assert_eq!(status_of(&party.sends(&phone, &other)), 403);
    }
    assert_eq!(known(&party.world).len(), 1);
}

/// RFC 6665 8.2: there it is mandatory.
#[test]
fn a_489_says_which_events_there_are() {
    let mut config = sharing();
    config.subscriptions.reg = Reg::Own;
    let mut party = Party::of(config);
    let (mut phone, ok) = party.watcher(0);
    let other = again(&mut phone, &ok, 60, 300).replace("Event: dialog", "Event: presence");
    let answer = party.sends(&phone, &other);
    assert_eq!(status_of(&answer), 489);
    assert_eq!(
        value(&answer, "Allow-Events"),
        "dialog, presence, message-summary, reg"
    );
}

/// RFC 3261 8.2.3.
#[test]
fn a_body_is_not_taken_where_nobody_else_could_understand_it() {
    let mut config = sharing();
    config.subscriptions.reg = Reg::Any;
    let mut party = Party::of(config);
    let mut phone = party.guest(0, 200);
    let more = "Event: reg\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc";
    let answer = party.subscribes(&mut phone, "body", more);
    assert_eq!((status_of(&answer), value(&answer, "Accept")), (415, ""));
}

/// Our signature proves the dialog, not that its user is one still.
#[test]
fn a_user_who_was_taken_away_watches_until_his_time_is_over_and_no_longer() {
    let mut party = Party::new();
    let (mut phone, ok) = party.watcher(0);
    let (mut other, other_ok) = party.watcher(1);
    let mut fewer = auth();
    let left = fewer.users.iter().filter(|user| user.name != "6001");
    fewer.users = Arc::new(Users::new(left.map(|user| (**user).clone()).collect()).unwrap());
    party.world.reconfigure(0, sharing(), fewer);
    let refresh = again(&mut phone, &ok, 50, 600);
    let challenge = party.sends(&phone, &refresh);
    assert_eq!(status_of(&challenge), 407, "{challenge}");
    let algorithm = bellhop_core::auth::Algorithm::Sha256;
    let proven = phone.authorize(&refresh, &challenge, algorithm).unwrap();
    assert_eq!(status_of(&party.sends(&phone, &proven)), 407);
    let refresh = again(&mut other, &other_ok, 50, 1_200);
    assert_eq!(status_of(&party.sends(&other, &refresh)), 200);
    party.run(Duration::from_secs(610));
    let last = party.heard_by(&phone).last().unwrap();
    assert_eq!(
        value(last, "Subscription-State"),
        "terminated;reason=timeout"
    );
    assert_eq!(known(&party.world).len(), 1);
    // Nothing is gained by keeping him who wants to go.
    party.world.reconfigure(0, sharing(), auth());
    let (mut phone, ok) = party.watcher(3);
    party.world.reconfigure(0, sharing(), {
        let mut none = auth();
        none.users = Arc::new(Users::new(Vec::new()).unwrap());
        none
    });
    let end = again(&mut phone, &ok, 50, 0);
    assert_eq!(status_of(&party.sends(&phone, &end)), 200);
}

/// A wall clock that was wrong when the program stopped, and is put right.
#[test]
fn a_clock_that_was_put_back_makes_no_watcher_that_stays_for_ever() {
    let mut party = Party::on(crate::held::quick);
    party.watcher(0);
    party.world.now.unix -= Duration::from_secs(400 * 86_400);
    party.restart();
    for _ in 0..24 * 60 {
        party.run(Duration::from_secs(60));
    }
    party.run(SECOND);
    assert!(known(&party.world).is_empty());
}

/// What a plugin says is asked for is what is watched, under the name that the watcher knows.
#[test]
fn a_request_uri_that_a_policy_changes_decides_what_is_watched() {
    let mut party = Party::new();
    let (policy, _) = Script::new(&[Hook::Request], |ask, _| {
        ask.changes.set_uri("sip:6003@example.org").expect("a URI");
        Answer::Now(Verdict::Continue)
    });
    party.world.set_policy(0, policy);
    let (phone, _) = party.watcher(0);
    assert!(
        party.asked[0].starts_with("SUBSCRIBE sip:6003@"),
        "{}",
        party.asked[0]
    );
    let last = party.heard_by(&phone).last().unwrap();
    assert!(last.contains("entity=\"sip:6002@example.org\""), "{last}");
}

/// RFC 6665 4.2.1.2: each SUBSCRIBE is authorised, a refresh too.
#[test]
fn a_refresh_that_a_policy_refuses_lengthens_nothing() {
    let mut party = Party::new();
    let (mut phone, ok) = party.watcher(0);
    let (policy, _) = Script::new(&[Hook::Request], |_, _| {
        Answer::Now(Verdict::Reply(Reply {
            status: 403,
            reason: None,
            headers: Changes::default(),
            body: None,
        }))
    });
    party.world.set_policy(0, policy);
    let refresh = again(&mut phone, &ok, 50, 3_000);
    assert_eq!(status_of(&party.sends(&phone, &refresh)), 403);
    party.run(Duration::from_secs(610));
    assert!(known(&party.world).is_empty());
}
