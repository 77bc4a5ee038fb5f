//! What a configuration means, for tools: the object that `check --json` prints. No password, hash or
//! key is ever in it. Durations are in seconds, sizes in bytes.

mod listener;

use self::listener::ListenerPart;
use super::{
    Settings,
    address::Target,
    auth::Form,
    mode_word,
    remote::Remote,
    report::{Problem, Problems, Severity},
    subscriptions::reg_word,
    upstream::Upstream,
};
use bellhop_core::{b2bua::Prack, flow::Transport};
use bellhop_policy::{Capability, OnError, PluginConfig};
use serde::{Serialize, Serializer};
use std::{path::Path, time::Duration};

/// A good configuration.
#[derive(Debug, Serialize)]
pub(crate) struct Description<'a> {
    listeners: Vec<ListenerPart<'a>>,
    domains: &'a [String],
    workers: usize,
    data_dir: Option<&'a Path>,
    upstreams: Vec<UpstreamPart<'a>>,
    auth: AuthPart<'a>,
    registrar: RegistrarPart<'a>,
    route: RoutePart<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cdr: Option<&'a Path>,
    limits: LimitsPart,
    subscriptions: SubscriptionsPart<'a>,
    /// Null: there is no such port.
    admin: Option<AdminPart>,
    plugins: Vec<PluginPart<'a>>,
    log: LogPart<'a>,
    warnings: &'a [Problem],
}

/// A refused configuration.
#[derive(Debug, Serialize)]
pub(crate) struct Refusal<'a> {
    errors: Vec<&'a Problem>,
    warnings: Vec<&'a Problem>,
}

#[derive(Debug, Serialize)]
struct UpstreamPart<'a> {
    name: &'a str,
    targets: Vec<TargetPart>,
    trusted: bool,
    /// There are credentials for all who have none of their own.
    credentials: bool,
    profile: &'static str,
    max_calls: Option<u32>,
}

/// `port` and `transport` are null where DNS has the say.
#[derive(Debug, Serialize)]
struct TargetPart {
    uri: String,
    host: String,
    port: Option<u16>,
    transport: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct AuthPart<'a> {
    realm: &'a str,
    algorithms: Vec<&'static str>,
    #[serde(serialize_with = "seconds")]
    nonce_lifetime: Duration,
    users: UsersPart<'a>,
    strip_headers: &'a [String],
}

#[derive(Debug, Serialize)]
struct UsersPart<'a> {
    count: usize,
    file: Option<&'a Path>,
    form: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
}

#[derive(Debug, Serialize)]
struct RegistrarPart<'a> {
    mode: &'static str,
    #[serde(serialize_with = "seconds")]
    min_expires: Duration,
    #[serde(serialize_with = "seconds")]
    max_expires: Duration,
    max_contacts: usize,
    /// Domains with a mode of their own.
    domains: Vec<DomainPart<'a>>,
    #[serde(serialize_with = "seconds")]
    upstream_expires: Duration,
    resync_rate: u32,
    /// Seconds; null: as all others.
    udp_nat_expires: Option<u64>,
    #[serde(serialize_with = "seconds")]
    grace: Duration,
    /// Seconds; null: never.
    nat_keepalive: Option<u64>,
}

#[derive(Debug, Serialize)]
struct DomainPart<'a> {
    name: &'a str,
    mode: &'static str,
}

#[derive(Debug, Serialize)]
struct RoutePart<'a> {
    default: Option<&'a str>,
    mode: &'static str,
    /// Null: calls are relayed.
    max_calls: Option<usize>,
    /// Null: as many as like; so for an upstream.
    max_calls_per_user: Option<u32>,
    max_calls_per_source: Option<u32>,
    /// Seconds; null: no end.
    max_duration: Option<u64>,
    hide_headers: &'a [String],
    hide_hosts: &'a [String],
    /// Seconds; null: the ends agree on a session timer.
    session_expires: Option<u32>,
    min_se: Option<u32>,
    /// Seconds; null: nobody is asked.
    keepalive: Option<u64>,
    prack: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct SubscriptionsPart<'a> {
    most: usize,
    share: &'a [String],
    reg: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lists: Vec<ListPart<'a>>,
    /// Seconds, as the next two.
    min_expires: u32,
    max_expires: u32,
    upstream_expires: u32,
    resync_rate: u32,
    #[serde(serialize_with = "seconds")]
    linger: Duration,
}

#[derive(Debug, Serialize)]
struct ListPart<'a> {
    uri: &'a str,
    members: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct LimitsPart {
    message: usize,
    transactions: usize,
    rate: Option<RatePart>,
}

#[derive(Debug, Serialize)]
struct RatePart {
    per_source: u32,
    burst: u32,
}

/// Its own configuration may hold secrets and is left out.
#[derive(Debug, Serialize)]
struct PluginPart<'a> {
    name: &'a str,
    file: &'a Path,
    grant: Vec<&'static str>,
    on_error: &'static str,
    #[serde(serialize_with = "seconds")]
    deadline: Duration,
    memory: usize,
    shadow: bool,
}

#[derive(Debug, Serialize)]
struct AdminPart {
    address: String,
    port: u16,
    /// Whether clients must show one; itself it is not shown.
    token: bool,
}

#[derive(Debug, Serialize)]
struct LogPart<'a> {
    level: &'a str,
    format: &'static str,
}

impl Settings {
    /// What will be, for tools.
    pub(crate) fn describe(&self) -> Description<'_> {
        let default = self.default_upstream.and_then(|at| self.upstreams.get(at));
        let source = self.auth.source.as_ref();
        let session = self.b2bua.as_ref().and_then(|b2bua| b2bua.session);
        let b2bua = self.b2bua.as_ref();
        let limits = b2bua.map(|b2bua| &b2bua.limits);
        Description {
            listeners: self.listeners.iter().map(|l| self.listener(l)).collect(),
            domains: &self.server.domains,
            workers: self.server.workers(),
            data_dir: self.server.data_dir.as_deref(),
            upstreams: self.upstreams.iter().map(upstream).collect(),
            auth: AuthPart {
                realm: &self.auth.realm,
                algorithms: self.auth.algorithms.iter().map(|a| a.token()).collect(),
                nonce_lifetime: self.auth.nonce_lifetime,
                users: UsersPart {
                    count: self.auth.users.len(),
                    file: source.map(|source| source.file.as_path()),
                    form: source.map(|source| match source.form {
                        Form::Toml => "toml",
                        Form::Htdigest => "htdigest",
                    }),
                    place: self.auth.remote.as_ref().map(Remote::explain),
                },
                strip_headers: &self.auth.strip_headers,
            },
            registrar: RegistrarPart {
                mode: mode_word(self.registrar.mode),
                min_expires: self.registrar.min_expires,
                max_expires: self.registrar.max_expires,
                max_contacts: self.registrar.max_contacts,
                domains: self
                    .registrar
                    .domains
                    .iter()
                    .map(|(name, mode)| DomainPart {
                        name,
                        mode: mode_word(*mode),
                    })
                    .collect(),
                upstream_expires: self.registrar.upstream_expires,
                resync_rate: self.registrar.resync_rate,
                udp_nat_expires: self.registrar.udp_nat_expires.map(|time| time.as_secs()),
                grace: self.registrar.grace,
                nat_keepalive: self.registrar.nat_keepalive.map(|time| time.as_secs()),
            },
            route: RoutePart {
                default: default.map(|upstream| upstream.name.as_str()),
                mode: if self.b2bua.as_ref().is_some_and(|b2bua| b2bua.is_usual) {
                    "b2bua"
                } else {
                    "proxy"
                },
                max_calls: b2bua.map(|b2bua| b2bua.most),
                max_calls_per_user: limits.and_then(|limits| limits.per_user),
                max_calls_per_source: limits.and_then(|limits| limits.per_source),
                max_duration: b2bua.and_then(|b2bua| Some(b2bua.longest?.as_secs())),
                hide_headers: b2bua.map_or(&[], |b2bua| &b2bua.hide),
                hide_hosts: b2bua.map_or(&[], |b2bua| &b2bua.hosts),
                session_expires: session.map(|session| session.interval),
                min_se: session.map(|session| session.least),
                keepalive: b2bua.and_then(|b2bua| Some(b2bua.keepalive?.as_secs())),
                prack: b2bua.map(|b2bua| match b2bua.prack {
                    Prack::AsNeeded => "as-needed",
                    Prack::EachLeg => "each-leg",
                }),
            },
            cdr: self.cdr.as_deref(),
            limits: LimitsPart {
                message: self.limits.message,
                transactions: self.limits.transactions,
                rate: self.limits.rate.map(|rate| RatePart {
                    per_source: rate.per_source,
                    burst: rate.burst,
                }),
            },
            subscriptions: SubscriptionsPart {
                most: self.subscriptions.most,
                share: &self.subscriptions.share,
                reg: reg_word(self.subscriptions.reg),
                lists: self
                    .subscriptions
                    .lists
                    .iter()
                    .map(|(uri, list)| ListPart {
                        uri: uri.as_str(),
                        members: list.members.iter().map(|(uri, _)| &**uri).collect(),
                    })
                    .collect(),
                min_expires: self.subscriptions.min_expires,
                max_expires: self.subscriptions.max_expires,
                upstream_expires: self.subscriptions.upstream_expires,
                resync_rate: self.subscriptions.resync_rate,
                linger: self.subscriptions.linger,
            },
            admin: self.admin.as_ref().map(|admin| AdminPart {
                address: admin.bind.ip().to_string(),
                port: admin.bind.port(),
                token: admin.token.is_some(),
            }),
            plugins: self.plugins.iter().map(plugin).collect(),
            log: LogPart {
                level: &self.log.level,
                format: self.log.format.name(),
            },
            warnings: &self.warnings,
        }
    }
}

impl Problems {
    /// All that is wrong, for tools.
    pub(crate) fn describe(&self) -> Refusal<'_> {
        let is_error = |problem: &&Problem| problem.severity == Severity::Error;
        let (errors, warnings) = self.0.iter().partition(is_error);
        Refusal { errors, warnings }
    }
}

fn upstream(upstream: &Upstream) -> UpstreamPart<'_> {
    let target = |target: &Target| TargetPart {
        uri: target.to_string(),
        host: target.host.to_string(),
        port: match target.address() {
            Some(address) => Some(address.port()),
            None => target.port,
        },
        transport: target.transport().map(Transport::uri_token),
    };
    UpstreamPart {
        name: &upstream.name,
        targets: upstream.targets.iter().map(target).collect(),
        trusted: upstream.trusted,
        credentials: upstream.login.is_some(),
        profile: if upstream.with_path {
            "path"
        } else {
            "asterisk"
        },
        max_calls: upstream.max_calls.as_ref().map(|most| most.value),
    }
}

fn plugin(plugin: &PluginConfig) -> PluginPart<'_> {
    PluginPart {
        name: &plugin.name,
        file: &plugin.file,
        grant: plugin.grants.iter().map(Capability::name).collect(),
        on_error: match plugin.on_error {
            OnError::Continue => "continue",
            OnError::Reject => "reject",
        },
        deadline: plugin.deadline,
        memory: plugin.memory,
        shadow: plugin.shadow,
    }
}

/// Whole seconds as a whole number.
fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    match duration.subsec_nanos() {
        0 => serializer.serialize_u64(duration.as_secs()),
        _ => serializer.serialize_f64(duration.as_secs_f64()),
    }
}
