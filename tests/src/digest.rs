//! A phone's side of digest authentication (RFC 7616, RFC 8760): it answers the
//! topmost challenge, written without a look at Bellhop's own code.

use sha2::{Digest, Sha256};

/// The credentials that answer a challenge, the value of `Authorization` or
/// `Proxy-Authorization`.
///
/// # Panics
/// If the challenge asks for an algorithm other than MD5 and SHA-256.
pub fn answer(
    challenge: &str,
    user: &str,
    password: &str,
    method: &str,
    uri: &str,
    nc: u32,
) -> String {
    let part = |name: &str| parameter(challenge, name).unwrap_or_default();
    let (realm, nonce, algorithm) = (part("realm"), part("nonce"), part("algorithm"));
    let hash = |text: String| match algorithm {
        "" | "MD5" => format!("{:x}", md5::compute(text)),
        "SHA-256" => Sha256::digest(text)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
        other => panic!("a challenge with {other}"),
    };
    let (nc, cnonce) = (format!("{nc:08x}"), "0a4f113b");
    let secret = hash(format!("{user}:{realm}:{password}"));
    let request = hash(format!("{method}:{uri}"));
    let response = hash(format!("{secret}:{nonce}:{nc}:{cnonce}:auth:{request}"));
    // None means MD5 (RFC 7616 3.3).
    let algorithm = match algorithm {
        "" => String::new(),
        algorithm => format!(", algorithm={algorithm}"),
    };
    let opaque = parameter(challenge, "opaque")
        .map(|o| format!(", opaque=\"{o}\""))
        .unwrap_or_default();
    format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\"{algorithm}, qop=auth, nc={nc}, cnonce=\"{cnonce}\"{opaque}"
    )
}

/// A parameter of a challenge or of credentials, without its quotes.
pub fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let list = value.split_once(' ').map_or(value, |(_, list)| list);
    let pairs = list
        .split(',')
        .filter_map(|pair| pair.trim().split_once('='));
    pairs
        .into_iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, v)| v.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616 section 3.9.1 with its own nonce; the responses were computed
    /// with Python's hashlib.
    #[test]
    fn the_examples_of_rfc_7616_are_answered() {
        let challenge = |algorithm: &str| {
            format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth\", algorithm={algorithm}, \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe\""
            )
        };
        let response = |algorithm: &str| {
            let answer = answer(
                &challenge(algorithm),
                "Mufasa",
                "Circle of Life",
                "GET",
                "/dir/index.html",
                1,
            );
            parameter(&answer, "response").unwrap().to_owned()
        };
        assert_eq!(response("MD5"), "6f8499a90f2b27bcee5b094580c69aae");
        assert_eq!(
            response("SHA-256"),
            "dfd7723f4b179285f90101503175f2079a1505eac857d92a48146b37eded4d74"
        );
    }
}
