//! The answer to a message that begins on a stream but cannot be cut from it (RFC 3261 18.3).

use bellhop_wire::{Error, HeaderId, Index, Limits, Method, Reply, ViaMark};
use std::net::SocketAddr;

/// Writes the response that says what is wrong; `false` if there is no request to answer in `head`.
pub(crate) fn answer(head: &[u8], from: SocketAddr, error: Error, out: &mut Vec<u8>) -> bool {
    let mut index = Index::new();
    let limits = Limits {
        message: usize::MAX,
        ..Limits::default()
    };
    let request = match index.parse(head, &limits) {
        Ok(message) => Some(message),
        Err(rejected) => rejected.partial,
    };
    let Some(request) = request else { return false };
    let mandatory = [
        HeaderId::Via,
        HeaderId::From,
        HeaderId::To,
        HeaderId::CallId,
        HeaderId::CSeq,
    ];
    let readable = mandatory.iter().all(|id| request.first(*id).is_some());
    if !readable || matches!(request.method(), None | Some(Method::Ack)) {
        return false;
    }
    let asks_rport = request.top_via().is_ok_and(|via| via.params.has("rport"));
    let mark = ViaMark {
        received: Some(from.ip()),
        rport: asks_rport.then_some(from.port()),
    };
    // The request is never seen again, so any tag will do (RFC 3261 8.2.6.2).
    let tag = format!("{:016x}", ahash::RandomState::new().hash_one(head));
    let reason = error.to_string();
    Reply::new(out, request, mark, error.status(), &reason, tag.as_bytes()).end();
    true
}
