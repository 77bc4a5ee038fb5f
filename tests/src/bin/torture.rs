//! Sends the torture messages of RFC 4475 and RFC 5118 to the running program and prints what came back
//! (`cargo xtask torture`).

#![allow(
    clippy::print_stdout,
    reason = "a command line tool speaks on standard output"
)]

use bellhop_tests::torture::{self, Row};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("usage: torture FOLDER (with rfc4475 and rfc5118 in it)");
        return ExitCode::from(2);
    };
    let rows = match torture::run(Path::new(&folder)) {
        Ok(rows) => rows,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    line(
        "file",
        ["UDP outside", "UDP inside", "TCP outside", "TCP inside"],
        "asked",
        "verdict",
    );
    for row in &rows {
        print(row);
    }
    let passed = rows.iter().filter(|row| row.is_passed()).count();
    println!("{passed} of {} get what the RFCs ask", rows.len());
    let slowest = rows
        .iter()
        .map(|row| row.options)
        .collect::<Option<Vec<_>>>();
    match slowest.map(|all| all.into_iter().max().unwrap_or_default()) {
        Some(slowest) => {
            println!("every OPTIONS behind them was answered, the slowest in {slowest:.1?}")
        }
        None => println!("an OPTIONS behind them was not answered within 1 s"),
    }
    match passed == rows.len() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn print(row: &Row) {
    let case = &row.case;
    let ways = row.ways.each_ref().map(String::as_str);
    let verdict = match row.is_passed() {
        true => "ok",
        false => "WRONG",
    };
    let asked = format!("{} {:?}: {}", case.section, case.asks, case.words);
    line(&case.file, ways, &asked, verdict);
}

fn line(file: &str, ways: [&str; 4], asked: &str, verdict: &str) {
    let [a, b, c, d] = ways;
    println!("{verdict:<7} {file:<38} {a:<12} {b:<12} {c:<12} {d:<14} {asked}");
}
