//! The examples of RFC 7616 3.9.

use super::super::{Algorithm, Ha1, claim::Claim};
use bellhop_wire::Credentials;

fn response(line: &str, password: &str) -> String {
    let credentials = Credentials::parse(line.as_bytes()).unwrap();
    let text = |value: Option<&[u8]>| String::from_utf8(value.unwrap().to_vec()).unwrap();
    let name = text(credentials.username);
    let ha1 = Ha1::of_password(&name, &text(credentials.realm), password);
    let Ok(claim) = Claim::of(credentials, &Algorithm::ALL) else {
        panic!("no claim in {line}");
    };
    let ha1 = ha1.hash(claim.algorithm).unwrap();
    let expected = claim.expected(&ha1, b"GET", b"");
    let hex = String::from_utf8(expected.hex().as_bytes().to_vec()).unwrap();
    assert_eq!(hex.as_bytes(), claim.response.hex().as_bytes());
    hex
}

fn mufasa(algorithm: &str, response: &str) -> String {
    format!(
        "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", \
         algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
         nc=00000001, cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, \
         response=\"{response}\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
    )
}

#[test]
fn the_md5_example_of_rfc_7616_gives_its_response() {
    let right = "8ca523f5e9506fed4657c9700eebdbec";
    assert_eq!(response(&mufasa("MD5", right), "Circle of Life"), right);
}

#[test]
fn the_sha_256_example_of_rfc_7616_gives_its_response() {
    let right = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
    assert_eq!(response(&mufasa("SHA-256", right), "Circle of Life"), right);
}

#[test]
fn the_sha_512_256_example_of_rfc_7616_gives_the_response_of_its_erratum() {
    // The RFC's own figure was made with a SHA-512 cut short, not with SHA-512/256.
    let right = "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5";
    let line = format!(
        "Digest username=\"J\u{e4}s\u{f8}n Doe\", realm=\"api@example.org\", uri=\"/doe.json\", \
         algorithm=SHA-512-256, nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", \
         nc=00000001, cnonce=\"NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v\", qop=auth, \
         response=\"{right}\", opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\""
    );
    assert_eq!(response(&line, "Secret, or not?"), right);
}
