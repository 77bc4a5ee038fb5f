//! In mode b2bua what the PBX says to a registration of ours is not for the phone to read.

use crate::site::*;
use bellhop_core::b2bua::B2buaConfig;
use bellhop_core::lease::Mode;
use bellhop_testkit::header;

const MODES: [Mode; 4] = [Mode::Terminate, Mode::Mirror, Mode::Contact, Mode::Aor];

fn hiding(mode: Mode) -> Site {
    let mut config = leased(mode);
    config.b2bua = Some(B2buaConfig::default());
    Site::of(config)
}

fn shows_nothing(answer: &str) {
    for word in ["198.51.100.5", "Registrar", "pbx"] {
        assert!(!answer.contains(word), "{word} in {answer}");
    }
    assert_eq!(header(answer, "Server"), None);
}

#[test]
fn in_every_mode_a_registration_shows_neither_side_the_other() {
    for mode in MODES {
        let mut site = hiding(mode);
        let mut a = phone_at("6001", 1);
        for more in ["Expires: 600\r\n", "Expires: 600\r\n", "Expires: 0\r\n"] {
            let answer = site.register(&mut a, more);
            assert_eq!(status_of(&answer), 200, "{mode:?} {answer}");
            shows_nothing(&answer);
            site.run(SECOND);
        }
        for ours in &site.pbx.heard {
            for word in ["203.0.113", "testkit", "f6001", "z9hG4bK6001"] {
                assert!(!ours.contains(word), "{word} in {ours}");
            }
        }
    }
}

#[test]
fn a_refusal_of_the_pbx_has_its_status_and_the_usual_words() {
    for mode in [Mode::Mirror, Mode::Contact, Mode::Aor] {
        let mut site = hiding(mode);
        site.pbx.manner = Manner::Answers(403, "Warning: 399 pbx \"no\"\r\n".to_owned());
        let mut a = phone_at("6001", 1);
        let answer = site.register(&mut a, "Expires: 600\r\n");
        assert!(answer.starts_with("SIP/2.0 403 Forbidden\r\n"), "{answer}");
        shows_nothing(&answer);
    }
}
