//! `bellhop doctor`: asks a PBX as Bellhop would ask it, and says what of it is to be changed.

mod exam;
mod judge;
mod line;
mod places;

use crate::config::{Settings, Target, Upstream};
use crate::resolve::Place;
use bellhop_core::{auth::upstream::Login, flow::Transport, lease::Mode};
use exam::Exam;
use line::Line;
use serde::Serialize;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

pub(crate) use judge::{Check, Verdict};
pub(crate) use places::places;

/// What Bellhop does there, which is what the PBX is judged by.
#[derive(Clone, Debug)]
struct Situation {
    /// The user in whose name it is asked.
    user: String,
    /// The mode of his domain.
    mode: Mode,
    /// The PBX is shown the phones' Contacts.
    with_path: bool,
    /// What its challenges are answered with.
    login: Option<Arc<Login>>,
    /// Where Bellhop's requests come from.
    source: IpAddr,
    /// The PBX as the configuration writes it.
    registrar: String,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// The upstream's name.
    pub(crate) upstream: &'a str,
    /// The one target to ask, as the configuration writes it; `None`: each.
    pub(crate) target: Option<&'a str>,
    /// In whose name; `None`: the first user's.
    pub(crate) user: Option<&'a str>,
    /// The user may be registered for a moment.
    pub(crate) registers: bool,
}

/// What came of one place of a target.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Examined {
    /// The target as the configuration writes it.
    pub(crate) target: String,
    /// Where it is.
    pub(crate) address: String,
    pub(crate) checks: Vec<Check>,
}

/// Asks each target of an upstream, at each of its addresses.
///
/// # Errors
/// Why nobody can be asked.
pub(crate) fn examine(settings: &Settings, asked: Asked<'_>) -> Result<Vec<Examined>, String> {
    let upstream = asked.upstream;
    let of = settings.upstreams.iter().find(|own| own.name == upstream);
    let of = of.ok_or_else(|| {
        let names = settings.upstreams.iter().map(|own| own.name.clone());
        format!(
            "no upstream is called {upstream:?}; there are: {}",
            listed(names)
        )
    })?;
    let is_meant = |target: &&Target| {
        let named = |name: &str| {
            let is_same = Target::parse(name).is_ok_and(|named| named == **target);
            is_same || target.authority() == name
        };
        asked.target.is_none_or(named)
    };
    let names = places::look_up(settings)?;
    let mut failures = Vec::new();
    let mut all = Vec::new();
    let mut was_reached = false;
    for target in of.targets.iter().filter(is_meant) {
        let places = match places(&names, target) {
            Ok(places) => places,
            Err(why) => {
                all.push(failed(target, target.authority(), &why));
                failures.push(why);
                continue;
            }
        };
        for place in places {
            let (_, remote) = place;
            match examine_at(settings, of, (target, place), asked) {
                Ok(checks) => {
                    was_reached = true;
                    all.push(Examined {
                        target: target.to_string(),
                        address: remote.to_string(),
                        checks,
                    });
                }
                Err(why) => {
                    all.push(failed(target, remote.to_string(), &why));
                    failures.push(format!("{remote}: {why}"));
                }
            }
        }
    }
    match (asked.target, all.is_empty()) {
        (Some(target), true) => {
            let targets = of.targets.iter().map(Target::to_string);
            let targets = listed(targets);
            Err(format!(
                "{upstream} has no target {target:?}; there are: {targets}"
            ))
        }
        (None, true) => Err(format!("{upstream} has no targets")),
        _ if !was_reached => Err(failures.join("; ")),
        _ => Ok(all),
    }
}

fn examine_at(
    settings: &Settings,
    of: &Upstream,
    (target, (transport, remote)): (&Target, Place),
    asked: Asked<'_>,
) -> Result<Vec<Check>, String> {
    let source = source(settings, transport, remote);
    let line = Line::open(transport, source, remote).map_err(|error| error.to_string())?;
    let situation = situation(settings, of, target, asked.user, line.local().ip());
    let seen = Exam::new(line, &situation).run(asked.registers);
    Ok(judge::judge(&situation, &seen))
}

/// A place that could not be asked while others could.
fn failed(target: &Target, address: String, why: &str) -> Examined {
    Examined {
        target: target.to_string(),
        address,
        checks: vec![judge::unreached(why)],
    }
}

fn listed(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

fn situation(
    settings: &Settings,
    of: &Upstream,
    target: &Target,
    user: Option<&str>,
    source: IpAddr,
) -> Situation {
    let users = &settings.auth.users;
    let mut names: Vec<&String> = users.iter().map(|user| &user.name).collect();
    names.sort();
    let name = user
        .or(names.first().map(|name| name.as_str()))
        .unwrap_or("6001");
    let known = users.find(name);
    let own = known.and_then(|user| user.login()).filter(|login| {
        let named = login.upstream.as_ref();
        named.is_none_or(|named| *named == of.name)
    });
    let aor = known.and_then(|user| user.aors.first());
    let domain = aor.map_or("", |aor| aor.domain());
    let modes = settings.core_config(&[], &[]).registrar.leases;
    Situation {
        user: aor.and_then(|aor| aor.user()).unwrap_or(name).to_owned(),
        mode: modes.mode_of(domain),
        with_path: of.with_path,
        login: own.or(of.login.as_ref()).cloned(),
        source,
        registrar: target.authority(),
    }
}

/// The address that Bellhop's own requests to there come from, with a port that is free.
fn source(settings: &Settings, transport: Transport, remote: SocketAddr) -> SocketAddr {
    let fits = |bind: &&crate::config::Listener| bind.bind.address.is_ipv4() == remote.is_ipv4();
    let near = || settings.listeners.iter().filter(fits);
    let same = near().find(|listener| listener.bind.transport == transport);
    let any = match remote {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let ip = same
        .or_else(|| near().next())
        .map_or(any, |listener| listener.bind.address.ip());
    SocketAddr::new(ip, 0)
}
