//! Where a program runs: here, or in one of the network namespaces that
//! `tests/lab/netns.sh` lays behind a NAT.

use crate::lab::{Lab, skip};
use crate::lane::Lane;
use crate::process::{command, run};
use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Where a program runs.
#[derive(Clone, Debug, Default)]
pub enum Place {
    /// The host's own network.
    #[default]
    Here,
    /// A namespace: the arguments that lead into it.
    Namespace(Vec<PathBuf>),
}

impl Place {
    /// A command that will run here.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        match self {
            Self::Here => command(program),
            Self::Namespace(way) => {
                let mut command = command(&way[0]);
                command.args(&way[1..]).arg(program);
                command
            }
        }
    }
}

/// How the NAT in front of the phone chooses ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nat {
    /// The phone's own port is kept where it is free.
    Masquerade,
    /// Each flow gets a port by chance, as a symmetric NAT does.
    Random,
}

/// phone - nat - edge - pbx: four namespaces, gone on drop.
#[derive(Debug)]
pub struct Net {
    lab: Lab,
    name: String,
    _lane: Lane,
}

impl Net {
    /// The phone's own address, unknown beyond the NAT.
    pub const PHONE: SocketAddr = at([10, 77, 1, 2]);
    /// The edge's address on the public side.
    pub const EDGE_PUBLIC: SocketAddr = at([10, 77, 2, 2]);
    /// The edge's address on the PBX's side.
    pub const EDGE_INSIDE: SocketAddr = at([10, 77, 3, 1]);
    /// The PBX's address.
    pub const PBX: SocketAddr = at([10, 77, 3, 2]);

    /// Lays the network, or has the calling test counted as skipped where that
    /// cannot be done.
    pub fn or_skip(lab: &Lab, nat: Nat) -> Option<Self> {
        let lane = Lane::take();
        let name = format!("bellhop{}", lane.number());
        let net = Self {
            lab: lab.clone(),
            name,
            _lane: lane,
        };
        let (up, said) = net.script("up", nat);
        if up {
            return Some(net);
        }
        skip(&format!(
            "no network namespaces here (they need root): {}",
            said.trim()
        ));
        None
    }

    /// The namespace `name`: phone, nat, edge or pbx.
    pub fn place(&self, name: &str) -> Place {
        let ip = if PathBuf::from(IP).exists() {
            vec![PathBuf::from(IP)]
        } else {
            vec![Lab::file("run.sh"), PathBuf::from("usr/bin/ip")]
        };
        let rest = ["netns", "exec", &format!("{}-{name}", self.name)].map(PathBuf::from);
        Place::Namespace(ip.into_iter().chain(rest).collect())
    }

    fn script(&self, verb: &str, nat: Nat) -> (bool, String) {
        let kind = match nat {
            Nat::Masquerade => "masquerade",
            Nat::Random => "random",
        };
        let mut script = self.lab.script(&Place::Here, "netns.sh");
        script
            .arg(verb)
            .env("LAB_NS", &self.name)
            .env("NAT_KIND", kind);
        run("netns.sh", script, Duration::from_secs(20))
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        self.script("down", Nat::Masquerade);
    }
}

const fn at([a, b, c, d]: [u8; 4]) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), 5060)
}

const IP: &str = "/usr/sbin/ip";
