//! `examples/asterisk-auth-offload` works as it stands: Bellhop and Asterisk run
//! with exactly its files, on its addresses.

use bellhop_tests::Transport::{Tcp, Udp};
use bellhop_tests::lab::repository;
use bellhop_tests::process::{Process, command, run};
use bellhop_tests::temp::TempDir;
use bellhop_tests::{Asterisk, Lab, Lane, Sipp, asterisk, bellhop, until};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

#[test]
fn check_finds_no_fault_in_the_examples() {
    for dir in ["", "contact", "passthrough"] {
        let mut program = command(bellhop::binary());
        program.args(["check", "--config"]).arg(config(dir));
        let status = Process::start("bellhop check", program).finish(SOON);
        assert_eq!(status.code(), Some(0), "{dir}");
    }
}

#[test]
fn the_example_registers_calls_and_subscribes_as_its_readme_says() {
    let Some(site) = Site::start("") else { return };
    site.calls_and_subscribes();
}

#[test]
fn the_example_in_which_asterisk_knows_the_phones_registers_calls_and_has_the_states_right() {
    let Some(site) = Site::start("contact") else {
        return;
    };
    site.doctor(&["--register"]);
    site.state("Unavailable");
    site.calls_and_subscribes();
    site.state("Not in use");
}

#[test]
fn the_example_in_which_asterisk_challenges_registers_calls_and_has_the_states_right() {
    let Some(site) = Site::start("passthrough") else {
        return;
    };
    site.doctor(&[]);
    site.state("Unavailable");
    site.calls_and_subscribes();
    site.state("Not in use");
}

/// One of the set-ups, running.
struct Site {
    lab: Lab,
    lane: Lane,
    dir: &'static str,
    asterisk: Asterisk,
    _bellhop: Process,
    _config: TempDir,
    /// All have the same addresses.
    _alone: std::sync::MutexGuard<'static, ()>,
}

impl Site {
    fn start(dir: &'static str) -> Option<Self> {
        let lab = Lab::or_skip()?;
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut program = command(bellhop::binary());
        program.args(["run", "--config"]).arg(config(dir));
        let mut bellhop = Process::start("bellhop", program);
        bellhop.wait_for("bellhop ready", SOON);
        let lane = Lane::take();
        // The script wants both files in one directory.
        let files = TempDir::new();
        let example = repository().join(EXAMPLE);
        for (name, from) in [("pjsip.conf", dir), ("extensions.conf", "")] {
            let text = std::fs::read_to_string(example.join(from).join(name));
            files.write(name, &text.unwrap_or_default());
        }
        let mut setup = asterisk::Setup::new(&lab, &lane, Udp);
        setup.more = vec![("AST_CONFIG", files.path().display().to_string())];
        let asterisk = setup.start();
        Some(Self {
            lab,
            lane,
            dir,
            asterisk,
            _bellhop: bellhop,
            _config: files,
            _alone: alone,
        })
    }

    fn sipp(&self, n: u8, scenario: &str) -> Sipp {
        let user = format!("600{n}");
        let password = format!("try-{user}");
        let door = SocketAddr::from(([127, 0, 0, 2], 5060));
        Sipp::new(&self.lab, scenario, self.lane.phone(n), door)
            .user(&user)
            .args(&["-ap", &password])
    }

    fn calls_and_subscribes(&self) {
        for transport in [Udp, Tcp] {
            self.sipp(1, "register").over(transport).run();
            self.sipp(1, "call")
                .to("600")
                .over(transport)
                .args(&["-d", "300"])
                .run();
            self.sipp(1, "subscribe")
                .to("6002")
                .event("dialog")
                .over(transport)
                .run();
        }
        for target in ["6002", "86002"] {
            self.sipp(2, "register").run();
            let called = self.sipp(2, "answer").listen();
            self.sipp(1, "call").to(target).args(&["-d", "300"]).run();
            called.succeed();
        }
    }

    /// Nothing is to be changed.
    fn doctor(&self, more: &[&str]) {
        let mut program = command(bellhop::binary());
        program.args(["doctor", "--config"]).arg(config(self.dir));
        program
            .args(["--upstream", "pbx", "--user", "6003"])
            .args(more);
        let (is_well, said) = run("bellhop doctor", program, SOON);
        assert!(is_well, "{said}");
    }

    /// Waits until this is what Asterisk thinks of 6002, and tells those who watch him.
    fn state(&self, state: &str) {
        until(&format!("6002 is {state}"), SOON, || {
            let shown = self.asterisk.cli("pjsip show endpoint 6002");
            shown.contains(state).then_some(())
        });
    }
}

fn config(dir: &str) -> PathBuf {
    repository().join(EXAMPLE).join(dir).join("bellhop.toml")
}

static ALONE: Mutex<()> = Mutex::new(());
const EXAMPLE: &str = "examples/asterisk-auth-offload";
const SOON: Duration = Duration::from_secs(15);
