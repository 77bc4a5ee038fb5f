//! Reading a message through the edits that are staged for it.

use crate::contract::sip::policy::types::{Source, Transport};
use crate::question::Origin;
use bellhop_core::flow;
use bellhop_core::policy::Changes;
use bellhop_wire::{HeaderId, Message, NameAddr};

/// What the contract says about where a message came from.
pub(crate) fn source(origin: &Origin) -> Source {
    let flow = &origin.flow;
    Source {
        transport: match flow.transport {
            flow::Transport::Udp => Transport::Udp,
            flow::Transport::Tcp => Transport::Tcp,
            flow::Transport::Tls => Transport::Tls,
            flow::Transport::Ws => Transport::Ws,
            flow::Transport::Wss => Transport::Wss,
        },
        address: flow.remote.ip().to_canonical().to_string(),
        port: flow.remote.port(),
        listener: origin.listener.clone(),
        zone: origin.zone.clone(),
        tls_peer: None,
        authenticated_user: origin.user.clone(),
    }
}

/// As text: what is not UTF-8 becomes U+FFFD.
pub(crate) fn text(bytes: &[u8]) -> String {
    // Nearly all is, and is told so a word at a time.
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// The method of a request, or the one that a response answers.
pub(crate) fn method(message: Message<'_>) -> String {
    let answered = || message.cseq().ok().map(|(_, method)| method);
    let method = message.method().or_else(answered);
    method.map_or_else(String::new, |method| text(method.as_bytes()))
}

/// The first Contact's URI; empty if there is none.
pub(crate) fn contact(message: Message<'_>) -> String {
    let first = message.first_value(HeaderId::Contact);
    let parsed = first.and_then(|value| NameAddr::parse(value.raw).ok());
    parsed.map_or_else(String::new, |contact| text(contact.uri.raw))
}

/// Content-Type without parameters and the length of the body.
pub(crate) fn body_kind(message: Message<'_>, changes: &Changes) -> (String, usize) {
    let (kind, length) = match changes.body() {
        Some(body) => (body.content_type.as_bytes(), body.data.len()),
        None => {
            let field = message.first(HeaderId::ContentType);
            let kind = field.map(|field| field.value).unwrap_or_default();
            (kind, message.body().len())
        }
    };
    if length == 0 {
        return (String::new(), 0);
    }
    let plain = kind.split(|b| *b == b';').next().unwrap_or_default();
    let mut kind = text(plain.trim_ascii());
    kind.make_ascii_lowercase();
    (kind, length)
}

/// The message's own lines of a name that the edits have left.
pub(crate) fn own<'m>(
    message: Message<'m>,
    changes: &Changes,
    name: &str,
) -> impl Iterator<Item = &'m [u8]> {
    let keeps = changes.keeps(name.as_bytes());
    let all = message.named(name).map(|field| field.value);
    all.filter(move |_| keeps)
}

/// The first line of a name.
pub(crate) fn first<'q>(
    message: Message<'q>,
    changes: &'q Changes,
    name: &'q str,
) -> Option<&'q [u8]> {
    own(message, changes, name)
        .next()
        .or_else(|| changes.added(name.as_bytes()).next())
}

/// Whether two names mean the same header, in any case and form (RFC 3261 7.3.3).
pub(crate) fn is_same(a: &[u8], b: &[u8]) -> bool {
    match HeaderId::of(a) {
        HeaderId::Other => a.eq_ignore_ascii_case(b),
        id => id == HeaderId::of(b),
    }
}

/// Whether commas separate values of this header (RFC 3261 7.3.1).
pub(crate) fn is_list(name: &str) -> bool {
    LISTS.contains(&HeaderId::of(name.as_bytes()))
}

const LISTS: [HeaderId; 21] = [
    HeaderId::Accept,
    HeaderId::Allow,
    HeaderId::AllowEvents,
    HeaderId::AlertInfo,
    HeaderId::CallInfo,
    HeaderId::Contact,
    HeaderId::ContentEncoding,
    HeaderId::Diversion,
    HeaderId::HistoryInfo,
    HeaderId::PAssertedIdentity,
    HeaderId::PPreferredIdentity,
    HeaderId::Path,
    HeaderId::ProxyRequire,
    HeaderId::Reason,
    HeaderId::RecordRoute,
    HeaderId::Require,
    HeaderId::Route,
    HeaderId::Supported,
    HeaderId::Unsupported,
    HeaderId::Via,
    HeaderId::Warning,
];
