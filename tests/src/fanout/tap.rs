//! Stands between Bellhop and the PBX, over UDP: each takes it for the other, and it notes when the PBX tells.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The tap, at work. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Tap {
    is_over: Arc<AtomicBool>,
    notifies: Arc<Mutex<Vec<Instant>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Tap {
    /// Bellhop knows the PBX by `as_pbx`, the PBX knows Bellhop by `as_bellhop`.
    ///
    /// # Panics
    /// If one of those addresses cannot be had.
    pub(super) fn between(
        (bellhop, as_pbx): (SocketAddr, SocketAddr),
        (as_bellhop, pbx): (SocketAddr, SocketAddr),
    ) -> Self {
        let (is_over, notifies) = (Arc::default(), Arc::default());
        let front = bind(as_pbx);
        let back = bind(as_bellhop);
        let side = |from: &UdpSocket, by: &UdpSocket, to, names: [(SocketAddr, SocketAddr); 2]| {
            let side = Side {
                from: from.try_clone().expect("a socket"),
                by: by.try_clone().expect("a socket"),
                to,
                names: names.map(|(one, other)| (one.to_string(), other.to_string())),
                is_over: Arc::clone(&is_over),
                notifies: Arc::clone(&notifies),
            };
            std::thread::spawn(move || side.serve())
        };
        let inward = [(bellhop, as_bellhop), (as_pbx, pbx)];
        let outward = [(as_bellhop, bellhop), (pbx, as_pbx)];
        let threads = vec![
            side(&front, &back, pbx, inward),
            side(&back, &front, bellhop, outward),
        ];
        Self {
            is_over,
            notifies,
            threads,
        }
    }

    /// When the PBX's NOTIFYs came, copies included.
    pub(super) fn notifies(&self) -> Vec<Instant> {
        self.notifies.lock().expect("the times").clone()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.is_over.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// One way through it.
struct Side {
    from: UdpSocket,
    by: UdpSocket,
    to: SocketAddr,
    /// What is called otherwise on the other side.
    names: [(String, String); 2],
    is_over: Arc<AtomicBool>,
    notifies: Arc<Mutex<Vec<Instant>>>,
}

impl Side {
    fn serve(&self) {
        let mut buffer = vec![0; 65_536];
        while !self.is_over.load(Relaxed) {
            let Ok(length) = self.from.recv(&mut buffer) else {
                continue;
            };
            let at = Instant::now();
            let text = String::from_utf8_lossy(&buffer[..length]);
            // Only the PBX sends any here.
            if text.starts_with("NOTIFY ") {
                self.notifies.lock().expect("the times").push(at);
            }
            // The names are of one length, so Content-Length stays right.
            let [first, second] = &self.names;
            let text = text.replace(&first.0, &first.1);
            let text = text.replace(&second.0, &second.1);
            let _ = self.by.send_to(text.as_bytes(), self.to);
        }
    }
}

fn bind(address: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(address).expect("the tap's address");
    let look = Duration::from_millis(50);
    socket.set_read_timeout(Some(look)).expect("a timeout");
    socket
}
