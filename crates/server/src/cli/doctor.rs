//! `bellhop doctor`: what of a PBX is to be changed.

use super::{complain, refused, say, say_json};
use crate::{
    config::{Machine, load},
    doctor::{Asked, Check, Examined, Verdict, examine},
};
use clap::Args;
use serde::Serialize;
use std::{path::PathBuf, process::ExitCode};

/// Whom to look at.
#[derive(Args, Debug)]
pub(super) struct Doctor {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The upstream's name in it
    #[arg(long, value_name = "NAME")]
    upstream: String,
    /// The one of its targets to ask, as the configuration writes it; else each
    #[arg(long, value_name = "URI")]
    target: Option<String>,
    /// In whose name the PBX is asked; else the first user's
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Register that user there for a moment, to see what becomes of a Path, of long Contacts and of mailboxes
    #[arg(long)]
    register: bool,
    /// As one JSON object, for tools
    #[arg(long)]
    json: bool,
}

/// Looks: 0 if nothing is to be changed, 1 if something is, 2 if nobody could be asked.
pub(super) fn doctor(doctor: &Doctor) -> ExitCode {
    let settings = match load(&doctor.config, &Machine) {
        Ok(settings) => settings,
        Err(problems) => return refused(&problems.to_string()),
    };
    let asked = Asked {
        upstream: &doctor.upstream,
        target: doctor.target.as_deref(),
        user: doctor.user.as_deref(),
        registers: doctor.register,
    };
    let all = match examine(&settings, asked) {
        Ok(all) => all,
        Err(error) => {
            complain(&error);
            return ExitCode::from(2);
        }
    };
    let mut checks = all.iter().flat_map(|one| &one.checks);
    let is_well = checks.all(|check| check.verdict != Verdict::Change);
    let code = match is_well {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    };
    if doctor.json {
        #[derive(Serialize)]
        struct Report<'a> {
            upstream: &'a str,
            ok: bool,
            targets: &'a [Examined],
        }
        let report = Report {
            upstream: &doctor.upstream,
            ok: is_well,
            targets: &all,
        };
        return say_json(&report, code);
    }
    for one in &all {
        if all.len() > 1 {
            say(&format!("target  {} at {}", one.target, one.address));
        }
        one.checks.iter().for_each(tell);
    }
    code
}

fn tell(check: &Check) {
    let verdict = match check.verdict {
        Verdict::Ok => "ok",
        Verdict::Change => "change",
        Verdict::Unknown => "unknown",
    };
    say(&format!("{verdict:<8}{:<9} {}", check.name, check.seen));
    for line in &check.change {
        say(&format!("                  {line}"));
    }
}
