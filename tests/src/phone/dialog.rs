//! A call of a scripted phone, from its 200 to its end (RFC 3261 12.2.1.1, 13.2.2.4).

use super::{PATIENCE, Phone};
use crate::deadline::until;
use crate::message::Message;

impl Phone {
    /// The next request begins a call of its own, or a registration.
    pub fn begin_anew(&mut self) {
        self.calls += 1;
    }

    /// Acknowledges the 200 to its INVITE.
    ///
    /// # Panics
    /// If it cannot be sent.
    pub fn acknowledge(&mut self, ok: &Message) {
        let number = ok.header("CSeq").split(' ').next().unwrap_or_default();
        let number = number.parse().expect("a CSeq");
        self.send_in_dialog("ACK", number, ok, "", "");
    }

    /// Subscribes to an event of `resource`, answering a challenge; gives the answer. The NOTIFY comes after it.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn subscribe(&mut self, resource: &str, event: &str, seconds: u32) -> Message {
        let uri = format!("sip:{resource}@{}", self.remote);
        let lines = format!("Event: {event}\r\nExpires: {seconds}\r\n");
        let answer = self.request("SUBSCRIBE", &uri, &uri, &lines, "");
        if !is_challenge(&answer) {
            return answer;
        }
        let proof = self.proof(&answer, "SUBSCRIBE", &uri);
        self.request("SUBSCRIBE", &uri, &uri, &format!("{lines}{proof}"), "")
    }

    /// Asks for something outside of any dialog, answering a challenge; `lines` go with it, a Content-Type among them if
    /// there is a body. The answer.
    ///
    /// # Panics
    /// If there is none.
    pub fn ask(&mut self, method: &str, resource: &str, lines: &str, body: &str) -> Message {
        let answer = self.ask_once(method, resource, lines, body);
        if !is_challenge(&answer) {
            return answer;
        }
        let uri = format!("sip:{resource}@{}", self.remote);
        let proof = self.proof(&answer, method, &uri);
        self.ask_once(method, resource, &format!("{lines}{proof}"), body)
    }

    /// As [`Phone::ask`], but it answers no challenge.
    ///
    /// # Panics
    /// As that.
    pub fn ask_once(&mut self, method: &str, resource: &str, lines: &str, body: &str) -> Message {
        let uri = format!("sip:{resource}@{}", self.remote);
        self.sent += 1;
        let common = self.common(method, self.sent);
        let (contact, length) = (&self.contact, body.len());
        self.send(&format!(
            "{method} {uri} SIP/2.0\r\n{common}To: <{uri}>\r\nContact: <{contact}>\r\n{lines}\
             Content-Length: {length}\r\n\r\n{body}"
        ));
        self.final_response(PATIENCE)
    }

    /// Ends the call that this 200 answered.
    ///
    /// # Panics
    /// If that is not answered 200.
    pub fn hang_up(&mut self, ok: &Message) {
        self.sent += 1;
        self.send_in_dialog("BYE", self.sent, ok, "", "");
        let answer = self.final_response(PATIENCE);
        assert_eq!(answer.status(), Some(200), "{}", answer.text());
    }

    /// Offers the session of this call once more; the answer, which is acknowledged.
    ///
    /// # Panics
    /// If that is not a 200.
    pub fn offer_again(&mut self, ok: &Message) -> Message {
        self.sent += 1;
        let session = self.session();
        self.send_in_dialog("INVITE", self.sent, ok, "", &session);
        let answer = self.final_response(PATIENCE);
        assert_eq!(answer.status(), Some(200), "{}", answer.text());
        self.acknowledge(&answer);
        answer
    }

    /// Refreshes the subscription that this 200 answered; the answer.
    ///
    /// # Panics
    /// If there is none.
    pub fn subscribe_again(&mut self, ok: &Message, event: &str, seconds: u32) -> Message {
        self.sent += 1;
        let lines = format!("Event: {event}\r\nExpires: {seconds}\r\n");
        self.send_in_dialog("SUBSCRIBE", self.sent, ok, &lines, "");
        self.final_response(PATIENCE)
    }

    /// Answers NOTIFYs until one has all of these in it; gives that one.
    ///
    /// # Panics
    /// If none comes.
    pub fn hear(&mut self, words: &[&str]) -> Message {
        until(&format!("{words:?}"), 2 * PATIENCE, || {
            let message = self.receive()?;
            if !message.start_line().starts_with("NOTIFY ") {
                return None;
            }
            self.answer(&message, "200 OK");
            let has_all = words.iter().all(|word| message.text().contains(word));
            has_all.then_some(message)
        })
    }

    fn send_in_dialog(&mut self, method: &str, number: u32, ok: &Message, lines: &str, body: &str) {
        let mut route: Vec<&str> = ok.headers("Record-Route").collect();
        route.reverse();
        let route: String = route.iter().map(|r| format!("Route: {r}\r\n")).collect();
        let text = format!(
            "{method} {} SIP/2.0\r\n{}{route}To: {}\r\n{lines}{}Content-Length: {}\r\n\r\n{body}",
            ok.uri("Contact"),
            self.common(method, number),
            ok.header("To"),
            self.contact_lines(body),
            body.len(),
        );
        self.send(&text);
    }
}

/// The proxy's, or that of a PBX which challenges by way of it (RFC 3261 22.2, 22.3).
fn is_challenge(answer: &Message) -> bool {
    matches!(answer.status(), Some(401 | 407))
}
