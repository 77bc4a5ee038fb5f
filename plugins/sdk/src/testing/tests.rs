//! The harness holds plugins to the host's rules.

use super::{Edit, Harness, Message, invite, options};
use crate::{EditError, call, http, prelude::*, store, upstreams};

/// Does what the test says: the configuration's "do" and "with".
struct Puppet {
    act: String,
    with: String,
}

impl Plugin for Puppet {
    const HOOKS: &'static [Hook] = &[Hook::OnRequest, Hook::OnResponse];

    fn new(config: &Config<'_>) -> Result<Self, ConfigError> {
        let act: String = config.need("do")?;
        if act == "store" && store::set("k", b"v", None) != Err(store::Error::Unavailable) {
            store::set("k", b"started", None)
                .map_err(|error| config.error(format!("{error:?}")))?;
        }
        Ok(Self {
            act,
            with: config.or("with", String::new())?,
        })
    }

    fn on_request(&mut self, msg: &Message) -> Verdict {
        let status = self.with.parse().unwrap_or(403);
        match self.act.as_str() {
            "reply" => Reply::new(status).into(),
            "phrase" => Reply::new(403).reason(self.with.as_str()).into(),
            "route" => Route::to(Target::new(self.with.as_str())).into(),
            "header" => Route::to(Target::new("sip:a@b").header("X-A", self.with.as_str())).into(),
            "contact" => Reply::new(status).header("Contact", "<sip:a@b>").into(),
            "random" => Verdict::from(Reply::new(if crate::random::below(7) < 7 {
                404
            } else {
                500
            })),
            "two legs" => {
                let chosen = call::set_mode(call::Mode::B2bua);
                let noted = call::note("account", &self.with);
                Reply::new(if chosen.is_ok() && noted.is_ok() {
                    603
                } else {
                    500
                })
                .into()
            }
            "spread" => spread(msg).map_or(Verdict::Continue, Verdict::from),
            _ => Verdict::Continue,
        }
    }

    fn on_response(&mut self, _response: &Message) {
        assert_eq!(
            http::Request::to("http://x").fetch(),
            Err(http::Error::Denied)
        );
    }
}

/// As `docs/plugins.md` has it.
fn spread(msg: &Message) -> Option<Route> {
    let up = upstreams::members("trunks")?.into_iter().filter(|m| m.up);
    let idle = up.min_by_key(|m| (m.active_calls, m.latency_ms))?;
    Some(Route::to(Target::new(msg.ruri()).via(idle.uri)))
}

fn puppet(act: &str, with: &str) -> Harness<Puppet> {
    let config = format!(
        "{{\"do\": {}, \"with\": {}}}",
        crate::json::quoted(act),
        crate::json::quoted(with)
    );
    Harness::new(&config).unwrap_or_else(|error| unreachable!("{error}"))
}

/// Whether the harness takes the verdict on this message.
fn takes(act: &str, with: &str, msg: &Message) -> bool {
    let mut plugin = puppet(act, with);
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| plugin.on_request(msg))).is_ok()
}

#[test]
fn a_verdict_that_the_host_refuses_fails_the_test() {
    for (act, with) in [
        ("reply", "180"),
        ("reply", "200"),
        ("reply", "700"),
        ("phrase", "a\r\nb"),
        ("phrase", "a\0"),
        ("route", "http://x"),
        ("route", "sip:a b@c"),
        ("route", "sip:a@b?X=1"),
        ("header", "a\nVia: x"),
        ("contact", "403"),
    ] {
        assert!(!takes(act, with, &invite()), "{act} {with:?}");
    }
    assert!(takes("reply", "200", &options()));
    assert!(takes("contact", "302", &invite()));
    assert!(takes("route", "tel:+4930", &invite()));
    assert!(takes("random", "", &invite()));
}

#[test]
fn what_the_host_owns_cannot_be_edited_in_any_spelling() {
    let msg = invite();
    let malformed = |result: Result<(), EditError>| matches!(result, Err(EditError::Malformed(_)));
    for name in [
        "Via",
        "v",
        "call-id",
        "I",
        "Record-Route",
        "CONTENT-LENGTH",
        "authorization",
        "t",
    ] {
        assert_eq!(
            msg.set_header(name, "x"),
            Err(EditError::Protected),
            "{name}"
        );
        assert_eq!(
            msg.add_header(name, "x"),
            Err(EditError::Protected),
            "{name}"
        );
        assert_eq!(msg.remove_header(name), Err(EditError::Protected), "{name}");
    }
    for value in ["a\rb", "a\nb", "a\0b", "\u{85}"] {
        assert!(malformed(msg.set_header("X-A", value)), "{value:?}");
    }
    for name in ["", "X A", "X:A", "X\r\nY"] {
        assert!(malformed(msg.set_header(name, "x")), "{name:?}");
    }
    assert!(malformed(msg.set_ruri("sip:")));
    assert!(malformed(invite().response(200, "OK").set_ruri("sip:a@b")));
    assert_eq!(msg.edits(), []);
    assert_eq!(msg.set_header("Subject", "a\tb"), Ok(()));
    assert_eq!(msg.header("s").as_deref(), Some("a\tb"));
    assert_eq!(
        msg.edits(),
        [Edit::Set("Subject".to_owned(), "a\tb".to_owned())]
    );
}

#[test]
#[should_panic(expected = "OnRegister is not in HOOKS")]
fn a_hook_that_is_not_named_is_never_called() {
    puppet("", "").on_register(&super::register());
}

#[test]
#[should_panic(expected = "\"random\" is not granted")]
fn a_capability_that_is_not_granted_fails_the_test() {
    let mut plugin = puppet("random", "");
    plugin.grant(&["store"]);
    plugin.on_request(&invite());
}

#[test]
fn there_is_no_store_in_a_check_and_no_waiting_for_the_web_on_a_response() {
    let mut plugin = puppet("store", "");
    assert_eq!(plugin.stored("k").as_deref(), Some(&b"started"[..]));
    plugin.on_response(&invite().response(200, "OK"));
    assert_eq!(plugin.fetched(), []);
}

#[test]
fn a_header_that_is_not_utf_8_is_read_lossy_and_exact() {
    let msg = invite().with("X-Bytes", b"a\xffb");
    assert_eq!(msg.header("x-bytes").as_deref(), Some("a\u{fffd}b"));
    assert_eq!(msg.header_bytes("X-Bytes").as_deref(), Some(&b"a\xffb"[..]));
}

#[test]
fn a_message_is_read_as_it_is_written() {
    let msg = Message::parse(
        "INVITE sip:b@h SIP/2.0\nv: SIP/2.0/UDP h\nf: \"A, \" <sip:a@h;x>;tag=1\nt: sip:b@h;tag=2\n\
         i: c\nCSeq: 7 INVITE\nm: \"x\" <sip:c@h>;q=1, <sip:d@h>\nSubject: one\n two\n\nbody",
    );
    let summary = msg.summary();
    assert_eq!(
        (summary.from_uri.as_str(), summary.from_tag.as_str()),
        ("sip:a@h;x", "1")
    );
    assert_eq!(
        (summary.to_uri.as_str(), summary.to_tag.as_str()),
        ("sip:b@h", "2")
    );
    assert_eq!((summary.call_id.as_str(), summary.cseq), ("c", 7));
    assert_eq!(
        (summary.contact.as_str(), summary.body_length),
        ("sip:c@h", 4)
    );
    assert!(summary.in_dialog);
    assert_eq!(msg.header("subject").as_deref(), Some("one two"));
    assert_eq!(msg.body().as_deref(), Ok(&b"body"[..]));
}

#[test]
fn notes_have_bounds() {
    let msg = invite();
    for key in 0..16 {
        assert_eq!(msg.set_note(&key.to_string(), "x"), Ok(()));
    }
    assert!(msg.set_note("one more", "x").is_err());
    assert_eq!(msg.set_note("0", "y"), Ok(()));
    assert_eq!(msg.note("0").as_deref(), Some("y"));
    assert!(msg.set_note("0", &"x".repeat(1025)).is_err());
}

#[test]
fn a_group_s_members_are_what_the_test_says() {
    let mut plugin = puppet("spread", "");
    assert_eq!(plugin.on_request(&invite()), Verdict::Continue);
    let member = |host: &str, up, active_calls| upstreams::Member {
        name: host.to_owned(),
        uri: format!("sip:{host}"),
        up,
        active_calls,
        latency_ms: 9,
        weight: 1,
    };
    let all = vec![
        member("down", false, 0),
        member("busy", true, 7),
        member("idle", true, 2),
    ];
    plugin.group("trunks", all);
    let Verdict::Route(route) = plugin.on_request(&invite()) else {
        unreachable!("a route")
    };
    let hops: Vec<_> = route
        .targets
        .iter()
        .map(|t| t.next_hop.as_deref())
        .collect();
    assert_eq!(hops, [Some("sip:idle")]);
}

#[test]
fn what_a_plugin_makes_of_a_call_is_told_and_other_messages_make_none() {
    let mut plugin = puppet("two legs", "4711");
    assert_eq!(plugin.on_request(&options()), Reply::new(500).into());
    assert_eq!((plugin.mode(), plugin.recorded("account")), (None, None));
    assert_eq!(plugin.on_request(&invite()), Reply::new(603).into());
    assert_eq!(plugin.mode(), Some(call::Mode::B2bua));
    assert_eq!(plugin.recorded("account").as_deref(), Some("4711"));
    let mut wordy = puppet("two legs", &"x".repeat(257));
    assert_eq!(wordy.on_request(&invite()), Reply::new(500).into());
}
