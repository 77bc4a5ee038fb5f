//! A simulated network and clock around the core, and phones and PBXs that a test scripts line by
//! line. Time passes only when a test lets it.

mod chance;
mod disk;
mod message;
mod net;
mod peer;
mod policy;
mod registrar;
mod shards;
mod stream;
mod world;

pub use chance::Chance;
pub use disk::Disk;
pub use message::{Text, header, header_of, status_of};
pub use net::{Faults, Packet};
pub use peer::Peer;
pub use policy::{Asked, Ear, Heard, Script};
pub use registrar::{Held, Manner, Paths, Registrar};
pub use stream::flow_tcp;
pub use world::{Node, World};
