//! `bellhop ctl`: asks the running program, or tells it what to do, through its admin port.

mod client;
mod plugins;
mod show;
mod subscriptions;
mod upstreams;

use self::client::{Answer, Client};
use super::{complain, say};
use crate::{
    admin::encode,
    config::{Environment as _, Machine, admin_of},
};
use clap::{Args, Subcommand};
use serde_json::Value;
use std::{path::PathBuf, process::ExitCode};

/// Whom to ask, and what.
#[derive(Args, Debug)]
pub(super) struct Ctl {
    #[command(subcommand)]
    command: Command,
    /// The admin port, http://HOST:PORT; else BELLHOP_ADMIN, else http://127.0.0.1:8060. Its token is
    /// BELLHOP_ADMIN_TOKEN
    #[arg(long, value_name = "URL", global = true, conflicts_with = "config")]
    admin: Option<String>,
    /// The configuration of the running program: its [admin] says where it listens, and has its token
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// What the program answered, for tools
    #[arg(long, global = true)]
    json: bool,
}

/// What to ask.
#[derive(Debug, Subcommand)]
enum Command {
    /// What the program is at
    Status,
    /// Whether it is ready: 0, or 1
    Ready,
    /// Have it read its configuration again
    Reload,
    /// Who is registered: all, an AoR, or a user at each domain
    Bindings {
        /// sip:user@domain, user@domain, or user
        aor: Option<String>,
    },
    /// Who watches what: all, or one event package
    Subscriptions {
        /// dialog, presence, message-summary, ..
        event: Option<String>,
    },
    /// Which targets of the upstreams answer
    Upstreams {
        #[command(subcommand)]
        command: Option<Upstreams>,
    },
    /// All counters, as Prometheus reads them
    Metrics,
    /// The plugins
    #[command(subcommand)]
    Plugin(Plugin),
}

/// What to do about upstreams.
#[derive(Debug, Subcommand)]
enum Upstreams {
    /// Have all our registrations and subscriptions at the PBX made anew, at their resync_rate
    Resync {
        /// Its name in the configuration; else the one that has them
        name: Option<String>,
    },
}

/// What to ask of plugins.
#[derive(Debug, Subcommand)]
enum Plugin {
    /// What each is and does
    List,
    /// Have the file of one, or of all, read again
    Reload {
        /// Its name in the configuration
        name: Option<String>,
    },
    /// Where a shadow came to another end than the real one, the latest last
    Differences {
        /// Its name in the configuration
        name: String,
    },
}

/// Does it: 0 done, 1 refused, 2 not reached or asked wrongly.
pub(super) fn ctl(ctl: &Ctl) -> ExitCode {
    match ctl.ask() {
        Ok(answer) if answer.is_good() => {
            say(ctl.shown(&answer).trim_end());
            ExitCode::SUCCESS
        }
        Ok(answer) => {
            match ctl.json {
                true => say(answer.text.trim_end()),
                false => complain(&show::refusal(&answer)),
            }
            // Who is not let in has not been refused what he asked: he asked the wrong way.
            ExitCode::from(match answer.status {
                401 | 403 | 405 => 2,
                _ => 1,
            })
        }
        Err(error) => {
            complain(&error);
            ExitCode::from(2)
        }
    }
}

impl Ctl {
    fn ask(&self) -> Result<Answer, String> {
        let (method, path) = self.command.request();
        self.client()?.ask(method, &path)
    }

    fn client(&self) -> Result<Client, String> {
        if let Some(file) = &self.config {
            let admin = admin_of(file, &Machine).map_err(|problems| problems.to_string())?;
            let shown = file.display();
            let admin = admin.ok_or_else(|| format!("{shown} has no [admin]: nobody listens"))?;
            return Client::of(&admin);
        }
        let url = self.admin.clone();
        let url = url.or_else(|| Machine.variable("BELLHOP_ADMIN"));
        let url = url.as_deref().unwrap_or("http://127.0.0.1:8060");
        Client::at(url, Machine.variable("BELLHOP_ADMIN_TOKEN"))
    }

    /// A good answer for whoever reads it.
    fn shown(&self, answer: &Answer) -> String {
        let value = answer.json();
        match (&self.command, value) {
            (Command::Metrics, _) | (_, None) => answer.text.clone(),
            (_, Some(value)) if self.json => {
                serde_json::to_string_pretty(&value).unwrap_or(answer.text.clone())
            }
            (Command::Status, Some(value)) => show::status(&value),
            (Command::Ready, _) => "ready".to_owned(),
            (Command::Reload, Some(value)) => show::reloaded(&value),
            (Command::Bindings { .. }, Some(value)) => show::bindings(&value),
            (Command::Subscriptions { .. }, Some(value)) => subscriptions::list(&value),
            (Command::Upstreams { command: None }, Some(value)) => upstreams::list(&value),
            (Command::Upstreams { .. }, Some(value)) => upstreams::resynced(&value),
            (Command::Plugin(Plugin::List), Some(value)) => plugins::list(&value),
            (Command::Plugin(Plugin::Reload { .. }), Some(value)) => plugins::reloaded(&value),
            (Command::Plugin(Plugin::Differences { .. }), Some(value)) => {
                plugins::differences(&value)
            }
        }
    }
}

impl Command {
    /// Method and path.
    fn request(&self) -> (&'static str, String) {
        match self {
            Self::Status => ("GET", "/status".to_owned()),
            Self::Ready => ("GET", "/ready".to_owned()),
            Self::Reload => ("POST", "/reload".to_owned()),
            Self::Bindings { aor: None } => ("GET", "/bindings".to_owned()),
            Self::Bindings { aor: Some(aor) } => ("GET", format!("/bindings?aor={}", encode(aor))),
            Self::Subscriptions { event: None } => ("GET", "/subscriptions".to_owned()),
            Self::Subscriptions { event: Some(event) } => {
                ("GET", format!("/subscriptions?event={}", encode(event)))
            }
            Self::Upstreams { command: None } => ("GET", "/upstreams".to_owned()),
            Self::Upstreams {
                command: Some(Upstreams::Resync { name }),
            } => {
                let name = name.as_ref().map(|name| format!("?name={}", encode(name)));
                let name = name.unwrap_or_default();
                ("POST", format!("/upstreams/resync{name}"))
            }
            Self::Metrics => ("GET", "/metrics".to_owned()),
            Self::Plugin(Plugin::List) => ("GET", "/plugins".to_owned()),
            Self::Plugin(Plugin::Reload { name: None }) => ("POST", "/plugins/reload".to_owned()),
            Self::Plugin(Plugin::Reload { name: Some(name) }) => {
                ("POST", format!("/plugins/reload?name={}", encode(name)))
            }
            Self::Plugin(Plugin::Differences { name }) => {
                ("GET", format!("/plugins/{}/differences", encode(name)))
            }
        }
    }
}

impl Answer {
    fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.text).ok()
    }
}
