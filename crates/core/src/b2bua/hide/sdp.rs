//! A session description as the other leg is told it: who made it and with what is not said. Where the media
//! goes stays: it goes there.

/// Appends a body that is, or has in it, a session description. The session's id and version stay, for an answer's
/// reader tells by them whether anything has changed (RFC 3264 8); the address is one that means nothing
/// (RFC 8829 5.2.1).
pub(super) fn hide(body: &[u8], out: &mut Vec<u8>) {
    let mut is_inside = false;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        // Of a body of several parts the others are left as they are.
        if line.starts_with(b"v=0") {
            is_inside = true;
        } else if line.starts_with(b"--") {
            is_inside = false;
        }
        match line {
            [b'o', b'=', origin @ ..] if is_inside => put_origin(origin, out),
            [b's', b'=', ..] if is_inside => out.extend_from_slice(b"s=-\r\n"),
            [b'i' | b'u' | b'e' | b'p', b'=', ..] if is_inside => {}
            line if is_inside && line.starts_with(b"a=tool:") => {}
            line => out.extend_from_slice(line),
        }
    }
}

/// `username sess-id sess-version nettype addrtype address` (RFC 8866 5.2).
fn put_origin(origin: &[u8], out: &mut Vec<u8>) {
    let mut words = origin
        .trim_ascii_end()
        .split(|byte| *byte == b' ')
        .skip(1)
        .map(|word| {
            if word.is_empty() || !word.iter().all(u8::is_ascii_digit) {
                b"0"
            } else {
                word
            }
        });
    out.extend_from_slice(b"o=- ");
    out.extend_from_slice(words.next().unwrap_or(b"0"));
    out.push(b' ');
    out.extend_from_slice(words.next().unwrap_or(b"0"));
    out.extend_from_slice(b" IN IP4 0.0.0.0\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(body: &str) -> String {
        let mut out = Vec::new();
        hide(body.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_origin_keeps_its_id_and_version_and_loses_name_and_address() {
        let body = "v=0\r\no=root 1821 7 IN IP4 10.0.0.5\r\ns=Asterisk PBX 22\r\ni=inside\r\n\
                    u=http://pbx/\r\ne=root@pbx\r\np=+1\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
                    a=tool:pbx\r\nm=audio 4000 RTP/AVP 0\r\na=sendrecv\r\n";
        let expected = "v=0\r\no=- 1821 7 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
                        m=audio 4000 RTP/AVP 0\r\na=sendrecv\r\n";
        assert_eq!(hidden(body), expected);
    }

    #[test]
    fn in_a_body_of_several_parts_only_the_description_is_changed() {
        let body = "--x\r\nContent-Type: text/plain\r\n\r\ns=kept\r\n--x\r\n\
                    Content-Type: application/sdp\r\n\r\nv=0\r\no=a 1 1 IN IP4 10.0.0.5\r\ns=b\r\n--x--\r\n";
        let expected = "--x\r\nContent-Type: text/plain\r\n\r\ns=kept\r\n--x\r\n\
                    Content-Type: application/sdp\r\n\r\nv=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\n--x--\r\n";
        assert_eq!(hidden(body), expected);
    }

    #[test]
    fn an_origin_that_cannot_be_read_says_nothing() {
        assert_eq!(
            hidden("v=0\r\no=pbx.inside 10.0.0.5\r\n"),
            "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\n"
        );
    }
}
