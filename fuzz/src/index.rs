//! Whatever bytes come: nothing panics, every part is a part of them, and what can be read can be
//! answered.

use bellhop_core::registrar::Aor;
use bellhop_wire::{
    Credentials, HeaderId, Host, Index, Limits, Message, NameAddr, Params, Reply, Start, UriRef,
    ViaMark, ViaRef, typed, view,
};
use std::ops::Range;

/// The bytes are one datagram.
pub fn run(data: &[u8]) {
    views(data);
    let mut index = Index::new();
    match index.parse(data, &Limits::default()) {
        Ok(message) => {
            assert!(data.starts_with(message.bytes()));
            read_all(message);
            answer(message);
            let _ = typed::rsip_message(message);
            assert_eq!(message.to_owned().message().bytes(), message.bytes());
        }
        Err(rejected) => {
            let _ = (rejected.error.status(), rejected.error.to_string());
            if let Some(message) = rejected.partial {
                read_all(message);
                answer(message);
            }
        }
    }
}

/// What can be answered is answered with something that reads.
fn answer(message: Message<'_>) {
    let mut out = Vec::new();
    let mark = ViaMark {
        received: Some([192, 0, 2, 1].into()),
        rport: Some(5060),
    };
    let mut reply = Reply::new(&mut out, message, mark, 400, "Bad\r\nRequest", b"t");
    reply.record_routes(message);
    reply.end();
    assert!(out.ends_with(b"\r\nContent-Length: 0\r\n\r\n"));
    let mut index = Index::new();
    let limits = Limits {
        message: usize::MAX,
        line: usize::MAX,
        headers: 1_000,
    };
    let answer = index.parse(&out, &limits).expect("our answer reads");
    if message.check().is_ok() {
        answer.check().expect("the answer to a good message is one");
    }
}

/// Asks a message everything that can be asked.
fn read_all(message: Message<'_>) {
    let bytes = message.bytes();
    let within = |part: &[u8]| place(bytes, part);
    match message.start() {
        Start::Request { method, uri } => {
            within(uri);
            assert!(!method.as_str().is_empty());
        }
        Start::Response { status, reason } => {
            within(reason);
            assert!(status < 1_000);
        }
    }
    within(message.body());
    within(message.call_id());
    let _ = (message.check(), message.cseq(), message.max_forwards());
    let _ = (message.from(), message.to(), message.top_via());
    assert_eq!(message.method().is_none(), message.status().is_some());
    for tag in [message.from_tag(), message.to_tag()].into_iter().flatten() {
        within(tag);
    }
    // The tag read the quick way is the one that the whole field has.
    if let Ok(from) = message.from() {
        assert_eq!(from.tag(), message.from_tag());
    }
    let mut last = 0;
    for field in message.all_fields() {
        let (name, value) = (within(field.name), within(field.value));
        assert!(last <= name.start);
        assert!(field.value.is_empty() || name.end <= value.start);
        last = value.end.max(name.end);
        assert_eq!(field.id, HeaderId::of(field.name));
        assert!(message.first(field.id).is_some());
        let _ = (message.number(field.id), message.lists(field.id, "path"));
        views(field.value);
    }
    for field in message.all_fields() {
        // Each header once: a message of one header's lines alone would cost their square.
        if message
            .first(field.id)
            .is_some_and(|f| f.value.as_ptr() == field.value.as_ptr())
        {
            for value in message.values(field.id) {
                within(value.raw);
                views(value.raw);
            }
            assert_eq!(
                message.first_value(field.id).map(|value| value.raw),
                message.values(field.id).next().map(|value| value.raw)
            );
        }
    }
}

/// Reads bytes as everything a header value may be.
fn views(bytes: &[u8]) {
    let within = |part: &[u8]| place(bytes, part);
    for (at, element) in view::list::split(bytes) {
        assert_eq!(within(element), at..at + element.len());
    }
    if let Ok(uri) = UriRef::parse(bytes) {
        assert_eq!(uri.raw, bytes);
        uri_alone(&uri);
    }
    if let Ok(name) = NameAddr::parse(bytes) {
        within(name.uri.raw);
        uri_alone(&name.uri);
        params(name.params);
        assert_eq!(name.tag(), name.params.value("tag"));
    }
    if let Ok(via) = ViaRef::parse(bytes) {
        within(via.sent_by);
        let _ = (via.branch().map(&within), via.is_rfc3261());
        params(via.params);
    }
    if let Ok(credentials) = Credentials::parse(bytes) {
        let parts = [
            credentials.username,
            credentials.realm,
            credentials.nonce,
            credentials.uri,
            credentials.response,
            credentials.opaque,
        ];
        for part in parts.into_iter().flatten() {
            within(part);
            assert!(view::auth::unescape(part).len() <= part.len());
        }
    }
    let _ = view::auth::Challenge::parse(bytes);
    if let Some((host, _)) = view::host::host_port(bytes) {
        host_alone(host);
    }
    params(Params { raw: bytes });
}

fn params(params: Params<'_>) {
    for param in params.iter() {
        place(params.raw, param.name);
        let _ = param.value.map(|value| place(params.raw, value));
    }
    let _ = (params.has("lr"), params.unquoted("received"));
}

/// RFC 3261 19.1.4: a URI is itself, and what stands for its user is stable.
fn uri_alone(uri: &UriRef<'_>) {
    assert!(uri.same(uri));
    let _ = (uri.transport(), uri.is_loose(), uri.user_unescaped());
    uri.host.into_iter().for_each(host_alone);
    params(uri.params);
    if let Some(aor) = Aor::new(uri, "example.org")
        && let Some(again) = Aor::parse_text(&format!("sip:{}", aor.as_str()))
    {
        assert_eq!(aor, again);
    }
    let _ = typed::ToRsip::to_rsip(uri);
}

/// A host that is written is the same host when it is read again.
fn host_alone(host: Host<'_>) {
    let mut text = Vec::new();
    host.write(&mut text);
    let (again, port) = view::host::host_port(&text).expect("a host reads");
    assert!(again.same(host) && port.is_none());
}

/// Where a part stands in the whole; it must.
fn place(whole: &[u8], part: &[u8]) -> Range<usize> {
    if part.is_empty() {
        return 0..0;
    }
    let from = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
    assert!(from < whole.len() && part.len() <= whole.len() - from);
    from..from + part.len()
}
