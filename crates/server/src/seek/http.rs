//! Users of a service: one GET for each name.

use super::told::Told;
use crate::{config::Trust, web};
use std::time::Duration;
use ureq::Agent;

/// A client that keeps its connections.
#[derive(Debug)]
pub(super) struct Service {
    agent: Agent,
}

impl Service {
    /// One that gives a request up after `timeout`.
    ///
    /// # Errors
    /// The certificates cannot be read.
    pub(super) fn new(timeout: Duration, trust: &Trust) -> Result<Self, String> {
        let agent = web::agent(timeout, trust).map_err(|why| format!("users.ca: {why}"))?;
        Ok(Self { agent })
    }

    /// Asks for a name: 200 with a user as JSON, or 404.
    ///
    /// # Errors
    /// Why that cannot be found out, for the operator.
    pub(super) fn ask(
        &self,
        before: &str,
        name: &str,
        after: &str,
        trust: &Trust,
    ) -> Result<Option<Told>, String> {
        let Some(segment) = segment(name) else {
            return Ok(None);
        };
        let mut request = self
            .agent
            .get(format!("{before}{segment}{after}"))
            .header("Accept", "application/json");
        if let Some(token) = web::authorization(trust) {
            request = request.header("Authorization", token);
        }
        let mut response = request.call().map_err(|error| error.to_string())?;
        match response.status().as_u16() {
            200 => {}
            404 => return Ok(None),
            status => return Err(format!("it answered {status}; allowed: 200 or 404")),
        }
        let body = response
            .body_mut()
            .with_config()
            .limit(LONGEST)
            .read_to_vec()
            .map_err(|error| error.to_string())?;
        // The text itself may hold a password.
        let told = serde_json::from_slice(&body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            format!("its answer is no user as JSON (line {line}, column {column})")
        })?;
        Ok(Some(told))
    }
}

/// A name as a part of a URL (RFC 3986 2.1): whatever is in it, it stays one segment of the path or one value of the
/// query. `None`: a name that means another place.
fn segment(name: &str) -> Option<String> {
    if matches!(name, "." | "..") {
        return None;
    }
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    Some(text)
}

/// Bytes of an answer.
const LONGEST: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn a_name_stays_one_segment_of_the_url() {
        assert_eq!(segment("6001").unwrap(), "6001");
        assert_eq!(
            segment("a/../b?c#d&e=f g").unwrap(),
            "a%2F..%2Fb%3Fc%23d%26e%3Df%20g"
        );
        assert_eq!(segment("größe").unwrap(), "gr%C3%B6%C3%9Fe");
        assert_eq!(segment(".."), None);
    }
}
