//! `[admin]`: the port for health checks, metrics and orders, and who may use it.

use super::{
    address::Bind,
    environment::Environment,
    listen::Listener,
    reader::{Section, document},
    report::{Problems, Report, Severity},
    secret::{self, Given, Secret},
};
use bellhop_core::flow::Transport;
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

/// `[admin]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Admin {
    /// Where it listens; port 0: the operating system picks one.
    pub(crate) bind: SocketAddr,
    /// What its clients must show; there always is one off loopback.
    pub(crate) token: Option<Secret>,
}

/// The `[admin]` of a file whose other sections are somebody else's business; `None`: it has none.
///
/// # Errors
/// What is wrong with the section, or that the file is no TOML.
pub(crate) fn admin_of(
    file: &Path,
    environment: &dyn Environment,
) -> Result<Option<Admin>, Problems> {
    let text = environment.read(file);
    let text = text.map_err(|error| Problems::unreadable(file, &error))?;
    let (admin, problems) = document(file, &text, |top, report| {
        read(&top, report, file, environment, &[])
    });
    match problems.iter().any(|p| p.severity == Severity::Error) {
        false => Ok(admin.flatten()),
        true => Err(Problems(problems)),
    }
}

/// Reads `[admin]`; `None`: no such port.
pub(super) fn read(
    top: &Section<'_>,
    report: &Report,
    file: &Path,
    environment: &dyn Environment,
    listeners: &[Listener],
) -> Option<Admin> {
    let section = top.optional_section("admin")?;
    let bind = section.parsed("bind", address);
    let token = secret::read(&section, "token", report, file, environment);
    section.finish();
    let token_at = section.at_key("token").hidden();
    if matches!(token, Some((_, Given::Plain))) {
        report.warn(
            &token_at,
            "in plain text; better { env = \"NAME\" } or { file = \"path\" }",
        );
    }
    let token = token.map(|(token, _)| token);
    if let Some(token) = &token {
        let is_printable = token.reveal().bytes().all(|byte| byte.is_ascii_graphic());
        if !is_printable {
            report.error(&token_at, "allowed: printable ASCII without blanks");
        } else if token.reveal().len() < SHORTEST {
            report.error(
                &token_at,
                format!("can be guessed; allowed: {SHORTEST} characters or more"),
            );
        }
    }
    let at = section.at_key("bind");
    let bind = bind.map_or(DEFAULT, |bind| bind.value);
    if !bind.ip().is_loopback() && !section.has("token") {
        report.error(
            &at,
            "is not loopback, so whoever reaches it could give orders; allowed: 127.0.0.1:PORT, or a \
             token as well, as in token = { env = \"BELLHOP_ADMIN_TOKEN\" }",
        );
    }
    let stream = Bind {
        transport: Transport::Tcp,
        address: bind,
    };
    if let Some(listener) = listeners.iter().find(|l| l.bind.overlaps(&stream)) {
        let (name, other) = (&listener.name, listener.bind);
        report.error(&at, format!("overlaps {other} of listener {name:?}"));
    }
    Some(Admin { bind, token })
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let bad = |_| format!("{text:?} is not an address and a port; {ALLOWED}");
    text.parse().map_err(bad)
}

const DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8060);
const ALLOWED: &str = "allowed: \"IP:PORT\", as in \"127.0.0.1:8060\"";
/// Characters of a token: 64 bits if they are hex.
const SHORTEST: usize = 16;
