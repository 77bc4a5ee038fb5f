//! A scripted UA: it makes requests, answers requests and challenges, and nothing by itself.

use crate::message::{all, header_of, status_of};
use bellhop_core::auth::client::{Answer, Qop};
use bellhop_core::auth::{Algorithm, Ha1};
use bellhop_core::flow::Transport;
use bellhop_wire::view::auth::Challenge;
use std::net::SocketAddr;

/// A phone or PBX at one address.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its user name, and digest user name.
    pub user: String,
    /// Its password.
    pub password: String,
    /// Its address.
    pub address: SocketAddr,
    /// Bellhop's address.
    pub server: SocketAddr,
    /// How it talks.
    pub transport: Transport,
    /// The host part of its Contact and Via; its address unless it sits behind a NAT.
    pub contact: String,
    /// Its User-Agent; empty: it has none.
    pub product: String,
    branches: u32,
    cseq: u32,
    nonce_count: u32,
}

impl Peer {
    /// A phone that is where it says it is.
    pub fn new(
        user: &str,
        password: &str,
        address: SocketAddr,
        server: SocketAddr,
        transport: Transport,
    ) -> Self {
        Self {
            user: user.to_owned(),
            password: password.to_owned(),
            address,
            server,
            transport,
            contact: address.to_string(),
            product: PRODUCT.to_owned(),
            branches: 0,
            cseq: 0,
            nonce_count: 0,
        }
    }

    /// A request with a new branch and CSeq. `to` is the Request-URI and To; `more` are further
    /// header lines, each ended by CRLF; a body may follow an empty line, else one is added.
    pub fn request(&mut self, method: &str, to: &str, call_id: &str, more: &str) -> String {
        self.cseq = self.cseq.saturating_add(1);
        let cseq = self.cseq;
        self.in_dialog(method, to, &format!("<{to}>"), call_id, cseq, more)
    }

    /// A request with everything given.
    pub fn in_dialog(
        &mut self,
        method: &str,
        uri: &str,
        to: &str,
        call_id: &str,
        cseq: u32,
        more: &str,
    ) -> String {
        self.branches = self.branches.saturating_add(1);
        let (user, contact, server) = (&self.user, &self.contact, self.server);
        let via = self.transport.via_token();
        let param = self.transport_param();
        let product = match self.product.as_str() {
            "" => String::new(),
            product => format!("User-Agent: {product}\r\n"),
        };
        let body = if more.contains("\r\n\r\n") {
            ""
        } else {
            "Content-Length: 0\r\n\r\n"
        };
        format!(
            "{method} {uri} SIP/2.0\r\n\
             Via: SIP/2.0/{via} {contact};branch=z9hG4bK{user}x{branches};rport\r\n\
             Max-Forwards: 70\r\n\
             {product}\
             From: <sip:{user}@{server}>;tag=f{user}\r\n\
             To: {to}\r\n\
             Call-ID: {call_id}\r\n\
             CSeq: {cseq} {method}\r\n\
             Contact: <sip:{user}@{contact}{param}>\r\n\
             {more}{body}",
            branches = self.branches,
        )
    }

    /// The same request once more with credentials for the first challenge of this algorithm, a new
    /// branch and a CSeq one higher (RFC 3261 22.2). `None`: the response has no such challenge.
    pub fn authorize(
        &mut self,
        request: &str,
        challenge: &str,
        algorithm: Algorithm,
    ) -> Option<String> {
        let (ask, answer) = match status_of(challenge) {
            401 => ("WWW-Authenticate", "Authorization"),
            _ => ("Proxy-Authenticate", "Proxy-Authorization"),
        };
        let value = all(challenge, ask).find(|v| {
            v.contains(&format!("algorithm={},", algorithm.token()))
                || v.ends_with(&format!("algorithm={}", algorithm.token()))
        })?;
        let challenge = Challenge::parse(value.as_bytes()).ok()?;
        let realm = std::str::from_utf8(challenge.realm?).ok()?;
        let nonce = std::str::from_utf8(challenge.nonce?).ok()?;
        self.nonce_count = 1;
        self.with_credentials(request, answer, realm, nonce, algorithm)
    }

    /// As [`Peer::authorize`] with a nonce that was used before; `nc` goes on counting.
    pub fn with_credentials(
        &mut self,
        request: &str,
        name: &str,
        realm: &str,
        nonce: &str,
        algorithm: Algorithm,
    ) -> Option<String> {
        let mut words = request.split(' ');
        let (method, uri) = (words.next()?, words.next()?);
        let answer = Answer {
            algorithm,
            method,
            uri,
            nonce,
            opaque: None,
            qop: Qop::Auth,
            count: self.nonce_count,
            cnonce: "c0ffee",
        };
        self.nonce_count = self.nonce_count.saturating_add(1);
        let ha1 = Ha1::of_password(&self.user, realm, &self.password);
        let credentials = answer.credentials(&ha1, &self.user, realm)?;
        let line = format!("{name}: {credentials}\r\n");
        let cseq: u32 = header_of(request, "CSeq").split(' ').next()?.parse().ok()?;
        self.cseq = self.cseq.max(cseq.saturating_add(1));
        self.branches = self.branches.saturating_add(1);
        let old_branch = header_of(request, "Via").to_owned();
        let new_branch = format!(
            "{}y{};rport",
            old_branch.strip_suffix(";rport")?,
            self.branches
        );
        let request = request.replacen(&old_branch, &new_branch, 1).replacen(
            &format!("CSeq: {cseq} "),
            &format!("CSeq: {} ", cseq.saturating_add(1)),
            1,
        );
        let at = request.find("Call-ID: ")?;
        Some(format!(
            "{}{line}{}",
            request.get(..at)?,
            request.get(at..)?
        ))
    }

    /// A response to a request that reached this peer. `more` as in [`Peer::request`].
    pub fn answer(&self, request: &str, status: u16, reason: &str, more: &str) -> String {
        let mut text = format!("SIP/2.0 {status} {reason}\r\n");
        for name in ["Via", "Record-Route", "From", "To", "Call-ID", "CSeq"] {
            for value in all(request, name) {
                let tag = if name == "To" && status > 100 && !value.contains(";tag=") {
                    format!(";tag=t{}", self.user)
                } else {
                    String::new()
                };
                text.push_str(&format!("{name}: {value}{tag}\r\n"));
            }
        }
        text.push_str(&format!(
            "Contact: <sip:{}@{}{}>\r\n{more}",
            self.user,
            self.contact,
            self.transport_param()
        ));
        if !more.contains("\r\n\r\n") {
            text.push_str("Content-Length: 0\r\n\r\n");
        }
        text
    }

    fn transport_param(&self) -> String {
        match self.transport {
            Transport::Udp => String::new(),
            other => format!(";transport={}", other.uri_token()),
        }
    }
}

/// A request of a real phone is hardly below 450 bytes; what is much smaller is not challenged in full
/// over UDP.
const PRODUCT: &str =
    "Scripted phone 1.0 of the simulated network, by nobody in particular, without a sound";
