//! Messages of our own, from `rsip`'s vocabulary or from text, to bytes.

use super::write::checked;
use super::{NamedField, TypedError, WriteSip};
use crate::view::scan::is_token;
use crate::{HeaderId, Method, reply};

/// A message under construction. The first fault is kept and told at the end. Content-Length is
/// always the body's: one that is given is left out.
#[derive(Clone, Debug)]
#[must_use]
pub struct Build {
    bytes: Vec<u8>,
    fault: Option<TypedError>,
}

impl Build {
    /// A request. `rsip`'s methods turn into [`Method`] with `into()`; extension methods are
    /// [`Method::Ext`]. The URI may be `rsip`'s or a view.
    pub fn request(method: Method<'_>, uri: &impl WriteSip) -> Self {
        let mut build = Self::new();
        build.part(|out| {
            checked(out, method.as_str(), is_token(method.as_bytes()))?;
            out.push(b' ');
            uri.write_sip(out)?;
            out.extend(b" SIP/2.0\r\n");
            Ok(())
        });
        build
    }

    /// A response; without a reason phrase it gets the usual one.
    pub fn response(status: u16, reason: Option<&str>) -> Self {
        let mut build = Self::new();
        let reason = reason.unwrap_or_else(|| reply::reason(status));
        build.part(|out| {
            checked(out, "SIP/2.0 ", (100..700).contains(&status))?;
            out.extend(status.to_string().bytes());
            out.push(b' ');
            checked(out, reason, is_line(reason))?;
            out.extend(b"\r\n");
            Ok(())
        });
        build
    }

    /// Adds a header line of text.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if HeaderId::of(name.as_bytes()) != HeaderId::ContentLength {
            self.line(name, |out| checked(out, value, is_line(value)));
        }
        self
    }

    /// Adds one of `rsip`'s typed headers.
    pub fn field<T: NamedField>(mut self, value: &T) -> Self {
        self.line(T::NAME, |out| value.write_sip(out));
        self
    }

    /// Adds a header line whose value is a name-addr or another written one: Route, Record-Route, Path.
    pub fn value(mut self, name: &str, value: &impl WriteSip) -> Self {
        self.line(name, |out| value.write_sip(out));
        self
    }

    /// Adds `rsip`'s untyped headers, in order.
    pub fn headers(self, headers: &rsip::Headers) -> Self {
        headers.iter().fold(self, |build, header| match header {
            rsip::Header::Other(name, value) => build.header(name, value),
            // Behind the name it prints the text it holds, as it stands.
            known => match known.to_string().split_once(": ") {
                Some((name, value)) => build.header(name, value),
                None => build.failed(TypedError::Unsafe),
            },
        })
    }

    /// Ends the message without a body.
    ///
    /// # Errors
    /// The first fault of any part, see [`WriteSip::write_sip`].
    pub fn end(self) -> Result<Vec<u8>, TypedError> {
        self.body(None, b"")
    }

    /// Ends the message with a body and, if given, its Content-Type.
    ///
    /// # Errors
    /// As [`Build::end`].
    pub fn body(self, content_type: Option<&str>, body: &[u8]) -> Result<Vec<u8>, TypedError> {
        let mut build = match content_type {
            Some(kind) => self.header("Content-Type", kind),
            None => self,
        };
        build.line("Content-Length", |out| {
            out.extend(body.len().to_string().bytes());
            Ok(())
        });
        build.bytes.extend(b"\r\n");
        build.bytes.extend(body);
        build.fault.map_or(Ok(build.bytes), Err)
    }

    fn new() -> Self {
        Self {
            bytes: Vec::new(),
            fault: None,
        }
    }

    fn line(&mut self, name: &str, value: impl FnOnce(&mut Vec<u8>) -> Result<(), TypedError>) {
        self.part(|out| {
            checked(out, name, is_token(name.as_bytes()))?;
            out.extend(b": ");
            value(out)?;
            out.extend(b"\r\n");
            Ok(())
        });
    }

    fn part(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), TypedError>) {
        if self.fault.is_none() {
            self.fault = write(&mut self.bytes).err();
        }
    }

    fn failed(mut self, fault: TypedError) -> Self {
        self.part(|_| Err(fault));
        self
    }
}

impl WriteSip for rsip::Request {
    fn write_sip(&self, out: &mut Vec<u8>) -> Result<(), TypedError> {
        whole_version(&self.version)?;
        let build = Build::request(self.method.into(), &self.uri).headers(&self.headers);
        out.extend(build.body(None, &self.body)?);
        Ok(())
    }
}

/// A status code of `rsip`'s has no reason phrase of its own: it gets the usual one.
impl WriteSip for rsip::Response {
    fn write_sip(&self, out: &mut Vec<u8>) -> Result<(), TypedError> {
        whole_version(&self.version)?;
        let build = match &self.status_code {
            rsip::StatusCode::Other(code, reason) => Build::response(*code, Some(reason)),
            known => Build::response(known.code(), None),
        };
        out.extend(build.headers(&self.headers).body(None, &self.body)?);
        Ok(())
    }
}

impl WriteSip for rsip::SipMessage {
    fn write_sip(&self, out: &mut Vec<u8>) -> Result<(), TypedError> {
        match self {
            Self::Request(request) => request.write_sip(out),
            Self::Response(response) => response.write_sip(out),
        }
    }
}

fn whole_version(version: &rsip::Version) -> Result<(), TypedError> {
    (*version == rsip::Version::V2)
        .then_some(())
        .ok_or(TypedError::Unrepresentable)
}

fn is_line(text: &str) -> bool {
    !text.contains(['\r', '\n', '\0'])
}
