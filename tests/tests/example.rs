//! `examples/asterisk-auth-offload` works as it stands: Bellhop and Asterisk run
//! with exactly its files, on its addresses.

use bellhop_tests::Transport::{Tcp, Udp};
use bellhop_tests::lab::repository;
use bellhop_tests::process::{Process, command};
use bellhop_tests::{Lab, Lane, Sipp, asterisk, bellhop};
use std::net::SocketAddr;
use std::time::Duration;

#[test]
fn check_finds_no_fault_in_the_example() {
    let mut program = command(bellhop::binary());
    program
        .args(["check", "--config"])
        .arg(repository().join(EXAMPLE).join("bellhop.toml"));
    assert_eq!(
        Process::start("bellhop check", program).finish(SOON).code(),
        Some(0)
    );
}

#[test]
fn the_example_registers_calls_and_subscribes_as_its_readme_says() {
    let Some(lab) = Lab::or_skip() else { return };
    let example = repository().join(EXAMPLE);
    let mut program = command(bellhop::binary());
    program
        .args(["run", "--config"])
        .arg(example.join("bellhop.toml"));
    let mut bellhop = Process::start("bellhop", program);
    bellhop.wait_for("bellhop ready", SOON);
    let lane = Lane::take();
    let mut setup = asterisk::Setup::new(&lab, &lane, Udp);
    setup.more = vec![("AST_CONFIG", example.display().to_string())];
    let _asterisk = setup.start();

    let sipp = |n: u8, scenario| {
        let user = format!("600{n}");
        let password = format!("try-{user}");
        let door = SocketAddr::from(([127, 0, 0, 2], 5060));
        Sipp::new(&lab, scenario, lane.phone(n), door)
            .user(&user)
            .args(&["-ap", &password])
    };
    for transport in [Udp, Tcp] {
        sipp(1, "register").over(transport).run();
        sipp(1, "call")
            .to("600")
            .over(transport)
            .args(&["-d", "300"])
            .run();
        sipp(1, "subscribe")
            .to("6002")
            .event("dialog")
            .over(transport)
            .run();
    }
    for target in ["6002", "86002"] {
        sipp(2, "register").run();
        let called = sipp(2, "answer").listen();
        sipp(1, "call").to(target).args(&["-d", "300"]).run();
        called.succeed();
    }
}

const EXAMPLE: &str = "examples/asterisk-auth-offload";
const SOON: Duration = Duration::from_secs(15);
