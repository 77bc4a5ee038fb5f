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
    /// The challenge's nonce, as it stands there between its quotes.
    pub nonce: &'a str,
    /// The challenge's opaque, as it stands there.
    pub opaque: Option<&'a str>,
    /// What is protected.
    pub qop: Qop<'a>,
    /// How often this nonce was used, with this time.
    pub count: u32,
    /// The client's own nonce.
    pub cnonce: &'a str,
}

/// The quality of protection (RFC 7616 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qop<'a> {
    /// None was offered: a response as RFC 2069 has it, without count.
    None,
    /// `auth`.
    Auth,
    /// `auth-int`, over this body.
    AuthInt(&'a [u8]),
}

impl Answer<'_> {
    /// The value of Authorization or Proxy-Authorization. `None`: there is no hash of this algorithm, or
    /// something cannot stand in a header line.
    pub fn credentials(&self, ha1: &Ha1, user: &str, realm: &str) -> Option<String> {
        let Self {
            algorithm,
            uri,
            nonce,
            opaque,
            cnonce,
            ..
        } = *self;
        let given = [user, realm, uri, nonce, cnonce, opaque.unwrap_or_default()];
        let breaks = |text: &&str| text.bytes().any(|byte| byte.is_ascii_control());
        if given.iter().any(breaks) || uri.contains(['"', '\\']) {
            return None;
        }
        let nc = format!("{:08x}", self.count);
        let response = self.response(ha1, &nc)?;
        let (user, realm) = (quotable(user), quotable(realm));
        let token = algorithm.token();
        let mut value = format!(
            "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
             response=\"{response}\", algorithm={token}"
        );
        if let Some(qop) = self.qop.token() {
            value.push_str(&format!(", qop={qop}, nc={nc}, cnonce=\"{cnonce}\""));
        }
        if let Some(opaque) = opaque {
            value.push_str(&format!(", opaque=\"{opaque}\""));
        }
        Some(value)
    }

    /// RFC 7616 3.4.1 to 3.4.3.
    fn response(&self, ha1: &Ha1, nc: &str) -> Option<String> {
        let algorithm = self.algorithm;
        let (method, uri) = (self.method.as_bytes(), self.uri.as_bytes());
        let a1 = ha1.hash(algorithm)?.hex();
        let (a1, nonce) = (a1.as_bytes(), self.nonce.as_bytes());
        let a2 = match self.qop {
            Qop::None | Qop::Auth => algorithm.hash(&[method, uri]),
            Qop::AuthInt(body) => {
                algorithm.hash(&[method, uri, algorithm.hash(&[body]).hex().as_bytes()])
            }
        };
        let a2 = a2.hex();
        let a2 = a2.as_bytes();
        let hash = match self.qop.token() {
            None => algorithm.hash(&[a1, nonce, a2]),
            Some(qop) => {
                let cnonce = self.cnonce.as_bytes();
                algorithm.hash(&[a1, nonce, nc.as_bytes(), cnonce, qop.as_bytes(), a2])
            }
        };
        String::from_utf8(hash.hex().as_bytes().to_vec()).ok()
    }
}

impl Qop<'_> {
    /// As the parameter writes it.
    const fn token(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Auth => Some("auth"),
            Self::AuthInt(_) => Some("auth-int"),
        }
    }
}

/// With quoted pairs where there must be some (RFC 3261 25.1).
fn quotable(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellhop_wire::{Credentials, view::auth::unescape};

    const RFC_2617: Answer<'_> = Answer {
        algorithm: Algorithm::Md5,
        method: "GET",
        uri: "/dir/index.html",
        nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        opaque: Some("5ccc069c403ebaf9f0171e9517f40e41"),
        qop: Qop::Auth,
        count: 1,
        cnonce: "0a4f113b",
    };

    fn value(answer: &Answer<'_>, password: &str) -> String {
        let ha1 = Ha1::of_password("Mufasa", "testrealm@host.com", password);
        let value = answer.credentials(&ha1, "Mufasa", "testrealm@host.com");
        value.unwrap()
    }

    #[test]
    fn the_credentials_of_rfc_7616_3_9_1() {
        let md5 = Answer {
            nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            opaque: Some("FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"),
            cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            ..RFC_2617
        };
        let sha256 = Answer {
            algorithm: Algorithm::Sha256,
            ..md5
        };
        let ha1 = Ha1::of_password("Mufasa", "http-auth@example.org", "Circle of Life");
        for (answer, response) in [
            (md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (
                sha256,
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let value = answer.credentials(&ha1, "Mufasa", "http-auth@example.org");
            let value = value.unwrap();
            let read = Credentials::parse(value.as_bytes()).unwrap();
            assert_eq!(read.response, Some(response.as_bytes()), "{value}");
            let opaque = &b"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"[..];
            assert_eq!(read.opaque, Some(opaque));
            assert_eq!(read.nc, Some(&b"00000001"[..]));
        }
    }

    #[test]
    fn the_credentials_of_rfc_2617_3_5() {
        let value = value(&RFC_2617, "Circle Of Life");
        assert!(
            value.contains("\"6629fae49393a05397450978507c4ef1\""),
            "{value}"
        );
    }

    #[test]
    fn without_qop_the_credentials_are_those_of_rfc_2069_and_have_no_count() {
        let answer = Answer {
            qop: Qop::None,
            ..RFC_2617
        };
        let value = value(&answer, "CircleOfLife");
        // RFC 2069 2.4, as its erratum 749 corrects it.
        assert!(
            value.contains("\"1949323746fe6a43ef61f9606e7febea\""),
            "{value}"
        );
        assert!(!value.contains("nc=") && !value.contains("cnonce") && !value.contains("qop"));
    }

    #[test]
    fn auth_int_covers_the_body() {
        let answer = Answer {
            qop: Qop::AuthInt(b"body"),
            ..RFC_2617
        };
        let value = value(&answer, "Circle Of Life");
        // Made with another implementation of MD5.
        assert!(
            value.contains("\"f93d61f87864e6c8c6a46b339ad998de\""),
            "{value}"
        );
        assert!(value.contains("qop=auth-int"), "{value}");
    }

    #[test]
    fn quotes_in_a_name_are_quoted_and_line_breaks_are_refused() {
        let name = "a\"\\b";
        let ha1 = Ha1::of_password(name, "r", "p");
        let value = RFC_2617.credentials(&ha1, name, "r").unwrap();
        let read = Credentials::parse(value.as_bytes()).unwrap();
        assert_eq!(unescape(read.username.unwrap()).as_ref(), name.as_bytes());
        for bad in [
            RFC_2617.credentials(&ha1, "a\r\nVia: x", "r"),
            RFC_2617.credentials(&ha1, "a", "r\n"),
            Answer {
                uri: "sip:a\"b",
                ..RFC_2617
            }
            .credentials(&ha1, "a", "r"),
        ] {
            assert_eq!(bad, None);
        }
    }
}
