//! Hosts and ports (RFC 3261 25.1 `hostport`).

use std::net::IpAddr;

/// A host: a name or an address. IPv6 references come with brackets on the wire, not in here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host<'a> {
    /// A domain name as it stands (compare without case).
    Name(&'a [u8]),
    /// An IPv4 address or IPv6 reference.
    Ip(IpAddr),
}

impl Host<'_> {
    /// Equal as hosts: names without case, addresses by value.
    pub fn same(self, other: Host<'_>) -> bool {
        let _ = other;
        todo!()
    }

    /// Appends the host as it stands in a URI: names in lower case, IPv6 in brackets.
    pub fn write(self, out: &mut Vec<u8>) {
        let _ = out;
    }
}

/// Reads `host [":" port]` (blanks around the colon allowed, as in Via); the whole input must be used.
pub fn host_port(bytes: &[u8]) -> Option<(Host<'_>, Option<u16>)> {
    let _ = bytes;
    todo!()
}
