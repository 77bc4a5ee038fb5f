//! `cargo xtask bench`: Bellhop and Kamailio side by side on one machine, at equal offered rates. Prints
//! tables and keeps them, the raw figures and a picture in `bench/results`. `bench/README.md` tells how.

use figures::{Runs, Sample};
use load::USERS;
use machine::Machine;
use plan::Plan;
use process::Process;
use results::{Greatest, Growth, Measured, Memory, Results, RowResult};
use rows::Row;
use server::{Ground, Purpose, Server};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

mod chart;
mod figures;
mod load;
mod machine;
mod plan;
mod prepare;
mod process;
mod results;
mod rows;
mod server;
mod table;

/// Runs with the arguments after `bench`; exit status 1 if it could not be done, 2 if it was not
/// understood.
pub(crate) fn run(root: &Path, args: &[String]) -> ExitCode {
    let plan = match Plan::read(args) {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("bench: {error}");
            return ExitCode::from(2);
        }
    };
    match bench(root, &plan) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(root: &Path, plan: &Plan) -> Result<(), String> {
    let ground = prepare::ground(root)?;
    let began = Instant::now();
    let mut results = Results {
        machine: Machine::read(&ground),
        pairs: plan.pairs,
        seconds: plan.seconds,
        is_logged: plan.is_logged,
        ..Results::default()
    };
    for row in &plan.rows {
        results.rows.push(measure_row(&ground, plan, row)?);
    }
    if let Some(bindings) = plan.bindings {
        results.memory = Some(measure_memory(&ground, plan, bindings)?);
    }
    results.took_s = began.elapsed().as_secs();
    results.load_after = machine::load();
    let text = table::render(&results);
    println!("\n{text}");
    keep(root, plan, &results, &text)
}

/// Interleaved, so that what drifts on the machine falls on both alike.
fn measure_row(ground: &Ground, plan: &Plan, row: &Row) -> Result<RowResult, String> {
    let mut runs = SERVERS.map(|_| Runs::default());
    for pair in 1..=plan.pairs {
        for (server, runs) in SERVERS.into_iter().zip(&mut runs) {
            let sample = measure(ground, plan, server, row, runs)?;
            println!(
                "{} {pair}/{} {:8}  {:6.1} us  user {:.2}  p50 {:.2}  p99 {:.1} ms  failed {}  lag {:.1} ms",
                row.name,
                plan.pairs,
                server.name(),
                sample.cpu_us_transaction,
                sample.user_share,
                sample.p50_ms,
                sample.p99_ms,
                sample.failed,
                sample.lag_ms,
            );
            runs.samples.push(sample);
        }
    }
    let mut result = RowResult::of(row);
    let [bellhop, kamailio, floor] = runs;
    let greatest = |server| search(ground, plan, server, row);
    result.bellhop = Measured::of(bellhop, greatest(Server::Bellhop)?);
    result.kamailio = Measured::of(kamailio, greatest(Server::Kamailio)?);
    result.floor = Measured::of(floor, None);
    Ok(result)
}

/// One run that counts; what storm was too late for is repeated.
fn measure(
    ground: &Ground,
    plan: &Plan,
    server: Server,
    row: &Row,
    runs: &mut Runs,
) -> Result<Sample, String> {
    let mut tries = 0_u32;
    loop {
        let process = started(ground, plan, server, row, RUN_SHARED_MB)?;
        let sample = load::run(ground, server, row, plan.seconds, process.id())?;
        if !sample.is_disturbed() {
            return Ok(sample);
        }
        if tries == MOST_REPEATS {
            runs.disturbed = runs.disturbed.saturating_add(1);
            return Ok(sample);
        }
        println!(
            "{} {}: repeated, storm was {:.1} ms late",
            row.name,
            server.name(),
            sample.lag_ms
        );
        tries = tries.saturating_add(1);
        runs.repeated = runs.repeated.saturating_add(1);
    }
}

fn search(
    ground: &Ground,
    plan: &Plan,
    server: Server,
    row: &Row,
) -> Result<Option<Greatest>, String> {
    let Some(from) = row.search_from.filter(|_| plan.searches) else {
        return Ok(None);
    };
    let fresh = || started(ground, plan, server, row, SEARCH_SHARED_MB);
    let process = fresh()?;
    let step = load::search(ground, server, row, from, process.id())?;
    drop(process);
    let process = fresh()?;
    let held = load::hold(ground, server, row, step.offered, process.id())?;
    println!(
        "{} greatest {:8}  {:.0} a second; held, {} of {} failed",
        row.name,
        server.name(),
        step.offered,
        held.failed,
        held.started
    );
    Ok(Some(Greatest { step, held }))
}

fn started(
    ground: &Ground,
    plan: &Plan,
    server: Server,
    row: &Row,
    shared_mb: u32,
) -> Result<Process, String> {
    let process = server.start(
        ground,
        Purpose {
            config: row.config,
            plugin: row.plugin,
            users: USERS,
            shared_mb,
            is_prefaulted: true,
            is_logged: plan.is_logged,
        },
    )?;
    if row.registers_first && server != Server::Floor {
        load::register_phones(ground, process.id())?;
    }
    Ok(process)
}

fn measure_memory(ground: &Ground, plan: &Plan, bindings: u32) -> Result<Memory, String> {
    let growth = |server: Server| {
        let all = bindings.saturating_add(WARM_BINDINGS);
        let purpose = Purpose {
            config: "register",
            plugin: None,
            users: all,
            shared_mb: RUN_SHARED_MB,
            is_prefaulted: false,
            is_logged: plan.is_logged,
        };
        let process = server.start(ground, purpose)?;
        let warm = load::register_all(ground, process.id(), WARM_BINDINGS)?;
        let full = load::register_all(ground, process.id(), all)?;
        let growth = Growth {
            before_mb: warm.pss_mb,
            after_mb: full.pss_mb,
        };
        println!(
            "memory {:8}  {:.1} MiB, and with {bindings} bindings more {:.1} MiB",
            server.name(),
            growth.before_mb,
            growth.after_mb
        );
        Ok::<Growth, String>(growth)
    };
    Ok(Memory {
        bindings,
        bellhop: growth(Server::Bellhop)?,
        kamailio: growth(Server::Kamailio)?,
    })
}

fn keep(root: &Path, plan: &Plan, results: &Results, text: &str) -> Result<(), String> {
    let dir = root.join(if plan.is_quick {
        "target/bench"
    } else {
        "bench/results"
    });
    let name = plan.out.as_deref().unwrap_or_else(|| results.machine.day());
    let machine = &results.machine;
    let subtitle = format!(
        "{} and {}; {}, Linux {}, {}",
        machine.bellhop,
        machine.kamailio,
        machine.cpu,
        machine.kernel,
        machine.day()
    );
    let json = serde_json::to_string_pretty(results).map_err(|e| e.to_string())?;
    let files = [
        ("json", format!("{json}\n")),
        ("md", text.to_owned()),
        ("svg", chart::render(&results.rows, &subtitle)),
    ];
    std::fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    for (extension, content) in files {
        let path = dir.join(format!("{name}.{extension}"));
        std::fs::write(&path, content).map_err(|e| format!("{}: {e}", path.display()))?;
        println!("kept {}", path.display());
    }
    Ok(())
}

const SERVERS: [Server; 3] = [Server::Bellhop, Server::Kamailio, Server::Floor];
const MOST_REPEATS: u32 = 4;
/// A transaction lives 5 s after its end in Kamailio, and a call keeps about 20 kB for that time.
const RUN_SHARED_MB: u32 = 1_024;
/// See [`RUN_SHARED_MB`]: at the greatest rates there are more of them.
const SEARCH_SHARED_MB: u32 = 4_096;
/// Registrations before the first reading, so that what is made once is not counted as bindings.
const WARM_BINDINGS: u32 = 5_000;
