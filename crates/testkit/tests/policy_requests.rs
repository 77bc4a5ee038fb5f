//! What a policy's word does to a request: each verdict at each hook, on simulated time.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test's helper may fail loudly"
)]

mod common;

use bellhop_core::policy::{Answer, Body, Challenge, Changes, Hook, Reply, Verdict};
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

fn refusal(status: u16) -> Verdict {
    let mut headers = Changes::default();
    headers.add_header("X-Why", b"listed").expect("a header");
    Verdict::Reply(Reply {
        status,
        reason: Some("Not for you".into()),
        headers,
        body: Some(Body {
            content_type: "text/plain".into(),
            data: b"no".as_slice().into(),
        }),
    })
}

#[test]
fn a_request_is_asked_about_once_it_has_its_proof_and_not_before() {
    let (mut world, mut a, b, ear) = ruled(Hook::Request, |_| Verdict::Continue);
    let invite = a.request("INVITE", "sip:6002@example.org", "asked", "");
    let invite = authorized(&mut world, &mut a, &invite);
    assert_eq!(ear.asked().len(), 0);
    say(&mut world, &a, &invite);
    assert!(
        world
            .expect(b.address)
            .expect("b rings")
            .starts_with("INVITE ")
    );
    let asked = ear.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].user.as_deref(), Some("6001"));
    assert_eq!(asked[0].zone, "outside");
    assert!(!asked[0].is_in_dialog);
}

#[test]
fn a_hook_that_nobody_has_is_not_asked_at() {
    let (mut world, mut a, b, ear) = ruled(Hook::Response, |_| Verdict::Continue);
    talk(&mut world, &mut a, &b, "call");
    assert!(
        ear.hooks().iter().all(|hook| *hook == Hook::Response),
        "{:?}",
        ear.hooks()
    );
}

#[test]
fn an_ack_is_never_asked_about() {
    let (mut world, mut a, b, ear) = ruled(Hook::Request, |_| Verdict::Continue);
    talk(&mut world, &mut a, &b, "call");
    assert_eq!(ear.asked().len(), 1);
}

#[test]
fn a_request_of_a_trusted_pbx_names_its_upstream() {
    let (mut world, _, b, ear) = ruled(Hook::Request, |_| Verdict::Continue);
    let mut pbx = pbx();
    let invite = pbx.request("INVITE", "sip:6002@example.org", "in", "");
    say(&mut world, &pbx, &invite);
    world.expect(b.address).expect("b rings");
    assert_eq!(ear.asked()[0].zone, "pbx");
    assert_eq!(ear.asked()[0].user, None);
}

#[test]
fn a_reply_goes_back_with_its_headers_and_body_and_nothing_rings() {
    let (mut world, mut a, b, _) = ruled(Hook::Request, |_| refusal(403));
    invite(&mut world, &mut a, "sip:6002@example.org");
    let answer = outcome(&mut world, &a);
    assert!(
        answer.starts_with("SIP/2.0 403 Not for you\r\n"),
        "{answer}"
    );
    assert_eq!(header_of(&answer, "X-Why"), "listed");
    assert!(answer.ends_with("\r\n\r\nno"));
    assert!(world.drain(b.address).is_empty());
}

#[test]
fn a_copy_of_a_refused_request_gets_the_same_answer_without_a_question() {
    let (mut world, mut a, _, ear) = ruled(Hook::Request, |_| refusal(403));
    let first = a.request("INVITE", "sip:6002@example.org", "asked", "");
    let first = authorized(&mut world, &mut a, &first);
    let answer = ask(&mut world, &a, &first);
    assert_eq!(ask(&mut world, &a, &first), answer);
    assert_eq!(ear.asked().len(), 1);
}

#[test]
fn a_dropped_request_gets_no_answer_at_all() {
    let (mut world, mut a, b, _) = ruled(Hook::Request, |_| Verdict::Drop);
    invite(&mut world, &mut a, "sip:6002@example.org");
    world.pass(Duration::from_secs(40));
    assert!(world.drain(a.address).is_empty() && world.drain(b.address).is_empty());
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
}

#[test]
fn a_request_inside_a_dialog_can_be_challenged() {
    let (mut world, mut a, b, ear) = ruled(Hook::Request, |_| Verdict::Continue);
    let (_, ok) = talk(&mut world, &mut a, &b, "call");
    drop(ear);
    let (policy, _) = Script::new(&[Hook::Request], |ask, _| {
        Answer::Now(match ask.source.user {
            Some(_) => Verdict::Continue,
            None => Verdict::Challenge(Challenge { is_proxy: true }),
        })
    });
    world.set_policy(0, policy);
    let bye = from_caller(&mut a, "BYE", &ok, 3);
    let challenge = ask(&mut world, &a, &bye);
    assert_eq!(status_of(&challenge), 407);
    assert!(world.drain(b.address).is_empty());
}

#[test]
fn a_trusted_peer_cannot_be_challenged_for_ever() {
    let challenge = |_: &mut Changes| Verdict::Challenge(Challenge { is_proxy: true });
    let (mut world, _, _, _) = ruled(Hook::Request, challenge);
    let mut pbx = pbx();
    let invite = pbx.request("INVITE", "sip:6002@example.org", "in", "");
    assert_eq!(status_of(&ask(&mut world, &pbx, &invite)), 403);
}

#[test]
fn a_changed_request_uri_decides_where_the_request_goes() {
    let (mut world, mut a, b, _) = ruled(Hook::Request, |changes| {
        changes.set_uri("sip:6002@example.org").expect("a URI");
        Verdict::Continue
    });
    invite(&mut world, &mut a, "sip:short@example.org");
    let at_b = world.expect(b.address).expect("b rings");
    assert!(at_b.starts_with("INVITE sip:6002@203.0.113.2"), "{at_b}");
}

#[test]
fn edits_of_header_lines_reach_the_next_hop_and_the_rest_is_as_it_was() {
    let (mut world, mut a, b, _) = ruled(Hook::Request, |changes| {
        changes.set_header("Subject", b"new").expect("a header");
        changes.remove_header("User-Agent").expect("a header");
        Verdict::Continue
    });
    let invite = a.request(
        "INVITE",
        "sip:6002@example.org",
        "e",
        "s: old\r\nX-Kept:  as it was \r\n",
    );
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let at_b = world.expect(b.address).expect("b rings");
    assert_eq!(header_of(&at_b, "Subject"), "new");
    assert!(!at_b.contains("old") && !at_b.contains("User-Agent"));
    assert!(at_b.contains("\r\nX-Kept:  as it was \r\n"));
}

#[test]
fn an_identity_that_a_policy_asserts_is_the_only_one() {
    let (mut world, mut a, _, _) = ruled(Hook::Request, |changes| {
        let identity = b"<sip:+4930123@example.org>";
        changes
            .set_header("P-Asserted-Identity", identity)
            .expect("a header");
        Verdict::Continue
    });
    invite(&mut world, &mut a, "sip:0301@example.org");
    let at_pbx = world.expect(addr(PBX)).expect("the PBX is asked");
    let identities = at_pbx.matches("P-Asserted-Identity").count();
    assert_eq!(
        (identities, header_of(&at_pbx, "P-Asserted-Identity")),
        (1, "<sip:+4930123@example.org>")
    );
}

#[test]
fn a_register_that_is_refused_binds_nothing() {
    let (mut world, _, _, _) = ruled(Hook::Register, |_| refusal(403));
    let mut c = phone("6003", "203.0.113.3:5060");
    let contact = format!("Contact: <sip:6003@{}>\r\n", c.address);
    let request = register_of(&mut c, "sip:6003@example.org", "r", &contact, "");
    assert_eq!(status_of(&answered(&mut world, &mut c, &request)), 403);
    assert_eq!(world.nodes[0].shared.location.len(), 2);
}

#[test]
fn an_accepted_register_may_be_given_less_time() {
    let (mut world, _, _, _) = ruled(Hook::Register, |_| Verdict::Accept { expires: Some(30) });
    let mut c = phone("6003", "203.0.113.3:5060");
    let contact = format!("Contact: <sip:6003@{}>\r\n", c.address);
    let request = register_of(
        &mut c,
        "sip:6003@example.org",
        "r",
        &contact,
        "Expires: 3600\r\n",
    );
    let ok = answered(&mut world, &mut c, &request);
    assert_eq!(status_of(&ok), 200);
    assert!(contacts(&ok)[0].ends_with(";expires=30"), "{ok}");
}
