//! Digest: lines that are read without a panic, and a door that nobody passes without the right digest
//! (RFC 7616 3.4), nor twice with the same one.

use crate::feed::Feed;
use bellhop_core::auth::client::{Answer, Qop};
use bellhop_core::auth::{
    Algorithm, Ask, AuthConfig, Authenticator, Ha1, Outcome, ReplayGuard, Role, Secret, User, Users,
};
use bellhop_core::time::{Instant, Now};
use bellhop_testkit::Chance;
use bellhop_wire::view::auth::{Challenge, unescape};
use bellhop_wire::{Credentials, Index, Limits, Message, Reply, ViaMark};
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// Choices first, then changes of the credentials that are right.
pub fn run(data: &[u8]) {
    let _ = (Credentials::parse(data), Challenge::parse(data));
    let mut feed = Feed::new(data);
    let mut door = Door::new();
    let role = feed.pick(&[Role::Registrar, Role::Proxy]);
    let method = feed.pick(&["REGISTER", "INVITE", "ACK", "OPTIONS", "FOO"]);
    let uri = feed.pick(&[
        "sip:example.org",
        "sip:6001@example.org",
        "tel:+1",
        "sips:[::1]:5061",
    ]);
    let user = feed.pick(&["6001", "a b", "nobody"]);
    let algorithm = feed.pick(&Algorithm::ALL);
    let transport = feed.pick(&["UDP", "TCP"]);
    let nonce = door.nonce(role);
    let answer = Answer {
        algorithm,
        method,
        uri,
        nonce: &nonce,
        opaque: None,
        qop: Qop::Auth,
        count: feed.pick(&[1, 2, u32::MAX]),
        cnonce: feed.pick(&["c", "", "0a4f113b,="]),
    };
    let right = answer
        .credentials(&Ha1::of_password(user, REALM, "geheim"), user, REALM)
        .expect("all hashes are there");
    let mut line = right.clone().into_bytes();
    let mut sent_uri = uri.as_bytes().to_vec();
    let mut second = Vec::new();
    match feed.below(5) {
        0 => {}
        1 => line = feed.piece().to_vec(),
        2 => feed.mutate(&mut sent_uri),
        3 => second = feed.piece().to_vec(),
        _ => feed.mutate(&mut line),
    }
    let name = match role {
        Role::Registrar => "Authorization",
        Role::Proxy => "Proxy-Authorization",
    };
    let mut request = format!("{method} ").into_bytes();
    request.extend_from_slice(&sent_uri);
    request.extend_from_slice(
        format!(" SIP/2.0\r\nVia: SIP/2.0/{transport} h;branch=z9hG4bKx\r\n").as_bytes(),
    );
    for value in [&line, &second] {
        if !value.is_empty() {
            request.extend_from_slice(name.as_bytes());
            request.extend_from_slice(b": ");
            request.extend_from_slice(value);
            request.extend_from_slice(b"\r\n");
        }
    }
    request.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    let mut index = Index::new();
    let Ok(message) = index.parse(&request, &Limits::default()) else {
        return;
    };
    let outcome = door.check(message, role);
    if let Outcome::Authenticated(proof) = &outcome {
        assert_eq!(proof.user().name, user);
        assert_ne!(user, "nobody", "an unknown user passed");
        assert!(
            says_the_same(message, role, right.as_bytes(), method),
            "passed without the digest"
        );
    } else if request_is_untouched(&line, &right, &second, &sent_uri, uri) && user != "nobody" {
        panic!("the right digest did not pass: {outcome:?}");
    }
    // The same again: only a REGISTER that UDP may have repeated passes, only while a client repeats.
    let again = matches!(door.check(message, role), Outcome::Authenticated(_));
    let may = method == "REGISTER" && message.top_via().is_ok_and(|via| via.transport == b"UDP");
    assert!(!again || may, "a used count passed again");
    door.now.instant = door.now.instant.after(Duration::from_secs(60));
    assert!(
        !matches!(door.check(message, role), Outcome::Authenticated(_)),
        "replayed"
    );
    door.source = [192, 0, 2, 2].into();
    assert!(
        !matches!(door.check(message, role), Outcome::Authenticated(_)),
        "stolen"
    );
}

fn request_is_untouched(line: &[u8], right: &str, second: &[u8], sent: &[u8], uri: &str) -> bool {
    line == right.as_bytes() && second.is_empty() && sent == uri.as_bytes()
}

/// Whether credentials for our realm say what the right ones say in everything that the digest covers:
/// whoever does not know the password can say nothing else with a right digest.
fn says_the_same(message: Message<'_>, role: Role, right: &[u8], method: &str) -> bool {
    let covered = |value: &[u8]| {
        let it = Credentials::parse(value).ok()?;
        Some((
            unescape(it.username?).into_owned(),
            unescape(it.realm?).into_owned(),
            it.nonce?.to_vec(),
            it.uri?.to_vec(),
            it.response?.to_ascii_lowercase(),
            it.nc?.to_vec(),
            unescape(it.cnonce?).into_owned(),
            it.qop?.to_ascii_lowercase(),
        ))
    };
    let right = covered(right);
    message.method().is_some_and(|m| m.as_str() == method)
        && message
            .fields(role.credentials())
            .any(|field| covered(field.value) == right)
}

struct Door {
    authenticator: Authenticator,
    now: Now,
    source: IpAddr,
}

impl Door {
    fn new() -> Self {
        let secret = Arc::new(Secret::new([7; 32]));
        let guard = Arc::new(ReplayGuard::new(16));
        Self {
            authenticator: Authenticator::new(CONFIG.clone(), secret, guard),
            now: Now {
                instant: Instant::from_micros(1_000_000),
                unix: Duration::from_secs(1_800_000_000),
            },
            source: [192, 0, 2, 1].into(),
        }
    }

    fn check(&self, message: Message<'_>, role: Role) -> Outcome {
        self.authenticator
            .check(self.now, message, self.source, role)
    }

    /// The nonce of a challenge.
    fn nonce(&self, role: Role) -> String {
        let mut index = Index::new();
        let request = index
            .parse(b"OPTIONS sip:x SIP/2.0\r\n\r\n", &Limits::default())
            .expect("a request");
        let mut out = Vec::new();
        let mut reply = Reply::new(
            &mut out,
            request,
            ViaMark::default(),
            role.status(),
            "No",
            b"t",
        );
        let mut chance = Chance::new(1);
        let ask = Ask {
            role,
            stale: false,
            has_body: false,
            is_short: false,
        };
        self.authenticator
            .challenge(self.now, self.source, ask, &mut chance, &mut reply);
        reply.end();
        let text = String::from_utf8(out).expect("our own text");
        let (_, rest) = text.split_once("nonce=\"").expect("a nonce");
        rest.split('"').next().unwrap_or_default().to_owned()
    }
}

const REALM: &str = "example.org";

static CONFIG: LazyLock<AuthConfig> = LazyLock::new(|| {
    let user = |name| User::with_password(name, REALM, "geheim", Vec::new());
    AuthConfig {
        realm: REALM.to_owned(),
        algorithms: Algorithm::ALL.to_vec(),
        nonce_lifetime: Duration::from_secs(300),
        users: Arc::new(Users::new(vec![user("6001"), user("a b")]).expect("two users")),
    }
});
