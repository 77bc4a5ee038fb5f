//! What a configuration means, line by line: printed by `check`, logged at the start.

mod calls;

use super::{
    Settings,
    auth::{Form, Source},
    listen::Listener,
    mode_word,
    units::{show_duration, show_size},
};
use bellhop_core::{config::Zone, subscription::Reg};
use bellhop_policy::{Capability, OnError, PluginConfig};
use std::time::Duration;

impl Settings {
    /// What will be, in words.
    pub(crate) fn explain(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for listener in &self.listeners {
            lines.push(format!("listen     {}", self.explain_listener(listener)));
        }
        lines.push(format!("domains    {}", self.server.domains.join(", ")));
        lines.push(format!("workers    {}", self.server.workers()));
        lines.push(match &self.server.data_dir {
            Some(dir) => format!(
                "data       {}: bindings, subscriptions, calls of two legs, and the key that dialogs are signed with",
                dir.display()
            ),
            None => "data       none: bindings and dialogs do not survive a restart".to_owned(),
        });
        for upstream in &self.upstreams {
            let targets: Vec<String> = upstream.targets.iter().map(ToString::to_string).collect();
            let trust = if upstream.trusted {
                "trusted"
            } else {
                "challenged"
            };
            let (name, targets) = (&upstream.name, targets.join(", then "));
            let most = upstream.max_calls.as_ref();
            let most = most.map_or_else(String::new, |most| {
                format!("; {} calls of two legs at most", most.value)
            });
            lines.push(format!(
                "upstream   {name}: {targets}; its requests are {trust}{most}"
            ));
        }
        let offered: Vec<&str> = self.auth.algorithms.iter().map(|a| a.token()).collect();
        let (realm, offered) = (&self.auth.realm, offered.join(" then "));
        let lifetime = show_duration(self.auth.nonce_lifetime);
        lines.push(format!(
            "auth       realm {realm}, {offered}, nonces good for {lifetime}"
        ));
        let count = self.auth.users.len();
        lines.push(match (&self.auth.source, &self.auth.remote) {
            (_, Some(remote)) => format!("users      {}", remote.explain()),
            (Some(Source { file, form }), None) => {
                let form = match form {
                    Form::Toml => "",
                    Form::Htdigest => " (htdigest)",
                };
                format!("users      {count} from {}{form}", file.display())
            }
            (None, None) => format!("users      {count}"),
        });
        if let Some(bearer) = &self.auth.bearer {
            lines.push(format!("tokens     {}", bearer.explain()));
        }
        let min = show_duration(self.registrar.min_expires);
        let max = show_duration(self.registrar.max_expires);
        let contacts = self.registrar.max_contacts;
        let mode = mode_word(self.registrar.mode);
        lines.push(format!(
            "registrar  {mode}: expiry {min} to {max}, at most {contacts} contacts each"
        ));
        for (domain, mode) in &self.registrar.domains {
            lines.push(format!("registrar  {}: {}", mode_word(*mode), domain));
        }
        lines.push(match self.registrar.grace {
            Duration::ZERO => "registrar  a late refresh finds no binding any more".to_owned(),
            grace => {
                let grace = show_duration(grace);
                format!("registrar  a phone whose refresh is late is rung for {grace} more")
            }
        });
        if let Some(most) = self.registrar.udp_nat_expires {
            let most = show_duration(most);
            lines.push(format!(
                "registrar  a phone behind a NAT is bound over UDP for {most} at most"
            ));
        }
        if let Some(every) = self.registrar.nat_keepalive {
            let every = show_duration(every);
            lines.push(format!(
                "registrar  a phone behind a NAT is sent empty lines every {every}"
            ));
        }
        if self.registrar.has_leases() {
            let asked = show_duration(self.registrar.upstream_expires);
            let rate = self.registrar.resync_rate;
            lines.push(format!(
                "registrar  the PBX is asked for {asked}, and hears at most {rate} REGISTERs a second"
            ));
        }
        let upstream = self
            .default_upstream
            .and_then(|index| self.upstreams.get(index));
        lines.push(match upstream {
            Some(upstream) => {
                format!(
                    "route      what is not for a binding goes to {}",
                    upstream.name
                )
            }
            None => "route      what is not for a binding is answered 404".to_owned(),
        });
        self.explain_calls(&mut lines);
        let message = show_size(self.limits.message);
        let transactions = show_size(self.limits.transactions);
        let sizes = format!("{message} a message, {transactions} for transactions");
        lines.push(match self.limits.rate {
            Some(rate) => format!(
                "limits     {sizes}; {} requests a second from one outside address, \
                 {} at once",
                rate.per_source, rate.burst
            ),
            None => format!("limits     {sizes}; requests are not counted"),
        });
        let most = self.subscriptions.most;
        lines.push(format!(
            "watching   {most} subscriptions are kept in sight, more are relayed unseen"
        ));
        let shared = self.subscriptions.share.join(", ");
        if !shared.is_empty() {
            let rate = self.subscriptions.resync_rate;
            lines.push(format!(
                "watching   {shared}: one subscription at the PBX for all who watch the same, {rate} asked for in a \
                 second at most"
            ));
        }
        let whose = match self.subscriptions.reg {
            Reg::Off => None,
            Reg::Own => Some("a user may watch his own bindings"),
            Reg::Any => Some("a user may watch anybody's bindings"),
        };
        lines.extend(
            whose.map(|whose| format!("watching   reg: {whose}, which are told from here")),
        );
        let lists = self.subscriptions.lists.len();
        if lists > 0 {
            lines.push(format!(
                "watching   {lists} list(s) of resources, each by one subscription of a phone"
            ));
        }
        lines.push(match &self.admin {
            Some(admin) => {
                let who = match admin.token {
                    Some(_) => "whoever shows the token",
                    None => "any program on this machine",
                };
                format!("admin      http://{}, for {who}", admin.bind)
            }
            None => "admin      none: no health checks, no metrics, no bellhop ctl".to_owned(),
        });
        if let Some(push) = &self.push {
            let (services, hook) = (push.core.providers.join(", "), &push.url);
            lines.push(format!(
                "push       phones of {services} are woken by {hook}"
            ));
        }
        for plugin in &self.plugins {
            lines.push(format!("plugin     {}", explain_plugin(plugin)));
        }
        let format = self.log.format.name();
        lines.push(format!("log        {}, {format}", self.log.level));
        lines
    }

    /// Logs what will be, and the warnings.
    pub(crate) fn announce(&self) {
        for line in self.explain() {
            tracing::info!(target: "bellhop::config", "{line}");
        }
        for warning in &self.warnings {
            warning.log();
        }
    }

    fn explain_listener(&self, listener: &Listener) -> String {
        let (name, bind) = (&listener.name, listener.bind);
        let zone = match listener.zone {
            Zone::Outside => "outside",
            Zone::Inside => "inside: nothing is challenged",
        };
        let (host, port) = listener.shown(bind.address, &self.machine);
        let shown = match port {
            0 => format!("{host} and the port that the system picks"),
            port => format!("{host}:{port}"),
        };
        let pages = listener.web.as_ref().map_or_else(String::new, |rules| {
            match rules.origins.as_slice() {
                [] => ", for pages of any origin".to_owned(),
                origins => format!(", for pages of {}", origins.join(", ")),
            }
        });
        format!("{name}: {bind}, shown as {shown}, {zone}{pages}")
    }
}

fn explain_plugin(plugin: &PluginConfig) -> String {
    let grants: Vec<&str> = plugin.grants.iter().map(Capability::name).collect();
    let grants = match grants.as_slice() {
        [] => "nothing".to_owned(),
        grants => grants.join(", "),
    };
    let deadline = show_duration(plugin.deadline);
    let failing = match plugin.on_error {
        _ if plugin.shadow => "only watches",
        OnError::Continue => "is passed over when it fails",
        OnError::Reject => "refuses when it fails",
    };
    let (name, file) = (&plugin.name, plugin.file.display());
    format!("{name}: {file}, may use {grants}, {deadline} a hook, {failing}")
}
