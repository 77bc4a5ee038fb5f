//! A SIP message as a scripted phone reads it: lines of text. Deliberately not
//! Bellhop's own parser, so that a mistake there cannot hide itself here.

/// A message as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    text: String,
}

impl Message {
    /// Takes one message from the front of what a stream brought so far.
    pub fn from_stream(bytes: &mut Vec<u8>) -> Option<Self> {
        let keep_alives = bytes
            .iter()
            .take_while(|byte| b"\r\n".contains(byte))
            .count();
        bytes.drain(..keep_alives);
        let text = String::from_utf8_lossy(bytes).into_owned();
        let head = text.find("\r\n\r\n")? + 4;
        let length = Self::new(text)
            .header("Content-Length")
            .parse::<usize>()
            .unwrap_or(0);
        if bytes.len() < head + length {
            return None;
        }
        let message: Vec<u8> = bytes.drain(..head + length).collect();
        Some(Self::new(String::from_utf8_lossy(&message).into_owned()))
    }

    /// A message that is whole.
    pub fn new(text: String) -> Self {
        Self { text }
    }

    /// The request line or the status line.
    pub fn start_line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    /// The status code, of a response.
    pub fn status(&self) -> Option<u16> {
        self.start_line()
            .strip_prefix("SIP/2.0 ")?
            .get(..3)?
            .parse()
            .ok()
    }

    /// The values of all headers of this name, in their order.
    pub fn headers<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let lines = self
            .text
            .split("\r\n")
            .skip(1)
            .take_while(|line| !line.is_empty());
        let fields = lines.filter_map(|line| line.split_once(':'));
        fields
            .filter(move |(key, _)| key.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// The value of the first header of this name, empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers(name).next().unwrap_or_default()
    }

    /// What stands in the angle brackets of a header.
    pub fn uri(&self, name: &str) -> &str {
        let value = self.header(name);
        let inside = value
            .split_once('<')
            .and_then(|(_, rest)| rest.split_once('>'));
        inside.map_or(value, |(uri, _)| uri)
    }

    /// The lines of these headers, as a response repeats them.
    pub fn lines_of(&self, names: &[&str]) -> String {
        let lines = names.iter().flat_map(|name| {
            self.headers(name)
                .map(move |value| format!("{name}: {value}\r\n"))
        });
        lines.collect()
    }

    /// All of it.
    pub fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_into_messages_and_keep_alives_are_passed_over() {
        let one = "SIP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        let mut bytes = format!("\r\n\r\n{one}SIP/2.0 100").into_bytes();
        assert_eq!(
            Message::from_stream(&mut bytes),
            Some(Message::new(one.to_owned()))
        );
        assert_eq!(Message::from_stream(&mut bytes), None);
        assert_eq!(bytes, b"SIP/2.0 100");
    }

    #[test]
    fn headers_are_found_in_any_case_and_not_in_the_body() {
        let text = "SIP/2.0 200 OK\r\nVIA: a\r\nContact: <sip:b>;x=1\r\nvia: c\r\n\r\nVia: d";
        let message = Message::new(text.to_owned());
        assert_eq!(message.headers("Via").collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(message.uri("contact"), "sip:b");
        assert_eq!(message.status(), Some(200));
    }
}
