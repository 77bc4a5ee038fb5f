//! `cargo xtask hammer`: messages and stream splits by the million, and what they came to.
//!
//! `--messages N --splits N --seed N --jobs N`; `--session K` runs that one session alone.

use bellhop_fuzz::hammer::{self, MOST, SESSION, Session, Splits};
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let Some(plan) = Plan::read() else {
        eprintln!("hammer: --messages N --splits N --seed N --jobs N --session K");
        return ExitCode::from(2);
    };
    println!("hammer: {plan:?}");
    let started = Instant::now();
    let sessions = Sessions::default();
    plan.in_parallel(plan.sessions(), |number| sessions.run(&plan, number));
    let splits = Mutex::new((Splits::default(), 0_u64));
    plan.in_parallel(plan.splits.div_ceil(SPLITS), |number| {
        let found = catch_unwind(|| hammer::splits(plan.seed, number, SPLITS));
        let Ok(mut all) = splits.lock() else { return };
        match found {
            Ok(found) => add(&mut all.0, found),
            Err(_) => {
                all.1 += 1;
                println!("PANIC in the splits {number} of seed {}", plan.seed);
            }
        }
    });
    let (splits, broken) = splits.into_inner().expect("no thread is left");
    let is_good = sessions.print() & (broken == 0);
    println!(
        "splits: {} of {} streams, {} octets, {} frames, {} streams end in an error; {broken} panics",
        splits.splits, splits.streams, splits.octets, splits.frames, splits.errors
    );
    println!(
        "hammer: {:.0} s, {}",
        started.elapsed().as_secs_f64(),
        if is_good { "all held" } else { "BROKEN" }
    );
    if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What is to be done.
#[derive(Debug)]
struct Plan {
    messages: u64,
    splits: u64,
    seed: u64,
    jobs: u64,
    session: Option<u64>,
}

impl Plan {
    fn read() -> Option<Self> {
        let mut plan = Self {
            messages: 100_000,
            splits: 100_000,
            seed: 1,
            jobs: 1,
            session: None,
        };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let number = args.next()?.parse().ok()?;
            match arg.as_str() {
                "--messages" => plan.messages = number,
                "--splits" => plan.splits = number,
                "--seed" => plan.seed = number,
                "--jobs" => plan.jobs = number,
                "--session" => plan.session = Some(number),
                _ => return None,
            }
        }
        if plan.session.is_some() {
            (plan.messages, plan.splits) = (SESSION, 0);
        }
        Some(plan)
    }

    fn sessions(&self) -> u64 {
        self.messages.div_ceil(SESSION)
    }

    /// Does each of these numbers once.
    fn in_parallel(&self, count: u64, work: impl Fn(u64) + Sync) {
        let next = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..self.jobs {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Relaxed);
                        if number >= count {
                            break;
                        }
                        work(self.session.unwrap_or(number));
                    }
                });
            }
        });
    }
}

/// What the sessions came to.
#[derive(Default)]
struct Sessions {
    all: Mutex<(Session, Memory)>,
    heard: AtomicU64,
    panics: AtomicU64,
    slow: AtomicU64,
}

impl Sessions {
    fn run(&self, plan: &Plan, number: u64) {
        let run = |measure: bool| {
            catch_unwind(|| {
                hammer::session(plan.seed, number, SESSION, || {
                    if measure {
                        let heard = self.heard.fetch_add(1_000, Relaxed) + 1_000;
                        if let Ok(mut all) = self.all.lock() {
                            all.1.sample(heard, plan.messages);
                        }
                    }
                })
            })
        };
        let Ok(found) = run(true) else {
            self.panics.fetch_add(1, Relaxed);
            println!("PANIC: again with --seed {} --session {number}", plan.seed);
            return;
        };
        let mut slow = found.slow.clone();
        for _ in 0..AGAIN {
            if !slow.is_empty()
                && let Ok(again) = run(false)
            {
                slow.retain(|(at, _)| again.slow.iter().any(|(other, _)| other == at));
            }
        }
        for (at, took) in &slow {
            println!(
                "SLOW: message {at} of --seed {} --session {number}: {took:?}",
                plan.seed
            );
            self.slow.fetch_add(1, Relaxed);
        }
        if let Ok(mut all) = self.all.lock() {
            all.0.slow.extend(&found.slow);
            all.0.add(&found);
        }
    }

    /// Whether all held.
    fn print(&self) -> bool {
        let Ok(all) = self.all.lock() else {
            return false;
        };
        let (found, memory) = &*all;
        let (panics, slow) = (self.panics.load(Relaxed), self.slow.load(Relaxed));
        println!(
            "messages: {} ({} octets), {} that the index refuses; {} requests and {} responses sent; {panics} panics",
            found.messages, found.octets, found.refused, found.said.0, found.said.1
        );
        let each = |time: Duration| time.as_secs_f64() * 1e6 / found.messages.max(1) as f64;
        println!(
            "time: {:.1} us a message of the thread's own time, with the checks; the longest {:?}",
            each(found.took.own),
            found.longest
        );
        let mut below = 0;
        for (power, count) in found.spread.iter().enumerate() {
            below += count;
            if *count > 0 {
                println!(
                    "  below {:>8} us: {below:>9}, {:.5} %",
                    1_u64 << power,
                    below as f64 * 100.0 / found.messages as f64
                );
            }
        }
        println!(
            "over {MOST:?}: {} by the clock on the wall, {} of these of the thread's own time, {slow} again when run again {AGAIN} times",
            found.waited,
            found.slow.len()
        );
        memory.print();
        panics == 0 && slow == 0
    }
}

/// The process's resident memory, as the messages go by.
#[derive(Default)]
struct Memory {
    /// KiB when a tenth of the messages was heard.
    warm: u64,
    /// The least and most since.
    least: u64,
    most: u64,
    /// At each twentieth.
    course: Vec<u64>,
}

impl Memory {
    fn sample(&mut self, heard: u64, all: u64) {
        let kib = resident();
        if heard * 20 / all.max(1) > self.course.len() as u64 {
            self.course.push(kib);
            println!("  {heard} messages: {kib} KiB resident");
        }
        if heard * 10 < all {
            return;
        }
        if self.warm == 0 {
            (self.warm, self.least) = (kib, kib);
        }
        self.least = self.least.min(kib);
        self.most = self.most.max(kib);
    }

    fn print(&self) {
        println!(
            "memory: {} KiB resident after a tenth of the messages, then {} to {}; course {:?}",
            self.warm, self.least, self.most, self.course
        );
    }
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

fn add(all: &mut Splits, one: Splits) {
    all.splits += one.splits;
    all.streams += one.streams;
    all.octets += one.octets;
    all.frames += one.frames;
    all.errors += one.errors;
}

/// Splits that are done in one go.
const SPLITS: u64 = 10_000;
/// How many times a session with a slow message is run again.
const AGAIN: usize = 2;
