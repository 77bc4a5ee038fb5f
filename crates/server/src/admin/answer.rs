//! Answers as clients get them: JSON, but for the metrics.

use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    body::Bytes,
    header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS},
};
use serde::Serialize;

/// A whole answer.
pub(super) type Answer = Response<Full<Bytes>>;

/// A value as JSON.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(mut text) => {
            text.push(b'\n');
            whole(status, "application/json", text)
        }
        // A path that is no UTF-8 is the one thing that JSON cannot hold.
        Err(error) => self::error(
            StatusCode::INTERNAL_SERVER_ERROR,
            &format!("no JSON: {error}"),
        ),
    }
}

/// What is wrong.
pub(super) fn error(status: StatusCode, text: &str) -> Answer {
    let value = serde_json::json!({ "error": text });
    whole(status, "application/json", format!("{value}\n").into())
}

/// What is wrong, and the connection is closed.
pub(super) fn closing(status: StatusCode, text: &str) -> Answer {
    let mut answer = error(status, text);
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// A text of this type.
pub(super) fn whole(status: StatusCode, kind: &'static str, text: Vec<u8>) -> Answer {
    let mut answer = Response::new(Full::new(text.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}
