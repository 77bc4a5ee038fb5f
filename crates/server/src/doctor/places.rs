//! Where a target is: its own address, or what its name stands for, looked up as the running program does (RFC 3263).

use crate::config::{Settings, Target};
use crate::driver::OsEntropy;
use crate::resolve::{Bounds, Names, Place, RESOLV_CONF, Reach, Resolver};
use bellhop_core::flow::Transport;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::Path;

/// Looks up the names of all targets.
///
/// # Errors
/// There is nothing to look them up with.
pub(super) fn look_up(settings: &Settings) -> Result<Names, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let listeners = settings.listeners.iter();
    let reach: Vec<Place> = listeners
        .map(|listener| (listener.bind.transport, listener.bind.address))
        .collect();
    runtime.block_on(async {
        let resolver = Resolver::new(
            Path::new(RESOLV_CONF),
            Reach::of(&reach),
            Bounds::default(),
            Box::new(OsEntropy::new()),
        );
        let names = Names::default();
        Ok(names.refreshed(&resolver, settings.targets()).await)
    })
}

/// All places of a target.
///
/// # Errors
/// It has none.
pub(crate) fn places(names: &Names, target: &Target) -> Result<Vec<Place>, String> {
    let transport = target.transport().unwrap_or(Transport::Udp);
    if let Some(address) = target.address() {
        return Ok(vec![(transport, address)]);
    }
    let mut places: Vec<Place> = Vec::new();
    let mut add = |place: Place| {
        if !places.contains(&place) {
            places.push(place);
        }
    };
    match names.of(target) {
        // The system says why.
        [] => system(target)?
            .into_iter()
            .for_each(|remote| add((transport, remote))),
        known => known.iter().copied().for_each(add),
    }
    Ok(places)
}

fn system(target: &Target) -> Result<Vec<SocketAddr>, String> {
    let host = target.host.to_string();
    let at = (host.as_str(), target.port_or_default());
    let all = at
        .to_socket_addrs()
        .map_err(|error| format!("{host}: {error}"))?;
    let all: Vec<SocketAddr> = all.collect();
    match all.is_empty() {
        true => Err(format!("{host} has no address")),
        false => Ok(all),
    }
}
