//! Both ends of many calls: a phone and a PBX, each with one socket and as many dialogs as there are calls.

use super::dialog::{Bye, Dialog, Side, number};
use super::wire::{self, Wire};
use crate::digest;
use crate::lane::Lane;
use crate::message::Message;
use std::collections::HashMap;
use std::time::Duration;

/// A call.
#[derive(Debug, Default)]
struct Call {
    dialogs: HashMap<Side, Dialog>,
    is_brief: bool,
    bye: Option<Bye>,
}

/// Both ends.
pub(super) struct Ends {
    phone: Wire,
    pbx: Wire,
    /// By their names, which go over with the calls.
    calls: HashMap<String, Call>,
    /// Names by ends and Call-IDs.
    names: HashMap<(Side, String), String>,
    challenge: String,
    count: u32,
    numbers: u64,
    /// Calls that stand until they are killed.
    first: usize,
    most: usize,
    pub(super) short: u64,
}

impl Ends {
    pub(super) fn new(lane: &Lane) -> Self {
        Self {
            phone: Wire::new(lane.phone(1), lane.bellhop()),
            pbx: Wire::new(lane.pbx(), lane.bellhop()),
            calls: HashMap::new(),
            names: HashMap::new(),
            challenge: String::new(),
            count: 0,
            numbers: 0,
            first: 0,
            most: 0,
            short: 0,
        }
    }

    /// Registers the phone, and takes its challenge for the INVITEs to come: nonces end with the program.
    pub(super) fn register(&mut self) {
        let (server, local) = (self.phone.server(), self.phone.local());
        (self.challenge, self.count) = (String::new(), 0);
        for expected in [401, 200] {
            self.numbers += 1;
            let uri = format!("sip:{server}");
            let proof = match expected {
                401 => String::new(),
                _ => self.proof("Authorization", "REGISTER", &uri),
            };
            let text = format!(
                "REGISTER {uri} SIP/2.0\r\n{}From: <sip:6001@{server}>;tag=r\r\nTo: <sip:6001@{server}>\r\n\
                 Call-ID: register\r\nCSeq: {} REGISTER\r\nContact: <sip:6001@{local}>\r\nExpires: 3600\r\n\
                 {proof}Content-Length: 0\r\n\r\n",
                self.phone.via(),
                self.numbers,
            );
            self.phone.request(&text);
            let answer = self.phone.answer_to("register");
            assert_eq!(answer.status(), Some(expected), "{}", answer.text());
            if expected == 401 {
                answer
                    .header("WWW-Authenticate")
                    .clone_into(&mut self.challenge);
            }
        }
    }

    /// From now on these many calls count; the number of the first.
    pub(super) fn begin_round(&mut self, most: usize) -> usize {
        self.first += self.most;
        self.most = most;
        self.calls.clear();
        self.names.clear();
        self.first
    }

    /// Begins a call that stands: each second one the PBX's.
    pub(super) fn call(&mut self, number: usize) {
        let from = if number.is_multiple_of(2) {
            Side::Phone
        } else {
            Side::Pbx
        };
        self.begin(format!("c{number}"), from, false);
    }

    /// Begins a call that ends as soon as it stands.
    pub(super) fn call_briefly(&mut self) {
        self.numbers += 1;
        self.begin(format!("s{}", self.numbers), Side::Pbx, true);
    }

    /// What is left of those is nobody's business any more.
    pub(super) fn forget_brief(&mut self) {
        self.calls.retain(|_, call| !call.is_brief);
        self.phone.forget();
        self.pbx.forget();
    }

    /// How many stand at both ends.
    pub(super) fn standing(&self) -> usize {
        let stands = |call: &&Call| {
            let is_whole = call.dialogs.len() == 2;
            !call.is_brief && is_whole && call.dialogs.values().all(|dialog| dialog.stands)
        };
        self.calls.values().filter(stands).count()
    }

    pub(super) fn hang_up(&mut self, number: usize, from: Side) {
        self.bye(&format!("c{number}"), from);
    }

    /// How many of the calls that were hung up ended at both ends.
    pub(super) fn ended(&self) -> usize {
        let all = self.calls.values().filter(|call| !call.is_brief);
        all.filter(|call| call.bye.as_ref().is_some_and(Bye::is_well))
            .count()
    }

    /// Whether nothing more will come of any BYE. One that Bellhop has answered is on its way to the other end still.
    pub(super) fn is_settled(&self) -> bool {
        let is_waited_for = self.phone.is_waiting() || self.pbx.is_waiting();
        let byes = self.calls.values().filter_map(|call| call.bye.as_ref());
        let is_under_way = |bye: &Bye| bye.answered == Some(200) && bye.heard.is_none();
        !byes
            .filter(|bye| !bye.is_well())
            .any(|bye| is_waited_for || is_under_way(bye))
    }

    /// What became of the first that did not end well.
    pub(super) fn first_failure(&self) -> Option<String> {
        let mut all = self.calls.iter().filter(|(_, call)| !call.is_brief);
        all.find_map(|(name, call)| {
            let is_well = call.bye.as_ref().is_some_and(Bye::is_well);
            (!is_well).then(|| format!("{name}: {:?}", call.bye))
        })
    }

    /// Takes in what came, and sends again what is due.
    pub(super) fn turn(&mut self) {
        for side in [Side::Phone, Side::Pbx] {
            while let Some(message) = self.wire(side).receive() {
                match message.status() {
                    Some(status) => self.answered(side, &message, status),
                    None => self.asked(side, &message),
                }
            }
            self.wire(side).send_again();
        }
    }

    fn wire(&mut self, side: Side) -> &mut Wire {
        match side {
            Side::Phone => &mut self.phone,
            Side::Pbx => &mut self.pbx,
        }
    }

    fn begin(&mut self, name: String, from: Side, is_brief: bool) {
        let (user, to) = match from {
            Side::Phone => ("6001", "7000"),
            Side::Pbx => ("7000", "6001"),
        };
        let wire = self.wire(from);
        let (local, server) = (wire.local(), wire.server());
        let dialog = Dialog {
            call_id: format!("{name}@{}", local.ip()),
            own: format!("<sip:{user}@{server}>;tag=f{name}"),
            other: format!("<sip:{to}@{server}>"),
            target: format!("sip:{to}@{server}"),
            ..Dialog::default()
        };
        let own = (from, dialog.call_id.clone());
        self.names.insert(own, name.clone());
        let call = Call {
            dialogs: HashMap::from([(from, dialog)]),
            is_brief,
            bye: None,
        };
        self.calls.insert(name.clone(), call);
        self.invite(&name, from);
    }

    fn invite(&mut self, name: &str, from: Side) {
        let uri = self.calls[name].dialogs[&from].target.clone();
        let proof = match from {
            Side::Phone => self.proof("Proxy-Authorization", "INVITE", &uri),
            Side::Pbx => String::new(),
        };
        self.ask(
            name,
            from,
            "INVITE",
            &format!("X-Call: {name}\r\n{proof}{}", wire::SESSION),
        );
    }

    /// Sends a request in a dialog, or the one that makes it.
    fn ask(&mut self, name: &str, from: Side, method: &str, rest: &str) {
        let via = self.wire(from).via();
        let local = self.wire(from).local();
        let call = self.calls.get_mut(name).expect("a call");
        let dialog = call.dialogs.get_mut(&from).expect("a dialog");
        if method != "ACK" {
            dialog.sent += 1;
        }
        let text = format!(
            "{method} {} SIP/2.0\r\n{via}From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} {method}\r\n\
             Contact: <sip:x@{local}>\r\n{rest}",
            dialog.target, dialog.own, dialog.other, dialog.call_id, dialog.sent
        );
        match method {
            "ACK" => self.wire(from).send(&text),
            _ => self.wire(from).request(&text),
        }
    }

    fn bye(&mut self, name: &str, from: Side) {
        let Some(call) = self.calls.get_mut(name) else {
            return;
        };
        call.bye = Some(Bye {
            from,
            answered: None,
            heard: None,
        });
        self.ask(name, from, "BYE", wire::NOTHING);
    }

    fn answered(&mut self, side: Side, answer: &Message, status: u16) {
        let key = (side, answer.header("Call-ID").to_owned());
        let (Some(name), true) = (self.names.get(&key).cloned(), status >= 200) else {
            return;
        };
        let Some(call) = self.calls.get_mut(&name) else {
            return;
        };
        let Some(dialog) = call.dialogs.get_mut(&side) else {
            return;
        };
        match (answer.header("CSeq").split(' ').nth(1), status) {
            (Some("INVITE"), 200) => {
                let is_first = !dialog.stands;
                dialog.stands = true;
                dialog.other = answer.header("To").to_owned();
                dialog.target = answer.uri("Contact").to_owned();
                let is_brief = call.is_brief;
                self.ask(&name, side, "ACK", wire::NOTHING);
                if is_brief && is_first {
                    self.bye(&name, side);
                }
            }
            (Some("INVITE"), _) => panic!("{name}: {}", answer.text()),
            (Some("BYE"), status) => {
                if let Some(bye) = &mut call.bye {
                    bye.answered = Some(status);
                }
            }
            _ => {}
        }
    }

    fn asked(&mut self, side: Side, request: &Message) {
        let key = (side, request.header("Call-ID").to_owned());
        let method = request.start_line().split(' ').next().unwrap_or_default();
        let known = self.names.get(&key).cloned();
        match (method, known) {
            ("INVITE", None) => {
                let name = request.header("X-Call").to_owned();
                let dialog = Dialog {
                    call_id: key.1.clone(),
                    own: format!("{};tag=t{name}", request.header("To")),
                    other: request.header("From").to_owned(),
                    target: request.uri("Contact").to_owned(),
                    heard: number(request),
                    ..Dialog::default()
                };
                self.names.insert(key, name.clone());
                if let Some(call) = self.calls.get_mut(&name) {
                    call.dialogs.insert(side, dialog);
                }
                self.wire(side).answer(request, 200, &name);
            }
            ("INVITE", Some(name)) => self.wire(side).answer(request, 200, &name),
            ("ACK", Some(name)) => {
                let call = self.calls.get_mut(&name);
                if let Some(dialog) = call.and_then(|call| call.dialogs.get_mut(&side)) {
                    dialog.stands = true;
                }
            }
            ("BYE", Some(name)) => {
                self.judge(&name, side, request);
                self.wire(side).answer(request, 200, &name);
            }
            ("ACK", None) => {}
            _ => self.wire(side).answer(request, 481, "none"),
        }
    }

    /// A BYE must be of this dialog, and higher than what came before (RFC 3261 12.2.2).
    fn judge(&mut self, name: &str, side: Side, bye: &Message) {
        let Some(call) = self.calls.get_mut(name) else {
            return;
        };
        let Some(dialog) = call.dialogs.get(&side) else {
            return;
        };
        let is_of_it = bye.header("From") == dialog.other && bye.header("To") == dialog.own;
        let judged = match is_of_it && number(bye) > dialog.heard {
            true => Ok(()),
            false => Err(format!("{dialog:?} heard {}", bye.text())),
        };
        match &mut call.bye {
            Some(own) if own.from == side.other() && own.heard.is_none() => {
                own.heard = Some(judged);
                if call.is_brief {
                    self.short += 1;
                }
            }
            Some(own) if own.from == side.other() => {}
            _ => panic!("{name}: a BYE that nobody has sent: {}", bye.text()),
        }
    }

    /// The credentials of the phone's next request.
    fn proof(&mut self, header: &str, method: &str, uri: &str) -> String {
        self.count += 1;
        let proof = digest::answer(
            &self.challenge,
            "6001",
            "secret6001",
            method,
            uri,
            self.count,
        );
        format!("{header}: {proof}\r\n")
    }
}

/// How long an answer to REGISTER may take.
pub(super) const SOON: Duration = Duration::from_secs(10);
