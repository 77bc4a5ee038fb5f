//! The handshake (RFC 6455 4.2, RFC 7118 4): a request of HTTP, and 101 or what is wrong with it, in words that a person
//! reads who has opened the address in a browser.

use tungstenite::{
    error::{Error, ProtocolError},
    handshake::{
        machine::TryParse,
        server::{Request, create_response, write_response},
    },
    http::{HeaderMap, HeaderValue, header},
};

/// What a request for a WebSocket came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opened {
    /// It is open; the answer, and how many octets the request had.
    Yes(Vec<u8>, usize),
    /// It is not; the answer, and why, for the log.
    No(Vec<u8>, &'static str),
}

/// A refusal: status line and other header lines of the answer, and its text.
struct No(&'static str, &'static str);

/// Reads the request at the head of the octets, of which `looked` are known to hold no end of it; `None`: it has not come
/// to its end. `origins`: the pages that may ask; none: any.
pub(super) fn read(octets: &[u8], looked: &mut usize, origins: &[String]) -> Option<Opened> {
    let from = looked.saturating_sub(END.len());
    let unread = octets.get(from..).unwrap_or_default();
    let end = unread.windows(END.len()).position(|window| window == END);
    *looked = octets.len();
    let end = end.map(|at| at.saturating_add(from).saturating_add(END.len()));
    let end = end.or((octets.len() > MOST).then_some(octets.len()))?;
    if end > MOST {
        return Some(
            No(
                "431 Request Header Fields Too Large",
                "the request is too long",
            )
            .into(),
        );
    }
    let head = octets.get(..end).unwrap_or_default();
    Some(match answer(head, origins) {
        Ok(answer) => Opened::Yes(answer, end),
        Err(no) => no.into(),
    })
}

fn answer(head: &[u8], origins: &[String]) -> Result<Vec<u8>, No> {
    let request = match Request::try_parse(head) {
        Ok(Some((_, request))) => request,
        Err(Error::Protocol(ProtocolError::WrongHttpMethod)) => {
            return Err(No(
                "405 Method Not Allowed\r\nAllow: GET",
                "a WebSocket is asked for with GET",
            ));
        }
        Ok(None) | Err(_) => {
            return Err(No(
                "400 Bad Request",
                "this is no request of HTTP/1.1, and SIP is spoken here over WebSocket alone",
            ));
        }
    };
    let headers = request.headers();
    if !is_given(headers, header::UPGRADE, "websocket") {
        return Err(No(UPGRADE, "SIP is spoken here, over WebSocket (RFC 7118)"));
    }
    if !is_given(headers, header::SEC_WEBSOCKET_VERSION, "13") {
        return Err(No(UPGRADE, "only version 13 of WebSocket is spoken here"));
    }
    let is_listed = |origin: &HeaderValue| {
        let is_it = |one: &String| one.as_bytes().eq_ignore_ascii_case(origin.as_bytes());
        origins.iter().any(is_it)
    };
    // Whoever is no browser may leave it out, and could write what he likes (RFC 6455 10.2).
    if !origins.is_empty() && !headers.get_all(header::ORIGIN).iter().all(is_listed) {
        return Err(No("403 Forbidden", "pages of this origin may not connect"));
    }
    let Some(protocol) = sip(headers) else {
        return Err(No(
            "400 Bad Request",
            "the subprotocol sip is not asked for (Sec-WebSocket-Protocol: sip, RFC 7118 4)",
        ));
    };
    let bad = |_| {
        No(
            "400 Bad Request",
            "this is no handshake of a WebSocket (RFC 6455 4.1)",
        )
    };
    let mut response = create_response(&request).map_err(bad)?;
    response
        .headers_mut()
        .insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    let mut text = Vec::new();
    write_response(&mut text, &response).map_err(bad)?;
    Ok(text)
}

impl From<No> for Opened {
    fn from(No(status, why): No) -> Self {
        let length = why.len().saturating_add(1);
        let text = format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: text/plain\r\n\
             Content-Length: {length}\r\n\r\n{why}\n"
        );
        Self::No(text.into_bytes(), why)
    }
}

/// The subprotocol as it is offered: a browser wants the very word back (4.1).
fn sip(headers: &HeaderMap) -> Option<HeaderValue> {
    let offers = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let mut offered = offers.iter().flat_map(words);
    let word = offered.find(|word| word.eq_ignore_ascii_case(b"sip"))?;
    HeaderValue::from_bytes(word).ok()
}

fn is_given(headers: &HeaderMap, name: header::HeaderName, wanted: &str) -> bool {
    let mut given = headers.get_all(name).iter().flat_map(words);
    given.any(|word| word.eq_ignore_ascii_case(wanted.as_bytes()))
}

fn words(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    let words = value.as_bytes().split(|byte| *byte == b',');
    words.map(<[u8]>::trim_ascii)
}

const END: &[u8] = b"\r\n\r\n";
/// Of a request.
const MOST: usize = 8 * 1024;
/// RFC 9110 15.5.22, RFC 6455 4.4.
const UPGRADE: &str = "426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13";
