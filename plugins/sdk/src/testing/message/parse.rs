//! Messages from text, for tests: strict where a test would have a slip.

use std::cell::RefCell;

use super::{Message, State};
use crate::{Source, Transport};

impl Message {
    /// A message from its text; lines end with LF or CRLF, the body follows an empty line.
    ///
    /// # Panics
    /// The text is no SIP message.
    pub fn parse(text: impl AsRef<[u8]>) -> Self {
        let received = text.as_ref().to_vec();
        let (head, body) = split_head(&received);
        let head = head.to_vec();
        let mut lines = head
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii_end);
        let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
        let words: Vec<&str> = first.splitn(3, ' ').collect();
        let (method, ruri, status, reason) = match words.as_slice() {
            ["SIP/2.0", status, reason] => {
                let status = status.parse::<u16>().ok();
                assert!(status.is_some(), "no status line: {first}");
                (String::new(), String::new(), status, (*reason).to_owned())
            }
            [method, ruri, "SIP/2.0"] => (
                (*method).to_owned(),
                (*ruri).to_owned(),
                None,
                String::new(),
            ),
            _ => {
                assert!(words.is_empty(), "neither request nor status line: {first}");
                Default::default()
            }
        };
        let mut fields: Vec<(String, Vec<u8>)> = Vec::new();
        for line in lines.filter(|line| !line.is_empty()) {
            let folded = line
                .first()
                .is_some_and(|byte| matches!(byte, b' ' | b'\t'));
            if let (true, Some((_, value))) = (folded, fields.last_mut()) {
                value.push(b' ');
                value.extend_from_slice(line.trim_ascii());
                continue;
            }
            let at = line.iter().position(|byte| *byte == b':');
            assert!(
                at.is_some(),
                "no header field: {}",
                String::from_utf8_lossy(line)
            );
            let (name, value) = line.split_at(at.unwrap_or_default());
            let name = String::from_utf8_lossy(name.trim_ascii()).into_owned();
            fields.push((
                name,
                value.get(1..).unwrap_or_default().trim_ascii().to_vec(),
            ));
        }
        let source = Source {
            transport: Transport::Udp,
            address: "192.0.2.10".to_owned(),
            port: 5060,
            listener: "udp".to_owned(),
            zone: "outside".to_owned(),
            tls_peer: None,
            authenticated_user: None,
        };
        let state = State {
            method,
            ruri,
            status,
            reason,
            fields,
            body: body.to_vec(),
            source,
            notes: Vec::new(),
            edits: Vec::new(),
        };
        let state = RefCell::new(state);
        Self { received, state }
    }
}

/// The head with its empty line, and the body.
pub(super) fn split_head(message: &[u8]) -> (&[u8], &[u8]) {
    let ends = |mark: &[u8]| {
        let at = message
            .windows(mark.len())
            .position(|window| window == mark)?;
        at.checked_add(mark.len())
    };
    let end = match (ends(b"\r\n\r\n"), ends(b"\n\n")) {
        (Some(a), Some(b)) => a.min(b),
        (a, b) => a.or(b).unwrap_or(message.len()),
    };
    message.split_at(end)
}
