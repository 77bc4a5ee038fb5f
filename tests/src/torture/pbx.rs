//! A PBX that answers all it gets, whatever it looks like, and remembers it.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The PBX; gone when dropped.
#[derive(Debug)]
pub(super) struct Pbx {
    seen: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Pbx {
    pub(super) fn start(address: SocketAddr) -> Self {
        let socket = UdpSocket::bind(address).expect("the PBX's address");
        socket.set_read_timeout(Some(LOOK)).expect("a timeout");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let (own, ends) = (Arc::clone(&seen), Arc::clone(&is_over));
        let thread = thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while !ends.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if !text.starts_with("ACK ") {
                    lock(&own).push(text.clone());
                    let _ = socket.send_to(answer(&text).as_bytes(), from);
                }
            }
        });
        Self {
            seen,
            is_over,
            thread: Some(thread),
        }
    }

    /// What came since it was asked to forget.
    pub(super) fn seen(&self) -> Vec<String> {
        lock(&self.seen).clone()
    }

    pub(super) fn forget(&self) {
        lock(&self.seen).clear();
    }
}

impl Drop for Pbx {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(seen: &Mutex<Vec<String>>) -> MutexGuard<'_, Vec<String>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// 200, to an INVITE 486, so that no call begins.
fn answer(request: &str) -> String {
    let status = match request.starts_with("INVITE ") {
        true => "486 Busy Here",
        false => "200 OK",
    };
    let mut text = format!("SIP/2.0 {status}\r\n");
    let mut is_kept = false;
    let head = request.split("\r\n\r\n").next().unwrap_or_default();
    for line in head.split("\r\n").skip(1) {
        if !line.starts_with([' ', '\t']) {
            let name = line.split(':').next().unwrap_or_default().trim();
            is_kept = REPEATED.iter().any(|kept| name.eq_ignore_ascii_case(kept));
        }
        if is_kept {
            text.push_str(line);
            text.push_str("\r\n");
        }
    }
    text + "Content-Length: 0\r\n\r\n"
}

/// What a response repeats (RFC 3261 8.2.6.2), also in short.
const REPEATED: [&str; 9] = ["Via", "v", "From", "f", "To", "t", "Call-ID", "i", "CSeq"];
const LOOK: Duration = Duration::from_millis(20);
