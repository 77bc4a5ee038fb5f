//! The program's life: it starts or says why not, reloads, ends when told to.
//! No peers but scripted phones.

use bellhop_tests::Transport::{Tcp, Udp};
use bellhop_tests::process::{Process, command};
use bellhop_tests::temp::TempDir;
use bellhop_tests::{Bellhop, Lane, Phone, bellhop, until};
use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

#[test]
fn sigterm_ends_it_with_0_while_phones_are_registered() {
    let (lane, mut bellhop) = alone();
    let mut phones = [Udp, Tcp].map(|transport| phone(&lane, 1, transport));
    phones.iter_mut().for_each(|phone| drop(phone.register()));
    assert_eq!(bellhop.stop(), Some(0));
}

#[test]
fn its_log_holds_no_password() {
    let (lane, mut bellhop) = alone();
    phone(&lane, 1, Udp).register();
    bellhop.stop();
    let log = bellhop.log();
    assert!(
        log.contains("REGISTER") && !log.contains("secret6001"),
        "{log}"
    );
}

/// The whole file is checked before a port is bound: here the ports are taken,
/// and yet it is the file that is complained about.
#[test]
fn a_bad_configuration_ends_it_with_2_before_a_port_is_bound() {
    let lane = Lane::take();
    let _taken = (
        UdpSocket::bind(lane.bellhop()).unwrap(),
        TcpListener::bind(lane.bellhop()).unwrap(),
    );
    let dir = TempDir::new();
    let text = format!(
        "[[listen]]\nname = \"a\"\nbind = \"udp:{}\"\nzone = \"outsid\"\n",
        lane.bellhop()
    );
    let config = dir.write("bellhop.toml", &text);
    for verb in ["run", "check"] {
        let mut program = command(bellhop::binary());
        program.arg(verb).arg("--config").arg(&config);
        let mut process = Process::start(verb, program);
        assert_eq!(process.finish(SOON).code(), Some(2), "{verb}");
        let said = process.said();
        for part in ["bellhop.toml", "4", "zone", "outsid", "outside"] {
            assert!(said.contains(part), "{verb} does not name {part}: {said}");
        }
    }
}

#[test]
fn check_binds_nothing_and_finds_no_fault() {
    let (_lane, bellhop) = alone();
    let mut program = command(bellhop::binary());
    program.args(["check", "--config"]).arg(bellhop.config());
    assert_eq!(
        Process::start("check", program).finish(SOON).code(),
        Some(0)
    );
}

#[test]
fn a_port_that_is_taken_is_named_and_ends_it() {
    let lane = Lane::take();
    let _taken = TcpListener::bind(lane.bellhop()).unwrap();
    let dir = TempDir::new();
    let text = format!(
        "[[listen]]\nname = \"a\"\nbind = \"tcp:{}\"\n",
        lane.bellhop()
    );
    let mut program = command(bellhop::binary());
    program
        .args(["run", "--config"])
        .arg(dir.write("bellhop.toml", &text));
    let mut process = Process::start("run", program);
    let status = process.finish(SOON);
    let said = process.said();
    assert!(
        !status.success() && said.contains(&lane.bellhop().to_string()),
        "{status}: {said}"
    );
    assert!(!said.contains("bellhop ready"), "{said}");
}

#[test]
fn sighup_brings_a_new_user_in_and_keeps_who_is_registered() {
    let (lane, mut bellhop) = alone();
    let mut before = phone(&lane, 1, Tcp);
    before.register();
    let mut newcomer = phone(&lane, 99, Udp);
    assert_eq!(newcomer.try_register(), 401);
    bellhop.append(
        "users.toml",
        "[[user]]\nname = \"6099\"\npassword = \"secret6099\"\n",
    );
    bellhop.reload();
    until("the new user is let in", SOON, || {
        (newcomer.try_register() == 200).then_some(())
    });

    std::thread::spawn(move || newcomer.invite("6001", SOON));
    let invite = before.expect("INVITE ");
    before.answer(&invite, "486 Busy Here");
    before.expect("ACK ");
    assert_eq!(bellhop.stop(), Some(0));
}

#[test]
fn a_bad_file_at_sighup_is_refused_and_the_old_one_stays_in_force() {
    let (lane, mut bellhop) = alone();
    bellhop.append("bellhop.toml", "\nnonsense = 1\n");
    bellhop.reload();
    bellhop.wait_for("nonsense");
    phone(&lane, 1, Udp).register();
}

fn alone() -> (Lane, Bellhop) {
    let lane = Lane::take();
    let bellhop = bellhop::Setup::new(&lane).alone().start();
    (lane, bellhop)
}

fn phone(lane: &Lane, n: u8, transport: bellhop_tests::Transport) -> Phone {
    Phone::new(
        &format!("60{n:02}"),
        lane.phone(n),
        lane.bellhop(),
        transport,
    )
}

const SOON: Duration = Duration::from_secs(10);
