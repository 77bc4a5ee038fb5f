//! What the message layer costs alone: indexing, checking, forwarding.

use crate::{Case, Entry, messages};
use bellhop_wire::{Edit, Error, HeaderId, Index, Limits, Message, ViaMark};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

/// The cases.
pub const CASES: &[Entry] = &[
    ("wire/index-invite", || read(messages::INVITE, nothing)),
    ("wire/index-register", || read(messages::REGISTER, nothing)),
    ("wire/index-authorised", || {
        read(messages::AUTHORISED, nothing)
    }),
    ("wire/index-and-check-invite", || {
        read(messages::INVITE, check)
    }),
    ("wire/forward-invite", || read(messages::INVITE, forward)),
    ("wire/forward-invite-recorded", || {
        read(messages::INVITE, forward_recorded)
    }),
    ("wire/forward-200", || read(messages::OK, send_back)),
];

/// What is done to a message once it is indexed.
type Job = fn(Message<'_>, &mut Vec<u8>) -> Result<(), Error>;

struct Read {
    bytes: &'static [u8],
    job: Job,
    index: Index,
    limits: Limits,
    out: Vec<u8>,
}

fn read(bytes: &'static [u8], job: Job) -> Box<dyn Case> {
    let case = Read {
        bytes,
        job,
        index: Index::new(),
        limits: Limits::default(),
        out: Vec::new(),
    };
    Box::new(case)
}

impl Case for Read {
    fn run(&mut self) {
        self.out.clear();
        let message = self.index.parse(black_box(self.bytes), &self.limits);
        let done = message
            .map_err(|rejected| rejected.error)
            .and_then(|message| (self.job)(message, &mut self.out));
        assert!(done.is_ok(), "the cases are sound messages: {done:?}");
        black_box(&self.out);
    }
}

fn nothing(message: Message<'_>, _: &mut Vec<u8>) -> Result<(), Error> {
    black_box(message);
    Ok(())
}

fn check(message: Message<'_>, _: &mut Vec<u8>) -> Result<(), Error> {
    message.check()
}

/// The least that a proxy changes (RFC 3261 16.6 steps 3, 8), behind the check of 16.3.
fn forward(message: Message<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
    message.check()?;
    let mut edit = Edit::new(message);
    edit.push(HeaderId::Via, VIA);
    edit.decrement_max_forwards()?;
    write(&edit, out)
}

/// What it changes in a request that makes a dialog with a registered phone behind it (16.6 steps 2
/// to 4, 8; RFC 3581 4).
fn forward_recorded(message: Message<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
    message.check()?;
    let mut edit = Edit::new(message);
    edit.push(HeaderId::Via, VIA);
    edit.mark_via(ViaMark {
        received: Some(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7))),
        rport: Some(40_123),
    });
    edit.decrement_max_forwards()?;
    edit.request_uri(b"sip:2001@198.51.100.23:5060;transport=udp");
    edit.push(HeaderId::RecordRoute, RECORD_ROUTE);
    write(&edit, out)
}

/// What it changes in a response (16.7 step 3).
fn send_back(message: Message<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
    message.check()?;
    let mut edit = Edit::new(message);
    edit.pop_via()?;
    write(&edit, out)
}

fn write(edit: &Edit<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
    let written = edit.write(out);
    assert!(written.is_ok(), "the changes are clean: {written:?}");
    Ok(())
}

const VIA: &[u8] = b"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKb7e151628aed2a6abf71;rport";
const RECORD_ROUTE: &[u8] =
    b"<sip:MDEwMTAxc2lkZS1vZi10aGUtY2FsbGVyLWFuZC1jYWxsZWUtc2lnbmVk@192.0.2.1:5060;lr>";
