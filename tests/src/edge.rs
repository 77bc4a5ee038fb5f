//! The scene with a NAT: phones behind it, Bellhop at the edge with a listener for each side, Asterisk inside.

use crate::asterisk::{self, Asterisk};
use crate::bellhop::{self, Bellhop, Zone};
use crate::lab::Lab;
use crate::lane::{Lane, Transport};
use crate::netns::{Nat, Net, Place};
use crate::sipp::Sipp;
use std::net::SocketAddr;

/// phone - nat - Bellhop - Asterisk, each in a network namespace.
#[derive(Debug)]
pub struct Edge {
    /// Bellhop.
    pub bellhop: Bellhop,
    /// The PBX.
    pub asterisk: Asterisk,
    /// The lab.
    pub lab: Lab,
    net: Net,
}

impl Edge {
    /// Both run; `setup` may change Bellhop's configuration. Where there is no lab, or no root, the calling test is counted as
    /// skipped.
    pub fn or_skip(nat: Nat, setup: impl FnOnce(bellhop::Setup) -> bellhop::Setup) -> Option<Self> {
        let lab = Lab::or_skip()?;
        let net = Net::or_skip(&lab, nat)?;
        let lane = Lane::take();
        let mut ours = bellhop::Setup::new(&lane);
        ours.place = net.place("edge");
        ours.listen = vec![
            (format!("udp:{}", Net::EDGE_PUBLIC), Zone::Outside),
            (format!("tcp:{}", Net::EDGE_PUBLIC), Zone::Outside),
            (format!("udp:{}", Net::EDGE_INSIDE), Zone::Inside),
        ];
        ours.upstream = Some(format!("sip:{}", Net::PBX));
        let bellhop = setup(ours).start();
        let mut pbx = asterisk::Setup::new(&lab, &lane, Transport::Udp);
        (pbx.place, pbx.bind) = (net.place("pbx"), Net::PBX);
        (pbx.proxy, pbx.contact) = (Net::EDGE_INSIDE.ip(), Net::EDGE_INSIDE.to_string());
        Some(Self {
            bellhop,
            asterisk: pbx.start(),
            lab,
            net,
        })
    }

    /// Where phones run.
    pub fn phones(&self) -> Place {
        self.net.place("phone")
    }

    /// The address of a phone that has this port.
    pub fn phone(port: u16) -> SocketAddr {
        SocketAddr::new(Net::PHONE.ip(), port)
    }

    /// A scenario of user 6001 behind the NAT, at this port.
    pub fn sipp(&self, scenario: &str, port: u16) -> Sipp {
        Sipp::new(&self.lab, scenario, Self::phone(port), Net::EDGE_PUBLIC).at(self.phones())
    }
}
