//! How the cases write their messages: a sound request, and what each makes odd.

use bellhop_wire::HeaderId;

/// A request with this start line; the lines replace or join the usual ones of `method`, and a body may
/// follow.
pub(crate) fn request(start: &str, lines: &[&str], body: &str) -> String {
    let method = start.split(' ').next().unwrap_or_default();
    let usual = [
        "Via: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bKodd".to_owned(),
        "Max-Forwards: 70".to_owned(),
        "From: <sip:tester@example.org>;tag=odd".to_owned(),
        "To: <sip:6002@example.org>".to_owned(),
        "Call-ID: odd".to_owned(),
        format!("CSeq: 7 {method}"),
        format!("Content-Length: {}", body.len()),
    ];
    let id = |line: &str| {
        let name = line.split([':', ' ', '\t']).next().unwrap_or_default();
        HeaderId::of(name.as_bytes())
    };
    let changed: Vec<HeaderId> = lines.iter().map(|line| id(line)).collect();
    let mut text = format!("{start}\r\n");
    let kept = usual.iter().map(String::as_str);
    for line in kept.filter(|line| !changed.contains(&id(line))) {
        text.push_str(line);
        text.push_str("\r\n");
    }
    for line in lines.iter().filter(|line| !line.is_empty()) {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text + "\r\n" + body
}

/// A MESSAGE to a registered phone.
pub(crate) fn to_phone(lines: &[&str]) -> String {
    request("MESSAGE sip:6002@example.org SIP/2.0", lines, "")
}

/// A MESSAGE with this Request-URI and perhaps more on its start line.
pub(crate) fn to_uri(uri: &str) -> String {
    request(&format!("MESSAGE {uri} SIP/2.0"), &[], "")
}

/// A REGISTER for an AoR of ours.
pub(crate) fn register(lines: &[&str]) -> String {
    register_at("sip:example.org", lines)
}

/// A REGISTER with this Request-URI.
pub(crate) fn register_at(uri: &str, lines: &[&str]) -> String {
    request(&format!("REGISTER {uri} SIP/2.0"), lines, "")
}

/// A request without some of its lines.
pub(crate) fn without(request: &str, names: &[&str]) -> String {
    let lines = request.split_inclusive("\r\n");
    lines
        .filter(|line| !names.iter().any(|name| line.starts_with(name)))
        .collect()
}

/// A session description.
pub(crate) const SDP: &str = "v=0\r\no=- 1 1 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 198.51.100.9\r\n\
    t=0 0\r\nm=audio 40000 RTP/AVP 0\r\n";
