//! Where a request goes when a policy names its targets: on simulated time.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test's helper may fail loudly"
)]

mod common;

use bellhop_core::policy::{Answer, Changes, Fork, Hook, NextHop, Route, Target, Verdict};
use bellhop_testkit::{Ear, Peer, Script, World, header_of, status_of};
use common::*;
use std::time::Duration;

/// A world with two registered phones whose policy gives, at one hook, what `verdict` makes.
fn ruled(
    hook: Hook,
    mut verdict: impl FnMut(&mut Changes) -> Verdict + Send + 'static,
) -> (World, Peer, Peer, Ear) {
    let mut world = world();
    let (a, b) = pair(&mut world);
    let (policy, ear) = Script::new(&[hook], move |ask, _| Answer::Now(verdict(ask.changes)));
    world.set_policy(0, policy);
    (world, a, b, ear)
}

fn invite(world: &mut World, a: &mut Peer, to: &str) {
    let invite = a.request("INVITE", to, "asked", "");
    let invite = authorized(world, a, &invite);
    say(world, a, &invite);
}

fn to(uri: &str) -> Target {
    Target {
        uri: uri.into(),
        next_hop: None,
        priority: 0,
        timeout: None,
        headers: Changes::default(),
        tag: "".into(),
    }
}

fn route(targets: Vec<Target>, mode: Fork) -> Verdict {
    Verdict::Route(Route {
        targets,
        mode,
        record_route: true,
    })
}

#[test]
fn a_route_to_an_aor_goes_to_its_phones() {
    let (mut world, mut a, b, _) = ruled(Hook::Request, |_| {
        route(vec![to("sip:6002@example.org")], Fork::Serial)
    });
    invite(&mut world, &mut a, "sip:9999@example.org");
    assert!(
        world
            .expect(b.address)
            .expect("b rings")
            .starts_with("INVITE sip:6002@203.0.113.2")
    );
}

#[test]
fn a_route_to_an_upstream_keeps_the_uri_that_the_policy_gave() {
    let (mut world, mut a, _, _) = ruled(Hook::Route, |_| {
        let target = Target {
            next_hop: Some(NextHop::Group("pbx".into())),
            ..to("sip:+4930@carrier.example.net")
        };
        route(vec![target], Fork::Serial)
    });
    invite(&mut world, &mut a, "sip:6002@example.org");
    let at_pbx = world.expect(addr(PBX)).expect("the PBX is asked");
    assert!(
        at_pbx.starts_with("INVITE sip:+4930@carrier.example.net SIP/2.0"),
        "{at_pbx}"
    );
}

#[test]
fn a_route_by_address_goes_there_without_the_identity_that_is_for_the_pbx() {
    let (mut world, mut a, _, _) = ruled(Hook::Route, |_| {
        let target = Target {
            next_hop: Some(NextHop::Uri("sip:198.51.100.77:5070".into())),
            ..to("sip:+4930@carrier.example.net")
        };
        route(vec![target], Fork::Serial)
    });
    invite(&mut world, &mut a, "sip:6002@example.org");
    let there = world
        .expect(addr("198.51.100.77:5070"))
        .expect("the carrier is asked");
    assert!(there.starts_with("INVITE sip:+4930@carrier.example.net"));
    assert!(!there.contains("P-Asserted-Identity"), "{there}");
}

#[test]
fn a_target_without_next_hop_makes_nobody_s_relay_of_us() {
    let (mut world, mut a, _, _) = ruled(Hook::Request, |_| {
        route(vec![to("sip:x@198.51.100.77")], Fork::Serial)
    });
    invite(&mut world, &mut a, "sip:6002@example.org");
    assert_eq!(status_of(&outcome(&mut world, &a)), 403);
    assert!(world.drain(addr("198.51.100.77:5060")).is_empty());
}

#[test]
fn targets_in_series_are_tried_by_priority_each_with_its_own_headers() {
    let (mut world, mut a, b, _) = ruled(Hook::Request, |_| {
        let mut first = to("sip:6002@example.org");
        first.priority = 10;
        first
            .headers
            .add_header("X-Leg", b"first")
            .expect("a header");
        let mut second = to("sip:6001@example.org");
        second
            .headers
            .add_header("X-Leg", b"second")
            .expect("a header");
        route(vec![second, first], Fork::Serial)
    });
    invite(&mut world, &mut a, "sip:9999@example.org");
    let at_b = world.expect(b.address).expect("b rings");
    assert_eq!(header_of(&at_b, "X-Leg"), "first");
    say(&mut world, &b, &b.answer(&at_b, 486, "Busy Here", ""));
    let at_a = skip(&mut world, a.address, 100);
    assert!(at_a.starts_with("INVITE "), "{at_a}");
    assert_eq!(header_of(&at_a, "X-Leg"), "second");
}

#[test]
fn targets_at_once_all_ring() {
    let (mut world, mut a, b, _) = ruled(Hook::Request, |_| {
        let pbx = Target {
            next_hop: Some(NextHop::Group("pbx".into())),
            ..to("sip:7000@pbx")
        };
        route(vec![to("sip:6002@example.org"), pbx], Fork::Parallel)
    });
    invite(&mut world, &mut a, "sip:9999@example.org");
    assert!(
        world
            .expect(b.address)
            .expect("b rings")
            .starts_with("INVITE ")
    );
    assert!(
        world
            .expect(addr(PBX))
            .expect("the PBX too")
            .starts_with("INVITE sip:7000@pbx ")
    );
}

#[test]
fn a_branch_whose_time_is_up_is_cancelled_and_the_next_one_tried() {
    let (mut world, mut a, b, _) = ruled(Hook::Request, |_| {
        let first = Target {
            timeout: Some(Duration::from_secs(5)),
            ..to("sip:6002@example.org")
        };
        let second = Target {
            next_hop: Some(NextHop::Group("pbx".into())),
            ..to("sip:voicemail@pbx")
        };
        route(vec![first, second], Fork::Serial)
    });
    invite(&mut world, &mut a, "sip:9999@example.org");
    let at_b = world.expect(b.address).expect("b rings");
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    world.pass(Duration::from_millis(4_900));
    assert!(world.drain(b.address).is_empty());
    world.pass(Duration::from_millis(200));
    let cancel = world.expect(b.address).expect("a CANCEL");
    assert!(cancel.starts_with("CANCEL "), "{cancel}");
    say(
        &mut world,
        &b,
        &b.answer(&at_b, 487, "Request Terminated", ""),
    );
    let at_pbx = world.expect(addr(PBX)).expect("the PBX is asked");
    assert!(at_pbx.starts_with("INVITE sip:voicemail@pbx "), "{at_pbx}");
}

#[test]
fn a_route_inside_a_dialog_changes_nothing() {
    let (mut world, mut a, b, _) = ruled(Hook::Response, |_| Verdict::Continue);
    let (_, ok) = talk(&mut world, &mut a, &b, "call");
    let (policy, ear) = Script::new(&[Hook::Request, Hook::Route], |_, _| {
        Answer::Now(route(vec![to("sip:6001@example.org")], Fork::Serial))
    });
    world.set_policy(0, policy);
    let bye = from_caller(&mut a, "BYE", &ok, 3);
    say(&mut world, &a, &bye);
    assert!(
        world
            .expect(b.address)
            .expect("the BYE")
            .starts_with("BYE ")
    );
    assert_eq!(ear.hooks(), [Hook::Request]);
    assert!(ear.asked()[0].is_in_dialog);
}

#[test]
fn without_record_route_we_are_not_on_the_path() {
    let (mut world, mut a, b, _) = ruled(Hook::Request, |_| {
        Verdict::Route(Route {
            targets: vec![to("sip:6002@example.org")],
            mode: Fork::Serial,
            record_route: false,
        })
    });
    invite(&mut world, &mut a, "sip:6002@example.org");
    let at_b = world.expect(b.address).expect("b rings");
    assert!(!at_b.contains("Record-Route"), "{at_b}");
}
