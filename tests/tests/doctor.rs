//! `bellhop doctor` before real Asterisks, well set up and ill.

use bellhop_tests::Transport::{Tcp, Udp};
use bellhop_tests::asterisk::{Asterisk, Mode, Setup};
use bellhop_tests::process::{command, run};
use bellhop_tests::temp::TempDir;
use bellhop_tests::{Lab, Lane, Transport, bellhop};
use std::time::Duration;

#[test]
fn an_asterisk_that_is_well_set_up_needs_no_change() {
    for (transport, mode) in [(Udp, "contact"), (Tcp, "aor")] {
        let Some(site) = Site::of(transport, mode, Mode::Registered, |pbx| pbx) else {
            return;
        };
        let (is_well, said) = site.doctor(&["--register"]);
        assert!(is_well, "{said}");
        for line in [
            "ok      options",
            "ok      register",
            "ok      notify",
            "ok      contact",
        ] {
            assert!(said.contains(line), "{line}: {said}");
        }
        // Nobody is left registered.
        let shown = site.asterisk.cli("pjsip show contacts");
        assert!(!shown.contains("doctor"), "{shown}");
    }
}

#[test]
fn an_asterisk_that_challenges_is_well_in_mode_passthrough_and_ill_in_the_others() {
    let Some(site) = Site::of(Udp, "passthrough", Mode::Digest, |pbx| pbx) else {
        return;
    };
    let (is_well, said) = site.doctor(&[]);
    assert!(is_well && said.contains("challenged with MD5"), "{said}");
    drop(site);
    let Some(site) = Site::of(Udp, "contact", Mode::Digest, |pbx| pbx) else {
        return;
    };
    let (is_well, said) = site.doctor(&[]);
    assert!(!is_well, "{said}");
    for line in [
        "change  register",
        "change  invite",
        "[6001] type=endpoint: permit = 127.",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

#[test]
fn an_asterisk_that_believes_our_address_is_ill_in_mode_passthrough() {
    let Some(site) = Site::of(Udp, "passthrough", Mode::Registered, |pbx| pbx) else {
        return;
    };
    let (is_well, said) = site.doctor(&[]);
    assert!(!is_well, "{said}");
    assert!(
        said.contains("change  register  taken without a password"),
        "{said}"
    );
    assert!(said.contains("[6001] type=endpoint: auth = 6001"), "{said}");
}

#[test]
fn an_asterisk_that_takes_our_address_for_one_endpoint_and_knows_no_path_is_told_of() {
    let dir = TempDir::new();
    let wrong = |pbx: Setup| {
        let (bind, port, proxy) = (pbx.bind.ip(), pbx.bind.port(), pbx.proxy);
        dir.write(
            "pjsip.conf",
            &format!(
                "[transport-udp]\ntype = transport\nprotocol = udp\nbind = {bind}:{port}\n\
                 [trunk]\ntype = endpoint\ncontext = internal\naors = 6001\ndisallow = all\nallow = ulaw\n\
                 [trunk]\ntype = identify\nendpoint = trunk\nmatch = {proxy}\n\
                 [6001]\ntype = aor\nmax_contacts = 5\n"
            ),
        );
        dir.write("extensions.conf", "[internal]\nexten => 600,1,Answer()\n");
        let config = ("AST_CONFIG", dir.path().display().to_string());
        Setup {
            more: vec![config],
            ..pbx
        }
    };
    let Some(site) = Site::with_profile(Udp, "contact", Mode::Registered, Some("path"), wrong)
    else {
        return;
    };
    let (is_well, said) = site.doctor(&["--register"]);
    assert!(!is_well, "{said}");
    for line in [
        "change  identify",
        "no section of type = identify with match = 127.",
        "change  path      ignored",
        "[6001] type=aor: support_path = yes",
        "change  notify",
        "[6001] type=endpoint: mailboxes = 6001@default",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let (is_well, said) = site.doctor(&["--register", "--json"]);
    assert!(!is_well && said.contains("\"ok\": false"), "{said}");
}

#[test]
fn a_pbx_that_is_not_there_and_an_upstream_that_is_none_are_said_so() {
    let lane = Lane::take();
    let setup = bellhop::Setup::new(&lane);
    let dir = setup.write();
    let (is_well, said) = doctor(&dir, "pbx", &[]);
    assert!(!is_well && said.contains("no answer within 4 s"), "{said}");
    let (is_well, said) = doctor(&dir, "pbs", &[]);
    assert!(!is_well && said.contains("there are: pbx"), "{said}");
}

#[test]
fn each_target_is_asked_and_one_alone_if_it_is_named() {
    let mut nobody = String::new();
    let Some(site) = Site::with(Udp, Mode::Registered, |setup, lane| {
        nobody = lane.phone(9).to_string();
        setup.spare = Some(format!("sip:{nobody}"));
    }) else {
        return;
    };
    let (is_well, said) = site.doctor(&[]);
    assert!(!is_well, "{said}");
    let (first, second) = said
        .split_once(&format!("target  sip:{nobody}"))
        .unwrap_or_else(|| panic!("two targets: {said}"));
    assert!(
        first.starts_with("target  sip:") && first.contains("ok      options"),
        "{said}"
    );
    assert!(
        second.contains("change  options   no answer within 4 s"),
        "{said}"
    );
    let (is_well, said) = site.doctor(&["--target", &site.asterisk.bind().to_string()]);
    assert!(is_well && !said.contains("target  "), "{said}");
    let uri = format!("sip:{nobody}");
    let (is_well, said) = site.doctor(&["--target", &uri, "--json"]);
    assert!(!is_well && said.contains(&nobody), "{said}");
    let (is_well, said) = site.doctor(&["--target", "sip:pbx.example.org"]);
    assert!(!is_well && said.contains(&uri), "{said}");
}

/// An Asterisk, and the configuration of a Bellhop that does not run.
struct Site {
    asterisk: Asterisk,
    dir: TempDir,
    // While it is held no other test takes these addresses.
    _lane: Lane,
}

impl Site {
    fn of(
        transport: Transport,
        mode: &str,
        of: Mode,
        pbx: impl FnOnce(Setup) -> Setup,
    ) -> Option<Self> {
        Self::with_profile(transport, mode, of, None, pbx)
    }

    fn with_profile(
        transport: Transport,
        mode: &str,
        of: Mode,
        profile: Option<&'static str>,
        pbx: impl FnOnce(Setup) -> Setup,
    ) -> Option<Self> {
        let lab = Lab::or_skip()?;
        let lane = Lane::take();
        let mut setup = bellhop::Setup::new(&lane).upstream_over(transport);
        setup.registrar = format!("mode = \"{mode}\"\n");
        setup.profile = profile;
        let dir = setup.write();
        let asterisk = pbx(Setup {
            mode: of,
            ..Setup::new(&lab, &lane, transport)
        });
        Some(Self {
            asterisk: asterisk.start(),
            dir,
            _lane: lane,
        })
    }

    /// One in mode `contact`, its configuration changed.
    fn with(
        transport: Transport,
        of: Mode,
        change: impl FnOnce(&mut bellhop::Setup, &Lane),
    ) -> Option<Self> {
        let lab = Lab::or_skip()?;
        let lane = Lane::take();
        let mut setup = bellhop::Setup::new(&lane).upstream_over(transport);
        setup.registrar = "mode = \"contact\"\n".to_owned();
        change(&mut setup, &lane);
        let asterisk = Setup {
            mode: of,
            ..Setup::new(&lab, &lane, transport)
        };
        Some(Self {
            dir: setup.write(),
            asterisk: asterisk.start(),
            _lane: lane,
        })
    }

    fn doctor(&self, more: &[&str]) -> (bool, String) {
        doctor(&self.dir, "pbx", more)
    }
}

fn doctor(dir: &TempDir, upstream: &str, more: &[&str]) -> (bool, String) {
    let mut program = command(bellhop::binary());
    program
        .arg("doctor")
        .arg("--config")
        .arg(dir.path().join("bellhop.toml"));
    program.args(["--upstream", upstream]).args(more);
    run("bellhop doctor", program, PATIENCE)
}

const PATIENCE: Duration = Duration::from_secs(60);
