//! The targets that a policy has named.

use super::Routes;
use super::hop::hop;
use super::target::{Group, Hop, Kind, Routing, Target, Why, Wish, refuse};
use super::targets::{Proof, Scene, choose};
use crate::policy::{self, Fork, NextHop};
use bellhop_wire::{Message, Scheme, UriRef};
use smallvec::SmallVec;
use std::collections::VecDeque;

/// The groups of targets that a route comes to. A target that leads nowhere is left out; if all do, the
/// refusal of the last.
pub(crate) fn named(
    scene: &Scene<'_>,
    request: Message<'_>,
    route: &policy::Route,
    routes: &Routes,
    proof: &Proof,
) -> Routing {
    let mut targets: SmallVec<[&policy::Target; 8]> = route.targets.iter().collect();
    targets.sort_by_key(|target| std::cmp::Reverse(target.priority));
    targets.truncate(policy::Route::MOST);
    let count = targets.len();
    let mut firsts = SmallVec::new();
    let mut groups = VecDeque::new();
    let mut refusal = refuse(500, "Policy names no target");
    for target in targets {
        let mut found = match scene.target(request, target, routes, proof) {
            Routing::Targets { groups, .. } => groups,
            Routing::Local => {
                refusal = refuse(482, "Policy's target is this server");
                continue;
            }
            refused @ (Routing::Refuse { .. } | Routing::Busy { .. }) => {
                refusal = refused;
                continue;
            }
        };
        for found in found.iter_mut().flat_map(|group| &mut group.targets) {
            found.wish = Some(Box::new(Wish {
                headers: target.headers.clone(),
                timeout: target.timeout,
                tag: target.tag.clone(),
            }));
        }
        if route.mode == Fork::Parallel
            && let Some(first) = found.pop_front()
        {
            firsts.extend(first.targets);
        }
        groups.append(&mut found);
    }
    if !firsts.is_empty() {
        let is_spare = false;
        groups.push_front(Group {
            targets: firsts,
            is_spare,
        });
    }
    if groups.is_empty() {
        return refusal;
    }
    Routing::Targets {
        groups,
        why: Why::Policy(count),
    }
}

impl Scene<'_> {
    fn target(
        &self,
        request: Message<'_>,
        target: &policy::Target,
        routes: &Routes,
        proof: &Proof,
    ) -> Routing {
        let Ok(uri) = UriRef::parse(target.uri.as_bytes()) else {
            return refuse(500, "Policy names a bad URI");
        };
        let routing = match &target.next_hop {
            None => return choose(self, request, &uri, routes, proof),
            Some(NextHop::Group(name)) => self.group(name, &uri),
            Some(NextHop::Uri(next)) => match UriRef::parse(next.as_bytes()) {
                Ok(next) => match hop(self.names, &next) {
                    Ok(hop) => Routing::one(at(&uri, hop), "policy"),
                    Err(refusal) => refusal,
                },
                Err(_) => refuse(500, "Policy names a bad next hop"),
            },
        };
        if uri.scheme == Scheme::Sips {
            routing.secured()
        } else {
            routing
        }
    }

    /// The addresses of an upstream, the further ones to fall back on.
    fn group(&self, name: &str, uri: &UriRef<'_>) -> Routing {
        let mut upstreams = self.config.upstreams.iter();
        let Some(upstream) = upstreams.find(|upstream| upstream.name == name) else {
            return refuse(500, "Policy names no upstream of the configuration");
        };
        let mut groups = VecDeque::new();
        for place in &upstream.targets {
            let Some(to) = self.names.destination(place.transport, place.remote) else {
                continue;
            };
            let target = Target {
                kind: Kind::Upstream,
                ..at(uri, Hop::To(to))
            };
            groups.push_back(Group {
                targets: SmallVec::from_iter([target]),
                is_spare: !groups.is_empty(),
            });
        }
        if groups.is_empty() {
            return refuse(500, "Upstream has no address that a listener reaches");
        }
        let why = Why::Policy(1);
        Routing::Targets { groups, why }
    }
}

fn at(uri: &UriRef<'_>, hop: Hop) -> Target {
    Target {
        uri: Some(uri.raw.into()),
        hop,
        path: Box::default(),
        kind: Kind::Named,
        device: None,
        wish: None,
    }
}
