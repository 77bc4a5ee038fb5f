//! Who is let in. With a token: whoever shows it (RFC 6750 2.1). Without one the port is on loopback, where
//! a browser is a program of this machine too, and web pages order it about: so the Host must be loopback
//! (a page's own name that is made to stand for 127.0.0.1 is none), and what changes something must not
//! come from a page (Fetch, 3.2: each POST of a page has an Origin).

use super::answer::{Answer, closing};
use crate::config::Secret;
use hyper::{
    Method, StatusCode,
    header::{AUTHORIZATION, HOST, HeaderValue, ORIGIN, WWW_AUTHENTICATE},
    http::request::Parts,
};
use std::net::IpAddr;
use subtle::ConstantTimeEq as _;

/// Lets a request in.
///
/// # Errors
/// What to answer instead.
pub(super) fn admit(head: &Parts, token: Option<&Secret>) -> Result<(), Box<Answer>> {
    let Some(token) = token else {
        return from_here(head).map_err(|why| Box::new(closing(StatusCode::FORBIDDEN, why)));
    };
    if OPEN.contains(&head.uri.path()) || shows(head, token) {
        return Ok(());
    }
    let mut refusal = closing(
        StatusCode::UNAUTHORIZED,
        "needs Authorization: Bearer TOKEN",
    );
    let challenge = HeaderValue::from_static("Bearer realm=\"bellhop\"");
    refusal.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    Err(Box::new(refusal))
}

fn shows(head: &Parts, token: &Secret) -> bool {
    let mut values = head.headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let shown = value.as_bytes().split_at_checked(SCHEME.len());
    shown.is_some_and(|(scheme, shown)| {
        scheme.eq_ignore_ascii_case(SCHEME) && bool::from(shown.ct_eq(token.reveal().as_bytes()))
    })
}

fn from_here(head: &Parts) -> Result<(), &'static str> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err("one Host, please");
    };
    let named = [host.to_str().ok(), head.uri.authority().map(|a| a.as_str())];
    let all_are_here = named.into_iter().flatten().all(is_here);
    if host.to_str().is_err() || !all_are_here {
        return Err(
            "this port without a token is for this machine: the Host must be a loopback address",
        );
    }
    if head.method == Method::POST && head.headers.contains_key(ORIGIN) {
        return Err("this port without a token takes no orders from web pages");
    }
    Ok(())
}

/// Whether `host[:port]` is this machine, whatever a name server says.
fn is_here(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(host, _)| host),
        None => authority
            .split_once(':')
            .map_or(authority, |(host, _)| host),
    };
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// What a health check may ask without a token: it tells strangers nothing but that we are there.
const OPEN: [&str; 2] = ["/live", "/ready"];
const SCHEME: &[u8] = b"Bearer ";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use hyper::Request;

    fn head(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn status(head: &Parts, token: Option<&str>) -> u16 {
        let token = token.map(|token| Secret::new(token.to_owned()));
        admit(head, token.as_ref()).map_or_else(|refusal| refusal.status().as_u16(), |()| 200)
    }

    #[test]
    fn with_a_token_all_but_health_needs_it() {
        let get = |path, auth: &str| {
            status(
                &head("GET", path, &[("Authorization", auth)]),
                Some("t0ken"),
            )
        };
        assert_eq!(get("/status", "Bearer t0ken"), 200);
        assert_eq!(get("/status", "bearer t0ken"), 200);
        for wrong in [
            "Bearer t0ke",
            "Bearer t0ken ",
            "Bearer",
            "Basic t0ken",
            "t0ken",
            "",
        ] {
            assert_eq!(get("/status", wrong), 401, "{wrong:?}");
            assert_eq!(get("/ready/", wrong), 401, "{wrong:?}");
            assert_eq!(get("/ready", wrong), 200);
        }
        let twice = [
            ("Authorization", "Bearer t0ken"),
            ("Authorization", "Bearer x"),
        ];
        assert_eq!(status(&head("GET", "/status", &twice), Some("t0ken")), 401);
        assert_eq!(status(&head("GET", "/live", &[]), Some("t0ken")), 200);
    }

    #[test]
    fn without_a_token_a_name_that_stands_for_loopback_is_refused() {
        let get = |host: &str| status(&head("GET", "/status", &[("Host", host)]), None);
        for here in [
            "127.0.0.1:8060",
            "localhost",
            "LOCALHOST:1",
            "[::1]:8060",
            "127.9.9.9",
        ] {
            assert_eq!(get(here), 200, "{here}");
        }
        for away in [
            "evil.example:8060",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "192.0.2.1",
            "[::2]",
            "[::1",
            "::1",
            "",
        ] {
            assert_eq!(get(away), 403, "{away}");
        }
        assert_eq!(status(&head("GET", "/status", &[]), None), 403);
        let two = [("Host", "localhost"), ("Host", "evil.example")];
        assert_eq!(status(&head("GET", "/status", &two), None), 403);
        let absolute = head(
            "GET",
            "http://evil.example/status",
            &[("Host", "localhost")],
        );
        assert_eq!(status(&absolute, None), 403);
    }

    #[test]
    fn without_a_token_no_page_gives_orders() {
        let page = |method, origin: &[(&str, &str)]| {
            let headers = [&[("Host", "localhost:8060")], origin].concat();
            status(&head(method, "/reload", &headers), None)
        };
        assert_eq!(page("POST", &[]), 200);
        for origin in ["null", "http://localhost:8060", "https://evil.example"] {
            assert_eq!(page("POST", &[("Origin", origin)]), 403, "{origin}");
        }
    }
}
