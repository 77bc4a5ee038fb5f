//! storm: an open-loop SIP load generator and answerer, one measuring stick for every SIP server.

mod args;
mod digest;
mod fanout;
mod flood;
mod floor;
mod flow;
mod hist;
mod link;
mod net;
mod procfs;
mod search;
mod sip;
mod stats;
mod tcp;
mod uac;
mod uas;
mod wire;

use args::{Cfg, Mode};
use std::io;
use std::process::ExitCode;
use std::time::Instant;
use uac::Uac;
use uas::Uas;

/// A nap ends when it is due, not up to 50 us later.
fn tune() {
    let _ = nix::sys::prctl::set_timerslack(1);
}

/// Answers for the given time on this thread.
fn answer(cfg: &Cfg) -> io::Result<()> {
    let mut uas = Uas::new(cfg)?;
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < cfg.duration {
        if !uas.step(Instant::now()) {
            uas.wait(cfg);
        }
    }
    let c = &uas.counters;
    println!(
        "uas received {} sent {} invites {} retransmits {} failed {}",
        c.received, c.sent, c.invites, c.retransmits, c.failed
    );
    Ok(())
}

fn drive(cfg: &Cfg) -> io::Result<bool> {
    let needs_uas = cfg.own_uas
        && matches!(
            cfg.mode,
            Mode::Call | Mode::Subscribe | Mode::Options | Mode::Fanout
        );
    let uas = if needs_uas {
        Some(Uas::new(cfg)?)
    } else {
        None
    };
    let mut uac = Uac::new(cfg, uas)?;
    if cfg.mode == Mode::Fanout {
        return Ok(fanout::drive(cfg, &mut uac));
    }
    if cfg.mode == Mode::Register && cfg.refresh {
        uac.run(cfg.prime_rate, u64::from(cfg.users), false);
    }
    if cfg.warmup > 0.0 {
        uac.run(cfg.rate, (cfg.rate * cfg.warmup) as u64, false);
    }
    if cfg.search {
        let s = search::run(&mut uac);
        search::print(cfg, &s);
        return Ok(s.sustained());
    }
    let total = cfg.count.unwrap_or((cfg.rate * cfg.duration) as u64);
    let s = uac.run(cfg.rate, total, true);
    s.print(cfg);
    Ok(s.ok == s.started)
}

fn main() -> ExitCode {
    let cfg = match args::parse(std::env::args().skip(1)) {
        Ok(cfg) => cfg,
        Err(text) => {
            eprintln!("{text}");
            return ExitCode::from(2);
        }
    };
    tune();
    let done = match cfg.mode {
        Mode::Floor => floor::run(&cfg).map(|()| true),
        Mode::Uas => answer(&cfg).map(|()| true),
        Mode::Flood => flood::run(&cfg).map(|s| {
            s.print(&cfg);
            true
        }),
        _ => drive(&cfg),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(e) => {
            eprintln!("storm: {e}");
            ExitCode::from(2)
        }
    }
}
