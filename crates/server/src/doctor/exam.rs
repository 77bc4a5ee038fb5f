//! What a PBX is asked, and what it says.

use super::{Situation, line::Line};
use crate::driver::OsEntropy;
use bellhop_core::auth::upstream::{Asking, At, UpstreamAuth};
use bellhop_core::entropy::Entropy as _;
use bellhop_wire::{HeaderId, Message, Owned, view::auth::Challenge};
use std::time::{Duration, Instant};

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Status of the OPTIONS, and after how many milliseconds.
    pub(super) options: Option<(u16, u128)>,
    pub(super) register: Answer,
    pub(super) invite: Answer,
    /// The INVITE of a user that the PBX cannot know.
    pub(super) nobody: Answer,
    /// `None`: nobody was to be registered.
    pub(super) registered: Option<Registered>,
}

/// What became of a request without credentials, and then with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// 0: none.
    pub(super) status: u16,
    /// Algorithms of the challenge.
    pub(super) algorithms: Vec<String>,
    /// With our login's answer to the challenge; 0: there is none, or nobody answered.
    pub(super) signed: u16,
}

/// What a registration for a moment has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Registered {
    /// A short Contact.
    pub(super) status: u16,
    /// One with a Path.
    pub(super) path: Paths,
    /// The longest Contact that was taken, and the first that was not.
    pub(super) longest: usize,
    pub(super) refused: Option<(usize, u16)>,
    /// An unasked NOTIFY of messages came.
    pub(super) notified: bool,
}

/// What became of a Path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Paths {
    /// It was taken and said back.
    Taken,
    /// The Contact was taken without it.
    Ignored,
    /// Status of the refusal.
    Refused(u16),
    /// No answer.
    #[default]
    Unknown,
}

/// Who asks.
pub(super) struct Exam<'a> {
    line: Line,
    of: &'a Situation,
    auth: UpstreamAuth,
    entropy: OsEntropy,
    cseq: u32,
    id: String,
}

impl<'a> Exam<'a> {
    pub(super) fn new(line: Line, of: &'a Situation) -> Self {
        let mut entropy = OsEntropy::new();
        let id = format!("{:016x}", entropy.next_u64());
        Self {
            line,
            of,
            auth: UpstreamAuth::new(16),
            entropy,
            cseq: 0,
            id,
        }
    }

    /// Asks everything.
    pub(super) fn run(mut self, registers: bool) -> Seen {
        let start = Instant::now();
        let options = self.request("OPTIONS", &self.of.user, "", "", "");
        let options = self.line.ask(&options);
        let took = start.elapsed().as_millis();
        let options = options
            .and_then(|r| r.message().status())
            .map(|status| (status, took));
        if options.is_none() {
            return Seen::default();
        }
        let user = self.of.user.clone();
        Seen {
            options,
            register: self.asked("REGISTER", &user, ""),
            // It asks for what nobody knows, so that it is refused before it rings anywhere.
            invite: self.asked("INVITE", &user, UNKNOWN),
            nobody: self.asked("INVITE", &format!("doctor-{}", self.id), UNKNOWN),
            registered: registers.then(|| self.registered()),
        }
    }

    /// Registers a Contact of the doctor's own for a moment, in several shapes.
    fn registered(&mut self) -> Registered {
        let local = self.place();
        let mut seen = Registered::default();
        let contact = |user: &str| format!("sip:{user}@{local}");
        let short = contact("doctor");
        let answer = self.bind(&short, "", 120);
        seen.status = answer.as_ref().map_or(0, status);
        if seen.status < 200 || seen.status >= 300 {
            return seen;
        }
        self.line.listen(NOTIFY);
        let is_mwi = |event: &String| event.starts_with("message-summary");
        seen.notified = self.line.notified.iter().any(is_mwi);
        self.bind(&short, "", 0);
        let path = format!("Path: <sip:doctor@{local};lr>\r\nSupported: path\r\n");
        let answer = self.bind(&short, &path, 120);
        seen.path = match answer
            .as_ref()
            .map(|answer| (status(answer), answer.message()))
        {
            Some((200..=299, message)) if message.first(HeaderId::Path).is_some() => Paths::Taken,
            Some((200..=299, _)) => Paths::Ignored,
            Some((other, _)) => Paths::Refused(other),
            None => Paths::Unknown,
        };
        self.bind(&short, &path, 0);
        seen.longest = short.len();
        for length in LENGTHS {
            let pad = length.saturating_sub(short.len());
            let long = contact(&format!("doctor{}", "x".repeat(pad)));
            let answer = self.bind(&long, "", 120).as_ref().map_or(0, status);
            if !(200..300).contains(&answer) {
                seen.refused = Some((long.len(), answer));
                break;
            }
            seen.longest = long.len();
            self.bind(&long, "", 0);
        }
        seen
    }

    /// A REGISTER with a Contact, its challenge answered.
    fn bind(&mut self, contact: &str, more: &str, expires: u32) -> Option<Owned> {
        let lines =
            format!("Contact: <{contact}>;expires={expires}\r\nExpires: {expires}\r\n{more}");
        let user = self.of.user.clone();
        let (first, second) = self.try_twice("REGISTER", &user, &lines);
        second.or(first)
    }

    fn asked(&mut self, method: &str, user: &str, lines: &str) -> Answer {
        let (first, second) = self.try_twice(method, user, lines);
        Answer {
            status: first.as_ref().map_or(0, status),
            algorithms: first
                .map(|first| algorithms(first.message()))
                .unwrap_or_default(),
            signed: second.as_ref().map_or(0, status),
        }
    }

    /// Without credentials; then, if there is a challenge that our login answers, with them.
    fn try_twice(
        &mut self,
        method: &str,
        user: &str,
        lines: &str,
    ) -> (Option<Owned>, Option<Owned>) {
        let first = self.send(method, user, lines);
        let Some((challenge, login)) = first.as_ref().zip(self.of.login.clone()) else {
            return (first, None);
        };
        let at = At {
            login: &login,
            upstream: "doctor",
        };
        let is_asked = matches!(status(challenge), 401 | 407);
        if !is_asked || self.auth.challenged(at, challenge.message()).is_none() {
            return (first, None);
        }
        let uri = self.uri(method);
        let asking = Asking {
            method,
            uri: uri.as_bytes(),
            body: b"",
        };
        let mut signed = lines.to_owned();
        for line in self.auth.preempt(at, asking, &mut self.entropy) {
            signed.push_str(&format!(
                "{}: {}\r\n",
                line.role.credentials().name(),
                line.value
            ));
        }
        self.auth.forget(at);
        let second = self.send(method, user, &signed);
        (first, second)
    }

    fn send(&mut self, method: &str, user: &str, lines: &str) -> Option<Owned> {
        let branch = format!("z9hG4bK{:016x}", self.entropy.next_u64());
        let request = self.request(method, user, lines, &branch, "");
        let answer = self.line.ask(&request)?;
        if method == "INVITE" {
            let to =
                String::from_utf8_lossy(answer.message().first(HeaderId::To)?.value).into_owned();
            let (call, number) = (self.call_id(user), self.cseq);
            if status(&answer) < 300 {
                // It was to be refused; it is ended at once.
                let ack = self.ended("ACK", user, "", &to, (&call, number));
                self.line.tell(&ack);
                let bye = self.ended("BYE", user, "", &to, (&call, number.saturating_add(1)));
                self.line.tell(&bye);
            } else {
                let ack = self.ended("ACK", user, &branch, &to, (&call, number));
                self.line.tell(&ack);
            }
        }
        Some(answer)
    }

    /// Where the PBX finds us, on the way that is open already.
    fn place(&self) -> String {
        let (local, transport) = (self.line.local(), self.line.transport());
        match transport.is_reliable() {
            false => local.to_string(),
            true => format!("{local};transport={}", transport.uri_token()),
        }
    }

    fn call_id(&self, user: &str) -> String {
        format!("doctor-{}-{}", self.id, user.len())
    }

    fn uri(&self, method: &str) -> String {
        match method {
            "REGISTER" | "OPTIONS" => format!("sip:{}", self.of.registrar),
            _ => format!("sip:doctor-{}@{}", self.id, self.of.registrar),
        }
    }

    /// A new request; of an OPTIONS the branch is made here.
    fn request(&mut self, method: &str, user: &str, lines: &str, branch: &str, to: &str) -> String {
        self.cseq = self.cseq.saturating_add(1);
        let fresh = format!("z9hG4bK{:016x}", self.entropy.next_u64());
        let branch = if branch.is_empty() { &fresh } else { branch };
        let (uri, registrar) = (self.uri(method), &self.of.registrar);
        let to = match (method, to) {
            ("REGISTER", _) => format!("<sip:{user}@{registrar}>"),
            (_, "") => format!("<{uri}>"),
            (_, to) => to.to_owned(),
        };
        let number = (self.call_id(user), self.cseq);
        let contact = match method {
            "INVITE" => format!("Contact: <sip:{user}@{}>\r\n", self.place()),
            _ => String::new(),
        };
        self.text(
            method,
            &uri,
            user,
            branch,
            &to,
            (&number.0, number.1),
            &format!("{contact}{lines}"),
        )
    }

    /// An ACK or BYE of an INVITE.
    fn ended(
        &mut self,
        method: &str,
        user: &str,
        branch: &str,
        to: &str,
        (call, cseq): (&str, u32),
    ) -> String {
        let fresh = format!("z9hG4bK{:016x}", self.entropy.next_u64());
        let branch = if branch.is_empty() { &fresh } else { branch };
        let uri = self.uri("INVITE");
        self.text(method, &uri, user, branch, to, (call, cseq), "")
    }

    #[allow(clippy::too_many_arguments, reason = "each is part of one request")]
    fn text(
        &self,
        method: &str,
        uri: &str,
        user: &str,
        branch: &str,
        to: &str,
        (call, cseq): (&str, u32),
        lines: &str,
    ) -> String {
        let (local, registrar) = (self.line.local(), &self.of.registrar);
        let transport = self.line.transport().via_token();
        let id = &self.id;
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{transport} {local};branch={branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@{registrar}>;tag={id}\r\nTo: {to}\r\n\
             Call-ID: {call}\r\nCSeq: {cseq} {method}\r\n{lines}User-Agent: bellhop doctor\r\n\
             Content-Length: 0\r\n\r\n"
        )
    }
}

fn status(response: &Owned) -> u16 {
    response.message().status().unwrap_or(0)
}

fn algorithms(response: Message<'_>) -> Vec<String> {
    let fields = [HeaderId::WwwAuthenticate, HeaderId::ProxyAuthenticate];
    let fields = fields.into_iter().flat_map(|id| response.fields(id));
    let named = fields.filter_map(|field| {
        let challenge = Challenge::parse(field.value).ok()?;
        let token = challenge.algorithm.unwrap_or(b"MD5");
        Some(String::from_utf8_lossy(token).into_owned())
    });
    let mut all: Vec<String> = named.collect();
    all.dedup();
    all
}

/// Nobody knows it (RFC 3261 8.2.2.3).
const UNKNOWN: &str = "Require: x-bellhop-doctor\r\n";
/// How long a PBX may take to tell of a mailbox.
const NOTIFY: Duration = Duration::from_millis(1_500);
/// Contacts that are tried, in bytes.
const LENGTHS: [usize; 5] = [128, 255, 400, 500, 800];
