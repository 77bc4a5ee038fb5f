//! What our Record-Route entry carries: both sides' flows, signed, so that a request inside the
//! dialog finds its way without any state here (RFC 3261 16.6 step 4, RFC 5626 5.3), and so that
//! nobody else can make us send one.
//!
//! The URI's user part is hex of: MAC (10 bytes), caller's side, callee's side, and the mark of the user in
//! whose name a PBX's challenges are answered, if there is one (6 bytes). The MAC covers the
//! Call-ID and the caller's tag, so an entry is of no use in another dialog.

use crate::auth::{Mark, Secret, Use};
use crate::flow::{ConnectionId, Destination, Flow, ListenerId, Transport};
use crate::hex;
use crate::registrar::Device;
use crate::text::Text;
use bellhop_wire::Message;
use smallvec::SmallVec;
use std::net::{IpAddr, SocketAddr};

/// How one side of a dialog is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// By its Contact: a PBX, or what we addressed ourselves.
    Direct,
    /// Over the flow its request or its REGISTER came in on: every phone, so that a Request-URI chooses
    /// no address. A device that is registered is found again once it has registered from elsewhere.
    Flow(Flow, Option<Device>),
}

/// Both sides of a dialog, from a token that proved to be ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) caller: Side,
    pub(crate) callee: Side,
    /// Whose dialog it is, if we answer a PBX's challenges for that user.
    pub(crate) user: Option<Mark>,
    /// Whether the request at hand comes from the caller.
    pub(crate) from_caller: bool,
}

impl Token {
    /// Of a dialog whose other end is reached so, towards it and from it.
    pub(crate) fn of(place: Side) -> Self {
        Self {
            caller: place,
            callee: place,
            user: None,
            from_caller: true,
        }
    }

    /// The side that the request at hand goes to.
    pub(crate) fn towards(&self) -> Side {
        if self.from_caller {
            self.callee
        } else {
            self.caller
        }
    }

    /// The side that the request at hand says it comes from.
    fn sender(&self) -> Side {
        if self.from_caller {
            self.caller
        } else {
            self.callee
        }
    }

    /// Whether a request comes from where its side of the dialog is: whoever has only seen the token
    /// sits elsewhere. A NAT may have changed the port meanwhile, and a device may have moved to where it
    /// has registered from since, which `place` tells.
    pub(crate) fn is_from(
        &self,
        source: IpAddr,
        is_upstream: bool,
        place: impl FnOnce(Device) -> Option<IpAddr>,
    ) -> bool {
        match self.sender() {
            Side::Flow(flow, device) => {
                flow.remote.ip() == source || device.and_then(place) == Some(source)
            }
            Side::Direct => is_upstream,
        }
    }

    /// Reads and proves the user part of one of our Route entries against the request it came in.
    /// Which tag the MAC fits tells the direction.
    pub(crate) fn verify(secret: &Secret, request: Message<'_>, user: &[u8]) -> Option<Self> {
        let bytes = unhex(user)?;
        let (mac, payload) = bytes.split_at_checked(MAC)?;
        let (caller, rest) = read_side(payload)?;
        let (callee, rest) = read_side(rest)?;
        let user = match rest {
            [] => None,
            mark => Some(mark.try_into().ok()?),
        };
        let fits = |tag: Option<&[u8]>| {
            tag.is_some_and(|tag| same(mac, &sign(secret, request.call_id(), tag, payload)))
        };
        let from_caller = fits(request.from_tag());
        (from_caller || fits(request.to_tag())).then_some(Self {
            caller,
            callee,
            user,
            from_caller,
        })
    }
}

/// Writes the token for a dialog that this request starts.
pub(crate) fn write(
    secret: &Secret,
    request: Message<'_>,
    (caller, callee): (Side, Side),
    user: Option<Mark>,
    out: &mut Text<TEXT>,
) {
    let mut payload = Text::<96>::new();
    write_side(caller, &mut payload);
    write_side(callee, &mut payload);
    payload.put(user.as_ref().map_or(&[], <[u8; 6]>::as_slice));
    let mac = sign(
        secret,
        request.call_id(),
        request.from_tag().unwrap_or_default(),
        &payload,
    );
    hex::write(mac.get(..MAC).unwrap_or_default(), |digits| out.put(digits));
    hex::write(&payload, |digits| out.put(digits));
}

/// The side a destination is for the dialog that its request starts: a phone is its flow, what we
/// address ourselves is reached by its Contact.
pub(crate) fn side_of(to: &Destination, device: Option<Device>) -> Side {
    match to {
        Destination::Flow { flow, .. } => Side::Flow(*flow, device),
        Destination::Address { .. } => Side::Direct,
    }
}

const MAC: usize = 10;
/// A token is of this length at most.
pub(crate) const TEXT: usize = 2 * (MAC + 2 * 35 + size_of::<Mark>());

fn sign(secret: &Secret, call_id: &[u8], tag: &[u8], payload: &[u8]) -> [u8; 16] {
    secret.mac(Use::Route, &[call_id, tag, payload])
}

/// Constant-time compare of the truncated MAC.
fn same(given: &[u8], full: &[u8; 16]) -> bool {
    use subtle::ConstantTimeEq as _;
    full.get(..MAC)
        .is_some_and(|own| bool::from(own.ct_eq(given)))
}

/// One byte of kind (0: direct; else 1 + transport, + 8 for IPv6, + 16 for a connection, + 32 for a
/// device), then for a flow: listener (2), port (2), address (4 or 16), connection (8), device (6).
fn write_side(side: Side, out: &mut Text<96>) {
    let Side::Flow(flow, device) = side else {
        out.put(&[0]);
        return;
    };
    let transport = match flow.transport {
        Transport::Udp => 1,
        Transport::Tcp => 2,
        Transport::Tls => 3,
        Transport::Ws => 4,
        Transport::Wss => 5,
    };
    let v6 = if flow.remote.is_ipv6() { 8 } else { 0 };
    let connection = if flow.connection.is_some() { 16 } else { 0 };
    let known = if device.is_some() { 32 } else { 0 };
    out.put(&[transport | v6 | connection | known]);
    out.put(&flow.listener.0.to_be_bytes());
    out.put(&flow.remote.port().to_be_bytes());
    match flow.remote.ip() {
        IpAddr::V4(ip) => out.put(&ip.octets()),
        IpAddr::V6(ip) => out.put(&ip.octets()),
    }
    if let Some(ConnectionId(id)) = flow.connection {
        out.put(&id.to_be_bytes());
    }
    if let Some(device) = device {
        out.put(&device.to_bytes());
    }
}

fn read_side(bytes: &[u8]) -> Option<(Side, &[u8])> {
    let (&kind, bytes) = bytes.split_first()?;
    let transport = match kind & 7 {
        0 => return (kind == 0).then_some((Side::Direct, bytes)),
        1 => Transport::Udp,
        2 => Transport::Tcp,
        3 => Transport::Tls,
        4 => Transport::Ws,
        5 => Transport::Wss,
        _ => return None,
    };
    let (listener, bytes) = bytes.split_first_chunk::<2>()?;
    let (port, bytes) = bytes.split_first_chunk::<2>()?;
    let (ip, bytes) = if kind & 8 == 0 {
        let (octets, bytes) = bytes.split_first_chunk::<4>()?;
        (IpAddr::from(*octets), bytes)
    } else {
        let (octets, bytes) = bytes.split_first_chunk::<16>()?;
        (IpAddr::from(*octets), bytes)
    };
    let (connection, bytes) = if kind & 16 == 0 {
        (None, bytes)
    } else {
        let (id, bytes) = bytes.split_first_chunk::<8>()?;
        (Some(ConnectionId(u64::from_be_bytes(*id))), bytes)
    };
    let (device, bytes) = if kind & 32 == 0 {
        (None, bytes)
    } else {
        let (id, bytes) = bytes.split_first_chunk::<{ Device::BYTES }>()?;
        (Some(Device::of_bytes(*id)), bytes)
    };
    let flow = Flow {
        listener: ListenerId(u16::from_be_bytes(*listener)),
        transport,
        remote: SocketAddr::new(ip, u16::from_be_bytes(*port)),
        connection,
    };
    Some((Side::Flow(flow, device), bytes))
}

fn unhex(text: &[u8]) -> Option<SmallVec<[u8; 96]>> {
    let mut bytes = SmallVec::from([0; 96]);
    bytes.truncate(text.len() / 2);
    hex::read(text, &mut bytes)?;
    Some(bytes)
}
