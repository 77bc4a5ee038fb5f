//! A service of the web for one test: it answers what the test says, one request after another.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

/// Starts one; where it is. `answer` gets the head of each request and its body, and gives the status line
/// without its version, and the body of the answer. It ends with the test.
///
/// # Panics
/// If no port can be had.
pub fn start(
    answer: impl Fn(&str, &[u8]) -> (&'static str, String) + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A client that goes away is no trouble of the service's.
            let _ = serve(&stream, &answer);
        }
    });
    address
}

fn serve(
    mut stream: &TcpStream,
    answer: &impl Fn(&str, &[u8]) -> (&'static str, String),
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while reader.read_line(&mut head)? > 2 {}
    let lower = head.to_ascii_lowercase();
    let length = lower
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length = length.and_then(|length| length.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let (status, text) = answer(&head, &body);
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    )
}
