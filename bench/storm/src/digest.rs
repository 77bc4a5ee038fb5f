//! Digest access authentication (RFC 7616, RFC 8760), client side.

use crate::wire::Put;
use md5::{Digest, Md5};
use sha2::Sha256;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Alg {
    #[default]
    Md5,
    Sha256,
}

/// What a server asked for, kept so that a nonce can be used again.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) alg: Alg,
    pub(crate) realm: Vec<u8>,
    pub(crate) nonce: Vec<u8>,
    pub(crate) opaque: Vec<u8>,
    pub(crate) qop_auth: bool,
    pub(crate) stale: bool,
    pub(crate) proxy: bool,
}

pub(crate) struct Hex {
    buf: [u8; 64],
    len: usize,
}

impl Hex {
    fn of(raw: &[u8]) -> Hex {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut buf = [0; 64];
        for (i, b) in raw.iter().enumerate() {
            buf[2 * i] = DIGITS[(b >> 4) as usize];
            buf[2 * i + 1] = DIGITS[(b & 15) as usize];
        }
        Hex {
            buf,
            len: raw.len() * 2,
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.buf[..self.len]
    }
}

/// Hash of the parts joined by ':'.
pub(crate) fn hash(alg: Alg, parts: &[&[u8]]) -> Hex {
    fn run<D: Digest>(parts: &[&[u8]]) -> Hex {
        let mut d = D::new();
        for (i, p) in parts.iter().enumerate() {
            if i > 0 {
                d.update(b":");
            }
            d.update(p);
        }
        Hex::of(&d.finalize())
    }
    match alg {
        Alg::Md5 => run::<Md5>(parts),
        Alg::Sha256 => run::<Sha256>(parts),
    }
}

/// Reads the value of a WWW-Authenticate or Proxy-Authenticate header; None when the
/// scheme, the algorithm or the quality of protection is one this client lacks.
pub(crate) fn parse_challenge(value: &[u8], proxy: bool) -> Option<Challenge> {
    let rest = value.trim_ascii();
    if rest.len() < 7 || !rest[..6].eq_ignore_ascii_case(b"Digest") {
        return None;
    }
    let mut c = Challenge {
        proxy,
        ..Challenge::default()
    };
    let mut qop_seen = false;
    let mut rest = &rest[6..];
    while let Some(eq) = rest.iter().position(|b| *b == b'=') {
        let name = rest[..eq].trim_ascii();
        rest = rest[eq + 1..].trim_ascii_start();
        let val;
        if rest.first() == Some(&b'"') {
            let end = rest[1..].iter().position(|b| *b == b'"')? + 1;
            val = &rest[1..end];
            rest = &rest[end + 1..];
        } else {
            let end = rest.iter().position(|b| *b == b',').unwrap_or(rest.len());
            val = rest[..end].trim_ascii();
            rest = &rest[end..];
        }
        rest = rest.trim_ascii_start();
        rest = rest.strip_prefix(b",").unwrap_or(rest);
        match name.to_ascii_lowercase().as_slice() {
            b"realm" => c.realm = val.to_vec(),
            b"nonce" => c.nonce = val.to_vec(),
            b"opaque" => c.opaque = val.to_vec(),
            b"stale" => c.stale = val.eq_ignore_ascii_case(b"true"),
            b"algorithm" => {
                c.alg = match val.to_ascii_uppercase().as_slice() {
                    b"MD5" => Alg::Md5,
                    b"SHA-256" => Alg::Sha256,
                    _ => return None,
                }
            }
            b"qop" => {
                qop_seen = true;
                c.qop_auth |= val
                    .split(|b| *b == b',')
                    .any(|q| q.trim_ascii().eq_ignore_ascii_case(b"auth"));
            }
            _ => {}
        }
    }
    (!c.nonce.is_empty() && (!qop_seen || c.qop_auth)).then_some(c)
}

pub(crate) struct Credentials<'a> {
    pub(crate) user: &'a [u8],
    pub(crate) password: &'a [u8],
    pub(crate) method: &'a [u8],
    pub(crate) uri: &'a [u8],
    pub(crate) nc: u32,
    pub(crate) cnonce: u64,
}

/// Appends a whole Authorization or Proxy-Authorization header line.
pub(crate) fn authorize(c: &Challenge, k: &Credentials<'_>, out: &mut Vec<u8>) {
    let ha1 = hash(c.alg, &[k.user, &c.realm, k.password]);
    let ha2 = hash(c.alg, &[k.method, k.uri]);
    let mut fields = Vec::with_capacity(24);
    fields.hex(u64::from(k.nc), 8).hex(k.cnonce, 16);
    let (nc, cnonce) = fields.split_at(8);
    let response = if c.qop_auth {
        hash(
            c.alg,
            &[
                ha1.as_bytes(),
                &c.nonce,
                nc,
                cnonce,
                b"auth",
                ha2.as_bytes(),
            ],
        )
    } else {
        hash(c.alg, &[ha1.as_bytes(), &c.nonce, ha2.as_bytes()])
    };
    out.b(if c.proxy {
        b"Proxy-Authorization"
    } else {
        b"Authorization"
    });
    out.s(": Digest username=\"")
        .b(k.user)
        .s("\", realm=\"")
        .b(&c.realm);
    out.s("\", nonce=\"").b(&c.nonce).s("\", uri=\"").b(k.uri);
    out.s("\", response=\"").b(response.as_bytes());
    out.s(if c.alg == Alg::Md5 {
        "\", algorithm=MD5"
    } else {
        "\", algorithm=SHA-256"
    });
    if c.qop_auth {
        out.s(", qop=auth, nc=")
            .b(nc)
            .s(", cnonce=\"")
            .b(cnonce)
            .s("\"");
    }
    if !c.opaque.is_empty() {
        out.s(", opaque=\"").b(&c.opaque).s("\"");
    }
    out.s("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc2617_vector() {
        let ha1 = hash(
            Alg::Md5,
            &[b"Mufasa", b"testrealm@host.com", b"Circle Of Life"],
        );
        assert_eq!(ha1.as_bytes(), b"939e7578ed9e3c518a452acee763bce9");
        let ha2 = hash(Alg::Md5, &[b"GET", b"/dir/index.html"]);
        let r = hash(
            Alg::Md5,
            &[
                ha1.as_bytes(),
                b"dcd98b7102dd2f0e8b11d0f600bfb0c093",
                b"00000001",
                b"0a4f113b",
                b"auth",
                ha2.as_bytes(),
            ],
        );
        assert_eq!(r.as_bytes(), b"6629fae49393a05397450978507c4ef1");
    }

    #[test]
    fn rfc7616_sha256_vector() {
        let ha1 = hash(
            Alg::Sha256,
            &[b"Mufasa", b"http-auth@example.org", b"Circle of Life"],
        );
        let ha2 = hash(Alg::Sha256, &[b"GET", b"/dir/index.html"]);
        let r = hash(
            Alg::Sha256,
            &[
                ha1.as_bytes(),
                b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
                b"00000001",
                b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
                b"auth",
                ha2.as_bytes(),
            ],
        );
        assert_eq!(
            r.as_bytes(),
            b"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    #[test]
    fn challenge_fields() {
        let v = br#"Digest realm="a, b", nonce="n=1==", algorithm=SHA-256, qop="auth-int,auth", opaque="o", stale=TRUE"#;
        let c = parse_challenge(v, true).unwrap();
        assert_eq!(
            (c.alg, c.qop_auth, c.stale, c.proxy),
            (Alg::Sha256, true, true, true)
        );
        assert_eq!(
            (&c.realm[..], &c.nonce[..], &c.opaque[..]),
            (&b"a, b"[..], &b"n=1=="[..], &b"o"[..])
        );
    }

    #[test]
    fn challenge_without_qop_and_refusals() {
        let c = parse_challenge(br#"Digest realm="r",nonce="x""#, false).unwrap();
        assert!(!c.qop_auth && c.alg == Alg::Md5);
        assert!(
            parse_challenge(
                br#"Digest realm="r",nonce="x",algorithm=SHA-512-256"#,
                false
            )
            .is_none()
        );
        assert!(parse_challenge(br#"Digest realm="r",nonce="x",qop="auth-int""#, false).is_none());
        assert!(parse_challenge(br#"Basic realm="r""#, false).is_none());
        assert!(parse_challenge(br#"Digest realm="r",nonce="x"#, false).is_none());
        assert!(parse_challenge(b"", false).is_none());
    }

    #[test]
    fn header_line() {
        let c = parse_challenge(br#"Digest realm="r",nonce="x",qop="auth""#, false).unwrap();
        let k = Credentials {
            user: b"u",
            password: b"p",
            method: b"REGISTER",
            uri: b"sip:d",
            nc: 1,
            cnonce: 7,
        };
        let mut out = Vec::new();
        authorize(&c, &k, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with(
            "Authorization: Digest username=\"u\", realm=\"r\", nonce=\"x\", uri=\"sip:d\""
        ));
        assert!(text.ends_with("qop=auth, nc=00000001, cnonce=\"0000000000000007\"\r\n"));
    }
}
