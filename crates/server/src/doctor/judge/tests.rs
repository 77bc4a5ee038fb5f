//! What is thought of PBXs, well set up and ill.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use super::*;
use bellhop_core::auth::upstream::Login;
use std::sync::Arc;

fn situation(mode: Mode) -> Situation {
    Situation {
        user: "6001".to_owned(),
        mode,
        with_path: false,
        login: None,
        source: [192, 0, 2, 1].into(),
        registrar: "10.0.0.10:5060".to_owned(),
    }
}

fn answer(status: u16, signed: u16) -> Answer {
    let algorithms = match status {
        401 | 407 => vec!["MD5".to_owned()],
        _ => Vec::new(),
    };
    Answer {
        status,
        algorithms,
        signed,
    }
}

/// A PBX that believes our address, user by user.
fn trusting() -> Seen {
    Seen {
        options: Some((200, 3)),
        register: answer(200, 0),
        invite: answer(420, 0),
        nobody: answer(401, 0),
        registered: Some(Registered {
            status: 200,
            path: Paths::Ignored,
            longest: 500,
            refused: Some((800, 400)),
            notified: true,
        }),
    }
}

fn verdict(of: &Situation, seen: &Seen, name: &str) -> Verdict {
    let all = judge(of, seen);
    all.iter().find(|check| check.name == name).unwrap().verdict
}

#[test]
fn a_pbx_that_believes_our_address_user_by_user_needs_no_change() {
    for mode in [Mode::Terminate, Mode::Mirror, Mode::Contact, Mode::Aor] {
        let all = judge(&situation(mode), &trusting());
        let names: Vec<_> = all.iter().map(|check| check.name).collect();
        assert_eq!(
            names,
            [
                "options", "register", "invite", "identify", "path", "contact", "notify"
            ]
        );
        let is_well = |check: &Check| check.verdict == Verdict::Ok && check.change.is_empty();
        assert!(all.iter().all(is_well), "{all:#?}");
    }
}

#[test]
fn in_passthrough_what_is_taken_without_a_password_is_to_be_changed() {
    let of = situation(Mode::Passthrough);
    let mut seen = trusting();
    for name in ["register", "invite"] {
        assert_eq!(verdict(&of, &seen, name), Verdict::Change);
    }
    seen.register = answer(401, 0);
    seen.invite = answer(401, 0);
    for name in ["register", "invite"] {
        assert_eq!(verdict(&of, &seen, name), Verdict::Ok);
    }
}

#[test]
fn a_challenge_needs_a_login_that_is_taken() {
    let mut of = situation(Mode::Contact);
    let mut seen = trusting();
    seen.register = answer(401, 0);
    let check = &judge(&of, &seen)[1];
    assert_eq!(check.verdict, Verdict::Change);
    assert!(
        check
            .change
            .contains(&"[6001] type=endpoint: permit = 192.0.2.1/255.255.255.255".to_owned())
    );
    of.login = Some(Arc::new(Login::with_password("6001", "x")));
    seen.register = answer(401, 401);
    assert_eq!(verdict(&of, &seen, "register"), Verdict::Change);
    seen.register = answer(401, 200);
    assert_eq!(verdict(&of, &seen, "register"), Verdict::Ok);
}

#[test]
fn a_pbx_that_takes_anybody_from_our_address_tells_users_apart_by_address() {
    let of = situation(Mode::Contact);
    let mut seen = trusting();
    for nobody in [answer(420, 0), answer(200, 0), answer(401, 420)] {
        seen.nobody = nobody;
        assert_eq!(verdict(&of, &seen, "identify"), Verdict::Change);
    }
    for nobody in [answer(401, 401), answer(403, 0), answer(404, 0)] {
        seen.nobody = nobody;
        assert_eq!(verdict(&of, &seen, "identify"), Verdict::Ok);
    }
}

#[test]
fn path_and_long_contacts_matter_where_the_profile_is_path() {
    let mut of = situation(Mode::Contact);
    let mut seen = trusting();
    of.with_path = true;
    assert_eq!(verdict(&of, &seen, "path"), Verdict::Change);
    assert_eq!(verdict(&of, &seen, "contact"), Verdict::Ok);
    let registered = seen.registered.as_mut().unwrap();
    registered.path = Paths::Refused(420);
    registered.longest = 255;
    registered.notified = false;
    for name in ["path", "contact", "notify"] {
        assert_eq!(verdict(&of, &seen, name), Verdict::Change);
    }
    seen.registered.as_mut().unwrap().path = Paths::Taken;
    assert_eq!(verdict(&of, &seen, "path"), Verdict::Ok);
    seen.registered = None;
    assert_eq!(verdict(&of, &seen, "notify"), Verdict::Unknown);
}

#[test]
fn a_pbx_that_does_not_answer_is_not_judged_further() {
    let all = judge(&situation(Mode::Contact), &Seen::default());
    assert_eq!(
        (all.len(), all[0].name, all[0].verdict),
        (1, "options", Verdict::Change)
    );
}
