//! A file of the RFCs' archives as the message that the RFC prints.
//!
//! RFC 5118's archive holds line ends of LF alone, which no SIP message has (RFC 3261 7), three files have
//! lost the empty line at their end, and some lengths do not fit the bodies that stand there.

/// The bytes to send.
pub(super) fn wire(stored: &[u8]) -> Vec<u8> {
    let is_bare = !stored.contains(&b'\r');
    let mut bytes = Vec::with_capacity(stored.len() + 64);
    for &byte in stored {
        if is_bare && byte == b'\n' {
            bytes.push(b'\r');
        }
        bytes.push(byte);
    }
    if head_end(&bytes).is_none() {
        bytes.extend_from_slice(b"\r\n");
    }
    if is_bare { with_length(&bytes) } else { bytes }
}

/// Whether a stream can be cut behind this message (its length is what it has), or can be told at once to
/// be broken (a length that is no number, or two).
pub(super) fn fits_a_stream(message: &[u8]) -> bool {
    let Some(head) = head_end(message) else {
        return false;
    };
    match lengths(&message[..head]).as_slice() {
        [] => false,
        [Some(length)] => *length == message.len() - head,
        _ => true,
    }
}

fn with_length(message: &[u8]) -> Vec<u8> {
    let head = head_end(message).unwrap_or(message.len());
    let body = (message.len() - head).to_string();
    let text = String::from_utf8_lossy(&message[..head]);
    let lines = text.split_inclusive("\r\n").map(|line| {
        match line
            .split_once(": ")
            .filter(|(name, _)| *name == "Content-Length")
        {
            Some(_) => format!("Content-Length: {body}\r\n"),
            None => line.to_owned(),
        }
    });
    let mut out = lines.collect::<String>().into_bytes();
    out.extend_from_slice(&message[head..]);
    out
}

fn lengths(head: &[u8]) -> Vec<Option<usize>> {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    fields
        .filter(|(name, _)| matches!(name.trim(), "content-length" | "l"))
        .map(|(_, value)| value.trim().parse().ok())
        .collect()
}

fn head_end(bytes: &[u8]) -> Option<usize> {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(at + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_line_ends_become_whole_and_the_length_what_it_is() {
        let stored = b"INVITE sip:a SIP/2.0\nContent-Length: 9\n\nv=0\ns=-\n";
        let sent = b"INVITE sip:a SIP/2.0\r\nContent-Length: 10\r\n\r\nv=0\r\ns=-\r\n";
        assert_eq!(wire(stored), sent);
    }

    #[test]
    fn what_has_its_line_ends_stays_but_for_a_lost_empty_line() {
        let bad = b"X sip:a SIP/2.0\r\nl: 99\r\n\r\nabc\n";
        assert_eq!(wire(bad), bad);
        assert_eq!(
            wire(b"X sip:a SIP/2.0\r\nl: 0\r\n"),
            b"X sip:a SIP/2.0\r\nl: 0\r\n\r\n"
        );
    }

    #[test]
    fn a_stream_needs_the_length_or_one_that_is_told_to_be_wrong_at_once() {
        let fits =
            |lines: &str| fits_a_stream(format!("X sip:a SIP/2.0\r\n{lines}\r\nabc").as_bytes());
        assert!(fits("l: 3\r\n") && fits("Content-Length: -3\r\n") && fits("l: 3\r\nl: 4\r\n"));
        assert!(!fits("l: 2\r\n") && !fits("l: 4\r\n") && !fits("To: x\r\n"));
    }
}
