//! The lab without Bellhop: each peer does with Asterisk itself what the other
//! tests ask of it through Bellhop. When these fail, the lab is at fault.

use bellhop_tests::asterisk::{Mode, Setup};
use bellhop_tests::pjsua::Task;
use bellhop_tests::{Asterisk, Baresip, Lab, Lane, Phone, Pjsua, Sipp, Transport};

#[test]
fn sipp_registers_calls_and_subscribes_at_asterisk() {
    let Some((lab, lane, asterisk)) = asterisk("SHA-256") else {
        return;
    };
    for transport in Transport::BOTH {
        let sipp =
            |scenario| Sipp::new(&lab, scenario, lane.phone(1), asterisk.bind()).over(transport);
        let messages = sipp("register").run();
        assert!(messages.contains("algorithm=SHA-256"), "{messages}");
        sipp("call").to("600").args(&["-d", "300"]).run();
        sipp("subscribe").to("6002").event("dialog").run();
    }
}

#[test]
fn baresip_hears_the_tone_that_asterisk_echoes() {
    let Some((lab, lane, asterisk)) = asterisk("MD5") else {
        return;
    };
    let mut phone = Baresip::start(&lab, "6001", lane.phone(1), asterisk.bind(), Transport::Udp);
    phone.registered();
    phone.dial("600");
    phone.in_call();
    phone.listen(2);
    phone.hang_up();
    assert!(phone.heard().is(440.0), "{:?}", phone.heard());
}

#[test]
fn pjsua_hears_the_tone_that_asterisk_echoes() {
    let Some((lab, lane, asterisk)) = asterisk("SHA-256") else {
        return;
    };
    let task = Task {
        place: bellhop_tests::Place::Here,
        user: "6001".to_owned(),
        local: lane.phone(1),
        registrar: asterisk.bind(),
        transport: Transport::Tcp,
        call: Some("600".to_owned()),
        watch: None,
        steps: Vec::new(),
        tone: 440,
    };
    let Some(mut phone) = Pjsua::or_skip(&lab, &task) else {
        return;
    };
    let said = phone.succeed();
    assert!(said.contains("algorithm=SHA-256"), "{said}");
    assert!(phone.heard().is(440.0), "{:?}", phone.heard());
}

#[test]
fn a_scripted_phone_registers_and_is_called_by_asterisk() {
    let Some((_lab, lane, asterisk)) = asterisk("SHA-256") else {
        return;
    };
    let mut phone = Phone::new("6002", lane.phone(2), asterisk.bind(), Transport::Udp);
    phone.register();
    asterisk.cli("channel originate PJSIP/6002 application Milliwatt");
    let invite = phone.expect("INVITE ");
    phone.answer(&invite, "180 Ringing");
    phone.answer(&invite, "200 OK");
    phone.expect("ACK ");
    asterisk.cli("channel request hangup all");
    let bye = phone.expect("BYE ");
    phone.answer(&bye, "200 OK");
}

/// An Asterisk that challenges its users itself.
fn asterisk(algorithm: &str) -> Option<(Lab, Lane, Asterisk)> {
    let lab = Lab::or_skip()?;
    let lane = Lane::take();
    let mut setup = Setup::new(&lab, &lane, Transport::Udp);
    setup.mode = Mode::Digest;
    setup.more = vec![("AST_ALGORITHMS", algorithm.to_owned())];
    Some((lab, lane, setup.start()))
}
