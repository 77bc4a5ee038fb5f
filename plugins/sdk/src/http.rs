//! Ask a service beside the host. Capability "http"; denied outside of hooks on requests.

use crate::{HeaderField, host::http};

pub use crate::bindings::sip::policy::http::{Error, Request, Response};

impl Request {
    /// GET a URL of one of the hosts that the configuration allows.
    pub fn to(url: impl Into<String>) -> Self {
        Self {
            method: "GET".to_owned(),
            url: url.into(),
            headers: Vec::new(),
            body: None,
            timeout_ms: None,
        }
    }

    /// POST it with this body.
    pub fn post(mut self, content_type: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        self.method = "POST".to_owned();
        self.body = Some(body.into());
        self.header("Content-Type", content_type)
    }

    /// With one more header field.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(HeaderField {
            name: name.into(),
            value: value.into(),
        });
        self
    }

    /// Given up after so many milliseconds.
    pub fn timeout_ms(mut self, timeout_ms: u32) -> Self {
        self.timeout_ms = Some(timeout_ms);
        self
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// No answer: see [`Error`]. A status of any kind is an answer.
    pub fn fetch(&self) -> Result<Response, Error> {
        http::fetch(self)
    }
}

impl Response {
    /// The first value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.headers.iter();
        let field = fields.find(|field| field.name.eq_ignore_ascii_case(name))?;
        Some(&field.value)
    }

    /// The body, if it is UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.body).ok()
    }
}

/// Percent-encodes what goes into a path segment or a query value (RFC 3986, 2.3).
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => {
                let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
                out.push('%');
                out.push(digit(byte >> 4).to_ascii_uppercase());
                out.push(digit(byte & 15).to_ascii_uppercase());
            }
        }
    }
    out
}
