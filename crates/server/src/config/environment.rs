//! What a configuration takes from outside its own text: other files, environment variables and the
//! machine's addresses. A trait, so that tests and the embedded default bring their own.

use nix::ifaddrs::getifaddrs;
use std::{
    io,
    net::{IpAddr, SocketAddrV4, SocketAddrV6},
    path::Path,
};

/// Where a configuration's references are looked up.
pub(crate) trait Environment {
    /// The text of a file.
    ///
    /// # Errors
    /// As reading a file.
    fn read(&self, path: &Path) -> io::Result<String>;

    /// An environment variable.
    fn variable(&self, name: &str) -> Option<String>;

    /// The machine's addresses, without loopback and link-local ones, in the order of its interfaces.
    fn addresses(&self) -> Vec<IpAddr>;

    /// How many cores we may use; a container's CPU quota counts.
    fn cores(&self) -> usize {
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    }
}

/// The machine we run on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine;

impl Environment for Machine {
    fn read(&self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(path)
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn addresses(&self) -> Vec<IpAddr> {
        let interfaces = getifaddrs().into_iter().flatten();
        let mut addresses: Vec<IpAddr> = Vec::new();
        for storage in interfaces.filter_map(|interface| interface.address) {
            let v4 = storage.as_sockaddr_in().map(|a| SocketAddrV4::from(*a));
            let v6 = storage.as_sockaddr_in6().map(|a| SocketAddrV6::from(*a));
            let ip = v4.map(|a| IpAddr::V4(*a.ip()));
            let ip = ip.or(v6.map(|a| IpAddr::V6(*a.ip())));
            addresses.extend(ip.filter(|ip| is_reachable(*ip) && !addresses.contains(ip)));
        }
        addresses
    }
}

fn is_reachable(ip: IpAddr) -> bool {
    let link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !ip.is_loopback() && !link_local && !ip.is_unspecified()
}
