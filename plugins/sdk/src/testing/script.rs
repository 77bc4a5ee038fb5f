//! Messages to begin with.

use super::Message;

/// An INVITE of alice to bob, outside of dialogs, with a small SDP offer.
pub fn invite() -> Message {
    Message::parse(format!(
        "{}Content-Type: application/sdp\r\n\r\n{SDP}",
        head("INVITE", "sip:bob@example.com", "<sip:bob@example.com>")
    ))
}

/// A BYE of alice in a dialog with bob.
pub fn bye() -> Message {
    let to = "<sip:bob@example.com>;tag=to-1";
    Message::parse(format!("{}\r\n", head("BYE", "sip:bob@192.0.2.20", to)))
}

/// An OPTIONS of alice to bob.
pub fn options() -> Message {
    let to = "<sip:bob@example.com>";
    Message::parse(format!(
        "{}\r\n",
        head("OPTIONS", "sip:bob@example.com", to)
    ))
}

/// A REGISTER of alice for an hour, authenticated.
pub fn register() -> Message {
    let head = head("REGISTER", "sip:example.com", "<sip:alice@example.com>");
    Message::parse(format!("{head}Expires: 3600\r\n\r\n")).user("alice")
}

impl Message {
    /// A response to this request, as a proxy gets it back.
    pub fn response(&self, status: u16, reason: &str) -> Self {
        let mut text = format!("SIP/2.0 {status} {reason}\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            for value in self.headers(name) {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        text.push_str("\r\n");
        Self::parse(text)
    }
}

fn head(method: &str, ruri: &str, to: &str) -> String {
    format!(
        "{method} {ruri} SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-1;rport\r\n\
         Max-Forwards: 70\r\n\
         From: \"Alice\" <sip:alice@example.com>;tag=from-1\r\n\
         To: {to}\r\n\
         Call-ID: call-1@192.0.2.10\r\n\
         CSeq: 1 {method}\r\n\
         Contact: <sip:alice@192.0.2.10:5060>\r\n\
         User-Agent: harness\r\n"
    )
}

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n\
                   m=audio 4000 RTP/AVP 8\r\n";
