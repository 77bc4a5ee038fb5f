//! `bellhop plugin`: write one, look at one, try one, measure one.

mod bench;
mod capture;
mod check;
mod new;
mod replay;
mod sdk;
mod tell;
mod trial;

use super::say;
use bellhop_policy::{Capability, Grants, inspect};
use clap::{Args, Subcommand};
use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};
use trial::{Asked, Trial};

/// What to do with a plugin.
#[derive(Debug, Subcommand)]
pub(super) enum Plugin {
    /// Write a plugin's crate: a routing plugin with tests that builds as it stands
    New {
        /// The plugin's name, and the folder's
        name: String,
        /// Depend on the SDK at this path or git address; else it is written beside the plugin
        #[arg(long, value_name = "PATH|URL")]
        sdk: Option<String>,
    },
    /// Say what a plugin is, which hooks it has, and what it must be granted
    Check {
        /// A component, or a core module built for wasm32-unknown-unknown
        file: PathBuf,
        #[command(flatten)]
        with: With,
    },
    /// Run one message through a plugin and print its decisions and edits
    Test {
        /// A component, or a core module built for wasm32-unknown-unknown
        file: PathBuf,
        #[command(flatten)]
        with: With,
        #[command(flatten)]
        message: MessageArgs,
        /// Then ask at on-failure, as if all targets had answered with this status
        #[arg(long, value_name = "STATUS")]
        failed: Option<u16>,
    },
    /// Measure what a call of a plugin costs
    Bench {
        /// A component, or a core module built for wasm32-unknown-unknown
        file: PathBuf,
        #[command(flatten)]
        with: With,
        #[command(flatten)]
        message: MessageArgs,
    },
    /// Run the SIP of a capture through a plugin, or through two, and print what they decide otherwise
    Replay {
        /// A component, or a core module built for wasm32-unknown-unknown
        file: PathBuf,
        /// The version to compare with
        other: Option<PathBuf>,
        /// The capture: pcap or pcapng
        #[arg(long, value_name = "CAPTURE")]
        pcap: PathBuf,
        /// Only what was sent to this address, as Bellhop's own
        #[arg(long, value_name = "IP")]
        to: Option<IpAddr>,
        #[command(flatten)]
        with: With,
        /// The other version's configuration, if it is another
        #[arg(long, value_name = "FILE", requires = "other")]
        other_config: Option<PathBuf>,
    },
}

/// How the plugin is run.
#[derive(Args, Debug)]
pub(super) struct With {
    /// The plugin's configuration, as JSON
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Memory of an instance in MiB, as its `memory` in Bellhop's configuration; 16 if not said
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u16).range(1..=256))]
    memory: Option<u16>,
}

/// A message, and what the host would know of it.
#[derive(Args, Debug)]
pub(super) struct MessageArgs {
    /// The message; without one, an INVITE of alice to bob
    #[arg(long, value_name = "FILE")]
    message: Option<PathBuf>,
    /// The user that is authenticated
    #[arg(long)]
    user: Option<String>,
    /// Where it comes from
    #[arg(long, value_name = "IP:PORT", default_value = "192.0.2.10:5060")]
    source: SocketAddr,
    /// outside, inside, or the name of an upstream
    #[arg(long, default_value = "outside")]
    zone: String,
}

/// Does it.
///
/// # Errors
/// What kept it from that.
pub(super) fn plugin(command: Plugin) -> Result<(), String> {
    match command {
        Plugin::New { name, sdk } => say(&new::new(&name, Path::new(""), sdk.as_deref())?),
        Plugin::Check { file, with } => {
            let config = with.config.as_deref().map(text).transpose()?;
            let bytes = bytes(&file)?;
            for line in check::check(&file.display().to_string(), &bytes, config.as_deref())? {
                say(&line);
            }
        }
        Plugin::Test {
            file,
            with,
            message,
            failed,
        } => {
            let mut trial = trial(&file, with.config.as_deref(), with.memory)?;
            let bytes = message.bytes()?;
            for outcome in trial.ask(&message.asked(&bytes), failed)? {
                say(&format!("{}: {}", outcome.hook, outcome.verdict));
                for edit in &outcome.edits {
                    say(&format!("    {edit}"));
                }
                if let Some(fault) = outcome.fault {
                    return Err(format!("{} failed: {}", outcome.hook, trial.why(fault)));
                }
            }
        }
        Plugin::Bench {
            file,
            with,
            message,
        } => {
            let mut trial = trial(&file, with.config.as_deref(), with.memory)?;
            let bytes = message.bytes()?;
            for line in bench::bench(&mut trial, &message.asked(&bytes))? {
                say(&line);
            }
        }
        Plugin::Replay {
            file,
            other,
            pcap,
            to,
            with,
            other_config,
        } => {
            let capture = capture::read(&bytes(&pcap)?);
            let capture = capture.map_err(|error| format!("{}: {error}", pcap.display()))?;
            let mut trials = vec![trial(&file, with.config.as_deref(), with.memory)?];
            if let Some(other) = other {
                let config = other_config.as_deref().or(with.config.as_deref());
                trials.push(trial(&other, config, with.memory)?);
            }
            for line in replay::replay(&capture, to, &mut trials) {
                say(&line);
            }
        }
    }
    Ok(())
}

impl MessageArgs {
    /// The message, its lines ended as SIP ends them (RFC 3261 7): an editor may have written LF alone.
    fn bytes(&self) -> Result<Vec<u8>, String> {
        let Some(file) = &self.message else {
            return Ok(INVITE.replace('\n', "\r\n").into_bytes());
        };
        let bytes = bytes(file)?;
        let mut out = Vec::with_capacity(bytes.len());
        for byte in bytes {
            if byte == b'\n' && out.last() != Some(&b'\r') {
                out.push(b'\r');
            }
            out.push(byte);
        }
        Ok(out)
    }

    fn asked<'a>(&'a self, bytes: &'a [u8]) -> Asked<'a> {
        Asked {
            bytes,
            from: self.source,
            is_tcp: false,
            zone: &self.zone,
            user: self.user.as_deref(),
        }
    }
}

/// A plugin with all that it asks for.
fn trial(file: &Path, config: Option<&Path>, memory: Option<u16>) -> Result<Trial, String> {
    let config = config.map(text).transpose()?;
    let config = config.as_deref().unwrap_or("{}");
    let seen =
        inspect(&bytes(file)?, config).map_err(|error| format!("{}: {error}", file.display()))?;
    if let Err(why) = seen.config {
        return Err(format!(
            "{}: it refuses the configuration: {why}",
            file.display()
        ));
    }
    // Whoever is granted http runs on a thread of its own, and costs so: only who asks for it.
    let is_granted = |c: &Capability| *c != Capability::Http || seen.needs.contains(c);
    let grants: Grants = Capability::ALL.into_iter().filter(is_granted).collect();
    let mut config = trial::config(file, config, grants);
    if let Some(mebibytes) = memory {
        config.memory = usize::from(mebibytes) << 20;
    }
    Trial::new(config)
}

fn bytes(file: &Path) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| format!("{}: {error}", file.display()))
}

fn text(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))
}

const INVITE: &str = "\
INVITE sip:bob@example.com SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-1;rport
Max-Forwards: 70
From: \"Alice\" <sip:alice@example.com>;tag=1
To: <sip:bob@example.com>
Call-ID: 1@192.0.2.10
CSeq: 1 INVITE
Contact: <sip:alice@192.0.2.10:5060>
User-Agent: bellhop plugin
Content-Length: 0

";
