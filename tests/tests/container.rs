//! The image: built from the Dockerfile, run, a phone registered at it.

use bellhop_tests::Transport::{Tcp, Udp};
use bellhop_tests::process::{Process, run};
use bellhop_tests::{Lab, Lane, Phone, Place, bellhop, skip};
use nix::sys::signal::Signal;
use std::path::Path;
use std::time::Duration;

#[test]
fn the_image_registers_phones_and_ends_with_0_on_sigterm() {
    let Some(lab) = Lab::or_skip() else { return };
    if !PODMAN.iter().any(|path| Path::new(path).exists()) {
        return skip("no podman");
    }
    let mut build = lab.script(&Place::Here, "container.sh");
    build.args(["build", TAG]);
    let (built, said) = run("container.sh build", build, Duration::from_secs(900));
    assert!(built, "{said}");

    // 125 and 126: podman or its runtime could not start a container here.
    let mut probe = lab.script(&Place::Here, "container.sh");
    probe.args(["run", TAG, "--version"]);
    let mut probe = Process::start("container.sh run", probe);
    let status = probe.finish(SOON);
    if matches!(status.code(), Some(125 | 126)) {
        return skip(&format!(
            "podman cannot run a container: {}",
            probe.said().trim()
        ));
    }
    assert!(
        status.success() && probe.said().contains("bellhop"),
        "{status}"
    );

    let lane = Lane::take();
    let files = bellhop::Setup::new(&lane).alone().write();
    let mut command = lab.script(&Place::Here, "container.sh");
    let volume = format!("{}:/etc/bellhop:ro", files.path().display());
    command.args([
        "run",
        TAG,
        "--read-only",
        "--cap-drop=all",
        "-v",
        &volume,
        "--",
    ]);
    let mut container = Process::start("the container", command);
    container.wait_for("bellhop ready", SOON);
    for transport in [Udp, Tcp] {
        Phone::new("6001", lane.phone(1), lane.bellhop(), transport).register();
    }
    container.signal(Signal::SIGTERM);
    assert_eq!(container.finish(SOON).code(), Some(0));
}

const PODMAN: [&str; 2] = ["/usr/bin/podman", "/usr/local/bin/podman"];
const TAG: &str = "localhost/bellhop:test";
const SOON: Duration = Duration::from_secs(60);
