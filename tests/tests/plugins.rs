//! The sample plugins in the real program, with real phones and a real Asterisk.

use bellhop_tests::Transport::Udp;
use bellhop_tests::admin::Admin;
use bellhop_tests::process::{Process, command};
use bellhop_tests::strain::abuse;
use bellhop_tests::temp::TempDir;
use bellhop_tests::{Bellhop, Lab, Lane, Phone, Sipp, Site, bellhop, strain, until};
use std::path::Path;
use std::time::Duration;

/// A `[[plugin]]` of the repository's built ones; `more` are further keys.
fn plugin(name: &str, config: &str, more: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/built");
    let file = root.join(format!("{name}.wasm"));
    format!(
        "[[plugin]]\nname = {name:?}\nfile = {file:?}\nconfig = {config}\n{more}\n",
        file = file.display().to_string()
    )
}

fn numbers_and_trunks(trunks: &str, rates: &str) -> String {
    let plan = plugin(
        "number-plan",
        r#"{ country = "49", national = "0", international = ["00"], keep = ["60?"] }"#,
        "grant = [\"edit\"]",
    );
    let cost = plugin(
        "least-cost",
        &format!("{{ trunks = {{ {trunks} }}, rates = [{rates}] }}"),
        "grant = [\"upstreams\"]",
    );
    plan + &cost
}

/// Dialled as at home, made E.164 by the one plugin, sent to Asterisk's echo by the other.
#[test]
fn a_call_of_baresip_finds_the_echo_by_number_plan_and_least_cost() {
    let more = numbers_and_trunks(
        r#"home = { via = "group:pbx", user = "600" }"#,
        r#"{ prefix = "+4930", trunk = "home", cost = 1 }"#,
    );
    let site = Site::with(Udp, |setup| bellhop::Setup {
        more,
        ..setup.only("MD5")
    });
    let Some(site) = site else { return };
    let mut phone = site.baresip(1, Udp);
    phone.dial("030600123");
    phone.in_call();
    phone.listen(2);
    phone.hang_up();
    assert!(phone.heard().is(440.0), "{:?}", phone.heard());
}

/// The cheaper trunk is Asterisk's congestion (503), the dearer one its echo.
#[test]
fn a_trunk_that_is_full_is_followed_by_the_next_one() {
    let more = numbers_and_trunks(
        r#"cheap = { via = "group:pbx", user = "604" }, home = { via = "group:pbx", user = "600" }"#,
        r#"{ prefix = "+49", trunk = "cheap", cost = 1 }, { prefix = "+49", trunk = "home", cost = 2 }"#,
    );
    let Some(site) = Site::with(Udp, |setup| bellhop::Setup { more, ..setup }) else {
        return;
    };
    let response = site
        .phone(1, Udp)
        .invite("030600123", Duration::from_secs(10));
    assert_eq!(response.status(), Some(200), "{}", response.text());
    let log = site.bellhop.log();
    assert!(
        log.contains("policy: 1 target") || log.contains("policy: 2 targets"),
        "{log}"
    );
}

/// Nobody is at the cheaper trunk's address; the kernel says so at once.
#[test]
fn a_trunk_that_is_not_there_is_followed_by_the_next_one() {
    let more = numbers_and_trunks(
        r#"gone = { via = "sip:127.0.0.1:9" }, home = { via = "group:pbx", user = "600" }"#,
        r#"{ prefix = "+49", trunk = "gone", cost = 1 }, { prefix = "+49", trunk = "home", cost = 2 }"#,
    );
    let Some(site) = Site::with(Udp, |setup| bellhop::Setup { more, ..setup }) else {
        return;
    };
    let response = site
        .phone(1, Udp)
        .invite("030600123", Duration::from_secs(10));
    assert_eq!(response.status(), Some(200), "{}", response.text());
}

#[test]
fn the_block_list_answers_403_and_the_pbx_hears_nothing() {
    let more = plugin("block-list", r#"{ callees = ["+1900*", "600"] }"#, "");
    let Some(site) = Site::with(Udp, |setup| bellhop::Setup { more, ..setup }) else {
        return;
    };
    let mut phone = site.phone(1, Udp);
    assert_eq!(
        phone.invite("600", Duration::from_secs(10)).status(),
        Some(403)
    );
    assert_eq!(
        phone.invite("603", Duration::from_secs(10)).status(),
        Some(486)
    );
    assert!(!site.asterisk.log().contains("600@"));
}

fn alone(more: String) -> (Lane, Bellhop) {
    let lane = Lane::take();
    let setup = bellhop::Setup {
        more,
        ..bellhop::Setup::new(&lane).alone()
    };
    let bellhop = setup.start();
    (lane, bellhop)
}

fn phone(lane: &Lane) -> Phone {
    Phone::new("6001", lane.phone(1), lane.bellhop(), Udp)
}

#[test]
fn a_reload_takes_new_plugins_and_lets_old_ones_go() {
    let (lane, mut bellhop) = alone(String::new());
    let mut phone = phone(&lane);
    assert_eq!(phone.invite("6002", SOON).status(), Some(480));
    bellhop.append(
        "bellhop.toml",
        &plugin("block-list", r#"{ callees = ["6002"] }"#, ""),
    );
    bellhop.reload();
    bellhop.wait_for("plugins: loaded block-list");
    until("the new plugin", SOON, || {
        (phone.invite("6002", SOON).status() == Some(403)).then_some(())
    });
}

#[test]
fn a_plugin_that_refuses_its_configuration_leaves_the_old_one_at_work() {
    let (lane, mut bellhop) = alone(plugin("block-list", r#"{ callees = ["6002"] }"#, ""));
    bellhop.append(
        "bellhop.toml",
        &plugin("header-shield", r#"{ nonsense = 1 }"#, ""),
    );
    bellhop.reload();
    bellhop.wait_for("reload refused; the configuration in use stays");
    assert!(
        bellhop.log().contains("plugin header-shield"),
        "{}",
        bellhop.log()
    );
    assert_eq!(phone(&lane).invite("6002", SOON).status(), Some(403));
}

/// Passed over where it may be, 500 where it may not: the request is answered, whatever the plugin does.
#[test]
fn a_plugin_that_loops_traps_or_takes_all_leaves_no_request_without_an_answer() {
    for (on_error, status) in [("continue", 480), ("reject", 500)] {
        let lane = Lane::take();
        let keys = format!("on_error = {on_error:?}");
        let setup = bellhop::Setup {
            listen: vec![(format!("udp:{}", lane.bellhop()), bellhop::Zone::Inside)],
            more: strain::plugin("wrecker", &strain::built("guests/wrecker"), &keys),
            ..bellhop::Setup::new(&lane).alone()
        };
        let _bellhop = setup.start();
        let mut phone = phone(&lane);
        for name in abuse::MISDEEDS {
            phone.send(&format!(
                "INVITE sip:6002@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{name}\r\n\
                 Max-Forwards: 70\r\nFrom: <sip:6001@{server}>;tag=1\r\nTo: <sip:6002@{server}>\r\n\
                 Call-ID: {name}\r\nCSeq: 1 INVITE\r\nContact: <sip:6001@{local}>\r\nX-Wreck: {name}\r\n\
                 Content-Length: 0\r\n\r\n",
                server = lane.bellhop(),
                local = lane.phone(1),
            ));
            let answer = until("a final answer", SOON, || {
                let message = phone.receive()?;
                let is_its = message.header("Call-ID") == name;
                (is_its && message.status()? >= 200).then_some(message)
            });
            assert_eq!(answer.status(), Some(status), "{name}: {}", answer.text());
        }
    }
}

/// The first call is seen with the second: it was answered, and how long that took is known.
#[test]
fn a_plugin_sees_how_many_calls_an_upstream_has_and_how_long_it_takes_to_answer() {
    let lane = Lane::take();
    let grants = "grant = [\"edit\", \"edit-response\", \"body-read\", \"body-write\", \"store\", \"locations\", \
                  \"upstreams\", \"dialogs\", \"random\", \"call\"]";
    let setup = bellhop::Setup {
        listen: vec![(format!("udp:{}", lane.bellhop()), bellhop::Zone::Inside)],
        more: strain::plugin("probe", &strain::built("guests/probe"), grants),
        ..bellhop::Setup::new(&lane)
    };
    let _bellhop = setup.start();
    let mut phone = phone(&lane);
    let mut pbx = Phone::new("pbx", lane.pbx(), lane.bellhop(), Udp);
    let mut seen = |id: &str| {
        phone.send(&format!(
            "INVITE sip:600@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{id}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:6001@{server}>;tag=1\r\nTo: <sip:600@{server}>\r\n\
             Call-ID: {id}\r\nCSeq: 1 INVITE\r\nContact: <sip:6001@{local}>\r\nX-Do: member pbx\r\n\
             Content-Length: 0\r\n\r\n",
            server = lane.bellhop(),
            local = lane.phone(1),
        ));
        let invite = until("the INVITE", SOON, || {
            let message = pbx.receive()?;
            let is_it = message.start_line().starts_with("INVITE");
            (is_it && message.header("Call-ID") == id).then_some(message)
        });
        pbx.answer(&invite, "200 OK");
        until("the 200", SOON, || {
            let message = phone.receive()?;
            let is_it = message.status() == Some(200);
            (is_it && message.header("Call-ID") == id).then_some(())
        });
        invite.header("X-Saw").to_owned()
    };
    let first = seen("first");
    assert!(
        first.ends_with(" up true, 0 calls, 0 ms, weight 1"),
        "{first}"
    );
    let second = seen("second");
    assert!(second.contains(" up true, 1 calls, "), "{second}");
    assert!(!second.contains(" 0 ms"), "{second}");
}

/// The plugin does not end its start, which is cut off after two seconds; a debug build compiles it for
/// longer still.
#[test]
fn sigterm_is_heard_while_a_new_plugin_is_loaded() {
    let (_lane, mut bellhop) = alone(String::new());
    let endless = plugin("guests/wrecker", "{ endless = true }", "").replacen("guests/", "", 1);
    bellhop.append("bellhop.toml", &endless);
    bellhop.reload();
    bellhop.wait_for("reading the configuration again");
    assert_eq!(bellhop.stop(), Some(0));
    let log = bellhop.log();
    assert!(!log.contains("reload refused"), "{log}");
}

/// Each version is another file, compiled anew beside the calls.
#[test]
fn calls_go_on_while_a_plugin_that_acts_on_all_of_them_is_swapped() {
    let Some(lab) = Lab::or_skip() else { return };
    let (lane, dir) = (Lane::take(), TempDir::new());
    let (admin, file) = (Admin::of(&lane), dir.path().join("toll.wasm"));
    let wasm = std::fs::read(strain::built("guests/toll")).unwrap();
    std::fs::write(&file, &wasm).unwrap();
    let keys = "config = { work = \"edit\" }\ngrant = [\"edit\", \"store\"]";
    let setup = bellhop::Setup {
        more: strain::admin(&lane) + &strain::plugin("toll", &file, keys),
        ..bellhop::Setup::new(&lane).only("MD5").log("warn")
    };
    let _bellhop = setup.start();
    let many = ["-m", "300", "-r", "30", "-timeout", "60s"];
    let called = Sipp::new(&lab, "answer", lane.pbx(), lane.bellhop());
    let _called = called.args(&many).listen();
    let calling = Sipp::new(&lab, "call", lane.phone(1), lane.bellhop());
    let mut calling = calling.to("600").args(&many).args(&["-d", "10"]).start();
    for version in 1..=5 {
        let fresh = dir.path().join("fresh.wasm");
        std::fs::write(&fresh, strain::another(&wasm, version)).unwrap();
        std::fs::rename(&fresh, &file).unwrap();
        let reply = admin.ask("POST", "/plugins/reload?name=toll", &[]);
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    assert!(calling.ends_well(), "{}", calling.messages());
    let metrics = admin.metrics();
    let failures = metrics.sum("bellhop_plugin_failures_total");
    let verdicts = metrics.sum("bellhop_plugin_verdicts_total");
    assert!(failures < 0.5 && verdicts >= 600.0, "{failures} {verdicts}");
    assert!(metrics.sum("bellhop_plugin_swaps_total") > 5.5);
}

#[test]
fn check_names_the_capability_that_a_plugin_lacks() {
    let lane = Lane::take();
    let more = plugin(
        "rate-guard",
        r#"{ per_user = { rate = 2, burst = 10 } }"#,
        "",
    );
    let dir = bellhop::Setup {
        more,
        ..bellhop::Setup::new(&lane).alone()
    }
    .write();
    let mut program = command(bellhop::binary());
    program
        .args(["check", "--config"])
        .arg(dir.path().join("bellhop.toml"));
    let mut process = Process::start("check", program);
    assert_eq!(process.finish(SOON).code(), Some(2));
    let said = process.said();
    assert!(
        said.contains("plugin rate-guard: it needs the capability"),
        "{said}"
    );
}

/// A debug build compiles each plugin for seconds.
const SOON: Duration = Duration::from_secs(60);
