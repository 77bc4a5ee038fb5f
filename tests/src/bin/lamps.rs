//! Kills the running program, and Asterisk behind it, under panels of lamps (`cargo xtask lamps`).

#![allow(
    clippy::print_stdout,
    reason = "a command line tool speaks on standard output"
)]

use bellhop_tests::lamps::{Lamps, Plan};
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let args: Option<Vec<u16>> = std::env::args().skip(1).map(|a| a.parse().ok()).collect();
    let Some(&[kills, phones, lamps]) = args.as_deref() else {
        eprintln!("usage: lamps KILLS PHONES LAMPS");
        return ExitCode::from(2);
    };
    let (true, Ok(phones)) = ((1..=100).contains(&lamps), u8::try_from(phones)) else {
        eprintln!("at most 240 phones, and 100 lamps");
        return ExitCode::from(2);
    };
    let mut is_well = true;
    let plan = Plan::of(phones.min(240), lamps);
    let all = u16::from(plan.phones).saturating_mul(lamps).min(2_000);
    let plans = [
        plan,
        Plan {
            asterisk_remembers: true,
            ..plan
        },
        Plan {
            lamps: all,
            is_spread: true,
            ..plan
        },
    ];
    for plan in plans {
        let Some(mut scene) = Lamps::or_skip(plan) else {
            return ExitCode::FAILURE;
        };
        let what = match plan.asterisk_remembers {
            false => "forgets its subscriptions",
            true => "has its database again",
        };
        println!(
            "{} subscriptions, {} of ours at an Asterisk that {what}, probed every {}",
            scene.subscriptions(),
            scene.inbound(),
            plan.probe
        );
        is_well &= under(&mut scene, kills);
    }
    // Both at once, and nothing is shared.
    let relayed = Plan {
        is_shared: false,
        ..plan
    };
    let Some(mut scene) = Lamps::or_skip(relayed) else {
        return ExitCode::FAILURE;
    };
    println!(
        "{} relayed subscriptions at an Asterisk that forgets them, probed every {}",
        scene.subscriptions(),
        relayed.probe
    );
    is_well &= under_relayed(&mut scene, kills);
    match is_well {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Kills each so often; whether all lamps were right in time, and no phone asked.
fn under(scene: &mut Lamps, kills: u16) -> bool {
    let asked = scene.requests();
    let mut is_well = true;
    for nth in 1..=kills {
        let (ready, right) = scene.kill_bellhop(nth % 2);
        println!("Bellhop killed: ready after {ready:.1?}, every lamp right {right:.1?} later");
        is_well &= right < MOST;
        let (ready, right) = scene.kill_asterisk(nth % 2);
        println!("Asterisk killed: ready after {ready:.1?}, every lamp right {right:.1?} later");
        is_well &= right < MOST;
    }
    let complaints = scene.complaints();
    println!(
        "{} requests of phones meanwhile, {} told to subscribe anew, {} complaints; {} of ours at Asterisk; {} kB resident",
        scene.requests().saturating_sub(asked),
        scene.deactivated(),
        complaints.len(),
        scene.inbound(),
        scene.bellhop.resident_kb()
    );
    for complaint in complaints.iter().take(5) {
        println!("{complaint}");
    }
    is_well && scene.requests() == asked && complaints.is_empty()
}

/// Kills both together so often; whether in time each lamp was right, or its phone had been told to subscribe anew.
fn under_relayed(scene: &mut Lamps, kills: u16) -> bool {
    let mut is_well = true;
    for nth in 1..=kills {
        // What began last is on disk half a second later.
        scene.listen(Duration::from_secs(1));
        let asked = scene.requests();
        // Asterisk ends those whose phones answer too late.
        is_well &= scene.deactivated() == 0;
        let (ready, right) = scene.kill_both(nth % 2);
        println!(
            "both killed: Bellhop ready after {ready:.1?}; {right:.1?} after both were, {} of {} were told to subscribe anew",
            scene.deactivated(),
            scene.subscriptions()
        );
        is_well &= right < MOST && scene.requests() == asked;
        scene.subscribe_all();
    }
    let complaints = scene.complaints();
    println!(
        "{} known, {} complaints; {} kB resident",
        scene.known(),
        complaints.len(),
        scene.bellhop.resident_kb()
    );
    for complaint in complaints.iter().take(5) {
        println!("{complaint}");
    }
    is_well && complaints.is_empty()
}

const MOST: Duration = Duration::from_secs(10);
