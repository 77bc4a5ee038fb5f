//! `http`: one request to one of the hosts that are allowed.

use super::{Guest, Stage};
use crate::config::HttpLimits;
use crate::contract::sip::policy::http::{Error, Host, Request, Response};
use crate::contract::sip::policy::types::HeaderField;
use std::time::{Duration, Instant};
use ureq::Agent;
use ureq::http;
use ureq::tls::{RootCerts, TlsConfig};

/// A plugin's HTTP client: connections are kept and shared by its threads.
#[derive(Debug)]
pub(crate) struct Web {
    agent: Agent,
    allowed: Vec<Allowed>,
    limits: HttpLimits,
}

/// One entry of the list of hosts.
#[derive(Debug, PartialEq, Eq)]
struct Allowed {
    /// Lower case; of a wildcard what stands behind the star, with its dot.
    host: String,
    is_wildcard: bool,
    port: Option<u16>,
    only_tls: bool,
}

impl Host for Guest {
    fn fetch(&mut self, request: Request) -> Result<Response, Error> {
        let Stage::Patient(until) = self.stage else {
            return Err(Error::Denied);
        };
        let Some(web) = &self.facts.web else {
            return Err(Error::Denied);
        };
        let began = Instant::now();
        let answer = web.fetch(request, until.saturating_duration_since(began));
        self.waited = self.waited.saturating_add(began.elapsed());
        answer
    }
}

impl Web {
    /// # Errors
    /// An entry of the list of hosts that is none.
    pub(crate) fn new(limits: &HttpLimits) -> Result<Self, &'static str> {
        let allowed: Option<_> = limits
            .hosts
            .iter()
            .map(|entry| Allowed::read(entry))
            .collect();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .max_idle_connections(limits.concurrency)
            .max_idle_connections_per_host(limits.concurrency)
            .max_response_header_size(64 << 10)
            .user_agent("bellhop")
            .tls_config(TlsConfig::builder().root_certs(RootCerts::WebPki).build());
        Ok(Self {
            agent: config.build().new_agent(),
            allowed: allowed.ok_or("http.hosts: each is a host, host:port or *.domain")?,
            limits: limits.clone(),
        })
    }

    fn fetch(&self, request: Request, left: Duration) -> Result<Response, Error> {
        let asked = request
            .timeout_ms
            .map_or(Duration::MAX, |ms| Duration::from_millis(ms.into()));
        let timeout = asked.min(self.limits.timeout).min(left);
        if timeout.is_zero() {
            return Err(Error::Timeout);
        }
        let body = request.body;
        let mut builder = http::Request::builder()
            .method(method(&request.method)?)
            .uri(&request.url);
        for HeaderField { name, value } in &request.headers {
            if OWN_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own)) {
                return Err(malformed(format!("{name} is the client's own")));
            }
            builder = builder.header(name, value);
        }
        let uri = builder.uri_ref().cloned().unwrap_or_default();
        if !self.allows(&uri) {
            return Err(Error::Denied);
        }
        let answer = match body {
            Some(body) => self.run(builder.body(body), timeout),
            None => self.run(builder.body(()), timeout),
        };
        self.read(answer?)
    }

    fn run(
        &self,
        request: http::Result<http::Request<impl ureq::AsSendBody>>,
        timeout: Duration,
    ) -> Result<http::Response<ureq::Body>, Error> {
        let request = request.map_err(|error| malformed(error.to_string()))?;
        let request = self
            .agent
            .configure_request(request)
            .timeout_global(Some(timeout))
            .allow_non_standard_methods(true)
            .build();
        self.agent.run(request).map_err(failed)
    }

    fn read(&self, mut answer: http::Response<ureq::Body>) -> Result<Response, Error> {
        let limit = u64::try_from(self.limits.response).unwrap_or(u64::MAX);
        let body = answer.body_mut().with_config().limit(limit).read_to_vec();
        let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| HeaderField {
            name: name.as_str().to_owned(),
            value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
        };
        Ok(Response {
            status: answer.status().as_u16(),
            headers: answer.headers().iter().map(field).collect(),
            body: body.map_err(failed)?,
        })
    }

    fn allows(&self, uri: &http::Uri) -> bool {
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return false;
        };
        let is_tls = match scheme {
            "https" => true,
            "http" => false,
            _ => return false,
        };
        // Whoever stands before an @ is read as a name and password by some and as the host by others.
        if authority.as_str().contains('@') {
            return false;
        }
        let default = if is_tls { 443 } else { 80 };
        let port = authority.port_u16().unwrap_or(default);
        let host = authority.host().to_ascii_lowercase();
        let mut allowed = self.allowed.iter();
        allowed.any(|entry| entry.is(&host, port, default, is_tls))
    }
}

impl Allowed {
    fn read(entry: &str) -> Option<Self> {
        let (only_tls, rest) = match entry.strip_prefix("https://") {
            Some(rest) => (true, rest),
            None => (false, entry),
        };
        let (is_wildcard, rest) = match rest.strip_prefix('*') {
            Some(rest) if rest.starts_with('.') => (true, rest),
            Some(_) => return None,
            None => (false, rest),
        };
        let is_bracketed = rest.starts_with('[') && rest.ends_with(']');
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !is_bracketed => (host, Some(port.parse().ok()?)),
            _ => (rest, None),
        };
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b);
        (!host.is_empty() && host.bytes().all(is_plain)).then(|| Self {
            host: host.to_ascii_lowercase(),
            is_wildcard,
            port,
            only_tls,
        })
    }

    fn is(&self, host: &str, port: u16, default: u16, is_tls: bool) -> bool {
        let same = match self.is_wildcard {
            true => host.len() > self.host.len() && host.ends_with(&self.host),
            false => host == self.host,
        };
        same && port == self.port.unwrap_or(default) && (is_tls || !self.only_tls)
    }
}

fn method(name: &str) -> Result<http::Method, Error> {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].contains(&name);
    let method = http::Method::from_bytes(name.as_bytes()).ok();
    method
        .filter(|_| known)
        .ok_or_else(|| malformed(format!("no method for this: {name:.16}")))
}

fn failed(error: ureq::Error) -> Error {
    match error {
        ureq::Error::Timeout(_) => Error::Timeout,
        ureq::Error::BodyExceedsLimit(_) | ureq::Error::LargeResponseHeader(..) => Error::TooLarge,
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => Error::Timeout,
        ureq::Error::BadUri(why) => malformed(why),
        ureq::Error::Http(error) => malformed(error.to_string()),
        ureq::Error::Protocol(error) => malformed(error.to_string()),
        error => Error::Unreachable(error.to_string()),
    }
}

fn malformed(why: String) -> Error {
    Error::Malformed(why)
}

/// What would let a plugin's request end elsewhere than where it says.
const OWN_HEADERS: [&str; 6] = [
    "Host",
    "Content-Length",
    "Transfer-Encoding",
    "Connection",
    "Upgrade",
    "Proxy-Authorization",
];

#[cfg(test)]
mod tests;
