//! Who holds a port that we cannot have, as far as /proc tells us.

use bellhop_core::flow::Transport;
use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
};

/// The program that stands in the way of binding `address`, as `name (process 123)`; `None` where it
/// is not ours to know: another user's, or in another container.
pub(crate) fn holder(transport: Transport, address: SocketAddr) -> Option<String> {
    let tables: &[&str] = match transport {
        Transport::Udp => &["/proc/net/udp", "/proc/net/udp6"],
        _ => &["/proc/net/tcp", "/proc/net/tcp6"],
    };
    let inodes = tables
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok());
    let inodes: Vec<String> = inodes
        .flat_map(|table| inodes_on(&table, address))
        .collect();
    let link = |inode: &String| format!("socket:[{inode}]");
    let links: Vec<String> = inodes.iter().map(link).collect();
    fs::read_dir("/proc")
        .ok()?
        .filter_map(Result::ok)
        .filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok())
        .find_map(|pid| {
            let process = Path::new("/proc").join(pid.to_string());
            let name = fs::read_to_string(process.join("comm")).ok()?;
            let name = name.trim().escape_debug();
            holds(&process, &links).then(|| format!("{name} (process {pid})"))
        })
}

/// The inodes of the bound sockets in one of /proc/net's tables that are in the way of `address`.
fn inodes_on(table: &str, address: SocketAddr) -> Vec<String> {
    let lines = table.lines().skip(1);
    let rows = lines.filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let local = socket_address(columns.get(1)?)?;
        // A listening TCP socket is in state 0A; a bound UDP socket without a peer in 07.
        let bound = ["0A", "07"].contains(columns.get(3)?);
        let inode = columns.get(9)?;
        let any = local.ip().is_unspecified() || address.ip().is_unspecified();
        let same = local.port() == address.port() && (any || local.ip() == address.ip());
        (bound && same).then(|| (*inode).to_owned())
    });
    rows.collect()
}

fn holds(process: &Path, links: &[String]) -> bool {
    let descriptors = fs::read_dir(process.join("fd")).into_iter().flatten();
    let mut targets = descriptors
        .filter_map(Result::ok)
        .filter_map(|descriptor| fs::read_link(descriptor.path()).ok());
    targets.any(|target| links.iter().any(|link| target.as_os_str() == link.as_str()))
}

/// `0100007F:13C4`: words of the address in the machine's byte order, then the port.
fn socket_address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |word: &[u8]| u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok();
    let words: Option<Vec<u32>> = ip.as_bytes().chunks(8).map(word).collect();
    let bytes: Vec<u8> = words?.into_iter().flat_map(u32::to_ne_bytes).collect();
    let ip: IpAddr = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(v4) => Ipv4Addr::from(v4).into(),
        Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?).to_canonical(),
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, UdpSocket};

    fn us() -> String {
        format!("(process {})", std::process::id())
    }

    #[test]
    fn the_holder_of_a_udp_port_is_found() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let found = holder(Transport::Udp, socket.local_addr().unwrap()).unwrap();
        assert!(found.ends_with(&us()), "{found}");
    }

    #[test]
    fn a_wildcard_holds_each_address_and_each_address_a_wildcard() {
        let all = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = all.local_addr().unwrap().port();
        let one = SocketAddr::from(([127, 0, 0, 1], port));
        assert!(holder(Transport::Tcp, one).unwrap().ends_with(&us()));
        let one = TcpListener::bind("[::1]:0").unwrap();
        let port = one.local_addr().unwrap().port();
        let all = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        assert!(holder(Transport::Tcp, all).unwrap().ends_with(&us()));
    }

    #[test]
    fn a_free_port_has_no_holder() {
        let address = UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        assert_eq!(holder(Transport::Udp, address), None);
    }

    #[test]
    fn the_kernels_hex_is_read() {
        let v6 = socket_address("00000000000000000000000001000000:13C4");
        assert_eq!(v6, "[::1]:5060".parse().ok());
        assert_eq!(
            socket_address("0100007F:13C4"),
            "127.0.0.1:5060".parse().ok()
        );
        assert_eq!(socket_address("01:xx"), None);
    }
}
