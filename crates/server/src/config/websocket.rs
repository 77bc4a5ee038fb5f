//! What `[[listen]]` says of WebSockets: whose pages may open one, and how soon a silent one is asked whether it lives.

use super::{
    address::Bind,
    reader::{Field, Section},
    report::{At, Report},
    units::show_duration,
};
use crate::transport::Rules;
use bellhop_core::{config::Zone, flow::Transport};
use std::{sync::Arc, time::Duration};

/// Reads the keys of one listener; `None`: it takes no WebSockets.
pub(super) fn read(
    section: &Section<'_>,
    report: &Report,
    bind: Option<Bind>,
    zone: Zone,
) -> Option<Arc<Rules>> {
    let origins = section.texts("origins");
    let ping = section.duration("ping");
    let is_web = bind.is_some_and(|bind| bind.transport == Transport::Ws);
    let places = [
        origins.as_ref().map(|o| &o.at),
        ping.as_ref().map(|p| &p.at),
    ];
    for at in places.into_iter().flatten().filter(|_| !is_web) {
        report.error(at, "is for WebSockets; allowed: with bind = \"ws:IP:PORT\"");
    }
    if !is_web {
        return None;
    }
    if zone == Zone::Inside && origins.is_none() {
        report.error(
            &section.at_key("zone"),
            "nothing is challenged here, and any page in a browser inside can open a WebSocket; \
             name those that may, as in origins = [\"https://phone.example.org\"]",
        );
    }
    if let Some(Field { value, at }) = ping.as_ref()
        && !(SHORTEST..=LONGEST).contains(value)
    {
        let (low, high) = (show_duration(SHORTEST), show_duration(LONGEST));
        report.error(at, format!("out of range; allowed: {low:?} to {high:?}"));
    }
    Some(Arc::new(Rules {
        origins: origins.map_or_else(Vec::new, |list| read_origins(&list, report)),
        ping: ping.map_or(USUAL, |ping| ping.value),
    }))
}

/// A PBX is reached by UDP or TCP, and called back there.
pub(super) fn check<'a>(mut binds: impl Iterator<Item = (Bind, &'a At)>, report: &Report) {
    let Some((first, at)) = binds.next() else {
        return;
    };
    let is_web = |bind: Bind| bind.transport.is_websocket();
    if is_web(first) && binds.all(|(bind, _)| is_web(bind)) {
        report.error(
            at,
            "WebSockets alone: nothing but browsers can be reached; add a listener by udp: or tcp:",
        );
    }
}

fn read_origins(list: &Field<Vec<Field<&str>>>, report: &Report) -> Vec<String> {
    if list.value.is_empty() {
        report.error(
            &list.at,
            format!("names no page; leave the key out for any; {ALLOWED}"),
        );
    }
    let mut origins: Vec<String> = Vec::new();
    for Field { value, at } in &list.value {
        let origin = value.to_ascii_lowercase();
        if !is_origin(&origin) {
            report.error(at, format!("is no origin of a page; {ALLOWED}"));
        } else if origins.contains(&origin) {
            report.error(at, "is given twice");
        } else {
            origins.push(origin);
        }
    }
    origins
}

/// Whether it is what a browser writes (RFC 6454 6.2): scheme, host, and a port that is not the scheme's own.
fn is_origin(text: &str) -> bool {
    let parts = [("https://", ":443"), ("http://", ":80")];
    let part = parts
        .into_iter()
        .find_map(|(scheme, port)| Some((text.strip_prefix(scheme)?, port)));
    part.is_some_and(|(rest, own)| {
        super::address::HostPort::parse(rest).is_ok()
            && !rest.ends_with(own)
            && !rest.ends_with('.')
    })
}

const ALLOWED: &str =
    "allowed: \"https://HOST\" or \"http://HOST\", with :PORT if it is not the usual one";
/// Reverse proxies as a rule cut what is silent for a minute.
const USUAL: Duration = Duration::from_secs(30);
const SHORTEST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(3600);
