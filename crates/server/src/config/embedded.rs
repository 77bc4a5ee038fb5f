//! The configuration of `bellhop` without arguments: loopback, two users with fresh passwords. It is a
//! TOML text like any other and goes through the same parser.

use super::{Environment, Settings, parse};
use crate::users::{
    edit::{Entry, Stored},
    hash,
};
use bellhop_core::auth::Ha1;
use std::{fmt, io, net::IpAddr, path::Path};

/// The embedded default, ready to serve.
#[derive(Debug)]
pub(crate) struct Demo {
    /// The configuration.
    pub(crate) settings: Settings,
    /// Greets the user on the terminal.
    pub(crate) greeting: Greeting,
}

/// What to type into a softphone; its `Display` shows the passwords.
pub(crate) struct Greeting {
    port: u16,
    accounts: Vec<(&'static str, String)>,
}

/// Makes the embedded default listen on `port`, with passwords that did not exist before.
///
/// # Errors
/// The operating system has no randomness to give.
pub(crate) fn embedded(port: u16) -> Result<Demo, String> {
    let mut accounts = Vec::new();
    for name in NAMES {
        accounts.push((name, hash::fresh_password()?));
    }
    let users = accounts.iter().map(|(name, password)| {
        let ha1 = Ha1::of_password(name, DOMAIN, password);
        let stored = Stored::Ha1(ha1);
        let entry = Entry {
            name,
            realm: DOMAIN,
            aors: &[],
            stored,
        };
        entry.text()
    });
    let environment = Embedded {
        users: users.collect(),
    };
    let text = TEXT.replace("{port}", &port.to_string());
    let settings = parse(Path::new("the embedded default"), &text, &environment)
        .map_err(|problems| problems.to_string())?;
    let greeting = Greeting { port, accounts };
    Ok(Demo { settings, greeting })
}

struct Embedded {
    users: String,
}

impl Environment for Embedded {
    fn read(&self, _: &Path) -> io::Result<String> {
        Ok(self.users.clone())
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn addresses(&self) -> Vec<IpAddr> {
        Vec::new()
    }
}

impl fmt::Display for Greeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port;
        writeln!(
            f,
            "Bellhop with its embedded default: two users, on this machine only.\n"
        )?;
        writeln!(f, "Type this into two softphones on this machine:\n")?;
        writeln!(f, "  SIP server (domain, registrar)  {DOMAIN}:{port}")?;
        writeln!(f, "  transport                       UDP or TCP\n")?;
        writeln!(f, "  user name  password")?;
        for (name, password) in &self.accounts {
            writeln!(f, "  {name:<9}  {password}")?;
        }
        writeln!(f, "\nThen let one call the other: sip:1002@{DOMAIN}:{port}")?;
        writeln!(f, "The passwords are new at each start. Ctrl-C ends it.")
    }
}

impl fmt::Debug for Greeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Greeting")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

const DOMAIN: &str = "127.0.0.1";
const NAMES: [&str; 2] = ["1001", "1002"];
const TEXT: &str = r#"
[server]
domains = ["127.0.0.1"]
workers = 1

[[listen]]
name = "udp"
bind = "udp:127.0.0.1:{port}"

[[listen]]
name = "tcp"
bind = "tcp:127.0.0.1:{port}"

[auth]
realm = "127.0.0.1"
users = { file = "(made at the start)" }

[log]
level = "info"
format = "text"
"#;
