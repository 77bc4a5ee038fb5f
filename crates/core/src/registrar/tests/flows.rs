//! Devices and their flows (RFC 5626), and connections that close.

use super::*;

const DEVICE: &str = "+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000a95a0e128>\"";

fn contact(host: &str, reg_id: u32) -> String {
    format!("Contact: <sip:bob@{host};transport=tcp;ob>;reg-id={reg_id};{DEVICE}")
}

#[test]
fn the_same_device_and_reg_id_is_the_same_binding_whatever_its_uri() {
    // RFC 5626 6.
    let mut site = Site::new();
    site.flow = tcp(1);
    site.bind(&Register::by("a", 9, &[&contact("h:40001", 1)]));
    site.flow = tcp(2);
    site.bind(&Register::by("b", 1, &[&contact("h:40002", 1)]));
    let held = site.held();
    assert_eq!(held.len(), 1);
    assert_eq!(text(held[0].contact()), "sip:bob@h:40002;transport=tcp;ob");
    assert_eq!((held[0].flow, held[0].reg_id), (tcp(2), Some(1)));
    let instance = text(held[0].instance().unwrap());
    assert_eq!(instance, "<urn:uuid:00000000-0000-1000-8000-000a95a0e128>");
}

#[test]
fn another_reg_id_is_another_flow_with_the_same_uri() {
    let site = Site::new();
    site.bind(&Register::by("a", 1, &[&contact("h", 1)]));
    site.bind(&Register::by("b", 1, &[&contact("h", 2)]));
    assert_eq!(site.held().len(), 2);
    let gone = format!("{};expires=0", contact("h", 2));
    site.bind(&Register::by("b", 2, &[&gone]));
    assert_eq!(site.held()[0].reg_id, Some(1));
}

#[test]
fn two_devices_with_one_private_address_are_two_bindings() {
    let site = Site::new();
    site.bind(&Register::by("a", 1, &[&contact("192.168.1.2", 1)]));
    let other = contact("192.168.1.2", 1).replace("0e128", "0e129");
    site.bind(&Register::by("b", 1, &[&other]));
    assert_eq!(site.held().len(), 2);
}

#[test]
fn a_phone_that_begins_to_speak_of_flows_replaces_its_plain_contact() {
    let site = Site::new();
    site.bind(&Register::by(
        "a",
        1,
        &["Contact: <sip:bob@h;transport=tcp>"],
    ));
    site.bind(&Register::by("b", 1, &[&contact("h", 1)]));
    assert_eq!(site.held().len(), 1);
    assert_eq!(site.held()[0].reg_id, Some(1));
}

#[test]
fn reg_id_without_instance_is_ignored() {
    // RFC 5626 6.
    let site = Site::new();
    site.bind(&Register::new(1, &["Contact: <sip:bob@h>;reg-id=1"]));
    assert_eq!(site.held()[0].reg_id, None);
    for bad in ["0", "x", ""] {
        let line = contact("h", 1).replace("reg-id=1", &format!("reg-id={bad}"));
        let site = Site::new();
        if site.apply(&Register::new(1, &[&line])).is_ok() {
            assert_eq!(site.held()[0].reg_id, None, "{bad}");
        }
    }
}

#[test]
fn a_flow_over_a_connection_is_promised_to_who_asks_for_it() {
    // RFC 5626 6: Require: outbound.
    let mut site = Site::new();
    let line = contact("h", 1);
    let asking = [line.as_str(), "Supported: path, outbound"];
    for (flow, lines_sent, promised) in [
        (tcp(1), &asking as &[&str], true),
        (tcp(1), &asking[..1], false),
        (udp(5060), &asking, false),
        (tcp(1), &["Contact: <sip:bob@h>", asking[1]], false),
    ] {
        site.flow = flow;
        let answer = Site::new_at(flow).answer(&Register::new(1, lines_sent));
        assert_eq!(
            lines(&answer, "Require") == ["outbound"],
            promised,
            "{flow:?}"
        );
        assert_eq!(
            lines(&answer, "Flow-Timer") == ["120"],
            promised,
            "{flow:?}"
        );
    }
}

#[test]
fn a_first_hop_that_cannot_keep_a_flow_gets_439_or_reg_id_is_ignored() {
    // RFC 5626 6, 11.6.
    let line = contact("h", 1);
    let via = "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKedge";
    let edge = "Path: <sip:token@edge.example.org;lr;ob>";
    let plain = "Path: <sip:edge.example.org;lr>";
    let site = Site::new();
    let lacking = Register::new(1, &[&line, via, plain, "Supported: path, outbound"]);
    assert_eq!(
        site.refused(&lacking),
        (439, "First Hop Lacks Outbound Support".to_owned())
    );
    site.bind(&Register::new(2, &[&line, via, plain, "Supported: path"]));
    assert_eq!(site.held()[0].reg_id, None);
    let keeping = [&line, via, plain, edge, "Supported: path, outbound"];
    site.bind(&Register::by("b", 1, &keeping));
    assert_eq!(site.held()[0].reg_id, Some(1));
}

#[test]
fn one_register_may_not_make_two_flows() {
    // RFC 5626 6.
    let site = Site::new();
    let (one, two) = (contact("h1", 1), contact("h2", 2));
    assert_eq!(site.refused(&Register::new(1, &[&one, &two])).0, 400);
}

#[test]
fn a_closed_connection_takes_its_bindings_along() {
    let mut site = Site::new();
    site.flow = tcp(1);
    site.bind(&Register::by(
        "a",
        1,
        &["Contact: <sip:bob@h1>, <sip:bob@h2>"],
    ));
    site.flow = udp(5060);
    site.bind(&Register::by("b", 1, &["Contact: <sip:bob@h3>"]));
    let removed = site
        .location
        .connection_closed(site.now, ConnectionId(1), |_| false);
    assert_eq!(removed.len(), 2);
    assert_eq!(removed[0].0, bob());
    assert_eq!(site.contacts(), ["sip:bob@h3"]);
    assert_eq!(site.location.len(), 1);
    assert_eq!(site.location.indexed(), (1, 0, 1));
    assert!(
        site.location
            .connection_closed(site.now, ConnectionId(1), |_| false)
            .is_empty()
    );
}

#[test]
fn a_late_close_of_the_old_connection_leaves_the_new_binding() {
    let mut site = Site::new();
    for (line, again) in [
        (contact("h:1", 1), contact("h:2", 1)),
        (
            "Contact: <sip:bob@same>".into(),
            "Contact: <sip:bob@same>".into(),
        ),
    ] {
        site.flow = tcp(1);
        site.bind(&Register::by("a", 1, &[&line]));
        site.flow = tcp(2);
        site.bind(&Register::by("b", 1, &[&again]));
        assert!(
            site.location
                .connection_closed(site.now, ConnectionId(1), |_| false)
                .is_empty()
        );
        assert_eq!(site.held().len(), 1, "{line}");
        assert_eq!(site.held()[0].flow, tcp(2));
        let removed = site
            .location
            .connection_closed(site.now, ConnectionId(2), |_| false);
        assert_eq!(removed.len(), 1);
        assert!(site.held().is_empty());
    }
}

#[test]
fn a_connection_may_carry_several_aors() {
    let mut site = Site::new();
    site.flow = tcp(1);
    let alice = Aor::parse_text("sip:alice@example.org").unwrap();
    site.bind(&Register::new(1, &["Contact: <sip:bob@h>"]));
    let line = ["Contact: <sip:alice@h>"];
    site.apply_to(&alice, &Register::by("a", 1, &line)).unwrap();
    assert_eq!(site.location.indexed(), (2, 2, 2));
    let removed = site
        .location
        .connection_closed(site.now, ConnectionId(1), |_| false);
    let mut aors: Vec<_> = removed.into_iter().map(|(aor, _)| aor).collect();
    aors.sort();
    assert_eq!(aors, [alice, bob()]);
}

impl Site {
    fn new_at(flow: Flow) -> Self {
        Self {
            flow,
            ..Self::new()
        }
    }
}
