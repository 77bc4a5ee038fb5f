//! The command line.

mod check;
mod user;

use clap::{Parser, Subcommand};
use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

/// SIP proxy at the door of a PBX: phones register here, are challenged here, and call through it.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a configuration and say what it means; bind nothing
    Check {
        /// The configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Write and list users: users.toml, htdigest
    #[command(subcommand)]
    User(user::User),
}

/// Does what the command line asks. 2: the configuration or the command line is wrong; 1: anything else.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        Command::Check { config } => check::check(&config),
        Command::User(command) => ended(user::user(command)),
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

/// Writes a line to standard error.
fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
