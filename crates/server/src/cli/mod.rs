//! The command line.

mod check;
mod ctl;
mod doctor;
mod plugin;
mod user;

use crate::{
    config::{Machine, Settings, embedded, load},
    demo, log, serve,
};
use clap::{Parser, Subcommand};
use serde::Serialize;
use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// SIP proxy at the door of a PBX: phones register here, are challenged here, and call through it.
#[derive(Debug, Parser)]
#[command(version, about)]
#[command(after_help = "Without a command: two demo users on loopback, passwords printed.")]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Without a command: the port on 127.0.0.1
    #[arg(long, value_name = "PORT", default_value_t = 5060)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve; SIGHUP reloads the file, SIGTERM drains and ends
    Run {
        /// The configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Check a configuration and say what it means; bind nothing
    Check {
        /// The configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// As one JSON object, for tools
        #[arg(long)]
        json: bool,
    },
    /// Ask the running program, or tell it what to do, through its admin port
    Ctl(ctl::Ctl),
    /// Ask a PBX as the proxy would, and say what to change in its pjsip.conf
    Doctor(doctor::Doctor),
    /// Play a registration, a subscription and a call between simulated phones and a simulated PBX, and
    /// draw every message that crossed the sockets
    Demo {
        /// Draw in ASCII, as is done anyway where the locale is not UTF-8
        #[arg(long)]
        ascii: bool,
    },
    /// Write, check and try policy plugins
    #[command(subcommand)]
    Plugin(plugin::Plugin),
    /// Write and list users: users.toml, htdigest
    #[command(subcommand)]
    User(user::User),
}

/// Does what the command line asks. 2: the configuration or the command line is wrong; 1: anything else.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        None => match embedded(cli.port) {
            Ok(demo) => {
                let greeting = format!("{}\n", demo.greeting);
                serve(demo.settings, None, &greeting, ELSEWHERE)
            }
            Err(error) => ended(Err(error)),
        },
        Some(Command::Run { config }) => match load(&config, &Machine) {
            Ok(settings) => serve(settings, Some(&config), "", ""),
            Err(problems) => refused(&problems.to_string()),
        },
        Some(Command::Check { config, json }) => match json {
            true => check::check_json(&config),
            false => check::check(&config),
        },
        Some(Command::Ctl(ctl)) => ctl::ctl(&ctl),
        Some(Command::Doctor(doctor)) => doctor::doctor(&doctor),
        Some(Command::Demo { ascii }) => ended(demo::run(ascii)),
        Some(Command::Plugin(command)) => ended(plugin::plugin(command)),
        Some(Command::User(command)) => ended(user::user(command)),
    }
}

/// Serves; `advice` follows what keeps it from that.
fn serve(settings: Settings, file: Option<&Path>, greeting: &str, advice: &str) -> ExitCode {
    match log::init(&settings.log) {
        Ok(_writing) => {
            let served = serve::run(settings, file, greeting);
            ended(served.map_err(|error| format!("{error}{advice}")))
        }
        Err(error) => refused(&error),
    }
}

fn ended(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn refused(why: &str) -> ExitCode {
    complain(why);
    ExitCode::from(2)
}

/// Writes a line to standard output; nobody listening is no error.
fn say(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// Writes a value to standard output as JSON; gives `code`.
fn say_json(value: &impl Serialize, code: ExitCode) -> ExitCode {
    match serde_json::to_string_pretty(value) {
        Ok(json) => {
            say(&json);
            code
        }
        // A path that is no UTF-8 is the one thing that JSON cannot hold.
        Err(error) => ended(Err(format!("no JSON: {error}"))),
    }
}

/// Writes a line to standard error.
fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

const ELSEWHERE: &str = "\n`bellhop --port 5070` takes that port; `bellhop run --config FILE` \
                         listens where the file says";
