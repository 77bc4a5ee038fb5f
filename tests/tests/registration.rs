//! Real phones register at Bellhop, challenged by it (RFC 3261 22, RFC 8760).
//!
//! SIPp and PJSIP answer SHA-256 and MD5; baresip 1.1 knows MD5 only.

use bellhop_tests::Transport::{self, Tcp, Udp};
use bellhop_tests::{Baresip, Bellhop, Lab, Lane, Pjsua, Sipp, bellhop, pjsua};

#[test]
fn sipp_answers_a_sha_256_challenge_over_udp() {
    sipp("SHA-256", Udp);
}

#[test]
fn sipp_answers_a_sha_256_challenge_over_tcp() {
    sipp("SHA-256", Tcp);
}

#[test]
fn sipp_answers_an_md5_challenge_over_udp() {
    sipp("MD5", Udp);
}

#[test]
fn sipp_answers_an_md5_challenge_over_tcp() {
    sipp("MD5", Tcp);
}

#[test]
fn pjsua_answers_a_sha_256_challenge_over_udp() {
    pjsua("SHA-256", Udp);
}

#[test]
fn pjsua_answers_a_sha_256_challenge_over_tcp() {
    pjsua("SHA-256", Tcp);
}

#[test]
fn pjsua_answers_an_md5_challenge_over_udp() {
    pjsua("MD5", Udp);
}

#[test]
fn pjsua_answers_an_md5_challenge_over_tcp() {
    pjsua("MD5", Tcp);
}

#[test]
fn baresip_answers_an_md5_challenge_over_udp() {
    baresip(Udp);
}

#[test]
fn baresip_answers_an_md5_challenge_over_tcp() {
    baresip(Tcp);
}

/// RFC 8760 2.3: the challenges stand in the order of preference, and a phone
/// takes the topmost it knows.
#[test]
fn pjsua_chooses_sha_256_when_both_are_offered() {
    let Some((lab, lane)) = lab() else { return };
    let _bellhop = bellhop::Setup::new(&lane).alone().start();
    let Some(said) = register_pjsua(&lab, &lane, Udp) else {
        return;
    };
    assert!(said.contains("algorithm=SHA-256, cnonce"), "{said}");
}

#[test]
fn a_wrong_password_is_refused() {
    let Some((lab, lane)) = lab() else { return };
    let _bellhop = bellhop::Setup::new(&lane).alone().start();
    let register = Sipp::new(&lab, "register", lane.phone(1), lane.bellhop());
    assert!(register.clone().passes());
    assert!(!register.args(&["-ap", "wrong"]).passes());
}

fn sipp(algorithm: &'static str, transport: Transport) {
    let Some((lab, lane)) = lab() else { return };
    let _bellhop = offering(algorithm, &lane);
    let messages = Sipp::new(&lab, "register", lane.phone(1), lane.bellhop())
        .over(transport)
        .run();
    assert!(challenged_only_with(algorithm, &messages), "{messages}");
}

fn pjsua(algorithm: &'static str, transport: Transport) {
    let Some((lab, lane)) = lab() else { return };
    let _bellhop = offering(algorithm, &lane);
    let Some(said) = register_pjsua(&lab, &lane, transport) else {
        return;
    };
    assert!(challenged_only_with(algorithm, &said), "{said}");
}

fn baresip(transport: Transport) {
    let Some((lab, lane)) = lab() else { return };
    let _bellhop = offering("MD5", &lane);
    let mut phone = Baresip::start(&lab, "6001", lane.phone(1), lane.bellhop(), transport);
    phone.registered();
    let said = phone.said();
    assert!(challenged_only_with("MD5", &said), "{said}");
}

fn register_pjsua(lab: &Lab, lane: &Lane, transport: Transport) -> Option<String> {
    let task = pjsua::Task {
        place: bellhop_tests::Place::Here,
        user: "6001".to_owned(),
        local: lane.phone(1),
        registrar: lane.bellhop(),
        transport,
        call: None,
        watch: None,
        steps: Vec::new(),
        tone: 440,
    };
    Some(Pjsua::or_skip(lab, &task)?.succeed())
}

fn lab() -> Option<(Lab, Lane)> {
    Some((Lab::or_skip()?, Lane::take()))
}

fn offering(algorithm: &'static str, lane: &Lane) -> Bellhop {
    bellhop::Setup::new(lane).alone().only(algorithm).start()
}

/// Each line with an algorithm, Bellhop's challenge and the phone's answer,
/// names this one.
fn challenged_only_with(algorithm: &str, messages: &str) -> bool {
    let digests: Vec<&str> = messages
        .lines()
        .filter(|line| line.contains("algorithm="))
        .collect();
    let answered = digests.iter().any(|line| line.starts_with("Authorization"));
    let named = |line: &&str| line.contains(&format!("algorithm={algorithm}"));
    answered && digests.iter().all(named)
}
