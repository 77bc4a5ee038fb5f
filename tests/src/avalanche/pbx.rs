//! A PBX that grants each registration and counts them.

use crate::message::Message;
use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

pub(super) struct Pbx {
    socket: UdpSocket,
}

impl Pbx {
    pub(super) fn at(address: SocketAddr) -> Self {
        let socket = UdpSocket::bind(address).expect("the PBX's address");
        socket.set_read_timeout(Some(LOOK)).expect("a timeout");
        Self { socket }
    }

    /// Answers until it is over; when each REGISTER came, copies left out.
    pub(super) fn serve(&self, is_over: &AtomicBool) -> Vec<Instant> {
        let (mut times, mut known) = (Vec::new(), HashSet::new());
        let mut buffer = vec![0; 65_536];
        while !is_over.load(Relaxed) {
            let Ok((length, from)) = self.socket.recv_from(&mut buffer) else {
                continue;
            };
            let at = Instant::now();
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let request = Message::new(text);
            if !request.start_line().starts_with("REGISTER ") {
                continue;
            }
            if known.insert(request.header("Via").to_owned()) {
                times.push(at);
            }
            let answer = format!(
                "SIP/2.0 200 OK\r\n{}To: {};tag=pbx\r\nContact: {}\r\nContent-Length: 0\r\n\r\n",
                request.lines_of(&["Via", "From", "Call-ID", "CSeq"]),
                request.header("To"),
                request.header("Contact"),
            );
            // It is asked again if that is lost.
            let _ = self.socket.send_to(answer.as_bytes(), from);
        }
        times
    }
}

const LOOK: Duration = Duration::from_millis(50);
