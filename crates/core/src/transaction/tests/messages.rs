//! Messages, addresses and a table to feed them to.

use crate::{
    flow::{ConnectionId, Destination, Flow, ListenerId, Transport},
    outbox::{Outbox, Token},
    time::Instant,
    transaction::{Event, Owner, Request, Response, Table, TimerConfig, TransactionId},
};
use bellhop_wire::{Limits, Message, Method, ViaRef, message::Owned};

/// A table, the outbox it writes to and the time.
pub(super) struct Rig {
    pub(super) table: Table,
    pub(super) now: Instant,
    out: Outbox,
}

/// A message that the table sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) text: String,
    pub(super) to: Destination,
    pub(super) token: Option<Token>,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::with_capacity(1000)
    }

    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            table: Table::new(TimerConfig::default(), capacity, usize::MAX, [5, 6, 7, 8]),
            now: Instant::default(),
            out: Outbox::default(),
        }
    }

    /// Feeds a request.
    pub(super) fn request(&mut self, text: &str) -> Request {
        let request = parse(text);
        self.table.receive_request(
            self.now,
            request.message(),
            &via(request.message()),
            &mut self.out,
        )
    }

    /// Feeds a new request and makes its server transaction.
    pub(super) fn serve(&mut self, text: &str, reply_to: Destination) -> TransactionId {
        let request = parse(text);
        let request = request.message();
        let known = self
            .table
            .receive_request(self.now, request, &via(request), &mut self.out);
        assert_eq!(known, Request::New);
        self.table
            .create_server(self.now, request, &via(request), reply_to, Some(Owner(1)))
            .unwrap()
    }

    /// The transaction user sends a response.
    pub(super) fn respond(&mut self, id: TransactionId, status: u16) -> bool {
        let response = format!("SIP/2.0 {status} X\r\nTo: <sip:b@x>;tag=ours\r\n\r\n");
        let response = response.as_bytes();
        self.table
            .respond(self.now, id, status, response, &mut self.out)
    }

    /// The transaction user sends a request.
    pub(super) fn call(
        &mut self,
        method: Method<'_>,
        branch: &str,
        text: &str,
        to: Destination,
    ) -> TransactionId {
        let request = crlf(text);
        self.table
            .create_client(
                self.now,
                method,
                branch.as_bytes(),
                request.as_bytes(),
                to,
                Owner(2),
                &mut self.out,
            )
            .unwrap()
    }

    /// Feeds a response.
    pub(super) fn response(&mut self, text: &str) -> Response {
        let response = parse(text);
        let (_, method) = response.message().cseq().unwrap();
        self.table.receive_response(
            self.now,
            response.message(),
            (&via(response.message()), method),
            &mut self.out,
        )
    }

    /// Lets time pass until `millis`, firing timers when they are due.
    pub(super) fn run_to(&mut self, millis: u64) {
        let end = Instant::from_micros(millis * 1000);
        while let Some(due) = self.table.next_timeout().filter(|due| *due <= end) {
            self.now = due;
            self.table.handle_timeout(due, &mut self.out);
        }
        self.now = end;
    }

    /// What was sent since the last look.
    pub(super) fn sent(&mut self) -> Vec<Sent> {
        let transmits = self.out.transmits.iter();
        let sent = transmits.map(|transmit| Sent {
            text: String::from_utf8(self.out.message(transmit).to_vec()).unwrap(),
            to: transmit.to,
            token: transmit.token,
        });
        let sent = sent.collect();
        self.out.clear();
        sent
    }

    /// Forgets what was sent.
    pub(super) fn forget_sent(&mut self) {
        self.out.clear();
    }

    /// The start lines of what was sent since the last look.
    pub(super) fn sent_lines(&mut self) -> Vec<String> {
        let sent = self.sent().into_iter();
        sent.map(|sent| sent.text.lines().next().unwrap().to_owned())
            .collect()
    }

    /// What the table told since the last look.
    pub(super) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.table.poll_event()).collect()
    }

    /// Whether nothing is live and no timer runs.
    pub(super) fn is_empty(&self) -> bool {
        self.table.live() == (0, 0)
            && self.table.running_timers() == 0
            && self.table.next_timeout().is_none()
    }
}

/// A UDP next hop.
pub(super) fn udp() -> Destination {
    Destination::Address {
        listener: ListenerId(0),
        transport: Transport::Udp,
        remote: "192.0.2.7:5070".parse().unwrap(),
    }
}

/// A TCP connection.
pub(super) fn tcp() -> Destination {
    Destination::Flow {
        flow: Flow {
            listener: ListenerId(1),
            transport: Transport::Tcp,
            remote: "192.0.2.8:40000".parse().unwrap(),
            connection: Some(ConnectionId(3)),
        },
        else_connect: Some(5060),
    }
}

/// A received request with this top Via value; From tag `f`.
pub(super) fn request(method: &str, via: &str) -> String {
    format!(
        "{method} sip:b@example.com SIP/2.0\n\
         Via: {via}\n\
         Max-Forwards: 70\n\
         From: <sip:a@example.com>;tag=f\n\
         To: <sip:b@example.com>\n\
         Call-ID: c1\n\
         CSeq: 7 {method}\n\
         Content-Length: 0\n\n"
    )
}

/// A response to one of our requests.
pub(super) fn response(status: u16, method: &str, branch: &str) -> String {
    format!(
        "SIP/2.0 {status} X\n\
         Via: SIP/2.0/UDP edge.example.com;branch={branch}\n\
         From: <sip:a@example.com>;tag=f\n\
         To: <sip:b@example.com>;tag=theirs\n\
         Call-ID: c1\n\
         CSeq: 7 {method}\n\
         Content-Length: 0\n\n"
    )
}

/// Lines as they stand on the wire.
pub(super) fn crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}

/// A message that owns its bytes.
pub(super) fn parse(text: &str) -> Owned {
    Owned::parse(crlf(text).as_bytes(), &Limits::default()).unwrap()
}

/// A message's topmost Via.
pub(super) fn via(message: Message<'_>) -> ViaRef<'_> {
    message.top_via().unwrap()
}
