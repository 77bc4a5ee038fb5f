//! Mailboxes of which the PBX tells unasked (RFC 3842), and their watchers.

use crate::held::quick;
use crate::party::*;
use bellhop_core::lease::Mode;

const MAIL: &str = "Event: message-summary\r\nExpires: 600\r\n";
const BOX: &str = "sip:6001@192.0.2.1:5060";

/// A NOTIFY of the PBX outside of any dialog: so many new messages.
fn unasked(party: &mut Party, id: &str, messages: u32) {
    let body = format!(
        "Messages-Waiting: {}\r\nMessage-Account: sip:asterisk@pbx\r\nVoice-Message: {messages}/0 (0/0)\r\n",
        if messages > 0 { "yes" } else { "no" }
    );
    let lines = format!(
        "Event: message-summary\r\nSubscription-State: terminated\r\n\
         Content-Type: application/simple-message-summary\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut p = pbx();
    p.user = format!("mwi{id}");
    let notify = p.request("NOTIFY", BOX, id, &lines);
    say(&mut party.world, &p, &notify);
}

/// A phone of 6001, number `n`, that watches its own mailbox.
fn watches(party: &mut Party, n: u16) -> Peer {
    let mut phone = party.guest(n * 3, 200);
    let request = phone.request(
        "SUBSCRIBE",
        "sip:6001@example.org",
        &format!("mail{n}"),
        MAIL,
    );
    let request = authorized(&mut party.world, &mut phone, &request);
    let ok = party.sends(&phone, &request);
    assert_eq!(status_of(&ok), 200, "{ok}");
    party.run(SECOND);
    phone
}

fn registers(party: &mut Party, n: u16) -> Peer {
    let mut phone = party.guest(n * 3, 200);
    register(&mut party.world, &mut phone);
    party.run(SECOND);
    phone
}

fn said(notify: &str) -> (&str, &str) {
    (
        value(notify, "Subscription-State"),
        value(notify, "Voice-Message"),
    )
}

fn voice(notify: &str) -> &str {
    let line = notify.split("Voice-Message: ").nth(1).unwrap_or_default();
    line.split("\r\n").next().unwrap_or_default()
}

#[test]
fn who_watches_hears_of_it_while_the_pbx_holds_a_subscription_too() {
    let mut party = Party::new();
    let phone = watches(&mut party, 1);
    assert_eq!(party.asked.len(), 1);
    let asked = party.asked[0].clone();
    let kind = "application/simple-message-summary";
    party.tells_body(
        &asked,
        "active",
        kind,
        "Messages-Waiting: no\r\nVoice-Message: 0/0\r\n",
    );
    party.run(SECOND);
    unasked(&mut party, "one", 2);
    party.run(SECOND);
    assert_eq!(voice(party.heard_by(&phone).last().unwrap()), "2/0 (0/0)");
    // The later word counts, whichever way it comes.
    party.tells_body(
        &asked,
        "active",
        kind,
        "Messages-Waiting: yes\r\nVoice-Message: 3/0\r\n",
    );
    party.run(SECOND);
    assert_eq!(voice(party.heard_by(&phone).last().unwrap()), "3/0");
}

#[test]
fn a_pbx_that_refuses_the_subscription_leaves_watchers_what_it_says_unasked() {
    for status in [404, 489, 500] {
        let mut party = Party::new();
        party.manner = (status, "");
        registers(&mut party, 5);
        unasked(&mut party, "before", 1);
        party.run(SECOND);
        let phone = watches(&mut party, 1);
        party.run(Duration::from_secs(120));
        let last = party.heard_by(&phone).last().unwrap();
        assert!(
            said(last).0.starts_with("active;expires="),
            "{status} {last}"
        );
        assert_eq!(voice(last), "1/0 (0/0)");
        unasked(&mut party, "after", 4);
        party.run(SECOND);
        let last = party.heard_by(&phone).last().unwrap();
        assert_eq!(voice(last), "4/0 (0/0)", "{status}");
        assert!(
            last.contains("Message-Account: sip:6001@example.org\r\n"),
            "{last}"
        );
        let asked = party.asked.len();
        assert!(asked < 12, "{status}: asked {asked} times");
    }
}

#[test]
fn after_a_crash_the_last_word_on_a_mailbox_is_there_for_who_watches_and_who_comes() {
    let mut party = Party::on(quick);
    party.manner = (404, "");
    registers(&mut party, 5);
    unasked(&mut party, "before", 7);
    party.run(SECOND);
    let watching = watches(&mut party, 1);
    party.heard();
    party.restart();
    party.run(Duration::from_secs(20));
    let last = party.heard_by(&watching).last().expect("a NOTIFY");
    assert!(said(last).0.starts_with("active;expires="), "{last}");
    assert_eq!(voice(last), "7/0 (0/0)");
    let later = watches(&mut party, 2);
    assert_eq!(voice(&party.heard_by(&later)[0]), "7/0 (0/0)");
    // The PBX's next word goes before it.
    unasked(&mut party, "after", 1);
    party.run(SECOND);
    assert_eq!(voice(party.heard_by(&later).last().unwrap()), "1/0 (0/0)");
}

#[test]
fn one_that_refuses_and_has_said_nothing_ends_them() {
    let mut party = Party::new();
    party.manner = (404, "");
    let phone = watches(&mut party, 1);
    let last = party.heard_by(&phone).last().unwrap();
    assert_eq!(said(last).0, "terminated;reason=noresource");
}

#[test]
fn who_subscribes_later_hears_it_at_once() {
    let mut party = Party::new();
    registers(&mut party, 5);
    unasked(&mut party, "before", 7);
    party.run(SECOND);
    party.is_silent = true;
    let phone = watches(&mut party, 1);
    let first = &party.heard_by(&phone)[0];
    assert!(said(first).0.starts_with("active;expires="), "{first}");
    assert_eq!(voice(first), "7/0 (0/0)");
}

#[test]
fn phones_that_have_not_subscribed_are_sent_it_as_ever() {
    let mut party = Party::new();
    let phone = registers(&mut party, 5);
    unasked(&mut party, "relayed", 3);
    party.run(SECOND);
    let heard = party.heard_by(&phone);
    assert_eq!(heard.len(), 1);
    assert_eq!(value(&heard[0], "Call-ID"), "relayed");
    assert!(party.complaints.is_empty(), "{:?}", party.complaints);
}

#[test]
fn a_phone_that_registers_later_is_sent_the_last_one() {
    let mut party = Party::new();
    registers(&mut party, 5);
    unasked(&mut party, "early", 3);
    party.run(SECOND);
    let late = registers(&mut party, 6);
    let heard = party.heard_by(&late).to_vec();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!(voice(&heard[0]), "3/0 (0/0)");
    assert_eq!(value(&heard[0], "Event"), "message-summary");
    assert_eq!(value(&heard[0], "Subscription-State"), "terminated");
    assert!(!value(&heard[0], "To").contains("tag="));
    // A refresh is none that comes anew.
    let mut same = late.clone();
    register(&mut party.world, &mut same);
    party.run(SECOND);
    assert_eq!(party.heard_by(&late).len(), 1);
}

/// Where the PBX hears of each phone it tells each by itself.
#[test]
fn where_the_pbx_hears_of_each_phone_nothing_is_sent_twice() {
    let mut config = sharing();
    config.registrar.leases.mode = Mode::Contact;
    let mut party = Party::of(config);
    for n in [5, 6] {
        let mut phone = party.guest(n * 3, 200);
        let contact = format!("Contact: <sip:6001@{}>\r\n", phone.address);
        let id = format!("register{n}");
        let request = register_of(&mut phone, "sip:6001@example.org", &id, &contact, "");
        let request = authorized(&mut party.world, &mut phone, &request);
        say(&mut party.world, &phone, &request);
        party.run(SECOND);
        assert!(party.heard_by(&phone).is_empty());
        unasked(&mut party, "told", 2);
        party.run(SECOND);
    }
    assert_eq!(party.world.nodes[0].shared.location.len(), 2);
    assert_eq!(party.world.nodes[0].shared.held.mailboxes(), 1);
}

/// A PBX with a contact of its own for the user tells whether anybody is there or not.
#[test]
fn with_nobody_registered_it_is_kept_for_who_comes_and_the_pbx_is_told_200() {
    let mut party = Party::new();
    unasked(&mut party, "nobody", 2);
    party.run(SECOND);
    assert!(party.complaints.is_empty(), "{:?}", party.complaints);
    let phone = registers(&mut party, 5);
    assert_eq!(voice(&party.heard_by(&phone)[0]), "2/0 (0/0)");
}

#[test]
fn nobody_but_the_pbx_is_believed_and_nothing_is_kept_unless_mailboxes_are_shared() {
    let mut party = Party::new();
    registers(&mut party, 5);
    let mut stranger = party.guest(9, 200);
    let lines = "Event: message-summary\r\nSubscription-State: active\r\n\
                 Content-Type: application/simple-message-summary\r\nContent-Length: 22\r\n\r\n\
                 Messages-Waiting: yes\r\n";
    let notify = stranger.request("NOTIFY", BOX, "stranger", lines);
    let notify = authorized(&mut party.world, &mut stranger, &notify);
    say(&mut party.world, &stranger, &notify);
    party.run(SECOND);
    assert_eq!(party.world.nodes[0].shared.held.mailboxes(), 0);
    let mut party = Party::of(config());
    registers(&mut party, 5);
    unasked(&mut party, "off", 2);
    party.run(SECOND);
    assert_eq!(party.world.nodes[0].shared.held.mailboxes(), 0);
}
