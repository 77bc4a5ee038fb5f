//! Every packet that crosses a lane, as it crossed: read beside the programs, so that none of them has to be believed.

use crate::deadline::until;
use crate::lab::skip;
use crate::lane::Lane;
use crate::leaks::{Look, Packet, Sides};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Reads a lane's packets from when it is made until it is dropped.
#[derive(Debug)]
pub struct Wire {
    sides: Sides,
    /// Where marks are sent from.
    from: SocketAddr,
    marks: AtomicUsize,
    is_over: Arc<AtomicBool>,
    packets: Arc<Mutex<Vec<Packet>>>,
    thread: Option<JoinHandle<()>>,
}

impl Wire {
    /// Listens to a lane whose PBX is at its usual place. Whoever may not read packets (that takes root) has the calling
    /// test counted as skipped.
    ///
    /// # Panics
    /// If the socket cannot be set up.
    pub fn or_skip(lane: &Lane) -> Option<Self> {
        let raw = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(ETH_P_IP)));
        let Ok(mut socket) = raw else {
            skip("packets cannot be read here (that takes root)");
            return None;
        };
        let IpAddr::V4(bellhop) = lane.bellhop().ip() else {
            panic!("a lane of IPv4");
        };
        let _ = socket.set_recv_buffer_size(16 << 20);
        socket
            .attach_filter(&of_net(bellhop))
            .expect("a filter for the lane");
        socket
            .set_read_timeout(Some(LOOK))
            .expect("a socket that does not wait for ever");
        let is_over = Arc::new(AtomicBool::new(false));
        let packets = Arc::new(Mutex::new(Vec::new()));
        let (over, into) = (Arc::clone(&is_over), Arc::clone(&packets));
        let thread = std::thread::spawn(move || {
            let mut buffer = vec![0; 70_000];
            while !over.load(Relaxed) {
                let Ok(length) = socket.read(&mut buffer) else {
                    continue;
                };
                if let Some(packet) = packet_of(&buffer[..length]) {
                    into.lock().expect("the packets").push(packet);
                }
            }
        });
        Some(Self {
            sides: Sides {
                bellhop: lane.bellhop().ip(),
                inside: vec![lane.pbx().ip()],
                names: Vec::new(),
            },
            from: SocketAddr::new(lane.spare(6).ip(), 0),
            marks: AtomicUsize::new(0),
            is_over,
            packets,
            thread: Some(thread),
        })
    }

    /// Names of the inside that no message tells are such: host names, banners.
    #[must_use]
    pub fn naming(mut self, names: &[&str]) -> Self {
        self.sides
            .names
            .extend(names.iter().map(|&name| name.to_owned()));
        self
    }

    /// Looks through what has crossed so far.
    ///
    /// # Panics
    /// If the thread that reads has panicked.
    pub fn look(&self) -> Look {
        // What was sent before this was asked for is to be there, too.
        let number = self.marks.fetch_add(1, Relaxed);
        let mark = format!("mark {number}").into_bytes();
        let socket = UdpSocket::bind(self.from).expect("an address of the lane");
        let sink = SocketAddr::new(self.sides.bellhop, DISCARD);
        socket.send_to(&mark, sink).expect("a way to the sink");
        until("the mark has been read", PATIENCE, || {
            let packets = self.packets.lock().expect("the packets");
            let mut last = packets.iter().rev();
            last.find(|packet| packet.bytes == mark).map(|_| ())
        });
        self.sides.look(&self.packets.lock().expect("the packets"))
    }

    /// As [`Wire::look`], the other way round: what the inside has been shown of these phones.
    ///
    /// # Panics
    /// As that.
    pub fn look_other_way(&self, phones: &[IpAddr]) -> Look {
        self.look();
        let sides = Sides {
            bellhop: self.sides.bellhop,
            inside: phones.to_vec(),
            names: Vec::new(),
        };
        sides.look(&self.packets.lock().expect("the packets"))
    }

    /// Nothing of the inside was shown, in any packet to the outside; what was looked at.
    ///
    /// # Panics
    /// If something was, with each packet and place; or if nothing has crossed that could have shown anything.
    pub fn shows_nothing(&self) -> Look {
        let look = self.look();
        assert!(look.leaks.is_empty(), "{look}");
        assert!(look.messages > 0 && look.words > 2, "{look}");
        look
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.is_over.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A filter that passes what is from or to the 256 addresses around this one (bpf(4): load, compare, return).
fn of_net(ip: Ipv4Addr) -> [SockFilter; 8] {
    let net = u32::from(ip) & NET;
    let (load, and, equal, give) = (0x20, 0x54, 0x15, 0x06);
    [
        SockFilter::new(load, 0, 0, ETHERNET + 12),
        SockFilter::new(and, 0, 0, NET),
        SockFilter::new(equal, 3, 0, net),
        SockFilter::new(load, 0, 0, ETHERNET + 16),
        SockFilter::new(and, 0, 0, NET),
        SockFilter::new(equal, 0, 1, net),
        SockFilter::new(give, 0, 0, u32::MAX),
        SockFilter::new(give, 0, 0, 0),
    ]
}

/// A frame of Ethernet with IPv4 and UDP or TCP in it (RFC 791 3.1, RFC 768, RFC 9293 3.1).
fn packet_of(frame: &[u8]) -> Option<Packet> {
    let ip = frame.get(ETHERNET as usize..)?;
    let word = |at: usize| Some(u16::from_be_bytes([*ip.get(at)?, *ip.get(at + 1)?]));
    let address = |at: usize| {
        let octets: [u8; 4] = ip.get(at..at + 4)?.try_into().ok()?;
        Some(IpAddr::from(octets))
    };
    let head = usize::from(ip.first()? & 15) * 4;
    let ip_end = usize::from(word(2)?);
    let from = SocketAddr::new(address(12)?, word(head)?);
    let to = SocketAddr::new(address(16)?, word(head + 2)?);
    let (start, sequence) = match ip.get(9)? {
        17 => (head + 8, None),
        6 => {
            let number = ip.get(head + 4..head + 8)?.try_into().ok()?;
            let length = usize::from(ip.get(head + 12)? >> 4) * 4;
            (head + length, Some(u32::from_be_bytes(number)))
        }
        _ => return None,
    };
    let bytes = ip.get(start..ip_end)?.to_vec();
    (!bytes.is_empty()).then_some(Packet {
        from,
        to,
        sequence,
        bytes,
    })
}

/// In network order: what has arrived, and not what is on its way out, or each packet of the loopback came twice.
const ETH_P_IP: i32 = 0x0008;
const ETHERNET: u32 = 14;
const NET: u32 = 0xffff_ff00;
const LOOK: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(5);
/// Nobody listens there (RFC 863).
const DISCARD: u16 = 9;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn datagrams_and_streams_of_the_lane_are_read_and_no_others() {
        let (lane, other) = (Lane::take(), Lane::take());
        let Some(wire) = Wire::or_skip(&lane) else {
            return;
        };
        let phone = UdpSocket::bind(lane.phone(1)).unwrap();
        phone.send_to(b"by udp", lane.bellhop()).unwrap();
        phone.send_to(b"to another", other.bellhop()).unwrap();
        let stranger = UdpSocket::bind(other.phone(1)).unwrap();
        stranger.send_to(b"of another", other.bellhop()).unwrap();
        let listener = TcpListener::bind(lane.bellhop()).unwrap();
        let mut stream = TcpStream::connect(lane.bellhop()).unwrap();
        let _other_end = listener.accept().unwrap();
        stream.write_all(b"by tcp").unwrap();
        wire.look();
        let packets = wire.packets.lock().unwrap();
        let texts: Vec<_> = packets.iter().map(|p| p.bytes.as_slice()).collect();
        let expected = [&b"by udp"[..], b"to another", b"by tcp", b"mark 0"];
        assert_eq!(texts, expected, "{packets:?}");
        assert_eq!(packets[0].from, lane.phone(1));
        assert_eq!(packets[2].to, lane.bellhop());
        assert!(packets[0].sequence.is_none() && packets[2].sequence.is_some());
    }
}
