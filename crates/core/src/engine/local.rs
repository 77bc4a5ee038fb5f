//! Answers that we make ourselves, as a rule without a transaction: a refusal or a challenge costs a
//! stranger's request no memory here (RFC 3261 8.2.7).

use super::Engine;
use crate::config::Zone;
use crate::event::{Decision, Level};
use crate::flow::{Destination, Flow};
use crate::hex;
use crate::outbox::{Outbox, Transmit};
use crate::routing::listener_of;
use crate::time::{Instant, Now};
use crate::transaction::TransactionId;
use bellhop_wire::{Ends, HeaderId, Host, Message, Method, Rejected, Reply, ViaMark, ViaRef};
use std::hash::{BuildHasher, Hasher};
use std::net::SocketAddr;

/// A request with what the server transport knows of it (RFC 3261 18.2.1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received<'b> {
    pub(crate) message: Message<'b>,
    /// Its topmost Via, if that can be read.
    pub(crate) via: Option<ViaRef<'b>>,
    /// Whom it is from and to; there once the message was found sound.
    pub(crate) ends: Option<&'b Ends<'b>>,
    pub(crate) flow: Flow,
    pub(crate) mark: ViaMark,
    /// Where its responses go.
    pub(crate) reply_to: Destination,
    /// It comes from the outside.
    pub(crate) is_outside: bool,
    /// The upstream it comes from, and whether that is trusted.
    pub(crate) peer: Option<(usize, bool)>,
    /// When it came.
    pub(crate) at: Instant,
    /// It has its proof.
    pub(crate) is_proven: bool,
    /// Its credentials have been used up: its answer is kept, for a copy of it would be challenged
    /// otherwise, and get another answer (17.2).
    pub(crate) is_spent: bool,
    /// Its server transaction, if it had to wait for a policy's answer.
    pub(crate) server: Option<TransactionId>,
}

impl Received<'_> {
    /// Whether it needs no credentials: it came in on the inside, or from a trusted upstream.
    pub(crate) fn is_trusted(&self) -> bool {
        !self.is_outside || self.peer.is_some_and(|(_, is_trusted)| is_trusted)
    }

    /// Its CSeq number; 0 before it was found sound.
    pub(super) fn cseq(&self) -> u32 {
        self.ends.map_or(0, |ends| ends.cseq)
    }

    /// Whether whoever sent it is where it came from: it has its proof, or came over a stream, whose
    /// handshake is one. Over UDP anybody may write another's address.
    pub(super) fn has_proven_source(&self) -> bool {
        self.is_proven || self.flow.transport.is_reliable()
    }
}

impl Engine {
    /// Whether a flow faces the outside.
    fn is_outside(&self, flow: &Flow) -> bool {
        listener_of(&self.config, flow.listener).is_none_or(|l| l.zone == Zone::Outside)
    }

    /// Whether what comes over a flow is a trusted peer's word.
    pub(crate) fn is_trusted_source(&self, flow: &Flow) -> bool {
        let trusted = |(_, is_trusted): (usize, bool)| is_trusted;
        !self.is_outside(flow) || self.names.upstream_at(flow, None).is_some_and(trusted)
    }

    /// What goes on the topmost Via, and where the response goes: back where the request came from
    /// (RFC 3581 4); only on the inside, where a client asks for no `rport`, to its Via's port (18.2.2). A trusted peer
    /// whose connection is gone is called at its Via's port.
    #[inline(always)]
    pub(crate) fn received<'b>(&self, now: Now, message: Message<'b>, flow: Flow) -> Received<'b> {
        let is_outside = self.is_outside(&flow);
        let via = message.top_via().ok();
        let peer = self.names.upstream_at(&flow, via.and_then(|via| via.port));
        let is_trusted = !is_outside || peer.is_some_and(|(_, is_trusted)| is_trusted);
        let mut mark = ViaMark::default();
        let mut remote = flow.remote;
        let mut else_connect = None;
        if let Some(via) = via {
            let wants_port = via.wants_port();
            if wants_port || via.host != Host::Ip(flow.remote.ip()) {
                mark.received = Some(flow.remote.ip());
            }
            let port = via.port.unwrap_or(flow.transport.default_port());
            if wants_port {
                mark.rport = Some(flow.remote.port());
            } else if !flow.transport.is_reliable() && !is_outside {
                remote = SocketAddr::new(flow.remote.ip(), port);
            }
            else_connect = (is_trusted && flow.transport.is_reliable()).then_some(port);
        }
        let reply_to = Destination::Flow {
            flow: Flow { remote, ..flow },
            else_connect,
        };
        Received {
            message,
            via,
            ends: None,
            flow,
            mark,
            reply_to,
            is_outside,
            peer,
            at: now.instant,
            is_proven: is_trusted,
            is_spent: false,
            server: None,
        }
    }

    /// Answers, without a transaction if the answer to a copy of the request would be the same. False if
    /// the answer is withheld, because whoever's address is on the request has not paid for it.
    pub(crate) fn reply(
        &mut self,
        received: &Received<'_>,
        status: u16,
        reason: &str,
        out: &mut Outbox,
        more: impl FnOnce(&mut Self, &mut Reply<'_>),
    ) -> bool {
        let start = out.bytes.len();
        self.write(received, status, reason, out, more);
        self.deliver(received, status, start, out)
    }

    /// Queues the answer that begins at `start`, unless it must be withheld. Whether it was queued.
    pub(super) fn deliver(
        &mut self,
        received: &Received<'_>,
        status: u16,
        start: usize,
        out: &mut Outbox,
    ) -> bool {
        let is_paid = self.is_paid(received, out.bytes.len().saturating_sub(start));
        if is_paid {
            let is_kept = (received.is_spent || received.server.is_some())
                && self.keep(received, status, start, out);
            if !is_kept {
                self.send_back(received, start, out);
            }
        } else {
            out.bytes.truncate(start);
            let why = "answer withheld: too large for an unproven request over UDP";
            out.drop(received.message, received.flow, status, why);
        }
        is_paid
    }

    /// Writes an answer at the end of the outbox's bytes.
    pub(super) fn write(
        &mut self,
        received: &Received<'_>,
        status: u16,
        reason: &str,
        out: &mut Outbox,
        more: impl FnOnce(&mut Self, &mut Reply<'_>),
    ) {
        let tag = self.stateless_tag(received);
        let (message, mark) = (received.message, received.mark);
        let mut reply = Reply::new(&mut out.bytes, message, mark, status, reason, &tag);
        more(self, &mut reply);
        reply.end();
    }

    /// Queues the answer that begins at `start`.
    pub(super) fn send_back(&self, received: &Received<'_>, start: usize, out: &mut Outbox) {
        out.transmits.push(Transmit {
            to: received.reply_to,
            bytes: start..out.bytes.len(),
            token: None,
        });
    }

    /// Queues the answer that begins at `start` in a transaction that gives it to copies too. False if
    /// there is none to be had.
    fn keep(
        &mut self,
        received: &Received<'_>,
        status: u16,
        start: usize,
        out: &mut Outbox,
    ) -> bool {
        let at = received.at;
        let Some(server) = self.transaction_of(received) else {
            return false;
        };
        let answer = out.bytes.split_off(start);
        self.table.respond(at, server, status, &answer, out);
        true
    }

    /// The server transaction of a request, made if it has none. `None`: there is none to be had.
    pub(super) fn transaction_of(&mut self, received: &Received<'_>) -> Option<TransactionId> {
        received.server.or_else(|| {
            let (message, to) = (received.message, received.reply_to);
            self.table
                .create_server(received.at, message, &received.via?, to, None)
        })
    }

    /// Refuses a request and tells the log why. An ACK is never answered (17).
    pub(crate) fn refuse(
        &mut self,
        received: &Received<'_>,
        status: u16,
        reason: &str,
        out: &mut Outbox,
    ) {
        self.refuse_with(received, status, reason, out, |_, _| {});
    }

    /// As [`Engine::refuse`] with more header lines.
    pub(crate) fn refuse_with(
        &mut self,
        received: &Received<'_>,
        status: u16,
        reason: &str,
        out: &mut Outbox,
        more: impl FnOnce(&mut Self, &mut Reply<'_>),
    ) {
        let (message, flow) = (received.message, received.flow);
        if message.method() == Some(Method::Ack) {
            out.drop(message, flow, 0, "an ACK that leads nowhere");
            return;
        }
        if !self.reply(received, status, reason, out, more) {
            return;
        }
        out.tell(message, flow, Level::Info, status, || {
            Decision::Refused(reason.to_owned())
        });
    }

    /// Refuses the options in a Require or Proxy-Require that are not among the known ones, all of them
    /// named (8.2.2.3, 16.3 step 5).
    pub(crate) fn refuse_extensions(
        &mut self,
        received: &Received<'_>,
        header: HeaderId,
        known: &[&str],
        out: &mut Outbox,
    ) {
        let message = received.message;
        self.refuse_with(received, 420, "Bad Extension", out, |_, reply| {
            for option in unknown(message, header, known) {
                reply.header("Unsupported", option);
            }
        });
    }

    /// Answers a message that could not be read whole, if enough of it could (16.3 step 1).
    pub(super) fn rejected(
        &mut self,
        now: Now,
        flow: &Flow,
        rejected: &Rejected<'_>,
        out: &mut Outbox,
    ) {
        let Some(message) = rejected.partial else {
            out.count_drop("unreadable");
            return;
        };
        let is_answerable = message.method().is_some_and(|m| m != Method::Ack)
            && message.first(HeaderId::Via).is_some()
            && message.first(HeaderId::From).is_some()
            && message.first(HeaderId::To).is_some()
            && message.first(HeaderId::CSeq).is_some()
            && !message.call_id().is_empty();
        if is_answerable {
            let received = self.received(now, message, *flow);
            self.refuse(
                &received,
                rejected.error.status(),
                &rejected.error.to_string(),
                out,
            );
        } else {
            out.drop(message, *flow, 0, "unreadable");
        }
    }

    /// OPTIONS for us (RFC 3261 11.2).
    pub(super) fn options(&mut self, received: &Received<'_>, out: &mut Outbox) {
        if unknown(received.message, HeaderId::Require, EXTENSIONS)
            .next()
            .is_some()
        {
            return self.refuse_extensions(received, HeaderId::Require, EXTENSIONS, out);
        }
        self.reply(received, 200, "OK", out, |_, reply| {
            reply
                .header("Allow", b"INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, SUBSCRIBE, NOTIFY, PUBLISH, MESSAGE, REFER, INFO, UPDATE, PRACK")
                .header("Accept", b"*/*")
                .header("Supported", b"path, outbound");
        });
        out.tell(received.message, received.flow, Level::Debug, 200, || {
            Decision::Answered("OPTIONS to this server")
        });
    }

    /// The same request gets the same tag again, and so does its ACK, without anything being remembered
    /// (8.2.7). What has no branch is an RFC 2543 client's and told by its From tag.
    pub(super) fn stateless_tag(&self, received: &Received<'_>) -> [u8; 16] {
        let request = received.message;
        let branch = received.via.and_then(|via| via.branch());
        let own = branch.or_else(|| request.from_tag());
        // The hash of two texts is told apart from that of one by their lengths.
        let mut hasher = self.key.build_hasher();
        hasher.write(request.call_id());
        hasher.write(own.unwrap_or_default());
        hex::of_u64(hasher.finish())
    }
}

/// The option tags in a Require or Proxy-Require that are not among the known ones.
pub(crate) fn unknown<'m>(
    request: Message<'m>,
    header: HeaderId,
    known: &[&str],
) -> impl Iterator<Item = &'m [u8]> {
    let is_known = |tag: &[u8]| {
        known
            .iter()
            .any(|known| tag.eq_ignore_ascii_case(known.as_bytes()))
    };
    request
        .values(header)
        .map(|value| value.raw)
        .filter(move |tag| !is_known(tag))
}

/// The options that we know where a request ends here (RFC 3327, RFC 5626).
pub(super) const EXTENSIONS: &[&str] = &["path", "outbound"];
