//! A whole message in `rsip`'s vocabulary, from our index.

use super::{ToRsip, TypedError, unfold};
use crate::{HeaderId, Message, Start, UriRef, reply};
use rsip::headers as h;
use rsip::headers::UntypedHeader;

/// The message as `rsip` holds one: header values as text, unfolded, names in full; the body as bytes.
/// A reason phrase that is not the usual one of its code makes the status an `Other` one.
///
/// # Errors
/// `Unrepresentable` for extension methods and URI headers, `Text` for header values that are not
/// UTF-8, `Bad` for a Request-URI that cannot be read.
pub fn rsip_message(message: Message<'_>) -> Result<rsip::SipMessage, TypedError> {
    let mut headers = rsip::Headers::default();
    for field in message.all_fields() {
        let name = std::str::from_utf8(field.name).map_err(|_| TypedError::Text)?;
        headers.push(typed(field.id, name, unfold(field.value)?.into_owned()));
    }
    let body = message.body().to_vec();
    let version = rsip::Version::V2;
    Ok(match message.start() {
        Start::Request { method, uri } => rsip::SipMessage::Request(rsip::Request {
            method: method.to_rsip()?,
            uri: UriRef::parse(uri)?.to_rsip()?,
            version,
            headers,
            body,
        }),
        Start::Response { status, reason } => rsip::SipMessage::Response(rsip::Response {
            status_code: if reason == reply::reason(status).as_bytes() {
                status.into()
            } else {
                rsip::StatusCode::Other(status, unfold(reason)?.into_owned())
            },
            version,
            headers,
            body,
        }),
    })
}

/// One header line as `rsip` holds it, by its name in any spelling.
///
/// # Errors
/// `Unsafe` for a CR, LF or NUL that is no fold's.
pub fn header(name: &str, value: &str) -> Result<rsip::Header, TypedError> {
    let value = unfold(value.as_bytes())?.into_owned();
    Ok(typed(HeaderId::of(name.as_bytes()), name, value))
}

fn typed(id: HeaderId, name: &str, value: String) -> rsip::Header {
    match id {
        HeaderId::Accept => h::Accept::new(value).into(),
        HeaderId::Allow => h::Allow::new(value).into(),
        HeaderId::AlertInfo => h::AlertInfo::new(value).into(),
        HeaderId::AuthenticationInfo => h::AuthenticationInfo::new(value).into(),
        HeaderId::Authorization => h::Authorization::new(value).into(),
        HeaderId::CallId => h::CallId::new(value).into(),
        HeaderId::CallInfo => h::CallInfo::new(value).into(),
        HeaderId::Contact => h::Contact::new(value).into(),
        HeaderId::ContentEncoding => h::ContentEncoding::new(value).into(),
        HeaderId::ContentLength => h::ContentLength::new(value).into(),
        HeaderId::ContentType => h::ContentType::new(value).into(),
        HeaderId::CSeq => h::CSeq::new(value).into(),
        HeaderId::Date => h::Date::new(value).into(),
        HeaderId::Event => h::Event::new(value).into(),
        HeaderId::Expires => h::Expires::new(value).into(),
        HeaderId::From => h::From::new(value).into(),
        HeaderId::MaxForwards => h::MaxForwards::new(value).into(),
        HeaderId::MinExpires => h::MinExpires::new(value).into(),
        HeaderId::ProxyAuthenticate => h::ProxyAuthenticate::new(value).into(),
        HeaderId::ProxyAuthorization => h::ProxyAuthorization::new(value).into(),
        HeaderId::ProxyRequire => h::ProxyRequire::new(value).into(),
        HeaderId::RecordRoute => h::RecordRoute::new(value).into(),
        HeaderId::Require => h::Require::new(value).into(),
        HeaderId::RetryAfter => h::RetryAfter::new(value).into(),
        HeaderId::Route => h::Route::new(value).into(),
        HeaderId::Server => h::Server::new(value).into(),
        HeaderId::Subject => h::Subject::new(value).into(),
        HeaderId::SubscriptionState => h::SubscriptionState::new(value).into(),
        HeaderId::Supported => h::Supported::new(value).into(),
        HeaderId::To => h::To::new(value).into(),
        HeaderId::Unsupported => h::Unsupported::new(value).into(),
        HeaderId::UserAgent => h::UserAgent::new(value).into(),
        HeaderId::Via => h::Via::new(value).into(),
        HeaderId::Warning => h::Warning::new(value).into(),
        HeaderId::WwwAuthenticate => h::WwwAuthenticate::new(value).into(),
        HeaderId::Other => unlisted(name, value),
        named => rsip::Header::Other(named.name().into(), value),
    }
}

/// Headers that `rsip` knows and our index does not.
fn unlisted(name: &str, value: String) -> rsip::Header {
    match name.to_ascii_lowercase().as_str() {
        "accept-encoding" => h::AcceptEncoding::new(value).into(),
        "accept-language" => h::AcceptLanguage::new(value).into(),
        "content-disposition" => h::ContentDisposition::new(value).into(),
        "content-language" => h::ContentLanguage::new(value).into(),
        "error-info" => h::ErrorInfo::new(value).into(),
        "in-reply-to" => h::InReplyTo::new(value).into(),
        "mime-version" => h::MimeVersion::new(value).into(),
        "organization" => h::Organization::new(value).into(),
        "priority" => h::Priority::new(value).into(),
        "reply-to" => h::ReplyTo::new(value).into(),
        "timestamp" => h::Timestamp::new(value).into(),
        _ => rsip::Header::Other(name.into(), value),
    }
}
