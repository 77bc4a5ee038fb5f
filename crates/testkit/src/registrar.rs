//! A PBX's registrar as a test scripts it: it answers REGISTERs as it is told, and knows what it holds.

use crate::message::{all, header_of};
use bellhop_core::auth::client::{Answer, Qop};
use bellhop_core::auth::{Algorithm, Ha1};
use bellhop_core::time::Instant;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a registrar holds and does.
#[derive(Clone, Debug)]
pub struct Registrar {
    /// Its bindings: the user of the AoR and the Contact's URI, and what is known of each.
    pub held: BTreeMap<(String, String), Held>,
    /// Every REGISTER that came, copies included.
    pub heard: Vec<String>,
    /// What it does.
    pub manner: Manner,
    /// The most it grants, in seconds.
    pub most: u32,
    /// The realm that it challenges in with MD5, and every user's password; `None`: it asks nobody.
    pub challenge: Option<(String, String)>,
    /// What it does with a Path (RFC 3327).
    pub paths: Paths,
    /// Contact values of others that it lists as well.
    pub strangers: Vec<String>,
}

/// One binding of a registrar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The Call-ID of the REGISTER that made it.
    pub call_id: String,
    /// Its CSeq number.
    pub cseq: u32,
    /// When it ends.
    pub until: Instant,
}

/// What a registrar does with REGISTERs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It serves them.
    Serves,
    /// It says nothing.
    Silent,
    /// It answers so, with these further lines.
    Answers(u16, String),
}

/// What a registrar does with a Path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paths {
    /// It does not know of it.
    Ignored,
    /// It takes it, and says so.
    Taken,
    /// It answers 420.
    Refused,
}

impl Default for Registrar {
    fn default() -> Self {
        Self {
            held: BTreeMap::new(),
            heard: Vec::new(),
            manner: Manner::Serves,
            most: 3_600,
            challenge: None,
            paths: Paths::Ignored,
            strangers: Vec::new(),
        }
    }
}

impl Registrar {
    /// Serves a REGISTER; gives the answer, if there is one.
    pub fn serve(&mut self, now: Instant, request: &str) -> Option<String> {
        self.heard.push(request.to_owned());
        if let Some(refusal) = self.challenged(request) {
            return Some(refusal);
        }
        let path = header_of(request, "Path");
        if !path.is_empty() && self.paths == Paths::Refused {
            return Some(answer_to(request, 420, "Unsupported: path\r\n"));
        }
        match self.manner.clone() {
            Manner::Silent => None,
            Manner::Answers(status, more) => {
                let usual = bellhop_wire::reply::reason(status);
                let answer = answer_to(request, status, &more);
                Some(answer.replacen(usual, "in the pbx's own words", 1))
            }
            Manner::Serves => Some(self.register(now, request)),
        }
    }

    /// The Contacts that it holds for a user, those that have run out left out.
    pub fn contacts(&self, now: Instant, user: &str) -> Vec<String> {
        let own = self
            .held
            .iter()
            .filter(|((own, _), held)| own == user && held.until > now);
        own.map(|((_, contact), _)| contact.clone()).collect()
    }

    /// The challenge of a request that has no proof.
    fn challenged(&self, request: &str) -> Option<String> {
        let (realm, password) = self.challenge.as_ref()?;
        let given = header_of(request, "Authorization");
        let param = |name: &str| {
            let from = given.split(&format!("{name}=\"")).nth(1);
            from.and_then(|rest| rest.split('"').next()).unwrap_or("")
        };
        let count = given.split("nc=").nth(1).and_then(|rest| rest.get(..8));
        let count = count.and_then(|nc| u32::from_str_radix(nc, 16).ok());
        let (user, nonce) = (param("username"), param("nonce"));
        let answer = Answer {
            algorithm: Algorithm::Md5,
            method: "REGISTER",
            uri: param("uri"),
            nonce,
            opaque: None,
            qop: Qop::Auth,
            count: count.unwrap_or(0),
            cnonce: param("cnonce"),
        };
        let ha1 = Ha1::of_password(user, realm, password);
        let right = answer.credentials(&ha1, user, realm).unwrap_or_default();
        let response = right.split("response=").nth(1).and_then(|r| r.get(..34));
        let is_right = nonce == NONCE && response.is_some_and(|right| given.contains(right));
        let ask = format!(
            "WWW-Authenticate: Digest realm=\"{realm}\", nonce=\"{NONCE}\", algorithm=MD5, qop=\"auth\"\r\n"
        );
        (!is_right).then(|| answer_to(request, 401, &ask))
    }

    fn register(&mut self, now: Instant, request: &str) -> String {
        let user = user_of(header_of(request, "To")).to_owned();
        let call_id = header_of(request, "Call-ID").to_owned();
        let cseq = number(header_of(request, "CSeq"));
        let header = number(header_of(request, "Expires"));
        for value in all(request, "Contact") {
            let (uri, params) = value
                .trim_start_matches('<')
                .split_once('>')
                .unwrap_or((value, ""));
            let own = params.split("expires=").nth(1);
            let asked = own.map_or(header, number);
            let key = (user.clone(), uri.to_owned());
            let is_old = self
                .held
                .get(&key)
                .is_some_and(|held| held.call_id == call_id && held.cseq >= cseq);
            if is_old {
                return answer_to(request, 500, "");
            }
            if asked == 0 {
                self.held.remove(&key);
                continue;
            }
            let until = now.after(Duration::from_secs(asked.min(self.most).into()));
            let held = Held {
                call_id: call_id.clone(),
                cseq,
                until,
            };
            self.held.insert(key, held);
        }
        let mut lines = String::new();
        if !header_of(request, "Path").is_empty() && self.paths == Paths::Taken {
            lines.push_str(&format!("Path: {}\r\n", header_of(request, "Path")));
        }
        for stranger in &self.strangers {
            lines.push_str(&format!("Contact: {stranger}\r\n"));
        }
        // One that lists hundreds of contacts would not be understood. Who only asks is told of more.
        let most = match header_of(request, "Contact") {
            "" => 100,
            _ => 20,
        };
        let own = |contact: &str| request.contains(&format!("<{contact}>"));
        let mut others = 0_usize;
        for ((user_of, contact), held) in &self.held {
            others = others.saturating_add(usize::from(!own(contact)));
            let is_listed = own(contact) || others < most;
            if *user_of == user && held.until > now && is_listed {
                let left = held.until.since(now).as_secs();
                lines.push_str(&format!("Contact: <{contact}>;expires={left}\r\n"));
            }
        }
        answer_to(request, 200, &lines)
    }
}

/// The user of the URI in a header's value.
fn user_of(value: &str) -> &str {
    let uri = value.split("sip:").nth(1).unwrap_or_default();
    uri.split('@').next().unwrap_or_default()
}

/// The digits at the front of a text; none: 0.
fn number(text: &str) -> u32 {
    let digits = text.split(|c: char| !c.is_ascii_digit()).next();
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn answer_to(request: &str, status: u16, more: &str) -> String {
    let mut text = format!(
        "SIP/2.0 {status} {}\r\n",
        bellhop_wire::reply::reason(status)
    );
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        for value in all(request, name) {
            let tag = if name == "To" { ";tag=registrar" } else { "" };
            text.push_str(&format!("{name}: {value}{tag}\r\n"));
        }
    }
    text.push_str(more);
    text.push_str("Content-Length: 0\r\n\r\n");
    text
}

const NONCE: &str = "n0nce";
