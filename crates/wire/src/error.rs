//! What can be wrong with a message, and the status that says so.

use crate::HeaderId;
use std::fmt;

/// A fault in a message: what, and in which header field if it is one's. `Display` is the reason
/// phrase of the answer ("Bad CSeq", "Missing Call-ID", "Duplicate Content-Length", ...).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// What is wrong.
    pub kind: Kind,
    /// The header field it is wrong in; `None` for the start line and the message as a whole.
    pub header: Option<HeaderId>,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Start line that is neither a request line nor a status line (RFC 3261 7.1, 7.2).
    StartLine,
    /// SIP version other than 2.0: 505.
    Version,
    /// Request-URI that cannot be read: 400.
    RequestUri,
    /// Request-URI with a scheme we do not route: 416.
    Scheme,
    /// Start line longer than [`crate::Limits::line`]: 414.
    UriTooLong,
    /// Header name that is not a token, or a line without a colon.
    HeaderName,
    /// More header lines than [`crate::Limits::headers`].
    TooManyHeaders,
    /// A header line longer than [`crate::Limits::line`].
    LineTooLong,
    /// A message whose header fields alone are longer than [`crate::Limits::message`]: 513.
    MessageTooLong,
    /// A message whose body makes it longer than [`crate::Limits::message`]: 413.
    BodyTooLong,
    /// No empty line after the header fields.
    Truncated,
    /// A mandatory header field is not there (RFC 3261 8.1.1).
    Missing,
    /// A header field that may stand once stands twice.
    Duplicate,
    /// A header field whose value does not follow its grammar.
    Syntax,
    /// A number out of range.
    Number,
    /// Content-Length larger than what came (datagram), or absent (stream).
    ContentLength,
    /// The CSeq method is not the request's (RFC 3261 8.1.1.5).
    MethodMismatch,
    /// Max-Forwards is 0: 483.
    TooManyHops,
}

impl Error {
    /// An error of a header field.
    pub const fn of(kind: Kind, header: HeaderId) -> Self {
        Self {
            kind,
            header: Some(header),
        }
    }

    /// An error of the message as a whole or its start line.
    pub const fn message(kind: Kind) -> Self {
        Self { kind, header: None }
    }

    /// The status code an element answers with (RFC 3261 21.4, 21.5).
    pub const fn status(self) -> u16 {
        match self.kind {
            Kind::Version => 505,
            Kind::Scheme => 416,
            Kind::UriTooLong => 414,
            Kind::MessageTooLong => 513,
            Kind::BodyTooLong => 413,
            Kind::TooManyHops => 483,
            _ => 400,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.kind {
            Kind::StartLine => "Bad start line",
            Kind::Version => "SIP version not supported",
            Kind::RequestUri => "Bad Request-URI",
            Kind::Scheme => "Unsupported URI scheme",
            Kind::UriTooLong => "Request-URI too long",
            Kind::HeaderName => "Bad header name",
            Kind::TooManyHeaders => "Too many header fields",
            Kind::LineTooLong => "Header field too long",
            Kind::MessageTooLong => "Message too large",
            Kind::BodyTooLong => "Body too large",
            Kind::Truncated => "No end of header fields",
            Kind::Missing => "Missing",
            Kind::Duplicate => "Duplicate",
            Kind::Syntax | Kind::Number => "Bad",
            Kind::ContentLength => "Content-Length does not fit",
            Kind::MethodMismatch => "CSeq method is not the request's",
            Kind::TooManyHops => "Too Many Hops",
        };
        f.write_str(text)?;
        match (self.kind, self.header) {
            (Kind::Missing | Kind::Duplicate | Kind::Syntax | Kind::Number, Some(id)) => {
                write!(f, " {}", id.name())
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
