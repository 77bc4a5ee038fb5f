//! The admin port of the real program, and `bellhop ctl`, which asks it.

use bellhop_tests::Transport::Udp;
use bellhop_tests::admin::{Admin, Metrics};
use bellhop_tests::bellhop::{self, Setup};
use bellhop_tests::process::{Process, command};
use bellhop_tests::temp::TempDir;
use bellhop_tests::{Bellhop, Lane, Phone, until};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

#[test]
fn it_is_ready_once_every_listener_is_bound_and_gone_when_it_has_ended() {
    let (lane, mut bellhop, admin) = started("");
    assert_eq!(admin.get("/ready").status, 200);
    assert_eq!(admin.get("/live").status, 200);
    phone(&lane, 1).register();
    assert_eq!(bellhop.stop(), Some(0));
    assert_eq!(ctl(&admin, &["ready"]).0, Some(2));
}

#[test]
fn what_a_phone_does_is_seen_in_the_metrics() {
    let (lane, _bellhop, admin) = started("");
    let before = admin.metrics();
    phone(&lane, 1).register();
    let after = admin.metrics();
    let grown = |name: &str| after.value(name) - before.value(name);
    let register = "bellhop_requests_total{direction=\"in\",transport=\"udp\",method=\"REGISTER\"}";
    assert_eq!(grown(register) as u64, 2);
    for status in ["401", "200"] {
        let name = format!(
            "bellhop_responses_total{{direction=\"out\",transport=\"udp\",status=\"{status}\"}}"
        );
        assert_eq!(grown(&name) as u64, 1, "{status}");
    }
    assert_eq!(grown("bellhop_challenges_total") as u64, 1);
    assert_eq!(grown("bellhop_bindings") as u64, 1);
    assert_eq!(grown("bellhop_receive_batch_datagrams_sum") as u64, 2);
    assert!(after.value("bellhop_memory_resident_bytes") > 1e6);
    assert_eq!(after.value("bellhop_phase{phase=\"serving\"}") as u64, 1);
}

#[test]
fn what_is_dropped_is_counted_by_reason() {
    let (lane, _bellhop, admin) = started("[limits]\nrate = { per_source = 1, burst = 1 }\n");
    let socket = std::net::UdpSocket::bind(lane.phone(1)).unwrap();
    for _ in 0..20 {
        let text = format!(
            "OPTIONS sip:{0} SIP/2.0\r\nVia: SIP/2.0/UDP {1};branch=z9hG4bK1\r\nFrom: <sip:a@a>;tag=1\r\n\
             To: <sip:{0}>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
            lane.bellhop(),
            lane.phone(1)
        );
        socket.send_to(text.as_bytes(), lane.bellhop()).unwrap();
    }
    let limited = "bellhop_dropped_total{reason=\"more requests than limits.rate allows\"}";
    until("the drops are counted", SOON, || {
        (admin.metrics().value(limited) >= 15.0).then_some(())
    });
}

#[test]
fn who_cannot_show_the_token_gets_no_more_than_health() {
    let (_lane, _bellhop, admin) = started("token = \"correct-horse-battery\"\n");
    for path in ["/status", "/metrics", "/bindings", "/nothing"] {
        assert_eq!(admin.get(path).status, 401, "{path}");
        let wrong = admin.ask(
            "GET",
            path,
            &["Authorization: Bearer correct-horse-batterz"],
        );
        assert_eq!(wrong.status, 401, "{path}");
    }
    assert_eq!(admin.ask("POST", "/reload", &[]).status, 401);
    for path in ["/live", "/ready"] {
        assert_eq!(admin.get(path).status, 200, "{path}");
    }
    let right = ["Authorization: Bearer correct-horse-battery"];
    assert_eq!(admin.ask("GET", "/status", &right).status, 200);
}

#[test]
fn a_web_page_reaches_nothing_by_way_of_a_browser_on_this_machine() {
    let (_lane, bellhop, admin) = started("");
    let rebound = admin.with_host("evil.example:8060", "GET", "/bindings", &[]);
    assert_eq!(rebound.status, 403);
    let posted = admin.ask("POST", "/reload", &["Origin: https://evil.example"]);
    assert_eq!(posted.status, 403);
    assert!(!bellhop.log().contains("reloaded"), "{}", bellhop.log());
}

#[test]
fn a_port_for_the_world_without_a_token_is_refused_before_anything_is_bound() {
    let lane = Lane::take();
    let _taken = std::net::UdpSocket::bind(lane.bellhop()).unwrap();
    let dir = TempDir::new();
    let text = format!(
        "[[listen]]\nbind = \"udp:{}\"\n[admin]\nbind = \"0.0.0.0:8060\"\n",
        lane.bellhop()
    );
    let config = dir.write("bellhop.toml", &text);
    for verb in ["run", "check"] {
        let mut program = command(bellhop::binary());
        program.arg(verb).arg("--config").arg(&config);
        let (status, said) = finish(verb, program);
        assert_eq!(status, Some(2), "{verb}: {said}");
        assert!(said.contains("bellhop.toml:4: admin.bind"), "{said}");
        assert!(said.contains("is not loopback"), "{said}");
    }
}

#[test]
fn an_admin_port_that_is_taken_ends_it_with_its_name() {
    let lane = Lane::take();
    let admin = Admin::of(&lane);
    let _taken = std::net::TcpListener::bind(admin.address()).unwrap();
    let mut setup = Setup::new(&lane).alone();
    setup.more = section(&admin, "");
    let dir = setup.write();
    let mut program = command(bellhop::binary());
    program
        .args(["run", "--config"])
        .arg(dir.path().join("bellhop.toml"));
    let (status, said) = finish("run", program);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains(&admin.address().to_string()), "{said}");
    assert!(!said.contains("bellhop ready"), "{said}");
}

#[test]
fn a_reload_lets_a_new_user_in_and_a_bad_file_is_refused_with_every_mistake() {
    let (lane, bellhop, admin) = started("");
    let user = "[[user]]\nname = \"6099\"\npassword = \"secret6099\"\n";
    bellhop.append("users.toml", user);
    let (status, said) = ctl(&admin, &["reload"]);
    assert!(status == Some(0) && said.contains("reloaded"), "{said}");
    assert_eq!(phone(&lane, 99).try_register(), 200);

    bellhop.append("bellhop.toml", "\n[logg]\n[server]\nworkerz = 1\n");
    let (status, said) = ctl(&admin, &["reload"]);
    assert_eq!(status, Some(1), "{said}");
    for part in ["logg", "workerz", "did you mean", "stays"] {
        assert!(said.contains(part), "no {part}: {said}");
    }
    let answer = admin.ask("POST", "/reload", &[]);
    let value: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(answer.status, 422);
    assert_eq!(value["errors"].as_array().map(Vec::len), Some(2), "{value}");
    assert_eq!(phone(&lane, 98).try_register(), 401);
    assert_eq!(phone(&lane, 1).try_register(), 200);
    let counted = admin.metrics();
    assert_eq!(
        counted.value("bellhop_reloads_total{result=\"refused\"}") as u64,
        2
    );
}

#[test]
fn ctl_tells_the_bindings_of_all_of_one_and_of_none() {
    let (lane, _bellhop, admin) = started("");
    phone(&lane, 1).register();
    phone(&lane, 2).register();
    let (status, all) = ctl(&admin, &["bindings"]);
    assert_eq!(status, Some(0), "{all}");
    assert_eq!(all.lines().count(), 2, "{all}");
    let aor = format!("6001@{}", lane.bellhop().ip());
    for asked in [aor.as_str(), &format!("sip:{aor}"), "6001"] {
        let (_, one) = ctl(&admin, &["bindings", asked]);
        assert_eq!(one.lines().count(), 1, "{asked}: {one}");
        assert!(one.starts_with(&aor), "{asked}: {one}");
        assert!(one.contains(&lane.phone(1).to_string()), "{asked}: {one}");
    }
    let (status, none) = ctl(&admin, &["bindings", "6003@example.org"]);
    assert!(status == Some(0) && none.contains("no bindings"), "{none}");
    assert_eq!(ctl(&admin, &["bindings", "a b@c"]).0, Some(1));
    let (_, json) = ctl(&admin, &["bindings", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["total"], 2);
}

#[test]
fn ctl_finds_port_and_token_in_the_configuration_or_its_environment() {
    let (_lane, bellhop, admin) = started("token = \"correct-horse-battery\"\n");
    let mut program = command(bellhop::binary());
    program
        .args(["ctl", "status", "--config"])
        .arg(bellhop.config());
    let (status, said) = finish("ctl", program);
    assert!(status == Some(0) && said.contains("serving"), "{said}");
    let (status, said) = ctl(&admin, &["status"]);
    assert!(status == Some(2) && said.contains("Bearer"), "{said}");
    let mut program = command(bellhop::binary());
    program
        .args(["ctl", "metrics"])
        .env("BELLHOP_ADMIN", admin.url())
        .env("BELLHOP_ADMIN_TOKEN", "correct-horse-battery");
    let (status, said) = finish("ctl", program);
    assert_eq!(status, Some(0), "{said}");
    assert!(Metrics::parse(&said).value("bellhop_bindings") < 0.5);
    assert!(
        !bellhop.log().contains("correct-horse"),
        "{}",
        bellhop.log()
    );
}

#[test]
fn ctl_ends_with_2_where_nobody_answers_and_where_it_is_asked_wrongly() {
    let lane = Lane::take();
    let admin = Admin::of(&lane);
    let (status, said) = ctl(&admin, &["status"]);
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains(&admin.address().to_string()), "{said}");
    assert_eq!(ctl(&admin, &["statuss"]).0, Some(2));
}

/// The block-list as it is built here, beside a shadow of it that blocks somebody else.
#[test]
fn plugins_are_listed_counted_compared_and_read_again() {
    let lane = Lane::take();
    let admin = Admin::of(&lane);
    let dir = TempDir::new();
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/built/block-list.wasm");
    let file = dir.write("block.wasm", "");
    std::fs::copy(&built, &file).unwrap();
    let plugin = |name: &str, callee: &str, more: &str| {
        let file = file.display().to_string();
        format!(
            "[[plugin]]\nname = {name:?}\nfile = {file:?}\n\
             config = {{ callees = [{callee:?}] }}\n{more}\n"
        )
    };
    let mut setup = Setup::new(&lane).alone();
    setup.more = section(&admin, "")
        + &plugin("real", "600", "")
        + &plugin("watching", "601", "shadow = true");
    let _bellhop = setup.start();
    let response = phone(&lane, 1).invite("600", SOON);
    assert_eq!(response.status(), Some(403), "{}", response.text());

    let (_, list) = ctl(&admin, &["plugin", "list"]);
    assert!(list.starts_with("real\tblock-list "), "{list}");
    assert!(
        list.contains("shadow") && list.contains("on-request"),
        "{list}"
    );
    let refused =
        "bellhop_plugin_verdicts_total{plugin=\"real\",hook=\"on-request\",verdict=\"reply\"}";
    let metrics = admin.metrics();
    assert!(metrics.value(refused) >= 1.0, "{list}");
    assert_eq!(
        metrics.value("bellhop_plugin_quarantined{plugin=\"real\"}") as u64,
        0
    );
    until("the difference is told", SOON, || {
        let (status, said) = ctl(&admin, &["plugin", "differences", "watching"]);
        (status == Some(0) && said.contains("shadow: continue")).then_some(())
    });
    assert_eq!(ctl(&admin, &["plugin", "differences", "nobody"]).0, Some(1));

    let (status, said) = ctl(&admin, &["plugin", "reload"]);
    assert!(
        status == Some(0) && said.contains("real: as it was"),
        "{said}"
    );
    std::fs::write(&file, "no plugin").unwrap();
    let (status, said) = ctl(&admin, &["plugin", "reload", "real"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("real") && said.contains("goes on"), "{said}");
    assert_eq!(ctl(&admin, &["plugin", "reload", "nobody"]).0, Some(1));
    assert_eq!(phone(&lane, 2).invite("600", SOON).status(), Some(403));
}

#[test]
fn ctl_tells_that_a_pbx_is_down() {
    let lane = Lane::take();
    let admin = Admin::of(&lane);
    let mut setup = Setup::new(&lane).alone();
    let pbx = lane.pbx();
    setup.more = section(&admin, "")
        + &format!("[[upstream]]\nname = \"pbx\"\nprobe = \"1s\"\ntargets = [\"sip:{pbx}\"]\n");
    let _bellhop = setup.start();
    let gauge = |name: &str| {
        let name = format!("bellhop_upstream_{name}{{upstream=\"pbx\",target=\"udp:{pbx}\"}}");
        admin.metrics().value(&name) as u64
    };
    let line = until("it is down", SOON, || {
        let (status, said) = ctl(&admin, &["upstreams"]);
        assert_eq!(status, Some(0), "{said}");
        said.contains("down for").then_some(said)
    });
    let start = format!("pbx\tudp:{pbx}\tdown for ");
    assert!(line.starts_with(&start), "{line}");
    assert!(line.contains("\tprobed every 1 s\tlast trouble "), "{line}");
    assert!(
        line.contains(": no answer to 3 probes or requests"),
        "{line}"
    );
    assert_eq!((gauge("up"), gauge("draining")), (0, 0));

    let socket = std::net::UdpSocket::bind(pbx).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    let mut bytes = [0; 4096];
    let (length, from) = socket.recv_from(&mut bytes).unwrap();
    let probe = String::from_utf8_lossy(&bytes[..length]).into_owned();
    let answer = |status: &str| {
        let answer = probe.replacen(probe.lines().next().unwrap(), status, 1);
        socket.send_to(answer.as_bytes(), from).unwrap();
    };
    answer("SIP/2.0 503 Busy\r\nRetry-After: 600");
    until("it wants to be left alone", SOON, || {
        let (_, said) = ctl(&admin, &["upstreams"]);
        said.contains("\tdraining for ").then_some(said)
    });
    assert_eq!((gauge("up"), gauge("draining")), (0, 1));
}

fn started(more: &str) -> (Lane, Bellhop, Admin) {
    let lane = Lane::take();
    let admin = Admin::of(&lane);
    let mut setup = Setup::new(&lane).alone();
    setup.more = section(&admin, more);
    (lane, setup.start(), admin)
}

fn section(admin: &Admin, more: &str) -> String {
    format!("[admin]\nbind = \"{}\"\n{more}", admin.address())
}

fn phone(lane: &Lane, n: u8) -> Phone {
    Phone::new(&format!("60{n:02}"), lane.phone(n), lane.bellhop(), Udp)
}

/// Exit code and output of `bellhop ctl`.
fn ctl(admin: &Admin, words: &[&str]) -> (Option<i32>, String) {
    let mut program = command(bellhop::binary());
    program
        .arg("ctl")
        .args(words)
        .args(["--admin", &admin.url()]);
    finish("ctl", program)
}

fn finish(name: &str, program: Command) -> (Option<i32>, String) {
    let mut process = Process::start(name, program);
    let status = process.finish(SOON).code();
    (status, process.said())
}

const SOON: Duration = Duration::from_secs(10);
