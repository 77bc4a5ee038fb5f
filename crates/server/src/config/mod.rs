//! The configuration: a TOML file read whole, checked whole, and turned into typed [`Settings`] before
//! a port is bound. The shape users see is a contract (docs: `bellhop.toml`); each part owns its struct.

mod address;
mod admin;
mod auth;
mod bearer;
mod cdr;
mod core;
mod describe;
mod embedded;
mod environment;
mod explain;
mod json;
mod limits;
mod lines;
mod listen;
mod lists;
mod logging;
mod login;
mod plugin;
mod push;
mod reader;
mod registrar;
mod reload;
mod remote;
mod report;
mod route;
mod secret;
mod server;
mod subscriptions;
mod units;
mod upstream;
mod web;
mod websocket;

#[cfg(test)]
mod tests;

pub(crate) use self::{
    address::{Host, Target},
    admin::{Admin, admin_of},
    auth::{Auth, Form},
    bearer::{BearerTokens, Jwks},
    describe::Refusal,
    embedded::embedded,
    environment::{Environment, Machine},
    limits::Limits,
    listen::Listener,
    logging::{Format, Log},
    login::read as read_login,
    push::PushHook,
    reader::{Field, Section, document},
    registrar::{Registrar, word as mode_word},
    remote::{Place, Remote},
    report::{At, Problem, Problems, Report, Severity},
    secret::{Given, Secret, read as read_secret},
    server::Server,
    upstream::Upstream,
    web::Trust,
};

use bellhop_core::{b2bua::B2buaConfig, subscription::SubscriptionConfig};
use bellhop_policy::{Capability, PluginConfig};
use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

/// A checked configuration: nothing in it is left to be refused later.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// `[server]`.
    pub(crate) server: Server,
    /// `[[listen]]`, at least one, no two on one address.
    pub(crate) listeners: Vec<Listener>,
    /// `[[upstream]]`.
    pub(crate) upstreams: Vec<Upstream>,
    /// `[auth]`.
    pub(crate) auth: Auth,
    /// `[registrar]`.
    pub(crate) registrar: Registrar,
    /// `[push]`; `None`: no phone is woken.
    pub(crate) push: Option<PushHook>,
    /// `[route] default`: index into `upstreams`.
    pub(crate) default_upstream: Option<usize>,
    /// `[route] mode = "b2bua"`, or plugins may choose so; `None`: calls are relayed.
    pub(crate) b2bua: Option<B2buaConfig>,
    /// `[cdr] file`: where records of calls are written; `None`: nowhere.
    pub(crate) cdr: Option<PathBuf>,
    /// `[limits]`.
    pub(crate) limits: Limits,
    /// `[subscriptions]`.
    pub(crate) subscriptions: SubscriptionConfig,
    /// `[admin]`; `None`: no such port.
    pub(crate) admin: Option<Admin>,
    /// `[[plugin]]`.
    pub(crate) plugins: Vec<PluginConfig>,
    /// `[log]`.
    pub(crate) log: Log,
    /// What works but perhaps not as meant; said by `check` and at the start alike.
    pub(crate) warnings: Vec<Problem>,
    /// The machine's own addresses when the file was read.
    pub(crate) machine: Vec<IpAddr>,
}

/// Reads and checks `file`.
///
/// # Errors
/// All problems of the file and of the files it names.
pub(crate) fn load(file: &Path, environment: &dyn Environment) -> Result<Settings, Problems> {
    match environment.read(file) {
        Ok(text) => parse(file, &text, environment),
        Err(error) => Err(Problems::unreadable(file, &error)),
    }
}

/// Checks `text`, which stands in `file`: relative paths in it start at the file's directory.
///
/// # Errors
/// All problems of the text and of the files it names.
pub(crate) fn parse(
    file: &Path,
    text: &str,
    environment: &dyn Environment,
) -> Result<Settings, Problems> {
    let machine = environment.addresses();
    let (parts, problems) = document(file, text, |top, report| {
        let listeners = listen::read(&top, report, &machine);
        let server = server::read(
            &top.section("server"),
            report,
            file,
            environment,
            &listeners,
        );
        let upstreams = upstream::read(&top, report, file, environment, &listeners);
        let plugins = plugin::read(&top, report, file);
        let choose = plugins
            .iter()
            .any(|plugin| plugin.grants.has(Capability::Call));
        let mut route = route::read(&top.section("route"), report, &upstreams, choose);
        let default_upstream = route.default;
        let auth = auth::read(&top.section("auth"), report, file, environment, &server);
        upstream::check_logins(&auth, report, &upstreams);
        let registrar = registrar::read(
            top.section("registrar"),
            report,
            &server.domains,
            default_upstream.and_then(|at| upstreams.get(at)),
        );
        route::check(&mut route, report, registrar.passes());
        auth::warn_of_users(&auth, report, registrar.is_the_pbxs());
        let cdr = cdr::read(&top, report, file, route.b2bua.is_some());
        let push = push::read(&top, report, file, environment);
        let limits = limits::read(top.section("limits"), report, environment, server.workers());
        let subscriptions = subscriptions::read(
            top.section("subscriptions"),
            report,
            &server.domains,
            default_upstream.is_some(),
        );
        let admin = admin::read(&top, report, file, environment, &listeners);
        let log = logging::read(top.section("log"));
        top.finish();
        Settings {
            server,
            listeners,
            upstreams,
            auth,
            registrar,
            push,
            default_upstream,
            b2bua: route.b2bua,
            cdr,
            limits,
            subscriptions,
            admin,
            plugins,
            log,
            warnings: Vec::new(),
            machine: Vec::new(),
        }
    });
    let refused = problems.iter().any(|p| p.severity == Severity::Error);
    match parts {
        Some(parts) if !refused => Ok(Settings {
            warnings: problems,
            machine,
            ..parts
        }),
        _ => Err(Problems(problems)),
    }
}
