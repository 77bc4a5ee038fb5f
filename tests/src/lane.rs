//! Addresses that belong to one test alone, so that tests run side by side:
//! a lane is the loopback network 127.77.N.0/24 and a range of RTP ports.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

/// One test's own network on the loopback interface.
#[derive(Debug)]
pub struct Lane {
    number: u8,
    /// Bound for as long as the lane is held: other processes then take another.
    _claim: UdpSocket,
}

/// How SIP is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
}

impl Lane {
    /// Takes a lane that no other test on this machine holds.
    ///
    /// # Panics
    /// If all are taken.
    pub fn take() -> Self {
        let claim = |number: u8| {
            let _claim = UdpSocket::bind((address(number, 254), 9)).ok()?;
            Some(Self { number, _claim })
        };
        (1..=250)
            .find_map(claim)
            .expect("a free lane on 127.77.0.0/16")
    }

    /// Which one.
    pub fn number(&self) -> u8 {
        self.number
    }

    /// The PBX's address.
    pub fn pbx(&self) -> SocketAddr {
        SocketAddr::from((address(self.number, 1), 5060))
    }

    /// Bellhop's address.
    pub fn bellhop(&self) -> SocketAddr {
        SocketAddr::from((address(self.number, 2), 5060))
    }

    /// Where Bellhop takes WebSockets, if it is told to.
    pub fn web(&self) -> SocketAddr {
        SocketAddr::from((address(self.number, 2), 5066))
    }

    /// One of seven addresses that are neither a phone's nor a server's, from 0.
    pub fn spare(&self, n: u8) -> SocketAddr {
        SocketAddr::from((address(self.number, 3 + n), 5060))
    }

    /// The address of phone `n`.
    pub fn phone(&self, n: u8) -> SocketAddr {
        SocketAddr::from((address(self.number, 10 + n), 5060))
    }

    /// The first of 60 RTP ports that the PBX of this lane may use.
    pub fn rtp_start(&self) -> u16 {
        20000 + u16::from(self.number) * 60
    }
}

impl Transport {
    /// Both, for tests that run over each.
    pub const BOTH: [Self; 2] = [Self::Udp, Self::Tcp];

    /// The URI parameter that asks for it; nothing for UDP, which is the default.
    pub fn uri_parameter(self) -> &'static str {
        match self {
            Self::Udp => "",
            Self::Tcp => ";transport=tcp",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        })
    }
}

fn address(lane: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 77, lane, host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_lanes_share_no_address() {
        let (one, other) = (Lane::take(), Lane::take());
        assert_ne!(one.pbx(), other.pbx());
        assert_ne!(one.rtp_start(), other.rtp_start());
    }
}
