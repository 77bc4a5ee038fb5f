//! `[[listen]]`: where we listen and how we are called there.

use super::{
    address::{Bind, Host, HostPort},
    reader::Section,
    report::{At, Report},
    websocket,
};
use crate::transport::Rules;
use bellhop_core::{config::Zone, flow::Transport};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

/// A listener, not yet bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    /// Its name, unique.
    pub(crate) name: String,
    /// What it binds.
    pub(crate) bind: Bind,
    /// What Via, Record-Route and Contact show instead of the bound address.
    pub(crate) advertise: Option<HostPort>,
    /// Which side it faces.
    pub(crate) zone: Zone,
    /// What is asked of WebSockets, where it takes those.
    pub(crate) web: Option<Arc<Rules>>,
}

impl Listener {
    /// Host and port by which others are told to reach it, once it is bound to `local`.
    pub(crate) fn shown(&self, local: SocketAddr, machine: &[IpAddr]) -> (Host, u16) {
        match &self.advertise {
            Some(HostPort { host, port }) => (host.clone(), port.unwrap_or(local.port())),
            None => {
                let ip = reachable(local.ip(), machine).first().copied();
                (Host::Ip(ip.unwrap_or(local.ip())), local.port())
            }
        }
    }

    /// The addresses it is reached at besides its bound one.
    pub(crate) fn aliases(&self, machine: &[IpAddr]) -> Vec<IpAddr> {
        let ip = self.bind.address.ip();
        if !ip.is_unspecified() {
            return Vec::new();
        }
        let loopback = if ip.is_ipv4() {
            LOOPBACK_V4
        } else {
            LOOPBACK_V6
        };
        let mut aliases = reachable(ip, machine);
        if !aliases.contains(&loopback) {
            aliases.push(loopback);
        }
        aliases
    }
}

/// Reads all `[[listen]]`.
pub(super) fn read(top: &Section<'_>, report: &Report, machine: &[IpAddr]) -> Vec<Listener> {
    let mut listeners: Vec<(Listener, At)> = Vec::new();
    let sections = top.sections("listen");
    let none = sections.is_empty();
    for section in sections {
        let name = section.text("name");
        let bind = section.parsed("bind", Bind::parse);
        let advertise = section.parsed("advertise", HostPort::parse);
        let zone = section.choice("zone", &ZONES);
        let name_at = section.at_key("name");
        if !section.has("bind") {
            report.error(section.at(), "has no bind; allowed: bind = \"udp:IP:PORT\"");
        }
        let zone = zone.map_or(Zone::Outside, |z| z.value);
        let web = websocket::read(&section, report, bind.as_ref().map(|b| b.value), zone);
        let listener = bind.map(|bind| {
            let named = name.map_or_else(|| bind.value.to_string(), |n| n.value.to_owned());
            let listener = Listener {
                name: named,
                bind: bind.value,
                advertise: advertise.map(|a| a.value),
                zone,
                web,
            };
            (listener, bind.at)
        });
        if let Some((listener, at)) = listener {
            check(&listener, &at, &name_at, &listeners, report);
            warn_of_wildcard(&listener, &at, machine, report);
            listeners.push((listener, at));
        }
        section.finish();
    }
    if none {
        if !top.has("listen") {
            report.warn(
                &top.at_key("listen"),
                "no [[listen]]: listening on udp:127.0.0.1:5060 and tcp:127.0.0.1:5060 only",
            );
        }
        return defaults();
    }
    warn_of_udp_alone(&listeners, report);
    websocket::check(listeners.iter().map(|(l, at)| (l.bind, at)), report);
    listeners
        .into_iter()
        .map(|(listener, _)| listener)
        .collect()
}

fn check(listener: &Listener, at: &At, name_at: &At, others: &[(Listener, At)], report: &Report) {
    for (other, other_at) in others {
        let line = other_at.line;
        if other.name == listener.name {
            let name = &listener.name;
            report.error(
                name_at,
                format!("a listener in line {line} has the name {name:?} too"),
            );
        }
        if other.bind.overlaps(&listener.bind) {
            let other = other.bind;
            report.error(
                at,
                format!("overlaps {other} in line {line}; an address belongs to one listener"),
            );
        }
    }
}

fn warn_of_wildcard(listener: &Listener, at: &At, machine: &[IpAddr], report: &Report) {
    let ip = listener.bind.address.ip();
    let own = reachable(ip, machine);
    if !ip.is_unspecified() || listener.advertise.is_some() {
        return;
    }
    if let [first, _, ..] = own.as_slice() {
        let own: Vec<String> = own.iter().map(ToString::to_string).collect();
        report.warn(
            at,
            format!(
                "a wildcard without advertise on a machine with several addresses ({}): others \
                 are told {first}",
                own.join(", ")
            ),
        );
    }
}

/// RFC 3261 18.2.1: where UDP is taken TCP is too, for what is too large for a datagram.
fn warn_of_udp_alone(listeners: &[(Listener, At)], report: &Report) {
    let udp = listeners
        .iter()
        .filter(|(l, _)| l.bind.transport == Transport::Udp);
    for (listener, at) in udp {
        let stream = Bind {
            transport: Transport::Tcp,
            ..listener.bind
        };
        let has_port = listener.bind.address.port() != 0;
        if has_port && !listeners.iter().any(|(l, _)| l.bind.overlaps(&stream)) {
            report.warn(
                at,
                format!("no {stream} beside it: messages too large for a datagram cannot come in"),
            );
        }
    }
}

/// The addresses that a socket bound to `ip` is reached at.
fn reachable(ip: IpAddr, machine: &[IpAddr]) -> Vec<IpAddr> {
    if !ip.is_unspecified() {
        return vec![ip];
    }
    let family = |own: &&IpAddr| own.is_ipv4() == ip.is_ipv4();
    let own: Vec<IpAddr> = machine.iter().filter(family).copied().collect();
    match own.is_empty() {
        true if ip.is_ipv4() => vec![LOOPBACK_V4],
        true => vec![LOOPBACK_V6],
        false => own,
    }
}

fn defaults() -> Vec<Listener> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 5060));
    [Transport::Udp, Transport::Tcp]
        .map(|transport| {
            let bind = Bind { transport, address };
            Listener {
                name: bind.to_string(),
                bind,
                advertise: None,
                zone: Zone::Outside,
                web: None,
            }
        })
        .to_vec()
}

const ZONES: [(&str, Option<Zone>); 2] = [
    ("outside", Some(Zone::Outside)),
    ("inside", Some(Zone::Inside)),
];
const LOOPBACK_V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const LOOPBACK_V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);
