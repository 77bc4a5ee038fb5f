//! Lamps that do not go dark: Bellhop is killed while phones watch.

use crate::held::{LATE, on_disk, quick};
use crate::party::*;
use bellhop_core::subscription::Cause;

fn cseq_of(message: &str) -> u32 {
    let number = value(message, "CSeq").split(' ').next().unwrap();
    number.parse().unwrap()
}

#[test]
fn after_a_crash_every_lamp_is_right_again_and_no_phone_has_asked() {
    let mut party = Party::on(quick);
    let phones: Vec<Peer> = (0..20).map(|n| party.watcher(n).0).collect();
    let first = party.asked[0].clone();
    party.changes("early");
    party.run(SECOND);
    let last: Vec<String> = phones
        .iter()
        .map(|phone| party.heard_by(phone).last().unwrap().clone())
        .collect();
    party.heard();
    // It changes while nobody is there to hear of it.
    party.lamp = "confirmed".to_owned();
    party.restart();
    assert_eq!(known(&party.world).len(), 20);
    party.run(SECOND);
    for (phone, before) in phones.iter().zip(&last) {
        let heard = party.heard_by(phone);
        assert_eq!(heard.len(), 1);
        let (version, lamp) = lamp_of(&heard[0]);
        assert_eq!(lamp, "confirmed");
        assert!(version > lamp_of(before).0, "{version}");
        assert!(cseq_of(&heard[0]) > cseq_of(before));
        for name in ["Call-ID", "From", "To", "Event"] {
            assert_eq!(value(&heard[0], name), value(before, name));
        }
    }
    // The PBX was asked once, in the dialog that it had.
    assert_eq!(party.asked.len(), 2);
    let second = party.asked[1].clone();
    assert_eq!(value(&second, "Call-ID"), value(&first, "Call-ID"));
    assert!(value(&second, "To").contains(";tag=tpbx"), "{second}");
    assert!(cseq_of(&second) > cseq_of(&first));
    party.heard();
    party.changes("terminated");
    party.run(SECOND);
    assert_eq!(party.heard(), 20);
    assert!(party.complaints.is_empty(), "{:?}", party.complaints);
}

/// RFC 3261 12.2.1.1, RFC 4235 4.3.
#[test]
fn numbers_rise_over_any_number_of_crashes() {
    let mut party = Party::on(quick);
    let (phone, _) = party.watcher(0);
    let mut last = (0, 0);
    for round in 0..30_u32 {
        // At any moment: before anything is told, in the midst of it, and after many changes.
        for change in 0..round % 4 {
            party.changes(["early", "confirmed"][(change % 2) as usize]);
            party.run(Duration::from_millis(u64::from(round)));
        }
        for notify in std::mem::take(&mut party.heard)
            .remove(&phone.address)
            .unwrap_or_default()
        {
            let version = notify.contains("<dialog-info").then(|| lamp_of(&notify).0);
            let now = (
                cseq_of(&notify),
                version.map_or(last.1, |version| version + 1),
            );
            assert!(now.0 > last.0 && now.1 >= last.1, "{last:?} {notify}");
            last = now;
        }
        party.restart();
        party.run(Duration::from_millis(u64::from(round * 17 % 400)));
    }
    party.run(SECOND);
    assert!(last.0 > 4_096, "{last:?}");
}

/// So that they rise after the next crash, too.
#[test]
fn after_a_crash_nothing_is_told_before_the_disk_has_the_numbers() {
    let mut party = Party::on(quick);
    let (phone, _) = party.watcher(0);
    party.heard();
    party.world.set_disk(0, |disk| disk.late(LATE));
    party.restart();
    party.run(Duration::from_millis(350));
    assert!(party.heard_by(&phone).is_empty());
    party.run(SECOND);
    assert_eq!(party.heard_by(&phone).len(), 1);
    // A disk that fails darkens no lamp.
    party.world.set_disk(0, |disk| disk.failing(9));
    party.restart();
    party.run(SECOND);
    assert_eq!(party.heard_by(&phone).len(), 2);
}

#[test]
fn a_pbx_that_was_restarted_too_is_asked_anew() {
    let mut party = Party::on(quick);
    let (phone, _) = party.watcher(0);
    let first = party.asked[0].clone();
    party.restart();
    party.manner = (481, "");
    party.run(Duration::from_millis(120));
    party.manner = (200, "Expires: 3600\r\n");
    party.lamp = "confirmed".to_owned();
    party.run(Duration::from_secs(3));
    let last = party.asked.last().unwrap();
    assert_ne!(value(last, "Call-ID"), value(&first, "Call-ID"));
    assert_eq!(
        lamp_of(party.heard_by(&phone).last().unwrap()).1,
        "confirmed"
    );
    assert_eq!(party.world.disk(0).unwrap().sources().len(), 1);
}

#[test]
fn a_watcher_goes_on_as_before_after_a_crash() {
    let mut party = Party::on(quick);
    let (mut phone, ok) = party.watcher(0);
    party.restart();
    party.run(SECOND);
    party.heard();
    let refresh = again(&mut phone, &ok, 50, 600);
    assert_eq!(status_of(&party.sends(&phone, &refresh)), 200);
    party.run(SECOND);
    assert_eq!(party.heard_by(&phone).len(), 1);
    let end = again(&mut phone, &ok, 51, 0);
    assert_eq!(status_of(&party.sends(&phone, &end)), 200);
    party.run(Duration::from_secs(80));
    assert!(known(&party.world).is_empty());
    let last = party.asked.last().unwrap();
    assert_eq!(value(last, "Expires"), "0");
    let disk = party.world.disk(0).unwrap();
    assert!(disk.sources().is_empty() && disk.watchers().is_empty());
}

/// 4.2.1.2: a refresh is answered and told at once, and a lamp that is lit is not put out for that.
#[test]
fn who_refreshes_before_the_pbx_has_said_anything_hears_that_it_watches() {
    let mut party = Party::on(quick);
    let (mut phone, ok) = party.watcher(0);
    party.heard();
    party.is_silent = true;
    party.restart();
    party.run(SECOND);
    let refresh = again(&mut phone, &ok, 50, 600);
    assert_eq!(status_of(&party.sends(&phone, &refresh)), 200);
    party.run(SECOND);
    let heard = party.heard_by(&phone).to_vec();
    assert_eq!(heard.len(), 1);
    assert!(value(&heard[0], "Subscription-State").starts_with("active;"));
    assert!(!heard[0].contains("<dialog-info"));
}

#[test]
fn a_watcher_whose_connection_went_with_the_program_is_told_where_its_phone_registers_again() {
    let mut party = Party::on(quick);
    let mut phone = tcp_phone("6001", "203.0.113.7:40000");
    phone.contact = "10.0.0.7:5060".to_owned();
    register(&mut party.world, &mut phone);
    let ok = party.subscribes(&mut phone, "tcp", DIALOG);
    assert_eq!(status_of(&ok), 200);
    party.run(SECOND);
    party.world.cut(phone.address);
    party.restart();
    party.lamp = "early".to_owned();
    party.run(Duration::from_secs(200));
    assert_eq!(known(&party.world).len(), 1);
    // The same phone: its REGISTERs have one Call-ID.
    let former = phone.address;
    phone.address = addr("203.0.113.7:40001");
    let request = register_of(
        &mut phone,
        AOR,
        &format!("reg-6001-{former}"),
        "Contact: <sip:6001@10.0.0.7:5060;transport=tcp>\r\n",
        "",
    );
    assert_eq!(
        status_of(&answered(&mut party.world, &mut phone, &request)),
        200
    );
    party.run(Duration::from_secs(6));
    let notify = party.world.expect(phone.address).expect("a NOTIFY");
    assert_eq!(lamp_of(&notify).1, "early");
}

/// In the life of one program, too; and when its time ends without it, it is gone.
#[test]
fn a_watcher_whose_connection_is_cut_is_kept_until_its_time_ends() {
    let mut party = Party::new();
    let mut phone = tcp_phone("6001", "203.0.113.7:40000");
    party.subscribes(&mut phone, "cut", DIALOG);
    party.run(SECOND);
    party.world.drain(phone.address);
    party.world.cut(phone.address);
    party.changes("early");
    party.run(Duration::from_secs(500));
    assert_eq!(known(&party.world).len(), 1);
    party.run(Duration::from_secs(120));
    assert!(known(&party.world).is_empty());
    assert_eq!(gone(&party.world, Cause::Expired), 1);
}

#[test]
fn what_is_not_shared_any_more_is_ended_so_that_the_phone_subscribes_anew() {
    let mut party = Party::on(quick);
    let (phone, _) = party.watcher(0);
    let mut config = sharing();
    config.subscriptions.share = vec!["presence".to_owned()];
    party.world.restart(0, config, auth());
    party.run(Duration::from_secs(2));
    let last = party.heard_by(&phone).last().unwrap().clone();
    assert_eq!(
        value(&last, "Subscription-State"),
        "terminated;reason=deactivated"
    );
    assert_eq!(gone(&party.world, Cause::Deactivated), 1);
    assert_eq!(on_disk(&party), 0);
    // And ours at the PBX goes, too.
    assert_eq!(value(party.asked.last().unwrap(), "Expires"), "0");
}

#[test]
fn one_whose_time_ended_meanwhile_is_not_taken_back() {
    let mut party = Party::on(quick);
    party.watcher(0);
    party.world.now.unix += Duration::from_secs(601);
    party.restart();
    assert!(known(&party.world).is_empty());
    party.run(SECOND);
    assert_eq!(value(party.asked.last().unwrap(), "Expires"), "0");
}

/// Each shard takes those whose Call-ID is its own; a subscription of ours that lives elsewhere now is ended.
#[test]
fn with_another_number_of_shards_each_watcher_is_in_one_of_them() {
    let mut party = Party::on(quick);
    for n in 0..40 {
        party.watcher(n);
    }
    let mut config = sharing();
    config.registrar.leases.shards = 4;
    let (mut found, mut ended, mut kept) = (0, 0, 0);
    for shard in 0..4 {
        party.world.restart_shard(0, shard, config.clone(), auth());
        found += known(&party.world).len();
        let before = party.asked.len();
        party.run(SECOND);
        let asked = &party.asked[before..];
        let id = value(&party.asked[0], "Call-ID");
        let mut own = asked.iter().filter(|asked| value(asked, "Call-ID") == id);
        match own.next().map(|asked| value(asked, "Expires")) {
            Some("0") => ended += 1,
            Some(_) => kept += 1,
            None => {}
        }
    }
    assert_eq!(found, 40);
    assert_eq!(ended + kept, 1);
}

#[test]
fn two_thousand_watchers_are_told_within_ten_seconds_and_not_in_one_burst() {
    let mut party = Party::on(quick);
    for n in 0..2_000 {
        let mut phone = party.guest(n, 200);
        let ok = party.subscribes(&mut phone, &format!("many{n}"), DIALOG);
        assert_eq!(status_of(&ok), 200);
    }
    party.run(SECOND);
    party.heard();
    party.lamp = "confirmed".to_owned();
    party.restart();
    party.run(SECOND);
    let early = party.heard();
    assert!((1..1_500).contains(&early), "{early}");
    party.run(Duration::from_secs(3));
    assert_eq!(early + party.heard(), 2_000);
}
