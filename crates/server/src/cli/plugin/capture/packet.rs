//! From the link to what UDP and TCP carry: Ethernet and VLANs, Linux "any", raw IP; IPv4 and IPv6 with
//! their fragments (RFC 791 3.2, RFC 8200 4.5).

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use super::cursor::Cursor;

/// An IP packet, perhaps only a part of one.
pub(super) struct Ip<'b> {
    from: IpAddr,
    to: IpAddr,
    protocol: u8,
    part: Part,
    data: &'b [u8],
}

/// Where a fragment belongs; a whole packet is its own only part.
#[derive(Clone, Copy)]
struct Part {
    id: u32,
    offset: usize,
    is_last: bool,
}

/// What a packet carried.
pub(super) struct Carried {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) payload: Payload,
}

pub(super) enum Payload {
    Udp(Vec<u8>),
    Tcp(Segment),
}

/// A TCP segment.
pub(super) struct Segment {
    /// The number of its first byte.
    pub(super) sequence: u32,
    /// SYN: what follows is a new stream.
    pub(super) opens: bool,
    pub(super) data: Vec<u8>,
}

/// The IP packet in a frame; none if there is another one in it.
///
/// # Errors
/// The link type is not known here.
pub(super) fn ip(link: u32, frame: &[u8]) -> Result<Option<Ip<'_>>, String> {
    let mut rest = Cursor(frame);
    let kind = match link {
        // LINKTYPE_ETHERNET: two addresses, and an EtherType behind VLAN tags.
        1 => rest.take(12).and_then(|_| ether_type(&mut rest)),
        // LINKTYPE_LINUX_SLL and _SLL2.
        113 => rest.take(14).and_then(|_| ether_type(&mut rest)),
        276 => ether_type(&mut rest).inspect(|_| {
            rest.take(18);
        }),
        // LINKTYPE_NULL and _LOOP: a protocol family of the capturing system.
        0 | 108 => rest.take(4).and_then(|_| by_version(&rest)),
        // LINKTYPE_RAW, as some systems number it too, _IPV4 and _IPV6.
        12 | 14 | 101 | 228 | 229 => by_version(&rest),
        _ => return Err(format!("link type {link} is not known here")),
    };
    Ok(kind.and_then(|kind| match kind {
        IPV4 => version_4(rest),
        IPV6 => version_6(rest),
        _ => None,
    }))
}

/// Puts fragments together.
#[derive(Default)]
pub(super) struct Fragments(HashMap<Whole, Parts>);

/// What the parts of one packet have in common: addresses, protocol, identification.
type Whole = (IpAddr, IpAddr, u8, u32);
/// By offset: whether it is the last, and its bytes.
type Parts = BTreeMap<usize, (bool, Vec<u8>)>;

impl Fragments {
    /// What a packet carries, if it is whole now.
    pub(super) fn take(&mut self, ip: Ip<'_>) -> Option<Carried> {
        if ip.part.offset == 0 && ip.part.is_last {
            return carried(ip.from, ip.to, ip.protocol, ip.data);
        }
        let key = (ip.from, ip.to, ip.protocol, ip.part.id);
        let parts = self.0.entry(key).or_default();
        parts.insert(ip.part.offset, (ip.part.is_last, ip.data.to_vec()));
        let mut whole = Vec::new();
        let mut is_whole = false;
        for (offset, (is_last, data)) in parts.iter() {
            if *offset != whole.len() {
                return None;
            }
            whole.extend_from_slice(data);
            is_whole = *is_last;
        }
        if !is_whole {
            return None;
        }
        self.0.remove(&key);
        carried(ip.from, ip.to, ip.protocol, &whole)
    }
}

fn carried(from: IpAddr, to: IpAddr, protocol: u8, data: &[u8]) -> Option<Carried> {
    let mut rest = Cursor(data);
    let from = SocketAddr::new(from, rest.u16()?);
    let to = SocketAddr::new(to, rest.u16()?);
    let payload = match protocol {
        UDP => {
            let length = usize::from(rest.u16()?).checked_sub(8)?;
            rest.u16()?;
            Payload::Udp(rest.take(length)?.to_vec())
        }
        TCP => {
            let sequence = rest.u32()?;
            rest.u32()?;
            let header = usize::from(rest.u8()? >> 4).checked_mul(4)?;
            let opens = rest.u8()? & 0x02 != 0;
            rest.take(header.checked_sub(14)?)?;
            Payload::Tcp(Segment {
                sequence,
                opens,
                data: rest.0.to_vec(),
            })
        }
        _ => return None,
    };
    Some(Carried { from, to, payload })
}

fn version_4(mut rest: Cursor<'_>) -> Option<Ip<'_>> {
    let header = usize::from(rest.u8()? & 15).checked_mul(4)?;
    rest.u8()?;
    let length = usize::from(rest.u16()?);
    let id = u32::from(rest.u16()?);
    let fragment = rest.u16()?;
    rest.u8()?;
    let protocol = rest.u8()?;
    rest.u16()?;
    let from = Ipv4Addr::from(rest.array::<4>()?).into();
    let to = Ipv4Addr::from(rest.array::<4>()?).into();
    rest.take(header.checked_sub(20)?)?;
    let part = Part {
        id,
        offset: usize::from(fragment & 0x1fff).checked_mul(8)?,
        is_last: fragment & 0x2000 == 0,
    };
    // An Ethernet frame is padded; and a segment that the card is yet to cut has no length.
    let data = match length.checked_sub(header) {
        Some(length) if length > 0 => rest.take(length)?,
        _ => rest.0,
    };
    Some(Ip {
        from,
        to,
        protocol,
        part,
        data,
    })
}

fn version_6(mut rest: Cursor<'_>) -> Option<Ip<'_>> {
    rest.u32()?;
    let length = usize::from(rest.u16()?);
    let mut protocol = rest.u8()?;
    rest.u8()?;
    let from = Ipv6Addr::from(rest.array::<16>()?).into();
    let to = Ipv6Addr::from(rest.array::<16>()?).into();
    let mut rest = Cursor(rest.0.get(..length).unwrap_or(rest.0));
    let mut part = Part {
        id: 0,
        offset: 0,
        is_last: true,
    };
    loop {
        match protocol {
            // Hop-by-hop, routing, destination options.
            0 | 43 | 60 => {
                protocol = rest.u8()?;
                let more = usize::from(rest.u8()?);
                rest.take(more.checked_mul(8)?.checked_add(6)?)?;
            }
            44 => {
                protocol = rest.u8()?;
                rest.u8()?;
                let fragment = rest.u16()?;
                part = Part {
                    id: rest.u32()?,
                    offset: usize::from(fragment & 0xfff8),
                    is_last: fragment & 1 == 0,
                };
            }
            _ => {
                return Some(Ip {
                    from,
                    to,
                    protocol,
                    part,
                    data: rest.0,
                });
            }
        }
    }
}

/// Behind VLAN tags (IEEE 802.1Q, 802.1ad).
fn ether_type(rest: &mut Cursor<'_>) -> Option<u16> {
    loop {
        match rest.u16()? {
            0x8100 | 0x88a8 => rest.u16()?,
            kind => return Some(kind),
        };
    }
}

fn by_version(rest: &Cursor<'_>) -> Option<u16> {
    match rest.0.first()? >> 4 {
        4 => Some(IPV4),
        6 => Some(IPV6),
        _ => None,
    }
}

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const TCP: u8 = 6;
const UDP: u8 = 17;
