//! Where a request goes: Route processing (RFC 3261 16.4) and the set of targets (16.5).

mod again;
mod hop;
mod known;
mod leased;
mod named;
mod names;
mod routes;
mod target;
mod targets;

pub(crate) use again::port_without_nat;
pub(crate) use hop::{listener_of, resolved};
pub(crate) use known::Known;
pub(crate) use named::named;
pub(crate) use names::Names;
pub(crate) use routes::Routes;
pub(crate) use target::{Group, Hop, Kind, Routing, Target, Why};
pub(crate) use targets::{Proof, Scene, choose};
