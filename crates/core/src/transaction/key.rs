//! What messages are matched by (RFC 3261 17.1.3, 17.2.3), as bytes that are equal when the keys are.

use crate::flow::Transport;
use crate::text::Text;
use bellhop_wire::{HeaderId, Host, Message, Method, ViaRef};
use std::net::IpAddr;

/// The bytes of a key; on the stack when it is of usual length.
pub(super) type Key = Text<128>;

/// What a request is matched by, with the method of the transaction that is looked for: the request's
/// own, INVITE for an ACK (17.2.3) and for the request that a CANCEL means (9.2).
pub(super) struct ServerKey {
    /// The bytes.
    pub(super) bytes: Key,
    /// Whether the client is of RFC 2543 and made no unique branch.
    pub(super) legacy: bool,
}

impl ServerKey {
    /// `via` is the request's topmost. `None`: it has no readable CSeq and cannot be matched.
    pub(super) fn of(request: Message<'_>, via: &ViaRef<'_>, method: Method<'_>) -> Option<Self> {
        match via.branch() {
            Some(branch) if via.is_rfc3261() => Some(Self {
                bytes: by_branch(method, branch, via),
                legacy: false,
            }),
            _ => Some(Self {
                bytes: by_content(request, method)?,
                legacy: true,
            }),
        }
    }
}

/// The key of a client transaction: the branch of the top Via, which we made and which no other request
/// of ours has but its ACK and CANCEL, and the method in CSeq, which tells a CANCEL's response from its
/// INVITE's (17.1.3). The case of a branch counts: base64 branches differ in nothing else.
pub(super) fn client(branch: &[u8], method: Method<'_>) -> Key {
    let mut key = Key::new();
    push(&mut key, method.as_bytes());
    push(&mut key, branch);
    key
}

/// 17.2.3, branch with the magic cookie: branch, sent-by, method.
fn by_branch(method: Method<'_>, branch: &[u8], via: &ViaRef<'_>) -> Key {
    let mut key = Key::new();
    key.put(&[BY_BRANCH]);
    push(&mut key, method.as_bytes());
    push(&mut key, branch);
    match via.host {
        Host::Name(name) => {
            key.put(&[NAME]);
            push_length(&mut key, name);
            for byte in name {
                key.put(&[byte.to_ascii_lowercase()]);
            }
        }
        Host::Ip(IpAddr::V4(ip)) => {
            key.put(&[IPV4]);
            key.put(&ip.octets());
        }
        Host::Ip(IpAddr::V6(ip)) => {
            key.put(&[IPV6]);
            key.put(&ip.octets());
        }
    }
    // An absent port is the transport's own (18.1.1, 20.42).
    let port = via.port.unwrap_or_else(|| {
        Transport::of(via.transport)
            .unwrap_or(Transport::Udp)
            .default_port()
    });
    key.put(&port.to_le_bytes());
    key
}

/// 17.2.3, without the cookie: Request-URI, From tag, Call-ID, CSeq, top Via, and the To tag unless
/// `method` is INVITE: there the To tag of an ACK is that of the response, and the caller compares.
fn by_content(request: Message<'_>, method: Method<'_>) -> Option<Key> {
    let (number, _) = request.cseq().ok()?;
    let via = request.values(HeaderId::Via).next()?;
    let mut key = Key::new();
    key.put(&[BY_CONTENT]);
    push(&mut key, method.as_bytes());
    push(&mut key, request.uri());
    push(&mut key, request.from_tag().unwrap_or_default());
    push(&mut key, request.call_id());
    key.put(&number.to_le_bytes());
    push(&mut key, via.raw);
    if method != Method::Invite {
        push(&mut key, request.to_tag().unwrap_or_default());
    }
    Some(key)
}

/// Appends a field so that no two lists of fields give the same bytes.
fn push(key: &mut Key, field: &[u8]) {
    push_length(key, field);
    key.put(field);
}

fn push_length(key: &mut Key, field: &[u8]) {
    // Longer ones are none: no message is.
    key.put(&u32::try_from(field.len()).unwrap_or(u32::MAX).to_le_bytes());
}

const BY_BRANCH: u8 = 1;
const BY_CONTENT: u8 = 2;
const NAME: u8 = 0;
const IPV4: u8 = 4;
const IPV6: u8 = 6;
