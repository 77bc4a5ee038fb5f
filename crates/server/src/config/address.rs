//! Addresses as the configuration writes them: what a listener binds, what it advertises, where an
//! upstream is.

use super::reader::LATER;
use bellhop_core::flow::Transport;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// A host: a name in lower case, or an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// A domain name.
    Name(String),
    /// An address.
    Ip(IpAddr),
}

/// `host[:port]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPort {
    /// The host.
    pub(crate) host: Host,
    /// The port, if one is given.
    pub(crate) port: Option<u16>,
}

/// What a listener binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bind {
    /// The transport.
    pub(crate) transport: Transport,
    /// The address; port 0: the operating system picks one.
    pub(crate) address: SocketAddr,
}

/// One address of a PBX, not yet resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Address or name.
    pub(crate) host: Host,
    /// The port as it is written.
    pub(crate) port: Option<u16>,
    /// The transport as it is written.
    pub(crate) written: Option<Transport>,
}

impl Host {
    /// Reads a host name or an address (IPv6 in brackets).
    ///
    /// # Errors
    /// What is wrong and what is allowed.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner
                .strip_suffix(']')
                .and_then(|t| t.parse::<Ipv6Addr>().ok());
            return inner
                .map(|ip| Self::Ip(ip.into()))
                .ok_or_else(|| format!("{text:?} is not an IPv6 address in brackets"));
        }
        if let Ok(ip) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Ip(ip.into()));
        }
        if text.parse::<Ipv6Addr>().is_ok() {
            return Err(format!("an IPv6 address stands in brackets: \"[{text}]\""));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let labels_ok = name.split('.').all(is_label);
        let last_is_name = name
            .rsplit('.')
            .next()
            .is_some_and(|label| label.starts_with(|c: char| c.is_ascii_alphabetic()));
        if name.len() > 253 || !labels_ok || !last_is_name {
            return Err(format!("{text:?} is neither a host name nor an address"));
        }
        Ok(Self::Name(name.to_ascii_lowercase()))
    }
}

impl HostPort {
    /// Reads `host[:port]`.
    ///
    /// # Errors
    /// What is wrong and what is allowed.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let after_host = text.rfind(']').unwrap_or(0);
        let colon = text.rfind(':').filter(|colon| *colon > after_host);
        let bare_ipv6 = text.parse::<Ipv6Addr>().is_ok();
        let (host, port) = match colon.filter(|_| !bare_ipv6) {
            Some(colon) => {
                let (host, port) = text.split_at(colon);
                (host, Some(self::port(port.trim_start_matches(':'))?))
            }
            None => (text, None),
        };
        if port == Some(0) {
            return Err("port 0 can be bound but not named; allowed: 1 to 65535".to_owned());
        }
        Ok(Self {
            host: Host::parse(host)?,
            port,
        })
    }
}

impl Bind {
    /// Reads `udp:IP:PORT`, `tcp:IP:PORT` or `ws:IP:PORT`.
    ///
    /// # Errors
    /// What is wrong and what is allowed.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (transport, address) = text.split_once(':').unwrap_or((text, ""));
        let transport = match transport {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            "ws" => Transport::Ws,
            "wss" => {
                return Err(format!(
                    "wss: is {LATER}; put a TLS terminator in front of ws:; {ALLOWED_BIND}"
                ));
            }
            "tls" => return Err(format!("tls: is {LATER}; {ALLOWED_BIND}")),
            _ => return Err(format!("no transport in front; {ALLOWED_BIND}")),
        };
        let address = address.parse::<SocketAddr>().map_err(|_| {
            let why = match HostPort::parse(address) {
                Ok(HostPort { port: None, .. }) => "has no port",
                Ok(_) => "is a name, not an address",
                Err(_) => "is not an address and a port",
            };
            format!("{address:?} {why}; {ALLOWED_BIND}")
        })?;
        Ok(Self { transport, address })
    }

    /// Whether both would take the same packets: a WebSocket's are TCP's, same port, one address within the other.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let (a, b) = (self.address, other.address);
        let same_family = a.is_ipv4() == b.is_ipv4();
        let within = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
        self.transport.is_reliable() == other.transport.is_reliable()
            && a.port() != 0
            && a.port() == b.port()
            && same_family
            && within
    }
}

impl Target {
    /// Reads `sip:host[:port][;transport=udp|tcp]`.
    ///
    /// # Errors
    /// What is wrong and what is allowed.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
        match scheme {
            "sip" => {}
            "sips" => return Err(format!("sips: is {LATER}; {ALLOWED_TARGET}")),
            _ => return Err(format!("is no sip: URI; {ALLOWED_TARGET}")),
        }
        let (address, params) = rest
            .split_once(';')
            .map_or((rest, None), |(a, p)| (a, Some(p)));
        if address.contains('@') {
            return Err(format!("has a user part; {ALLOWED_TARGET}"));
        }
        let HostPort { host, port } = HostPort::parse(address)?;
        if matches!(host, Host::Ip(ip) if ip.is_unspecified()) {
            return Err("is a wildcard address, which is no place to send to".to_owned());
        }
        let written = match params.map(str::to_ascii_lowercase).as_deref() {
            None => None,
            Some("transport=udp") => Some(Transport::Udp),
            Some("transport=tcp") => Some(Transport::Tcp),
            Some("transport=tls" | "transport=ws" | "transport=wss") => {
                return Err(format!("this transport is {LATER}; {ALLOWED_TARGET}"));
            }
            Some(_) => return Err(format!("has other parameters; {ALLOWED_TARGET}")),
        };
        Ok(Self {
            host,
            port,
            written,
        })
    }

    /// The transport: UDP if none is written, but for a name without a port, where `None` means that
    /// its NAPTR and SRV records decide (RFC 3263 4.1).
    pub(crate) fn transport(&self) -> Option<Transport> {
        match (&self.host, self.port) {
            (Host::Name(_), None) => self.written,
            _ => Some(self.written.unwrap_or(Transport::Udp)),
        }
    }

    /// The port to send to, if no SRV record says another.
    pub(crate) fn port_or_default(&self) -> u16 {
        let transport = self.transport().unwrap_or(Transport::Udp);
        self.port.unwrap_or(transport.default_port())
    }

    /// Its address if no name has to be looked up.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self.host {
            Host::Ip(ip) => Some(SocketAddr::new(ip, self.port_or_default())),
            Host::Name(_) => None,
        }
    }

    /// `host[:port]` as it is written, for a Request-URI.
    pub(crate) fn authority(&self) -> String {
        let HostPort { host, port } = HostPort {
            host: self.host.clone(),
            port: self.port,
        };
        port.map_or_else(|| host.to_string(), |port| format!("{host}:{port}"))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(ip)) => write!(f, "{ip}"),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport.uri_token(), self.address)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sip:{}", self.authority())?;
        match self.transport() {
            Some(transport) => write!(f, ";transport={}", transport.uri_token()),
            None => Ok(()),
        }
    }
}

fn is_label(label: &str) -> bool {
    let ok = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=63).contains(&label.len())
        && label.bytes().all(ok)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn port(text: &str) -> Result<u16, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = digits.then(|| text.parse::<u16>().ok()).flatten();
    port.ok_or_else(|| format!("{text:?} is not a port; allowed: 1 to 65535"))
}

const ALLOWED_BIND: &str = "allowed: \"udp:IP:PORT\", \"tcp:IP:PORT\" or \"ws:IP:PORT\"";
const ALLOWED_TARGET: &str = "allowed: \"sip:HOST[:PORT][;transport=udp|tcp]\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_addresses() {
        assert_eq!(
            Host::parse("PBX.Example.org."),
            Ok(Host::Name("pbx.example.org".into()))
        );
        assert_eq!(Host::parse("[::1]").unwrap().to_string(), "[::1]");
        assert_eq!(Host::parse("10.0.0.1"), Ok(Host::Ip([10, 0, 0, 1].into())));
        for bad in [
            "",
            "::1",
            "10.0.0.256",
            "a b",
            "a..b",
            "-a",
            "1.2",
            "[::1",
            "sip:a",
        ] {
            assert!(Host::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_wildcard_and_an_address_of_its_family_overlap() {
        let bind = |text| Bind::parse(text).unwrap();
        let all = bind("udp:0.0.0.0:5060");
        assert!(all.overlaps(&bind("udp:127.0.0.1:5060")));
        assert!(all.overlaps(&all));
        let stream = bind("tcp:0.0.0.0:5060");
        assert!(stream.overlaps(&bind("ws:127.0.0.1:5060")));
        for apart in ["tcp:0.0.0.0:5060", "udp:0.0.0.0:5061", "udp:[::]:5060"] {
            assert!(!all.overlaps(&bind(apart)), "{apart}");
        }
        let any_port = bind("udp:127.0.0.1:0");
        assert!(!any_port.overlaps(&any_port));
    }

    #[test]
    fn targets_default_to_udp_and_5060() {
        let target = Target::parse("sip:10.0.0.10").unwrap();
        assert_eq!(target.transport(), Some(Transport::Udp));
        assert_eq!(target.address(), Some(([10, 0, 0, 10], 5060).into()));
        assert_eq!(target.authority(), "10.0.0.10");
        let named = Target::parse("sip:pbx.example.org:5070;transport=TCP").unwrap();
        let transport = Some(Transport::Tcp);
        assert_eq!((named.transport(), named.address()), (transport, None));
        assert_eq!(named.authority(), "pbx.example.org:5070");
    }

    #[test]
    fn the_transport_of_a_name_without_a_port_is_for_dns_to_say() {
        let target = Target::parse("sip:pbx.example.org").unwrap();
        assert_eq!(target.transport(), None);
        assert_eq!(target.to_string(), "sip:pbx.example.org");
        let tcp = Target::parse("sip:pbx.example.org;transport=tcp").unwrap();
        assert_eq!(tcp.transport(), Some(Transport::Tcp));
        assert_eq!(tcp.to_string(), "sip:pbx.example.org;transport=tcp");
    }
}
