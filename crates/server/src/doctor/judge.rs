//! What is to be thought of a PBX, and what to change in pjsip.conf.

use super::{
    Situation,
    exam::{Answer, Paths, Registered, Seen},
};
use bellhop_core::lease::Mode;
use serde::Serialize;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// What it is about.
    pub(crate) name: &'static str,
    /// What is thought of it.
    pub(crate) verdict: Verdict,
    /// What was seen.
    pub(crate) seen: String,
    /// What to change, line by line.
    pub(crate) change: Vec<String>,
}

/// What is thought of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// It is as Bellhop needs it.
    Ok,
    /// It is to be changed.
    Change,
    /// It was not looked at.
    Unknown,
}

/// Judges what was seen.
pub(super) fn judge(of: &Situation, seen: &Seen) -> Vec<Check> {
    let Some((status, took)) = seen.options else {
        let bind = format!("[transport] type=transport: bind = {}", of.registrar);
        let from = format!("let {} through its firewall and acl", of.source);
        return vec![change("options", "no answer within 4 s", [bind, from])];
    };
    let mut all = vec![match status {
        503 => change(
            "options",
            "answered 503: it wants no requests now",
            ["take it out of maintenance (pjsip show maintenance)".to_owned()],
        ),
        status => ok("options", format!("answered {status} after {took} ms")),
    }];
    all.push(proof(of, "register", &seen.register, |status| {
        status == 200
    }));
    // 420: it would have gone on but for the extension that was asked for.
    all.push(proof(of, "invite", &seen.invite, |status| status == 420));
    all.push(identity(of, seen));
    all.extend(registered(of, seen.registered.as_ref()));
    all
}

/// What is thought of one that could not be asked.
pub(super) fn unreached(why: &str) -> Check {
    change("options", why, [])
}

/// Whether requests are challenged as Bellhop's mode needs it.
fn proof(
    of: &Situation,
    name: &'static str,
    answer: &Answer,
    taken: impl Fn(u16) -> bool,
) -> Check {
    let user = &of.user;
    let offered = answer.algorithms.join(", ");
    let is_challenged = matches!(answer.status, 401 | 407);
    let believed = || {
        let source = of.source;
        let mask = if source.is_ipv4() {
            "255.255.255.255"
        } else {
            "128"
        };
        [
            format!("[{user}] type=endpoint: no auth ="),
            format!("[{user}] type=endpoint: deny = 0.0.0.0/0.0.0.0"),
            format!("[{user}] type=endpoint: permit = {source}/{mask}"),
            format!("or, in users.toml of {user}: upstream = {{ username = .., password = .. }}"),
        ]
    };
    match (of.mode, answer.status) {
        (Mode::Terminate, status) if name == "register" => ok(
            name,
            format!("answered {status}; mode terminate registers nothing there"),
        ),
        (_, 0) => change(name, "no answer within 4 s", Vec::new()),
        (Mode::Passthrough, _) if is_challenged => ok(name, format!("challenged with {offered}")),
        (Mode::Passthrough, status) if taken(status) => change(
            name,
            "taken without a password: in mode passthrough anybody may do so through Bellhop",
            [
                format!("[{user}] type=endpoint: auth = {user}"),
                format!("[{user}] type=auth: auth_type = digest, username = {user}, password = .."),
            ],
        ),
        (_, status) if taken(status) => ok(name, "taken from Bellhop's address without a password"),
        (_, _) if is_challenged && taken(answer.signed) => ok(
            name,
            format!("challenged with {offered}; the login of {user} was taken"),
        ),
        (_, _) if is_challenged && of.login.is_some() => change(
            name,
            &format!("challenged with {offered}; the login of {user} was not taken"),
            [
                format!(
                    "[{user}] type=auth: username and password as in users.toml's upstream of {user}"
                ),
                format!("[{user}] type=endpoint: permit = {}", of.source),
            ],
        ),
        (_, _) if is_challenged => {
            let seen = format!("challenged with {offered}; {user} has no login there");
            change(name, &seen, believed())
        }
        (_, status) => change(
            name,
            &format!("answered {status} to {user}"),
            [
                format!("[{user}] type=endpoint: aors = {user}"),
                format!("[{user}] type=aor: max_contacts = 5"),
                format!("[{user}] type=endpoint: permit = {}", of.source),
            ],
        ),
    }
}

/// Whether all that comes from our address is one endpoint, whoever From names.
fn identity(of: &Situation, seen: &Seen) -> Check {
    let source = of.source;
    let by_address = [
        format!("no section of type = identify with match = {source}"),
        "[global] endpoint_identifier_order = username".to_owned(),
        "no endpoint [anonymous], unless it may call nobody".to_owned(),
    ];
    match (seen.nobody.status, seen.nobody.signed) {
        (420, _) | (200..=299, _) => change(
            "identify",
            "a user that it cannot know is taken from our address: it tells users apart by address, and takes \
             everybody for one endpoint",
            by_address,
        ),
        (_, 420 | 200..=299) => change(
            "identify",
            &format!(
                "the login of {} is taken for a user that it cannot know",
                of.user
            ),
            by_address,
        ),
        (0, _) => change("identify", "no answer within 4 s", Vec::new()),
        (status, _) => ok(
            "identify",
            format!("a user that it cannot know is answered {status}"),
        ),
    }
}

fn registered(of: &Situation, seen: Option<&Registered>) -> Vec<Check> {
    let user = &of.user;
    let names = ["path", "contact", "notify"];
    let Some(seen) = seen else {
        let why = "not looked at: --register registers the user there for a moment, which may push a phone's contact out";
        return names.map(|name| unknown(name, why)).into();
    };
    if !(200..300).contains(&seen.status) {
        let why = format!(
            "not looked at: {user} could not be registered ({})",
            seen.status
        );
        return names.map(|name| unknown(name, &why)).into();
    }
    let set = [
        format!("[{user}] type=aor: support_path = yes"),
        "or, in [[upstream]]: profile = \"asterisk\"".to_owned(),
    ];
    let path = match seen.path {
        Paths::Taken => ok("path", "taken"),
        Paths::Unknown => unknown("path", "no answer"),
        Paths::Ignored if of.with_path => {
            change("path", "ignored: the phones could not be reached", set)
        }
        Paths::Refused(status) if of.with_path => {
            change("path", &format!("refused with {status}"), set)
        }
        Paths::Ignored => ok("path", "ignored; profile \"asterisk\" needs none"),
        Paths::Refused(status) => ok(
            "path",
            format!("refused with {status}; profile \"asterisk\" needs none"),
        ),
    };
    let (longest, needed) = (seen.longest, if of.with_path { 400 } else { OURS });
    let refused = seen.refused.map_or(String::new(), |(length, status)| {
        format!("; one of {length} was answered {status}")
    });
    let took = format!("a Contact of {longest} bytes was taken{refused}");
    let contact = match longest >= needed {
        true => ok("contact", took),
        false => change(
            "contact",
            &took,
            ["in [[upstream]]: profile = \"asterisk\" (ours has less than 128 bytes)".to_owned()],
        ),
    };
    let notify = match (seen.notified, of.mode) {
        (true, _) => ok("notify", "told of the mailbox unasked"),
        (false, Mode::Terminate) => ok("notify", "nothing came unasked; phones subscribe"),
        (false, _) => change(
            "notify",
            "no word of a mailbox came unasked",
            [
                format!("[{user}] type=endpoint: mailboxes = {user}@default"),
                format!("[{user}] type=aor: no mailboxes = (those want a SUBSCRIBE)"),
            ],
        ),
    };
    vec![path, contact, notify]
}

fn ok(name: &'static str, seen: impl Into<String>) -> Check {
    Check {
        name,
        verdict: Verdict::Ok,
        seen: seen.into(),
        change: Vec::new(),
    }
}

fn unknown(name: &'static str, seen: &str) -> Check {
    Check {
        verdict: Verdict::Unknown,
        ..ok(name, seen)
    }
}

fn change(name: &'static str, seen: &str, change: impl Into<Vec<String>>) -> Check {
    Check {
        verdict: Verdict::Change,
        change: change.into(),
        ..ok(name, seen)
    }
}

/// A Contact of ours is no longer.
const OURS: usize = 128;

#[cfg(test)]
mod tests;
