//! The client's side of digest: the response to a challenge (RFC 7616 3.4.1).

use super::{Algorithm, Ha1};

/// What a client answers a challenge with.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Which of the offered algorithms.
    pub algorithm: Algorithm,
    /// The request's method.
    pub method: &'a str,
    /// The `uri` parameter: the Request-URI.
    pub uri: &'a str,
    /// The challenge's nonce.
    pub nonce: &'a str,
    /// How often this nonce was used, with this time.
    pub count: u32,
    /// The client's own nonce.
    pub cnonce: &'a str,
}

impl Answer<'_> {
    /// The value of Authorization or Proxy-Authorization with qop=auth. `None`: there is no hash of
    /// this algorithm.
    pub fn credentials(&self, ha1: &Ha1, user: &str, realm: &str) -> Option<String> {
        let Self {
            algorithm,
            method,
            uri,
            nonce,
            count,
            cnonce,
        } = *self;
        let nc = format!("{count:08x}");
        let first = ha1.hash(algorithm)?.hex();
        let second = algorithm.hash(&[method.as_bytes(), uri.as_bytes()]).hex();
        let parts = [
            first.as_bytes(),
            nonce.as_bytes(),
            nc.as_bytes(),
            cnonce.as_bytes(),
            b"auth",
            second.as_bytes(),
        ];
        let response = algorithm.hash(&parts).hex();
        let response = std::str::from_utf8(response.as_bytes()).ok()?;
        let token = algorithm.token();
        Some(format!(
            "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
             response=\"{response}\", algorithm={token}, qop=auth, nc={nc}, cnonce=\"{cnonce}\""
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_credentials_of_rfc_7616_3_9_1() {
        let answer = Answer {
            algorithm: Algorithm::Sha256,
            method: "GET",
            uri: "/dir/index.html",
            nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            count: 1,
            cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        };
        let ha1 = Ha1::of_password("Mufasa", "http-auth@example.org", "Circle of Life");
        let value = answer
            .credentials(&ha1, "Mufasa", "http-auth@example.org")
            .unwrap();
        let expected = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
        assert!(value.contains(expected), "{value}");
    }
}
