//! `[[upstream]]`: the PBXs.

use super::{
    address::{Host, Target},
    auth::Auth,
    environment::Environment,
    listen::Listener,
    login,
    reader::{Field, Section, quoted},
    report::{At, Report},
    units::show_duration,
};
use bellhop_core::auth::upstream::Login;
use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

/// A group of PBX targets, tried in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upstream {
    /// Its name, unique.
    pub(crate) name: String,
    /// Its targets, at least one.
    pub(crate) targets: Vec<Target>,
    /// Requests from its addresses are not challenged.
    pub(crate) trusted: bool,
    /// What its challenges are answered with for whoever has no login of his own there.
    pub(crate) login: Option<Arc<Login>>,
    /// How often each target is asked whether it is there; `None`: never.
    pub(crate) probe: Option<Duration>,
    /// Registrations show it the phones' Contacts and a Path of ours.
    pub(crate) with_path: bool,
    /// How many calls it may have, to it and from it, and where that stands; `None`: as many as like.
    pub(crate) max_calls: Option<Field<u32>>,
}

/// Reads all `[[upstream]]`.
pub(super) fn read(
    top: &Section<'_>,
    report: &Report,
    file: &Path,
    environment: &dyn Environment,
    listeners: &[Listener],
) -> Vec<Upstream> {
    let mut upstreams: Vec<(Upstream, At)> = Vec::new();
    for section in top.sections("upstream") {
        let name = section.text("name");
        let trusted = section.flag("trusted").is_some_and(|t| t.value);
        let targets = targets(&section, report, listeners);
        let login = section.optional_section("credentials").and_then(|table| {
            let login = login::read(&table, None, report, file, environment);
            table.finish();
            login
        });
        let profile = section.choice("profile", &PROFILES);
        let probe = section.duration("probe").map(|Field { value, at }| {
            if !(SHORTEST..=LONGEST).contains(&value) {
                let (low, high) = (show_duration(SHORTEST), show_duration(LONGEST));
                report.error(&at, format!("out of range; allowed: {low:?} to {high:?}"));
            }
            value
        });
        let max_calls = section.whole("max_calls", 1..=1_000_000);
        section.finish();
        let Some(Field { value: name, at }) = name else {
            if !section.has("name") {
                report.error(section.at(), "has no name; allowed: name = \"pbx\"");
            }
            continue;
        };
        let upstream = Upstream {
            name: name.to_owned(),
            targets,
            trusted,
            login: login.map(Arc::new),
            probe,
            with_path: profile.is_some_and(|profile| profile.value),
            max_calls: max_calls.map(|Field { value, at }| Field {
                value: u32::try_from(value).unwrap_or(u32::MAX),
                at,
            }),
        };
        check(&upstream, &at, &upstreams, report);
        upstreams.push((upstream, at));
    }
    upstreams
        .into_iter()
        .map(|(upstream, _)| upstream)
        .collect()
}

/// Warns of users whose login names an upstream that is not there.
pub(super) fn check_logins(auth: &Auth, report: &Report, upstreams: &[Upstream]) {
    let names = || upstreams.iter().map(|upstream| upstream.name.as_str());
    let mut users: Vec<_> = auth.users.iter().collect();
    users.sort_by(|a, b| a.name.cmp(&b.name));
    for user in users {
        let Some(of) = user.login().and_then(|login| login.upstream.as_deref()) else {
            continue;
        };
        if !names().any(|name| name == of) {
            let (user, known) = (&user.name, quoted(names()));
            report.error(
                &auth.users_at,
                format!("user {user:?} logs in at upstream {of:?}; allowed: {known}"),
            );
        }
    }
}

fn targets(section: &Section<'_>, report: &Report, listeners: &[Listener]) -> Vec<Target> {
    let Some(list) = section.texts("targets") else {
        if !section.has("targets") {
            report.error(section.at(), NO_TARGETS);
        }
        return Vec::new();
    };
    if list.value.is_empty() {
        report.error(&list.at, NO_TARGETS);
    }
    let mut targets: Vec<Target> = Vec::new();
    for Field { value, at } in list.value {
        let target = match Target::parse(value) {
            Ok(target) => target,
            Err(why) => {
                report.error(&at, why);
                continue;
            }
        };
        if targets.iter().any(|other| same(other, &target)) {
            report.error(&at, "is given twice");
        }
        if let Some(own) = listeners.iter().find(|listener| is_own(listener, &target)) {
            let name = &own.name;
            report.error(
                &at,
                format!("is our own listener {name:?}: requests would go in circles"),
            );
        }
        check_reach(&target, &at, listeners, report);
        targets.push(target);
    }
    targets
}

fn check(upstream: &Upstream, at: &At, others: &[(Upstream, At)], report: &Report) {
    for (other, other_at) in others {
        let line = other_at.line;
        if other.name == upstream.name {
            report.error(at, format!("an upstream in line {line} has this name too"));
        }
        let shared = other.targets.iter().find(|target| {
            let host = |mine: &Target| mine.host == target.host;
            upstream.targets.iter().any(host)
        });
        if let Some(shared) = shared.filter(|_| other.trusted != upstream.trusted) {
            let (host, name) = (&shared.host, &other.name);
            report.error(
                at,
                format!(
                    "{host} is trusted in one upstream and not in the other ({name:?}, line \
                     {line}); say the same in both"
                ),
            );
        }
    }
}

/// A PBX is reached from a listener of ours, and comes back to one (RFC 3261 16.6 steps 4 and 8).
fn check_reach(target: &Target, at: &At, listeners: &[Listener], report: &Report) {
    let address = target.address();
    let family = |l: &&Listener| address.is_none_or(|a| a.is_ipv4() == l.bind.address.is_ipv4());
    let mut near = listeners.iter().filter(family).peekable();
    if listeners.is_empty() {
        return;
    }
    if near.peek().is_none() {
        report.error(at, "no listener has an address of this family; add one");
    } else if let Some(transport) = target.transport()
        && !near.any(|listener| listener.bind.transport == transport)
    {
        let transport = transport.uri_token();
        report.warn(
            at,
            format!("no listener takes {transport}: this PBX cannot open connections to us"),
        );
    }
}

fn same(a: &Target, b: &Target) -> bool {
    let key = |t: &Target| (t.host.clone(), t.port_or_default(), t.transport());
    key(a) == key(b)
}

fn is_own(listener: &Listener, target: &Target) -> bool {
    let bind = listener.bind;
    let at = |address: SocketAddr| bind.address == address;
    let advertised = listener.advertise.as_ref().is_some_and(|shown| {
        let port = shown.port.unwrap_or(bind.address.port());
        shown.host == target.host && port == target.port_or_default()
    });
    let loopback = matches!(target.host, Host::Ip(ip) if ip.is_loopback())
        && bind.address.ip().is_unspecified()
        && bind.address.port() == target.port_or_default();
    target
        .transport()
        .is_none_or(|t| t.is_reliable() == bind.transport.is_reliable())
        && (target.address().is_some_and(at) || advertised || loopback)
}

/// What registrations there look like.
const PROFILES: [(&str, Option<bool>); 2] = [("asterisk", Some(false)), ("path", Some(true))];
const NO_TARGETS: &str = "has no targets; allowed: targets = [\"sip:10.0.0.10:5060\"]";
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(3600);
