//! Responses made from a request's own lines (RFC 3261 8.2.6).

use crate::{
    Field, HeaderId, Message,
    index::Line,
    mark, seek,
    text::{self, Sink},
    view::list,
};
use std::net::IpAddr;

/// What the server transport writes into the topmost Via (RFC 3261 18.2.1, RFC 3581 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ViaMark {
    /// `received`: the source address.
    pub received: Option<IpAddr>,
    /// `rport`: the source port, if the client asked for it.
    pub rport: Option<u16>,
}

/// A response under construction: Vias (the first marked), From, To with a tag, Call-ID, CSeq
/// copied from the request, into a 100 its Timestamp too; then what the caller adds; then
/// Content-Length and the body. It is not whole before [`Reply::end`] or [`Reply::body`].
#[derive(Debug)]
#[must_use = "a reply is whole only after `end` or `body`"]
pub struct Reply<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> Reply<'o> {
    /// Starts a response at the end of `out`. `to_tag` is put on To if the request's has none and the
    /// status is not 100 (RFC 3261 8.2.6.2). For a dialog-forming 1xx/2xx of ours add
    /// [`Reply::record_routes`]. `reason` is cleaned of control octets.
    pub fn new(
        out: &'o mut Vec<u8>,
        request: Message<'_>,
        mark: ViaMark,
        status: u16,
        reason: &str,
        to_tag: &[u8],
    ) -> Self {
        out.reserve(512);
        put_status_line(out, status, reason);
        let mut reply = Self { out };
        let mut vias = request.fields(HeaderId::Via);
        if let Some(first) = vias.next() {
            reply.marked_via(request, first, mark);
        }
        for field in vias {
            reply.line(request, field);
        }
        let tag = match status {
            100 => b"",
            _ if to_tag.is_empty() || request.to_tag().is_some() => b"",
            _ => to_tag,
        };
        reply.ends(request, tag);
        if status == 100 {
            for field in request.named("Timestamp") {
                reply.line(request, field);
            }
        }
        reply
    }

    /// Copies the request's Record-Routes, as a response that makes a dialog must (RFC 3261 12.1.1).
    pub fn record_routes(&mut self, request: Message<'_>) -> &mut Self {
        self.copy(request, HeaderId::RecordRoute)
    }

    /// Adds a header line. A value with CR, LF or NUL is left out (it can only come from a defect of ours).
    pub fn header(&mut self, name: &str, value: &[u8]) -> &mut Self {
        self.header_with(name, |out| out.extend_from_slice(value))
    }

    /// Adds a header line whose value is written by `write` into the output buffer directly. Left out
    /// like [`Reply::header`].
    pub fn header_with(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        if text::is_token(name.as_bytes()) {
            self.line_with(|out| {
                out.put(name.as_bytes());
                out.put(b": ");
                write(out);
            });
        }
        self
    }

    /// Adds a header line that `write` appends without its line end, its name one of ours. Left out like
    /// [`Reply::header`].
    pub fn line_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        let before = self.out.len();
        write(self.out);
        if self.out.get(before..).is_some_and(text::is_clean) {
            self.out.put(CRLF);
        } else {
            self.out.truncate(before);
        }
        self
    }

    /// Adds header lines that `write` appends, each with its line end. For lines that were prepared:
    /// they are taken as they are.
    pub fn lines_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        write(self.out);
        self
    }

    /// Copies all lines of a header of the request.
    pub fn copy(&mut self, request: Message<'_>, id: HeaderId) -> &mut Self {
        for field in request.fields(id) {
            self.line(request, field);
        }
        self
    }

    /// Ends the response without a body.
    pub fn end(self) {
        self.out.put(b"Content-Length: 0\r\n\r\n");
    }

    /// Ends the response with a body.
    pub fn body(mut self, content_type: &str, body: &[u8]) {
        self.header("Content-Type", content_type.as_bytes());
        self.out.put(b"Content-Length: ");
        text::put_decimal(self.out, u64::try_from(body.len()).unwrap_or(u64::MAX));
        self.out.put(b"\r\n\r\n");
        self.out.put(body);
    }

    /// Copies the first From, To, Call-ID and CSeq: where a request refused for having one twice says it
    /// twice, the answer says it once and can be read.
    fn ends(&mut self, request: Message<'_>, to_tag: &[u8]) {
        if let Some([from, to, call_id, cseq]) = usual_ends(request) {
            // What stands together in the request is copied in one run, and most of it does.
            let mut run = Run::of(request.bytes, from.start, from.end);
            run.go_on(self.out, to.start, to.value_end);
            if !to_tag.is_empty() {
                run.end(self.out);
                self.tag(to_tag);
                run = Run::of(request.bytes, to.value_end, to.value_end);
            }
            run.go_on(self.out, to.value_end, to.end);
            run.go_on(self.out, call_id.start, call_id.end);
            run.go_on(self.out, cseq.start, cseq.end);
            return run.end(self.out);
        }
        for id in ENDS {
            let Some(field) = request.first(id) else {
                continue;
            };
            if id == HeaderId::To && !to_tag.is_empty() {
                match up_to_value_end(request, field) {
                    Some(line) => self.out.put(line),
                    None => self.part(field),
                }
                self.tag(to_tag);
                self.out.put(CRLF);
            } else {
                self.line(request, field);
            }
        }
    }

    fn tag(&mut self, tag: &[u8]) {
        self.out.put(b";tag=");
        self.out.put(tag);
    }

    /// Name and value of a request's line, without the line end.
    fn part(&mut self, field: Field<'_>) {
        self.out.put(field.name);
        self.out.put(b": ");
        self.out.put(field.value);
    }

    fn line(&mut self, request: Message<'_>, field: Field<'_>) {
        match request.index.lines.get(field.line) {
            Some(line) if line.usual => {
                let place = line.start as usize..line.end as usize;
                self.out.put(request.bytes.get(place).unwrap_or_default());
            }
            _ => {
                self.part(field);
                self.out.put(CRLF);
            }
        }
    }

    /// A Via line with the mark on its first element.
    fn marked_via(&mut self, request: Message<'_>, field: Field<'_>, mark: ViaMark) {
        let line = up_to_value_end(request, field);
        if !line.is_some_and(|line| mark::put_plain(self.out, line, field.value, mark)) {
            self.marked_element(field, mark);
        }
        self.out.put(CRLF);
    }

    #[cold]
    fn marked_element(&mut self, field: Field<'_>, mark: ViaMark) {
        let Some((at, first)) = list::split(field.value).next() else {
            return self.part(field);
        };
        self.out.put(field.name);
        self.out.put(b": ");
        self.out.put(mark::before_params(first));
        mark::put_params(self.out, first, mark);
        let behind = at.saturating_add(first.len());
        self.out.put(field.value.get(behind..).unwrap_or_default());
    }
}

/// A usual line without its line end.
fn up_to_value_end<'b>(request: Message<'b>, field: Field<'_>) -> Option<&'b [u8]> {
    let line = request
        .index
        .lines
        .get(field.line)
        .filter(|line| line.usual)?;
    request
        .bytes
        .get(line.start as usize..line.value_end as usize)
}

/// The lines of From, To, Call-ID and CSeq, if all are usual ones.
#[inline(always)]
fn usual_ends<'b>(request: Message<'b>) -> Option<[&'b Line; 4]> {
    let usual = |id| {
        let at = request.index.first(id)?;
        request.index.lines.get(at).filter(|line| line.usual)
    };
    let [from, to, call_id, cseq] = ENDS.map(usual);
    Some([from?, to?, call_id?, cseq?])
}

/// Octets of a message that are to be copied.
struct Run<'b> {
    bytes: &'b [u8],
    start: u32,
    end: u32,
}

impl<'b> Run<'b> {
    fn of(bytes: &'b [u8], start: u32, end: u32) -> Self {
        Self { bytes, start, end }
    }

    /// Takes in what comes next, if that is not where this ends by itself.
    #[inline(always)]
    fn go_on(&mut self, out: &mut Vec<u8>, start: u32, end: u32) {
        if start != self.end {
            self.end(out);
            self.start = start;
        }
        self.end = end;
    }

    fn end(&self, out: &mut Vec<u8>) {
        let place = self.start as usize..self.end as usize;
        out.put(self.bytes.get(place).unwrap_or_default());
    }
}

fn put_status_line(out: &mut Vec<u8>, status: u16, reason: &str) {
    // What nearly every phone hears that has registered.
    if status == 200 && reason == "OK" {
        return out.put(b"SIP/2.0 200 OK\r\n");
    }
    let digit = |number: u16| b'0'.wrapping_add((number % 10) as u8);
    if (100..1000).contains(&status) {
        let mut line = *b"SIP/2.0 000 ";
        let [.., hundreds, tens, ones, _] = &mut line;
        (*hundreds, *tens, *ones) = (digit(status / 100), digit(status / 10), digit(status));
        out.put(&line);
    } else {
        out.put(b"SIP/2.0 ");
        text::put_decimal(out, u64::from(status));
        out.put(b" ");
    }
    let reason = reason.as_bytes();
    if seek::any_by(reason, |lanes| lanes.at_most(0x1f) | lanes.is(0x7f)) {
        let clean = |b: &u8| if b.is_ascii_control() { b' ' } else { *b };
        out.extend(reason.iter().map(clean));
    } else {
        out.put(reason);
    }
    out.put(CRLF);
}

/// The usual reason phrase of a status code (RFC 3261 21 and the IANA registry). A code that is not
/// registered has the phrase of the code it is treated as, 183 or the x00 of its class (RFC 3261
/// 8.1.3.2); one outside 100..=699 has none.
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        199 => "Early Dialog Terminated",
        101..=199 => "Session Progress",
        202 => "Accepted",
        204 => "No Notification",
        200..=299 => "OK",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        305 => "Use Proxy",
        380 => "Alternative Service",
        300..=399 => "Multiple Choices",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        412 => "Conditional Request Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        417 => "Unknown Resource-Priority",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        424 => "Bad Location Information",
        425 => "Bad Alert Message",
        428 => "Use Identity Header",
        429 => "Provide Referrer Identity",
        430 => "Flow Failed",
        433 => "Anonymity Disallowed",
        436 => "Bad Identity-Info",
        437 => "Unsupported Certificate",
        438 => "Invalid Identity Header",
        439 => "First Hop Lacks Outbound Support",
        440 => "Max-Breadth Exceeded",
        469 => "Bad Info Package",
        470 => "Consent Needed",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        485 => "Ambiguous",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        493 => "Undecipherable",
        494 => "Security Agreement Required",
        400..=499 => "Bad Request",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        555 => "Push Notification Service Not Supported",
        580 => "Precondition Failure",
        500..=599 => "Server Internal Error",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        607 => "Unwanted",
        608 => "Rejected",
        600..=699 => "Busy Everywhere",
        _ => "",
    }
}

const CRLF: &[u8] = b"\r\n";
const ENDS: [HeaderId; 4] = [
    HeaderId::From,
    HeaderId::To,
    HeaderId::CallId,
    HeaderId::CSeq,
];

#[cfg(test)]
mod tests;
