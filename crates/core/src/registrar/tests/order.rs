//! Requests that come late, twice or beside each other (RFC 3261 10.3 steps 6 and 7).

use super::*;

const PHONE: [&str; 1] = ["Contact: <sip:bob@h>;expires=600"];

fn late() -> (u16, String) {
    (500, "CSeq out of order".to_owned())
}

#[test]
fn a_lower_cseq_of_the_same_call_id_changes_nothing() {
    let site = Site::new();
    site.bind(&Register::new(5, &PHONE));
    assert_eq!(site.refused(&Register::new(4, &PHONE)), late());
    assert_eq!(
        site.refused(&Register::new(4, &["Contact: <sip:bob@h>;expires=0"])),
        late()
    );
    assert_eq!(
        site.refused(&Register::new(4, &["Contact: *", "Expires: 0"])),
        late()
    );
}

#[test]
fn a_lower_cseq_of_another_call_id_is_a_new_start() {
    let site = Site::new();
    site.bind(&Register::new(5, &PHONE));
    site.bind(&Register::by("rebooted", 1, &PHONE));
    assert_eq!(site.held()[0].cseq, 1);
}

#[test]
fn one_contact_that_is_late_keeps_all_from_being_bound() {
    let site = Site::new();
    site.bind(&Register::new(5, &PHONE));
    let both = Register::new(4, &["Contact: <sip:bob@new>", PHONE[0]]);
    assert_eq!(site.refused(&both), late());
    assert_eq!(site.contacts(), ["sip:bob@h"]);
}

#[test]
fn a_retransmission_gets_the_same_answer_and_changes_nothing() {
    let mut site = Site::new();
    let register = Register::new(5, &PHONE);
    let first = site.answer(&register);
    let held = site.held();
    site.flow = udp(40_003);
    let again = site.apply(&register).unwrap();
    assert!(again.changes.is_empty());
    assert_eq!(site.answer(&register), first);
    let now = site.held();
    assert!(Arc::ptr_eq(&held[0], &now[0]), "the very same binding");
}

#[test]
fn a_retransmission_does_not_make_a_binding_live_longer() {
    let mut site = Site::new();
    site.bind(&Register::new(5, &PHONE));
    site.pass(30);
    site.bind(&Register::new(5, &PHONE));
    assert_eq!(site.held()[0].remaining(site.now), Duration::from_secs(570));
}

#[test]
fn a_retransmitted_removal_is_answered_too() {
    let site = Site::new();
    site.bind(&Register::new(1, &PHONE));
    for _ in 0..2 {
        let gone = site.bind(&Register::new(2, &["Contact: <sip:bob@h>;expires=0"]));
        assert!(gone.is_empty());
    }
    site.bind(&Register::new(3, &PHONE));
    for _ in 0..2 {
        assert!(
            site.bind(&Register::new(4, &["Contact: *", "Expires: 0"]))
                .is_empty()
        );
    }
}

#[test]
fn an_equal_cseq_does_not_remove() {
    let site = Site::new();
    site.bind(&Register::new(5, &PHONE));
    assert_eq!(
        site.refused(&Register::new(5, &["Contact: <sip:bob@h>;expires=0"])),
        late()
    );
    assert_eq!(
        site.refused(&Register::new(5, &["Contact: *", "Expires: 0"])),
        late()
    );
}

#[test]
fn the_order_is_forgotten_with_the_binding() {
    let mut site = Site::new();
    site.bind(&Register::new(5, &PHONE));
    site.pass(600);
    site.bind(&Register::new(1, &PHONE));
    assert_eq!(site.held()[0].cseq, 1);
}

#[test]
fn a_hundred_registers_at_once_leave_one_binding() {
    let site = Site::new();
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let site = &site;
            scope.spawn(move || {
                for n in 0..25 {
                    let _ = site.apply(&Register::new(1 + n * 4 + thread, &PHONE));
                }
            });
        }
    });
    assert_eq!(site.held().len(), 1);
    assert_eq!(site.held()[0].cseq, 100);
    assert_eq!(site.location.len(), 1);
    assert_eq!(site.location.indexed(), (1, 0, 1));
}

#[test]
fn the_contact_limit_holds_when_many_phones_come_at_once() {
    let site = Site::new();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let site = &site;
            scope.spawn(move || {
                for n in 0..25 {
                    let contact = format!("Contact: <sip:bob@h{thread}x{n}>");
                    let _ = site.apply(&Register::by(&contact, 1, &[&contact]));
                }
            });
        }
    });
    assert_eq!(site.held().len(), 10);
    assert_eq!(site.location.len(), 10);
}

#[test]
fn who_binds_looks_up_closes_and_sweeps_at_once_waits_for_nobody_for_ever() {
    let site = Site::new();
    // Whoever held a lock while asking for another would never end.
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let site = &site;
            scope.spawn(move || turmoil(site, thread));
        }
    });
    assert_eq!(
        (site.location.len(), site.location.indexed()),
        (0, (0, 0, 0))
    );
}

/// Changes the bindings of one AoR from one of several threads, and removes what it has bound.
fn turmoil(site: &Site, thread: u64) {
    let by = |call_id: &str, cseq: u32, line: &str, connection: u64| {
        let request = Register::by(call_id, cseq, &[line]).text();
        parsed(&request, |request| {
            let (location, config) = (&site.location, &site.config);
            let (request, flow) = (numbered(request), tcp(connection));
            let _ = apply(site.now, location, config, &bob(), request, flow, |_| false);
        });
    };
    for n in 0..300 {
        let (id, connection) = (format!("{thread}-{n}"), thread * 1000 + n);
        let contact = format!("Contact: <sip:bob@h{thread}>");
        by(&id, 1, &contact, connection);
        let uri = format!("sip:bob@h{}", (thread + 1) % 4);
        let uri = bellhop_wire::UriRef::parse(uri.as_bytes()).unwrap();
        let _ = site.location.by_contact(site.now, &uri, None);
        let _ = site.held();
        site.location.sweep(site.now);
        if n % 3 == 0 {
            site.location
                .connection_closed(site.now, ConnectionId(connection), |_| false);
        } else {
            by(&id, 2, &format!("{contact};expires=0"), connection);
        }
    }
}
