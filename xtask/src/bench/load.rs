//! What storm is told: one run, one search, or the registrations that something else needs.

use super::figures::Sample;
use super::process::pinned;
use super::rows::Row;
use super::server::{
    ANSWERER_IP, ANSWERER_PORT, CALLER_IP, CALLER_PORT, FLOOR_PORT, Ground, PORT, SERVER_IP,
    STORM_CORE, Server,
};
use std::process::{Command, Stdio};

/// Users that take turns in every row.
pub(super) const USERS: u32 = 1_000;

/// Offers a row's flow at its rate to the server with this process id.
///
/// # Errors
/// storm does not run.
pub(super) fn run(
    ground: &Ground,
    server: Server,
    row: &Row,
    seconds: u32,
    pid: u32,
) -> Result<Sample, String> {
    let mut storm = Command::new(&ground.storm);
    storm.args(flow(server, row));
    let rate = match server {
        Server::Floor => floor_rate(row),
        Server::Bellhop | Server::Kamailio => row.rate,
    };
    storm.args(["--warmup", "1", "--rate", &rate.to_string()]);
    storm.args(["--duration", &seconds.to_string()]);
    storm.args(["--drain", "3"]);
    let mut sample = measure(storm, pid)?;
    if server == Server::Floor {
        sample.cpu_us_transaction *= exchanges(row);
    }
    Ok(sample)
}

/// Looks for the greatest rate that the server sustains.
///
/// # Errors
/// storm does not run.
pub(super) fn search(
    ground: &Ground,
    server: Server,
    row: &Row,
    from: u32,
    pid: u32,
) -> Result<Sample, String> {
    let mut storm = Command::new(&ground.storm);
    storm.arg("search").args(flow(server, row));
    storm.args(["--from", &from.to_string(), "--to", "100000"]);
    storm.args(["--step", "2", "--tolerance", "0.08", "--tries", "2"]);
    storm.args(["--drain", "2"]);
    measure(storm, pid)
}

/// Offers a rate for longer than any transaction lives (RFC 3261 17: 64 T1), so that what a server keeps
/// of each has come to its greatest number.
///
/// # Errors
/// storm does not run.
pub(super) fn hold(
    ground: &Ground,
    server: Server,
    row: &Row,
    rate: f64,
    pid: u32,
) -> Result<Sample, String> {
    let mut storm = Command::new(&ground.storm);
    storm.args(flow(server, row));
    storm.args(["--rate", &format!("{rate:.0}"), "--duration", HOLD_SECONDS]);
    measure(storm, pid)
}

/// Registers users from the answerer's address, so that calls for them go there.
///
/// # Errors
/// storm does not run, or one of them could not register.
pub(super) fn register_phones(ground: &Ground, pid: u32) -> Result<(), String> {
    let mut storm = Command::new(&ground.storm);
    storm.args(["register", "--server", &at(SERVER_IP, PORT)]);
    let port = ANSWERER_PORT.to_string();
    storm.args(["--ip", ANSWERER_IP, "--port", &port]);
    let count = USERS.to_string();
    storm.args(["--users", &count, "--count", &count, "--rate", "2000"]);
    expect_all(measure(storm, pid)?)
}

/// Registers the first `users` users, each once.
///
/// # Errors
/// storm does not run, or one of them could not register.
pub(super) fn register_all(ground: &Ground, pid: u32, users: u32) -> Result<Sample, String> {
    let mut storm = Command::new(&ground.storm);
    storm.args(["register", "--server", &at(SERVER_IP, PORT)]);
    let port = CALLER_PORT.to_string();
    storm.args(["--ip", CALLER_IP, "--port", &port]);
    let count = users.to_string();
    storm.args(["--users", &count, "--count", &count, "--rate", "5000"]);
    let sample = measure(storm, pid)?;
    expect_all(sample.clone())?;
    Ok(sample)
}

/// Datagrams that the floor answers for one transaction of the row: half of its messages come in.
fn exchanges(row: &Row) -> f64 {
    f64::from(row.messages) / 2.0
}

fn floor_rate(row: &Row) -> u32 {
    row.rate
        .saturating_mul(row.messages)
        .checked_div(2)
        .unwrap_or(row.rate)
}

fn flow(server: Server, row: &Row) -> Vec<String> {
    let floor = ["options", "--no-uas"];
    let words: &[&str] = match server {
        Server::Floor => &floor,
        Server::Bellhop | Server::Kamailio => row.storm,
    };
    let port = match server {
        Server::Floor => FLOOR_PORT,
        Server::Bellhop | Server::Kamailio => PORT,
    };
    let mut args: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    let pairs = [
        ("--server", at(SERVER_IP, port)),
        ("--ip", CALLER_IP.to_owned()),
        ("--port", CALLER_PORT.to_string()),
        ("--uas-ip", ANSWERER_IP.to_owned()),
        ("--uas-port", ANSWERER_PORT.to_string()),
        ("--users", USERS.to_string()),
    ];
    for (name, value) in pairs {
        args.extend([name.to_owned(), value]);
    }
    args
}

fn measure(mut storm: Command, pid: u32) -> Result<Sample, String> {
    storm.args(["--json", "--pid", &pid.to_string()]);
    let mut storm = pinned(STORM_CORE, &storm);
    storm.stdin(Stdio::null());
    let output = storm.output().map_err(|e| format!("storm: {e}"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    Sample::read(&printed).map_err(|why| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("{why}\n{}", said.trim())
    })
}

fn expect_all(sample: Sample) -> Result<(), String> {
    if sample.failed == 0 {
        return Ok(());
    }
    let Sample {
        failed, started, ..
    } = sample;
    Err(format!("{failed} of {started} users could not register"))
}

/// Above 32 s, the life of a transaction.
const HOLD_SECONDS: &str = "36";

fn at(ip: &str, port: u16) -> String {
    format!("{ip}:{port}")
}

#[cfg(test)]
mod tests {
    use super::super::rows::ROWS;
    use super::*;

    #[test]
    fn the_floor_gets_a_datagram_for_each_that_the_server_gets() {
        let row = |name: &str| ROWS.iter().find(|row| row.name == name).unwrap();
        assert_eq!(floor_rate(row("register-12000")), 24_000);
        assert_eq!(floor_rate(row("refresh-20000")), 20_000);
        assert_eq!(floor_rate(row("call")), 16_250);
        assert_eq!(exchanges(row("call")), 6.5);
    }

    #[test]
    fn the_floor_is_loaded_with_requests_that_nobody_else_answers() {
        let floor = flow(Server::Floor, &ROWS[0]);
        assert_eq!(
            floor[..4],
            ["options", "--no-uas", "--server", "127.99.0.1:5070"]
        );
        let bellhop = flow(Server::Bellhop, &ROWS[0]);
        assert_eq!(bellhop[..3], ["register", "--server", "127.99.0.1:5060"]);
    }
}
