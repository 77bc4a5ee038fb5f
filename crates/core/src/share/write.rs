//! Our NOTIFYs to watchers and SUBSCRIBEs to the PBX, as they go out (RFC 6665 4.1.2, 4.2.2).

use super::Dialog;
use crate::digits::decimal;
use crate::flow::Transport;

/// What a request of ours is sent by.
#[derive(Clone, Copy)]
pub(crate) struct Way<'a> {
    /// Of our Via: transport, sent-by, branch.
    pub(crate) via: (Transport, &'a [u8], &'a [u8]),
    /// Where the other side finds us: transport and `host:port`.
    pub(crate) at: (Transport, &'a [u8]),
}

/// All that a NOTIFY of ours says.
pub(crate) struct Notify<'a> {
    pub(crate) way: Way<'a>,
    pub(crate) dialog: &'a Dialog,
    /// The Record-Route entry that proves the watcher's requests; empty where there is no dialog.
    pub(crate) record: &'a [u8],
    pub(crate) event: &'a [u8],
    pub(crate) state: &'a [u8],
    /// Further header lines, each with its line end.
    pub(crate) more: &'a [u8],
    /// Content-Type and body.
    pub(crate) body: Option<(&'a [u8], &'a [u8])>,
}

/// All that a SUBSCRIBE of ours says.
pub(crate) struct Subscribe<'a> {
    pub(crate) way: Way<'a>,
    pub(crate) dialog: &'a Dialog,
    pub(crate) package: &'a str,
    pub(crate) accept: &'a str,
    pub(crate) expires: u32,
    /// Further header lines, each with its line end.
    pub(crate) more: &'a [u8],
}

/// A question whether the other side knows a dialog.
pub(crate) struct Check<'a> {
    pub(crate) way: Way<'a>,
    pub(crate) dialog: &'a Dialog,
}

impl Check<'_> {
    /// Appends it.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        head(out, "OPTIONS", self.way, self.dialog, SOURCE);
        line(out, &[b"Content-Length: 0\r\n"]);
    }
}

impl Notify<'_> {
    /// Appends it.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        head(out, "NOTIFY", self.way, self.dialog, WATCHED);
        if !self.record.is_empty() {
            line(out, &[b"Record-Route: ", self.record]);
        }
        line(out, &[b"Event: ", self.event]);
        line(out, &[b"Subscription-State: ", self.state]);
        out.extend_from_slice(self.more);
        match self.body {
            Some((kind, body)) => {
                line(out, &[b"Content-Type: ", kind]);
                let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
                line(out, &[b"Content-Length: ", &decimal(length), b"\r\n"]);
                out.extend_from_slice(body);
            }
            None => line(out, &[b"Content-Length: 0\r\n"]),
        }
    }
}

impl Subscribe<'_> {
    /// Appends it.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        head(out, "SUBSCRIBE", self.way, self.dialog, SOURCE);
        line(out, &[b"Event: ", self.package.as_bytes()]);
        if !self.accept.is_empty() {
            line(out, &[b"Accept: ", self.accept.as_bytes()]);
        }
        line(out, &[b"Expires: ", &decimal(self.expires.into())]);
        out.extend_from_slice(self.more);
        line(out, &[b"Content-Length: 0\r\n"]);
    }
}

/// Our Contact, of one who is watched or of one who watches.
pub(crate) fn contact(out: &mut Vec<u8>, user: &[u8], (transport, host): (Transport, &[u8])) {
    for part in [b"<sip:", user, b"@", host] {
        out.extend_from_slice(part);
    }
    if transport.is_reliable() {
        out.extend_from_slice(b";transport=");
        out.extend_from_slice(transport.uri_token().as_bytes());
    }
    out.extend_from_slice(b">");
}

fn head(out: &mut Vec<u8>, method: &str, way: Way<'_>, dialog: &Dialog, user: &[u8]) {
    let (transport, sent_by, branch) = way.via;
    let method = method.as_bytes();
    let rport: &[u8] = if transport.is_reliable() {
        b""
    } else {
        b";rport"
    };
    line(out, &[method, b" ", &dialog.target, b" SIP/2.0"]);
    let token = transport.via_token().as_bytes();
    line(
        out,
        &[
            b"Via: SIP/2.0/",
            token,
            b" ",
            sent_by,
            b";branch=",
            branch,
            rport,
        ],
    );
    line(out, &[b"Max-Forwards: 70"]);
    for route in &dialog.routes {
        line(out, &[b"Route: ", route]);
    }
    line(
        out,
        &[b"From: ", &dialog.local, b";tag=", &dialog.local_tag],
    );
    line(out, &[b"To: ", &dialog.remote]);
    line(out, &[b"Call-ID: ", &dialog.call_id]);
    line(
        out,
        &[b"CSeq: ", &decimal(dialog.cseq.into()), b" ", method],
    );
    out.extend_from_slice(b"Contact: ");
    contact(out, user, way.at);
    line(out, &[b"\r\nUser-Agent: bellhop"]);
}

fn line(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(b"\r\n");
}

/// The user part of our Contact towards watchers.
pub(crate) const WATCHED: &[u8] = b"bhw";
/// The user part of our Contact towards the PBX.
pub(crate) const SOURCE: &[u8] = b"bhs";
