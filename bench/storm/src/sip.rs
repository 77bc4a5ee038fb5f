//! Just enough SIP parsing to drive a flow: one pass over the header lines.

const MAX_LINES: usize = 12;

/// Header values met several times, in order.
#[derive(Clone, Copy)]
pub(crate) struct Lines<'a> {
    items: [&'a [u8]; MAX_LINES],
    len: usize,
}

impl<'a> Lines<'a> {
    fn push(&mut self, v: &'a [u8]) {
        if self.len < MAX_LINES {
            self.items[self.len] = v;
            self.len += 1;
        }
    }

    pub(crate) fn as_slice(&self) -> &[&'a [u8]] {
        &self.items[..self.len]
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Msg<'a> {
    /// Status of a response; 0 for a request.
    pub(crate) code: u16,
    /// Method of the request, or of the CSeq for a response.
    pub(crate) method: &'a [u8],
    pub(crate) cseq: u32,
    pub(crate) call_id: &'a [u8],
    pub(crate) from: &'a [u8],
    pub(crate) to: &'a [u8],
    pub(crate) contact: &'a [u8],
    pub(crate) vias: Lines<'a>,
    pub(crate) record_routes: Lines<'a>,
    pub(crate) challenges: Lines<'a>,
    pub(crate) proxy_challenges: Lines<'a>,
}

fn find(hay: &[u8], byte: u8) -> Option<usize> {
    memchr::memchr(byte, hay)
}

pub(crate) fn find_str(hay: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(hay, needle)
}

fn number(v: &[u8]) -> Option<u64> {
    let digits = v.iter().take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 || digits > 18 {
        return None;
    }
    Some(
        v[..digits]
            .iter()
            .fold(0, |acc, b| acc * 10 + u64::from(b - b'0')),
    )
}

pub(crate) fn parse(data: &[u8]) -> Option<Msg<'_>> {
    let empty = Lines {
        items: [&[]; MAX_LINES],
        len: 0,
    };
    let mut m = Msg {
        code: 0,
        method: &[],
        cseq: 0,
        call_id: &[],
        from: &[],
        to: &[],
        contact: &[],
        vias: empty,
        record_routes: empty,
        challenges: empty,
        proxy_challenges: empty,
    };
    let end = find(data, b'\n')?;
    let first = &data[..end];
    let mut cseq_method: &[u8] = &[];
    if let Some(rest) = first.strip_prefix(b"SIP/2.0 ") {
        m.code = number(rest).filter(|c| (100..700).contains(c))? as u16;
    } else {
        m.method = &first[..find(first, b' ')?];
    }
    let mut rest = &data[end + 1..];
    while let Some(end) = find(rest, b'\n') {
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        rest = &rest[end + 1..];
        if line.is_empty() {
            break;
        }
        let Some(colon) = find(line, b':') else {
            continue;
        };
        let name = line[..colon].trim_ascii_end();
        let value = line[colon + 1..].trim_ascii();
        let is = |long: &[u8], short: &[u8]| {
            name.eq_ignore_ascii_case(long) || name.eq_ignore_ascii_case(short)
        };
        match name.first().map_or(0, |b| b.to_ascii_lowercase()) {
            b'v' if is(b"Via", b"v") => m.vias.push(value),
            b'f' if is(b"From", b"f") => m.from = value,
            b't' if is(b"To", b"t") => m.to = value,
            b'i' if is(b"i", b"i") => m.call_id = value,
            b'm' if is(b"m", b"m") => m.contact = value,
            b'c' if is(b"Call-ID", b"Call-ID") => m.call_id = value,
            b'c' if is(b"Contact", b"Contact") => m.contact = value,
            b'c' if is(b"CSeq", b"CSeq") => {
                m.cseq = number(value)? as u32;
                cseq_method = &value[find(value, b' ')? + 1..];
            }
            b'r' if is(b"Record-Route", b"Record-Route") => m.record_routes.push(value),
            b'w' if is(b"WWW-Authenticate", b"WWW-Authenticate") => m.challenges.push(value),
            b'p' if is(b"Proxy-Authenticate", b"Proxy-Authenticate") => {
                m.proxy_challenges.push(value)
            }
            _ => {}
        }
    }
    if m.method.is_empty() {
        m.method = cseq_method.trim_ascii();
    }
    (!m.call_id.is_empty() && m.vias.len > 0 && !m.method.is_empty()).then_some(m)
}

/// Length of the whole first message in a stream, once its headers are complete.
pub(crate) fn frame_len(data: &[u8]) -> Option<usize> {
    let head = find_str(data, b"\r\n\r\n")? + 4;
    let mut rest = &data[..head];
    while let Some(end) = find(rest, b'\n') {
        let line = &rest[..end];
        rest = &rest[end + 1..];
        let Some(colon) = find(line, b':') else {
            continue;
        };
        let name = line[..colon].trim_ascii_end();
        if name.eq_ignore_ascii_case(b"Content-Length") || name.eq_ignore_ascii_case(b"l") {
            return Some(head + number(line[colon + 1..].trim_ascii())? as usize);
        }
    }
    Some(head)
}

/// The URI inside a name-addr or addr-spec.
pub(crate) fn uri(value: &[u8]) -> &[u8] {
    if let Some(open) = find(value, b'<') {
        let inner = &value[open + 1..];
        return &inner[..find(inner, b'>').unwrap_or(inner.len())];
    }
    let end = find(value, b';').unwrap_or(value.len());
    value[..end].trim_ascii()
}

/// Splits comma-separated name-addrs of several header lines into single values.
pub(crate) fn routes<'a>(lines: &Lines<'a>) -> Vec<&'a [u8]> {
    let mut out = Vec::new();
    for line in lines.as_slice() {
        let (mut depth, mut quoted, mut start) = (0, false, 0);
        for (i, b) in line.iter().enumerate() {
            match b {
                b'"' => quoted = !quoted,
                b'<' if !quoted => depth += 1,
                b'>' if !quoted => depth -= 1,
                b',' if !quoted && depth == 0 => {
                    out.push(line[start..i].trim_ascii());
                    start = i + 1;
                }
                _ => {}
            }
        }
        out.push(line[start..].trim_ascii());
    }
    out
}

/// Whether a From or To value carries a tag.
pub(crate) fn has_tag(value: &[u8]) -> bool {
    find_str(value, b";tag=").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &[u8] = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nv: SIP/2.0/UDP b;branch=z9hG4bK2\r\n\
        Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\nRecord-Route: \"x, y\" <sip:p0;lr=on>;q\r\nf: <sip:a@d>;tag=1\r\n\
        To: <sip:b@d>;tag=2\r\ni: abc\r\nCSEQ: 12 INVITE\r\nm: \"B\" <sip:b@h:5>;expires=3\r\nl: 3\r\n\r\nabcNEXT";

    #[test]
    fn response() {
        let m = parse(OK).unwrap();
        assert_eq!(
            (m.code, m.cseq, m.method, m.call_id),
            (200, 12, &b"INVITE"[..], &b"abc"[..])
        );
        assert_eq!(m.vias.as_slice().len(), 2);
        assert_eq!(
            routes(&m.record_routes),
            [
                &b"<sip:p2;lr>"[..],
                b"<sip:p1;lr>",
                b"\"x, y\" <sip:p0;lr=on>;q"
            ]
        );
        assert_eq!(uri(m.contact), b"sip:b@h:5");
        assert!(has_tag(m.to));
        assert_eq!(frame_len(OK), Some(OK.len() - 4));
    }

    #[test]
    fn request_and_rubbish() {
        let m = parse(
            b"BYE sip:x SIP/2.0\r\nVia: a\r\nCall-ID: q\r\nCSeq: 2 BYE\r\nTo: <sip:b>\r\n\r\n",
        )
        .unwrap();
        assert_eq!((m.code, m.method), (0, &b"BYE"[..]));
        assert!(!has_tag(m.to));
        for bad in [
            &b""[..],
            b"\r\n",
            b"SIP/2.0 2x0\r\n\r\n",
            b"SIP/2.0 99999999999999999999 x\r\n\r\n",
            b"A B\r\nCSeq: x\r\n\r\n",
        ] {
            assert!(parse(bad).is_none());
        }
        assert_eq!(frame_len(b"SIP/2.0 200 OK\r\nVia: x\r\n"), None);
        assert_eq!(frame_len(b"A b\r\nVia: x\r\n\r\n"), Some(15));
    }

    #[test]
    fn uris() {
        assert_eq!(uri(b"sip:a@b;tag=1"), b"sip:a@b");
        assert_eq!(uri(b"<sip:a@b;lr>"), b"sip:a@b;lr");
        assert_eq!(uri(b"<sip:a@b"), b"sip:a@b");
    }
}
