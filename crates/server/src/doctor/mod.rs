//! `bellhop doctor`: asks a PBX as Bellhop would ask it, and says what of it is to be changed.

mod exam;
mod judge;
mod line;

use crate::config::{Settings, Target, Upstream};
use bellhop_core::{auth::upstream::Login, flow::Transport, lease::Mode};
use exam::Exam;
use line::Line;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _},
    sync::Arc,
};

pub(crate) use judge::{Check, Verdict};

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

/// Asks the first target of an upstream. `registers`: the user may be registered for a moment.
///
/// # Errors
/// Why nobody can be asked.
pub(crate) fn examine(
    settings: &Settings,
    upstream: &str,
    user: Option<&str>,
    registers: bool,
) -> Result<Vec<Check>, String> {
    let of = settings.upstreams.iter().find(|own| own.name == upstream);
    let of = of.ok_or_else(|| {
        let names: Vec<&str> = settings
            .upstreams
            .iter()
            .map(|own| own.name.as_str())
            .collect();
        format!(
            "no upstream is called {upstream:?}; there are: {}",
            names.join(", ")
        )
    })?;
    let target = of.targets.first().ok_or("the upstream has no targets")?;
    let transport = target.transport().unwrap_or(Transport::Udp);
    let remote = place(target)?;
    let source = source(settings, transport, remote);
    let line = Line::open(transport, source, remote)
        .map_err(|error| format!("{}: {error}", target.authority()))?;
    let situation = situation(settings, of, target, user, line.local().ip());
    let seen = Exam::new(line, &situation).run(registers);
    Ok(judge::judge(&situation, &seen))
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

/// Where a target is: its own address, or what the system's resolver says.
fn place(target: &Target) -> Result<SocketAddr, String> {
    if let Some(address) = target.address() {
        return Ok(address);
    }
    let host = target.host.to_string();
    let at = (host.as_str(), target.port_or_default());
    let mut all = at
        .to_socket_addrs()
        .map_err(|error| format!("{host}: {error}"))?;
    all.next().ok_or_else(|| format!("{host} has no address"))
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
