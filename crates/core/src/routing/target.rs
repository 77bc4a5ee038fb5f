//! What routing comes to: targets in groups, or a refusal.

use crate::config::Config;
use crate::flow::{Destination, Transport};
use crate::policy::Changes;
use crate::registrar::{Aor, Device};
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::time::Duration;

/// What is to be done with a request.
#[derive(Debug)]
pub(crate) enum Routing {
    /// It is for us.
    Local,
    /// It goes to these, group after group. The text says why, for the log.
    Targets { groups: VecDeque<Group>, why: Why },
    /// All that it could go to is down, or asks to be left alone for so long.
    Busy { rest: Duration },
    /// It is refused.
    Refuse { status: u16, reason: &'static str },
}

/// Why a request goes where it goes.
#[derive(Debug)]
pub(crate) enum Why {
    /// So many phones are registered.
    Bindings(usize, Aor),
    /// It is the upstream's of this number, and why.
    Upstream(usize, &'static str),
    /// A policy has named so many targets.
    Policy(usize),
    /// As the request itself says.
    Asked(&'static str),
}

/// Targets that are tried at the same time.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) targets: SmallVec<[Target; 1]>,
    /// Only tried if those before failed to answer (unreachable, time-out, 503), not if they refused.
    pub(crate) is_spare: bool,
}

/// One place to send a request to.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The new Request-URI; `None`: unchanged.
    pub(crate) uri: Option<Box<[u8]>>,
    /// The next hop.
    pub(crate) hop: Hop,
    /// Route values that lead to it (the binding's Path), comma-joined.
    pub(crate) path: Box<[u8]>,
    /// What kind of peer it is.
    pub(crate) kind: Kind,
    /// The phone, of a binding.
    pub(crate) device: Option<Device>,
    /// What a policy wants of this branch.
    pub(crate) wish: Option<Box<Wish>>,
}

/// What a policy wants of one branch.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// Its own header lines.
    pub(crate) headers: Changes,
    /// How long it may go without a final response.
    pub(crate) timeout: Option<Duration>,
    /// What the policy calls it.
    pub(crate) tag: Box<str>,
}

/// What stands at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A registered phone.
    Binding,
    /// A PBX of ours.
    Upstream,
    /// The other side of a dialog.
    Dialog,
    /// A place that a policy has named.
    Named,
}

/// The next hop.
#[derive(Clone, Debug)]
pub(crate) enum Hop {
    /// Known.
    To(Destination),
    /// A host name that must be resolved first.
    Name {
        host: String,
        port: Option<u16>,
        transport: Option<Transport>,
    },
}

impl Routing {
    /// To this one target.
    pub(super) fn one(target: Target, why: &'static str) -> Self {
        let group = Group {
            targets: SmallVec::from_iter([target]),
            is_spare: false,
        };
        Self::Targets {
            groups: VecDeque::from([group]),
            why: Why::Asked(why),
        }
    }

    /// Only those targets that are reached securely, as a sips URI asks (RFC 3261 16.6, 26.2.2).
    pub(super) fn secured(mut self) -> Self {
        let Self::Targets { groups, .. } = &mut self else {
            return self;
        };
        for group in &mut *groups {
            group.targets.retain(|target| target.hop.is_secure());
        }
        groups.retain(|group| !group.targets.is_empty());
        if groups.is_empty() {
            return refuse(480, "No secure way to the next hop");
        }
        self
    }
}

impl Hop {
    fn is_secure(&self) -> bool {
        match self {
            Self::To(to) => to.transport().is_secure(),
            Self::Name { transport, .. } => transport.is_some_and(Transport::is_secure),
        }
    }
}

impl Why {
    /// For the log.
    pub(crate) fn in_words(&self, config: &Config) -> String {
        match self {
            Self::Bindings(1, aor) => ["the binding of ", aor.as_str()].concat(),
            Self::Bindings(count, aor) => format!("{count} bindings of {}", aor.as_str()),
            Self::Upstream(at, why) => {
                let name = config.upstreams.get(*at).map_or("?", |u| u.name.as_str());
                ["upstream ", name, ": ", why].concat()
            }
            Self::Policy(1) => "policy: 1 target".to_owned(),
            Self::Policy(count) => format!("policy: {count} targets"),
            Self::Asked(why) => (*why).to_owned(),
        }
    }
}

pub(super) const fn refuse(status: u16, reason: &'static str) -> Routing {
    Routing::Refuse { status, reason }
}
