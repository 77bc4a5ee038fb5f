//! A simulated phone or PBX: a user agent at a UDP socket of its own. It does what the script says, and
//! by itself only what every SIP element does: answer a repeated request again, drop a repeated answer.

#[cfg(test)]
mod tests;

use super::{
    trace::{Party, Trace},
    ua::{Ask, Dialog, Fault, Ua},
};
use bellhop_wire::{Limits, Message, Method, Owned, typed::rsip};
use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::UdpSocket, time::timeout};

/// Someone who talks with Bellhop.
#[derive(Debug)]
pub(super) struct Peer {
    party: Party,
    ua: Ua,
    socket: UdpSocket,
    server: SocketAddr,
    trace: Arc<Trace>,
    heard: Vec<Heard>,
}

/// What is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Want {
    /// A request.
    Request(rsip::Method),
    /// An answer of this status to this method.
    Answer(u16, rsip::Method),
}

#[derive(Debug)]
struct Heard {
    message: Owned,
    /// The last answer to it.
    answer: Option<Owned>,
}

impl Peer {
    /// Seats an agent at its socket.
    pub(super) const fn new(
        party: Party,
        ua: Ua,
        socket: UdpSocket,
        server: SocketAddr,
        trace: Arc<Trace>,
    ) -> Self {
        Self {
            party,
            ua,
            socket,
            server,
            trace,
            heard: Vec::new(),
        }
    }

    /// Its agent, to begin dialogs.
    pub(super) const fn ua(&mut self) -> &mut Ua {
        &mut self.ua
    }

    /// Sends a request of a dialog.
    ///
    /// # Errors
    /// It cannot be made or sent; for the user, as all errors here.
    pub(super) async fn ask(&mut self, dialog: &mut Dialog, ask: &Ask) -> Result<Owned, String> {
        let bytes = self.ua.request(dialog, ask);
        self.send(bytes).await
    }

    /// Sends a request, waits for the challenge and sends it again with credentials. An INVITE's
    /// challenge is acknowledged first.
    ///
    /// # Errors
    /// As [`Peer::ask`] and [`Peer::expect`].
    pub(super) async fn ask_and_prove(
        &mut self,
        dialog: &mut Dialog,
        ask: &Ask,
        challenge: u16,
    ) -> Result<(), String> {
        let first = self.ask(dialog, ask).await?;
        let refused = self.expect(Want::Answer(challenge, ask.method)).await?;
        if ask.method == rsip::Method::Invite {
            let ack = self.ua.ack_refusal(first.message(), refused.message());
            self.send(ack).await?;
        }
        let second = self.ua.authorized(dialog, ask, refused.message());
        self.send(second).await?;
        Ok(())
    }

    /// Acknowledges the 2xx that confirmed a dialog.
    ///
    /// # Errors
    /// As [`Peer::ask`].
    pub(super) async fn ack(&mut self, dialog: &Dialog) -> Result<(), String> {
        let ack = self.ua.ack(dialog);
        self.send(ack).await.map(drop)
    }

    /// Answers a request; `dialog` if the answer makes or is of one that it accepted. `more` gives
    /// further lines and a body.
    ///
    /// # Errors
    /// As [`Peer::ask`].
    pub(super) async fn answer(
        &mut self,
        request: &Owned,
        status: u16,
        dialog: Option<&Dialog>,
        more: &Ask,
    ) -> Result<(), String> {
        let request = request.message();
        let bytes = self.ua.answer(request, status, dialog, more);
        let answer = self.send(bytes).await?;
        let mut heard = self.heard.iter_mut();
        if let Some(heard) = heard.find(|h| h.message.message().bytes() == request.bytes()) {
            heard.answer = Some(answer);
        }
        Ok(())
    }

    /// Waits for a message.
    ///
    /// # Errors
    /// Another one came, or none.
    pub(super) async fn expect(&mut self, want: Want) -> Result<Owned, String> {
        let name = self.party.name();
        let Ok(next) = timeout(PATIENCE, self.next()).await else {
            let seconds = PATIENCE.as_secs();
            return Err(format!(
                "{name} waited {seconds} s for {want}, and nothing came"
            ));
        };
        let message = next?;
        if want.is_met_by(message.message()) {
            return Ok(message);
        }
        let line = first_line(message.message());
        Err(format!("{name} waited for {want}, and got: {line}"))
    }

    /// Reads what is still in the socket when the script and Bellhop have ended.
    pub(super) async fn drain(&self) {
        let mut buffer = vec![0; LARGEST];
        // A moment, for the runtime to look at the socket; no more can come.
        while let Ok(Ok((length, from))) = timeout(MOMENT, self.socket.recv_from(&mut buffer)).await
        {
            let _ = self.take(buffer.get(..length).unwrap_or_default(), from);
        }
    }

    async fn send(&self, bytes: Result<Vec<u8>, Fault>) -> Result<Owned, String> {
        let name = self.party.name();
        let bytes = bytes.map_err(|fault| format!("{name} has nothing to send: {fault}"))?;
        let message = Owned::parse(&bytes, &Limits::default())
            .map_err(|error| format!("{name} would send what is no SIP message: {error}"))?;
        self.write(&message).await?;
        Ok(message)
    }

    async fn write(&self, message: &Owned) -> Result<(), String> {
        self.trace.written(self.party, message);
        let bytes = message.message().bytes();
        let sent = self.socket.send_to(bytes, self.server).await;
        let name = self.party.name();
        sent.map(drop)
            .map_err(|error| format!("{name} cannot send: {error}"))
    }

    /// The next message that was not there before.
    async fn next(&mut self) -> Result<Owned, String> {
        let mut buffer = vec![0; LARGEST];
        loop {
            let name = self.party.name();
            let (length, from) = (self.socket.recv_from(&mut buffer).await)
                .map_err(|error| format!("{name} cannot receive: {error}"))?;
            let bytes = buffer.get(..length).unwrap_or_default();
            let Some(message) = self.take(bytes, from)? else {
                continue;
            };
            let bytes = message.message().bytes();
            let mut heard = self.heard.iter();
            match heard.find(|h| h.message.message().bytes() == bytes) {
                None => {
                    self.heard.push(Heard {
                        message: message.clone(),
                        answer: None,
                    });
                    return Ok(message);
                }
                Some(Heard {
                    answer: Some(answer),
                    ..
                }) => self.write(answer).await?,
                Some(_) => {}
            }
        }
    }

    /// What was read, if it is Bellhop's.
    fn take(&self, bytes: &[u8], from: SocketAddr) -> Result<Option<Owned>, String> {
        if from != self.server {
            return Ok(None);
        }
        let name = self.party.name();
        let message = Owned::parse(bytes, &Limits::default())
            .map_err(|error| format!("{name} got what is no SIP message: {error}"))?;
        self.trace.read(self.party, &message);
        Ok(Some(message))
    }
}

impl Want {
    fn is_met_by(self, message: Message<'_>) -> bool {
        let is = |wanted: rsip::Method, method: Method<'_>| Method::from(wanted) == method;
        match self {
            Self::Request(wanted) => message.method().is_some_and(|method| is(wanted, method)),
            Self::Answer(status, wanted) => {
                message.status() == Some(status)
                    && message.cseq().is_ok_and(|(_, method)| is(wanted, method))
            }
        }
    }
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(method) => f.write_str(Method::from(*method).as_str()),
            Self::Answer(status, method) => {
                write!(f, "{status} to {}", Method::from(*method).as_str())
            }
        }
    }
}

fn first_line(message: Message<'_>) -> String {
    let line = message.bytes().split(|b| matches!(b, b'\r' | b'\n')).next();
    line.unwrap_or_default().escape_ascii().to_string()
}

/// How long a message may take.
const PATIENCE: Duration = Duration::from_secs(2);
const MOMENT: Duration = Duration::from_millis(1);
/// A UDP datagram cannot be larger.
const LARGEST: usize = 65_535;
