//! Harness for the scenario tests: runs the real binary, alone and with real
//! peers (Asterisk, SIPp, baresip, PJSIP), each test on addresses of its own.
//!
//! A test that needs a peer which cannot be had here calls [`skip`] by way of
//! the peer's constructor: that is printed and counted, never silent.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a harness for tests: what goes wrong here fails the test that asked for it"
)]

pub mod admin;
pub mod asterisk;
pub mod avalanche;
pub mod baresip;
pub mod bellhop;
pub mod crowd;
pub mod deadline;
pub mod digest;
pub mod edge;
pub mod fanout;
pub mod flood;
pub mod judged;
pub mod kamailio;
pub mod kills;
pub mod lab;
pub mod lamps;
pub mod lane;
pub mod leaks;
pub mod message;
pub mod netns;
pub mod outlive;
pub mod phone;
pub mod pjsua;
pub mod process;
pub mod service;
pub mod sipp;
pub mod site;
pub mod storm;
pub mod strain;
pub mod temp;
pub mod timing;
pub mod tone;
pub mod torture;
pub mod two_legs;
pub mod way;
pub mod web_phone;
pub mod websocket;
pub mod wire;

pub use asterisk::Asterisk;
pub use baresip::Baresip;
pub use bellhop::Bellhop;
pub use crowd::Crowd;
pub use deadline::until;
pub use edge::Edge;
pub use judged::Judged;
pub use kamailio::Kamailio;
pub use lab::{Lab, skip};
pub use lane::{Lane, Transport};
pub use message::Message;
pub use netns::{Net, Place};
pub use phone::Phone;
pub use pjsua::Pjsua;
pub use sipp::Sipp;
pub use site::Site;
pub use two_legs::TwoLegs;
pub use way::Way;
pub use web_phone::WebPhone;
pub use websocket::WebSocket;
pub use wire::Wire;
